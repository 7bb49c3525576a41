/* The steps of signing; private to this folder. */
#ifndef EVERCERT_CRYPTO_JWS_PRIV_H
#define EVERCERT_CRYPTO_JWS_PRIV_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

/* Turns an ECDSA-Sig-Value (RFC 3279 2.2.3) into r||s of `width` octets each (RFC 7518 3.4), written to
 * out[2 * width]. ERR_CRYPTO when it is no such value, is followed by anything, or a number does not fit. */
int jws_ecdsa_raw(struct str der, size_t width, unsigned char *out, struct err *err);

/* Appends `,"name":"value"` with what JSON wants escaped. Control characters have no business in these values
 * and stand for an attempt to smuggle something, so they are refused and not escaped (ERR_INPUT). */
int jws_put_member(struct buf *out, const char *name, struct str value, struct err *err);

/* Appends base64url of the signature over `text`. */
typedef int jws_signer(struct buf *out, const void *by, struct str text, struct err *err);
/* Appends the three members of a flattened JWS. ERR_LIMIT when the header or `out` is full. */
int jws_put(const struct buf *header, struct str payload, jws_signer *sign, const void *by, struct buf *out,
    struct err *err);

#endif
