/* The client's half of a TLS handshake that ends when the server's certificates are known: octets in, octets
 * out, without a socket. Nothing is verified; private to this folder. */
#ifndef EVERCERT_TLS_HANDSHAKE_H
#define EVERCERT_TLS_HANDSHAKE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "tls/probe.h"

#include <openssl/ssl.h>

enum { HANDSHAKE_HEAD = 48 }; /* octets of the server's first ones that are kept, to tell what it speaks */

struct handshake {
    SSL *ssl;
    struct arena *arena;
    struct tls_cert *chain; /* in the arena */
    size_t chain_n;
    bool asked; /* for a certificate of ours */
    bool acme;  /* set behind handshake_begin: it is done only where the context's ALPN is agreed on */
    char head[HANDSHAKE_HEAD];
    size_t head_n;
    struct err err; /* of the chain, which OpenSSL has no words for */
};

/* TLS 1.0 to 1.3 with all that OpenSSL knows of ciphers and signatures: a look must see old servers. NULL on
 * failure; SSL_CTX_free. */
SSL_CTX *handshake_context(enum tls_probe_key key, struct err *err);

/* The context's handshakes say that they are a validator of tls-alpn-01. */
int handshake_ask_acme(SSL_CTX *context, struct err *err);

/* server_name: for SNI, or "". Appends the ClientHello to `out`. `h` stays where it is until handshake_end,
 * which is called in any case. */
int handshake_begin(struct handshake *h, SSL_CTX *context, const char *server_name, struct arena *a,
    struct buf *out, struct err *err);
/* Takes what the server sends; appends what it is answered, an alert or a goodbye included. 0: more is
 * needed; 1: done; ERR_TLS where it fails, with words for people (they do not name the server). */
int handshake_feed(struct handshake *h, struct str in, struct buf *out, struct err *err);
/* The error of a server that closes in the middle; 1 where all that matters was there. */
int handshake_closed(struct handshake *h, struct err *err);
void handshake_end(struct handshake *h);

#endif
