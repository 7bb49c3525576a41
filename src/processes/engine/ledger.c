/*
 * The CA's published limits: what the store's buckets say about an order before it is placed, and what they
 * learn from what became of it. The rules are policy/ledger.h; which limits a CA has, its preset says. Of a
 * CA that publishes none nothing is kept, and everything may be ordered.
 */
#include "processes/engine/engine.h"

#include "base/log.h"
#include "config/facts.h"

#include <string.h>

/* A bucket of one limit, and how full it is. */
struct tokens {
    const struct rate_limit *limit;
    char key[LEDGER_KEY_MAX];
    int64_t at_us;
};

static const struct rate_limit *limit_of(const struct authority *a, enum limit_kind kind)
{
    size_t n;
    const struct rate_limit *limits = facts_limits(str_c(a->directory_url), &n);
    for (size_t i = 0; i < n; i++)
        if (limits[i].kind == kind)
            return &limits[i];
    return NULL;
}

/* Nobody else writes buckets. */
static void remember(struct authority *a, const struct tokens *t)
{
    if (t->limit->kind != LIMIT_ORDERS)
        return;
    a->orders_at_us = t->at_us;
    a->orders_known = true;
}

/* False where the CA has no such limit. */
static bool tokens_load(struct authority *a, enum limit_kind kind, struct str subject, struct tokens *out)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = NULL;
    struct bucket_record bucket;
    struct err err = ERR_INIT;
    out->limit = limit_of(a, kind);
    if (out->limit == NULL)
        return false;
    ledger_key(kind, str_c(a->id), subject, out->key);
    if (kind == LIMIT_ORDERS && a->orders_known) { /* asked for with each look at the queues */
        out->at_us = a->orders_at_us;
        return true;
    }
    arena = arena_new();
    int r = store_bucket_get(a->engine->store, str_c(out->key), arena, &bucket, &err);
    if (r < 0 && r != ERR_NOT_FOUND)
        log_about(&(struct log_about){.authority = a->name}, LOG_LEVEL_ERROR, "%s: %s", a->name, err.text);
    out->at_us = r < 0 ? 0 : bucket.at_us;
    remember(a, out);
    return true;
}

static void tokens_save(struct authority *a, const struct tokens *t)
{
    struct err err = ERR_INIT;
    struct bucket_record bucket = {t->key, t->at_us, ledger_expires(t->at_us)};
    remember(a, t);
    if (store_bucket_put(a->engine->store, &bucket, &err) < 0)
        log_about(&(struct log_about){.authority = a->name}, LOG_LEVEL_ERROR, "%s: %s", a->name, err.text);
}

typedef int64_t take_fn(const struct rate_limit *limit, int64_t at_us, struct wall now);

static void take(struct authority *a, enum limit_kind kind, struct str subject, take_fn *fn)
{
    struct tokens t;
    if (!tokens_load(a, kind, subject, &t))
        return;
    t.at_us = fn(t.limit, t.at_us, engine_now(a->engine));
    tokens_save(a, &t);
}

/* What the limit is, for people. */
static const char *describe(
    const struct authority *a, const struct rate_limit *limit, struct str subject, struct arena *arena)
{
    char span[DURATION_TEXT_MAX];
    long long burst = (long long)limit->burst;
    duration_about(limit->period_s, span);
    switch (limit->kind) {
    case LIMIT_REGISTRATIONS:
        return arena_printf(
            arena, "%s allows %lld new accounts from one address in %s", a->name, burst, span);
    case LIMIT_ORDERS:
        return arena_printf(arena, "%s allows an account %lld new orders in %s", a->name, burst, span);
    case LIMIT_DOMAIN:
        return arena_printf(arena, "%s allows %lld certificates with names of %.*s in %s", a->name, burst,
            STR_ARG(subject), span);
    case LIMIT_EXACT_SET:
        return arena_printf(
            arena, "%s allows %lld certificates for exactly these names in %s", a->name, burst, span);
    case LIMIT_FAILURES:
        return arena_printf(arena, "%s allows an account %lld failed validations of %.*s in %s", a->name,
            burst, STR_ARG(subject), span);
    case LIMIT_CONSECUTIVE_FAILURES:
        return arena_printf(arena, "%s allows an account %lld failed validations of %.*s without a success",
            a->name, burst, STR_ARG(subject));
    case LIMIT_KINDS:
        break;
    }
    return "";
}

