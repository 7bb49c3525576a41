#include "acme/account.h"

#include "acme/json.h"
#include "acme/limits.h"
#include "acme/problem.h"
#include "acme/url.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

struct account {
    struct arena *arena;
    struct account_params p;
    struct str url;         /* "" until known */
    bool contact_current;   /* the CA knows the contact that is wanted */
    bool forgotten;         /* the CA denied the account that it had told us of */
    bool again;             /* and denied it once more */
    bool made;              /* the CA took newAccount without saying where the account is */
    enum acme_request kind; /* of the request that is out */
};

struct account *account_new(const struct account_params *p)
{
    struct arena *a = arena_new();
    struct account *c = arena_alloc(a, sizeof *c);
    *c = (struct account){.arena = a, .p = *p, .url = {"", 0}, .kind = ACME_REQUEST_END_};
    struct str *const copied[] = {&c->p.directory_url, &c->p.new_account, &c->p.terms_of_service,
        &c->p.known_url, &c->p.email, &c->p.registered_email};
    for (size_t i = 0; i < ARRAY_LEN(copied); i++)
        *copied[i] = arena_str(a, *copied[i]);
    c->url = c->p.known_url;
    c->contact_current = str_eq(c->p.email, c->p.registered_email);
    return c;
}

void account_free(struct account *a)
{
    if (a != NULL)
        arena_free(a->arena);
}

struct str account_url(const struct account *a)
{
    return a->url;
}

static void fail(struct account_next *out)
{
    *out = (struct account_next){.action = ACCOUNT_FAILED, .url = {"", 0}};
}

static void request(struct account *a, enum acme_request kind, struct str url, struct account_next *out)
{
    a->kind = kind;
    *out = (struct account_next){.action = ACCOUNT_REQUEST, .kind = kind, .url = url};
}

/* With a URL at hand: the contact, where the CA has another. */
static void use(struct account *a, struct account_next *out)
{
    if (a->contact_current)
        *out = (struct account_next){.action = ACCOUNT_READY, .url = a->url};
    else
        request(a, ACME_REQUEST_UPDATE_ACCOUNT, a->url, out);
}

/* What only the operator can give, said before anything is sent. */
static int check_consent(const struct account *a, struct err *err)
{
    if (a->p.terms_of_service.n > 0 && !a->p.agree_tos)
        return err_set(err, ERR_CONFIG,
            "the CA has terms of service: read %.*s, and where you agree, say so with `agree-tos: true` in "
            "the "
            "configuration or --agree-tos",
            STR_ARG(a->p.terms_of_service));
    return 0;
}

static void enrol(struct account *a, struct account_next *out, struct err *err)
{
    if (a->p.external_account_required && !a->p.have_eab) {
        err_set(err, ERR_CONFIG,
            "the CA only takes accounts that are bound to a customer of theirs (external account binding): "
            "get a key id and a key from the CA, and set `eab-kid` and `eab-hmac-file` for this authority");
        fail(out);
        return;
    }
    request(a, ACME_REQUEST_NEW_ACCOUNT, a->p.new_account, out);
}

void account_start(struct account *a, struct account_next *out, struct err *err)
{
    if (a->again) {
        a->again = a->forgotten = false; /* a later start, after a pause, may try it all again */
        err_set(err, ERR_ACME, "the CA denies the account that it has only just confirmed");
        fail(out);
    } else if (a->url.n > 0) {
        if (acme_url_check_from(a->url, a->p.directory_url, err) < 0) {
            err_prefix(err, "the stored account");
            fail(out);
        } else {
            use(a, out);
        }
    } else if (a->p.may_register && check_consent(a, err) < 0) {
        fail(out);
    } else if (a->p.may_register && a->p.key_is_new) {
        enrol(a, out, err);
    } else {
        request(a, ACME_REQUEST_FIND_ACCOUNT, a->p.new_account, out);
    }
}

void account_forget_url(struct account *a)
{
    a->again = a->forgotten;
    a->forgotten = true;
    a->url = (struct str){"", 0};
    a->p.key_is_new = false;
    a->contact_current = a->p.email.n == 0; /* whoever has lost the account has lost its contact */
}

bool account_key_refused(const struct err *err)
{
    return strcmp(err->problem, "badPublicKey") == 0 || strcmp(err->problem, "badSignatureAlgorithm") == 0;
}

/* --- the account object --- */

enum { CONTACT_SHOWN = 320, STATUS_SHOWN = 64, ORDERS_SHOWN = 512 };

static const char *shown(struct str text, size_t max, struct arena *a)
{
    struct buf clean = buf_new(max + sizeof "...");
    text_clean(&clean, text, max);
    const char *kept = arena_dup(a, str_trim(buf_str(&clean)));
    buf_free(&clean);
    return kept;
}

