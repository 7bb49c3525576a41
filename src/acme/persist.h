/*
 * The standing TXT records of dns-persist-01 (draft-ietf-acme-dns-persist): who may have certificates for a
 * name without showing anything anew. A record is an issue-value of RFC 8659 4.2:
 *
 *   authority.example; accounturi=https://ca.example/acct/1; policy=wildcard; persistUntil=1790000000
 */
#ifndef EVERCERT_ACME_PERSIST_H
#define EVERCERT_ACME_PERSIST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PERSIST_RECORD_MAX = 4096, /* octets; an account's URL takes a few hundred at most */
    PERSIST_PARAMETERS_MAX = 32,
};

struct persist_record {
    const char *issuer;      /* a domain name in lower case */
    const char *account_uri; /* "": it names none */
    bool wildcard;           /* policy=wildcard: wildcards and names below too */
    int64_t until;           /* Unix time; 0: for ever */
};

/* Tags and the policy's word are compared without case, unknown parameters are passed over; one that comes
 * twice, blanks within a value and whatever else RFC 8659 does not have are ERR_INPUT. Texts are in `a`. */
int persist_record_parse(struct str text, struct arena *a, struct persist_record *out, struct err *err);

/* What has to be said: one of the issuers, with the account URI of the same place. */
struct persist_demand {
    const char *const *issuers, *const *account_uris;
    size_t n;
    bool wildcard; /* the record must be good for a wildcard */
};

/* Which of the TXT records at one name meets the demand: *which and *until are set. Where none does, the text
 * says how near the nearest came: ERR_NOT_FOUND for no record of these issuers, ERR_VERIFY for one of another
 * account, without the policy, or that has expired. `name` is where they stand, for the text. */
int persist_choose(const struct persist_demand *d, const char *name, const struct str *records, size_t n,
    struct wall now, size_t *which, int64_t *until, struct err *err);

#endif
