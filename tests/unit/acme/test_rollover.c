/* The change of an account's key, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/rollover.h"
#include "base/attr.h"

#include <string.h>

#define CA            "https://ca.test"
#define ACCOUNT       CA "/acct/1"
#define PROBLEM(type) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"because\"}"
#define UNKNOWN       PROBLEM("accountDoesNotExist")

static const struct rollover_params usual = {.account_url = {ACCOUNT, sizeof ACCOUNT - 1},
    .key_change_url = {CA "/change", sizeof CA "/change" - 1},
    .new_account_url = {CA "/new", sizeof CA "/new" - 1},
    .directory_url = {CA "/dir", sizeof CA "/dir" - 1}};

struct run {
    struct rollover *rollover;
    struct rollover_next next;
    struct err err;
};

static struct run begin(const struct rollover_params *p)
{
    struct run r = {.rollover = rollover_new(p)};
    rollover_start(r.rollover, &r.next, &r.err);
    return r;
}

static struct run resume(void)
{
    struct rollover_params p = usual;
    p.resumed = true;
    return begin(&p);
}

static void end(struct run *r)
{
    rollover_free(r->rollover);
}

static void answer(struct run *r, int status, const char *location, const char *body)
{
    const struct acme_header h[] = {{STR("Location"), str_c(location)}};
    const struct acme_response response = {status, h, location != NULL, str_c(body)};
    rollover_response(r->rollover, &response, (struct wall){1800000000}, &r->next, &r->err);
}

static void lose(struct run *r, int code)
{
    struct err why;
    err_set(&why, code, "it broke");
    rollover_lost(r->rollover, &why, &r->next, &r->err);
}

static void expect_request(const struct run *r, enum acme_request kind, int64_t wait_ms)
{
    if (r->next.action != ROLLOVER_REQUEST)
        fail_msg("action %d, error \"%s\"", r->next.action, r->err.text);
    assert_string_equal(acme_request_name(r->next.kind), acme_request_name(kind));
    assert_true(str_eq_c(r->next.url, kind == ACME_REQUEST_KEY_CHANGE ? CA "/change" : CA "/new"));
    assert_int_equal(r->next.wait_ms, wait_ms);
}

static void expect_end(struct run *r, enum rollover_action action, const char *text)
{
    if (r->next.action != action)
        fail_msg("action %d, error \"%s\"", r->next.action, r->err.text);
    if (action != ROLLOVER_COMMIT && strstr(r->err.text, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, r->err.text);
    if (action != ROLLOVER_COMMIT)
        assert_true(r->err.code < 0);
    end(r);
}

static void test_done(void **state)
{
    struct run r = begin(&usual);
    expect_request(&r, ACME_REQUEST_KEY_CHANGE, 0);
    answer(&r, 200, NULL, "");
    assert_int_equal(r.next.action, ROLLOVER_COMMIT);
    answer(&r, 200, NULL, ""); /* one too many decides nothing */
    expect_end(&r, ROLLOVER_UNDECIDED, "has ended");
}

static void test_not_offered(void **state)
{
    struct rollover_params p = usual;
    p.key_change_url = STR("");
    struct run r = begin(&p);
    expect_end(&r, ROLLOVER_ABORT, "does not offer key rollover");
    p.key_change_url = STR("https://other.test/change");
    r = begin(&p);
    expect_end(&r, ROLLOVER_ABORT, "not of the authority's own host");
    r = begin(&usual);
    answer(&r, 501, NULL, "<html>");
    expect_end(&r, ROLLOVER_ABORT, "does not offer key rollover");
    r = begin(&usual);
    answer(&r, 404, NULL, PROBLEM("malformed"));
    expect_end(&r, ROLLOVER_ABORT, "does not offer key rollover");
    r = begin(&usual); /* however temporary the type of the problem sounds */
    answer(&r, 405, NULL, PROBLEM("serverInternal"));
    expect_end(&r, ROLLOVER_ABORT, "does not offer key rollover");
}

static void test_refused(void **state)
{
    struct run r = begin(&usual);
    answer(&r, 409, CA "/acct/7", PROBLEM("malformed"));
    expect_end(&r, ROLLOVER_ABORT, "is that of another account");
    r = begin(&usual);
    answer(&r, 409, CA "/acct/7", PROBLEM("conflict"));
    expect_end(&r, ROLLOVER_ABORT, "is that of another account");
    r = begin(&usual);
    answer(&r, 400, NULL, PROBLEM("badPublicKey"));
    expect_end(&r, ROLLOVER_ABORT, "refused the new key: because (badPublicKey)");
    r = begin(&usual);
    answer(&r, 401, NULL, PROBLEM("unauthorized"));
    expect_end(&r, ROLLOVER_ABORT, "(unauthorized)");
}

/* The answer got lost: the CA is asked who holds the account. */
static void test_lost(void **state)
{
    struct run r = begin(&usual);
    lose(&r, ERR_NETWORK);
    expect_request(&r, ACME_REQUEST_FIND_PENDING, ROLLOVER_WAIT_MS);
    answer(&r, 200, ACCOUNT, "");
    expect_end(&r, ROLLOVER_COMMIT, "");

    r = begin(&usual); /* it never got there */
    answer(&r, 502, NULL, "<html>");
    expect_request(&r, ACME_REQUEST_FIND_PENDING, ROLLOVER_WAIT_MS);
    answer(&r, 400, NULL, UNKNOWN);
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, 0);
    answer(&r, 200, ACCOUNT, "");
    expect_request(&r, ACME_REQUEST_KEY_CHANGE, 0);
    answer(&r, 200, NULL, "{}");
    expect_end(&r, ROLLOVER_COMMIT, "");
}

