#include "acme/order.h"

#include "acme/limits.h"
#include "acme/order_priv.h"
#include "acme/problem.h"
#include "base/attr.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const phase_texts[] = {
#define ORDER_PHASE_ROW(id, text) [id] = text,
    ORDER_PHASES(ORDER_PHASE_ROW)
#undef ORDER_PHASE_ROW
};

const char *order_phase_text(enum order_phase p)
{
    return (size_t)p < ARRAY_LEN(phase_texts) ? phase_texts[p] : "unknown";
}

static void copy_wishes(struct order *o, const struct order_params *p)
{
    static const enum acme_challenge usual[] = {CHALLENGE_HTTP_01};
    const enum acme_challenge *challenges = p->challenge_n > 0 ? p->challenges : usual;
    size_t n = p->challenge_n > 0 ? p->challenge_n : ARRAY_LEN(usual);
    o->challenges = arena_array(o->arena, n, sizeof *o->challenges);
    for (size_t i = 0; i < n; i++)
        if (challenges[i] < CHALLENGE_END_)
            o->challenges[o->challenge_n++] = challenges[i];
    o->avoid_n = p->avoid_n;
    o->avoid = arena_array(o->arena, p->avoid_n, sizeof *o->avoid);
    for (size_t i = 0; i < p->avoid_n; i++)
        o->avoid[i] = (struct order_avoid){arena_str(o->arena, p->avoid[i].name), p->avoid[i].challenge};
    o->profile_n = p->profile_n;
    o->profiles = arena_array(o->arena, p->profile_n, sizeof *o->profiles);
    for (size_t i = 0; i < p->profile_n; i++)
        o->profiles[i] = arena_dup(o->arena, p->profiles[i]);
    o->profile_required = p->profile_required;
    o->replaces = p->replaces;
    if (p->new_authz.n > 0)
        o->new_authz = arena_dup(o->arena, p->new_authz);
}

struct order *order_new(const struct order_params *p)
{
    struct arena *a = arena_new();
    struct order *o = arena_alloc(a, sizeof *o);
    o->arena = a;
    o->scratch = arena_new();
    o->names = arena_array(a, p->name_n, sizeof *o->names);
    for (size_t i = 0; i < p->name_n; i++)
        o->names[i] = arena_str(a, p->names[i]);
    o->name_n = p->name_n;
    o->thumbprint = arena_str(a, p->thumbprint);
    o->directory_url = arena_str(a, p->directory_url);
    o->new_order = arena_dup(a, p->new_order);
    o->has_key = p->has_key;
    o->finalize_early = p->finalize_early;
    o->choose_chain = p->choose_chain;
    o->chain = o->candidate = buf_new(ACME_CHAIN_MAX);
    o->resumed = p->resume_url.n > 0;
    if (o->resumed)
        o->url = arena_dup(a, p->resume_url);
    copy_wishes(o, p);
    return o;
}

void order_free(struct order *o)
{
    if (o == NULL)
        return;
    buf_free(&o->chain);
    buf_free(&o->candidate);
    arena_free(o->scratch);
    arena_free(o->arena);
}

enum order_phase order_phase(const struct order *o)
{
    return o->phase;
}

struct str order_url(const struct order *o)
{
    return str_c(o->url);
}

bool order_is_dead(const struct order *o)
{
    return o->dead;
}

bool order_was_too_early(const struct order *o)
{
    return o->too_early;
}

bool order_is_over(const struct order *o)
{
    return o->phase == ORDER_PHASE_DONE || o->phase == ORDER_PHASE_FAILED;
}

/* --- asking --- */

void order_act(struct order *o, struct order_action action)
{
    /* The list holds twice as many as there can be authorizations; an order has no more to do in one step. */
    if (o->out->n < ORDER_ACTIONS_MAX)
        o->out->list[o->out->n++] = action;
}

static unsigned next_tag(struct order *o)
{
    if (++o->last_tag == 0)
        o->last_tag = 1;
    return o->last_tag;
}

