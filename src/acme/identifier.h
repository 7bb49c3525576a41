/* DNS identifiers: what may stand in an order, written as A-labels in lower case. */
#ifndef EVERCERT_ACME_IDENTIFIER_H
#define EVERCERT_ACME_IDENTIFIER_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum { IDENTIFIER_MAX = 253 };

/* Whether `name` is a DNS name that can be ordered: lower-case LDH labels of 1..63 octets, no leading or
 * trailing hyphen, at most 253 octets, no trailing dot, not an IP address, optionally "*." in front of at
 * least one more label. ERR_INPUT with the reason otherwise. */
int identifier_check(struct str name, struct err *err);
bool identifier_is_wildcard(struct str name);
/* "*.example.org" -> "example.org"; other names unchanged. */
struct str identifier_base(struct str name);

#endif
