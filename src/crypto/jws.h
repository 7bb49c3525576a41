/* JWK (RFC 7517), its thumbprint (RFC 7638) and flattened JWS (RFC 7515) as ACME wants them (RFC 8555 6.2).
 */
#ifndef EVERCERT_CRYPTO_JWS_H
#define EVERCERT_CRYPTO_JWS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "crypto/key.h"

/* Longest protected header: three values of 4 kB and the JWK of an RSA-4096 key fit, escapes included. */
enum { JWS_HEADER_MAX = 32 * 1024 };

/* Appends the public key as canonical JSON: members in lexicographic order, no white space, EC coordinates
 * padded to the width of the curve, RSA numbers of minimal length. ERR_CRYPTO for a key of a kind that is not
 * in the table. */
int jwk_public(const struct key *k, struct buf *out, struct err *err);
/* Appends base64url(SHA-256(jwk_public)). */
int jwk_thumbprint(const struct key *k, struct buf *out, struct err *err);
/* "ES256", "ES384", "RS256", "EdDSA". Static storage; NULL for a key that has none. */
const char *jws_alg(const struct key *k);

/* Appends {"protected":..,"payload":..,"signature":..}. The protected header is {alg, nonce, url} and `kid`,
 * or the public JWK where kid is empty; an empty nonce is left out, as the inner JWS of a key rollover wants
 * it (RFC 8555 7.3.5). An empty payload gives POST-as-GET. An ECDSA signature is r||s, each padded to the
 * curve's width (RFC 7518 3.4). ERR_INPUT when kid, nonce or url holds a control character or is not UTF-8;
 * ERR_LIMIT when the header or `out` is full. Nothing is appended on failure. */
int jws_sign(const struct key *k, struct str kid, struct str nonce, struct str url, struct str payload,
    struct buf *out, struct err *err);

/* --- external account binding (RFC 8555 7.3.4) --- */

/* The MAC key of a binding as CAs print it: base64url without padding (RFC 8555 7.3.4) or with, or plain
 * base64; white space around it does not count. ERR_INPUT with the reason, without a word of the text; *out,
 * which must be initialised, is written on success only. */
int jws_mac_key(struct str text, struct secret *out, struct err *err);
/* As jws_sign with a header {alg, kid, url}: `alg` is HS256, HS384 or HS512 (ERR_INPUT for another), there is
 * no nonce, and `kid` is the CA's name for the key, not empty. */
int jws_sign_hmac(const struct secret *key, struct str alg, struct str kid, struct str url,
    struct str payload, struct buf *out, struct err *err);

#endif