void order_ask(
    struct order *o, struct order_awaited *w, const struct order_task *task, struct order_action action)
{
    *w = (struct order_awaited){.tag = next_tag(o), .task = task};
    action.tag = w->tag;
    order_act(o, action);
}

void order_request(struct order *o, struct order_awaited *w, const struct order_task *task,
    enum acme_request request, const char *url)
{
    order_ask(o, w, task, (struct order_action){.type = ORDER_DO_REQUEST, .request = request, .url = url});
}

/* --- time --- */

static struct mono after(const struct order *o, int64_t ms)
{
    return (struct mono){o->mono.ms + ms};
}

static struct mono earlier(struct mono a, struct mono b)
{
    return a.ms < b.ms ? a : b;
}

static struct mono later(struct mono a, struct mono b)
{
    return a.ms > b.ms ? a : b;
}

static bool is_validating(const struct order *o)
{
    return o->phase >= ORDER_PHASE_AUTHORIZE && o->phase <= ORDER_PHASE_VALIDATE;
}

/* What takes its time to be seen (a record that spreads) is no time of the CA's; who shows it has a limit. */
static struct mono deadline(const struct order *o)
{
    struct mono begun = later(o->begun, o->presented), told = later(o->first_answer, o->presented);
    if (order_is_presenting(o))
        return (struct mono){INT64_MAX};
    struct mono end = {begun.ms + (int64_t)ACME_ISSUANCE_DEADLINE_S * 1000};
    struct mono validated = {told.ms + (int64_t)ACME_VALIDATION_DEADLINE_S * 1000};
    return o->answered && is_validating(o) ? earlier(end, validated) : end;
}

void order_wake_at(struct order *o, struct mono at)
{
    o->wake_at = o->wake ? earlier(o->wake_at, at) : at;
    o->wake = true;
}

bool order_is_due(struct order *o, const struct order_pace *p)
{
    if (p->due.ms <= o->mono.ms)
        return true;
    order_wake_at(o, p->due);
    return false;
}

void order_pace_wait(struct order *o, struct order_pace *p, int64_t ms)
{
    p->interval_ms = ms;
    p->due = later(after(o, ms), p->floor);
}

void order_pace_restart(struct order *o, struct order_pace *p)
{
    order_pace_wait(o, p, ACME_POLL_FIRST_MS);
}

static int64_t grown(int64_t ms)
{
    ms = ms < ACME_POLL_FIRST_MS ? ACME_POLL_FIRST_MS : ms + ms / 2;
    return ms < ACME_POLL_CEILING_MS ? ms : ACME_POLL_CEILING_MS;
}

void order_pace_grow(struct order *o, struct order_pace *p)
{
    order_pace_wait(o, p, grown(p->interval_ms));
}

void order_pace_obey(struct order *o, struct order_pace *p, const struct acme_response *r)
{
    int64_t wait_s;
    if (!acme_response_retry_after(r, o->wall, ACME_POLL_RETRY_AFTER_MAX_MS / 1000, &wait_s))
        return;
    p->floor = later(p->floor, after(o, wait_s * 1000));
    p->due = later(p->due, p->floor);
}

static void check_deadline(struct order *o)
{
    /* The search for reasons asks everything once, so it has an end of its own. */
    if (o->condemned || o->closing || o->phase >= ORDER_PHASE_PUBLISH || o->mono.ms < deadline(o).ms)
        return;
    if (is_validating(o))
        order_give_up_waiting(o);
    else if (!order_publish_best(o))
        order_fail_text(o, ERR_TIMEOUT, false,
            "no certificate after %d minutes (%s%s%s); the order will be taken up again",
            ACME_ISSUANCE_DEADLINE_S / 60, order_phase_text(o->phase), o->refused ? "; the CA said: " : "",
            o->refused ? o->trouble.text : "");
}

/* Gives the caller the wait it should have now. One that has become pointless is left to run out: its tag is
 * forgotten. */
