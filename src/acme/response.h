/* One HTTP answer as the pure ACME code sees it, and what its header fields mean. */
#ifndef EVERCERT_ACME_RESPONSE_H
#define EVERCERT_ACME_RESPONSE_H

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

struct acme_header {
    struct str name, value;
};

/* Views into memory that the caller keeps for the duration of the call it hands them to. */
struct acme_response {
    int status; /* 100..599 */
    const struct acme_header *headers;
    size_t header_n;
    struct str body;
};

/* Whether the status is 2xx. */
bool acme_response_ok(const struct acme_response *r);

/* The value of the only field of that name (case-insensitive), without blanks around it. False when it is
 * absent or there is more than one. */
bool acme_header_get(const struct acme_response *r, const char *name, struct str *out);

/* Whether a server or a client may use it (RFC 8555 6.5.1, 6.5.2): 1..ACME_NONCE_MAX of [A-Za-z0-9_-]. */
bool acme_nonce_acceptable(struct str nonce);

/* The Replay-Nonce, when there is exactly one and it is acceptable (RFC 8555 6.5.1: [A-Za-z0-9_-]+). */
bool acme_response_nonce(const struct acme_response *r, struct str *out);

/* Retry-After in either form (RFC 9110 10.2.3) as seconds from now, 0..max_s; a date is read relative to the
 * answer's own Date field where it has one, so that a wrong clock here does no harm. False when absent,
 * negative, in the past, or junk. */
bool acme_response_retry_after(const struct acme_response *r, struct wall now, int64_t max_s, int64_t *out_s);

/* Link fields (RFC 8288; several fields, several links in one, several rels in one parameter, quoted
 * strings): the target of the nth link that has relation `rel`. */
bool acme_response_link(const struct acme_response *r, const char *rel, size_t nth, struct str *out);

/* Location, checked with acme_url_check against `directory`. ERR_INPUT when absent or bad. */
int acme_response_location(
    const struct acme_response *r, struct str directory, struct str *out, struct err *err);

#endif
