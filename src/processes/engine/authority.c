/* One CA: what the parent said of it, its trust and its directory. */
#include "processes/engine/engine.h"

#include "acme/limits.h"
#include "acme/url.h"
#include "base/log.h"
#include "config/facts.h"

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
        if (strcmp(a->name, name) == 0 || strcmp(a->id, name) == 0)
            return a;
    return NULL;
}

bool authority_is_at_work(const struct authority *a)
{
    for (const struct job *j = a->engine->jobs; j != NULL; j = j->next)
        if (!j->over && j->order != NULL && j->authority == a)
            return true;
    return false;
}

struct authority *authority_of_account(struct engine *e, const char *id)
{
    for (struct authority *a = e->authorities; a != NULL; a = a->next)
        if (strcmp(a->id, id) == 0)
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
    struct str directory = acme_account_directory(str_c(m->account));
    a->engine = e;
    a->id = copy(m->account);
    a->directory_url = strndup(directory.p, directory.n);
    if (a->directory_url == NULL)
        abort();
    a->name = copy("");
    a->email = copy("");
    a->ca_pem = copy("");
    a->staging = copy("");
    a->thumbprint = copy("");
    a->key_type = copy("");
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
    struct authority *a = authority_of_account(e, m->account);
    if (a == NULL)
        a = authority_new(e, m);
    bool same_roots = str_eq_c(m->ca_pem, a->ca_pem);
    if (strcmp(a->email, m->email) != 0)
        a->ready = false; /* the contact is brought up to date before the next use */
    replace(&a->name, m->name);
    replace(&a->email, m->email);
    replace(&a->staging, m->staging);
    a->agree_tos = m->agree_tos;
    a->has_eab = m->has_eab;
    a->pre_authorize = m->pre_authorize;
    a->orders_max = m->orders_max;
    e->due_stale = true;
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

const char *authority_caa_name(const struct authority *a, size_t i, struct arena *arena)
{
    const struct directory *d = &a->directory;
    if (i < d->caa_identity_n)
        return arena_dup(arena, d->caa_identities[i]);
    return d->caa_identity_n == 0 ? facts_caa_name(str_c(a->directory_url), i) : NULL;
}

/* --- those who wait --- */

void authority_forget_waiter(struct authority *a, const void *arg)
{
    struct authority_waiter *const lists[] = {a->waiters, a->directory_waiters};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct authority_waiter *w = lists[i]; w != NULL; w = w->next)
            if (w->arg == arg)
                w->fn = NULL;
}

void authority_wait(struct authority_waiter **list, authority_ready_fn *fn, void *arg)
{
    struct authority_waiter *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    *w = (struct authority_waiter){*list, fn, arg};
    *list = w;
}

void authority_tell(struct authority *a, struct authority_waiter **list, const struct err *err)
{
    struct authority_waiter *waiters = *list;
    *list = NULL;
    while (waiters != NULL) {
        struct authority_waiter *w = waiters;
        waiters = w->next;
        if (w->fn != NULL)
            w->fn(a->engine, err, w->arg);
        free(w);
    }
}

/* --- what the store knows --- */

struct authority_record authority_record_load(struct authority *a, struct arena *arena)
{
    struct authority_record r;
    if (store_authority_get(a->engine->store, str_c(a->id), arena, &r, NULL) < 0)
        r = (struct authority_record){
            .id = a->id, .directory = "", .account_url = "", .account_email = "", .account_status = ""};
    return r;
}

void authority_record_save(struct authority *a, const struct authority_record *r)
{
    struct err err = ERR_INIT;
    if (store_authority_put(a->engine->store, r, &err) < 0)
        log_about(&(struct log_about){.authority = a->name}, LOG_LEVEL_ERROR, "%s: %s", a->name, err.text);
}

/* --- the directory --- */

static int take_directory(struct authority *a, struct str json, struct wall fetched_at, struct err *err)
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
    a->directory_at = fetched_at;
    return 0;
}

static void directory_settle(struct authority *a, const struct err *err)
{
    a->directory_asked = false;
    authority_tell(a, &a->directory_waiters, err);
}

