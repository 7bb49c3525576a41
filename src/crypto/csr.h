/* Certificate requests (RFC 2986): ours, and those of operators who keep the key to themselves. */
#ifndef EVERCERT_CRYPTO_CSR_H
#define EVERCERT_CRYPTO_CSR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"

#include <stdbool.h>
#include <stddef.h>

/* Most names in one request; no public CA takes more than 100. */
enum { CSR_NAMES_MAX = 1000 };

/* What a request asks for. */
struct csr_content {
    const struct str *names; /* host names in A-label form, addresses (inet_pton) */
    size_t name_n;
    bool must_staple; /* the TLS feature extension with status_request (RFC 7633) */
};

/* Appends a PKCS#10 in DER: empty subject, a subjectAltName extension with exactly these names (dNSName, or
 * iPAddress for an address: RFC 8738 3), signed by k, whose type must be one that certificates are made for.
 * The extension is critical because the subject is empty (RFC 5280 4.2.1.6; a CA may copy it as it is).
 * ERR_INPUT for no name, a name twice (without regard to case) or a name that is neither an address nor a
 * host name with at most one "*" as its first label; ERR_LIMIT for too many names or a full buffer;
 * ERR_CRYPTO for another kind of key. */
int csr_build(const struct key *k, const struct csr_content *content, struct buf *out, struct err *err);

/* Longest text that csr_read looks at: a hundred long names and an RSA-8192 key have 40 kB in PEM. */
enum { CSR_TEXT_MAX = 64 * 1024 };

/* A request that came from outside. */
struct csr {
    struct str der;
    char key_hash[65];        /* SHA-256 of its SubjectPublicKeyInfo, lower-case hex */
    const char *key_type;     /* from key_type.h, "?" for others */
    const char *const *names; /* canonical: host names in lower case, addresses as RFC 5952 4 has them */
    size_t name_n;            /* sorted, each once */
    bool must_staple;
};

/* Reads one request, DER or PEM with nothing around it (a private key beside it would travel with it), and
 * verifies that its key signed it. It must have a subjectAltName of host names and addresses; a common name
 * must be empty or one of them. Everything in *out lives in `a`; *out is written on success only. ERR_INPUT
 * with the reason, ERR_LIMIT for too much of it. */
int csr_read(struct str text, struct arena *a, struct csr *out, struct err *err);
/* Whether it is for exactly these names, as sets; ERR_VERIFY with the first difference. */
int csr_check_names(
    const struct csr *csr, const struct str *names, size_t n, struct arena *a, struct err *err);

#endif
