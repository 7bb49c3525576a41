/* Patterns as a shell has them, for texts that are no paths: a star crosses dots and slashes. */
#ifndef EVERCERT_BASE_GLOB_H
#define EVERCERT_BASE_GLOB_H

#include "base/str.h"

#include <stdbool.h>

/* Longest pattern: as long as the longest DNS name, each octet as a set of its own in two cases. */
enum { GLOB_MAX = 1024 };

/* Why it is no pattern, NULL for a good one: it is empty or too long, a bracket is not closed, a backslash
 * stands at its end. */
const char *glob_check(struct str pattern);
/* Whether the whole text fits a good pattern: '*' any octets, '?' one, [ab], [a-z] and [!a] one of a set, '\'
 * the next octet as it is. ASCII letters of either case are the same. Takes at most |pattern| * |text| steps.
 */
bool glob_match(struct str pattern, struct str text);

#endif
