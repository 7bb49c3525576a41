/* Patterns that servers' configurations use: of file names (include), and of host names. */
#ifndef EVERCERT_SITE_PATTERN_H
#define EVERCERT_SITE_PATTERN_H

#include "base/str.h"

#include <stdbool.h>

/* Whether `text` is what the pattern means: '*' any octets, '?' any one, [abc], [a-z] and [!abc] one of them.
 * Neither of them is a '/' where `path`, nor a dot at the beginning of a component. Time is at most the
 * product of both lengths. */
bool pattern_matches(struct str pattern, struct str text, bool path);

/* The same for host names: '*' and '?' only, in any case. */
bool pattern_matches_host(struct str pattern, struct str host);

/* Whether a path may be written into a server's configuration between double quotes and mean itself:
 * absolute, valid UTF-8, and without control characters, quotes, backslashes, '$', '*', '?', '[', '%' and
 * '<'. */
bool path_is_plain(const char *path);

#endif