static void on_directory(const struct http_response *r, const struct err *why, void *arg)
{
    struct authority *a = arg;
    struct err err = ERR_INIT;
    struct wall now = engine_now(a->engine);
    if (why != NULL) {
        err = *why;
    } else if (r->status != 200) {
        err_set(&err, r->status >= 500 || r->status == 429 ? ERR_NETWORK : ERR_ACME,
            "%s answered with status %d: is this an ACME directory?", a->directory_url, r->status);
    } else if (take_directory(a, r->body, now, &err) == 0) {
        struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
        struct authority_record record = authority_record_load(a, arena);
        record.directory = arena_dup(arena, r->body);
        record.fetched_at = now;
        authority_record_save(a, &record);
        directory_settle(a, NULL);
        return;
    }
    err_prefix(&err, "authority %s", a->name);
    directory_settle(a, &err);
}

static bool is_fresh(const struct authority *a, struct wall fetched_at)
{
    int64_t age = engine_now(a->engine).s - fetched_at.s;
    return fetched_at.s != 0 && age >= 0 && age < DIRECTORY_AGE_MAX_S;
}

static bool have_directory(struct authority *a)
{
    if (is_fresh(a, a->directory_at))
        return true;
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = authority_record_load(a, arena);
    return record.directory[0] != '\0' && is_fresh(a, record.fetched_at) &&
           take_directory(a, str_c(record.directory), record.fetched_at, NULL) == 0;
}

void authority_need_directory(struct authority *a, authority_ready_fn *fn, void *arg)
{
    struct err err = ERR_INIT;
    struct http_spec spec = {.method = HTTP_GET,
        .url = a->directory_url,
        .headers_max = ACME_HEADERS_MAX,
        .body_max = ACME_JSON_MAX};
    struct http_request *request;
    authority_wait(&a->directory_waiters, fn, arg);
    if (a->directory_asked)
        return;
    a->directory_asked = true;
    int r = need_http(a, &err);
    if (r == 0 && have_directory(a)) {
        directory_settle(a, NULL);
        return;
    }
    if (r == 0)
        r = http_request_start(a->http, &spec, on_directory, a, &request, &err);
    if (r < 0)
        directory_settle(a, &err);
}

struct date_question {
    struct authority *authority;
    authority_date_fn *fn;
    void *arg;
    struct err why;
};

static void on_date(const struct http_response *hr, const struct err *why, void *arg)
{
    struct date_question *q = arg;
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = why != NULL ? *why : (struct err)ERR_INIT;
    struct wall date = {0};
    struct str text;
    if (hr != NULL) {
        struct acme_response r = response_of(hr, arena);
        if (r.status != 200)
            err_set(&err, ERR_ACME, "%s answered with status %d: is this an ACME directory?",
                q->authority->directory_url, r.status);
        else if (!acme_header_get(&r, "Date", &text) || wall_parse_http_date(text, &date) < 0)
            date = (struct wall){0};
    }
    if (err.code != 0)
        err_prefix(&err, "authority %s", q->authority->name);
    q->fn(q->authority, date, err.code != 0 ? &err : NULL, q->arg);
    free(q);
}

static void on_no_date(evutil_socket_t fd, short what, void *arg)
{
    struct date_question *q = arg;
    struct err why = q->why;
    (void)fd, (void)what;
    on_date(NULL, &why, q);
}

void authority_ask_date(struct authority *a, authority_date_fn *fn, void *arg)
{
    struct date_question *q = calloc(1, sizeof *q);
    struct http_spec spec = {.method = HTTP_GET,
        .url = a->directory_url,
        .headers_max = ACME_HEADERS_MAX,
        .body_max = ACME_JSON_MAX};
    struct http_request *request;
    if (q == NULL)
        abort();
    *q = (struct date_question){a, fn, arg, ERR_INIT};
    if (need_http(a, &q->why) < 0 || http_request_start(a->http, &spec, on_date, q, &request, &q->why) < 0)
        if (event_base_once(a->engine->process.base, -1, EV_TIMEOUT, on_no_date, q, &(struct timeval){0}) !=
            0)
            abort();
}

void authority_reset_directory(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record record = authority_record_load(a, arena);
    record.fetched_at = (struct wall){0};
    record.directory = "";
    authority_record_save(a, &record);
    a->directory_at = (struct wall){0};
    a->ready = false;
}
