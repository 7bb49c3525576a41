/*
 * How records get into the DNS: the entries of `dns:` (credentials of a provider, or a program), which of
 * them a certificate uses for which names, and how is found out that a record has spread. The settings of an
 * entry are those that its provider declares (config/provider.h).
 */
#ifndef EVERCERT_CONFIG_DNS_H
#define EVERCERT_CONFIG_DNS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_ENTRIES_MAX = 1000,          /* of one configuration: a credential for each customer of a platform */
    DNS_VALUES_MAX = 64,             /* settings of one entry */
    DNS_VALUE_MAX = 16 * 1024,       /* octets of one; a service account's key takes 3 kB */
    WISH_DNS_MAX = 100,              /* patterns of one certificate, one for each name at most */
    WISH_DNS_ENTRIES_MAX = 4,        /* entries of one pattern: DNS servers that are updated side by side */
    PROPAGATION_TIMEOUT_S = 10 * 60, /* where nothing is said */
    PROPAGATION_TIMEOUT_MAX_S = 2 * 3600, /* orders live for hours at most */
    PROPAGATION_DELAY_MAX_S = 3600,
    PROPAGATION_NAMED_MAX =
        8, /* servers in each of the two lists: as many as look-ups take (LOOKUP_SERVERS_MAX) */
    PROPAGATION_TEXT_MAX = 4096, /* octets of its JSON; a server takes 50 */
};

/* How is found out that a record has spread: id, word of propagation.check. */
#define PROPAGATION_CHECKS(X)                                                                        \
    X(PROPAGATION_AUTHORITATIVE, "authoritative") /* every server of the zone has it */              \
    X(PROPAGATION_RECURSIVE, "recursive")         /* these, and then the resolvers see it as well */ \
    X(PROPAGATION_NONE, "none")                   /* not at all; only `delay` is waited */

enum propagation_check {
#define PROPAGATION_CHECK_ENUM(id, text) id,
    PROPAGATION_CHECKS(PROPAGATION_CHECK_ENUM)
#undef PROPAGATION_CHECK_ENUM
        PROPAGATION_CHECK_END_
};

struct propagation {
    enum propagation_check check;
    int64_t timeout_s;            /* until it must have spread */
    int64_t delay_s;              /* waited before the first look, and before the CA is told */
    const char *const *resolvers; /* asked for zones and addresses; none: the system's */
    size_t resolver_n;
    const char *const *nameservers; /* asked instead of those that the zone names, for a DNS that looks
                                     * different from inside; none: those of the zone */
    size_t nameserver_n;
};

/* One setting as it was written. */
struct dns_value {
    const char *key;
    const char *const *values; /* one, or a list */
    size_t n;
    bool secret;       /* not shown: by the catalogue, else by what the key is called */
    const char *where; /* "FILE:LINE:COLUMN" */
};

/* An entry of `dns:`. */
struct dns_entry {
    const char *name;
    const char *where;
    const char *provider;           /* a provider's name, as `dns list` shows it */
    const struct dns_value *values; /* as written; without provider and propagation */
    size_t value_n;
    bool has_propagation; /* its own; else the settings' one counts */
    struct propagation propagation;
    /* A JSON object of all settings of the provider: defaults filled in, files of secrets read. "" until
     * providers_apply() made it. A secret. */
    const char *settings;
    const char *kind; /* of its provider: "lua", "program" or "builtin"; "" until then */
};

/* False for a text that is none. */
bool propagation_check_parse(const char *text, enum propagation_check *out);
/* Static storage. */
const char *propagation_check_text(enum propagation_check c);
/* JSON for the way to another process and back. */
void propagation_encode(const struct propagation *p, struct buf *out);
int propagation_decode(struct str json, struct arena *a, struct propagation *out, struct err *err);

/*
 * Which entries answer for a record: `choices` are pairs of a pattern and of entries ("corp", or "corp,other"
 * where two DNS servers are to be updated). A pattern is "*", or "*.example.org" or "example.org", which mean
 * the same: every name at that name or below. The longest that fits `name` (the end of a chain of CNAMEs, in
 * lower-case A-labels, without a dot at its end) counts. Names of entries in `a`; *n is 0 where none fits.
 */
struct pair;
const char *const *dns_choose(
    const struct pair *choices, size_t choice_n, const char *name, struct arena *a, size_t *n);
/* Whether a key is called like a secret: where the catalogue is not known. */
bool dns_key_is_secret(struct str key);
/* The entry of that name; NULL where there is none. */
struct settings;
const struct dns_entry *dns_entry_find(const struct settings *s, struct str name);
/* "corp,other" as a list; names in `a`. *n is 0 for "". */
const char *const *dns_entries_split(const char *entries, struct arena *a, size_t *n);
/* The name at and below which a pattern fits: "" of "*", "example.org" of both other forms. Points into it.
 */
struct str dns_pattern_base(const char *pattern);

#endif
