/* What is known of a certificate that a server sent, and of one that it should send. */
#ifndef EVERCERT_TLS_CERTIFICATE_H
#define EVERCERT_TLS_CERTIFICATE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#include <stddef.h>

enum {
    TLS_CERT_NAME_MAX = 256, /* octets of a subject's text, terminator included; longer ones are cut */
    TLS_CHAIN_PEM_MAX = 1024 * 1024, /* sixteen RSA-4096 certificates have about 40 kB */
    TLS_CHAIN_MAX = 16,              /* certificates of a chain; real ones have three */
};

struct tls_cert {
    char sha256[65];                 /* of its DER, lower-case hex */
    char subject[TLS_CERT_NAME_MAX]; /* one clean line as "CN=www.example.org"; "" where it has none */
    char issuer[TLS_CERT_NAME_MAX];
    struct wall not_before, not_after;
};

/* The certificates of a PEM text that a server has to send: the leaf, and whatever is not self-signed behind
 * it, in their order; at least one. A leaf that is self-signed is kept. *out lives in `a`. ERR_INPUT for what
 * is no such text, ERR_LIMIT for too much of it. */
int tls_chain_read(struct str pem, struct arena *a, const struct tls_cert **out, size_t *n, struct err *err);

#endif
