/* What the tests of this folder turn and see, and nobody else. */
#ifndef EVERCERT_DNS_INTERNAL_H
#define EVERCERT_DNS_INTERNAL_H

#include "dns/lookup.h"

/* In place of LOOKUP_TIME_MS, for lookups started later. */
void lookup_set_time(struct lookup *l, int ms);

#endif
