/* What the operator wants, as rows of the store: from the configuration (what offers.c found to be new or
 * changed), by command, and what containers ask for. */
#include "processes/engine/placed.h"

#include "base/log.h"
#include "os/random.h"
#include "policy/schedule.h"

#include <stdlib.h>
#include <string.h>

#define CONTAINER_GONE "container-gone" /* event of the history */

struct feed_name {
    struct feed_name *next;
    const char *name;
};

static void feed_begin(struct feed *f)
{
    arena_free(f->arena);
    *f = (struct feed){.arena = arena_new()};
}

static void feed_note(struct feed *f, const char *name)
{
    struct feed_name *n = arena_alloc(f->arena, sizeof *n);
    *n = (struct feed_name){f->names, arena_dup_c(f->arena, name)};
    f->names = n;
    f->n++;
}

static bool has_text(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

/* Whether who issued what is live is still one of those the wish names. */
static bool is_of_its_issuers(struct engine *e, const struct certificate *c, const struct wish *w)
{
    const struct authority *issuer = authority_of_account(e, c->authority);
    for (size_t i = 0; issuer != NULL && i < w->authority_n; i++)
        if (authority_find(e, w->authorities[i]) == issuer)
            return true;
    return false;
}

/* Whether what is live would not do for the new wish. */
static bool differs(
    struct engine *e, const struct certificate *c, const struct wish *was, const struct wish *is)
{
    if (was->key_type != is->key_type || was->domain_n != is->domain_n ||
        was->must_staple != is->must_staple || strcmp(was->csr, is->csr) != 0 ||
        strcmp(was->profile, is->profile) != 0)
        return true;
    if (strcmp(was->authorities[0], is->authorities[0]) != 0 && !is_of_its_issuers(e, c, is))
        return true;
    for (size_t i = 0; i < is->domain_n; i++)
        if (!has_text(is->domains[i], was->domains, was->domain_n))
            return true;
    return false;
}

/* The order under way was for the old wish. Its generation stays taken: it may just have been published. */
static void drop_order(struct certificate *c)
{
    c->order_url = c->order_authority = "";
}

/* What was tried for the old wish says nothing about the new one. */
static void begin_anew(struct engine *e, struct certificate *c)
{
    drop_order(c);
    c->failures = 0;
    c->attempts = c->wait_reason = c->pause_link = "";
    c->wait_until = (struct wall){0};
    c->due_at = engine_now(e);
}

/* When there is nothing to gain from a new one: names that the CA rejected are asked for when they were to
 * be. */
static struct wall due_again(struct engine *e, const struct certificate *c, const struct wish *w)
{
    struct wall due = schedule_due(e, c, w);
    return c->omitted[0] != '\0' && c->due_at.s > 0 && c->due_at.s < due.s ? c->due_at : due;
}

/* Copies may have been changed or taken away while nobody looked; and with another wish other ones are
 * wanted. */
static bool look_now(struct engine *e, struct certificate *c, const struct wish *w, bool same)
{
    bool wanted = c->generation > 0 && !c->revoked && deploy_is_looked_at(w);
    struct wall at = c->look_due_at;
    if (!wanted)
        c->look_due_at = (struct wall){0};
    else if (!same || w->publication_n > 0 || at.s == 0)
        c->look_due_at = engine_now(e);
    return c->look_due_at.s != at.s;
}

/* Of one name there is one certificate: who asks for it last has it, and the log says from whom it came. */
static void tell_taken_over(const struct certificate *c, enum certificate_source by)
{
    static const char *const askers[] = {
        [SOURCE_CONFIG] = "the configuration", [SOURCE_COMMAND] = "command", [SOURCE_LABEL] = "a container"};
    if (c->source != by && !c->released)
        log_warning(
            "%s: there was a certificate of that name, asked for by %s; from now on it is as %s wants it",
            c->name, askers[c->source], by == SOURCE_COMMAND ? "the command" : askers[by]);
}

/* A wish on its way into the store. */
struct accepted {
    const char *text;
    struct str permit;
    enum certificate_source source;
    const char *holder;
};

static int accept_variant(
    struct engine *e, const struct accepted *t, uint32_t variant, bool *out_changed, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish is, was;
    struct certificate c;
    struct err unknown = ERR_INIT;
    int r;
    if ((r = wish_decode(str_c(t->text), a, &is, err)) < 0 || (r = wish_select(&is, variant, a, err)) < 0)
        return r;
    r = store_certificate_get(e->store, str_c(is.name), a, &c, &unknown);
    if (r < 0 && r != ERR_NOT_FOUND) {
        *err = unknown;
        return r;
    }
    bool known = r == 0, same_text = known && strcmp(c.wish, t->text) == 0 && c.variant == variant;
    bool same_asker = known && c.source == t->source && c.park_at.s == 0;
    if (same_text && !c.released && same_asker) {
        /* One replica more or less is no reason to begin anything anew. */
        bool same_holder = strcmp(c.holder, t->holder) == 0;
        c.holder = t->holder;
        return look_now(e, &c, &is, true) || !same_holder ? certificate_save(e, &c, err) : 0;
    }
    /* A container that comes and goes waits as long as one that stays. */
    bool waits = t->source == SOURCE_LABEL && same_text && !c.released && c.failures > 0 && c.due_at.s > 0;
    bool changed = true;
    if (!known)
        certificate_fresh(&c, is.name, variant);
    else if (wish_decode(str_c(c.wish), a, &was, NULL) == 0 &&
             wish_select(&was, (uint32_t)c.variant, a, NULL) == 0)
        changed = differs(e, &c, &was, &is);
    if (known)
        tell_taken_over(&c, t->source);
    c.wish = t->text;
    c.permit = t->permit;
    c.variant = variant;
    c.source = t->source;
    c.holder = t->holder;
    c.park_at = (struct wall){0};
    if (c.released && !c.revoked && c.ari_checked_at.s > 0)
        c.ari_due_at = engine_now(e);
    c.released = false;
    if (known)
        (void)look_now(e, &c, &is, false);
    c.deploy_step = 0; /* its steps may be others now */
    if (changed)
        begin_anew(e, &c);
    else if (c.generation == 0)
        c.due_at = waits ? c.due_at : engine_now(e);
    else if (!c.revoked && (c.failures == 0 || c.due_at.s == 0)) /* 0: it was released */
        c.due_at = due_again(e, &c, &is);
    if ((r = certificate_save(e, &c, err)) < 0)
        return r;
    struct job *j = job_find(e, is.name);
    if (j != NULL)
        job_restart(j);
    e->due_stale = true;
    *out_changed = *out_changed || changed;
    return 0;
}

/* Whether it still has every name of what was released: then it is the same certificate, asked for elsewhere.
 */
static bool has_all_names(const struct wish *w, const struct certificate *c, struct arena *a)
{
    struct wish was;
    bool has = wish_decode(str_c(c->wish), a, &was, NULL) == 0;
    for (size_t i = 0; has && i < was.domain_n; i++)
        has = has_text(was.domains[i], w->domains, w->domain_n);
    return has;
}

/* The name of a second key type must not be that of a certificate of its own, nor the other way round. What
 * the configuration asks for was compared there, and may change in one go. */
static int check_names(
    struct engine *e, const struct wish *w, enum certificate_source source, struct arena *a, struct err *err)
{
    for (uint32_t v = 0; v < w->key_type_n; v++) {
        struct certificate c;
        const char *name = wish_variant_name(w, v, a);
        if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0)
            continue;
        /* Servers may still be set up for the files that it left. */
        if (c.released && source == SOURCE_LABEL && !has_all_names(w, &c, a))
            return err_set(err, ERR_EXISTS,
                "%s: there is a certificate of that name with other names, kept from an earlier "
                "configuration; "
                "give this one another name, or end that one with evercert forget %s",
                name, name);
        if (c.released)
            continue;
        if (source == SOURCE_LABEL && c.source != SOURCE_LABEL)
            return err_set(err, ERR_EXISTS,
                "%s: there is a certificate of that name already, which was asked for by %s: a container "
                "that is to have it says evercert.use=%s",
                name, c.source == SOURCE_COMMAND ? "command" : "the configuration", name);
        if ((v > 0) == (c.variant > 0) || (source == SOURCE_CONFIG && c.source == SOURCE_CONFIG))
            continue;
        return err_set(err, ERR_CONFIG, "%s: there is another certificate of the name %s%s", w->name, name,
            v > 0 ? ", which the second key type needs: give one of them another name" : "");
    }
    return 0;
}

