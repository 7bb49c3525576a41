/* Certificate requests (RFC 2986). */
#ifndef EVERCERT_CRYPTO_CSR_H
#define EVERCERT_CRYPTO_CSR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"

#include <stddef.h>

/* Most names in one request; no public CA takes more than 100. */
enum { CSR_NAMES_MAX = 1000 };

/* Appends a PKCS#10 in DER: empty subject, one subjectAltName extension with exactly these dNSNames, signed
 * by k, which must be of a type in the table. The extension is critical because the subject is empty (RFC
 * 5280 4.2.1.6; a CA may copy it as it is). ERR_INPUT for no name, a name twice (without regard to case) or a
 * name that is no host name in A-label form with at most one "*" as its first label; ERR_LIMIT for too many
 * names or a full buffer. */
int csr_build(const struct key *k, const struct str *names, size_t n, struct buf *out, struct err *err);

#endif
