/* Servers for the tests of the look, in a process of their own, each of which behaves in one way, mostly a
 * wrong one. */
#ifndef EVERCERT_TEST_SERVER_H
#define EVERCERT_TEST_SERVER_H

#include <openssl/ssl.h>
#include <sys/types.h>

/* A leaf, the issuer's certificate and the root, each with a key of P-256 (the leaf also with RSA). */
struct identity {
    X509 *leaf, *issuer, *root, *rsa_leaf;
    EVP_PKEY *key, *rsa_key;
    char pem[16384]; /* leaf, issuer, root */
};

/* Made once; identity_free at the end. */
void identity_make(struct identity *id);
void identity_free(struct identity *id);
/* SHA-256 in hex, valid until the next call. */
const char *fingerprint(X509 *x);

/* What is done with one connection; returns when it is to be closed. */
typedef void behaviour(int fd, const struct identity *id);

behaviour serve_chain;      /* leaf and issuer */
behaviour serve_leaf_only;  /* and nothing else */
behaviour serve_both_kinds; /* ECDSA, and RSA for who wants that */
behaviour serve_by_name;    /* unrecognized_name unless it is www.example.org */
behaviour serve_tls1;       /* TLS 1.0, and nothing newer */
behaviour serve_tls12_asks; /* TLS 1.2, and wants a certificate of the client's */
behaviour serve_tls13_asks; /* the same with TLS 1.3 */
behaviour serve_many;       /* more certificates than are taken */
behaviour serve_smtp;       /* STARTTLS, then as serve_chain */
behaviour serve_injection;  /* a line behind the agreement */
behaviour serve_nothing;    /* never says a word */
behaviour serve_close;      /* closes at once */
behaviour serve_reset;      /* with a reset */
behaviour serve_half;       /* reads, sends the head of a record, closes */
behaviour serve_greeting;   /* of a mail server, without TLS */
behaviour serve_http;       /* an error in plain HTTP */
behaviour serve_lines;      /* for ever */
behaviour serve_records;    /* handshake records without an end */
behaviour serve_no_goodbye; /* a good handshake, then silence with the connection open */

struct server {
    pid_t pid;
    int port;
};

/* On 127.0.0.1. */
void server_start(struct server *s, behaviour *how, const struct identity *id);
void server_stop(struct server *s);

#endif
