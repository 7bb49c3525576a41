#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/limits.h"
#include "acme/problem.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"

#include <string.h>

#define URN "urn:ietf:params:acme:error:"

static struct problem read_body(struct arena *a, int status, const char *body)
{
    struct problem p;
    problem_read(&(struct acme_response){.status = status, .body = str_c(body)}, a, &p);
    assert_non_null(p.type);
    assert_non_null(p.instance);
    assert_true(*p.detail != '\0');
    return p;
}

static void test_document(void **state)
{
    struct arena *a = arena_new();
    struct problem p = read_body(a, 403,
        "{\"type\":\"" URN "compound\",\"detail\":\"two\\u001b[31m\\nlines\",\"status\":599,"
        "\"instance\":\"https://ca.test/why\",\"subproblems\":["
        "{\"type\":\"" URN
        "caa\",\"detail\":\"forbidden\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"}},"
        "{\"type\":\"about:blank\",\"identifier\":7},7]}");
    assert_string_equal(p.type, "compound");
    assert_string_equal(p.detail, "two?[31m lines");
    assert_string_equal(p.instance, "https://ca.test/why");
    assert_int_equal(p.status, 403); /* that of the answer counts */
    assert_int_equal(p.sub_n, 3);
    assert_string_equal(p.sub[0].type, "caa");
    assert_string_equal(p.sub[0].identifier, "a.test");
    assert_string_equal(p.sub[1].type, "");
    assert_string_equal(p.sub[1].detail, "the CA gave no reason");
    assert_string_equal(p.sub[2].identifier, "");
    arena_free(a);
}

static void test_no_document(void **state)
{
    static const char *const bodies[] = {"", "<html>Bad gateway</html>", "[]", "null", "{", "\"x\"",
        "{\"type\":7,\"detail\":[],\"subproblems\":{},\"instance\":{}}", "{}", "\xff\xfe",
        "{\"type\":\"about:blank\"}", "{\"type\":\"https://example.org/badNonce\"}",
        "{\"type\":\"badNonce\"}", "{\"type\":\"" URN "bad nonce\"}", "{\"type\":\"" URN "x\\ny\"}",
        "{\"type\":\"urn:acme:error:caa\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct arena *a = arena_new();
        struct err err;
        struct problem p = read_body(a, 502, bodies[i]);
        assert_string_equal(p.type, "");
        assert_int_equal(p.sub_n, 0);
        assert_int_equal(problem_classify(&p), PROBLEM_TEMPORARY);
        assert_int_equal(problem_to_err(&p, NULL, (struct wall){0}, &err), ERR_ACME);
        assert_non_null(strstr(err.text, "(HTTP status 502)"));
        assert_string_equal(err.problem, "");
        p = read_body(a, 403, bodies[i]);
        assert_int_equal(problem_classify(&p), PROBLEM_PERMANENT);
        arena_free(a);
    }
}

static void test_types(void **state)
{
    static const struct {
        const char *type;
        int status;
        enum problem_class class;
    } cases[] = {{"badNonce", 400, PROBLEM_RETRY_NONCE}, {"rateLimited", 429, PROBLEM_TEMPORARY},
        {"rateLimited", 400, PROBLEM_TEMPORARY}, {"serverInternal", 500, PROBLEM_TEMPORARY},
        {"dns", 400, PROBLEM_IDENTIFIER}, {"connection", 400, PROBLEM_IDENTIFIER},
        {"rejectedIdentifier", 400, PROBLEM_IDENTIFIER}, {"accountDoesNotExist", 400, PROBLEM_ACCOUNT},
        {"orderNotReady", 403, PROBLEM_ORDER}, {"badCSR", 400, PROBLEM_PERMANENT},
        {"malformed", 500, PROBLEM_PERMANENT}, {"fromTheFuture", 400, PROBLEM_PERMANENT},
        {"fromTheFuture", 500, PROBLEM_TEMPORARY}, {"fromTheFuture", 429, PROBLEM_TEMPORARY}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct problem p = {.type = cases[i].type, .status = cases[i].status};
        assert_int_equal(problem_classify(&p), cases[i].class);
    }
}

static void test_title_and_length(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(8192);
    assert_string_equal(read_body(a, 400, "{\"title\":\"in short\"}").detail, "in short");
    assert_string_equal(read_body(a, 400, "{\"title\":\"in short\",\"detail\":\" \\n\"}").detail, "in short");
    buf_put_c(&b, "{\"detail\":\"");
    for (int i = 0; i < 4000; i++)
        buf_put_char(&b, 'd');
    buf_put_c(&b, "\"}");
    assert_int_equal(strlen(read_body(a, 400, buf_c(&b)).detail), TEXT_FOREIGN_MAX + 3);
    buf_clear(&b);
    buf_put_c(&b, "{\"type\":\"" URN);
    for (int i = 0; i < ERR_PROBLEM_MAX; i++)
        buf_put_char(&b, 't');
    buf_put_c(&b, "\"}");
    assert_string_equal(read_body(a, 400, buf_c(&b)).type, "");
    buf_free(&b);
    arena_free(a);
}

