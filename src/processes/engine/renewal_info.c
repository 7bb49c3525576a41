/* Asking CAs when they would like certificates to be renewed (ARI, RFC 9773). */
#include "policy/renewal_info.h"

#include "acme/limits.h"
#include "acme/renewal_info.h"
#include "base/log.h"
#include "os/random.h"
#include "processes/engine/engine.h"

#include <stdlib.h>
#include <string.h>

/* One certificate that is asked for. */
struct renewal_poll_request {
    struct renewal_poll_request *next;
    struct engine *engine;
    struct authority *authority;
    struct arena *arena;
    const char *name, *ari_id;
};

void renewal_info_reset(struct engine *e, struct certificate *c, const struct authority *authority)
{
    c->ari_start = c->ari_end = c->ari_at = c->ari_checked_at = c->ari_due_at = (struct wall){0};
    c->ari_failures = 0;
    c->ari_explanation = "";
    if (c->ari_id[0] != '\0' && authority->directory.renewal_info.n > 0)
        c->ari_due_at = engine_now(e);
}

bool renewal_info_replaces(const struct certificate *c, const struct authority *a)
{
    return c->generation > 0 && c->ari_id[0] != '\0' && a->directory.renewal_info.n > 0 &&
           strcmp(c->authority, a->id) == 0;
}

/* --- what came of it --- */

static void end(struct renewal_poll_request *p)
{
    struct engine *e = p->engine;
    for (struct renewal_poll_request **at = &e->polls; *at != NULL; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            e->poll_n--;
            break;
        }
    e->due_stale = true;
    arena_free(p->arena);
    free(p);
}

static struct wall retry_at(struct engine *e, const struct acme_response *r)
{
    int64_t wait_s;
    if (r == NULL || !acme_response_retry_after(r, engine_now(e), ACME_RETRY_AFTER_MAX_S, &wait_s))
        return (struct wall){0};
    return (struct wall){engine_now(e).s + wait_s};
}

static void take_window(struct engine *e, struct certificate *c, const struct renewal_info *info)
{
    struct renewal_window was = {c->ari_start, c->ari_end}, is = {info->start, info->end};
    bool changed = was.start.s != is.start.s || was.end.s != is.end.s;
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], text[2 * TIME_TEXT_MAX + 100];
    c->ari_at = renewal_info_pick(is, was, c->ari_at, random_u64());
    c->ari_start = is.start;
    c->ari_end = is.end;
    c->ari_explanation = info->explanation_url;
    c->ari_checked_at = engine_now(e);
    c->ari_failures = 0;
    /* The first window is what everybody expects; one that moves, or comes with a reason, is news. */
    if (!changed || (was.start.s == 0 && info->explanation_url[0] == '\0'))
        return;
    snprintf(text, sizeof text, "the CA suggests to renew between %s and %s", wall_format(is.start, from),
        wall_format(is.end, to));
    log_certificate(c->name, LOG_LEVEL_INFO, "%s: %s%s%s", c->name, text,
        info->explanation_url[0] != '\0' ? ": " : "", info->explanation_url);
    history_add(e, c->name, "renewal-window", text,
        info->explanation_url[0] != '\0' ? json_pack("{s:s}", "explanation_url", info->explanation_url)
                                         : NULL);
}

/* What is not to be renewed is not asked for, nor is what has expired (RFC 9773 4.3). */
static bool is_wanted(struct engine *e, const struct certificate *c)
{
    return c->generation > 0 && !c->released && !certificate_is_parked(e, c) && !c->revoked &&
           c->not_after.s > engine_now(e).s;
}

/* The record as it is now; false where it is another certificate than the one that was asked for. */
static bool load(const struct renewal_poll_request *p, struct certificate *c)
{
    return store_certificate_get(p->engine->store, str_c(p->name), p->arena, c, NULL) == 0 &&
           strcmp(c->ari_id, p->ari_id) == 0;
}

static void record(struct renewal_poll_request *p, enum renewal_answer answer,
    const struct renewal_info *info, const struct acme_response *r, const char *why)
{
    struct engine *e = p->engine;
    struct certificate c;
    struct wish w;
    struct err err = ERR_INIT;
    if (!load(p, &c))
        return;
    if (answer == RENEWAL_ANSWER_GOOD) {
        take_window(e, &c, info);
    } else {
        c.ari_failures = c.ari_failures < INT64_MAX ? c.ari_failures + 1 : INT64_MAX;
        log_certificate(c.name, LOG_LEVEL_INFO, "%s: no renewal information from %s: %s", c.name,
            p->authority->name, why);
    }
    struct renewal_poll poll = {.answer = answer,
        .failures = c.ari_failures,
        .retry_at = retry_at(e, r),
        .now = engine_now(e),
        .not_after = c.not_after,
        .random = random_u64()};
    c.ari_due_at = is_wanted(e, &c) ? renewal_info_poll_at(&poll) : (struct wall){0};
    /* What failed, waits or is not wanted has dates of its own; and what is due already may be so because the
     * operator wants another certificate now, whatever the CA says of this one. */
    bool scheduled =
        is_wanted(e, &c) && c.failures == 0 && c.wait_until.s == 0 && c.due_at.s > engine_now(e).s;
    if (answer == RENEWAL_ANSWER_GOOD && scheduled && wish_decode(str_c(c.wish), p->arena, &w, NULL) == 0) {
        struct wall due = schedule_due(e, &c, &w);
        if (c.omitted[0] == '\0' || due.s < c.due_at.s)
            c.due_at = due;
    }
    if (certificate_save(e, &c, &err) < 0)
        log_certificate(c.name, LOG_LEVEL_ERROR, "%s: %s", c.name, err.text);
}

