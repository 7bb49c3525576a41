/*
 * What the servers of a zone themselves say of a name in it: no cache comes to know that something is not
 * there yet. Private to this folder.
 */
#ifndef EVERCERT_DNS_AUTHORITY_H
#define EVERCERT_DNS_AUTHORITY_H

#include "dns/client_priv.h"

enum {
    AUTHORITY_SERVERS_MAX = 6, /* addresses of a zone's servers that are tried; one that answers is enough */
    AUTHORITY_TRY_MS = 750,    /* until the next one is asked beside those that are silent */
    AUTHORITY_TIME_MS = 4 * 1000, /* until a zone's servers count as out of reach */
    AUTHORITY_DEPTH_MAX = 8,      /* referrals that are followed, one below the other */
    AUTHORITY_ZONES_MAX = 128,    /* zones whose servers are kept, for DNS_ZONE_AGE_S */
    AUTHORITY_SILENT_AGE_S = 60,  /* those that were out of reach are not tried again before */
};

/* Asks the servers of `zone`, without recursion, the next one where one is silent or knows nothing of the
 * zone; and where they refer to a zone below that `name` is in, the servers of that. The answer is `told`,
 * with told->zone the zone that `name` is in. FAILED where no server answers with authority. Never called
 * from within the start. Ended by dns_cancel. */
struct dns_question *authority_ask(
    struct dns_client *c, const char *zone, const char *name, enum dns_type type, dns_told_fn *fn, void *arg);

/* Frees what is known of servers. */
void authority_forget(struct dns_client *c);

#endif
