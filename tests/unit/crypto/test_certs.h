/* Keys and certificates made for a test, with whatever is wrong with them. */
#ifndef EVERCERT_TEST_CERTS_H
#define EVERCERT_TEST_CERTS_H

#include "base/arena.h"
#include "base/str.h"
#include "crypto/key.h"

#include <openssl/x509.h>
#include <stdint.h>

/* The instant at which the tests play: 2027-01-15T08:00:00Z. */
enum { TEST_NOW_S = 1800000000, TEST_DAY_S = 86400 };

struct cert_spec {
    const char *cn;        /* NULL: an empty subject */
    const char *san;       /* OpenSSL's notation ("DNS:a,IP:1.2.3.4"); NULL for no extension */
    const char *ca;        /* basicConstraints, NULL for none */
    const char *key_usage; /* NULL for none */
    const char *eku;       /* NULL for none */
    const char *key_id;    /* authorityKeyIdentifier in hex, NULL for none */
    const char *serial;    /* hex, NULL for 1 */
    int64_t from_s, to_s;  /* relative to TEST_NOW_S; both 0: from a day ago for 90 days */
};

struct test_cert {
    X509 *x;
    struct key *key; /* not owned */
};

/* Asserts that it works. `issuer` NULL makes it self-signed. The caller frees .x (X509_free). */
struct test_cert test_cert_make(
    const struct cert_spec *spec, struct key *key, const struct test_cert *issuer);
/* PEM of one certificate, in `a`. */
const char *test_cert_pem(struct arena *a, X509 *x);

struct key *test_key(void); /* a fresh P-256 key, asserted */

#endif
