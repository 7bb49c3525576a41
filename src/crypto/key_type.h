/* The kinds of keys, one row each; needs no cryptographic library, so that configuration can use it. */
#ifndef EVERCERT_CRYPTO_KEY_TYPE_H
#define EVERCERT_CRYPTO_KEY_TYPE_H

#include "base/str.h"

#include <stdbool.h>

#define KEY_TYPES(X)                \
    X(KEY_ECDSA_P256, "ecdsa-p256") \
    X(KEY_ECDSA_P384, "ecdsa-p384") \
    X(KEY_RSA_2048, "rsa-2048")     \
    X(KEY_RSA_3072, "rsa-3072")     \
    X(KEY_RSA_4096, "rsa-4096")     \
    X(KEY_ED25519, "ed25519")

enum key_type {
#define KEY_TYPE_ENUM(id, text) id,
    KEY_TYPES(KEY_TYPE_ENUM)
#undef KEY_TYPE_ENUM
        KEY_TYPE_END_
};

/* The name in configuration and records, "?" for a value outside the table. Static storage. */
const char *key_type_name(enum key_type t);
/* False for a name that is none; *out is written on success only. */
bool key_type_parse(struct str name, enum key_type *out);

bool key_type_is_rsa(enum key_type t);
/* Whether a public CA signs certificates for such a key (Baseline Requirements 6.1.5). Others sign requests
 * of an account only. */
bool key_type_certifies(enum key_type t);

#endif
