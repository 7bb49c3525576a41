/* Dynamic updates (RFC 2136) of TXT records over TCP, signed with TSIG (RFC 8945) by ldns. */
#ifndef EVERCERT_DNS_UPDATE_H
#define EVERCERT_DNS_UPDATE_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_UPDATE_TIME_MS = 15 * 1000,
    DNS_UPDATE_VALUES_MAX = 32, /* of one update */
    DNS_TSIG_SECRET_MAX = 1024, /* octets of a key in base64 */
};

struct dns_update_spec {
    const char *server;      /* "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53"; addresses alone */
    const char *zone, *name; /* no dot at the end */
    uint32_t ttl;
    const char *const *add, *const *remove; /* values of TXT records: exactly these */
    size_t add_n, remove_n;
    const char *key_name, *key_algorithm,
        *key_secret; /* "hmac-sha256", -sha512, -sha1, hmac-md5; base64; key_name "": unsigned */
};

struct dns_update;

/* err NULL: done. Else with the rcode in words and what to do: ERR_REFUSED for REFUSED and NOTAUTH,
 * ERR_INPUT for NOTZONE and FORMERR, ERR_NETWORK, ERR_TIMEOUT; BADKEY, BADSIG and BADTIME (with the
 * difference of the clocks) of TSIG, and an answer that is not signed as it must be, have their own words. */
typedef void dns_update_fn(const struct err *err, void *arg);
/* Texts are copied. ERR_INPUT for a server that is no address, an unknown algorithm, a secret that is no
 * base64, a name outside the zone; ERR_LIMIT, ERR_MEMORY, ERR_CRYPTO. `fn` is never called from within. */
int dns_update_start(struct event_base *base, const struct dns_update_spec *spec, dns_update_fn *fn,
    void *arg, struct dns_update **out, struct err *err);
/* It is not called any more; whether the server did it, nobody knows. */
void dns_update_cancel(struct dns_update *u);

#endif
