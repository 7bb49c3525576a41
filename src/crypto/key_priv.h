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
    const char *algorithm; /* OpenSSL's name */
    const char *group;     /* OpenSSL's name of the curve, NULL where the algorithm has none to choose */
    const char *kty;       /* RFC 7518 6.1, RFC 8037 2 */
    const char *crv;       /* RFC 7518 6.2.1.1, RFC 8037 2; NULL for RSA */
    size_t width;          /* octets of a coordinate (EC), of the modulus (RSA), of the public key (OKP) */
    const char *digest;    /* for signatures; NULL where the algorithm brings its own */
    const char *jws_alg;   /* RFC 7518 3.1, RFC 8037 3.1 */
};

/* NULL for a key that is not in the table. */
const struct key_kind *key_kind_of(const EVP_PKEY *pkey);

/* Takes over `pkey`, whatever the result. */
int key_adopt(EVP_PKEY *pkey, struct key **out, struct err *err);
/* The same for a key that somebody else wrote: ERR_INPUT where its halves do not fit, or its curve is written
 * out as parameters. */
int key_adopt_foreign(EVP_PKEY *pkey, struct key **out, struct err *err);

#endif
