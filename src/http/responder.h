/*
 * The http-01 answerer (RFC 8555 8.3): a server that knows one path, /.well-known/acme-challenge/<token>,
 * answers it for live tokens and nothing else. GET and HEAD, any Host. Written on plain sockets because it
 * needs what evhttp of libevent 2.1 lacks: an absolute deadline for each connection, however slowly it drips,
 * and a cap on connections. HTTP/1.1 connections may carry several requests, pipelined too; each has its own
 * deadline.
 *
 * After responder_new it opens nothing and, beside memory and the clock, calls just accept4, recv, send,
 * shutdown, close and what the event base calls (epoll_ctl, epoll_wait), so it runs under an allow-list.
 */
#ifndef EVERCERT_HTTP_RESPONDER_H
#define EVERCERT_HTTP_RESPONDER_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>

enum {
    RESPONDER_REQUEST_MAX = 8192, /* request line and header fields; proxies add a few */
    RESPONDER_TARGET_MAX = 1024,
    RESPONDER_DEADLINE_S = 5,         /* from accept, or the answer before, to the last byte of the answer */
    RESPONDER_CONNECTIONS_MAX = 4096, /* beyond it the one whose deadline is next makes room */
    RESPONDER_TOKENS_MAX = 100000,
};

struct responder; /* opaque */

/* Called after the value of a live token was given out (to a GET), with the peer's address as text; a proxy's
 * where one stands before. Both live for the call. It may put and remove tokens, but not free the responder.
 */
typedef void responder_hit_fn(struct str token, const char *peer, void *arg);

/* `hit` may be NULL. NULL without memory. */
struct responder *responder_new(struct event_base *base, responder_hit_fn *hit, void *arg);
/* Closes everything, in the middle of answers too. NULL is fine. */
void responder_free(struct responder *r);
/* Takes over a listening, non-blocking socket (on failure it stays the caller's). Any number. */
int responder_listen(struct responder *r, int fd, struct err *err);
/* Closes all listening sockets; connections that are open finish. */
void responder_unlisten(struct responder *r);

/* Copies both. A token must be of [A-Za-z0-9_-], 1..256 octets; the value printable ASCII, 1..512
 * octets. A token that is there gets the new value. ERR_INPUT, ERR_LIMIT, ERR_MEMORY. */
int responder_token_put(struct responder *r, struct str token, struct str value, struct err *err);
void responder_token_remove(struct responder *r, struct str token);
/* Removes all. */
void responder_tokens_clear(struct responder *r);

#endif
