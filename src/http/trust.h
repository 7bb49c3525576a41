/*
 * The roots of a client, parsed once and shared by all its connections. (Handing libcurl the PEM, or a file,
 * makes it parse the system's 140 roots for each connection: 20 ms and 800 kB each, and a copy of the PEM for
 * each request.)
 */
#ifndef EVERCERT_HTTP_TRUST_H
#define EVERCERT_HTTP_TRUST_H

#include "base/err.h"
#include "base/str.h"

#include <openssl/x509.h>

struct trust;

/* The certificates of `pem`, or the system's (not read yet) where it is empty. ERR_INPUT, ERR_MEMORY. */
int trust_new(struct str pem, struct trust **out, struct err *err);
void trust_free(struct trust *t);

/* Reads the system's file if that has not been done or the file has changed since. ERR_TLS when there are no
 * roots at all; a file that can't be read any more is no error. */
int trust_refresh(struct trust *t, struct err *err);

/* The store, owned by t; NULL before the first trust_refresh. */
X509_STORE *trust_store(const struct trust *t);

#endif
