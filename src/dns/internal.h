/* What the tests of this folder turn and see, and nobody else. */
#ifndef EVERCERT_DNS_INTERNAL_H
#define EVERCERT_DNS_INTERNAL_H

#include "dns/lookup.h"
#include "dns/update.h"

/* In place of LOOKUP_TIME_MS, for lookups started later. */
void lookup_set_time(struct lookup *l, int ms);
/* In place of DNS_UPDATE_TIME_MS, from now. */
void dns_update_set_time(struct dns_update *u, int ms);

#endif
