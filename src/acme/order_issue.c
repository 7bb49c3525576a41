#include "acme/limits.h"
#include "acme/order_priv.h"
#include "acme/problem.h"

/* --- the order object --- */

static bool is_one_of(struct str s, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(s, list[i]))
            return true;
    return false;
}

/* Equal as sets: a CA may sort them and drop duplicates. */
static bool has_our_names(const struct order *o, const struct order_object *object)
{
    for (size_t i = 0; i < object->identifier_n; i++)
        if (!is_one_of(object->identifiers[i], o->names, o->name_n))
            return false;
    for (size_t i = 0; i < o->name_n; i++)
        if (!is_one_of(o->names[i], object->identifiers, object->identifier_n))
            return false;
    return true;
}

static bool has_authorization(const struct order *o, const char *url)
{
    for (size_t i = 0; i < o->authorization_n; i++)
        if (str_eq_c(str_c(url), o->authorizations[i].url))
            return true;
    return false;
}

static bool lists_authorization(const struct order_object *object, const char *url)
{
    for (size_t i = 0; i < object->authorization_n; i++)
        if (str_eq_c(str_c(url), object->authorizations[i]))
            return true;
    return false;
}

static bool has_same_authorizations(const struct order *o, const struct order_object *object)
{
    for (size_t i = 0; i < object->authorization_n; i++)
        if (!has_authorization(o, object->authorizations[i]))
            return false;
    for (size_t i = 0; i < o->authorization_n; i++)
        if (!lists_authorization(object, o->authorizations[i].url))
            return false;
    return true;
}

/* False, and the order failed, where its key is gone: nobody can use the certificate then. */
static bool needs_key(struct order *o)
{
    if (!o->has_key)
        order_fail_text(o, ERR_NOT_FOUND, true,
            "the CA issues or has issued this order, but the key of this order is lost; a new order is "
            "needed");
    return o->has_key;
}

static void is_pending(struct order *o, const struct order_object *object)
{
    if (o->phase == ORDER_PHASE_VALIDATE) {
        order_pace_grow(o, &o->pace);
        return;
    }
    o->phase = order_has_unread(o) ? ORDER_PHASE_AUTHORIZE : ORDER_PHASE_VALIDATE;
    o->polling = false;
}

static void is_ready(struct order *o, const struct order_object *object)
{
    order_enter_finalize(o, false);
}

static void wait_for_issue(struct order *o)
{
    o->phase = ORDER_PHASE_ISSUE;
    order_pace_restart(o, &o->pace);
}

static void is_processing(struct order *o, const struct order_object *object)
{
    order_withdraw(o);
    if (!needs_key(o))
        return;
    if (o->phase == ORDER_PHASE_ISSUE)
        order_pace_grow(o, &o->pace);
    else
        wait_for_issue(o);
}

static void is_valid(struct order *o, const struct order_object *object)
{
    order_withdraw(o);
    if (!needs_key(o))
        return;
    if (object->certificate == NULL) {
        order_fail_text(o, ERR_INPUT, true, "the CA calls the order valid but names no certificate");
        return;
    }
    o->certificate = arena_dup_c(o->arena, object->certificate);
    o->phase = ORDER_PHASE_DOWNLOAD;
    o->pace = (struct order_pace){0};
}

static void is_invalid(struct order *o, const struct order_object *object)
{
    if (object->error != NULL) {
        order_reject_by(o, object->error);
        struct err *verdict = arena_alloc(o->arena, sizeof *verdict);
        problem_to_err(object->error, NULL, o->wall, verdict);
        o->verdict = verdict;
    }
    order_condemn(o);
}

/* RFC 8555 7.1.6. The statuses that only authorizations have would mean the end of an order as well. */
static void (*const by_status[])(struct order *, const struct order_object *) = {
    [STATUS_PENDING] = is_pending,
    [STATUS_UNKNOWN] = is_pending,
    [STATUS_READY] = is_ready,
    [STATUS_PROCESSING] = is_processing,
    [STATUS_VALID] = is_valid,
    [STATUS_INVALID] = is_invalid,
    [STATUS_DEACTIVATED] = is_invalid,
    [STATUS_EXPIRED] = is_invalid,
    [STATUS_REVOKED] = is_invalid,
};

static bool is_wanted_profile(const struct order *o, const char *profile)
{
    for (size_t i = 0; i < o->profile_n; i++)
        if (str_eq_c(str_c(profile), o->profiles[i]))
            return true;
    return false;
}

/* What the first order object says about what was asked for. Another profile may be a certificate of another
 * life or for other uses, so where one is required the order ends here, before a challenge is answered. */
static bool take_wishes(struct order *o, const struct order_object *object)
{
    const char *asked = !o->resumed && o->profile_at < o->profile_n ? o->profiles[o->profile_at] : NULL;
    const char *given = object->profile;
    o->profile = given != NULL ? arena_dup_c(o->arena, given) : asked;
    o->replaced = o->replaced || object->replaces;
    if (given == NULL && asked != NULL)
        order_note(o, "the CA does not say whether the order has the profile %s", asked);
    bool other = asked != NULL ? given != NULL && !str_eq_c(str_c(given), asked)
                               : given != NULL && o->profile_n > 0 && !is_wanted_profile(o, given);
    if (other && o->profile_required) {
        order_fail_text(o, ERR_ACME, true,
            "the CA gave the order the profile %s instead of %s, which is required", given,
            asked != NULL ? asked : o->profiles[0]);
        return false;
    }
    if (other && asked != NULL)
        order_note(o, "the CA gave the order the profile %s instead of %s", given, asked);
    return true;
}

