/* A strict reader of PEM texts that hold blocks of one kind and nothing else (RFC 7468, RFC 8555 9.1);
 * private to this folder. OpenSSL's own reader skips whatever it does not know, and that is what must not
 * happen here.
 */
#ifndef EVERCERT_CRYPTO_PEM_H
#define EVERCERT_CRYPTO_PEM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

/* label, what it is for people */
#define PEM_KINDS(X)                                                         \
    X(PEM_CERTIFICATE, "CERTIFICATE", "certificate")                         \
    X(PEM_CERTIFICATE_REQUEST, "CERTIFICATE REQUEST", "certificate request") \
    X(PEM_NEW_CERTIFICATE_REQUEST, "NEW CERTIFICATE REQUEST", "certificate request")

enum pem_kind {
#define PEM_ENUM(id, label, what) id,
    PEM_KINDS(PEM_ENUM)
#undef PEM_ENUM
};

struct pem_reader {
    enum pem_kind kind;
    struct str rest;
    size_t line; /* of the last line taken, from 1 */
};

struct pem_reader pem_reader_new(enum pem_kind kind, struct str text);

/* Decodes the next block of that kind into `der`, which is emptied first and whose maximum is the limit for
 * one block. 1 for a block, 0 at the end of the text; ERR_INPUT with the line for anything else that is not
 * white space, ERR_LIMIT for a block that does not fit. Time in proportion to the text. */
int pem_next(struct pem_reader *r, struct buf *der, struct err *err);

#endif
