/*
 * Waiting for quiet: something is done when nothing has changed for a while, and not much later than the
 * first change where it never becomes quiet. Many changes lead to few calls, and after the last change there
 * always is one.
 */
#ifndef EVERCERT_PROCESSES_WATCHER_QUIET_H
#define EVERCERT_PROCESSES_WATCHER_QUIET_H

#include "base/time.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct quiet {
    struct event *timer;
    const struct clock *clock;
    int64_t min_ms, max_ms;
    bool waiting;
    int64_t first_ms; /* of the changes that are waited with */
    void (*fn)(void *arg);
    void *arg;
};

/* Milliseconds from now until it is to be done. */
int64_t quiet_wait(int64_t first_ms, int64_t now_ms, int64_t min_ms, int64_t max_ms);

/* Everything but min_ms and max_ms, which the owner may change at any time. `fn` comes from the loop. */
void quiet_init(
    struct quiet *q, struct event_base *base, const struct clock *clock, void (*fn)(void *arg), void *arg);
/* Something has changed. */
void quiet_touch(struct quiet *q);
/* Do it in the next turn of the loop, however quiet it is. */
void quiet_now(struct quiet *q);
/* Do it in so many milliseconds, or earlier where something changes. */
void quiet_after(struct quiet *q, int64_t ms);
/* What changed needs nothing to be done any more. */
void quiet_cancel(struct quiet *q);
/* Gives back what it holds. */
void quiet_end(struct quiet *q);

#endif
