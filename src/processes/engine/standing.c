/*
 * Standing records of dns-persist-01 between orders: does each name of a certificate have one that lasts
 * until the next renewal? Somebody may have removed it, and a change of the account's key, or of the account,
 * makes it another's. Looked at daily, and by `check`.
 */
#include "processes/engine/engine.h"

#include "acme/identifier.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct standing_look {
    struct engine *engine;
    struct arena *arena;
    struct authority *authority;
    struct persist_spec spec;
    struct persist_look *look;
    standing_fn *fn;
    void *arg;
};

static void over(struct standing_look *l, struct wall until, const struct err *err)
{
    standing_fn *fn = l->fn;
    void *arg = l->arg;
    struct err why = err != NULL ? *err : (struct err)ERR_INIT;
    arena_free(l->arena);
    free(l);
    fn(until, err != NULL ? &why : NULL, arg);
}

static void on_looked(struct wall until, const struct err *err, void *arg)
{
    over(arg, until, err);
}

/* Whom a record may name: what the directory says of such records, else its names in CAA records. */
static void find_issuers(struct standing_look *l)
{
    const struct directory *d = &l->authority->directory;
    const char **issuers = arena_array(l->arena, STANDING_ISSUERS_MAX, sizeof *issuers), *name;
    size_t n = 0;
    for (; n < d->issuer_domain_name_n && n < STANDING_ISSUERS_MAX; n++)
        issuers[n] = arena_dup(l->arena, d->issuer_domain_names[n]);
    for (size_t i = 0; d->issuer_domain_name_n == 0 && n < STANDING_ISSUERS_MAX &&
                       (name = authority_caa_name(l->authority, i, l->arena)) != NULL;
         i++)
        issuers[n++] = name;
    l->spec.issuers = issuers;
    l->spec.issuer_n = n;
    l->spec.hashed = d->account_hash_prefix.n > 0;
}

static void on_authority(struct engine *e, const struct err *why, void *arg)
{
    struct standing_look *l = arg;
    struct err err = ERR_INIT;
    if (why != NULL) {
        over(l, (struct wall){0}, why);
        return;
    }
    find_issuers(l);
    if (l->spec.issuer_n == 0) {
        err_set(&err, ERR_NOT_FOUND, "%s does not say by which names it goes in the DNS", l->authority->name);
        over(l, (struct wall){0}, &err);
        return;
    }
    l->look = persist_look(e, &l->spec, on_looked, l);
}

void standing_look(
    struct engine *e, struct authority *a, struct str permit, const char *name, standing_fn *fn, void *arg)
{
    struct standing_look *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    *l = (struct standing_look){.engine = e, .arena = arena_new(), .authority = a, .fn = fn, .arg = arg};
    l->spec = (struct persist_spec){.authority = a,
        .permit = arena_str(l->arena, permit),
        .identifier = arena_dup(l->arena, identifier_base(str_c(name))),
        .wildcard = identifier_is_wildcard(str_c(name))};
    authority_need(a, false, on_authority, l);
}

/* --- daily --- */

bool standing_is_wanted(const struct wish *w)
{
    for (size_t i = 0; i < w->challenge_n; i++)
        if (acme_challenge_parse(str_c(w->challenges[i])) == CHALLENGE_DNS_PERSIST_01)
            return true;
    return false;
}

/* The names of one certificate, one after the other. */
struct round {
    struct engine *engine;
    struct arena *arena;
    struct certificate record;
    struct wish wish;
    struct authority *authority;
    size_t at;
};

static void look_at_next(struct round *r);

static void on_standing(struct wall until, const struct err *err, void *arg)
{
    struct round *r = arg;
    const char *name = r->wish.domains[r->at], *text = NULL;
    char when[TIME_TEXT_MAX];
    if (err != NULL && !err_is_temporary(err->code))
        text = arena_printf(r->arena,
            "%s: its record of dns-persist-01 would not be accepted (%s); evercert dns record %s prints the "
            "one to set",
            name, err->text, r->record.name);
    else if (err == NULL && until.s > 0 && until.s <= r->record.due_at.s)
        text = arena_printf(r->arena,
            "%s: its record of dns-persist-01 ends on %s, before the next renewal: set a later persistUntil",
            name, wall_format(until, when));
    if (text != NULL) {
        log_certificate(r->record.name, LOG_LEVEL_WARNING, "%s: %s", r->record.name, text);
        history_add(r->engine, r->record.name, "record-unfit", text, NULL);
        happen(r->engine, &r->record, &r->wish, DEPLOY_FAILING, text);
    }
    r->at++;
    look_at_next(r);
}

static void look_at_next(struct round *r)
{
    while (r->at < r->wish.domain_n &&
           !acme_challenge_proves(CHALLENGE_DNS_PERSIST_01, str_c(r->wish.domains[r->at])))
        r->at++;
    if (r->at < r->wish.domain_n) {
        standing_look(r->engine, r->authority, r->record.permit, r->wish.domains[r->at], on_standing, r);
        return;
    }
    arena_free(r->arena);
    free(r);
}

void standing_watch(struct engine *e, const char *name)
{
    struct round *r = calloc(1, sizeof *r);
    if (r == NULL)
        abort();
    *r = (struct round){.engine = e, .arena = arena_new()};
    bool good = store_certificate_get(e->store, str_c(name), r->arena, &r->record, NULL) == 0 &&
                wish_decode(str_c(r->record.wish), r->arena, &r->wish, NULL) == 0 &&
                wish_select(&r->wish, (uint32_t)r->record.variant, r->arena, NULL) == 0 &&
                standing_is_wanted(&r->wish);
    /* One that is not configured any more has no account to look for. */
    r->authority = good ? authority_of_account(e, r->record.authority) : NULL;
    if (r->authority == NULL || authority_rests(r->authority)) /* that is for another day */
        r->wish.domain_n = 0;
    look_at_next(r);
}
