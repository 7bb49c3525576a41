/* What the operator wants, as rows of the store: from the configuration (fed whole at each start and reload)
 * and by command. */
#include "processes/engine/placed.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct feed_name {
    struct feed_name *next;
    const char *name;
};

void wishes_begin(struct engine *e)
{
    arena_free(e->feed_arena);
    e->feed_arena = arena_new();
    e->feed_names = NULL;
    e->feed_n = 0;
    /* Before the wishes come, which may have another webroot or be gone: the old permits say where to look.
     */
    if (!e->swept)
        placed_sweep(e);
    e->swept = true;
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

void certificate_fresh(struct certificate *c, const char *name, uint32_t variant)
{
    *c = (struct certificate){.name = name,
        .variant = variant,
        .issued_wish_domains = "",
        .omitted = "",
        .profile = "",
        .key_hash = "",
        .authority = "",
        .fingerprint = "",
        .serial = "",
        .issuer = "",
        .subjects = "",
        .chain = "",
        .last_error = "",
        .last_problem = "",
        .attempts = "",
        .wait_reason = "",
        .pause_link = "",
        .ari_id = "",
        .ari_explanation = "",
        .order_url = "",
        .order_authority = "",
        .deploy_error = "",
        .deploy_event = "",
        .previous = "",
        .served_error = ""};
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

static int accept_variant(struct engine *e, const char *wish, struct str permit, uint32_t variant,
    enum certificate_source source, bool *out_changed, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish is, was;
    struct certificate c;
    struct err unknown = ERR_INIT;
    int r;
    if ((r = wish_decode(str_c(wish), a, &is, err)) < 0 || (r = wish_select(&is, variant, a, err)) < 0)
        return r;
    r = store_certificate_get(e->store, str_c(is.name), a, &c, &unknown);
    if (r < 0 && r != ERR_NOT_FOUND) {
        *err = unknown;
        return r;
    }
    bool known = r == 0, same_text = known && strcmp(c.wish, wish) == 0 && c.variant == variant;
    if (same_text && !c.released && c.source == source)
        return look_now(e, &c, &is, true) ? store_certificate_put(e->store, &c, err) : 0;
    bool changed = true;
    if (!known)
        certificate_fresh(&c, is.name, variant);
    else if (wish_decode(str_c(c.wish), a, &was, NULL) == 0 &&
             wish_select(&was, (uint32_t)c.variant, a, NULL) == 0)
        changed = differs(e, &c, &was, &is);
    c.wish = wish;
    c.permit = permit;
    c.variant = variant;
    c.source = source;
    if (c.released && !c.revoked && c.ari_checked_at.s > 0)
        c.ari_due_at = engine_now(e);
    c.released = false;
    if (known)
        (void)look_now(e, &c, &is, false);
    c.deploy_step = 0; /* its steps may be others now */
    if (changed)
        begin_anew(e, &c);
    else if (c.generation == 0)
        c.due_at = engine_now(e);
    else if (!c.revoked && (c.failures == 0 || c.due_at.s == 0)) /* 0: it was released */
        c.due_at = due_again(e, &c, &is);
    if ((r = store_certificate_put(e->store, &c, err)) < 0)
        return r;
    struct job *j = job_find(e, is.name);
    if (j != NULL)
        job_restart(j);
    e->due_stale = true;
    *out_changed = *out_changed || changed;
    return 0;
}

/* The name of a second key type must not be that of a certificate of its own, nor the other way round. What
 * the configuration asks for was compared there, and may change in one go. */
static int check_names(
    struct engine *e, const struct wish *w, enum certificate_source source, struct arena *a, struct err *err)
{
    for (uint32_t v = 0; v < w->key_type_n; v++) {
        struct certificate c;
        const char *name = wish_variant_name(w, v, a);
        if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0 || c.released ||
            (v > 0) == (c.variant > 0) || (source == SOURCE_CONFIG && c.source == SOURCE_CONFIG))
            continue;
        return err_set(err, ERR_CONFIG, "%s: there is another certificate of the name %s%s", w->name, name,
            v > 0 ? ", which the second key type needs: give one of them another name" : "");
    }
    return 0;
}

int wish_accept(struct engine *e, const char *wish, struct str permit, enum certificate_source source,
    bool *out_changed, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish w;
    int r = wish_decode(str_c(wish), a, &w, err);
    *out_changed = false;
    if (r == 0)
        r = check_names(e, &w, source, a, err);
    for (uint32_t v = 0; r == 0 && v < w.key_type_n; v++)
        r = accept_variant(e, wish, permit, v, source, out_changed, err);
    return r;
}

void wish_put(struct engine *e, const char *wish, struct str permit)
{
    struct err err = ERR_INIT;
    bool changed;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish w;
    if (wish_accept(e, wish, permit, SOURCE_CONFIG, &changed, &err) < 0 ||
        wish_decode(str_c(wish), a, &w, &err) < 0) {
        log_error("%s", err.text);
        return;
    }
    if (e->feed_arena == NULL)
        wishes_begin(e);
    for (uint32_t v = 0; v < w.key_type_n; v++) {
        struct feed_name *n = arena_alloc(e->feed_arena, sizeof *n);
        *n = (struct feed_name){e->feed_names, arena_dup_c(e->feed_arena, wish_variant_name(&w, v, a))};
        e->feed_names = n;
        e->feed_n++;
    }
}

struct release {
    struct engine *engine;
    struct arena *arena;
    const char **kept; /* sorted */
    size_t n, at;
    struct feed_name *gone; /* names to release, found while reading */
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Rows come sorted, and so are the names fed: one walk over both. */
static int compare_row(const struct certificate *c, void *arg)
{
    struct release *r = arg;
    if (c->source != SOURCE_CONFIG || c->released)
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

static void release_one(struct engine *e, const char *name)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    struct err err = ERR_INIT;
    struct job *j = job_find(e, name);
    if (j != NULL)
        job_cancel(j, "it is no longer in the configuration");
    if (store_certificate_get(e->store, str_c(name), a, &c, &err) < 0) {
        log_error("%s: %s", name, err.text);
        return;
    }
    if (c.generation == 0) { /* never issued: nothing to keep */
        (void)store_certificate_delete(e->store, str_c(name), NULL);
        return;
    }
    c.released = true;
    c.due_at = c.ari_due_at = c.look_due_at = (struct wall){0};
    drop_order(&c);
    if (store_certificate_put(e->store, &c, &err) < 0)
        log_error("%s: %s", name, err.text);
    history_add(e, name, "released", "no longer in the configuration: kept, not renewed", NULL);
    log_info("%s: no longer in the configuration; its files stay until evercert forget %s", name, name);
}

void wishes_end(struct engine *e)
{
    struct err err = ERR_INIT;
    if (e->feed_arena == NULL)
        wishes_begin(e);
    struct release r = {.engine = e, .arena = e->feed_arena};
    r.kept = arena_array(r.arena, e->feed_n, sizeof *r.kept);
    for (struct feed_name *n = e->feed_names; n != NULL; n = n->next)
        r.kept[r.n++] = n->name;
    qsort(r.kept, r.n, sizeof *r.kept, by_text);
    if (store_certificate_each(e->store, compare_row, &r, &err) < 0)
        log_error("%s", err.text);
    for (struct feed_name *n = r.gone; n != NULL; n = n->next)
        release_one(e, n->name);
    arena_free(e->feed_arena);
    e->feed_arena = NULL;
    e->due_stale = true;
}
