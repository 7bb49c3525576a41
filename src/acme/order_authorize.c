#include "acme/identifier.h"
#include "acme/limits.h"
#include "acme/order_priv.h"
#include "acme/problem.h"
#include "acme/url.h"
#include "base/buf.h"
#include "base/text.h"

static const char http_01[] = "http-01";

void order_set_authorizations(struct order *o, const struct order_object *object)
{
    o->authorizations = arena_array(o->arena, object->authorization_n, sizeof *o->authorizations);
    for (size_t i = 0; i < object->authorization_n; i++) {
        bool known = false;
        for (size_t j = 0; j < o->authorization_n && !known; j++)
            known = str_eq_c(str_c(object->authorizations[i]), o->authorizations[j].url);
        if (!known)
            o->authorizations[o->authorization_n++].url = arena_dup_c(o->arena, object->authorizations[i]);
    }
}

bool order_has_unread(const struct order *o)
{
    for (size_t i = 0; i < o->authorization_n; i++)
        if (o->authorizations[i].name == NULL)
            return true;
    return false;
}

void order_withdraw(struct order *o)
{
    for (size_t i = 0; i < o->authorization_n; i++)
        order_withdraw_one(o, &o->authorizations[i]);
}

/* --- reasons --- */

static void blame(struct order *o, struct authorization *a, const struct problem *p)
{
    struct subproblem *reason = arena_alloc(o->arena, sizeof *reason);
    reason->type = arena_dup_c(o->arena, p->type);
    reason->detail = arena_dup_c(o->arena, p->detail);
    reason->identifier = a->name != NULL ? a->name : "";
    a->reason = reason;
}

/* The error of the challenge that failed; where several have one, that of the kind we answer. */
static const struct problem *error_of(const struct authorization_object *object)
{
    const struct problem *found = NULL;
    for (size_t i = 0; i < object->challenge_n; i++) {
        const struct challenge_object *c = &object->challenges[i];
        if (c->error != NULL && (found == NULL || str_eq_c(str_c(c->type), http_01)))
            found = c->error;
    }
    return found;
}

static void blame_object(struct order *o, struct authorization *a, const struct authorization_object *object)
{
    const struct problem *p = error_of(object);
    struct problem bare = {.type = "", .instance = ""};
    if (p == NULL) {
        bare.detail = arena_printf(o->scratch, "its authorization is %s", acme_status_text(object->status));
        p = &bare;
    }
    blame(o, a, p);
}

/* A problem whose sub-problems are the reasons known so far; false where there is none. */
static bool summarize(struct order *o, const char *verb, struct problem *out)
{
    struct subproblem *sub = arena_array(o->scratch, o->authorization_n, sizeof *sub);
    size_t n = 0;
    for (size_t i = 0; i < o->authorization_n; i++)
        if (o->authorizations[i].reason != NULL)
            sub[n++] = *o->authorizations[i].reason;
    if (n == 0)
        return false;
    *out = (struct problem){
        .type = sub[0].type,
        .detail = o->name_n == 1 ? arena_printf(o->scratch, "the CA %s the name", verb)
                                 : arena_printf(o->scratch, "the CA %s %zu of %zu names", verb, n, o->name_n),
        .instance = "",
        .sub = sub,
        .sub_n = n,
    };
    return true;
}

void order_give_up_waiting(struct order *o)
{
    struct problem p;
    if (summarize(o, "has not validated", &p))
        order_fail_problem(o, &p, NULL, false);
    else
        order_fail_text(o, ERR_TIMEOUT, false, "the CA did not validate the names within %d minutes (%s)",
            ACME_VALIDATION_DEADLINE_S / 60, order_phase_text(o->phase));
}

/* --- reading an authorization --- */

/* The name of ours that an authorization is for (7.1.4: that of "*.x" has the identifier x and says
 * wildcard), or NULL. */
static const char *name_of(const struct order *o, const struct authorization_object *object)
{
    for (size_t i = 0; i < o->name_n; i++)
        if (identifier_is_wildcard(o->names[i]) == object->wildcard &&
            str_eq(identifier_base(o->names[i]), object->identifier))
            return o->names[i].p;
    return NULL;
}

