/* The chain a CA hands out, and whether it may go live. */
#ifndef EVERCERT_CRYPTO_CHAIN_H
#define EVERCERT_CRYPTO_CHAIN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "crypto/key.h"

#include <stddef.h>
#include <stdint.h>

/* A clock that is this much behind the CA's still takes a certificate that is "not yet valid": CAs were seen
 * two hours ahead (a time zone taken for UTC, summer time added to it), and public ones back-date by an hour.
 */
enum { CHAIN_CLOCK_SKEW_S = 3 * 3600 };

/* Longest text that is looked at: sixteen RSA-4096 certificates have about 40 kB. */
enum { CHAIN_PEM_MAX = 1024 * 1024 };
/* Longest single certificate in DER: 100 names of 253 octets have 26 kB. */
enum { CHAIN_CERT_DER_MAX = 64 * 1024 };

/* What one certificate of a chain can be known by. */
struct chain_link {
    struct str issuer_name;           /* the issuer's common name, UTF-8, as found; empty without one */
    char fingerprint[SHA256_HEX_LEN]; /* of its DER */
};

struct chain {
    size_t n;               /* certificates, leaf included */
    struct str leaf_pem;    /* our own re-encoding: nothing but the certificates gets into the files */
    struct str issuers_pem; /* the rest, may be empty */
    struct str leaf_der;
    char fingerprint[SHA256_HEX_LEN]; /* SHA-256 of the leaf's DER, lower-case hex */
    char key_hash[SHA256_HEX_LEN];    /* SHA-256 of the leaf's SubjectPublicKeyInfo, lower-case hex */
    char serial[65];                  /* lower-case hex, two digits an octet */
    const char *ari_id; /* the certificate's name in ARI URLs (RFC 9773 4.1); "" without key identifier */
    const char *issuer; /* the leaf's issuer, one line, cleaned */
    const char *const *names; /* of the leaf, in its order: dNSNames in lower case, addresses (RFC 5952 4) */
    size_t name_n;
    struct wall not_before, not_after;
    const char *key_type;           /* from key_type.h, "?" for others */
    const char *const *subjects;    /* one line for each certificate, leaf first */
    const struct chain_link *links; /* one for each certificate, leaf first */
};

/* Strict PEM (RFC 8555 9.1): CERTIFICATE blocks only, text between them is tolerated only when it is white
 * space; CRLF and a missing last newline are fine; at most max_certs. Describes what it finds and judges
 * nothing. Everything in *out lives in `a` and *out is written on success only. ERR_INPUT for what is no such
 * text, ERR_LIMIT for too much of it. Takes time in proportion to the text. */
int chain_parse(struct str pem, size_t max_certs, struct arena *a, struct chain *out, struct err *err);

/* What a chain has to be. */
struct chain_rule {
    const struct key *key; /* the leaf holds its public half; NULL: see key_hash */
    const char *key_hash;  /* where the key is somebody else's: SHA-256 of its SubjectPublicKeyInfo, in hex */
    const struct str *names; /* host names and addresses, in any order */
    size_t name_n;
    size_t max_certs;
    struct wall now;
};

/* chain_parse, and then all of: the leaf holds the rule's key; its subjectAltNames are exactly the rule's
 * names (as sets; a name of another kind is refused); not_before <= now + skew and now < not_after (any
 * lifetime is fine); not a CA; serverAuth, or any usage, in the extended key usage where there is one; no
 * certificate twice; each certificate is issued and signed by the next one, and each issuer is a CA that may
 * sign certificates. The last one needs no issuer, so a lone leaf passes; issuers' own dates are the
 * verifier's business. ERR_VERIFY says which rule failed, with values. */
int chain_verify(
    struct str pem, const struct chain_rule *rule, struct arena *a, struct chain *out, struct err *err);

/* Which of the preferred chains this is: the smallest i whose preferred[i] is the common name of the issuer
 * of one of its certificates (the root, which is not sent, is the issuer of the last), in exactly these
 * letters, or the SHA-256 fingerprint of one of them (64 hex digits, in any case, colons between octets
 * allowed). UINT32_MAX when none fits. */
uint32_t chain_rank(const struct chain *chain, const char *const *preferred, size_t n);

#endif
