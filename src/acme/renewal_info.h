/* When the CA suggests to renew a certificate (RFC 9773). */
#ifndef EVERCERT_ACME_RENEWAL_INFO_H
#define EVERCERT_ACME_RENEWAL_INFO_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

struct renewal_info {
    struct wall start, end;      /* end > start */
    const char *explanation_url; /* for people: cleaned and capped, any scheme; never NULL, "" where absent */
};

/* Appends the URL to GET (4.1): the directory's `renewal_info`, a slash where it has none at its end, and
 * `id`, the certificate's unique identifier "AKI.SERIAL" in base64url. */
void renewal_info_url(struct str base, struct str id, struct buf *out);

/* Parses an answer (4.2) into `a`. ERR_INPUT for anything but an object with a suggestedWindow of two RFC
 * 3339 times, the end behind the start and no further than RENEWAL_INFO_SPAN_MAX_S; ERR_LIMIT as in json.h. A
 * bad explanationURL counts as absent. *out is untouched on failure. */
int renewal_info_parse(struct str json, struct arena *a, struct renewal_info *out, struct err *err);

/* The longest window that is believed: a century, more than any certificate lives. */
#define RENEWAL_INFO_SPAN_MAX_S (INT64_C(100) * 366 * 86400)

#endif
