/* What may stand in the DNS, and where: only a challenge's own value, only at the names of challenges, only
 * under names that the permit allows. Nothing here comes from the CA. */
#ifndef EVERCERT_PROCESSES_SOLVER_NAMES_H
#define EVERCERT_PROCESSES_SOLVER_NAMES_H

#include "base/arena.h"
#include "base/err.h"
#include "config/wish.h"

#include <stdint.h>

enum {
    NAMES_VALUE_SIZE = 44,   /* base64url of a SHA-256, and its end */
    NAMES_ANSWER_MAX = 1024, /* octets of a key authorization: a token of 256 and a thumbprint of 43 */
};

/* Whether the permit has that name, or the wildcard whose base it is. ERR_REFUSED. */
int names_allowed(const struct wish *w, const char *identifier, struct err *err);

/* The name that a challenge of that kind (acme/challenge.h) is answered at, before CNAMEs: in `a`. `label` is
 * dns-account-01's, "_" and 16 characters of base32, and "" for dns-01. ERR_REFUSED for a name that the
 * permit does not have, ERR_INPUT for a label out of shape, and for a name that would be too long. */
int names_record(const struct wish *w, uint32_t challenge, const char *identifier, const char *label,
    struct arena *a, const char **out, struct err *err);

/* Whether a record can stand there: labels of letters, digits, '-' and '_', at the zone or below it ("":
 * any). CNAMEs lead to what somebody else chose, and notes come from the engine; providers make URLs of it.
 * ERR_REFUSED. */
int names_place(const char *record, const char *zone, struct err *err);

/* The value of the TXT record (RFC 8555 8.4). ERR_INPUT for a key authorization that does not begin with the
 * token, or with characters that are none of base64url. */
int names_value(
    const char *token, const char *key_authorization, char out[NAMES_VALUE_SIZE], struct err *err);

#endif
