/* Authorizations: read, taken a step further each, and found to be all valid (7.5). */
#include "acme/identifier.h"
#include "acme/limits.h"
#include "acme/order_priv.h"
#include "acme/problem.h"
#include "base/buf.h"
#include "base/text.h"

/* --- the list --- */

static struct authorization *find_by_url(struct authorization *list, size_t n, const char *url)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].url != NULL && str_eq_c(str_c(url), list[i].url))
            return &list[i];
    return NULL;
}

void order_set_authorizations(struct order *o, const struct order_object *object)
{
    struct authorization *list = arena_array(o->arena, object->authorization_n, sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < object->authorization_n; i++) {
        const char *url = object->authorizations[i];
        if (find_by_url(list, n, url) != NULL)
            continue;
        const struct authorization *known = find_by_url(o->authorizations, o->authorization_n, url);
        if (known != NULL)
            list[n++] = *known;
        else
            list[n++] =
                (struct authorization){.url = arena_dup_c(o->arena, url), .challenge = CHALLENGE_END_};
    }
    o->authorizations = list;
    o->authorization_n = n;
    o->seen = false;
}

bool order_plan_authorizations(struct order *o)
{
    o->authorizations = arena_array(o->arena, o->name_n, sizeof *o->authorizations);
    for (size_t i = 0; i < o->name_n; i++)
        if (!identifier_is_wildcard(o->names[i])) /* 7.4.1 */
            o->authorizations[o->authorization_n++] =
                (struct authorization){.name = o->names[i].p, .challenge = CHALLENGE_END_};
    return o->authorization_n > 0;
}

bool order_has_unread(const struct order *o)
{
    for (size_t i = 0; i < o->authorization_n; i++)
        if (o->authorizations[i].name == NULL || o->authorizations[i].url == NULL)
            return true;
    return false;
}

void order_withdraw(struct order *o)
{
    for (size_t i = 0; i < o->authorization_n; i++)
        order_withdraw_one(o, &o->authorizations[i]);
}

/* --- reading one --- */

/* That of "*.x" has the identifier x and says wildcard. */
const char *order_name_of(const struct order *o, const struct authorization_object *object)
{
    for (size_t i = 0; i < o->name_n; i++)
        if (identifier_is_wildcard(o->names[i]) == object->wildcard &&
            str_eq(identifier_base(o->names[i]), object->identifier))
            return o->names[i].p;
    return NULL;
}

static void fail_foreign(struct order *o, const struct authorization_object *object)
{
    struct buf name = buf_new(IDENTIFIER_MAX + sizeof "...");
    text_clean(&name, object->identifier, IDENTIFIER_MAX);
    order_fail_text(o, ERR_INPUT, true, "the CA wants %s%s validated, which was not ordered, or not there",
        object->wildcard ? "*." : "", buf_c(&name));
    buf_free(&name);
}

void order_take_authorization(struct order *o, struct authorization *a, const struct acme_response *r)
{
    struct authorization_object object;
    struct err err;
    if (authorization_object_parse(r->body, o->scratch, &object, &err) < 0) {
        err_prefix(&err, "an authorization of the CA");
        order_fail(o, &err, false);
        return;
    }
    const char *name = order_name_of(o, &object);
    if (name == NULL || (a->name != NULL && a->name != name)) {
        fail_foreign(o, &object);
        return;
    }
    a->name = name;
    if (object.status == STATUS_VALID) {
        a->state = AUTHORIZATION_VALID;
        order_withdraw_one(o, a);
    } else if (object.status == STATUS_PENDING || object.status == STATUS_UNKNOWN) {
        order_choose(o, a, &object);
        if (o->preauthorizing && a->state == AUTHORIZATION_ANSWERED)
            order_pace_grow(o, &a->pace);
    } else {
        order_take_offers(o, a, &object);
        order_blame_object(o, a, &object);
        a->state = AUTHORIZATION_SETTLED;
        order_condemn(o);
    }
}

static void authorization_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    bool looking = a->looking;
    a->looking = false;
    if (!acme_response_ok(e->response) && looking) {
        a->state = AUTHORIZATION_ANSWERED; /* the order still counts */
        return;
    }
    if (!acme_response_ok(e->response)) {
        order_read_refused(o, &a->pace, e->response);
        return;
    }
    if (o->preauthorizing && a->told)
        order_pace_obey(o, &a->pace, e->response);
    order_take_authorization(o, a, e->response);
}

