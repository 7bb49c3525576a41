/* Digests, HMACs and signatures of any text, as the APIs of DNS providers want requests signed. */
#ifndef EVERCERT_CRYPTO_SIGN_H
#define EVERCERT_CRYPTO_SIGN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum { SIGN_DIGEST_MAX = 64 };

/* `digest`: "MD5", "SHA1", "SHA256", "SHA512" (some APIs still sign with the first two). The octets go to
 * out, their number to *n. ERR_CRYPTO where OpenSSL has no such digest. */
int sign_digest(
    const char *digest, struct str text, unsigned char out[SIGN_DIGEST_MAX], size_t *n, struct err *err);
int sign_hmac(const char *digest, struct str key, struct str text, unsigned char out[SIGN_DIGEST_MAX],
    size_t *n, struct err *err);

/* Appends the signature over `text` by the private key in PEM: RSASSA-PKCS1-v1_5 of an RSA key, or r||s of
 * an ECDSA key, each padded to the curve's width (RFC 7518 3.3, 3.4). `rsa` is what the caller wants;
 * ERR_INPUT for a key of the other kind, or a text that is no key. */
int sign_pem(const char *digest, struct str pem, bool rsa, struct str text, struct buf *out, struct err *err);

#endif