static int check_token(struct str token, struct err *err)
{
    if (token.n < ACME_TOKEN_MIN || token.n > ACME_TOKEN_MAX)
        return err_set(err, ERR_INPUT, "the CA's token has %zu characters, not %d to %d", token.n,
            ACME_TOKEN_MIN, ACME_TOKEN_MAX);
    /* 8.1: the alphabet is that of a nonce. It will be part of a path. */
    if (!acme_nonce_acceptable(token))
        return err_set(err, ERR_INPUT, "the CA's token has a character that is not base64url");
    return 0;
}

/* NULL where none can be answered. A web server shows nothing about the names below its own, so a wildcard
 * has dns-01 only, whatever the CA offers. */
static const struct challenge_object *find_challenge(const struct authorization_object *object)
{
    for (size_t i = 0; i < object->challenge_n && !object->wildcard; i++) {
        const struct challenge_object *c = &object->challenges[i];
        if (str_eq_c(str_c(c->type), http_01) && c->token != NULL && c->url != NULL)
            return c;
    }
    return NULL;
}

static void fail_without_challenge(
    struct order *o, struct authorization *a, const struct authorization_object *object)
{
    struct buf offer = buf_new(ERR_TEXT_MAX / 2);
    for (size_t i = 0; i < object->challenge_n; i++) {
        const struct challenge_object *c = &object->challenges[i];
        bool incomplete = c->token == NULL || c->url == NULL;
        buf_printf(&offer, "%s%s%s", i > 0 ? ", " : "", c->type,
            incomplete && str_eq_c(str_c(c->type), http_01) ? " (incomplete)" : "");
    }
    const char *offered = object->challenge_n > 0 ? buf_c(&offer) : "nothing";
    if (object->wildcard)
        order_fail_text(o, ERR_CONFIG, false,
            "%s: a wildcard is validated with dns-01 only, which this version does not answer (offered: %s)",
            a->name, offered);
    else
        order_fail_text(o, ERR_ACME, false,
            "%s: the CA does not offer http-01, the only challenge this version answers (offered: %s)",
            a->name, offered);
    buf_free(&offer);
}

/* What is left to do for a challenge in this status: PRESENT and tell the CA, or only what it needs to find
 * what it was told of before (another run of ours answered it). */
static void adopt(struct order *o, struct authorization *a, const struct challenge_object *c)
{
    if (a->token == NULL) {
        a->token = arena_dup_c(o->arena, c->token);
        a->challenge_url = arena_dup_c(o->arena, c->url);
        a->key_authorization = arena_printf(o->arena, "%s.%.*s", a->token, STR_ARG(o->thumbprint));
    }
    a->told = c->status == STATUS_PROCESSING || c->status == STATUS_VALID || a->hit;
    if (!a->visible)
        a->state = AUTHORIZATION_UNPRESENTED;
    else
        a->state = a->told ? AUTHORIZATION_ANSWERED : AUTHORIZATION_UNANSWERED;
}

static void choose(struct order *o, struct authorization *a, const struct authorization_object *object)
{
    const struct challenge_object *c = find_challenge(object);
    struct err err;
    if (a->refusal != NULL) {
        order_fail(o, a->refusal, false);
    } else if (c == NULL) {
        fail_without_challenge(o, a, object);
    } else if (check_token(str_c(c->token), &err) < 0 ||
               acme_url_check_from(str_c(c->url), o->directory_url, &err) < 0) {
        err_prefix(&err, "%s", a->name);
        order_fail(o, &err, true);
    } else if (a->token != NULL && !str_eq_c(str_c(c->token), a->token)) {
        order_fail_text(o, ERR_INPUT, true, "%s: the CA changed the token of the challenge", a->name);
    } else if (c->status == STATUS_INVALID) {
        blame_object(o, a, object);
        a->state = AUTHORIZATION_SETTLED;
        order_condemn(o);
    } else {
        adopt(o, a, c);
    }
}