static void authorization_failed(struct order *o, struct authorization *a, const struct err *err)
{
    if (a->looking)
        a->state = AUTHORIZATION_ANSWERED;
    else
        order_lost(o, &a->pace, &a->lost, err);
    a->looking = false;
}

static const struct order_task read_task = {ORDER_EVENT_RESPONSE, authorization_done, authorization_failed};

/* --- deciding --- */

size_t order_requests_in_flight(const struct order *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->authorization_n; i++) {
        const struct order_awaited *w = &o->authorizations[i].awaited;
        n += w->tag != 0 && w->task->answer == ORDER_EVENT_RESPONSE;
    }
    return n;
}

/* Whether it is to be read now: for the first time, again, or because no order tells how it is doing. */
static bool wants_reading(const struct order *o, const struct authorization *a)
{
    return a->state == AUTHORIZATION_UNREAD || (o->preauthorizing && a->state == AUTHORIZATION_ANSWERED);
}

/* Records may stand at the same name: those of a wildcard and its base, and of all names with a CNAME to it.
 * A resolver of the CA that has looked for one keeps what was there for the time to live, so none is told of
 * before all are there. */
static bool waits_for_others(const struct order *o, const struct authorization *a)
{
    for (size_t i = 0; acme_challenge_in_dns(a->challenge) && i < o->authorization_n; i++) {
        const struct authorization *other = &o->authorizations[i];
        if (other->state == AUTHORIZATION_UNPRESENTED && acme_challenge_in_dns(other->challenge))
            return true;
    }
    return false;
}

/* Takes one authorization a step further where it can go. */
static void drive(struct order *o, struct authorization *a)
{
    if (a->awaited.tag != 0)
        return;
    bool room = order_requests_in_flight(o) < ORDER_REQUESTS_AT_ONCE;
    if (wants_reading(o, a) && room && order_is_due(o, &a->pace)) {
        if (a->url == NULL)
            order_ask_authorization(o, a);
        else
            order_request(o, &a->awaited, &read_task, ACME_REQUEST_READ, a->url);
    }
    /* Nothing is shown or answered before all are read: an order that can't succeed burns no validation. */
    else if (a->state == AUTHORIZATION_UNPRESENTED && !order_has_unread(o))
        order_present(o, a);
    else if (a->state == AUTHORIZATION_UNANSWERED && !waits_for_others(o, a) && room &&
             order_is_due(o, &a->pace))
        order_answer_challenge(o, a);
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
        p.presented =
            p.presented && a->name != NULL && a->url != NULL && a->state != AUTHORIZATION_UNPRESENTED;
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

/* See ORDER_LOOK_FIRST_MS. Takes the place of a poll that is due. */
static bool look_around(struct order *o)
{
    bool first = o->look_ms == 0;
    if (!first && (o->mono.ms < o->look_at.ms || !order_is_due(o, &o->pace)))
        return false;
    o->look_ms = first ? ORDER_LOOK_FIRST_MS : o->look_ms * 2;
    o->look_at = (struct mono){o->mono.ms + o->look_ms};
    if (first)
        return false;
    for (size_t i = 0; i < o->authorization_n; i++)
        if (o->authorizations[i].state == AUTHORIZATION_ANSWERED) {
            o->authorizations[i].state = AUTHORIZATION_UNREAD;
            o->authorizations[i].looking = true;
            o->authorizations[i].pace = (struct order_pace){0};
        }
    return true;
}

static void begin_polling(struct order *o)
{
    if (o->polling)
        return;
    o->polling = true;
    order_pace_restart(o, &o->pace);
}

/* All that was asked for beforehand is valid: now the order. */
static void go_and_order(struct order *o)
{
    o->preauthorizing = false;
    o->phase = ORDER_PHASE_ORDER;
    o->pace = (struct order_pace){0};
}

static void drive_all(struct order *o)
{
    for (size_t i = 0; i < o->authorization_n; i++)
        drive(o, &o->authorizations[i]);
}

void order_validate(struct order *o)
{
    drive_all(o);
    struct progress p = progress_of(o);
    advance_phase(o, &p);
    if (o->preauthorizing) {
        if (p.valid)
            go_and_order(o);
        return;
    }
    if (p.sent)
        order_make_key(o); /* while the CA validates */
    if (!p.answered || o->awaited.tag != 0)
        return;
    if (p.valid && !o->ask_first) {
        order_enter_finalize(o, false);
        return;
    }
    begin_polling(o);
    if (is_early_enough(o))
        order_enter_finalize(o, true);
    else if (look_around(o))
        drive_all(o);
    else
        order_poll(o);
}
