/*
 * Whether a TXT record has spread: every server of its zone is asked directly, on each of its addresses,
 * without recursion and without a cache between; and then, where wanted, the resolvers.
 */
#ifndef EVERCERT_DNS_PROPAGATION_H
#define EVERCERT_DNS_PROPAGATION_H

#include "dns/client.h"

enum {
    /* Between the first two rounds; then growing by an eighth, so that what has spread is seen after an
     * eighth more of the time that it took, and a zone that takes minutes is not asked hundreds of times. */
    PROPAGATION_FIRST_MS = 250,
    PROPAGATION_GROWTH = 8,
    PROPAGATION_CEILING_MS = 20 * 1000,
    PROPAGATION_SERVERS_MAX = 64, /* addresses of all servers of a zone */
};

enum propagation_state {
    PROPAGATION_SEEN,
    PROPAGATION_MISSING, /* the server answers, and has no such value (others, or none) */
    PROPAGATION_LAME,    /* it does not know the zone: REFUSED, or no authority */
    PROPAGATION_SILENT,  /* no answer */
};

/* What one address of a server said last. */
struct propagation_server {
    const char *name, *address; /* "ns1.example.org", "192.0.2.1" */
    enum propagation_state state;
    const char *text; /* for people: "has 2 other values", "SERVFAIL", "no answer in 3 s" */
};

struct propagation_result {
    const struct propagation_server *servers;
    size_t n;
    int64_t elapsed_ms;
};

struct propagation_spec {
    const char *name, *zone; /* of dns_locate */
    const char *value;       /* that must be there, beside any others */
    bool authoritative, recursive;
    int64_t timeout_ms;
    int64_t delay_ms;               /* before the first look */
    const char *const *nameservers; /* "192.0.2.1:5353", "ns.example.org" instead of those of the zone */
    size_t nameserver_n;
};

struct propagation_watch;

/* Called once; `err` where it has not spread: ERR_TIMEOUT with each server that lacks it and what it said,
 * ERR_REFUSED where the resolvers call it bogus. Never from within the start. */
typedef void propagation_fn(const struct propagation_result *r, const struct err *err, void *arg);
/* Servers and resolvers of `c`; texts are copied. A server that is silent or lame to the end counts as one
 * that lacks it, except that of a server's addresses one is enough where another family cannot be reached
 * from here at all. */
struct propagation_watch *propagation_start(
    struct dns_client *c, const struct propagation_spec *spec, propagation_fn *fn, void *arg);
void propagation_cancel(struct propagation_watch *w);

#endif
