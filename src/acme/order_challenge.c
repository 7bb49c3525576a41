/* Challenges: which one is taken for a name, how it is shown, and how the CA is told (7.5.1, 8). */
#include "acme/identifier.h"
#include "acme/limits.h"
#include "acme/order_priv.h"
#include "acme/problem.h"
#include "acme/url.h"
#include "base/buf.h"

/* --- what is offered --- */

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

/* One of dns-persist-01 has no token, and names issuers instead. */
static bool is_incomplete(const struct challenge_object *c)
{
    bool persist = acme_challenge_parse(str_c(c->type)) == CHALLENGE_DNS_PERSIST_01;
    return c->url == NULL || (persist ? c->issuer_n == 0 : c->token == NULL);
}

static int check_challenge(const struct order *o, const struct challenge_object *c, struct err *err)
{
    bool persist = acme_challenge_parse(str_c(c->type)) == CHALLENGE_DNS_PERSIST_01;
    int r;
    if (is_incomplete(c))
        return err_set(err, ERR_INPUT, "the CA's challenge is incomplete");
    if (!persist && (r = check_token(str_c(c->token), err)) < 0)
        return r;
    return acme_url_check_from(str_c(c->url), o->directory_url, err);
}

static bool is_wanted(const struct order *o, enum acme_challenge kind)
{
    for (size_t i = 0; i < o->challenge_n; i++)
        if (o->challenges[i] == kind)
            return true;
    return false;
}

/* The first sound one of its kind, or NULL. */
static const struct challenge_object *find_challenge(
    const struct order *o, const struct authorization_object *object, enum acme_challenge kind)
{
    for (size_t i = 0; i < object->challenge_n; i++) {
        const struct challenge_object *c = &object->challenges[i];
        if (acme_challenge_parse(str_c(c->type)) == kind && check_challenge(o, c, NULL) == 0)
            return c;
    }
    return NULL;
}

static void note_flaw(struct order *o, struct authorization *a, const struct challenge_object *c)
{
    struct err err;
    if (a->flaw != NULL || is_incomplete(c) || check_challenge(o, c, &err) == 0)
        return;
    struct err *kept = arena_alloc(o->arena, sizeof *kept);
    *kept = err;
    err_prefix(kept, "%s: %s", a->name, c->type);
    a->flaw = kept;
}

static const char *token_of(const struct challenge_object *c)
{
    return acme_challenge_parse(str_c(c->type)) == CHALLENGE_DNS_PERSIST_01 ? "" : c->token;
}

static void take_offer(struct order *o, struct order_offer *out, const struct challenge_object *c)
{
    const char **issuers = arena_array(o->arena, c->issuer_n, sizeof *issuers);
    for (size_t i = 0; i < c->issuer_n; i++)
        issuers[i] = arena_dup_c(o->arena, c->issuers[i]);
    *out = (struct order_offer){.url = arena_dup_c(o->arena, c->url),
        .token = arena_dup_c(o->arena, token_of(c)),
        .issuers = issuers,
        .issuer_n = c->issuer_n,
        .hashed = c->hashed};
}

void order_take_offers(struct order *o, struct authorization *a, const struct authorization_object *object)
{
    for (size_t i = 0; i < object->challenge_n; i++) {
        const struct challenge_object *c = &object->challenges[i];
        enum acme_challenge kind = acme_challenge_parse(str_c(c->type));
        if (kind == CHALLENGE_END_ || !is_wanted(o, kind) || a->offers[kind].url != NULL)
            continue;
        if (check_challenge(o, c, NULL) == 0)
            take_offer(o, &a->offers[kind], c);
        else
            note_flaw(o, a, c);
    }
}

/* --- which is taken --- */

static bool is_avoided(const struct order *o, const char *name, enum acme_challenge kind)
{
    for (size_t i = 0; i < o->avoid_n; i++)
        if (o->avoid[i].challenge == kind && str_eq_c(o->avoid[i].name, name))
            return true;
    return false;
}

