/* One c-ares channel on an event loop: its sockets and its time; private to this folder. */
#ifndef EVERCERT_DNS_CHANNEL_H
#define EVERCERT_DNS_CHANNEL_H

#include "base/buf.h"
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

enum { CHANNEL_PLAIN_MAX = 512 /* without EDNS (RFC 1035 4.2.1) */ };

struct channel_way {
    const char *lookups; /* "b" DNS, "f" the file of hosts */
    const char *servers; /* "address:port,..." or NULL for those of resolv.conf */
    int udp_max;         /* for messages of our own, whose answers come whatever they say: octets of one by
                          * UDP; above CHANNEL_PLAIN_MAX every message has to end with an OPT record */
};

/* It is put in front of *list. NULL on failure. */
struct channel *channel_open(
    struct event_base *base, const struct channel_way *way, struct channel **list, struct err *err);
/* Appends a server as c-ares reads it, behind a comma where there are some. text: "192.0.2.1",
 * "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"; anything else is ERR_INPUT. */
int channel_add_server(struct buf *out, const char *text, struct err *err);
/* What is pending comes back with ARES_EDESTRUCTION first. NULL is fine. */
void channel_close(struct channel *c);
/* After questions were given to c-ares: its timer is set. */
void channel_arm(struct channel *c);
/* No more questions come: it goes now, or with the last answer. */
void channel_retire(struct channel *c);

#endif