/* Goes on as the CA's order object says, after making sure that it is still the same order (7.1.3:
 * identifiers and authorizations never change). */
static void take_object(struct order *o, const struct order_object *object, const struct acme_response *r)
{
    if (!has_our_names(o, object)) {
        order_fail_text(o, ERR_INPUT, true, "the CA's order is not for the names that were ordered");
        return;
    }
    if (!o->known) {
        o->known = true;
        order_set_authorizations(o, object);
        if (!take_wishes(o, object))
            return;
    } else if (!has_same_authorizations(o, object)) {
        order_fail_text(o, ERR_INPUT, true, "the CA changed the authorizations of the order");
        return;
    }
    if (object->finalize != NULL && (o->finalize == NULL || !str_eq_c(str_c(object->finalize), o->finalize)))
        o->finalize = arena_dup_c(o->arena, object->finalize);
    o->lost = 0;
    order_pace_obey(o, &o->pace, r);
    by_status[object->status](o, object);
}

void order_take(struct order *o, const struct acme_response *r)
{
    struct order_object object;
    struct err err;
    if (order_object_parse(r->body, o->directory_url, o->scratch, &object, &err) < 0) {
        err_prefix(&err, "the CA's order");
        order_fail(o, &err, false);
        return;
    }
    take_object(o, &object, r);
}

/* --- reading it --- */

static void order_read_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    if (acme_response_ok(e->response))
        order_take(o, e->response);
    else
        order_read_refused(o, &o->pace, e->response);
}

static void order_read_failed(struct order *o, struct authorization *a, const struct err *err)
{
    order_lost(o, &o->pace, &o->lost, err);
}

static const struct order_task read_task = {ORDER_EVENT_RESPONSE, order_read_done, order_read_failed};

void order_poll(struct order *o)
{
    if (o->awaited.tag == 0 && order_is_due(o, &o->pace))
        order_request(o, &o->awaited, &read_task, ACME_REQUEST_READ, o->url);
}

/* --- key, finalize --- */

static void key_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    o->has_key = true;
}

static void key_failed(struct order *o, struct authorization *a, const struct err *err)
{
    order_fail(o, err, false);
}

static const struct order_task key_task = {ORDER_EVENT_KEY_MADE, key_done, key_failed};

void order_make_key(struct order *o)
{
    if (o->has_key || o->key_asked)
        return;
    o->key_asked = true;
    order_ask(o, &o->key, &key_task, (struct order_action){.type = ORDER_DO_MAKE_KEY});
}

/* 403 orderNotReady (7.4): the order is unharmed; from now on only its own word counts. */
static void finalized_too_early(struct order *o, const struct acme_response *r)
{
    o->too_early = o->too_early || o->is_early;
    o->ask_first = true;
    o->phase = order_has_unread(o) ? ORDER_PHASE_ISSUE : ORDER_PHASE_VALIDATE;
    o->polling = true;
    order_pace_restart(o, &o->pace);
    order_pace_obey(o, &o->pace, r);
}

static void finalize_refused(struct order *o, const struct acme_response *r)
{
    struct problem p;
    problem_read(r, o->scratch, &p);
    enum problem_class class = problem_classify(&p);
    if (class == PROBLEM_ORDER) {
        finalized_too_early(o, r);
    } else if (order_is_temporary(&p)) {
        /* It may have been taken all the same, so the order is read before another try. */
        o->phase = ORDER_PHASE_ISSUE;
        order_refused_for_now(o, &o->pace, &p, r);
    } else {
        /* With the same key and names the answer would stay the same: dead, unless it is about the account.
         */
        bool account = class == PROBLEM_ACCOUNT || str_eq(str_c(p.type), STR("userActionRequired"));
        order_reject_by(o, &p);
        order_fail_problem(o, &p, r, !account);
    }
}

static void finalize_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    struct order_object object;
    if (!acme_response_ok(e->response)) {
        finalize_refused(o, e->response);
        return;
    }
    if (order_object_parse(e->response->body, o->directory_url, o->scratch, &object, NULL) < 0) {
        wait_for_issue(o); /* taken, whatever the body is: the order itself will tell */
        return;
    }
    /* What the CA has just taken it is working on, even where it says so only from the next read. */
    if (object.status == STATUS_READY || object.status == STATUS_PENDING || object.status == STATUS_UNKNOWN)
        object.status = STATUS_PROCESSING;
    take_object(o, &object, e->response);
}

static void finalize_failed(struct order *o, struct authorization *a, const struct err *err)
{
    o->phase = ORDER_PHASE_ISSUE;
    order_lost(o, &o->pace, &o->lost, err);
}

static const struct order_task finalize_task = {ORDER_EVENT_RESPONSE, finalize_done, finalize_failed};

void order_enter_finalize(struct order *o, bool early)
{
    o->phase = ORDER_PHASE_FINALIZE;
    o->is_early = early;
    o->pace = (struct order_pace){0};
    if (!early)
        order_withdraw(o);
}

void order_finalize(struct order *o)
{
    order_make_key(o);
    if (!o->has_key || o->awaited.tag != 0)
        return;
    if (o->finalize == NULL)
        order_fail_text(o, ERR_INPUT, true, "the CA's order is ready but has no finalize URL");
    else if (++o->finalizes > ORDER_FINALIZE_MAX)
        order_fail_text(o, ERR_ACME, false, "the CA did not act on finalize, which was sent %d times",
            ORDER_FINALIZE_MAX);
    else
        order_request(o, &o->awaited, &finalize_task, ACME_REQUEST_FINALIZE, o->finalize);
}