static int accept_wish(struct engine *e, const struct accepted *t, struct arena *a, struct wish *w,
    bool *out_changed, struct err *err)
{
    int r = wish_decode(str_c(t->text), a, w, err);
    *out_changed = false;
    if (r == 0)
        r = check_names(e, w, t->source, a, err);
    for (uint32_t v = 0; r == 0 && v < w->key_type_n; v++)
        r = accept_variant(e, t, v, out_changed, err);
    return r;
}

int wish_accept(struct engine *e, const char *wish, struct str permit, bool *out_changed, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct accepted t = {wish, permit, SOURCE_COMMAND, ""};
    struct wish w;
    return accept_wish(e, &t, a, &w, out_changed, err);
}

void wish_put(struct engine *e, const struct msg_wish_put *m)
{
    bool label = m->holder[0] != '\0';
    struct accepted t = {m->wish, m->permit, label ? SOURCE_LABEL : SOURCE_CONFIG, m->holder};
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct wish w;
    bool changed;
    if (accept_wish(e, &t, a, &w, &changed, &err) < 0) {
        log_error("%s%s%s", label ? m->holder : "", label ? ": " : "", err.text);
        return;
    }
    for (uint32_t v = 0; label && e->grants.arena != NULL && v < w.key_type_n; v++)
        feed_note(&e->grants, wish_variant_name(&w, v, a));
}