static void test_to_err(void **state)
{
    struct arena *a = arena_new();
    const struct acme_header h[] = {{STR("Link"), STR("<https://ca.test/index>;rel=\"index\"")},
        {STR("link"), STR("<https://ca.test/limits\x1b>;rel=\"help\"")}, {STR("Retry-After"), STR("999999")}};
    struct acme_response r = {429, h, 3,
        STR("{\"type\":\"" URN
            "rateLimited\",\"detail\":\"too many\",\"instance\":\"https://ca.test/unpause\"}")};
    struct problem p;
    struct err err;
    problem_read(&r, a, &p);
    assert_int_equal(problem_to_err(&p, &r, (struct wall){1000}, &err), ERR_ACME);
    assert_string_equal(
        err.text, "too many (rateLimited); see https://ca.test/unpause; help: https://ca.test/limits?");
    assert_string_equal(err.problem, "rateLimited");
    assert_int_equal(err.retry_at_s, 1000 + ACME_RETRY_AFTER_MAX_S);
    assert_int_equal(problem_to_err(&p, NULL, (struct wall){1000}, &err), ERR_ACME);
    assert_int_equal(err.retry_at_s, 0);
    assert_int_equal(problem_to_err(&p, &r, (struct wall){1000}, NULL), ERR_ACME);

    problem_read_json(STR("{\"type\":\"" URN "caa\",\"detail\":\"CAA\"}"), a, &p);
    problem_to_err(&p, NULL, (struct wall){0}, &err);
    assert_string_equal(err.text, "CAA (caa); a CAA record in the DNS forbids this CA; allow it there");
    problem_read_json(STR("rubbish"), a, &p);
    assert_string_equal(p.detail, "the CA gave no reason");
    arena_free(a);
}

