#include "acme/rollover.h"

#include "acme/limits.h"
#include "acme/problem.h"
#include "acme/url.h"
#include "base/arena.h"
#include "base/attr.h"

struct rollover {
    struct arena *arena;
    struct rollover_params p;
    enum acme_request kind; /* of the request that is out; END_: none */
    bool over;
    bool repeated;      /* the change was sent once more after nobody knew what became of the first */
    bool elsewhere;     /* the new key is that of another account */
    struct err refusal; /* what the CA said against the repeated change, code 0: nothing */
    unsigned requests;
    int64_t wait_ms; /* before the next repetition */
};

struct rollover *rollover_new(const struct rollover_params *p)
{
    struct arena *a = arena_new();
    struct rollover *r = arena_alloc(a, sizeof *r);
    *r = (struct rollover){.arena = a, .p = *p, .kind = ACME_REQUEST_END_, .wait_ms = ROLLOVER_WAIT_MS};
    struct str *const copied[] = {
        &r->p.account_url, &r->p.key_change_url, &r->p.new_account_url, &r->p.directory_url};
    for (size_t i = 0; i < ARRAY_LEN(copied); i++)
        *copied[i] = arena_str(a, *copied[i]);
    return r;
}

void rollover_free(struct rollover *r)
{
    if (r != NULL)
        arena_free(r->arena);
}

static void end(struct rollover *r, enum rollover_action action, struct rollover_next *out)
{
    r->over = true;
    r->kind = ACME_REQUEST_END_;
    *out = (struct rollover_next){.action = action, .kind = ACME_REQUEST_END_, .url = {"", 0}};
}

static void request(
    struct rollover *r, enum acme_request kind, int64_t wait_ms, struct rollover_next *out, struct err *err)
{
    if (++r->requests > ROLLOVER_REQUESTS_MAX) {
        err_set(err, ERR_ACME, "after %d requests it is not clear which key holds the account; both are kept",
            ROLLOVER_REQUESTS_MAX);
        end(r, ROLLOVER_UNDECIDED, out);
        return;
    }
    r->kind = kind;
    *out = (struct rollover_next){.action = ROLLOVER_REQUEST,
        .kind = kind,
        .url = kind == ACME_REQUEST_KEY_CHANGE ? r->p.key_change_url : r->p.new_account_url,
        .wait_ms = wait_ms};
}

/* Asks by the new key, or repeats the question that went unanswered. */
static void ask(struct rollover *r, int64_t wait_ms, struct rollover_next *out, struct err *err)
{
    request(r, r->kind == ACME_REQUEST_FIND_ACCOUNT ? r->kind : ACME_REQUEST_FIND_PENDING, wait_ms, out, err);
}

static bool has_key_change(const struct rollover *r, struct err *err)
{
    if (r->p.key_change_url.n == 0) {
        err_set(err, ERR_ACME, "this CA does not offer key rollover (no keyChange in its directory)");
        return false;
    }
    return acme_url_check_from(r->p.key_change_url, r->p.directory_url, err) == 0;
}

void rollover_start(struct rollover *r, struct rollover_next *out, struct err *err)
{
    if (r->p.resumed)
        request(r, ACME_REQUEST_FIND_PENDING, 0, out, err);
    else if (!has_key_change(r, err))
        end(r, ROLLOVER_ABORT, out);
    else
        request(r, ACME_REQUEST_KEY_CHANGE, 0, out, err);
}

/* --- something went wrong on the way --- */

/* The next question after a pause that grows; of a change this is the question what became of it. */
static void again(struct rollover *r, int64_t floor_ms, struct rollover_next *out, struct err *err)
{
    int64_t wait_ms = r->wait_ms > floor_ms ? r->wait_ms : floor_ms;
    r->wait_ms = r->wait_ms * 2 < ROLLOVER_WAIT_MAX_MS ? r->wait_ms * 2 : ROLLOVER_WAIT_MAX_MS;
    ask(r, wait_ms, out, err);
}

void rollover_lost(struct rollover *r, const struct err *why, struct rollover_next *out, struct err *err)
{
    struct err reason = *why;
    if (!r->over && err_is_temporary(reason.code) && r->requests < ROLLOVER_REQUESTS_MAX) {
        again(r, 0, out, err);
        return;
    }
    err_prefix(&reason, "it is not clear which key holds the account, so both are kept");
    *err = reason;
    end(r, ROLLOVER_UNDECIDED, out);
}

static void refused_for_now(struct rollover *r, const struct problem *p, const struct acme_response *answer,
    struct wall now, struct rollover_next *out, struct err *err)
{
    int64_t wait_s = 0;
    problem_retry_after(p, answer, now, ACME_RETRY_AFTER_MAX_S, &wait_s);
    if (wait_s * 1000 <= ROLLOVER_WAIT_MAX_MS && r->requests < ROLLOVER_REQUESTS_MAX) {
        again(r, wait_s * 1000, out, err);
        return;
    }
    problem_to_err(p, answer, now, err);
    err_prefix(err, "it is not clear which key holds the account, so both are kept");
    end(r, ROLLOVER_UNDECIDED, out);
}