static void fail_foreign(struct order *o, const struct authorization_object *object)
{
    struct buf name = buf_new(IDENTIFIER_MAX + sizeof "...");
    text_clean(&name, object->identifier, IDENTIFIER_MAX);
    order_fail_text(o, ERR_INPUT, true, "the CA wants %s%s validated, which was not ordered, or not there",
        object->wildcard ? "*." : "", buf_c(&name));
    buf_free(&name);
}

static void authorization_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    struct authorization_object object;
    struct err err;
    if (!acme_response_ok(e->response)) {
        order_read_refused(o, &a->pace, e->response);
        return;
    }
    if (authorization_object_parse(e->response->body, o->scratch, &object, &err) < 0) {
        err_prefix(&err, "an authorization of the CA");
        order_fail(o, &err, false);
        return;
    }
    const char *name = name_of(o, &object);
    if (name == NULL || (a->name != NULL && a->name != name)) {
        fail_foreign(o, &object);
        return;
    }
    a->name = name;
    if (object.status == STATUS_VALID) {
        a->state = AUTHORIZATION_VALID;
        order_withdraw_one(o, a);
    } else if (object.status == STATUS_PENDING || object.status == STATUS_UNKNOWN) {
        choose(o, a, &object);
    } else {
        blame_object(o, a, &object);
        a->state = AUTHORIZATION_SETTLED;
        order_condemn(o);
    }
}

static void authorization_failed(struct order *o, struct authorization *a, const struct err *err)
{
    order_lost(o, &a->pace, &a->lost, err);
}

static const struct order_task read_task = {ORDER_EVENT_RESPONSE, authorization_done, authorization_failed};

/* --- presenting --- */

static void present_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    a->state = a->told ? AUTHORIZATION_ANSWERED : AUTHORIZATION_UNANSWERED;
}

static void present_failed(struct order *o, struct authorization *a, const struct err *err)
{
    struct err why = *err;
    a->visible = false;
    err_prefix(&why, "%s", a->name);
    order_fail(o, &why, false);
}

static const struct order_task present_task = {ORDER_EVENT_PRESENTED, present_done, present_failed};

static void present(struct order *o, struct authorization *a)
{
    a->visible = true;
    order_ask(o, &a->awaited, &present_task,
        (struct order_action){.type = ORDER_DO_PRESENT,
            .token = a->token,
            .domain = a->name,
            .key_authorization = a->key_authorization});
}

void order_withdraw_one(struct order *o, struct authorization *a)
{
    a->awaited.tag = 0; /* also of a PRESENT on its way: its answer says nothing that matters now */
    if (!a->visible)
        return;
    a->visible = false;
    order_act(o, (struct order_action){.type = ORDER_DO_WITHDRAW, .token = a->token, .domain = a->name});
}

/* --- answering a challenge (7.5.1) --- */

static void challenge_refused(struct order *o, struct authorization *a, const struct acme_response *r)
{
    struct problem p;
    problem_read(r, o->scratch, &p);
    if (order_is_temporary(&p)) {
        order_refused_for_now(o, &a->pace, &p, r);
        return;
    }
    /* An authorization that became valid meanwhile (another order, a lost answer) refuses as well. */
    struct err *refusal = arena_alloc(o->arena, sizeof *refusal);
    problem_to_err(&p, r, o->wall, refusal);
    err_prefix(refusal, "%s", a->name);
    a->refusal = refusal;
    a->state = AUTHORIZATION_UNREAD;
}

/* Pending with an error: the CA looked, did not find it, and waits to be asked again (8.2; step-ca does). */
static void challenge_again(struct order *o, struct authorization *a)
{
    struct problem p;
    if (++a->lost > ORDER_LOST_MAX && summarize(o, "could not validate", &p)) {
        order_fail_problem(o, &p, NULL, false);
        return;
    }
    a->hit = o->seen = false;
    order_pace_wait(o, &a->pace, (int64_t)ORDER_LOST_WAIT_MS << (a->lost - 1));
}

