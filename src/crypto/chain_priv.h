/* A chain as OpenSSL sees it, for reading and for judging; private to this folder. */
#ifndef EVERCERT_CRYPTO_CHAIN_PRIV_H
#define EVERCERT_CRYPTO_CHAIN_PRIV_H

#include "crypto/chain.h"
#include "crypto/ossl.h"

/* The certificates of a text in its order, at least one. The caller frees *out with certs_freep. Errors as
 * chain_parse. */
int chain_load(struct str pem, size_t max_certs, STACK_OF(X509) * *out, struct err *err);
/* Fills *out from certificates that chain_load gave. */
int chain_describe(const STACK_OF(X509) * certs, struct arena *a, struct chain *out, struct err *err);

void certs_freep(STACK_OF(X509) * *certs);

/* The subjectAltName of a certificate: ERR_INPUT when it is malformed or there twice. *out is NULL where
 * there is none. */
int chain_alt_names(const X509 *x, GENERAL_NAMES **out, struct err *err);

#endif
