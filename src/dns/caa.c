#include "dns/caa.h"

#include "base/issue_value.h"
#include "dns/client_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    CRITICAL = 128,
    SHOWN_MAX = 120, /* octets of a foreign text in an error */
};

/* --- one value of issue or issuewild (RFC 8659 4.2) --- */

struct issue {
    struct str issuer; /* empty: nobody; so is what is malformed */
    struct str account, methods;
    bool has_account, has_methods;
    bool unsatisfiable; /* a parameter twice (RFC 8657 3, 4) */
};

static void take_parameter(struct issue *out, struct str tag, struct str value)
{
    if (str_eq_nocase(tag, STR("accounturi"))) {
        out->unsatisfiable |= out->has_account;
        out->has_account = true;
        out->account = value;
    } else if (str_eq_nocase(tag, STR("validationmethods"))) {
        out->unsatisfiable |= out->has_methods;
        out->has_methods = true;
        out->methods = value;
    }
}

static struct issue issue_parse(struct str text)
{
    struct issue_value v;
    struct str tag, value;
    int more = issue_value_begin(text, &v) ? 1 : -1;
    struct issue out = {.issuer = v.issuer};
    while (more > 0 && (more = issue_value_next(&v, &tag, &value)) > 0)
        take_parameter(&out, tag, value);
    return more < 0 ? (struct issue){0} : out;
}

/* --- the judgement --- */

static bool is_known(struct str tag)
{
    static const char *const known[] = {
        "issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq_c(tag, known[i]))
            return true;
    return false;
}

static bool is_listed(struct str list, const char *word)
{
    struct str one;
    for (bool more = true; more;) {
        more = str_cut(list, ',', &one, &list);
        if (str_eq_c(one, word))
            return true;
    }
    return false;
}

/* How near a record comes to allowing it, for the words where none does. */
enum fit { FIT_NOBODY, FIT_OTHERS, FIT_MALFORMED, FIT_METHOD, FIT_ACCOUNT, FIT_ALLOWED };

static enum fit fit_of(const struct issue *i, const struct caa_wish *wish)
{
    bool ours = false;
    for (size_t k = 0; k < wish->issuer_n; k++)
        ours |= str_eq_nocase(i->issuer, str_c(wish->issuers[k]));
    if (i->issuer.n == 0)
        return FIT_NOBODY;
    if (!ours)
        return FIT_OTHERS;
    if (i->unsatisfiable)
        return FIT_MALFORMED;
    if (i->has_account && !str_eq_c(i->account, wish->account))
        return FIT_ACCOUNT;
    if (i->has_methods && wish->method[0] != '\0' && !is_listed(i->methods, wish->method))
        return FIT_METHOD;
    return FIT_ALLOWED;
}

static int shown(struct str s)
{
    return (int)(s.n < SHOWN_MAX ? s.n : SHOWN_MAX);
}

static int refuse(const char *owner, const char *tag, enum fit fit, const struct issue *i,
    const struct caa_wish *wish, struct err *err)
{
    const char *ca = wish->issuer_n > 0 ? wish->issuers[0] : "this CA";
    switch (fit) {
    case FIT_ACCOUNT:
        return err_set(err, ERR_REFUSED,
            "CAA at %s lets %s issue for the account %.*s only, and ours is %s; change accounturi of the %s "
            "record",
            owner, ca, shown(i->account), i->account.p,
            wish->account[0] != '\0' ? wish->account : "not made yet", tag);
    case FIT_METHOD:
        return err_set(err, ERR_REFUSED,
            "CAA at %s lets %s validate by %.*s only, and not by %s; change validationmethods of the %s "
            "record, "
            "or the challenge",
            owner, ca, shown(i->methods), i->methods.p, wish->method, tag);
    case FIT_MALFORMED:
        return err_set(err, ERR_REFUSED,
            "CAA at %s names a parameter twice in the %s record for %s, which allows nothing (RFC 8657 3)",
            owner, tag, ca);
    case FIT_OTHERS:
        return err_set(err, ERR_REFUSED, "CAA at %s lets %.*s issue%s, and not %s; add: %s CAA 0 %s \"%s\"",
            owner, shown(i->issuer), i->issuer.p, wish->wildcard ? " for wildcards" : "", ca, owner, tag, ca);
    case FIT_NOBODY:
    case FIT_ALLOWED:
        break;
    }
    return err_set(err, ERR_REFUSED, "CAA at %s lets nobody issue%s; for %s add: %s CAA 0 %s \"%s\"", owner,
        wish->wildcard ? " for wildcards" : "", ca, owner, tag, ca);
}

int caa_judge(const char *owner, const struct dns_record *records, size_t n, const struct caa_wish *wish,
    struct err *err)
{
    const char *tag = "issue";
    enum fit best = FIT_NOBODY;
    struct issue nearest = {0};
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if ((records[i].flags & CRITICAL) != 0 && !is_known(records[i].tag))
            return err_set(err, ERR_REFUSED,
                "CAA at %s has the critical property %.*s, which CAs do not know: they may not issue; remove "
                "it, "
                "or its flag 128",
                owner, shown(records[i].tag), records[i].tag.p);
        if (wish->wildcard && str_eq_c(records[i].tag, "issuewild"))
            tag = "issuewild";
    }
    for (size_t i = 0; i < n; i++) {
        if (!str_eq_c(records[i].tag, tag))
            continue;
        struct issue one = issue_parse(records[i].text);
        enum fit fit = fit_of(&one, wish);
        if (fit == FIT_ALLOWED)
            return 0;
        if (!any || fit > best) {
            best = fit;
            nearest = one;
        }
        any = true;
    }
    return any ? refuse(owner, tag, best, &nearest, wish, err) : 0;
}