static void arm(struct order *o)
{
    if (order_is_over(o) || !o->wake) {
        o->wait_tag = 0;
        return;
    }
    struct mono until = o->condemned ? o->wake_at : earlier(o->wake_at, deadline(o));
    if (o->wait_tag != 0 && until.ms == o->wait_until.ms)
        return;
    o->wait_until = until;
    o->wait_tag = next_tag(o);
    order_act(o, (struct order_action){.type = ORDER_DO_WAIT,
                     .tag = o->wait_tag,
                     .wait_ms = until.ms > o->mono.ms ? until.ms - o->mono.ms : 0});
}

/* --- what went wrong --- */

void order_fail(struct order *o, const struct err *err, bool dead)
{
    if (order_is_over(o) || o->closing)
        return;
    o->err = *err;
    o->dead = dead;
    order_withdraw(o);
    o->awaited.tag = o->key.tag = 0;
    o->closing = true;
    if (!dead || !order_leaves_open(o))
        order_end(o);
}

void order_end(struct order *o)
{
    o->phase = ORDER_PHASE_FAILED;
    order_act(o, (struct order_action){.type = ORDER_DO_FAILED, .err = &o->err});
}

void order_fail_text(struct order *o, int code, bool dead, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    struct err err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(&err, code, "%s", text);
    order_fail(o, &err, dead);
}

void order_fail_problem(struct order *o, const struct problem *p, const struct acme_response *r, bool dead)
{
    struct err err;
    problem_to_err(p, r, o->wall, &err);
    order_fail(o, &err, dead);
}

void order_lost(struct order *o, struct order_pace *pace, unsigned *lost, const struct err *err)
{
    if (!err_is_temporary(err->code) || ++*lost > ORDER_LOST_MAX)
        order_fail(o, err, false);
    else
        order_pace_wait(o, pace, (int64_t)ORDER_LOST_WAIT_MS << (*lost - 1));
}

void order_refused_for_now(
    struct order *o, struct order_pace *pace, const struct problem *p, const struct acme_response *r)
{
    int64_t wait_s = 0;
    problem_retry_after(p, r, o->wall, ACME_RETRY_AFTER_MAX_S, &wait_s);
    bool tired = problem_classify(p) == PROBLEM_RETRY_NONCE && ++o->nonces_refused > ORDER_NONCES_REFUSED_MAX;
    if (tired || after(o, wait_s * 1000).ms >= deadline(o).ms) {
        order_fail_problem(o, p, r, false);
        return;
    }
    o->refused = true;
    problem_to_err(p, r, o->wall, &o->trouble);
    pace->floor = later(pace->floor, after(o, wait_s * 1000));
    int64_t wait_ms = pace->interval_ms < ORDER_LOST_WAIT_MS ? ORDER_LOST_WAIT_MS : pace->interval_ms * 2;
    order_pace_wait(o, pace, wait_ms < ORDER_REFUSED_WAIT_MAX_MS ? wait_ms : ORDER_REFUSED_WAIT_MAX_MS);
}

/* Whether a refusal to show something says that it does not exist, or not for us. */
static bool is_gone(const struct problem *p)
{
    return p->status == 404 || p->status == 410 || str_eq(str_c(p->type), STR("malformed")) ||
           str_eq(str_c(p->type), STR("unauthorized"));
}

bool order_is_temporary(const struct problem *p)
{
    enum problem_class class = problem_classify(p);
    /* A badNonce that comes this far has outlived all its repetitions. */
    return class == PROBLEM_TEMPORARY || class == PROBLEM_RETRY_NONCE;
}

void order_read_refused(struct order *o, struct order_pace *pace, const struct acme_response *r)
{
    struct problem p;
    problem_read(r, o->scratch, &p);
    /* An order that is only being taken up has nothing to lose: it can wait for its next turn. */
    bool tired = o->phase == ORDER_PHASE_ORDER && ++o->lost > ORDER_LOST_MAX;
    if (order_is_temporary(&p) && !tired)
        order_refused_for_now(o, pace, &p, r);
    else
        order_fail_problem(o, &p, r, is_gone(&p));
}

