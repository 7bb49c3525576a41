/* Signatures of any text, as the APIs of DNS providers want requests signed. */
#ifndef EVERCERT_CRYPTO_SIGN_H
#define EVERCERT_CRYPTO_SIGN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Appends the signature over `text`, hashed by `digest` (crypto/digest.h), by the private key in PEM:
 * RSASSA-PKCS1-v1_5 of an RSA key, or r||s of an ECDSA key, each padded to the curve's width (RFC
 * 7518 3.3, 3.4). `rsa` is what the caller wants; ERR_INPUT for a key of the other kind, or a text that is no
 * key. */
int sign_pem(const char *digest, struct str pem, bool rsa, struct str text, struct buf *out, struct err *err);

#endif