/* What an authorization offers is never more than what is wanted. */
static bool may_use(const struct order *o, const struct authorization *a, enum acme_challenge kind)
{
    return a->offers[kind].url != NULL && (a->tried & 1u << kind) == 0 &&
           acme_challenge_proves(kind, str_c(a->name)) && !is_avoided(o, a->name, kind);
}

static enum acme_challenge next_kind(const struct order *o, const struct authorization *a)
{
    for (size_t i = 0; i < o->challenge_n; i++)
        if (may_use(o, a, o->challenges[i]))
            return o->challenges[i];
    return CHALLENGE_END_;
}

bool order_has_other_challenge(const struct order *o, const struct authorization *a)
{
    if (a->name == NULL)
        return false;
    for (size_t i = 0; i < o->challenge_n; i++)
        if (o->challenges[i] != a->challenge && may_use(o, a, o->challenges[i]))
            return true;
    return false;
}

static bool is_told(const struct challenge_object *c)
{
    return c->status == STATUS_PROCESSING || c->status == STATUS_VALID;
}

/* One that another run of ours has answered is gone on with, whatever is liked best. */
static enum acme_challenge first_kind(
    const struct order *o, const struct authorization *a, const struct authorization_object *object)
{
    for (size_t i = 0; i < o->challenge_n; i++) {
        const struct challenge_object *c = find_challenge(o, object, o->challenges[i]);
        if (c != NULL && is_told(c) && may_use(o, a, o->challenges[i]))
            return o->challenges[i];
    }
    return next_kind(o, a);
}

static void take_kind(struct order *o, struct authorization *a, enum acme_challenge kind)
{
    a->challenge = kind;
    a->challenge_url = a->offers[kind].url;
    a->token = a->offers[kind].token;
    a->key_authorization =
        a->token[0] != '\0' ? arena_printf(o->arena, "%s.%.*s", a->token, STR_ARG(o->thumbprint)) : "";
    a->told = a->hit = false;
    a->lost = 0;
    a->refusal = NULL;
    a->pace = (struct order_pace){0};
    a->state = AUTHORIZATION_UNPRESENTED;
}

/* The chosen kind has failed; false where there is no other. */
static bool take_next(struct order *o, struct authorization *a)
{
    a->tried |= 1u << a->challenge;
    enum acme_challenge kind = next_kind(o, a);
    if (kind == CHALLENGE_END_)
        return false;
    order_withdraw_one(o, a);
    take_kind(o, a, kind);
    o->seen = o->polling = false;
    return true;
}

static void fail_without_challenge(
    struct order *o, struct authorization *a, const struct authorization_object *object)
{
    struct buf offer = buf_new(ERR_TEXT_MAX / 2), wanted = buf_new(ERR_TEXT_MAX / 4);
    for (size_t i = 0; i < object->challenge_n; i++) {
        const struct challenge_object *c = &object->challenges[i];
        bool wanted_one = is_wanted(o, acme_challenge_parse(str_c(c->type)));
        buf_printf(&offer, "%s%s%s", i > 0 ? ", " : "", c->type,
            is_incomplete(c) && wanted_one ? " (incomplete)" : "");
    }
    for (size_t i = 0; i < o->challenge_n; i++)
        buf_printf(&wanted, "%s%s%s", i > 0 ? ", " : "", acme_challenge_text(o->challenges[i]),
            is_avoided(o, a->name, o->challenges[i]) ? " (failed before)" : "");
    const char *offered = object->challenge_n > 0 ? buf_c(&offer) : "nothing";
    bool proven = false;
    for (size_t i = 0; i < o->challenge_n; i++)
        proven = proven || acme_challenge_proves(o->challenges[i], str_c(a->name));
    if (!proven)
        order_fail_text(o, ERR_CONFIG, false, "%s: %s is not validated by %s (offered: %s)", a->name,
            object->wildcard ? "a wildcard" : "such a name", buf_c(&wanted), offered);
    else if (a->flaw != NULL)
        order_fail(o, a->flaw, true);
    else
        order_fail_text(o, ERR_ACME, false,
            "%s: the CA does not offer a challenge that can be answered (wanted: %s; offered: %s)", a->name,
            buf_c(&wanted), offered);
    buf_free(&offer);
    buf_free(&wanted);
}