/* The limit that holds an order or a registration back for the longest. */
struct hold {
    const struct rate_limit *limit;
    struct str subject;
    struct wall may_at;
};

static void look(struct authority *a, enum limit_kind kind, struct str subject, struct hold *hold)
{
    struct tokens t;
    struct wall may_at;
    if (!tokens_load(a, kind, subject, &t) ||
        ledger_check(t.limit, t.at_us, engine_now(a->engine), &may_at) ||
        (hold->limit != NULL && hold->may_at.s >= may_at.s))
        return;
    *hold = (struct hold){t.limit, subject, may_at};
}

static bool is_free(const struct authority *a, const struct hold *hold, const char *what, struct wall *may_at,
    const char **reason, struct arena *arena)
{
    char when[TIME_TEXT_MAX];
    if (hold->limit == NULL)
        return true;
    *may_at = hold->may_at;
    *reason = arena_printf(arena, "%s; the next may be %s at %s",
        describe(a, hold->limit, hold->subject, arena), what, wall_format(hold->may_at, when));
    return false;
}

int64_t ledger_orders_left(struct authority *a, struct wall *may_at, const char **reason, struct arena *arena)
{
    struct tokens t;
    struct hold hold = {NULL, STR(""), {0}};
    if (!tokens_load(a, LIMIT_ORDERS, STR(""), &t))
        return INT64_MAX;
    int64_t left = ledger_free(t.limit, t.at_us, engine_now(a->engine));
    if (left == INT64_MAX)
        return left;
    for (const struct job *j = a->engine->jobs; j != NULL; j = j->next)
        if (!j->over && j->place == a && j->takes)
            left--;
    if (left > 0)
        return left;
    look(a, LIMIT_ORDERS, STR(""), &hold);
    if (is_free(a, &hold, "ordered", may_at, reason, arena)) { /* for those that are about to */
        *may_at = (struct wall){engine_now(a->engine).s + 1};
        *reason = describe(a, t.limit, STR(""), arena);
    }
    return left;
}

/* --- what an order is --- */

static bool is_among(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

bool ledger_same_names(
    const struct certificate *c, const struct wish *w, const char *const *omitted, size_t omitted_n)
{
    size_t n = 0;
    struct str rest = str_c(c->issued_wish_domains), one;
    while (rest.n > 0) {
        bool found = false;
        (void)str_cut(rest, ' ', &one, &rest);
        for (size_t i = 0; i < w->domain_n && !found; i++)
            found = str_eq_c(one, w->domains[i]) && !is_among(w->domains[i], omitted, omitted_n);
        if (!found)
            return false;
        n++;
    }
    return n > 0 && n == w->domain_n - omitted_n;
}

enum ledger_order ledger_kind_of(const struct certificate *c, const struct wish *w,
    const char *const *omitted, size_t omitted_n, const struct authority *a, bool replaces, struct wall now)
{
    if (replaces && c->ari_start.s > 0 && c->ari_start.s <= now.s)
        return LEDGER_ORDER_REPLACES;
    /* Another CA has not seen these names together. */
    struct str label, directory;
    (void)str_cut(str_c(c->authority), '#', &directory, &label);
    bool same_ca = str_eq_c(directory, a->directory_url);
    return same_ca && ledger_same_names(c, w, omitted, omitted_n) ? LEDGER_ORDER_SAME_SET : LEDGER_ORDER_NEW;
}

/* --- orders and buckets --- */

bool ledger_may_order(struct authority *a, const struct str *names, size_t n, enum ledger_order kind,
    struct wall *may_at, const char **reason, struct arena *arena)
{
    struct ledger_subject *subjects;
    struct hold hold = {NULL, STR(""), {0}};
    size_t count = ledger_order_subjects(names, n, kind, arena, &subjects);
    for (size_t i = 0; i < count; i++)
        look(a, subjects[i].kind, subjects[i].subject, &hold);
    return is_free(a, &hold, "ordered", may_at, reason, arena);
}

static void take_all(
    struct authority *a, const struct str *names, size_t n, enum ledger_order kind, enum ledger_moment moment)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct ledger_subject *subjects;
    size_t count = ledger_order_subjects(names, n, kind, arena, &subjects);
    for (size_t i = 0; i < count; i++)
        if (subjects[i].taken == moment)
            take(a, subjects[i].kind, subjects[i].subject,
                moment == LEDGER_AT_ORDER ? ledger_take_sent : ledger_take);
}