/* --- answers --- */

static void change_refused(struct rollover *r, const struct problem *p, const struct acme_response *answer,
    struct wall now, struct rollover_next *out, struct err *err)
{
    struct str other;
    problem_to_err(p, answer, now, err);
    if (answer->status == 409 && acme_header_get(answer, "Location", &other)) /* 7.3.5 */
        err_prefix(err, "the new key is that of another account of this CA already");
    else if (answer->status == 501 || answer->status == 404 || answer->status == 405)
        err_prefix(err, "this CA does not offer key rollover");
    else
        err_prefix(err, "the CA refused the new key");
    if (!r->repeated && !r->p.resumed) {
        end(r, ROLLOVER_ABORT, out);
        return;
    }
    /* The one before may have got through after all, and be the reason why this one was refused. */
    r->refusal = *err;
    ask(r, 0, out, err);
}

/* Neither key is known, or one belongs to an account that is not ours. */
static void puzzled(struct rollover *r, const char *what, struct rollover_next *out, struct err *err)
{
    err_set(err, ERR_ACME, "%s; both keys are kept", what);
    end(r, ROLLOVER_UNDECIDED, out);
}

static void find_refused(struct rollover *r, const struct problem *p, const struct acme_response *answer,
    struct wall now, struct rollover_next *out, struct err *err)
{
    if (problem_classify(p) != PROBLEM_ACCOUNT) {
        problem_to_err(p, answer, now, err);
        err_prefix(err, "it is not clear which key holds the account, so both are kept");
        end(r, ROLLOVER_UNDECIDED, out);
    } else if (r->kind == ACME_REQUEST_FIND_PENDING) {
        request(r, ACME_REQUEST_FIND_ACCOUNT, 0, out, err);
    } else {
        puzzled(r, "the CA knows no account with the old key, nor with the new one", out, err);
    }
}

/* What these say of a change is meant, whatever type of problem comes along: it is not there, or the key is
 * in use (7.3.5). */
static bool is_final(int status)
{
    return status == 404 || status == 405 || status == 409 || status == 501;
}

static void refused(struct rollover *r, const struct acme_response *answer, struct wall now,
    struct rollover_next *out, struct err *err)
{
    struct arena *scratch ATTR_CLEANUP(arena_freep) = arena_new();
    struct problem p;
    problem_read(answer, scratch, &p);
    enum problem_class class = problem_classify(&p);
    bool final = r->kind == ACME_REQUEST_KEY_CHANGE && is_final(answer->status);
    if ((class == PROBLEM_TEMPORARY || class == PROBLEM_RETRY_NONCE) && !final)
        refused_for_now(r, &p, answer, now, out, err);
    else if (r->kind == ACME_REQUEST_KEY_CHANGE)
        change_refused(r, &p, answer, now, out, err);
    else
        find_refused(r, &p, answer, now, out, err);
}

/* The old key is in force, and the new one is not: nothing was changed so far. */
static void old_key_holds(struct rollover *r, struct rollover_next *out, struct err *err)
{
    if (r->elsewhere) {
        err_set(err, ERR_ACME, "the new key is that of another account of this CA already");
        end(r, ROLLOVER_ABORT, out);
    } else if (r->refusal.code != 0) {
        *err = r->refusal;
        end(r, ROLLOVER_ABORT, out);
    } else if (!has_key_change(r, err)) {
        end(r, ROLLOVER_ABORT, out);
    } else if (r->repeated) {
        puzzled(r, "the CA gives no answer to the change of the key", out, err);
    } else {
        r->repeated = true;
        request(r, ACME_REQUEST_KEY_CHANGE, 0, out, err);
    }
}

static void found(
    struct rollover *r, const struct acme_response *answer, struct rollover_next *out, struct err *err)
{
    struct str url;
    bool pending = r->kind == ACME_REQUEST_FIND_PENDING;
    bool named = acme_response_location(answer, r->p.directory_url, &url, NULL) == 0;
    bool ours = named && str_eq(url, r->p.account_url);
    if (ours && pending) {
        end(r, ROLLOVER_COMMIT, out);
    } else if (ours) {
        old_key_holds(r, out, err);
    } else if (!named) {
        puzzled(r, "the CA does not say which account it found", out, err);
    } else if (pending) {
        r->elsewhere = true;
        request(r, ACME_REQUEST_FIND_ACCOUNT, 0, out, err);
    } else {
        puzzled(r, "the CA has another account under the old key", out, err);
    }
}

void rollover_response(struct rollover *r, const struct acme_response *answer, struct wall now,
    struct rollover_next *out, struct err *err)
{
    if (r->over)
        puzzled(r, "the change of the key has ended", out, err);
    else if (!acme_response_ok(answer))
        refused(r, answer, now, out, err);
    else if (r->kind == ACME_REQUEST_KEY_CHANGE)
        end(r, ROLLOVER_COMMIT, out);
    else
        found(r, answer, out, err);
}
