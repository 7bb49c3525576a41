/* The servers of a zone with all their addresses. Private to this folder. */
#ifndef EVERCERT_DNS_SERVERS_H
#define EVERCERT_DNS_SERVERS_H

#include "dns/client.h"

enum { SERVERS_NAMES_MAX = 32 }; /* of one zone; 13 fit where it matters (RFC 1035's 512 octets) */

struct zone_server {
    const char *name;    /* "ns1.example.org"; of one that was given by its address, that */
    const char *address; /* "192.0.2.1"; "" where its name has none */
    const char *at;      /* as exchange_start wants it; NULL without an address */
    const char *text;    /* why there is no address */
    bool temporary;      /* it may come to have one: nobody could tell */
};

/* err NULL: these, each address once. Else ERR_NOT_FOUND (the zone names no servers), ERR_REFUSED (bogus), or
 * what may go away. Valid until it returns; never called from within the start. */
typedef void zone_servers_fn(const struct zone_server *servers, size_t n, const struct err *err, void *arg);
/* given: instead of the zone's NS records: addresses and host names, a port behind them or not. At most `max`
 * addresses. Ended by dns_cancel. */
struct dns_question *zone_servers_find(struct dns_client *c, const char *zone, const char *const *given,
    size_t given_n, size_t max, zone_servers_fn *fn, void *arg);

#endif
