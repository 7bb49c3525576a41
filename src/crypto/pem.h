/* A strict reader of PEM texts that hold certificates and nothing else (RFC 7468, RFC 8555 9.1); private to
 * this folder. OpenSSL's own reader skips whatever it does not know, and that is what must not happen here.
 */
#ifndef EVERCERT_CRYPTO_PEM_H
#define EVERCERT_CRYPTO_PEM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

struct pem_reader {
    struct str rest;
    size_t line; /* of the last line taken, from 1 */
};

struct pem_reader pem_reader_new(struct str text);

/* Decodes the next CERTIFICATE block into `der`, which is emptied first and whose maximum is the limit for
 * one block. 1 for a block, 0 at the end of the text; ERR_INPUT with the line for anything else that is not
 * white space, ERR_LIMIT for a block that does not fit. Time in proportion to the text. */
int pem_next(struct pem_reader *r, struct buf *der, struct err *err);

#endif
