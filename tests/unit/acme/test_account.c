#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/account.h"
#include "base/attr.h"

#include <string.h>

#define CA            "https://ca.test"
#define ACCOUNT       CA "/acct/1"
#define PROBLEM(type) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"because\"}"

static const struct account_params usual = {.directory_url = {CA "/dir", 19},
    .new_account = {CA "/new-acct", 24},
    .terms_of_service = {"data:text/plain,terms", 21},
    .known_url = {"", 0},
    .email = {"ops@example.org", 15},
    .registered_email = {"", 0},
    .agree_tos = true,
    .may_register = true};

struct run {
    struct account *account;
    struct account_next next;
    struct err err;
};

static struct run begin(const struct account_params *p)
{
    struct run r = {.account = account_new(p)};
    account_start(r.account, &r.next, &r.err);
    return r;
}

static void end(struct run *r)
{
    account_free(r->account);
}

static void answer(struct run *r, int status, const char *location, const char *body)
{
    const struct acme_header h[] = {{STR("Location"), str_c(location)}};
    const struct acme_response response = {status, h, location != NULL, str_c(body)};
    account_response(r->account, &response, (struct wall){1000}, &r->next, &r->err);
}

static void expect_request(const struct run *r, enum acme_request kind, const char *url)
{
    if (r->next.action != ACCOUNT_REQUEST)
        fail_msg("action %d, error \"%s\"", r->next.action, r->err.text);
    assert_string_equal(acme_request_name(r->next.kind), acme_request_name(kind));
    assert_true(str_eq_c(r->next.url, url));
}

static void expect_ready(const struct run *r, const char *url)
{
    if (r->next.action != ACCOUNT_READY)
        fail_msg("action %d, error \"%s\"", r->next.action, r->err.text);
    assert_true(str_eq_c(account_url(r->account), url));
}

static void expect_failed(const struct run *r, int code, const char *text)
{
    assert_int_equal(r->next.action, ACCOUNT_FAILED);
    assert_int_equal(r->err.code, code);
    if (strstr(r->err.text, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, r->err.text);
}

static void test_known(void **state)
{
    struct account_params p = usual;
    p.known_url = STR(ACCOUNT);
    p.registered_email = p.email;
    p.agree_tos = false; /* it was agreed to then */
    struct run r = begin(&p);
    expect_ready(&r, ACCOUNT);
    end(&r);

    p.known_url = STR("https://other.test/acct/1");
    r = begin(&p);
    expect_failed(&r, ERR_INPUT, "the stored account: ");
    end(&r);
}

static void test_register(void **state)
{
    struct account_params p = usual;
    p.key_is_new = true;
    struct run r = begin(&p);
    expect_request(&r, ACME_REQUEST_NEW_ACCOUNT, CA "/new-acct");
    assert_true(str_eq_c(account_url(r.account), ""));
    answer(&r, 201, ACCOUNT, "{\"status\":\"valid\"}");
    expect_ready(&r, ACCOUNT);
    account_start(r.account, &r.next, &r.err); /* again: nothing to do */
    expect_ready(&r, ACCOUNT);
    end(&r);
}

static void test_find_first(void **state)
{
    struct run r = begin(&usual);
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, CA "/new-acct");
    answer(&r, 400, NULL, PROBLEM("accountDoesNotExist"));
    expect_request(&r, ACME_REQUEST_NEW_ACCOUNT, CA "/new-acct");
    answer(&r, 201, ACCOUNT, "");
    expect_ready(&r, ACCOUNT);
    end(&r);

    r = begin(&usual); /* found; the CA has not been told the contact */
    answer(&r, 200, ACCOUNT, "{}");
    expect_request(&r, ACME_REQUEST_UPDATE_ACCOUNT, ACCOUNT);
    answer(&r, 200, NULL, "{\"status\":\"valid\"}");
    expect_ready(&r, ACCOUNT);
    end(&r);

    struct account_params p = usual;
    p.registered_email = p.email;
    r = begin(&p);
    answer(&r, 200, ACCOUNT, "");
    expect_ready(&r, ACCOUNT);
    end(&r);

    p.key_is_new = true; /* registered, but it was there: its contact is what it was */
    p.registered_email = STR("");
    r = begin(&p);
    answer(&r, 200, ACCOUNT, "");
    expect_request(&r, ACME_REQUEST_UPDATE_ACCOUNT, ACCOUNT);
    end(&r);
}

static void test_only_look(void **state)
{
    struct account_params p = usual;
    p.may_register = p.agree_tos = false;
    p.key_is_new = true;
    struct run r = begin(&p);
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, CA "/new-acct");
    answer(&r, 400, NULL, PROBLEM("accountDoesNotExist"));
    expect_failed(&r, ERR_ACME, "the account: because (accountDoesNotExist)");
    assert_string_equal(r.err.problem, "accountDoesNotExist");
    end(&r);
}