/* Pending with an error: the CA looked, did not find it, and waits to be asked again (8.2; step-ca does). */
static void answer_again(struct order *o, struct authorization *a)
{
    struct problem p;
    if (++a->lost > ORDER_LOST_MAX && take_next(o, a))
        return;
    if (a->lost > ORDER_LOST_MAX && order_summarize(o, "could not validate", &p)) {
        order_fail_problem(o, &p, NULL, false);
        return;
    }
    a->state = a->visible ? AUTHORIZATION_UNANSWERED : AUTHORIZATION_UNPRESENTED;
    a->told = a->hit = o->seen = false;
    order_pace_wait(o, &a->pace, (int64_t)ORDER_LOST_WAIT_MS << (a->lost - 1));
}

/* What is left to do for a challenge in this status: show it and tell the CA, or only what it needs to find
 * what it was told of before (another run of ours answered it). */
static void go_on(struct order *o, struct authorization *a, const struct challenge_object *c)
{
    a->told = a->told || is_told(c) || a->hit;
    if (!a->visible)
        a->state = AUTHORIZATION_UNPRESENTED;
    else
        a->state = a->told ? AUTHORIZATION_ANSWERED : AUTHORIZATION_UNANSWERED;
}

void order_choose(struct order *o, struct authorization *a, const struct authorization_object *object)
{
    order_take_offers(o, a, object);
    if (a->refusal != NULL) {
        if (!take_next(o, a))
            order_fail(o, a->refusal, false);
        return;
    }
    enum acme_challenge kind = a->challenge != CHALLENGE_END_ ? a->challenge : first_kind(o, a, object);
    const struct challenge_object *c = kind != CHALLENGE_END_ ? find_challenge(o, object, kind) : NULL;
    if (c == NULL && a->told) {
        a->state = AUTHORIZATION_ANSWERED; /* it was there, and the CA was told; it will say how it ended */
        return;
    }
    if (c == NULL) {
        fail_without_challenge(o, a, object);
        return;
    }
    if (a->challenge == CHALLENGE_END_)
        take_kind(o, a, kind);
    if (!str_eq_c(str_c(token_of(c)), a->token)) {
        order_fail_text(o, ERR_INPUT, true, "%s: the CA changed the token of the challenge", a->name);
    } else if (c->status == STATUS_INVALID) {
        order_blame_object(o, a, object);
        if (take_next(o, a))
            return;
        a->state = AUTHORIZATION_SETTLED;
        order_condemn(o);
    } else if (c->status == STATUS_PENDING && c->error != NULL && a->told) {
        order_blame(o, a, c->error, kind);
        answer_again(o, a);
    } else {
        go_on(o, a, c);
    }
}

/* --- showing it --- */

static void present_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    o->presented = o->mono;
    a->state = a->told ? AUTHORIZATION_ANSWERED : AUTHORIZATION_UNANSWERED;
}

/* Who shows it may have named it already: without "*.", as what is shown for both is the same. */
static bool is_named(const char *text, const char *name)
{
    const char *base = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    size_t n = strlen(base);
    return strncmp(text, base, n) == 0 && text[n] == ':';
}

/* Another kind may be one that can be shown. Not where a process of ours went away: it comes back. */
static void present_failed(struct order *o, struct authorization *a, const struct err *err)
{
    struct err why = *err;
    enum acme_challenge failed = a->challenge;
    o->presented = o->mono;
    order_withdraw_one(o, a); /* a part of it may be there */
    if (!is_named(why.text, a->name))
        err_prefix(&why, "%s", a->name);
    if (err->code == ERR_IPC || err->code == ERR_CANCELLED || !take_next(o, a))
        order_fail(o, &why, false);
    else
        order_note(o, "%s: %s instead of %s, which could not be prepared: %.512s", a->name,
            acme_challenge_text(a->challenge), acme_challenge_text(failed), err->text);
}

