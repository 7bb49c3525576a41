/* Private keys (OpenSSL 3 EVP). Only the keeper links this. */
#ifndef EVERCERT_CRYPTO_KEY_H
#define EVERCERT_CRYPTO_KEY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key_type.h"

#include <stdbool.h>

struct key; /* opaque, owns an EVP_PKEY */

int key_generate(enum key_type type, struct key **out, struct err *err);
/* NULL is fine. */
void key_free(struct key *k);
/* For ATTR_CLEANUP(key_freep). */
void key_freep(struct key **k);

/* PKCS#8 in DER, for sealing; `out` must be a sensitive buffer. */
int key_to_der(const struct key *k, struct buf *out, struct err *err);
int key_from_der(struct str der, struct key **out, struct err *err);
/* PKCS#8 in PEM ("PRIVATE KEY"), unencrypted. Reading also takes SEC1 and PKCS#1 PEM. */
int key_to_pem(const struct key *k, struct buf *out, struct err *err);
int key_from_pem(struct str pem, struct key **out, struct err *err);

/* False for a key of a kind that is not in the table. */
bool key_type_of(const struct key *k, enum key_type *out);

#endif
