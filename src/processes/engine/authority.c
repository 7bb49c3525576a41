/* One CA: its directory, our account there, its nonces, and signed requests. */
#include "processes/engine/engine.h"

#include "acme/limits.h"
#include "acme/problem.h"
#include "base/log.h"

#include <curl/curlver.h>
#include <stdlib.h>
#include <string.h>

#define USER_AGENT "evercert/" EVERCERT_VERSION " libcurl/" LIBCURL_VERSION

static char *copy(const char *c)
{
    char *p = strdup(c);
    if (p == NULL)
        abort();
    return p;
}

struct authority *authority_find(struct engine *e, const char *name)
{
    for (struct authority *a = e->authorities; a != NULL; a = a->next)
        if (strcmp(a->name, name) == 0 || strcmp(a->directory_url, name) == 0)
            return a;
    return NULL;
}

struct authority *authority_of_directory(struct engine *e, const char *directory)
{
    for (struct authority *a = e->authorities; a != NULL; a = a->next)
        if (strcmp(a->directory_url, directory) == 0)
            return a;
    return NULL;
}

struct introduction {
    struct engine *engine;
    authority_ready_fn *fn;
    void *arg;
};

static void on_introduced(const void *msg, const struct err *why, void *arg)
{
    struct introduction *i = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (i->fn != NULL)
        i->fn(i->engine, r < 0 ? &err : NULL, i->arg);
    free(i);
}

void authority_introduce(struct engine *e, struct str permit, authority_ready_fn *fn, void *arg)
{
    struct introduction *i = calloc(1, sizeof *i);
    struct err err = ERR_INIT;
    if (i == NULL)
        abort();
    *i = (struct introduction){e, fn, arg};
    struct msg_authority_need m = {permit};
    if (channel_request(e->parent, MSG_authority_need, &m, MSG_done, on_introduced, i, &err) < 0)
        on_introduced(NULL, &err, i);
}

static struct authority *authority_new(struct engine *e, const struct msg_engine_authority *m)
{
    struct authority *a = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    a->engine = e;
    a->directory_url = copy(m->account);
    a->name = copy("");
    a->email = copy("");
    a->ca_pem = copy("");
    a->thumbprint = copy("");
    a->account_url = copy("");
    a->arena = arena_new();
    a->nonces = nonce_pool_new();
    a->queue_last = &a->queue;
    a->finalize_early = true;
    a->next = e->authorities;
    e->authorities = a;
    return a;
}

static void replace(char **at, const char *value)
{
    free(*at);
    *at = copy(value);
}

void authority_configure(struct engine *e, const struct msg_engine_authority *m)
{
    struct authority *a = authority_of_directory(e, m->account);
    if (a == NULL)
        a = authority_new(e, m);
    bool same_roots = str_eq_c(m->ca_pem, a->ca_pem);
    if (strcmp(a->email, m->email) != 0)
        a->ready = false; /* the contact is brought up to date before the next use */
    replace(&a->name, m->name);
    replace(&a->email, m->email);
    a->agree_tos = m->agree_tos;
    if (same_roots)
        return;
    free(a->ca_pem);
    a->ca_pem = strndup(m->ca_pem.p, m->ca_pem.n);
    if (a->ca_pem == NULL)
        abort();
    /* Connections made with the old roots end with their requests' callers told so by a time-out at worst; a
     * new client is used from here on. */
    if (a->http != NULL && a->queue == NULL && a->fetching == 0 && !a->busy) {
        http_client_free(a->http);
        a->http = NULL;
    }
}

static int need_http(struct authority *a, struct err *err)
{
    if (a->http != NULL)
        return 0;
    return http_client_new(a->engine->process.base, str_c(a->ca_pem), USER_AGENT, &a->http, err);
}

/* --- becoming ready --- */

static void settle(struct authority *a, const struct err *err)
{
    struct authority_waiter *waiters = a->waiters;
    a->waiters = NULL;
    a->busy = false;
    a->ready = err == NULL;
    while (waiters != NULL) {
        struct authority_waiter *w = waiters;
        waiters = w->next;
        if (w->fn != NULL)
            w->fn(a->engine, err, w->arg);
        free(w);
    }
}

void authority_forget_waiter(struct authority *a, const void *arg)
{
    for (struct authority_waiter *w = a->waiters; w != NULL; w = w->next)
        if (w->arg == arg)
            w->fn = NULL;
}

static struct authority_record load_record(struct authority *a, struct arena *arena)
{
    struct authority_record r;
    if (store_authority_get(a->engine->store, str_c(a->directory_url), arena, &r, NULL) < 0)
        r = (struct authority_record){a->directory_url, "", {0}, "", "", ""};
    return r;
}

static void save_record(struct authority *a, const struct authority_record *r)
{
    struct err err = ERR_INIT;
    if (store_authority_put(a->engine->store, r, &err) < 0)
        log_error("%s: %s", a->name, err.text);
}

static void account_step(struct authority *a, const struct account_next *next, const struct err *err);

static void on_account_answer(
    struct engine *e, const struct acme_response *r, const struct err *why, void *arg)
{
    struct authority *a = arg;
    struct account_next next;
    struct err err = ERR_INIT;
    if (why != NULL) {
        settle(a, why);
        return;
    }
    account_response(a->account, r, engine_now(e), &next, &err);
    account_step(a, &next, &err);
}

