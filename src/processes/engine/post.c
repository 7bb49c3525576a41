/* Signed requests: a nonce, the keeper's signature, the POST, and again where the nonce was refused. */
#include "processes/engine/engine.h"

#include "acme/limits.h"
#include "acme/problem.h"
#include "base/crash_point.h"
#include "base/log.h"

#include <stdlib.h>

/* What can be lost with each kind of request: those that change something at the CA by name. */
#define POINTS(kind)                                                             \
    {                                                                            \
        CRASH_POINT_engine_##kind##_leaves, CRASH_POINT_engine_##kind##_answered \
    }
static const struct {
    enum crash_point leaves, answered;
} points[ACME_REQUEST_END_] = {
    [ACME_REQUEST_NEW_ACCOUNT] = POINTS(new_account),
    [ACME_REQUEST_FIND_ACCOUNT] = POINTS(other),
    [ACME_REQUEST_UPDATE_ACCOUNT] = POINTS(other),
    [ACME_REQUEST_NEW_ORDER] = POINTS(new_order),
    [ACME_REQUEST_READ] = POINTS(read),
    [ACME_REQUEST_CHALLENGE] = POINTS(challenge),
    [ACME_REQUEST_FINALIZE] = POINTS(finalize),
    [ACME_REQUEST_GIVE_UP] = POINTS(other),
    [ACME_REQUEST_REVOKE] = POINTS(revoke),
    [ACME_REQUEST_NEW_AUTHZ] = POINTS(other),
    [ACME_REQUEST_KEY_CHANGE] = POINTS(key_change),
    [ACME_REQUEST_FIND_PENDING] = POINTS(other),
    [ACME_REQUEST_DEACTIVATE_ACCOUNT] = POINTS(deactivate),
    [ACME_REQUEST_REVOKE_BY_KEY] = POINTS(revoke),
};

struct post {
    struct post *next;
    struct authority *authority;
    struct arena *arena;
    struct post_spec spec; /* in the arena */
    post_done_fn *done;    /* NULL: abandoned */
    void *arg;
    uint64_t number;
    unsigned bad_nonces;
    struct err why; /* of post_fail */
};

static void pump(struct authority *a);

static void post_end(struct post *p, const struct acme_response *r, const struct err *err)
{
    if (p->done != NULL)
        p->done(p->authority->engine, r, err, p->arg);
    arena_free(p->arena);
    free(p);
}

static void on_failed_later(evutil_socket_t fd, short what, void *arg)
{
    struct post *p = arg;
    (void)fd, (void)what;
    post_end(p, NULL, &p->why);
}

/* A failure is told from the loop, never from inside post_start, so that callers have one order of events. */
static void post_fail(struct post *p, const struct err *why)
{
    p->why = *why;
    if (event_base_once(p->authority->engine->process.base, -1, EV_TIMEOUT, on_failed_later, p,
            &(struct timeval){0}) != 0)
        abort();
}

static void enqueue(struct post *p)
{
    struct authority *a = p->authority;
    p->next = NULL;
    *a->queue_last = p;
    a->queue_last = &p->next;
    a->queued++;
}

static struct post *dequeue(struct authority *a)
{
    struct post *p = a->queue;
    a->queue = p->next;
    if (a->queue == NULL)
        a->queue_last = &a->queue;
    a->queued--;
    return p;
}

static struct mono mono_now(void)
{
    return clock_mono(&system_clock);
}

struct acme_response response_of(const struct http_response *r, struct arena *arena)
{
    struct acme_header *headers = arena_array(arena, r->header_n, sizeof *headers);
    for (size_t i = 0; i < r->header_n; i++)
        headers[i] = (struct acme_header){r->headers[i].name, r->headers[i].value};
    return (struct acme_response){r->status, headers, r->header_n, r->body};
}

static void keep_nonce(struct authority *a, const struct acme_response *r)
{
    struct str nonce;
    if (acme_response_nonce(r, &nonce))
        nonce_pool_put(a->nonces, nonce, mono_now());
}

static bool is_bad_nonce(const struct acme_response *r, struct arena *arena)
{
    struct problem problem;
    if (r->status < 400)
        return false;
    problem_read(r, arena, &problem);
    return problem_classify(&problem) == PROBLEM_RETRY_NONCE;
}

static void on_post_answer(const struct http_response *hr, const struct err *why, void *arg)
{
    struct post *p = arg;
    struct authority *a = p->authority;
    if (hr == NULL) {
        exchange_note(
            p->spec.exchange, p->number, acme_request_name(p->spec.request), p->spec.url, NULL, why);
        post_end(p, NULL, why);
        pump(a);
        return;
    }
    struct acme_response r = response_of(hr, p->arena);
    crash_point_pass(points[p->spec.request].answered);
    keep_nonce(a, &r);
    log_about(&(struct log_about){.certificate = p->spec.certificate,
                  .order = p->spec.order,
                  .authority = a->name,
                  .request = p->number,
                  .event = acme_request_name(p->spec.request)},
        LOG_LEVEL_DEBUG, "%s %s: %d", acme_request_name(p->spec.request), p->spec.url, r.status);
    exchange_note(p->spec.exchange, p->number, acme_request_name(p->spec.request), p->spec.url, &r, NULL);
    if (is_bad_nonce(&r, p->arena) && p->bad_nonces < ACME_BAD_NONCE_RETRIES) {
        p->bad_nonces++;
        enqueue(p);
    } else {
        if (r.status == 404 && (p->spec.request == ACME_REQUEST_NEW_ORDER || p->spec.without_account))
            authority_reset_directory(a);
        post_end(p, &r, NULL);
    }
    pump(a);
}

