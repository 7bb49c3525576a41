/* Private keys (OpenSSL 3 EVP). Only the keeper links this. */
#ifndef EVERCERT_CRYPTO_KEY_H
#define EVERCERT_CRYPTO_KEY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key_type.h"

#include <stdbool.h>

struct key; /* opaque, owns an EVP_PKEY */

/* A fresh key from the system's random source. ERR_CRYPTO. */
int key_generate(enum key_type type, struct key **out, struct err *err);
/* The same key once more, to be freed on its own. */
int key_share(const struct key *k, struct key **out, struct err *err);
/* NULL is fine. */
void key_free(struct key *k);
/* For ATTR_CLEANUP(key_freep). */
void key_freep(struct key **k);

/* PKCS#8 in DER, for sealing; appended to `out`, which must be a sensitive buffer. Reading takes exactly one
 * PKCS#8 structure with nothing behind it (ERR_INPUT otherwise) and trusts that it was sealed by us: the two
 * halves are not checked against each other. */
int key_to_der(const struct key *k, struct buf *out, struct err *err);
int key_from_der(struct str der, struct key **out, struct err *err);
/* Longest text that key_from_pem looks at: an RSA key of 16384 bits has 13 kB. */
enum { KEY_PEM_MAX = 64 * 1024 };
/* Longest RSA modulus that key_from_pem takes: checking a longer one would keep the keeper busy for minutes.
 */
enum { KEY_RSA_BITS_MAX = 8192 };

/* PKCS#8 in PEM ("PRIVATE KEY"), unencrypted; `out` must be a sensitive buffer. Reading also takes SEC1 and
 * PKCS#1 PEM, text around the block, and keys of kinds that are not in the table; it refuses encrypted keys
 * (nobody is there to type a passphrase), public keys, curves written out as parameters, and a key whose
 * halves do not fit (ERR_INPUT). */
int key_to_pem(const struct key *k, struct buf *out, struct err *err);
int key_from_pem(struct str pem, struct key **out, struct err *err);

/* A private key as another program keeps it: PEM as above, a JWK (RFC 7517, RFC 7518 6, RFC 8037; RSA with
 * all of its numbers), or PKCS#8, PKCS#1 or SEC1 DER in base64 (white space in it does not count). At most
 * KEY_PEM_MAX octets (ERR_LIMIT); ERR_INPUT for anything else, without a word of the text. */
int key_from_text(struct str text, struct key **out, struct err *err);

/* False for a key of a kind that is not in the table. */
bool key_type_of(const struct key *k, enum key_type *out);

/* SHA-256 of the SubjectPublicKeyInfo in DER, lower-case hex: the fingerprint of the public key. */
int key_spki_sha256(const struct key *k, char hex[65], struct err *err);

#endif
