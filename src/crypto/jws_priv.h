/* The step of signing that is worth a test of its own; private to this folder. */
#ifndef EVERCERT_CRYPTO_JWS_PRIV_H
#define EVERCERT_CRYPTO_JWS_PRIV_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

/* Turns an ECDSA-Sig-Value (RFC 3279 2.2.3) into r||s of `width` octets each (RFC 7518 3.4), written to
 * out[2 * width]. ERR_CRYPTO when it is no such value, is followed by anything, or a number does not fit. */
int jws_ecdsa_raw(struct str der, size_t width, unsigned char *out, struct err *err);

#endif