static void on_signed(const void *msg, const struct err *why, void *arg)
{
    struct post *p = arg;
    const struct msg_signed *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0) {
        struct http_spec spec = {.method = HTTP_POST,
            .url = p->spec.url,
            .content_type = "application/jose+json",
            .body = m->body,
            .headers_max = ACME_HEADERS_MAX,
            .body_max = ACME_CHAIN_MAX};
        struct http_request *request;
        crash_point_pass(points[p->spec.request].leaves);
        r = http_request_start(p->authority->http, &spec, on_post_answer, p, &request, &err);
    }
    if (r < 0)
        post_end(p, NULL, &err);
}

static void sign(struct post *p, const char *nonce)
{
    struct authority *a = p->authority;
    struct engine *e = a->engine;
    struct err err = ERR_INIT;
    struct msg_sign m = {.account = a->id,
        .request = p->spec.request,
        .kid = p->spec.without_account ? "" : a->account_url,
        .nonce = nonce,
        .url = p->spec.url,
        .permit = p->spec.permit,
        .variant = p->spec.variant,
        .sealed_key = p->spec.sealed_key,
        .generation = p->spec.generation,
        .ticket = p->spec.ticket,
        .omitted = p->spec.omitted,
        .profile = p->spec.profile,
        .replaces = p->spec.replaces,
        .identifier = p->spec.identifier};
    int r = e->keeper == NULL ? err_set(&err, ERR_IPC, "the keeper is not running")
                              : channel_request(e->keeper, MSG_sign, &m, MSG_signed, on_signed, p, &err);
    if (r < 0)
        post_fail(p, &err);
}

static void on_nonce(const struct http_response *hr, const struct err *why, void *arg)
{
    struct authority *a = arg;
    a->fetching--;
    struct err err = ERR_INIT;
    if (hr != NULL) {
        struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
        struct acme_response r = response_of(hr, arena);
        keep_nonce(a, &r);
        struct str nonce;
        if (!acme_response_nonce(&r, &nonce)) {
            err_set(&err, r.status >= 500 || r.status == 429 ? ERR_NETWORK : ERR_ACME,
                "%s gave no usable nonce (status %d)", a->name, r.status);
            if (r.status == 404)
                authority_reset_directory(a);
        }
    } else {
        err = *why;
    }
    /* One request waits for this answer; it hears of the failure, the others have their own. */
    if (err.code != 0 && a->queue != NULL && a->queued > a->fetching)
        post_end(dequeue(a), NULL, &err);
    pump(a);
}

static void fetch_nonce(struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct http_spec spec = {.method = HTTP_HEAD,
        .url = arena_dup(arena, a->directory.new_nonce),
        .headers_max = ACME_HEADERS_MAX,
        .body_max = ACME_JSON_MAX};
    struct http_request *request;
    a->fetching++;
    if (http_request_start(a->http, &spec, on_nonce, a, &request, &err) < 0) {
        a->fetching--;
        post_fail(dequeue(a), &err);
    }
}

/* Gives nonces at hand to requests that wait, and fetches for the rest. */
static void pump(struct authority *a)
{
    char nonce[ACME_NONCE_MAX + 1];
    while (a->queue != NULL && nonce_pool_take(a->nonces, mono_now(), nonce))
        sign(dequeue(a), nonce);
    while (a->queue != NULL && a->fetching < NONCE_FETCHES_MAX && a->fetching < a->queued)
        fetch_nonce(a);
}

struct post *post_start(struct authority *a, const struct post_spec *spec, post_done_fn *done, void *arg)
{
    struct post *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    *p = (struct post){.authority = a,
        .number = ++a->engine->request_n,
        .arena = arena_new(),
        .spec = *spec,
        .done = done,
        .arg = arg};
    p->spec.certificate = arena_dup_c(p->arena, spec->certificate != NULL ? spec->certificate : "");
    p->spec.order = arena_dup_c(p->arena, spec->order != NULL ? spec->order : "");
    p->spec.url = arena_dup_c(p->arena, spec->url);
    p->spec.permit = arena_str(p->arena, spec->permit);
    p->spec.sealed_key = arena_str(p->arena, spec->sealed_key);
    p->spec.ticket = arena_str(p->arena, spec->ticket);
    p->spec.profile = arena_dup_c(p->arena, spec->profile != NULL ? spec->profile : "");
    p->spec.identifier = arena_dup_c(p->arena, spec->identifier != NULL ? spec->identifier : "");
    const char **omitted = arena_array(p->arena, spec->omitted.n, sizeof *omitted);
    for (size_t i = 0; i < spec->omitted.n; i++)
        omitted[i] = arena_dup_c(p->arena, spec->omitted.p[i]);
    p->spec.omitted.p = omitted;
    enqueue(p);
    pump(a);
    return p;
}

uint64_t post_number(const struct post *p)
{
    return p->number;
}

void post_abandon(struct post *p)
{
    p->done = NULL;
    p->spec.exchange = NULL;
}