/* --- the walk --- */

struct walk {
    struct dns_question q;
    struct arena *arena;
    struct caa_wish wish;
    caa_fn *fn;
    void *arg;
    const char *name, *at;
    struct dns_question *asking;
};

static void walk_free(struct walk *w)
{
    arena_free(w->arena);
    free(w);
}

static void walk_drop(struct dns_question *q)
{
    struct walk *w = (struct walk *)q;
    dns_cancel(w->asking);
    question_end(q);
    walk_free(w);
}

static void finish(struct walk *w, const struct caa_result *r, const struct err *err)
{
    question_end(&w->q);
    w->fn(r, err, w->arg);
    walk_free(w);
}

static void on_records(const struct dns_answer *a, void *arg)
{
    struct walk *w = arg;
    struct caa_result r = {0};
    struct err err;
    w->asking = NULL;
    if (a->state == DNS_FAILED || a->state == DNS_BOGUS) {
        err = a->err;
        err_prefix(
            &err, "whether CAA lets the CA issue for %s is not known, and CAs take that as a no", w->name);
        finish(w, &r, &err);
    } else if (a->state == DNS_FOUND) {
        r = (struct caa_result){.owner = w->at, .records = a->records, .n = a->n};
        finish(w, &r, caa_judge(w->at, a->records, a->n, &w->wish, &err) < 0 ? &err : NULL);
    } else if (name_parent(w->at)[0] == '\0') {
        finish(w, &r, NULL);
    } else {
        w->at = name_parent(w->at);
        w->asking = dns_ask(w->q.owner, w->at, DNS_CAA, on_records, w);
    }
}

struct dns_question *caa_look(
    struct dns_client *c, const char *name, const struct caa_wish *wish, caa_fn *fn, void *arg)
{
    bool wildcard = str_starts(str_c(name), STR("*."));
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort(); /* small and internal */
    w->arena = arena_new();
    w->name = w->at = arena_dup_c(w->arena, wildcard ? name + 2 : name);
    w->wish = *wish;
    w->wish.wildcard |= wildcard;
    w->wish.account = arena_dup_c(w->arena, wish->account);
    w->wish.method = arena_dup_c(w->arena, wish->method);
    w->wish.issuer_n = wish->issuer_n < CAA_ISSUERS_MAX ? wish->issuer_n : CAA_ISSUERS_MAX;
    const char **issuers = arena_array(w->arena, w->wish.issuer_n, sizeof *issuers);
    for (size_t i = 0; i < w->wish.issuer_n; i++)
        issuers[i] = arena_dup_c(w->arena, wish->issuers[i]);
    w->wish.issuers = issuers;
    w->fn = fn;
    w->arg = arg;
    question_begin(c, &w->q, walk_drop);
    w->asking = dns_ask(c, w->at, DNS_CAA, on_records, w);
    return &w->q;
}
