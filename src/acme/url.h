/* URLs a CA hands out. They are used byte for byte (RFC 8555 6.4) once they have passed these checks. */
#ifndef EVERCERT_ACME_URL_H
#define EVERCERT_ACME_URL_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* https only, a host, no userinfo, no fragment, printable ASCII without blanks, quotes, angle brackets or
 * backslash, at most ACME_URL_MAX octets, a port of 1..65535. ERR_INPUT with the reason otherwise; the text
 * is fit for a log line. */
int acme_url_check(struct str url, struct err *err);

/* Whether both have the same scheme, host (case-insensitive) and port (443 where none is written). Both must
 * have passed acme_url_check. */
bool acme_url_same_origin(struct str a, struct str b);

/* acme_url_check, and the same origin as the authority's directory: the rule for every URL in a CA's answers.
 */
int acme_url_check_from(struct str url, struct str directory, struct err *err);

/* The directory of an account's id, which is the URL itself, with "#LABEL" behind it where there are several
 * accounts at one directory (no URL that passed acme_url_check holds a '#'). */
struct str acme_account_directory(struct str id);

#endif