static void challenge_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    struct challenge_object c;
    if (!acme_response_ok(e->response)) {
        challenge_refused(o, a, e->response);
        return;
    }
    order_pace_obey(o, &o->pace, e->response);
    a->told = true;
    a->state = AUTHORIZATION_ANSWERED;
    if (challenge_object_parse(e->response->body, o->scratch, &c, NULL) < 0)
        return; /* taken, whatever the body is: the order will tell */
    if (c.error != NULL)
        blame(o, a, c.error);
    if (c.status == STATUS_VALID) {
        a->reason = NULL;
        a->state = AUTHORIZATION_VALID;
        order_withdraw_one(o, a);
    } else if (c.status == STATUS_INVALID) {
        if (a->reason == NULL)
            blame(o, a, &(struct problem){.type = "", .detail = "the CA gave no reason", .instance = ""});
        a->state = AUTHORIZATION_SETTLED;
        order_condemn(o);
    } else if (c.status == STATUS_PENDING && c.error != NULL) {
        a->state = AUTHORIZATION_UNANSWERED;
        challenge_again(o, a);
    }
}

/* Whether the CA got it is seen in the authorization, not in the order. */
static void challenge_failed(struct order *o, struct authorization *a, const struct err *err)
{
    a->state = AUTHORIZATION_UNREAD;
    order_lost(o, &a->pace, &a->lost, err);
}

static const struct order_task challenge_task = {ORDER_EVENT_RESPONSE, challenge_done, challenge_failed};

/* --- deciding --- */

static size_t requests_in_flight(const struct order *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->authorization_n; i++) {
        const struct order_awaited *w = &o->authorizations[i].awaited;
        n += w->tag != 0 && w->task->answer == ORDER_EVENT_RESPONSE;
    }
    return n;
}

/* Takes one authorization a step further where it can go. */
static void drive(struct order *o, struct authorization *a)
{
    if (a->awaited.tag != 0)
        return;
    bool room = requests_in_flight(o) < ORDER_REQUESTS_AT_ONCE;
    if (a->state == AUTHORIZATION_UNREAD && room && order_is_due(o, &a->pace))
        order_request(o, &a->awaited, &read_task, ACME_REQUEST_READ, a->url);
    /* Nothing is shown or answered before all are read: an order that can't succeed burns no validation. */
    else if (a->state == AUTHORIZATION_UNPRESENTED && !order_has_unread(o))
        present(o, a);
    else if (a->state == AUTHORIZATION_UNANSWERED && room && order_is_due(o, &a->pace))
        order_request(o, &a->awaited, &challenge_task, ACME_REQUEST_CHALLENGE, a->challenge_url);
}

/* How far the authorization that is furthest behind has come. */
struct progress {
    bool presented; /* all can be seen */
    bool sent;      /* all challenges are answered or being answered */
    bool answered;  /* all challenges are answered */
    bool valid;     /* all are known to be valid, and there is one */
};

static struct progress progress_of(const struct order *o)
{
    struct progress p = {true, true, true, o->authorization_n > 0};
    for (size_t i = 0; i < o->authorization_n; i++) {
        const struct authorization *a = &o->authorizations[i];
        bool answered = a->state == AUTHORIZATION_ANSWERED || a->state == AUTHORIZATION_VALID;
        p.presented = p.presented && a->name != NULL && a->state != AUTHORIZATION_UNPRESENTED;
        p.sent = p.sent && (answered || (a->state == AUTHORIZATION_UNANSWERED && a->awaited.tag != 0));
        p.answered = p.answered && answered;
        p.valid = p.valid && a->state == AUTHORIZATION_VALID;
    }
    return p;
}

/* What is shown only moves forward, also where one authorization has to be read again. */
static void advance_phase(struct order *o, const struct progress *p)
{
    enum order_phase phase = p->presented          ? ORDER_PHASE_VALIDATE
                             : order_has_unread(o) ? ORDER_PHASE_AUTHORIZE
                                                   : ORDER_PHASE_PRESENT;
    if (phase > o->phase)
        o->phase = phase;
}

