/* The bad end of an order: why it failed, what is given up, and what is told about it; and what is told of a
 * good one. */
#include "acme/identifier.h"
#include "acme/limits.h"
#include "acme/order_priv.h"
#include "acme/problem.h"
#include "base/buf.h"

#include <stdarg.h>

/* --- what is told --- */

const struct order_rejection *order_rejections(const struct order *o, size_t *n)
{
    *n = o->rejection_n;
    return o->rejections;
}

struct str order_profile(const struct order *o)
{
    return str_c(o->profile);
}

struct str order_pause_link(const struct order *o)
{
    return str_c(o->pause_link);
}

bool order_replaced(const struct order *o)
{
    return o->replaced;
}

const char *const *order_notes(const struct order *o, size_t *n)
{
    *n = o->note_n;
    return o->notes;
}

void order_note(struct order *o, const char *fmt, ...)
{
    if (o->note_n == ORDER_NOTES_MAX)
        return;
    struct buf text = buf_new(ERR_TEXT_MAX);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    o->notes[o->note_n++] = arena_dup(o->arena, buf_str(&text));
    buf_free(&text);
}

/* --- rejections --- */

static size_t index_of(const struct order *o, const char *name)
{
    size_t i = 0;
    while (i < o->name_n && o->names[i].p != name)
        i++;
    return i;
}

/* Keeps the order of the names. The first that is said about a name counts, unless a later one knows which
 * challenge it was. */
static void reject(struct order *o, struct order_rejection rejection)
{
    size_t at = 0, mine = index_of(o, rejection.name);
    if (o->rejections == NULL)
        o->rejections = arena_array(o->arena, o->name_n, sizeof *o->rejections);
    while (at < o->rejection_n && index_of(o, o->rejections[at].name) < mine)
        at++;
    if (mine == o->name_n)
        return;
    if (at < o->rejection_n && o->rejections[at].name == rejection.name) {
        if (o->rejections[at].challenge == CHALLENGE_END_ && rejection.challenge != CHALLENGE_END_)
            o->rejections[at] = rejection;
        return;
    }
    for (size_t i = o->rejection_n; i > at; i--)
        o->rejections[i] = o->rejections[i - 1];
    o->rejections[at] = rejection;
    o->rejection_n++;
}

/* The name of ours that a sub-problem is about. A CA may write the base of a wildcard for it. */
static const char *name_meant(const struct order *o, const char *identifier)
{
    char address[IDENTIFIER_IP_TEXT_MAX];
    struct str text = str_c(identifier);
    if (identifier_ip_canonical(text, address))
        text = str_c(address);
    for (size_t i = 0; i < o->name_n; i++)
        if (str_eq_nocase(text, o->names[i]))
            return o->names[i].p;
    for (size_t i = 0; i < o->name_n; i++)
        if (str_eq_nocase(text, identifier_base(o->names[i])))
            return o->names[i].p;
    return NULL;
}

/* Without sub-problems a CA can still say which one it means: Boulder and Pebble write the name between
 * quotes. NULL where none of ours stands there, or more than one. */
static const char *name_quoted(const struct order *o, struct str detail)
{
    struct str piece;
    const char *found = NULL;
    for (bool inside = false; detail.n > 0; inside = !inside) {
        (void)str_cut(detail, '"', &piece, &detail);
        const char *name = inside ? name_meant(o, arena_dup(o->scratch, piece)) : NULL;
        if (name != NULL && found != NULL && name != found)
            return NULL;
        found = name != NULL ? name : found;
    }
    return found;
}

void order_reject_by(struct order *o, const struct problem *p)
{
    struct order_rejection rejection = {.challenge = CHALLENGE_END_};
    for (size_t i = 0; i < p->sub_n; i++) {
        rejection.name = name_meant(o, p->sub[i].identifier);
        rejection.type = arena_dup_c(o->arena, p->sub[i].type);
        rejection.detail = arena_dup_c(o->arena, p->sub[i].detail);
        if (rejection.name != NULL)
            reject(o, rejection);
    }
    if (o->rejection_n > 0 || problem_classify(p) != PROBLEM_IDENTIFIER)
        return;
    /* With one name there is no question whom it is about. */
    rejection.name = o->name_n == 1 ? o->names[0].p : name_quoted(o, str_c(p->detail));
    if (rejection.name != NULL) {
        rejection.type = arena_dup_c(o->arena, p->type);
        rejection.detail = arena_dup_c(o->arena, p->detail);
        reject(o, rejection);
    }
}

/* --- reasons --- */

