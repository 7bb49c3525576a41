/* The one JSON document that the importer prints. */
#ifndef EVERCERT_PROCESSES_IMPORTER_DOCUMENT_H
#define EVERCERT_PROCESSES_IMPORTER_DOCUMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "processes/importer/found.h"

/* Most bytes of a document: some 8000 certificates with key and chain. */
enum { DOCUMENT_MAX = 64 * 1024 * 1024 };

/* Appends the document, one line, to `out`, a sensitive buffer. Bytes that are no UTF-8 become '?'. ERR_LIMIT
 * when it is too long, ERR_MEMORY. */
int document_write(const struct found *f, struct buf *out, struct err *err);

#endif
