/* What is known about the CA behind a directory, whatever the entry that names it is called: from the table
 * of presets, for those who are no configuration. */
#ifndef EVERCERT_CONFIG_FACTS_H
#define EVERCERT_CONFIG_FACTS_H

#include "base/str.h"
#include "policy/ledger.h"

#include <stddef.h>

/* The rate limits that the CA publishes, *n of them; none for one that is unknown or publishes none. Static
 * storage. */
const struct rate_limit *facts_limits(struct str directory, size_t *n);
/* The ith name by which CAA records know the CA (RFC 8659 4.2), NULL behind the last. Static storage. */
const char *facts_caa_name(struct str directory, size_t i);

#endif