int account_object_parse(struct str json, struct arena *a, struct account_object *out, struct err *err)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    int r = js_load(json, &root, err);
    if (r < 0) {
        err_prefix(err, "the CA's account");
        return r;
    }
    const char **contacts = arena_array(a, ACME_CONTACTS_MAX, sizeof *contacts);
    *out = (struct account_object){
        .status = shown(js_text(root, "status"), STATUS_SHOWN, a),
        .contacts = contacts,
        .orders = shown(js_text(root, "orders"), ORDERS_SHOWN, a),
        .terms_agreed = json_is_true(json_object_get(root, "termsOfServiceAgreed")),
    };
    size_t i;
    json_t *value;
    json_array_foreach(json_object_get(root, "contact"), i, value)
    {
        struct str text = {json_string_value(value), json_string_length(value)};
        if (json_is_string(value) && out->contact_n < ACME_CONTACTS_MAX)
            contacts[out->contact_n++] = shown(text, CONTACT_SHOWN, a);
    }
    return 0;
}

/* 7.1.2: an account that is deactivated or revoked is still found. A body that says nothing is fine. */
static int check_status(struct str body, struct err *err)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    if (js_load(body, &root, NULL) < 0)
        return 0;
    struct str status = js_text(root, "status");
    if (str_eq(status, STR("deactivated")) || str_eq(status, STR("revoked")))
        return err_set(
            err, ERR_ACME, "the account is %.*s at the CA, for good; " ACCOUNT_ANOTHER, STR_ARG(status));
    return 0;
}

static void found(struct account *a, const struct acme_response *r, struct account_next *out, struct err *err)
{
    struct str url;
    /* 201: made with the contact of the request. 200: it was there before, with the one it had. */
    if (a->kind == ACME_REQUEST_NEW_ACCOUNT && r->status == 201)
        a->contact_current = true;
    if (a->kind == ACME_REQUEST_NEW_ACCOUNT && !a->made &&
        acme_response_location(r, a->p.directory_url, &url, NULL) < 0) {
        a->made = true; /* it is there all the same, and its key tells where */
        request(a, ACME_REQUEST_FIND_ACCOUNT, a->p.new_account, out);
        return;
    }
    if (acme_response_location(r, a->p.directory_url, &url, err) < 0 || check_status(r->body, err) < 0) {
        err_prefix(err, "the CA's answer to %s", acme_request_name(a->kind));
        fail(out);
        return;
    }
    a->url = arena_str(a->arena, url);
    use(a, out);
}

static void updated(
    struct account *a, const struct acme_response *r, struct account_next *out, struct err *err)
{
    if (check_status(r->body, err) < 0) {
        fail(out);
        return;
    }
    a->contact_current = true;
    use(a, out);
}

/* A CA says unauthorized of an account that was deactivated (7.3.6); to a new one it says that of the
 * binding. */
static void add_advice(const struct account *a, const struct problem *p, struct err *err)
{
    size_t n = strlen(err->text);
    if (str_eq_c(str_c(p->type), "unauthorized") && a->kind != ACME_REQUEST_NEW_ACCOUNT)
        snprintf(err->text + n, sizeof err->text - n, "; if it was deactivated, " ACCOUNT_ANOTHER);
    else if (account_key_refused(err))
        snprintf(err->text + n, sizeof err->text - n,
            "; set `account-key-type: ecdsa-p256` for this authority, which every CA takes");
}

static void refused(struct account *a, const struct acme_response *r, struct wall now,
    struct account_next *out, struct err *err)
{
    struct arena *scratch ATTR_CLEANUP(arena_freep) = arena_new();
    struct problem p;
    problem_read(r, scratch, &p);
    bool unknown = problem_classify(&p) == PROBLEM_ACCOUNT;
    if (unknown && a->kind == ACME_REQUEST_FIND_ACCOUNT && a->p.may_register) {
        enrol(a, out, err);
    } else if (unknown && a->kind == ACME_REQUEST_UPDATE_ACCOUNT) {
        account_forget_url(a);
        account_start(a, out, err);
    } else {
        struct str terms;
        problem_to_err(&p, r, now, err);
        if (str_eq_c(str_c(p.type), "userActionRequired") && a->p.terms_of_service.n > 0 &&
            !acme_response_link(r, "terms-of-service", 0, &terms))
            err_prefix(err, "the account (terms of service: %.*s)", STR_ARG(a->p.terms_of_service));
        else
            err_prefix(err, "the account");
        add_advice(a, &p, err);
        fail(out);
    }
}

void account_response(struct account *a, const struct acme_response *r, struct wall now,
    struct account_next *out, struct err *err)
{
    if (!acme_response_ok(r))
        refused(a, r, now, out, err);
    else if (a->kind == ACME_REQUEST_UPDATE_ACCOUNT)
        updated(a, r, out, err);
    else
        found(a, r, out, err);
}
