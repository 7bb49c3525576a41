/*
 * A look at what a server serves: every address of a name is connected to, side by side, TLS is begun (after
 * STARTTLS where that is said), and the certificates that come are written down. Nothing is judged here
 * (tls/served.h does), so servers with expired, old, or no right certificates are seen as well, and so are
 * those that know only TLS 1.0. Nothing is ever sent inside of TLS.
 */
#ifndef EVERCERT_TLS_PROBE_H
#define EVERCERT_TLS_PROBE_H

#include "base/err.h"
#include "dns/lookup.h"
#include "tls/certificate.h"
#include "tls/starttls.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TLS_PROBE_ADDRESSES_MAX = 16,     /* that are looked at; of more the first ones */
    TLS_PROBE_TIMEOUT_MS = 20 * 1000, /* where nothing is said */
    /* Octets from one server: the longest chain OpenSSL takes is 100 kB. */
    TLS_PROBE_BYTES_MAX = 256 * 1024,
    TLS_PROBE_ADDRESS_MAX = INET6_ADDRSTRLEN + 8,
};

/* Which key the server has to show. One with certificates of two kinds shows that of ECDSA to whoever takes
 * both. */
enum tls_probe_key {
    TLS_PROBE_KEY_ANY,
    TLS_PROBE_KEY_RSA,
    TLS_PROBE_KEY_ECDSA,
};

struct tls_probe_spec {
    const char *host; /* name, IPv4 or IPv6 address (in brackets or without) */
    uint16_t port;
    const char *server_name; /* SNI; "" : none, and so for an IP address */
    enum starttls starttls;
    enum tls_probe_key key;
    bool acme; /* the look of a validator of tls-alpn-01 (RFC 8737): done only where "acme-tls/1" is agreed on
                */
    int timeout_ms; /* of the whole look, name resolution included; 0: TLS_PROBE_TIMEOUT_MS */
};

/* One address. Where the certificates came and the server then ended because it wants one of ours as well,
 * that counts as done: they are signed for by then. */
struct tls_seen {
    char address[TLS_PROBE_ADDRESS_MAX]; /* "192.0.2.1:443", "[2001:db8::1]:443" */
    struct err err; /* code 0: handshake done. ERR_NETWORK: not reached; ERR_TIMEOUT; ERR_TLS: no TLS, or it
                       failed */
    /* ... and that is this machine's affair: it has no route there (no IPv6, for one), or only unique local
     * addresses to speak to a public one from, and gets no answer. */
    bool no_route;
    const struct tls_cert *chain; /* as sent, the leaf first; also where the handshake failed behind them */
    size_t chain_n;
    struct wall not_before, not_after; /* of the leaf */
};

struct tls_probe;

/* Called once from the loop, never from within tls_probe_start. What it is given is valid until it returns.
 * `why` is NULL, or says why there is nothing to look at (n is 0): the name has no address. */
typedef void tls_probe_fn(const struct tls_seen *seen, size_t n, const struct err *why, void *arg);

/* Texts of the spec are copied. The handle is valid until the call, or tls_probe_cancel; `lookup` must
 * outlive it. */
struct tls_probe *tls_probe_start(struct event_base *base, struct lookup *lookup,
    const struct tls_probe_spec *spec, tls_probe_fn *fn, void *arg);
/* Closes all and never calls. NULL is fine. */
void tls_probe_cancel(struct tls_probe *p);

#endif
