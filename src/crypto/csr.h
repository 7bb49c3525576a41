/* Certificate requests (RFC 2986). */
#ifndef EVERCERT_CRYPTO_CSR_H
#define EVERCERT_CRYPTO_CSR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"

#include <stddef.h>

/* Appends a PKCS#10 in DER: empty subject, one subjectAltName extension with exactly these dNSNames, signed
 * by k. */
int csr_build(const struct key *k, const struct str *names, size_t n, struct buf *out, struct err *err);

#endif