/* Refused the second time because the first got through, or because the CA will not have it. */
static void test_refused_again(void **state)
{
    for (int got_through = 0; got_through < 2; got_through++) {
        struct run r = begin(&usual);
        lose(&r, ERR_TIMEOUT);
        answer(&r, 400, NULL, UNKNOWN);
        answer(&r, 200, ACCOUNT, "");
        expect_request(&r, ACME_REQUEST_KEY_CHANGE, 0);
        answer(&r, 401, NULL, PROBLEM("unauthorized"));
        expect_request(&r, ACME_REQUEST_FIND_PENDING, 0);
        if (got_through) {
            answer(&r, 200, ACCOUNT, "");
            expect_end(&r, ROLLOVER_COMMIT, "");
            continue;
        }
        answer(&r, 400, NULL, UNKNOWN);
        expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, 0);
        answer(&r, 200, ACCOUNT, "");
        expect_end(&r, ROLLOVER_ABORT, "refused the new key: because (unauthorized)");
    }
    struct run r = begin(&usual); /* lost twice: the second may still be on its way */
    lose(&r, ERR_TIMEOUT);
    answer(&r, 400, NULL, UNKNOWN);
    answer(&r, 200, ACCOUNT, "");
    lose(&r, ERR_TIMEOUT);
    expect_request(&r, ACME_REQUEST_FIND_PENDING, 2 * ROLLOVER_WAIT_MS);
    answer(&r, 400, NULL, UNKNOWN);
    answer(&r, 200, ACCOUNT, "");
    expect_end(&r, ROLLOVER_UNDECIDED, "no answer to the change");
}

static void test_resumed(void **state)
{
    struct run r = resume();
    expect_request(&r, ACME_REQUEST_FIND_PENDING, 0);
    answer(&r, 200, ACCOUNT, "{}");
    expect_end(&r, ROLLOVER_COMMIT, "");

    r = resume();
    answer(&r, 400, NULL, UNKNOWN);
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, 0);
    answer(&r, 200, ACCOUNT, "{}");
    expect_request(&r, ACME_REQUEST_KEY_CHANGE, 0);
    answer(&r, 200, NULL, "{}");
    expect_end(&r, ROLLOVER_COMMIT, "");

    r = resume(); /* neither is known */
    answer(&r, 400, NULL, UNKNOWN);
    answer(&r, 400, NULL, UNKNOWN);
    expect_end(&r, ROLLOVER_UNDECIDED, "nor with the new one; both keys are kept");

    r = resume(); /* the new key is somebody else's */
    answer(&r, 200, CA "/acct/9", "");
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, 0);
    answer(&r, 200, ACCOUNT, "");
    expect_end(&r, ROLLOVER_ABORT, "another account");

    r = resume(); /* the old one is */
    answer(&r, 400, NULL, UNKNOWN);
    answer(&r, 200, CA "/acct/9", "");
    expect_end(&r, ROLLOVER_UNDECIDED, "another account under the old key");

    static const char *const bad[] = {NULL, "", "/acct/1", "https://other.test/acct/1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        r = resume();
        answer(&r, 200, bad[i], "");
        expect_end(&r, ROLLOVER_UNDECIDED, "does not say which account");
    }

    r = resume(); /* a definite no that says nothing about keys */
    answer(&r, 403, NULL, PROBLEM("userActionRequired"));
    expect_end(&r, ROLLOVER_UNDECIDED, "both are kept: because (userActionRequired)");

    struct rollover_params p = usual;
    p.resumed = true;
    p.key_change_url = STR("");
    r = begin(&p);
    answer(&r, 400, NULL, UNKNOWN);
    answer(&r, 200, ACCOUNT, "");
    expect_end(&r, ROLLOVER_ABORT, "does not offer key rollover");
}

/* A CA that is down for ever: questions, ever rarer, and an end. */
static void test_down(void **state)
{
    struct run r = begin(&usual);
    int requests = 0;
    int64_t last = 0;
    while (r.next.action == ROLLOVER_REQUEST) {
        assert_true(r.next.wait_ms >= last && r.next.wait_ms <= ROLLOVER_WAIT_MAX_MS);
        last = r.next.wait_ms;
        requests++;
        if (requests % 2 == 0)
            lose(&r, ERR_NETWORK);
        else
            answer(&r, 503, NULL, "");
    }
    assert_int_equal(requests, ROLLOVER_REQUESTS_MAX);
    expect_end(&r, ROLLOVER_UNDECIDED, "not clear which key holds the account, so both are kept");

    r = begin(&usual); /* never sent */
    lose(&r, ERR_REFUSED);
    expect_end(&r, ROLLOVER_UNDECIDED, "it broke");

    struct acme_header h[] = {{STR("Retry-After"), STR("30")}};
    struct acme_response busy = {429, h, 1, STR(PROBLEM("rateLimited"))};
    r = begin(&usual);
    rollover_response(r.rollover, &busy, (struct wall){1}, &r.next, &r.err);
    expect_request(&r, ACME_REQUEST_FIND_PENDING, 30000);
    h[0].value = STR("3600");
    rollover_response(r.rollover, &busy, (struct wall){1}, &r.next, &r.err);
    assert_int_equal(r.err.retry_at_s, 3601);
    expect_end(&r, ROLLOVER_UNDECIDED, "(rateLimited)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_done),
        cmocka_unit_test(test_not_offered),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_refused_again),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
