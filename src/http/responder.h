/*
 * The http-01 answerer (RFC 8555 8.3): a server that knows one path, /.well-known/acme-challenge/<token>,
 * answers it for live tokens and nothing else. GET and HEAD, any Host. Written on plain sockets because it
 * needs what evhttp of libevent 2.1 lacks: an absolute deadline for each connection, however slowly it drips,
 * and a cap on connections.
 */
#ifndef EVERCERT_HTTP_RESPONDER_H
#define EVERCERT_HTTP_RESPONDER_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>

enum {
    RESPONDER_REQUEST_MAX = 8192, /* request line and header fields; proxies add a few */
    RESPONDER_TARGET_MAX = 1024,
    RESPONDER_DEADLINE_S = 5,         /* from accept to the last byte of the answer */
    RESPONDER_CONNECTIONS_MAX = 4096, /* beyond it the oldest idle connection makes room */
    RESPONDER_TOKENS_MAX = 100000,
};

struct responder; /* opaque */

/* Called after a live token was answered, with the peer's address as text. */
typedef void responder_hit_fn(struct str token, const char *peer, void *arg);

struct responder *responder_new(struct event_base *base, responder_hit_fn *hit, void *arg);
void responder_free(struct responder *r);
/* Takes over a listening, non-blocking socket. */
int responder_listen(struct responder *r, int fd, struct err *err);
/* Drop all listening sockets; connections that are open finish. */
void responder_unlisten(struct responder *r);

/* Copies both. A token must be of [A-Za-z0-9_-], 1..256 octets; the value printable ASCII, at most 512. */
int responder_token_put(struct responder *r, struct str token, struct str value, struct err *err);
void responder_token_remove(struct responder *r, struct str token);

#endif
