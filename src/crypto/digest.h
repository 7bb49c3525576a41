/* SHA-256, for fingerprints; and what else is hashed, with a key or without one. */
#ifndef EVERCERT_CRYPTO_DIGEST_H
#define EVERCERT_CRYPTO_DIGEST_H

#include "base/err.h"
#include "base/str.h"

enum { SHA256_LEN = 32, SHA256_HEX_LEN = 2 * SHA256_LEN + 1, DIGEST_MAX = 64 };

int digest_sha256(struct str s, unsigned char out[SHA256_LEN], struct err *err);
/* As lower-case hex with a terminator. */
int digest_sha256_hex(struct str s, char out[SHA256_HEX_LEN], struct err *err);

/* `digest` as OpenSSL names it: "MD5", "SHA1", "SHA256", "SHA384", "SHA512" (APIs of DNS providers still ask
 * for the first two). The octets go to out, their number to *n. ERR_CRYPTO where there is no such digest. */
int digest_any(
    const char *digest, struct str text, unsigned char out[DIGEST_MAX], size_t *n, struct err *err);
/* HMAC with it (RFC 2104); a key of no octets is a key. */
int digest_hmac(const char *digest, struct str key, struct str text, unsigned char out[DIGEST_MAX], size_t *n,
    struct err *err);
/* HMAC-SHA256, in hex as above. */
int digest_hmac_sha256_hex(struct str key, struct str text, char out[SHA256_HEX_LEN], struct err *err);

#endif
