/* Certificates as OpenSSL has them; private to this folder. */
#ifndef EVERCERT_TLS_CERTIFICATE_PRIV_H
#define EVERCERT_TLS_CERTIFICATE_PRIV_H

#include "tls/certificate.h"

#include <openssl/x509.h>

/* ERR_INPUT where it cannot be read. */
int tls_cert_describe(X509 *x, struct tls_cert *out, struct err *err);

#endif
