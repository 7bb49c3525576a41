/* The inside of a key; private to this folder. */
#ifndef EVERCERT_CRYPTO_KEY_PRIV_H
#define EVERCERT_CRYPTO_KEY_PRIV_H

#include "crypto/key.h"

#include <openssl/evp.h>
#include <stddef.h>

struct key {
    EVP_PKEY *pkey; /* owned */
};

/* Everything that depends on the type of a key, one row each. */
struct key_kind {
    enum key_type type;
    const char *group;   /* OpenSSL's name of the curve, NULL for RSA */
    const char *crv;     /* RFC 7518 6.2.1.1, NULL for RSA */
    size_t width;        /* octets of a coordinate (EC) or of the modulus (RSA) */
    const char *digest;  /* for signatures */
    const char *jws_alg; /* RFC 7518 3.1 */
};

/* NULL for a key that is not in the table. */
const struct key_kind *key_kind_of(const EVP_PKEY *pkey);

/* Takes over `pkey`, whatever the result. */
int key_adopt(EVP_PKEY *pkey, struct key **out, struct err *err);

#endif
