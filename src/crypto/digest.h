/* SHA-256, for fingerprints. */
#ifndef EVERCERT_CRYPTO_DIGEST_H
#define EVERCERT_CRYPTO_DIGEST_H

#include "base/err.h"
#include "base/str.h"

enum { SHA256_LEN = 32, SHA256_HEX_LEN = 2 * SHA256_LEN + 1 };

int digest_sha256(struct str s, unsigned char out[SHA256_LEN], struct err *err);
/* As lower-case hex with a terminator. */
int digest_sha256_hex(struct str s, char out[SHA256_HEX_LEN], struct err *err);

#endif