static const struct order_task present_task = {ORDER_EVENT_PRESENTED, present_done, present_failed};

static struct order_action action_about(const struct authorization *a, enum order_action_type type)
{
    return (struct order_action){.type = type,
        .challenge = a->challenge,
        .token = a->token,
        .domain = identifier_base(str_c(a->name)).p,
        .wildcard = identifier_is_wildcard(str_c(a->name)),
        .key_authorization = a->key_authorization};
}

void order_present(struct order *o, struct authorization *a)
{
    const struct order_offer *offer = &a->offers[a->challenge];
    struct order_action action = action_about(a, ORDER_DO_PRESENT);
    action.issuers = offer->issuers;
    action.issuer_n = offer->issuer_n;
    action.hashed = offer->hashed;
    a->visible = true;
    order_ask(o, &a->awaited, &present_task, action);
}

bool order_is_presenting(const struct order *o)
{
    for (size_t i = 0; i < o->authorization_n; i++) {
        const struct order_awaited *w = &o->authorizations[i].awaited;
        if (w->tag != 0 && w->task == &present_task)
            return true;
    }
    return false;
}

void order_withdraw_one(struct order *o, struct authorization *a)
{
    a->awaited.tag = 0; /* also of a PRESENT on its way: its answer says nothing that matters now */
    if (!a->visible)
        return;
    a->visible = false;
    order_act(o, action_about(a, ORDER_DO_WITHDRAW));
}

/* --- telling the CA (7.5.1) --- */

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

/* Whether the authorization is lost with it is seen there; where there is no other challenge it is of no
 * matter. */
static void challenge_invalid(struct order *o, struct authorization *a)
{
    if (a->reason == NULL)
        order_blame(o, a, &(struct problem){.type = "", .detail = "the CA gave no reason", .instance = ""},
            a->challenge);
    if (order_has_other_challenge(o, a)) {
        a->state = AUTHORIZATION_UNREAD;
        return;
    }
    a->state = AUTHORIZATION_SETTLED;
    order_condemn(o);
}

static void challenge_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    struct challenge_object c;
    if (!acme_response_ok(e->response)) {
        challenge_refused(o, a, e->response);
        return;
    }
    struct order_pace *pace = o->preauthorizing ? &a->pace : &o->pace;
    if (o->preauthorizing)
        order_pace_restart(o, pace);
    order_pace_obey(o, pace, e->response);
    a->told = true;
    a->state = AUTHORIZATION_ANSWERED;
    if (challenge_object_parse(e->response->body, o->scratch, &c, NULL) < 0)
        return; /* taken, whatever the body is: the order will tell */
    if (c.error != NULL)
        order_blame(o, a, c.error, a->challenge);
    if (c.status == STATUS_VALID) {
        a->reason = NULL;
        a->state = AUTHORIZATION_VALID;
        order_withdraw_one(o, a);
    } else if (c.status == STATUS_INVALID) {
        challenge_invalid(o, a);
    } else if (c.status == STATUS_PENDING && c.error != NULL) {
        answer_again(o, a);
    }
}

/* Whether the CA got it is seen in the authorization, not in the order. */
static void challenge_failed(struct order *o, struct authorization *a, const struct err *err)
{
    a->state = AUTHORIZATION_UNREAD;
    order_lost(o, &a->pace, &a->lost, err);
}

static const struct order_task challenge_task = {ORDER_EVENT_RESPONSE, challenge_done, challenge_failed};

void order_answer_challenge(struct order *o, struct authorization *a)
{
    order_request(o, &a->awaited, &challenge_task, ACME_REQUEST_CHALLENGE, a->challenge_url);
}