/* Nothing is agreed to for anybody: said before the first request, with the URL and the words to write. */
static void test_terms(void **state)
{
    struct account_params p = usual;
    p.agree_tos = false;
    for (int key_is_new = 0; key_is_new < 2; key_is_new++) {
        p.key_is_new = key_is_new;
        struct run r = begin(&p);
        expect_failed(&r, ERR_CONFIG, "data:text/plain,terms");
        assert_non_null(strstr(r.err.text, "`agree-tos: true`"));
        assert_non_null(strstr(r.err.text, "--agree-tos"));
        end(&r);
    }
    p.terms_of_service = STR("");
    struct run r = begin(&p);
    expect_request(&r, ACME_REQUEST_NEW_ACCOUNT, CA "/new-acct");
    end(&r);
}

static void test_external_account(void **state)
{
    struct account_params p = usual;
    p.external_account_required = true;
    p.key_is_new = true;
    struct run r = begin(&p);
    expect_failed(&r, ERR_CONFIG, "external account binding");
    end(&r);

    p.key_is_new = false; /* an account made elsewhere may be there */
    r = begin(&p);
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, CA "/new-acct");
    answer(&r, 400, NULL, PROBLEM("accountDoesNotExist"));
    expect_failed(&r, ERR_CONFIG, "external account binding");
    end(&r);

    p.have_eab = true;
    p.key_is_new = true;
    r = begin(&p);
    expect_request(&r, ACME_REQUEST_NEW_ACCOUNT, CA "/new-acct");
    answer(&r, 403, NULL, PROBLEM("externalAccountRequired")); /* where the directory did not say so */
    expect_failed(&r, ERR_ACME, "`eab-kid` and `eab-hmac-file`");
    end(&r);
}

/* A CA that does not say where the account is: its key tells. */
static void test_no_location(void **state)
{
    struct account_params p = usual;
    p.key_is_new = true;
    for (int status = 200; status <= 201; status++) {
        struct run r = begin(&p);
        expect_request(&r, ACME_REQUEST_NEW_ACCOUNT, CA "/new-acct");
        answer(&r, status, NULL, "{\"status\":\"valid\"}");
        expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, CA "/new-acct");
        answer(&r, 200, ACCOUNT, "");
        if (status == 200) /* it was there before, with the contact it had */
            answer(&r, 200, NULL, "");
        expect_ready(&r, ACCOUNT);
        end(&r);
    }
    struct run r = begin(&p);
    answer(&r, 201, NULL, "");
    answer(&r, 200, NULL, "");
    expect_failed(&r, ERR_INPUT, "the CA's answer to find-account: the answer has no Location");
    end(&r);

    r = begin(&p); /* nor does it know it: once more is enough */
    answer(&r, 201, NULL, "");
    answer(&r, 400, NULL, PROBLEM("accountDoesNotExist"));
    expect_request(&r, ACME_REQUEST_NEW_ACCOUNT, CA "/new-acct");
    answer(&r, 201, NULL, "");
    expect_failed(&r, ERR_INPUT, "the CA's answer to new-account: the answer has no Location");
    end(&r);
}

static void test_object(void **state)
{
    struct arena *a = arena_new();
    struct account_object o;
    assert_int_equal(
        account_object_parse(STR("{\"status\":\"valid\",\"contact\":[\"mailto:a@b\",7,\"mailto:\\u001bc\"],"
                                 "\"orders\":\"https://ca.test/o\",\"termsOfServiceAgreed\":true,"
                                 "\"key\":{}}"),
            a, &o, NULL),
        0);
    assert_string_equal(o.status, "valid");
    assert_int_equal(o.contact_n, 2);
    assert_string_equal(o.contacts[0], "mailto:a@b");
    assert_string_equal(o.contacts[1], "mailto:?c");
    assert_string_equal(o.orders, "https://ca.test/o");
    assert_true(o.terms_agreed);
    assert_int_equal(account_object_parse(STR("{\"status\":7,\"contact\":\"x\",\"orders\":null,"
                                              "\"termsOfServiceAgreed\":\"yes\"}"),
                         a, &o, NULL),
        0);
    assert_string_equal(o.status, "");
    assert_int_equal(o.contact_n, 0);
    assert_string_equal(o.orders, "");
    assert_false(o.terms_agreed);
    struct err err;
    assert_int_equal(account_object_parse(STR("<html>"), a, &o, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "the CA's account: not JSON"));
    arena_free(a);
}

