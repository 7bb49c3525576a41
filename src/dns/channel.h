/* One c-ares channel on an event loop: its sockets and its time; private to this folder. */
#ifndef EVERCERT_DNS_CHANNEL_H
#define EVERCERT_DNS_CHANNEL_H

#include "base/err.h"

#include <ares.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

struct channel {
    ares_channel ares;
    struct event_base *base;
    struct event *timer; /* when c-ares wants to be called without a socket being ready */
    struct watched *sockets;
    size_t pending;        /* questions that have not come back */
    bool retired;          /* gone when the last one has */
    struct channel *next;  /* its owner's list */
    struct channel **list; /* ... from which it takes itself */
};

/* lookups: "b" DNS, "f" the file of hosts. servers: "address:port,..." or NULL for those of resolv.conf. It
 * is put in front of *list. NULL on failure. */
struct channel *channel_open(struct event_base *base, const char *lookups, const char *servers,
    struct channel **list, struct err *err);
/* What is pending comes back with ARES_EDESTRUCTION first. NULL is fine. */
void channel_close(struct channel *c);
/* After questions were given to c-ares: its timer is set. */
void channel_arm(struct channel *c);
/* No more questions come: it goes now, or with the last answer. */
void channel_retire(struct channel *c);

#endif