/* A hundred names, each with the longest detail: as many as fit, and how many more. */
static void test_many_subproblems(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(1 << 20);
    buf_put_c(&b, "{\"type\":\"" URN "rejectedIdentifier\",\"detail\":\"many\",\"subproblems\":[");
    for (int i = 0; i < 200; i++) {
        buf_printf(&b,
            "%s{\"type\":\"" URN "rejectedIdentifier\",\"identifier\":{\"value\":\"n%d\"},\"detail\":\"",
            i > 0 ? "," : "", i);
        for (int j = 0; j < 500; j++)
            buf_put_c(&b, "\xc3\xa9");
        buf_put_c(&b, "\"}");
    }
    buf_put_c(&b, "]}");
    struct problem p = read_body(a, 400, buf_c(&b));
    struct err err;
    assert_int_equal(p.sub_n, ACME_SUBPROBLEMS_MAX);
    problem_to_err(&p, NULL, (struct wall){0}, &err);
    assert_true(text_is_utf8(str_c(err.text)));
    assert_non_null(strstr(err.text, "many: n0: "));
    assert_non_null(strstr(err.text, "; n5: "));
    int more = 0;
    const char *at = strstr(err.text, "; and ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "; and %d more", &more), 1);
    assert_in_range(more, 100, 122);
    buf_free(&b);
    arena_free(a);
}

static struct problem read_with_help(struct arena *a, const char *body, const char *help)
{
    const struct acme_header h[] = {{STR("Link"), str_c(help)}};
    struct problem p;
    problem_read(&(struct acme_response){429, h, help != NULL, str_c(body)}, a, &p);
    return p;
}

#define LIMITED(detail, more) \
    "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"" detail "\"" more "}"
#define HELP "<https://ca.test/limits>;rel=\"help\""

/* Where to go: the help link, the instance, the detail; of a paused name always the detail. */
static void test_links(void **state)
{
    static const struct {
        const char *body, *help, *link;
        bool paused;
    } cases[] = {
        {LIMITED("too many: see https://ca.test/docs/#x.", ""), NULL, "https://ca.test/docs/#x", false},
        {LIMITED("too many: see https://ca.test/docs", ""), HELP, "https://ca.test/limits", false},
        {LIMITED("see (https://a.test/x), or https://b.test", ",\"instance\":\"https://c.test/i\""), NULL,
            "https://c.test/i", false},
        {LIMITED("see (https://a.test/x), or https://b.test", ",\"instance\":\"urn:x\""), NULL,
            "https://a.test/x", false},
        {LIMITED("a.test is Paused. Visit https://ca.test/sfe/v1/x?jwt=a.b-c_d&e=1.",
             ",\"instance\":\"https://c.test\""),
            HELP, "https://ca.test/sfe/v1/x?jwt=a.b-c_d&e=1", true},
        {LIMITED("prevented from requesting certificates. Please visit: https://ca.test/unpause?jwt=x", ""),
            HELP, "https://ca.test/unpause?jwt=x", true},
        {LIMITED("a.test is paused", ""), HELP, "https://ca.test/limits", false},
        {LIMITED("a.test is paused, see http://ca.test/unpause", ""), NULL, "", false},
        {LIMITED("https://", ""), "<https://>;rel=help", "", false},
        {"{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"paused: https://ca.test/unpause\"}",
            NULL, "https://ca.test/unpause", false},
        {"<html>https://a.test</html>", NULL, "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct problem p = read_with_help(a, cases[i].body, cases[i].help);
        assert_string_equal(p.link, cases[i].link);
        assert_int_equal(problem_is_paused(&p), cases[i].paused);
        arena_free(a);
    }
}

/* A link that is longer than what is shown of a detail is still whole. */
static void test_long_link(void **state)
{
    struct buf body = buf_new(8192), link = buf_new(8192);
    buf_put_c(&link, "https://ca.test/unpause?jwt=");
    for (int i = 0; i < 150; i++)
        buf_put_c(&link, "abcdefg.");
    buf_put_c(&link, "end");
    buf_printf(&body, LIMITED("paused: %s", ""), buf_c(&link));
    struct arena *a = arena_new();
    struct problem p = read_with_help(a, buf_c(&body), NULL);
    assert_string_equal(p.link, buf_c(&link));
    assert_true(problem_is_paused(&p));
    arena_free(a);
    buf_free(&body);
    buf_free(&link);
}

static void test_retry_hint(void **state)
{
    static const struct {
        const char *detail;
        int64_t wait_s; /* -1: nothing said */
    } cases[] = {{"too many (5) certificates, retry after 2027-01-15 08:01:00 UTC: see https://ca.test", 60},
        {"Retry After 2027-01-15T08:00:01Z", 1}, {"retry after 2027-01-15 07:00:00 UTC", -1},
        {"retry after 2028-01-15 08:00:00 UTC", 86400}, {"retry after 2027-13-15 08:00:00 UTC", -1},
        {"retry after 2027-01-15 08:", -1}, {"retry after tomorrow, if you please", -1}, {"", -1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct buf body = buf_new(1024);
        const struct wall now = {1800000000}; /* 2027-01-15 08:00:00 */
        struct err err;
        int64_t wait_s = -1;
        buf_printf(&body, LIMITED("%s", ""), cases[i].detail);
        struct problem p = read_with_help(a, buf_c(&body), NULL);
        assert_int_equal(problem_retry_after(&p, NULL, now, 86400, &wait_s), cases[i].wait_s >= 0);
        assert_int_equal(wait_s, cases[i].wait_s);
        problem_to_err(&p, NULL, now, &err);
        assert_int_equal(err.retry_at_s, cases[i].wait_s >= 0 ? now.s + cases[i].wait_s : 0);
        const struct acme_header h[] = {{STR("Retry-After"), STR("7")}}; /* goes first */
        assert_true(
            problem_retry_after(&p, &(struct acme_response){429, h, 1, STR("")}, now, 86400, &wait_s));
        assert_int_equal(wait_s, 7);
        buf_free(&body);
        arena_free(a);
    }
}

static void test_terms_and_algorithms(void **state)
{
    const struct acme_header h[] = {{STR("Link"), STR("<https://ca.test/t2>;rel=\"terms-of-service\"")}};
    const struct acme_response r = {403, h, 1,
        STR("{\"type\":\"urn:ietf:params:acme:error:userActionRequired\",\"detail\":\"new terms\","
            "\"instance\":\"https://ca.test/agree\"}")};
    struct arena *a = arena_new();
    struct problem p;
    struct err err;
    problem_read(&r, a, &p);
    problem_to_err(&p, &r, (struct wall){0}, &err);
    assert_non_null(strstr(err.text, "see https://ca.test/agree; terms: https://ca.test/t2"));
    assert_string_equal(p.link, "https://ca.test/agree");
    problem_read_json(
        STR("{\"type\":\"urn:ietf:params:acme:error:badSignatureAlgorithm\",\"algorithms\":[\"ES256\",7,"
            "\"RS\\u001b256\"]}"),
        a, &p);
    assert_string_equal(p.detail, "the CA gave no reason (the CA takes ES256, RS?256)");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_no_document),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_title_and_length),
        cmocka_unit_test(test_to_err),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_long_link),
        cmocka_unit_test(test_retry_hint),
        cmocka_unit_test(test_terms_and_algorithms),
        cmocka_unit_test(test_many_subproblems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
