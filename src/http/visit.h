/*
 * Fetches a URL the way a CA does for http-01 (RFC 8555 8.3): plain HTTP at port 80 of one address, up to
 * VISIT_REDIRECTS_MAX redirects to port 80 or 443 of any host, whose certificates are not looked at. Each hop
 * is written down, so that the one that breaks can be named.
 */
#ifndef EVERCERT_HTTP_VISIT_H
#define EVERCERT_HTTP_VISIT_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>
#include <stddef.h>

struct lookup;

enum {
    VISIT_REDIRECTS_MAX = 10,   /* that Let's Encrypt follows */
    VISIT_HOP_TIMEOUT_S = 10,   /* of connecting and answering; CAs wait about as long */
    VISIT_BODY_MAX = 64 * 1024, /* a key authorization has 90 octets; the rest of a page is of no interest */
    VISIT_HEAD_MAX = 32 * 1024,
    VISIT_URL_MAX = 2048, /* of a redirect */
};

struct visit_hop {
    const char *url;
    const char *address;  /* "192.0.2.1", "" where its host has none */
    int status;           /* 0: no answer */
    const char *location; /* where it leads to as the server wrote it, cleaned; "" */
};

struct visit_result {
    const struct visit_hop *hops; /* at least one */
    size_t hop_n;
    struct str body; /* of the last answer, cut to VISIT_BODY_MAX */
    struct err err;  /* code 0: the last hop answered with 200; else what broke, at the last hop */
};

struct visit;
/* Called once, from the loop; the result lives for the call. */
typedef void visit_fn(const struct visit_result *r, void *arg);

/* `url` is http; its host is connected to at `address`. Hosts of redirects are looked up. Never NULL (too
 * little memory ends the process). */
struct visit *visit_start(struct event_base *base, struct lookup *lookup, const char *url,
    const char *address, visit_fn *fn, void *arg);
/* Does not call any more. NULL is fine. */
void visit_cancel(struct visit *v);

#endif
