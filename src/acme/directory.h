/* The directory object (RFC 8555 7.1.1). */
#ifndef EVERCERT_ACME_DIRECTORY_H
#define EVERCERT_ACME_DIRECTORY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* A profile that the CA offers (draft-ietf-acme-profiles 3). */
struct directory_profile {
    struct str name;        /* 1..ACME_PROFILE_NAME_MAX octets of printable ASCII without blanks */
    struct str description; /* for people: cleaned and capped; may be empty */
};

struct directory {
    struct str new_nonce, new_account, new_order, revoke_cert, key_change; /* key_change may be empty */
    struct str new_authz;        /* RFC 8555 7.4.1; "" where the CA does not pre-authorize */
    struct str renewal_info;     /* RFC 9773 3; "" where absent */
    struct str terms_of_service; /* any scheme, display only; "" where absent */
    struct str website;
    bool external_account_required;
    const struct directory_profile *profiles; /* at most ACME_PROFILES_MAX */
    size_t profile_n;
    const struct str *caa_identities; /* the CA's own names in CAA records, cleaned; ACME_CA_NAMES_MAX */
    size_t caa_identity_n;
    /* draft-ietf-acme-dns-persist: whom a persistent record names, and what stands before the account. */
    const struct str *issuer_domain_names;
    size_t issuer_domain_name_n;
    struct str account_hash_prefix; /* cleaned; "" where absent */
};

/* Parses and checks; every URL must be of the origin of `url`, the directory's own. Unknown members and a
 * missing, null or empty meta are fine; a missing newNonce, newAccount or newOrder is ERR_INPUT. What the
 * later documents added (newAuthz, renewalInfo, profiles, caaIdentities, issuerDomainNames,
 * accountHashPrefix) is taken where it is sound and counts as absent where it is not: a CA that gets an
 * extension wrong still issues. Strings live in `a`. */
int directory_parse(struct str json, struct str url, struct arena *a, struct directory *out, struct err *err);

/* Whether the CA offers the profile of this very name. */
bool directory_has_profile(const struct directory *d, struct str name);

#endif
