/* Standing records of dns-persist-01: is there one for us? The solver looks. */
#include "processes/engine/engine.h"

#include "crypto/dns_text.h"

#include <stdlib.h>

struct persist_look {
    struct engine *engine;
    struct arena *arena;
    struct persist_spec spec;
    const char **issuers, **uris; /* side by side: what a record may say */
    size_t n;
    persist_fn *fn;
    void *arg;
    struct event *later; /* tells what went wrong at once, but not from within */
    struct err err;
};

static void look_free(struct persist_look *l)
{
    if (l->later != NULL)
        event_free(l->later);
    arena_free(l->arena);
    free(l);
}

static void over(struct persist_look *l, struct wall until, const struct err *err)
{
    persist_fn *fn = l->fn;
    void *arg = l->arg;
    struct err why = err != NULL ? *err : (struct err)ERR_INIT;
    look_free(l);
    fn(until, err != NULL ? &why : NULL, arg);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct persist_look *l = arg;
    (void)fd, (void)what;
    over(l, (struct wall){0}, &l->err);
}

static void fail(struct persist_look *l, const struct err *err)
{
    l->err = *err;
    if (l->later == NULL && (l->later = evtimer_new(l->engine->process.base, on_later, l)) == NULL)
        abort();
    evtimer_add(l->later, &(struct timeval){0});
}

static void on_looked(const void *msg, const struct err *why, void *arg)
{
    const struct msg_persist_looked *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    over(arg, (struct wall){m != NULL ? m->until : 0}, r < 0 ? &err : NULL);
}

static void on_solver(struct engine *e, const struct err *why, void *arg)
{
    struct persist_look *l = arg;
    struct err err = ERR_INIT;
    struct msg_persist_look m = {.permit = l->spec.permit,
        .identifier = l->spec.identifier,
        .wildcard = l->spec.wildcard,
        .issuers = {l->issuers, l->n},
        .account_uris = {l->uris, l->n}};
    if (why != NULL)
        fail(l, why);
    else if (channel_request(e->solver, MSG_persist_look, &m, MSG_persist_looked, on_looked, l, &err) < 0)
        fail(l, &err);
}

static int hashed_uri(struct persist_look *l, const char *domain, const char **out, struct err *err)
{
    const struct authority *a = l->spec.authority;
    struct buf uri ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    int r = dns_persist_account_uri(a->directory.account_hash_prefix, str_c(domain), str_c(a->thumbprint),
        str_c(a->account_url), &uri, err);
    *out = arena_dup(l->arena, buf_str(&uri));
    return r;
}

/* By its URL; or by the hash for this name, or the one that serves for all names. */
static int expect(struct persist_look *l, struct err *err)
{
    const struct persist_spec *s = &l->spec;
    const char *uris[2] = {s->authority->account_url};
    size_t uri_n = s->hashed ? 2 : 1;
    int r = 0;
    if (s->hashed && (r = hashed_uri(l, s->identifier, &uris[0], err)) == 0)
        r = hashed_uri(l, "*", &uris[1], err);
    l->issuers = arena_array(l->arena, s->issuer_n * uri_n, sizeof *l->issuers);
    l->uris = arena_array(l->arena, s->issuer_n * uri_n, sizeof *l->uris);
    for (size_t i = 0; r == 0 && i < s->issuer_n; i++)
        for (size_t k = 0; k < uri_n; k++, l->n++) {
            l->issuers[l->n] = arena_dup_c(l->arena, s->issuers[i]);
            l->uris[l->n] = arena_dup_c(l->arena, uris[k]);
        }
    return r;
}

struct persist_look *persist_look(
    struct engine *e, const struct persist_spec *spec, persist_fn *fn, void *arg)
{
    struct persist_look *l = calloc(1, sizeof *l);
    struct err err = ERR_INIT;
    if (l == NULL)
        abort();
    *l = (struct persist_look){.engine = e, .arena = arena_new(), .spec = *spec, .fn = fn, .arg = arg};
    l->spec.permit = arena_str(l->arena, spec->permit);
    l->spec.identifier = arena_dup_c(l->arena, spec->identifier);
    if (expect(l, &err) < 0)
        fail(l, &err);
    else
        solver_need(e, on_solver, l);
    return l;
}

void persist_cancel(struct persist_look *l)
{
    if (l == NULL)
        return;
    solver_forget(l->engine, l);
    if (l->engine->solver != NULL)
        channel_forget(l->engine->solver, l);
    look_free(l);
}