static void account_done(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record r = load_record(a, arena);
    const char *url = arena_dup(arena, account_url(a->account));
    const char *email = a->email[0] != '\0' ? a->email : r.account_email;
    if (strcmp(r.account_url, url) != 0)
        history_add(a->engine, "", "account", arena_printf(arena, "account %s at %s", url, a->name), NULL);
    if (strcmp(r.account_url, url) != 0 || strcmp(r.account_email, email) != 0) {
        r.account_url = url;
        r.account_email = email;
        save_record(a, &r);
    }
    replace(&a->account_url, url);
    settle(a, NULL);
}

static void account_step(struct authority *a, const struct account_next *next, const struct err *err)
{
    switch (next->action) {
    case ACCOUNT_REQUEST: {
        struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
        replace(&a->account_url, arena_dup(arena, account_url(a->account)));
        struct post_spec spec = {.request = next->kind,
            .url = arena_dup(arena, next->url),
            .without_account =
                next->kind == ACME_REQUEST_NEW_ACCOUNT || next->kind == ACME_REQUEST_FIND_ACCOUNT};
        post_start(a, &spec, on_account_answer, a);
        break;
    }
    case ACCOUNT_READY:
        account_done(a);
        break;
    case ACCOUNT_FAILED: {
        struct err why = *err;
        err_prefix(&why, "account at %s", a->name);
        settle(a, &why);
        break;
    }
    }
}

static void on_account_key(const void *msg, const struct err *why, void *arg)
{
    struct authority *a = arg;
    const struct msg_account_opened *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL || r < 0) {
        settle(a, &err);
        return;
    }
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = load_record(a, arena);
    replace(&a->thumbprint, m->thumbprint);
    struct account_params params = {
        .directory_url = str_c(a->directory_url),
        .new_account = a->directory.new_account,
        .terms_of_service = a->directory.terms_of_service,
        /* A key made just now is not the one that account was registered with. */
        .known_url = m->is_new ? STR("") : str_c(record.account_url),
        .email = str_c(a->email[0] != '\0' ? a->email : record.account_email),
        .registered_email = str_c(record.account_email),
        .agree_tos = a->agree_tos,
        .external_account_required = a->directory.external_account_required,
        .may_register = a->register_allowed,
        .key_is_new = m->is_new,
    };
    account_free(a->account);
    a->account = account_new(&params);
    struct account_next next;
    account_start(a->account, &next, &err);
    account_step(a, &next, &err);
}

static void open_account(struct authority *a)
{
    struct engine *e = a->engine;
    struct err err = ERR_INIT;
    struct msg_account_open m = {a->directory_url};
    int r = e->keeper == NULL ? err_set(&err, ERR_IPC, "the keeper is not running")
                              : channel_request(e->keeper, MSG_account_open, &m, MSG_account_opened,
                                    on_account_key, a, &err);
    if (r < 0)
        settle(a, &err);
}

static int take_directory(struct authority *a, struct str json, struct err *err)
{
    struct arena *arena = arena_new();
    struct directory d;
    int r = directory_parse(json, str_c(a->directory_url), arena, &d, err);
    if (r < 0) {
        arena_free(arena);
        return r;
    }
    arena_free(a->arena);
    a->arena = arena;
    a->directory = d;
    a->directory_known = true;
    return 0;
}

static void on_directory(const struct http_response *r, const struct err *why, void *arg)
{
    struct authority *a = arg;
    struct err err = ERR_INIT;
    if (why != NULL)
        err = *why;
    else if (r->status != 200)
        err_set(&err, r->status >= 500 || r->status == 429 ? ERR_NETWORK : ERR_ACME,
            "%s answered with status %d: is this an ACME directory?", a->directory_url, r->status);
    else if (take_directory(a, r->body, &err) == 0) {
        struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
        struct authority_record record = load_record(a, arena);
        record.directory = arena_dup(arena, r->body);
        record.fetched_at = engine_now(a->engine);
        save_record(a, &record);
        open_account(a);
        return;
    }
    err_prefix(&err, "authority %s", a->name);
    settle(a, &err);
}

static void fetch_directory(struct authority *a)
{
    struct err err = ERR_INIT;
    struct http_spec spec = {.method = HTTP_GET,
        .url = a->directory_url,
        .headers_max = ACME_HEADERS_MAX,
        .body_max = ACME_JSON_MAX};
    struct http_request *request;
    if (http_request_start(a->http, &spec, on_directory, a, &request, &err) < 0)
        settle(a, &err);
}

void authority_need(struct authority *a, bool may_register, authority_ready_fn *fn, void *arg)
{
    struct authority_waiter *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    *w = (struct authority_waiter){a->waiters, fn, arg};
    a->waiters = w;
    a->register_allowed = (a->busy && a->register_allowed) || may_register;
    if (a->busy)
        return;
    a->busy = true;
    struct err err = ERR_INIT;
    if (need_http(a, &err) < 0) {
        settle(a, &err);
        return;
    }
    if (a->ready) {
        settle(a, NULL);
        return;
    }
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = load_record(a, arena);
    int64_t age = engine_now(a->engine).s - record.fetched_at.s;
    if (record.directory[0] != '\0' && age >= 0 && age < DIRECTORY_AGE_MAX_S &&
        take_directory(a, str_c(record.directory), NULL) == 0)
        open_account(a);
    else
        fetch_directory(a);
}

void authority_reset_account(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = load_record(a, arena);
    record.account_url = "";
    record.account_email = "";
    save_record(a, &record);
    a->ready = false;
}

void authority_reset_directory(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = load_record(a, arena);
    record.fetched_at = (struct wall){0};
    record.directory = "";
    save_record(a, &record);
    a->ready = false;
}
