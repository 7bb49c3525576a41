/* The certificate that answers a tls-alpn-01 challenge (RFC 8737 3, RFC 8738 6). A library of its own: who
 * links it can make such a certificate and nothing else. */
#ifndef EVERCERT_CRYPTO_ALPN_CERTIFICATE_H
#define EVERCERT_CRYPTO_ALPN_CERTIFICATE_H

#include "base/err.h"
#include "base/str.h"

struct alpn_certificate; /* opaque, owns both */
struct x509_st;          /* OpenSSL's X509 */
struct evp_pkey_st;      /* OpenSSL's EVP_PKEY */

/* How far the certificate is back-dated, for a validator whose clock is slow, and how long it lasts: longer
 * than any authorization stays pending at a public CA. */
enum { ALPN_BACKDATED_S = 3600, ALPN_LASTS_S = 30 * 86400 };

/* A fresh P-256 key and a self-signed certificate for it: subjectAltName with exactly this identifier (a host
 * name in A-label form without wildcard, or an IP address as text), and the critical acmeIdentifier extension
 * with the SHA-256 of the key authorization. ERR_INPUT for an identifier that is neither and an empty key
 * authorization, ERR_CRYPTO. *out is to be freed with alpn_certificate_free. The first call makes OpenSSL
 * read its files, so a process that goes into a sandbox makes one before and throws it away. */
int alpn_certificate_make(
    struct str identifier, struct str key_authorization, struct alpn_certificate **out, struct err *err);
/* Both live as long as the certificate, or longer for who takes a reference (X509_up_ref, SSL_CTX_use_...).
 */
struct x509_st *alpn_certificate_x509(const struct alpn_certificate *c);
struct evp_pkey_st *alpn_certificate_key(const struct alpn_certificate *c);
/* NULL is fine. */
void alpn_certificate_free(struct alpn_certificate *c);

#endif