void order_blame(
    struct order *o, struct authorization *a, const struct problem *p, enum acme_challenge challenge)
{
    struct subproblem *reason = arena_alloc(o->arena, sizeof *reason);
    reason->type = arena_dup_c(o->arena, p->type);
    reason->detail = arena_dup_c(o->arena, p->detail);
    reason->identifier = a->name != NULL ? a->name : "";
    a->reason = reason;
    a->blamed = challenge;
}

/* The challenge that failed; where several have an error, the one that was answered. */
static const struct challenge_object *failed_one(
    const struct authorization *a, const struct authorization_object *object)
{
    const struct challenge_object *found = NULL;
    for (size_t i = 0; i < object->challenge_n; i++) {
        const struct challenge_object *c = &object->challenges[i];
        bool mine = acme_challenge_parse(str_c(c->type)) == a->challenge && a->challenge != CHALLENGE_END_;
        if (c->error != NULL && (found == NULL || mine))
            found = c;
    }
    return found;
}

void order_blame_object(struct order *o, struct authorization *a, const struct authorization_object *object)
{
    const struct challenge_object *c = failed_one(a, object);
    if (c != NULL) {
        order_blame(o, a, c->error, acme_challenge_parse(str_c(c->type)));
        return;
    }
    struct problem bare = {.type = "", .instance = "", .link = ""};
    bare.detail = arena_printf(o->scratch, "its authorization is %s", acme_status_text(object->status));
    order_blame(o, a, &bare, a->told ? a->challenge : CHALLENGE_END_);
}

static void reject_authorization(struct order *o, const struct authorization *a)
{
    if (a->name == NULL)
        return;
    reject(o, (struct order_rejection){.name = a->name,
                  .type = a->reason->type,
                  .detail = a->reason->detail,
                  .challenge = a->blamed,
                  .other_challenge = order_has_other_challenge(o, a)});
}

bool order_summarize(struct order *o, const char *verb, struct problem *out)
{
    struct subproblem *sub = arena_array(o->scratch, o->authorization_n, sizeof *sub);
    size_t n = 0;
    for (size_t i = 0; i < o->authorization_n; i++)
        if (o->authorizations[i].reason != NULL) {
            reject_authorization(o, &o->authorizations[i]);
            sub[n++] = *o->authorizations[i].reason;
        }
    if (n == 0)
        return false;
    *out = (struct problem){
        .type = sub[0].type,
        .detail = o->name_n == 1 ? arena_printf(o->scratch, "the CA %s the name", verb)
                                 : arena_printf(o->scratch, "the CA %s %zu of %zu names", verb, n, o->name_n),
        .instance = "",
        .link = "",
        .sub = sub,
        .sub_n = n,
    };
    return true;
}

void order_give_up_waiting(struct order *o)
{
    struct problem p;
    if (order_summarize(o, "has not validated", &p))
        order_fail_problem(o, &p, NULL, false);
    else
        order_fail_text(o, ERR_TIMEOUT, false, "the CA did not validate the names within %d minutes (%s)%s%s",
            ACME_VALIDATION_DEADLINE_S / 60, order_phase_text(o->phase), o->refused ? "; it said: " : "",
            o->refused ? o->trouble.text : "");
}

/* --- why an order failed --- */

static void reason_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    struct authorization_object object;
    a->state = AUTHORIZATION_SETTLED;
    if (!acme_response_ok(e->response) ||
        authorization_object_parse(e->response->body, o->scratch, &object, NULL) < 0 ||
        (a->name = order_name_of(o, &object)) == NULL)
        return;
    bool open = object.status == STATUS_PENDING || object.status == STATUS_UNKNOWN;
    order_take_offers(o, a, &object);
    a->reason = NULL;
    if (open && a->visible && failed_one(a, &object) == NULL &&
        o->mono.ms - o->condemned_at.ms < ORDER_VERDICTS_MS) {
        a->state = AUTHORIZATION_UNREAD;
        order_pace_grow(o, &a->pace);
        return;
    }
    order_withdraw_one(o, a);
    if (object.status != STATUS_VALID && (!open || failed_one(a, &object) != NULL))
        order_blame_object(o, a, &object);
    if (open)
        a->state = AUTHORIZATION_OPEN;
}

static void reason_failed(struct order *o, struct authorization *a, const struct err *err)
{
    a->state = AUTHORIZATION_SETTLED;
}

static const struct order_task reason_task = {ORDER_EVENT_RESPONSE, reason_done, reason_failed};

