/*
 * One question to one server, and what came of it: by UDP, by TCP where the answer is truncated, without EDNS
 * where the server does not know it. Private to this folder.
 */
#ifndef EVERCERT_DNS_EXCHANGE_H
#define EVERCERT_DNS_EXCHANGE_H

#include "dns/message.h"

#include <event2/event.h>

enum {
    EXCHANGE_IDLE_MAX =
        16, /* servers whose channel is kept with nothing to do; each is some 100 kB of c-ares */
};

enum exchange_state {
    EXCHANGE_ANSWERED,
    EXCHANGE_SILENT,
    EXCHANGE_REFUSED, /* nobody listens there, or the network has no way there */
    EXCHANGE_BROKEN,  /* it sent what is no answer */
};

struct exchange_result {
    enum exchange_state state;
    const char *server;            /* as it was given to exchange_start */
    const struct message *message; /* of ANSWERED, else NULL */
    const char *text;              /* of the others: "no answer in 5 s", ... */
};

struct exchanger; /* channels, one a server */
struct exchange;  /* one that goes on */

struct exchanger *exchanger_new(struct event_base *base);
/* Exchanges that go on are dropped without a call. NULL is fine. Callbacks may do it. */
void exchanger_free(struct exchanger *x);

/* Called once from the loop, never from within exchange_start; what it is given is valid until it returns. */
typedef void exchange_fn(const struct exchange_result *r, void *arg);
/* server: "192.0.2.1:53", "[2001:db8::1]:53", of channel_add_server. flags: enum message_flags; EDNS is
 * dropped where it must be. time_ms: until it counts as silent. */
struct exchange *exchange_start(struct exchanger *x, const char *server, const char *name, enum dns_type type,
    unsigned flags, int time_ms, exchange_fn *fn, void *arg);
/* It is not called any more. NULL is fine. */
void exchange_cancel(struct exchange *e);

#endif