/* --- what is no longer asked for --- */

struct leftover {
    struct arena *arena;
    const char **kept; /* sorted */
    size_t n, at;
    struct feed_name *gone; /* found while reading */
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Rows come sorted, and so are the names fed: one walk over both. */
static int compare_row(const struct wish_record *c, void *arg)
{
    struct leftover *r = arg;
    if (c->source != SOURCE_LABEL || c->released)
        return 0;
    while (r->at < r->n && strcmp(r->kept[r->at], c->name) < 0)
        r->at++;
    if (r->at < r->n && strcmp(r->kept[r->at], c->name) == 0)
        return 0;
    struct feed_name *n = arena_alloc(r->arena, sizeof *n);
    *n = (struct feed_name){r->gone, arena_dup_c(r->arena, c->name)};
    r->gone = n;
    return 0;
}

/* The rows of containers that were not among what was fed; they live as long as the feed. */
static struct feed_name *feed_leftover(struct engine *e, struct feed *f)
{
    struct err err = ERR_INIT;
    struct leftover r = {.arena = f->arena};
    r.kept = arena_array(r.arena, f->n, sizeof *r.kept);
    for (struct feed_name *n = f->names; n != NULL; n = n->next)
        r.kept[r.n++] = n->name;
    qsort(r.kept, r.n, sizeof *r.kept, by_text);
    if (store_wish_each(e->store, "", NULL, compare_row, &r, &err) < 0)
        log_error("%s", err.text);
    return r.gone;
}

static void feed_end(struct feed *f)
{
    arena_free(f->arena);
    *f = (struct feed){.arena = NULL};
}

/* The row, unless it was never issued: then there is nothing to keep, and it goes. */
static bool load_issued(struct engine *e, const char *name, struct arena *a, struct certificate *c)
{
    struct err err = ERR_INIT;
    if (store_certificate_get(e->store, str_c(name), a, c, &err) < 0) {
        log_error("%s: %s", name, err.text);
        return false;
    }
    if (c->generation == 0)
        (void)certificate_drop(e, name, NULL);
    return c->generation != 0;
}

static void save(struct engine *e, const struct certificate *c)
{
    struct err err = ERR_INIT;
    if (certificate_save(e, c, &err) < 0)
        log_error("%s: %s", c->name, err.text);
}

static void stop_renewing(struct certificate *c)
{
    c->due_at = c->ari_due_at = c->look_due_at = (struct wall){0};
    drop_order(c);
}

void wish_release(struct engine *e, const char *name)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    struct job *j = job_find(e, name);
    if (j != NULL)
        job_cancel(j, "it is no longer in the configuration");
    if (!load_issued(e, name, a, &c))
        return;
    c.released = true;
    stop_renewing(&c);
    save(e, &c);
    history_add(e, name, "released", "no longer in the configuration: kept, not renewed", NULL);
    log_info("%s: no longer in the configuration; its files stay until evercert forget %s", name, name);
}

