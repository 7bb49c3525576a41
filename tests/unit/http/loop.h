/* Turning an event loop until something has happened, with a deadline, so that a failure ends and nothing
 * sleeps for luck. */
#ifndef EVERCERT_TEST_LOOP_H
#define EVERCERT_TEST_LOOP_H

#include <event2/event.h>
#include <stdbool.h>

/* Turns `base` until done(arg); fails the test after LOOP_DEADLINE_S. `done` runs at least every 10 ms. */
void loop_until(struct event_base *base, bool (*done)(void *arg), void *arg);
/* Turns `base` as long as events are ready now, a few rounds at most. */
void loop_rounds(struct event_base *base);

enum { LOOP_DEADLINE_S = 30 };

/* A listening, non-blocking socket on 127.0.0.1; its port goes to *port. */
int loop_listen(int *port);
/* A connected, non-blocking socket to 127.0.0.1. */
int loop_dial(int port);

#endif