static void on_answer(const struct http_response *hr, const struct err *why, void *arg)
{
    struct renewal_poll_request *p = arg;
    struct renewal_info info;
    struct err err = ERR_INIT;
    if (hr == NULL) {
        record(p, RENEWAL_ANSWER_TEMPORARY, NULL, NULL, why->text);
        end(p);
        return;
    }
    struct acme_response r = response_of(hr, p->arena);
    if (r.status == 200 && renewal_info_parse(r.body, p->arena, &info, &err) == 0) {
        record(p, RENEWAL_ANSWER_GOOD, &info, &r, "");
    } else {
        bool temporary = r.status >= 500 || r.status == 429;
        if (r.status != 200)
            err_set(&err, ERR_ACME, "status %d", r.status);
        record(p, temporary ? RENEWAL_ANSWER_TEMPORARY : RENEWAL_ANSWER_BAD, NULL, &r, err.text);
    }
    end(p);
}

/* --- asking --- */

static void on_directory(struct engine *e, const struct err *why, void *arg)
{
    struct renewal_poll_request *p = arg;
    struct buf url ATTR_CLEANUP(buf_free) = buf_new(ACME_URL_MAX);
    struct err err = ERR_INIT;
    struct http_request *request;
    (void)e;
    if (why == NULL && p->authority->directory.renewal_info.n == 0) { /* not any more */
        record(p, RENEWAL_ANSWER_BAD, NULL, NULL, "it does not offer any");
        end(p);
        return;
    }
    if (why == NULL) {
        renewal_info_url(p->authority->directory.renewal_info, str_c(p->ari_id), &url);
        struct http_spec spec = {.method = HTTP_GET,
            .url = arena_dup(p->arena, buf_str(&url)),
            .headers_max = ACME_HEADERS_MAX,
            .body_max = ACME_JSON_MAX};
        if (http_request_start(p->authority->http, &spec, on_answer, p, &request, &err) == 0)
            return;
    }
    record(p, RENEWAL_ANSWER_TEMPORARY, NULL, NULL, why != NULL ? why->text : err.text);
    end(p);
}

static void ask_never(struct renewal_poll_request *p)
{
    struct certificate c;
    if (load(p, &c)) {
        c.ari_due_at = (struct wall){0};
        (void)certificate_save(p->engine, &c, NULL);
    }
    end(p);
}

static void on_introduced(struct engine *e, const struct err *why, void *arg)
{
    struct renewal_poll_request *p = arg;
    struct certificate c;
    (void)why;
    if (load(p, &c) && (p->authority = authority_of_account(e, c.authority)) != NULL)
        authority_need_directory(p->authority, on_directory, p);
    else /* its CA is not configured any more: nobody can be asked */
        ask_never(p);
}

static bool is_listed(const struct renewal_poll_request *list, const char *name)
{
    for (const struct renewal_poll_request *p = list; p != NULL; p = p->next)
        if (strcmp(p->name, name) == 0)
            return true;
    return false;
}

/* Only notes whom to ask: to ask may change the store, which is being read. */
static int note_due(const struct certificate *c, void *arg)
{
    struct engine *e = arg;
    if (is_listed(e->polls, c->name) || is_listed(e->polls_due, c->name))
        return 0;
    struct renewal_poll_request *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    *p = (struct renewal_poll_request){.next = e->polls_due, .engine = e, .arena = arena_new()};
    p->name = arena_dup_c(p->arena, c->name);
    p->ari_id = arena_dup_c(p->arena, c->ari_id);
    e->polls_due = p;
    e->poll_n++;
    return e->poll_n >= RENEWAL_POLLS_MAX;
}

/* Whoever does not answer orders is not asked about renewals, and nothing is counted. */
static bool rests(struct renewal_poll_request *p, struct certificate *c)
{
    const struct authority *a = authority_of_account(p->engine, c->authority);
    if (a == NULL || !authority_rests(a))
        return false;
    c->ari_due_at = authority_after_rest(a);
    (void)certificate_save(p->engine, c, NULL);
    end(p);
    return true;
}

static void start(struct renewal_poll_request *p)
{
    struct engine *e = p->engine;
    struct certificate c;
    if (!load(p, &c) || !is_wanted(e, &c))
        ask_never(p);
    else if (rests(p, &c))
        return;
    else if (authority_of_account(e, c.authority) != NULL)
        on_introduced(e, NULL, p);
    else
        authority_introduce(e, c.permit, on_introduced, p);
}

void renewal_info_run(struct engine *e)
{
    struct err err = ERR_INIT;
    /* What is asked for just now is still due in the store, so as many more are looked at. */
    if (e->poll_n < RENEWAL_POLLS_MAX &&
        store_ari_due(e->store, engine_now(e), RENEWAL_POLLS_MAX + e->poll_n, note_due, e, &err) < 0)
        log_error("%s", err.text);
    while (e->polls_due != NULL) {
        struct renewal_poll_request *p = e->polls_due;
        e->polls_due = p->next;
        p->next = e->polls;
        e->polls = p;
        start(p);
    }
}