void order_hit(struct order *o, struct str token)
{
    bool ours = false, all = true;
    for (size_t i = 0; i < o->authorization_n; i++) {
        struct authorization *a = &o->authorizations[i];
        if (a->visible && str_eq_c(token, a->token))
            ours = a->hit = true;
        all = all && (a->hit || a->state == AUTHORIZATION_VALID);
    }
    if (!ours || !all)
        return;
    if (!o->seen)
        o->all_hit = o->mono;
    o->seen = true;
    if (o->mono.ms - o->all_hit.ms > ORDER_SETTLE_SPAN_MS)
        return;
    o->last_hit = o->mono;
    if (o->phase == ORDER_PHASE_VALIDATE && o->polling)
        order_pace_restart(o, &o->pace); /* however long the waits have become: now it is soon */
}

/* finalize_early: whether to finalize now without asking; with a wait until then where not yet. */
static bool is_early_enough(struct order *o)
{
    if (!o->finalize_early || o->ask_first || !o->seen)
        return false;
    struct order_pace settled = {.due = {o->last_hit.ms + ORDER_SETTLE_MS}};
    return order_is_due(o, &settled);
}

void order_validate(struct order *o)
{
    for (size_t i = 0; i < o->authorization_n; i++)
        drive(o, &o->authorizations[i]);
    struct progress p = progress_of(o);
    advance_phase(o, &p);
    if (p.sent)
        order_make_key(o); /* while the CA validates */
    if (!p.answered || o->awaited.tag != 0)
        return;
    if (p.valid && !o->ask_first) {
        order_enter_finalize(o, false);
        return;
    }
    if (!o->polling) {
        o->polling = true;
        order_pace_restart(o, &o->pace);
    }
    if (is_early_enough(o))
        order_enter_finalize(o, true);
    else
        order_poll(o);
}

/* --- why an order failed --- */

static void reason_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    struct authorization_object object;
    a->state = AUTHORIZATION_SETTLED;
    if (!acme_response_ok(e->response) ||
        authorization_object_parse(e->response->body, o->scratch, &object, NULL) < 0 ||
        (a->name = name_of(o, &object)) == NULL)
        return;
    bool open = object.status == STATUS_PENDING || object.status == STATUS_UNKNOWN;
    a->reason = NULL;
    if (object.status != STATUS_VALID && (!open || error_of(&object) != NULL))
        blame_object(o, a, &object);
}

static void reason_failed(struct order *o, struct authorization *a, const struct err *err)
{
    a->state = AUTHORIZATION_SETTLED;
}

static const struct order_task reason_task = {ORDER_EVENT_RESPONSE, reason_done, reason_failed};

/* A clean place for ACME_REQUEST_GIVE_UP (7.5.2): the authorizations that are still pending when this begins
 * count against the limits of some CAs until they expire. */
void order_condemn(struct order *o)
{
    o->condemned = true;
    o->awaited.tag = 0;
    order_withdraw(o);
    for (size_t i = 0; i < o->authorization_n; i++) {
        struct authorization *a = &o->authorizations[i];
        if (a->state == AUTHORIZATION_VALID)
            a->state = AUTHORIZATION_SETTLED;
        if (a->state != AUTHORIZATION_SETTLED)
            a->state = AUTHORIZATION_UNREAD;
    }
}

void order_explain(struct order *o)
{
    bool settled = true;
    size_t busy = requests_in_flight(o);
    for (size_t i = 0; i < o->authorization_n; i++) {
        struct authorization *a = &o->authorizations[i];
        settled = settled && a->state == AUTHORIZATION_SETTLED;
        if (a->state == AUTHORIZATION_UNREAD && a->awaited.tag == 0 && busy < ORDER_REQUESTS_AT_ONCE) {
            order_request(o, &a->awaited, &reason_task, ACME_REQUEST_READ, a->url);
            busy++;
        }
    }
    struct problem p;
    if (!settled)
        return;
    if (summarize(o, "could not validate", &p))
        order_fail_problem(o, &p, NULL, true);
    else if (o->verdict != NULL)
        order_fail(o, o->verdict, true);
    else
        order_fail_text(o, ERR_ACME, true, "the CA made the order invalid and gave no reason");
}
