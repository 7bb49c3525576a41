/* Private keys as JSON Web Keys (RFC 7517), as certbot keeps those of its accounts. */
#ifndef EVERCERT_CRYPTO_JWK_H
#define EVERCERT_CRYPTO_JWK_H

#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"

/* The members of a private key, base64url but for the first two; those that its kind does not have are
 * empty (RFC 7518 6.2.2 and 6.3.2, RFC 8037 2). */
struct jwk_text {
    struct str kty, crv;
    struct str d;                      /* all kinds */
    struct str x, y;                   /* EC; OKP has x alone */
    struct str n, e, p, q, dp, dq, qi; /* RSA */
};

/* ERR_INPUT for a member that is missing or no base64url, an RSA key without its primes, a kind or curve that
 * is not in key.c's table, and a key whose halves do not fit. The caller frees *out. */
int key_from_jwk(const struct jwk_text *jwk, struct key **out, struct err *err);

#endif