static void test_update(void **state)
{
    struct account_params p = usual;
    p.known_url = STR(ACCOUNT);
    p.registered_email = STR("old@example.org");
    struct run r = begin(&p);
    expect_request(&r, ACME_REQUEST_UPDATE_ACCOUNT, ACCOUNT);
    answer(&r, 400, NULL, PROBLEM("invalidContact"));
    expect_failed(&r, ERR_ACME, "check the `email`");
    end(&r);

    r = begin(&p); /* lost at the CA: looked for by its key, then made again */
    answer(&r, 400, NULL, PROBLEM("accountDoesNotExist"));
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, CA "/new-acct");
    answer(&r, 400, NULL, PROBLEM("accountDoesNotExist"));
    expect_request(&r, ACME_REQUEST_NEW_ACCOUNT, CA "/new-acct");
    answer(&r, 201, CA "/acct/2", "");
    expect_ready(&r, CA "/acct/2");
    end(&r);

    r = begin(&p);
    answer(&r, 200, NULL, "{\"status\":\"deactivated\"}");
    expect_failed(&r, ERR_ACME, "deactivated");
    end(&r);
}

static void test_refusals(void **state)
{
    static const struct {
        int status;
        const char *body, *text;
    } cases[] = {{403,
                     "{\"type\":\"urn:ietf:params:acme:error:userActionRequired\",\"detail\":\"new terms\","
                     "\"instance\":\"https://ca.test/terms\"}",
                     "see https://ca.test/terms"},
        {403, PROBLEM("userActionRequired"),
            "the account (terms of service: data:text/plain,terms): because"},
        {403, PROBLEM("agreementRequired"), "`agree-tos: true`"},
        {403, PROBLEM("unauthorized"), "unauthorized"},
        {403, PROBLEM("unauthorized"), "if it was deactivated, give this authority another label"},
        {400, PROBLEM("badSignatureAlgorithm"), "badSignatureAlgorithm"},
        {400, PROBLEM("badPublicKey"), "set `account-key-type: ecdsa-p256`"},
        {502, "<html>", "HTTP status 502"}, {303, "", "HTTP status 303"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r = begin(&usual);
        answer(&r, cases[i].status, NULL, cases[i].body);
        expect_failed(&r, ERR_ACME, cases[i].text);
        end(&r);
    }
}

/* To a new account a CA says unauthorized of its binding, and there is nothing that was deactivated. */
static void test_refused_binding(void **state)
{
    struct account_params p = usual;
    p.key_is_new = true;
    struct run r = begin(&p);
    expect_request(&r, ACME_REQUEST_NEW_ACCOUNT, CA "/new-acct");
    answer(&r, 403, NULL, PROBLEM("unauthorized"));
    expect_failed(&r, ERR_ACME, "unauthorized");
    assert_null(strstr(r.err.text, "deactivated"));
    assert_false(account_key_refused(&r.err));
    end(&r);
}

static void test_bad_answers(void **state)
{
    static const char *const locations[] = {NULL, "", "/acct/1", "http://ca.test/acct/1",
        "https://other.test/acct/1", "https://ca.test@other.test/"};
    for (size_t i = 0; i < ARRAY_LEN(locations); i++)
        for (int status = 200; status <= 201; status++) {
            struct run r = begin(&usual);
            answer(&r, status, locations[i], "{\"status\":\"valid\"}");
            expect_failed(&r, ERR_INPUT, "the CA's answer to find-account: ");
            assert_true(str_eq_c(account_url(r.account), ""));
            end(&r);
        }
    struct run r = begin(&usual);
    answer(&r, 200, ACCOUNT, "{\"status\":\"revoked\"}");
    expect_failed(&r, ERR_ACME, "the account is revoked");
    end(&r);
}

/* accountDoesNotExist in some other request. */
static void test_forget(void **state)
{
    struct account_params p = usual;
    p.known_url = STR(ACCOUNT);
    p.registered_email = p.email;
    struct run r = begin(&p);
    expect_ready(&r, ACCOUNT);
    account_forget_url(r.account);
    assert_true(str_eq_c(account_url(r.account), ""));
    account_start(r.account, &r.next, &r.err);
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, CA "/new-acct");
    answer(&r, 200, ACCOUNT, "");
    expect_request(&r, ACME_REQUEST_UPDATE_ACCOUNT, ACCOUNT);
    answer(&r, 200, NULL, "");
    expect_ready(&r, ACCOUNT);
    account_forget_url(r.account); /* a CA that says both things is not argued with */
    account_start(r.account, &r.next, &r.err);
    expect_failed(&r, ERR_ACME, "denies the account");
    account_start(r.account, &r.next, &r.err); /* but may have got over it when we come again */
    expect_request(&r, ACME_REQUEST_FIND_ACCOUNT, CA "/new-acct");
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_register),
        cmocka_unit_test(test_find_first),
        cmocka_unit_test(test_only_look),
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_external_account),
        cmocka_unit_test(test_no_location),
        cmocka_unit_test(test_object),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refused_binding),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
