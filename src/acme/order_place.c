/* How an order comes to be: authorizations asked for before it (7.4.1), and newOrder (7.4). */
#include "acme/limits.h"
#include "acme/order_priv.h"
#include "acme/problem.h"
#include "acme/url.h"

/* --- newAuthz --- */

/* Whoever refuses to authorize beforehand may still take an order, and will say there what is wrong. */
static void go_without(struct order *o)
{
    order_withdraw(o);
    o->preauthorizing = false;
    o->new_authz = NULL;
    o->authorizations = NULL;
    o->authorization_n = 0;
    o->phase = ORDER_PHASE_ORDER;
    o->pace = (struct order_pace){0};
}

static void new_authz_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    const struct acme_response *r = e->response;
    struct str url;
    struct err err;
    if (!acme_response_ok(r)) {
        struct problem p;
        problem_read(r, o->scratch, &p);
        if (order_is_temporary(&p))
            order_refused_for_now(o, &a->pace, &p, r);
        else
            go_without(o);
        return;
    }
    if (acme_response_location(r, o->directory_url, &url, &err) < 0) {
        go_without(o);
        return;
    }
    a->url = arena_dup(o->arena, url);
    order_take_authorization(o, a, r);
}

static void new_authz_failed(struct order *o, struct authorization *a, const struct err *err)
{
    order_lost(o, &a->pace, &a->lost, err);
}

static const struct order_task new_authz_task = {ORDER_EVENT_RESPONSE, new_authz_done, new_authz_failed};

void order_ask_authorization(struct order *o, struct authorization *a)
{
    order_ask(o, &a->awaited, &new_authz_task,
        (struct order_action){.type = ORDER_DO_REQUEST,
            .request = ACME_REQUEST_NEW_AUTHZ,
            .url = o->new_authz,
            .domain = a->name,
            .profile = ""});
}

/* --- newOrder --- */

static const char *wanted_profile(const struct order *o)
{
    return o->profile_at < o->profile_n ? o->profiles[o->profile_at] : "";
}

/* Whether the CA objects to the certificate that the order would replace. Besides the word for that (RFC 9773
 * 5) there are those that CAs have for a certificate they do not know (any more), that another account got,
 * or that their own records trip over: no reason to go without a new one. */
static bool is_about_replaces(const struct problem *p)
{
    static const char *const words[] = {"alreadyReplaced", "malformed", "unauthorized", "conflict"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(str_c(p->type), words[i]))
            return p->sub_n == 0;
    if (str_eq(str_c(p->type), STR("serverInternal")))
        return p->status == 500; /* others ask for patience */
    return p->type[0] == '\0' && p->status >= 400 && p->status < 429;
}

/* What a new order asks for can be too much. False where that is not what the CA objects to, or where nothing
 * may be dropped. */
static bool ask_for_less(struct order *o, const struct problem *p)
{
    struct str type = str_c(p->type);
    const char *profile = wanted_profile(o);
    if (o->replaces && is_about_replaces(p)) {
        o->replaces = false;
        order_note(o, "the CA does not take the order as a replacement, so it is placed as a new one: %s",
            p->detail);
        return true;
    }
    /* "unauthorized" is Let's Encrypt's word for a profile that is for chosen accounts only. */
    if (*profile == '\0' || !(str_eq(type, STR("invalidProfile")) || str_eq(type, STR("unauthorized"))))
        return false;
    if (o->profile_at + 1 == o->profile_n && o->profile_required)
        return false;
    o->profile_at++;
    order_note(o, "the CA refuses the profile %s: %s", profile, p->detail);
    return true;
}

/* A pause that is short is waited for; a longer one is for whoever plans the next attempt. */
static bool is_worth_waiting(const struct order *o, const struct problem *p, const struct acme_response *r)
{
    int64_t wait_s;
    return order_is_temporary(p) && !problem_is_paused(p) && o->lost < ORDER_LOST_MAX &&
           problem_retry_after(p, r, o->wall, ACME_RETRY_AFTER_MAX_S, &wait_s) &&
           wait_s * 1000 <= ACME_POLL_RETRY_AFTER_MAX_MS;
}

static void new_order_refused(struct order *o, const struct acme_response *r)
{
    struct problem p;
    struct err err;
    problem_read(r, o->scratch, &p);
    if (ask_for_less(o, &p))
        return; /* at once */
    if (is_worth_waiting(o, &p, r)) {
        o->lost++;
        order_refused_for_now(o, &o->pace, &p, r);
        return;
    }
    order_reject_by(o, &p);
    if (problem_is_paused(&p))
        o->pause_link = arena_dup_c(o->arena, p.link);
    problem_to_err(&p, r, o->wall, &err);
    if (str_eq(str_c(p.type), STR("invalidProfile")))
        err_prefix(&err, "the CA refuses the profile %s, which is required", wanted_profile(o));
    order_fail(o, &err, false);
}

static void new_order_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    struct str url;
    struct err err;
    if (!acme_response_ok(e->response)) {
        new_order_refused(o, e->response);
        return;
    }
    if (acme_response_location(e->response, o->directory_url, &url, &err) < 0) {
        err_prefix(&err, "the CA's answer to the new order");
        order_fail(o, &err, false);
        return;
    }
    o->url = arena_dup(o->arena, url);
    o->replaced = o->replaces;
    order_take(o, e->response);
}

/* The CA may have an order now that we know nothing of; the next attempt gets it again where the CA reuses
 * orders, and a new one otherwise. */
static void new_order_failed(struct order *o, struct authorization *a, const struct err *err)
{
    order_fail(o, err, false);
}

static const struct order_task new_order_task = {ORDER_EVENT_RESPONSE, new_order_done, new_order_failed};

static void place(struct order *o)
{
    if (o->awaited.tag != 0 || !order_is_due(o, &o->pace))
        return;
    order_ask(o, &o->awaited, &new_order_task,
        (struct order_action){.type = ORDER_DO_REQUEST,
            .request = ACME_REQUEST_NEW_ORDER,
            .url = o->new_order,
            .profile = wanted_profile(o),
            .replaces = o->replaces});
}

void order_begin(struct order *o)
{
    struct err err;
    if (o->resumed && acme_url_check_from(str_c(o->url), o->directory_url, &err) < 0) {
        err_prefix(&err, "the stored order");
        order_fail(o, &err, true);
    } else if (o->resumed) {
        order_poll(o);
    } else if (o->profile_required && o->profile_n == 0) {
        order_fail_text(o, ERR_ACME, false, "the CA offers no profile that is required here");
    } else if (o->new_authz != NULL && o->authorizations == NULL && order_plan_authorizations(o)) {
        o->preauthorizing = true;
        o->phase = ORDER_PHASE_AUTHORIZE;
    } else {
        place(o);
    }
}