void ledger_note_order(struct authority *a, const struct str *names, size_t n, enum ledger_order kind)
{
    struct err err = ERR_INIT;
    if (store_bucket_delete_expired(a->engine->store, engine_now(a->engine), &err) < 0)
        log_about(&(struct log_about){.authority = a->name}, LOG_LEVEL_ERROR, "%s: %s", a->name, err.text);
    take_all(a, names, n, kind, LEDGER_AT_ORDER);
}

void ledger_note_issued(struct authority *a, const struct str *names, size_t n, enum ledger_order kind)
{
    take_all(a, names, n, kind, LEDGER_AT_ISSUE);
}

void ledger_note_past(struct authority *a, const struct str *names, size_t n, struct wall at)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct ledger_subject *subjects;
    struct tokens t;
    size_t count = ledger_order_subjects(names, n, LEDGER_ORDER_NEW, arena, &subjects);
    for (size_t i = 0; i < count; i++) {
        if (subjects[i].taken == LEDGER_AT_FAILURE ||
            !tokens_load(a, subjects[i].kind, subjects[i].subject, &t) ||
            at.s + t.limit->period_s <= engine_now(a->engine).s)
            continue;
        t.at_us = ledger_take(t.limit, t.at_us, at);
        tokens_save(a, &t);
    }
}

void ledger_note_failure(struct authority *a, const char *name)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct str subject = ledger_name_subject(str_c(name), arena);
    take(a, LIMIT_FAILURES, subject, ledger_take);
    take(a, LIMIT_CONSECUTIVE_FAILURES, subject, ledger_take);
}

void ledger_note_success(struct authority *a, const char *name)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct tokens t;
    if (!tokens_load(a, LIMIT_CONSECUTIVE_FAILURES, ledger_name_subject(str_c(name), arena), &t) ||
        t.at_us == 0)
        return;
    t.at_us = 0; /* expired: the next order's note deletes it */
    tokens_save(a, &t);
}

static void empty(
    struct authority *a, const struct rate_limit *limit, struct str subject, struct wall retry_at)
{
    struct tokens t;
    if (!tokens_load(a, limit->kind, subject, &t))
        return;
    t.at_us = ledger_full(limit, t.at_us, engine_now(a->engine), retry_at);
    tokens_save(a, &t);
}

/* Whether one of the buckets of this order was known to be empty: then the refusal says nothing new. */
static bool is_expected(struct authority *a, const struct ledger_subject *subjects, size_t n)
{
    struct hold hold = {NULL, STR(""), {0}};
    for (size_t i = 0; i < n; i++)
        look(a, subjects[i].kind, subjects[i].subject, &hold);
    return hold.limit != NULL;
}

void ledger_note_refused(
    struct authority *a, const struct str *names, size_t n, enum ledger_order kind, struct wall retry_at)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct ledger_subject *subjects;
    struct rate_limit counted[LIMIT_KINDS];
    size_t count = ledger_order_subjects(names, n, kind, arena, &subjects), of_kind[LIMIT_KINDS] = {0};
    if (retry_at.s == 0 || is_expected(a, subjects, count))
        return;
    for (size_t i = 0; i < count; i++)
        of_kind[subjects[i].kind]++;
    /* Which of several domains is used up cannot be told, and one that is not would be held back for days:
     * only this set is, then. */
    if (of_kind[LIMIT_DOMAIN] > 1)
        of_kind[LIMIT_DOMAIN] = 0;
    size_t counted_n = 0;
    for (int i = 0; i < LIMIT_KINDS; i++) {
        const struct rate_limit *limit = of_kind[i] > 0 ? limit_of(a, (enum limit_kind)i) : NULL;
        if (limit != NULL)
            counted[counted_n++] = *limit;
    }
    const struct rate_limit *guess = ledger_guess(counted, counted_n, retry_at.s - engine_now(a->engine).s);
    for (size_t i = 0; guess != NULL && i < count; i++)
        if (subjects[i].kind == guess->kind)
            empty(a, guess, subjects[i].subject, retry_at);
}

bool ledger_may_register(struct authority *a, struct wall *may_at, const char **reason, struct arena *arena)
{
    struct hold hold = {NULL, STR(""), {0}};
    look(a, LIMIT_REGISTRATIONS, STR(""), &hold);
    return is_free(a, &hold, "made", may_at, reason, arena);
}

void ledger_note_registration(struct authority *a)
{
    take(a, LIMIT_REGISTRATIONS, STR(""), ledger_take);
}
