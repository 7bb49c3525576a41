#include "acme/persist.h"

#include "base/issue_value.h"

#include <string.h>

/* --- the grammar --- */

static const char *in_lower_case(struct str s, struct arena *a)
{
    char *out = arena_dup(a, s);
    for (char *c = out; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return out;
}

/* The parameters that mean something; each at most once. */
enum { SEEN_ACCOUNT = 1, SEEN_POLICY = 2, SEEN_UNTIL = 4 };

static int take(struct str tag, struct str value, struct arena *a, struct persist_record *r, unsigned *seen,
    struct err *err)
{
    unsigned bit = str_eq_nocase(tag, STR("accounturi"))     ? SEEN_ACCOUNT
                   : str_eq_nocase(tag, STR("policy"))       ? SEEN_POLICY
                   : str_eq_nocase(tag, STR("persistuntil")) ? SEEN_UNTIL
                                                             : 0;
    uint64_t until;
    if ((*seen & bit) != 0)
        return err_set(err, ERR_INPUT, "it says %.*s twice", STR_ARG(tag));
    *seen |= bit;
    if (bit == SEEN_ACCOUNT)
        r->account_uri = arena_dup(a, value);
    if (bit == SEEN_POLICY)
        r->wildcard = str_eq_nocase(value, STR("wildcard"));
    if (bit == SEEN_UNTIL) {
        if (!str_to_u64(value, INT64_MAX, &until) || until == 0)
            return err_set(err, ERR_INPUT, "persistUntil is no Unix time");
        r->until = (int64_t)until;
    }
    return 0;
}

int persist_record_parse(struct str text, struct arena *a, struct persist_record *out, struct err *err)
{
    struct persist_record r = {.account_uri = ""};
    struct issue_value v;
    struct str tag, value;
    unsigned seen = 0;
    if (text.n > PERSIST_RECORD_MAX)
        return err_set(err, ERR_LIMIT, "it is longer than %d octets", (int)PERSIST_RECORD_MAX);
    if (!issue_value_begin(text, &v) || v.issuer.n == 0)
        return err_set(err, ERR_INPUT, "it does not begin with the name of an issuer");
    r.issuer = in_lower_case(v.issuer, a);
    int more;
    for (int n = 0; (more = issue_value_next(&v, &tag, &value)) != 0; n++) {
        if (n == PERSIST_PARAMETERS_MAX)
            return err_set(err, ERR_LIMIT, "it has too many parameters");
        if (more < 0)
            return err_set(err, ERR_INPUT, "its parameter number %d is none", n + 1);
        int failed = take(tag, value, a, &r, &seen, err);
        if (failed < 0)
            return failed;
    }
    *out = r;
    return 0;
}

/* --- the demand --- */

/* How far a record gets; the furthest one is worth telling of. */
enum reach { REACH_NOTHING, REACH_MALFORMED, REACH_ISSUER, REACH_ACCOUNT, REACH_POLICY, REACH_ALL };

static enum reach reach_of(const struct persist_demand *d, const struct persist_record *r, struct wall now)
{
    enum reach best = REACH_NOTHING;
    for (size_t i = 0; i < d->n; i++) {
        if (!str_eq_nocase(str_c(d->issuers[i]), str_c(r->issuer)))
            continue;
        enum reach reach = strcmp(d->account_uris[i], r->account_uri) != 0 ? REACH_ISSUER
                           : d->wildcard && !r->wildcard                   ? REACH_ACCOUNT
                           : r->until != 0 && r->until <= now.s            ? REACH_POLICY
                                                                           : REACH_ALL;
        best = reach > best ? reach : best;
    }
    return best;
}

static int complain(enum reach reach, const struct persist_demand *d, const char *name,
    const struct persist_record *r, const struct err *malformed, struct err *err)
{
    char text[TIME_TEXT_MAX];
    const char *issuer = d->n > 0 ? d->issuers[0] : "the CA";
    switch (reach) {
    case REACH_MALFORMED:
        return err_set(
            err, ERR_VERIFY, "%s: the TXT record for %s cannot be read: %s", name, issuer, malformed->text);
    case REACH_ISSUER:
        return err_set(err, ERR_VERIFY, "%s: the TXT record for %s is of another account: %s", name,
            r->issuer, r->account_uri[0] != '\0' ? r->account_uri : "it names none");
    case REACH_ACCOUNT:
        return err_set(err, ERR_VERIFY,
            "%s: the TXT record for %s is not good for a wildcard: it lacks policy=wildcard", name,
            r->issuer);
    case REACH_POLICY:
        return err_set(err, ERR_VERIFY, "%s: the TXT record for %s has expired on %s (persistUntil)", name,
            r->issuer, wall_format((struct wall){r->until}, text));
    case REACH_NOTHING:
    case REACH_ALL:
        break;
    }
    return err_set(err, ERR_NOT_FOUND, "%s: there is no TXT record for %s; `evercert dns record` prints it",
        name, issuer);
}

/* Whether a text that is no record was meant as one for them. */
static bool is_meant(const struct persist_demand *d, struct str text)
{
    struct issue_value v;
    for (size_t i = 0; i < d->n && issue_value_begin(text, &v); i++)
        if (str_eq_nocase(v.issuer, str_c(d->issuers[i])))
            return true;
    return false;
}

int persist_choose(const struct persist_demand *d, const char *name, const struct str *records, size_t n,
    struct wall now, size_t *which, int64_t *until, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct persist_record nearest = {.account_uri = ""};
    struct err malformed = ERR_INIT;
    enum reach best = REACH_NOTHING;
    for (size_t i = 0; i < n; i++) {
        struct persist_record r;
        struct err why = ERR_INIT;
        enum reach reach = persist_record_parse(records[i], a, &r, &why) == 0 ? reach_of(d, &r, now)
                           : is_meant(d, records[i])                          ? REACH_MALFORMED
                                                                              : REACH_NOTHING;
        if (reach == REACH_ALL) {
            *which = i;
            *until = r.until;
            return 0;
        }
        if (reach <= best)
            continue;
        best = reach;
        if (reach == REACH_MALFORMED)
            malformed = why;
        else
            nearest = r;
    }
    return complain(best, d, name, &nearest, &malformed, err);
}