/* --- steps --- */

static struct order_awaited *find(struct order *o, unsigned tag, struct authorization **a)
{
    *a = NULL;
    if (tag == 0)
        return NULL;
    if (o->awaited.tag == tag)
        return &o->awaited;
    if (o->key.tag == tag)
        return &o->key;
    for (size_t i = 0; i < o->authorization_n; i++)
        if (o->authorizations[i].awaited.tag == tag) {
            *a = &o->authorizations[i];
            return &(*a)->awaited;
        }
    return NULL;
}

static void take_answer(struct order *o, const struct order_event *e)
{
    struct authorization *a;
    struct order_awaited *w = find(o, e->tag, &a);
    bool failed = e->type == ORDER_EVENT_FAILED;
    if (w == NULL || (!failed && e->type != w->task->answer))
        return;
    if (e->type == ORDER_EVENT_RESPONSE && !o->answered) {
        o->answered = true;
        o->first_answer = o->mono;
    }
    if (e->type == ORDER_EVENT_RESPONSE && acme_response_ok(e->response))
        o->refused = false;
    w->tag = 0;
    if (failed)
        w->task->failed(o, a, e->err);
    else
        w->task->done(o, a, e);
}

static void take_start(struct order *o, const struct order_event *e)
{
    if (o->started)
        return;
    o->started = true;
    o->begun = e->mono;
}

static void take_hit(struct order *o, const struct order_event *e)
{
    order_hit(o, e->token);
}

static void take_timer(struct order *o, const struct order_event *e)
{
    if (e->tag == o->wait_tag)
        o->wait_tag = 0;
}

static void (*const take[])(struct order *, const struct order_event *) = {
    [ORDER_EVENT_START] = take_start,
    [ORDER_EVENT_RESPONSE] = take_answer,
    [ORDER_EVENT_FAILED] = take_answer,
    [ORDER_EVENT_PRESENTED] = take_answer,
    [ORDER_EVENT_HIT] = take_hit,
    [ORDER_EVENT_KEY_MADE] = take_answer,
    [ORDER_EVENT_PUBLISHED] = take_answer,
    [ORDER_EVENT_TIMER] = take_timer,
    [ORDER_EVENT_JUDGED] = take_answer,
};

static void (*const decide[])(struct order *) = {
    [ORDER_PHASE_ORDER] = order_begin,
    [ORDER_PHASE_AUTHORIZE] = order_validate,
    [ORDER_PHASE_PRESENT] = order_validate,
    [ORDER_PHASE_VALIDATE] = order_validate,
    [ORDER_PHASE_FINALIZE] = order_finalize,
    [ORDER_PHASE_ISSUE] = order_poll,
    [ORDER_PHASE_DOWNLOAD] = order_download,
    [ORDER_PHASE_PUBLISH] = order_await_publication,
};

static void (*decision_of(const struct order *o))(struct order *)
{
    return o->closing ? order_close : o->condemned ? order_explain : decide[o->phase];
}

/* One decision may lead into the next phase, which has something to decide as well. */
static void decide_all(struct order *o)
{
    enum order_phase before;
    void (*decision)(struct order *);
    do {
        before = o->phase;
        decision = decision_of(o);
        o->wake = false;
        decision(o);
    } while (!order_is_over(o) && (o->phase != before || decision_of(o) != decision));
}

void order_step(struct order *o, const struct order_event *e, struct order_actions *out)
{
    out->n = 0;
    if (order_is_over(o) || (size_t)e->type >= ARRAY_LEN(take))
        return;
    arena_free(o->scratch);
    o->scratch = arena_new();
    o->wall = e->wall;
    o->mono = e->mono;
    o->out = out;
    o->wake = false;
    take[e->type](o, e);
    if (!o->started)
        return;
    if (!order_is_over(o))
        check_deadline(o);
    if (!order_is_over(o))
        decide_all(o);
    arm(o);
}