void wish_keep(struct engine *e, const char *name)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    struct wish w;
    struct err err = ERR_INIT;
    int r = store_certificate_get(e->store, str_c(name), a, &c, &err);
    if (r == 0 && (r = wish_decode(str_c(c.wish), a, &w, &err)) == 0 &&
        (r = wish_select(&w, (uint32_t)c.variant, a, &err)) == 0 && look_now(e, &c, &w, true))
        r = certificate_save(e, &c, &err);
    if (r < 0)
        log_error("%s: %s", name, err.text);
    e->due_stale = true;
}

/* --- what containers ask for --- */

void grants_begin(struct engine *e)
{
    feed_begin(&e->grants);
}

void grant_keep(struct engine *e, const char *name)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    struct wish w;
    if (e->grants.arena == NULL)
        return;
    feed_note(&e->grants, name);
    if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0 ||
        wish_decode(str_c(c.wish), a, &w, NULL) < 0)
        return;
    for (uint32_t v = 1; v < w.key_type_n; v++)
        feed_note(&e->grants, wish_variant_name(&w, v, a));
}

void certificate_park(struct engine *e, struct certificate *c)
{
    if (c->generation == 0) { /* the wait of one that was never issued is over */
        (void)certificate_drop(e, c->name, NULL);
        return;
    }
    stop_renewing(c);
    save(e, c);
    history_add(e, c->name, "parked", "no container has asked for it for long: kept, not renewed", NULL);
    log_info("%s: no container has asked for it for long; it is kept and not renewed", c->name);
}

/* Whether the last thing that is known of it is that its container went. */
static int is_gone(const struct history_record *h, void *arg)
{
    *(bool *)arg = strcmp(h->event, CONTAINER_GONE) == 0;
    return 0;
}

/* One line for a container that comes and goes a thousand times. */
static void note_gone(struct engine *e, const char *name, const char *text)
{
    bool said = false;
    (void)store_history_each(e->store, str_c(name), 0, 1, is_gone, &said, NULL);
    if (!said)
        history_add(e, name, CONTAINER_GONE, text, NULL);
    log_info("%s: %s", name, text);
}

/* What failed is remembered until it would have been tried again: a container that comes and goes must not
 * get round the wait. True where it is. */
static bool wait_out(struct engine *e, const char *name, struct arena *a)
{
    struct certificate c;
    struct wall now = engine_now(e);
    if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0 || c.generation > 0 || c.failures == 0)
        return false;
    drop_order(&c);
    c.park_at = now;
    if (c.due_at.s <= now.s) /* it was being tried again */
        c.due_at = schedule_retry_at(now, c.failures, 0, 0, 0, random_u64());
    save(e, &c);
    return true;
}

/* Containers come and go: what one of them had is kept and renewed for a while. */
static void part_one(struct engine *e, const char *name, int64_t grace_s)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    char until[TIME_TEXT_MAX];
    struct err err = ERR_INIT;
    if (store_certificate_get(e->store, str_c(name), a, &c, &err) == 0 && c.park_at.s > 0)
        return;
    struct job *j = job_find(e, name);
    if (j != NULL && c.generation == 0)
        job_cancel(j, "no container asks for it any more");
    if (wait_out(e, name, a) || !load_issued(e, name, a, &c))
        return;
    c.park_at = (struct wall){engine_now(e).s + (grace_s > 0 ? grace_s : 1)};
    save(e, &c);
    const char *text =
        arena_printf(a, "no container asks for it any more: renewed until %s, and kept after that",
            wall_format(c.park_at, until));
    note_gone(e, name, text);
}

void grants_end(struct engine *e, const struct msg_grants_end *m)
{
    if (e->grants.arena == NULL)
        grants_begin(e);
    struct feed_name *gone = m->complete ? feed_leftover(e, &e->grants) : NULL;
    for (; gone != NULL; gone = gone->next)
        part_one(e, gone->name, m->grace);
    feed_end(&e->grants);
    e->due_stale = true;
}
