/* The rate limits that the CAs of the presets publish. A header of its own, for who has another idea of what
 * an authority is than config/settings.h. */
#ifndef EVERCERT_CONFIG_LIMITS_H
#define EVERCERT_CONFIG_LIMITS_H

#include "base/str.h"
#include "policy/ledger.h"

#include <stddef.h>

/* Those of the CA with that directory; NULL and *n 0 where none are known. Static storage. */
const struct rate_limit *limits_of_directory(struct str directory, size_t *n);

#endif
