/*
 * The tls-alpn-01 answerer (RFC 8737, for addresses RFC 8738): a TLS server, 1.2 and newer, that shakes hands
 * with who offers the protocol acme-tls/1 and nothing else, and asks for a name that a challenge is live for;
 * then it closes. Nothing is read or written but the handshake. Everybody else gets an alert that says the
 * same whatever is live: no_application_protocol without that offer, unrecognized_name without a name of
 * ours.
 *
 * Connections are bounded as those of the http-01 answerer (http/server.h). One that has not begun a
 * ClientHello costs next to nothing; one in the middle of its handshake has OpenSSL's buffers, so there may
 * be fewer.
 *
 * After tls_alpn_new it opens nothing and, beside what http/server.h names, memory and the clock, calls just
 * recv, read, write, setsockopt, close and getrandom, so it runs under an allow-list. SIGPIPE must be
 * ignored: OpenSSL writes to sockets without saying otherwise.
 */
#ifndef EVERCERT_HTTP_TLS_ALPN_H
#define EVERCERT_HTTP_TLS_ALPN_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>

enum {
    TLS_ALPN_DEADLINE_S = 5, /* from accept to the end of the handshake */
    /* Beyond it the one whose deadline is next makes room. In the middle of its handshake each takes 45 kB.
     */
    TLS_ALPN_CONNECTIONS_MAX = 512,
};

struct tls_alpn; /* opaque */

/* Called when a handshake for a live challenge is complete, so that the peer has seen the certificate and
 * agreed to it: with its token and the peer's address as text, a proxy's where one stands before. Both live
 * for the call. It may put and remove, but not free the answerer. */
typedef void tls_alpn_hit_fn(struct str token, const char *peer, void *arg);

/* Makes OpenSSL read what it wants to read. `hit` may be NULL. ERR_CRYPTO, ERR_MEMORY. */
int tls_alpn_new(
    struct event_base *base, tls_alpn_hit_fn *hit, void *arg, struct tls_alpn **out, struct err *err);
/* Closes everything, in the middle of handshakes too. NULL is fine. */
void tls_alpn_free(struct tls_alpn *a);
/* Takes over a listening, non-blocking socket (on failure it stays the caller's). Any number. */
int tls_alpn_listen(struct tls_alpn *a, int fd, struct err *err);
/* Closes all listening sockets; handshakes under way go on. */
void tls_alpn_unlisten(struct tls_alpn *a);

/* As alpn_names_put and alpn_names_remove (http/alpn_names.h). */
int tls_alpn_put(struct tls_alpn *a, struct str identifier, struct str token, struct str key_authorization,
    struct err *err);
void tls_alpn_remove(struct tls_alpn *a, struct str identifier, struct str token);
/* Removes all. */
void tls_alpn_clear(struct tls_alpn *a);

#endif
