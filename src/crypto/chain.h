/* The chain a CA hands out, and whether it may go live. */
#ifndef EVERCERT_CRYPTO_CHAIN_H
#define EVERCERT_CRYPTO_CHAIN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "crypto/key.h"

#include <stddef.h>

/* A clock that is this much behind the CA's still takes a certificate that is "not yet valid". */
enum { CHAIN_CLOCK_SKEW_S = 3600 };

/* Longest text that is looked at: sixteen RSA-4096 certificates have about 40 kB. */
enum { CHAIN_PEM_MAX = 1024 * 1024 };
/* Longest single certificate in DER: 100 names of 253 octets have 26 kB. */
enum { CHAIN_CERT_DER_MAX = 64 * 1024 };

struct chain {
    size_t n;               /* certificates, leaf included */
    struct str leaf_pem;    /* our own re-encoding: nothing but the certificates gets into the files */
    struct str issuers_pem; /* the rest, may be empty */
    struct str leaf_der;
    char fingerprint[65]; /* SHA-256 of the leaf's DER, lower-case hex */
    char serial[65];      /* lower-case hex, two digits an octet */
    const char *ari_id;   /* the certificate's name in ARI URLs (RFC 9773 4.1); "" without key identifier */
    const char *issuer;   /* the leaf's issuer, one line, cleaned */
    const char *const *names; /* dNSNames of the leaf, lower case, as found */
    size_t name_n;
    struct wall not_before, not_after;
    const char *key_type;        /* from key_type.h, "?" for others */
    const char *const *subjects; /* one line for each certificate, leaf first */
};

/* Strict PEM (RFC 8555 9.1): CERTIFICATE blocks only, text between them is tolerated only when it is white
 * space; CRLF and a missing last newline are fine; at most max_certs. Describes what it finds and judges
 * nothing. Everything in *out lives in `a` and *out is written on success only. ERR_INPUT for what is no such
 * text, ERR_LIMIT for too much of it. Takes time in proportion to the text. */
int chain_parse(struct str pem, size_t max_certs, struct arena *a, struct chain *out, struct err *err);

/* chain_parse, and then all of: the leaf holds the public half of `key`; its dNSNames are exactly `names` (as
 * sets; an identifier of another kind is refused); not_before <= now + skew and now < not_after (any
 * lifetime is fine); not a CA; serverAuth, or any usage, in the extended key usage where there is one; no
 * certificate twice; each certificate is issued and signed by the next one, and each issuer is a CA that may
 * sign certificates. The last one needs no issuer, so a lone leaf passes; issuers' own dates are the
 * verifier's business. ERR_VERIFY says which rule failed, with values. */
int chain_verify(struct str pem, size_t max_certs, const struct key *key, const struct str *names, size_t n,
    struct wall now, struct arena *a, struct chain *out, struct err *err);

#endif
