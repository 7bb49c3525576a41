/*
 * LIBEXEC/primitive: what scripts of acme.sh want of curl, openssl and their like, for the host of such
 * scripts (acme-sh-host). One call, one answer on standard output. What may be a secret comes on standard
 * input or in the environment, never as an argument.
 */
#ifndef EVERCERT_PROCESSES_PRIMITIVE_PRIMITIVE_H
#define EVERCERT_PROCESSES_PRIMITIVE_PRIMITIVE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum {
    INPUT_MAX = 16 * 1024 * 1024,  /* octets of standard input, and of an answer; scripts send kilobytes */
    OUTPUT_MAX = 48 * 1024 * 1024, /* the hexadecimal form of that has three octets for each */
};

/* bytes.c: forms of the same octets. What is no base64 gives nothing, as with openssl; hexadecimal digits may
 * stand among others. */
void bytes_base64(struct str in, bool lines, struct buf *out); /* lines: of 64, each ended */
void bytes_unbase64(struct str in, struct buf *out);
void bytes_hex(struct str in, const char *before, struct buf *out);
void bytes_unhex(struct str in, struct buf *out);
/* RFC 3986's unreserved characters stay. */
void bytes_url(struct str in, bool upper, struct buf *out);
/* Each name of a list with commas as A-labels (UTS 46). */
int bytes_idn(const char *names, struct buf *out, struct err *err);

/* crypto.c: `alg` is "sha256", "sha1", "md5", "sha3-256"; `key` of HMAC are octets. */
int crypto_digest(const char *alg, struct str in, struct buf *out, struct err *err);
int crypto_hmac(const char *alg, struct str key, struct str in, struct buf *out, struct err *err);
/* RSA: PKCS #1 v1.5 with that digest; EC: r and s side by side (as JWS has them), with the digest of the
 * curve's size. `path` is a PEM file without a password. */
int crypto_sign(const char *path, const char *alg, struct str in, struct buf *out, struct err *err);
bool crypto_is_rsa(const char *path);

/* http.c: one request as curl would make it; the body of the answer in `out`. What it is stands in the
 * environment: EVERCERT_URL, EVERCERT_H1 to EVERCERT_H5 (headers), EVERCERT_TYPE (of the body),
 * EVERCERT_AGENT, EVERCERT_TIMEOUT (seconds to connect), EVERCERT_HEADERS (a file for the headers of all
 * answers), EVERCERT_FOLLOW ("no": no redirects), CA_BUNDLE. Returns 0, or a number of libcurl's, which
 * scripts know from curl. */
int http_request(const char *method, struct str body, bool head, struct buf *out, struct err *err);

/* lookup.c: the records of that type at a name, one a line (TXT, A, AAAA, CNAME, NS). Nothing where there are
 * none. */
int lookup_records(const char *name, const char *type, struct buf *out, struct err *err);

#endif