/* Whether the CA may be looking at the challenge now. To take it away would make a name fail that is fine: it
 * would count against the CA's limits, and be left out by who issues without rejected names. */
static bool may_be_looked_at(const struct authorization *a)
{
    bool being_told = a->state == AUTHORIZATION_UNANSWERED && a->awaited.tag != 0;
    return a->visible && a->state != AUTHORIZATION_SETTLED && (a->told || being_told);
}

void order_condemn(struct order *o)
{
    o->condemned = true;
    o->condemned_at = o->mono;
    o->awaited.tag = 0;
    for (size_t i = 0; i < o->authorization_n; i++) {
        struct authorization *a = &o->authorizations[i];
        if (!may_be_looked_at(a))
            order_withdraw_one(o, a);
        a->awaited.tag = 0;
        a->pace = (struct order_pace){0};
        if (a->state == AUTHORIZATION_VALID || a->url == NULL)
            a->state = AUTHORIZATION_SETTLED;
        if (a->state != AUTHORIZATION_SETTLED)
            a->state = AUTHORIZATION_UNREAD;
    }
}

void order_explain(struct order *o)
{
    bool settled = true;
    size_t busy = order_requests_in_flight(o);
    for (size_t i = 0; i < o->authorization_n; i++) {
        struct authorization *a = &o->authorizations[i];
        settled = settled && (a->state == AUTHORIZATION_SETTLED || a->state == AUTHORIZATION_OPEN);
        if (a->state == AUTHORIZATION_UNREAD && a->awaited.tag == 0 && busy < ORDER_REQUESTS_AT_ONCE &&
            order_is_due(o, &a->pace)) {
            order_request(o, &a->awaited, &reason_task, ACME_REQUEST_READ, a->url);
            busy++;
        }
    }
    struct problem p;
    if (!settled)
        return;
    if (order_summarize(o, "could not validate", &p))
        order_fail_problem(o, &p, NULL, true);
    else if (o->verdict != NULL)
        order_fail(o, o->verdict, true);
    else
        order_fail_text(o, ERR_ACME, true, "the CA made the order invalid and gave no reason");
}

/* --- giving up (7.5.2) --- */

/* A pending authorization counts against the limits of some CAs until it expires. Once the CA has called the
 * order ready they are valid, and may serve another order. */
bool order_leaves_open(struct order *o)
{
    bool any = false;
    for (size_t i = 0; i < o->authorization_n; i++) {
        struct authorization *a = &o->authorizations[i];
        bool pending = a->state == AUTHORIZATION_UNPRESENTED || a->state == AUTHORIZATION_UNANSWERED ||
                       a->state == AUTHORIZATION_ANSWERED ||
                       (a->state == AUTHORIZATION_UNREAD && a->challenge != CHALLENGE_END_);
        if (pending && o->phase <= ORDER_PHASE_VALIDATE)
            a->state = AUTHORIZATION_OPEN;
        any = any || a->state == AUTHORIZATION_OPEN;
    }
    return any;
}

static void given_up(struct order *o, struct authorization *a, const struct order_event *e)
{
    (void)o; /* tried once; whatever the CA says */
}

static void not_given_up(struct order *o, struct authorization *a, const struct err *err)
{
    (void)o;
}

static const struct order_task give_up_task = {ORDER_EVENT_RESPONSE, given_up, not_given_up};

void order_close(struct order *o)
{
    size_t busy = order_requests_in_flight(o);
    for (size_t i = 0; i < o->authorization_n; i++) {
        struct authorization *a = &o->authorizations[i];
        if (a->state != AUTHORIZATION_OPEN || busy >= ORDER_REQUESTS_AT_ONCE)
            continue;
        a->state = AUTHORIZATION_SETTLED;
        order_request(o, &a->awaited, &give_up_task, ACME_REQUEST_GIVE_UP, a->url);
        busy++;
    }
    if (busy == 0)
        order_end(o);
}

void order_abandon(struct order *o, struct order_actions *out)
{
    out->n = 0;
    if (order_is_over(o))
        return;
    o->out = out;
    order_withdraw(o);
    if (!o->closing)
        order_leaves_open(o);
    for (size_t i = 0; i < o->authorization_n; i++)
        if (o->authorizations[i].state == AUTHORIZATION_OPEN)
            order_act(o, (struct order_action){.type = ORDER_DO_REQUEST,
                             .request = ACME_REQUEST_GIVE_UP,
                             .url = o->authorizations[i].url,
                             .profile = ""});
    o->dead = true;
    o->phase = ORDER_PHASE_FAILED;
}
