/*
 * Questions to the DNS beyond addresses: records of the types that validation is about, the zone that a name
 * belongs to, and the name that a chain of CNAMEs leads to. By c-ares on an event loop. Names are lower-case
 * A-labels without a dot at the end, "" is the root.
 */
#ifndef EVERCERT_DNS_CLIENT_H
#define EVERCERT_DNS_CLIENT_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_RECORDS_MAX = 256,   /* of one answer; what comes beyond is left out */
    DNS_CHAIN_MAX = 16,      /* names of a chain of CNAMEs; resolvers follow about as many */
    DNS_ZONE_AGE_S = 5 * 60, /* a zone that was found is not looked for again before */
    DNS_ZONES_MAX = 1024,    /* zones that are kept */
};

enum dns_type { DNS_TXT, DNS_NS, DNS_SOA, DNS_CNAME, DNS_CAA, DNS_TYPE_END_ };

/* What there is of one type at one name. */
enum dns_state {
    DNS_FOUND,
    DNS_NO_DATA, /* the name is there, records of the type are not */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_FAILED,  /* nobody knows; `err` says why */
    DNS_BOGUS,   /* the resolver says SERVFAIL, but has an answer where it is told not to check DNSSEC */
};

struct dns_record {
    struct str text; /* TXT: its strings joined; NS, CNAME: the name; SOA: the zone's name; CAA: the value */
    struct str tag;  /* CAA: issue, issuewild, ... in lower case */
    unsigned flags;  /* CAA */
    uint32_t serial; /* SOA */
};

struct dns_answer {
    enum dns_state state;
    struct err err;    /* of FAILED and BOGUS: with the servers that were asked */
    const char *owner; /* where the records stand: the name asked for, or what its CNAMEs lead to */
    const struct dns_record *records;
    size_t n;
};

struct dns_client;   /* servers and what is known of zones; opaque */
struct dns_question; /* one that goes on */

/* servers: as for lookup_new (dns/lookup.h); none: those of the system. */
struct dns_client *dns_client_new(
    struct event_base *base, const char *const *servers, size_t n, struct err *err);
/* Questions that go on are dropped without a call. NULL is fine. Callbacks may do it. */
void dns_client_free(struct dns_client *c);

/* What the resolvers say. Valid until the callback returns, which never comes from within the call. */
typedef void dns_answer_fn(const struct dns_answer *answer, void *arg);
struct dns_question *dns_ask(
    struct dns_client *c, const char *name, enum dns_type type, dns_answer_fn *fn, void *arg);

/* Where a record for `name` has to stand, so that whoever asks for `name` finds it. The resolvers are asked
 * for the zone of what is above `name`, and its servers for `name`: no resolver comes to know that it is not
 * there yet, unless no server of the zone is in reach. */
struct dns_place {
    const char *name;         /* the end of the chain; `name` itself without CNAMEs */
    const char *zone;         /* that it belongs to: the owner of the SOA record nearest above */
    const char *const *chain; /* the names between the two, the last is `name`; none without CNAMEs */
    size_t chain_n;
};
/* `p` is NULL where there is no such place: ERR_NOT_FOUND (no zone), ERR_LIMIT (a chain without an end, the
 * loop is named), ERR_NETWORK, ERR_TIMEOUT, ERR_REFUSED (DNSSEC of that zone does not verify). */
typedef void dns_place_fn(const struct dns_place *p, const struct err *err, void *arg);
struct dns_question *dns_locate(struct dns_client *c, const char *name, dns_place_fn *fn, void *arg);

/* What the servers of the zone themselves have, without a cache between, along CNAMEs: at the place that
 * dns_locate finds. The resolvers are asked where none of them is in reach. As dns_ask; FAILED also where
 * there is no such place. */
struct dns_question *dns_ask_there(
    struct dns_client *c, const char *name, enum dns_type type, dns_answer_fn *fn, void *arg);

/* It is not called any more. NULL is fine. */
void dns_cancel(struct dns_question *q);

#endif
