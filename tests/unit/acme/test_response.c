#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/limits.h"
#include "acme/response.h"
#include "base/attr.h"

static void test_header(void **state)
{
    const struct acme_header h[] = {
        {STR("Content-Type"), STR(" a/b \t")}, {STR("X"), STR("1")}, {STR("x"), STR("2")}};
    const struct acme_response r = {200, h, 3, {"", 0}};
    struct str v = STR("as it was");
    assert_true(acme_header_get(&r, "content-type", &v));
    assert_true(str_eq_c(v, "a/b"));
    assert_false(acme_header_get(&r, "X", &v));
    assert_false(acme_header_get(&r, "Y", &v));
    assert_true(str_eq_c(v, "a/b"));
}

static void test_ok(void **state)
{
    static const int statuses[][2] = {{100, 0}, {199, 0}, {200, 1}, {204, 1}, {299, 1}, {300, 0}, {404, 0}};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        assert_int_equal(acme_response_ok(&(struct acme_response){.status = statuses[i][0]}), statuses[i][1]);
}

static void test_nonce(void **state)
{
    static const struct {
        const char *value;
        bool fine;
    } cases[] = {
        {"abc-_09AZ", true}, {" abc ", true}, {"", false}, {"a=", false}, {"a b", false}, {"a,b", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct acme_header h[] = {{STR("replay-nonce"), str_c(cases[i].value)}};
        struct str v;
        assert_int_equal(acme_response_nonce(&(struct acme_response){200, h, 1, {"", 0}}, &v), cases[i].fine);
    }
    const struct acme_header two[] = {{STR("Replay-Nonce"), STR("a")}, {STR("Replay-Nonce"), STR("a")}};
    struct str v;
    assert_false(acme_response_nonce(&(struct acme_response){200, two, 2, {"", 0}}, &v));
    assert_false(acme_response_nonce(&(struct acme_response){200, NULL, 0, {"", 0}}, &v));
}

static void test_retry_after(void **state)
{
    static const struct {
        const char *value, *date;
        int64_t want; /* -1: none */
    } cases[] = {{"0", NULL, 0}, {"120", NULL, 120}, {" 7 ", NULL, 7}, {"5000", NULL, 1000},
        {"18446744073709551616", NULL, 1000}, {"00007", NULL, 7}, {"-1", NULL, -1}, {"+1", NULL, -1},
        {"1e18", NULL, -1}, {"1.5", NULL, -1}, {"", NULL, -1}, {"soon", NULL, -1}, {"7, 8", NULL, -1},
        {"Fri, 15 Jan 2027 08:01:40 GMT", NULL, 100}, {"Fri, 15 Jan 2027 08:00:00 GMT", NULL, 0},
        {"Fri, 15 Jan 2027 07:59:59 GMT", NULL, -1}, {"Fri, 31 Dec 9999 23:59:59 GMT", NULL, 1000},
        {"Friday, 15-Jan-27 08:01:40 GMT", NULL, 100}, {"Fri, 45 Jan 2027 08:01:40 GMT", NULL, -1},
        /* our clock is wrong, or theirs: the difference is what counts */
        {"Tue, 01 Jun 2049 00:00:30 GMT", "Tue, 01 Jun 2049 00:00:00 GMT", 30},
        {"Fri, 15 Jan 2027 08:01:40 GMT", "Tue, 01 Jun 2049 00:00:00 GMT", -1},
        {"Fri, 15 Jan 2027 08:01:40 GMT", "junk", 100}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct acme_header h[] = {
            {STR("Retry-After"), str_c(cases[i].value)}, {STR("Date"), str_c(cases[i].date)}};
        const struct acme_response r = {503, h, cases[i].date != NULL ? 2 : 1, {"", 0}};
        int64_t s = -1;
        assert_int_equal(
            acme_response_retry_after(&r, (struct wall){1800000000}, 1000, &s), cases[i].want >= 0);
        if (s != cases[i].want)
            fail_msg("%s: %lld", cases[i].value, (long long)s);
    }
    int64_t s;
    assert_false(
        acme_response_retry_after(&(struct acme_response){.status = 503}, (struct wall){0}, 1000, &s));
}

#define HELP(value)             \
    {                           \
        STR("Link"), STR(value) \
    }

static void test_link(void **state)
{
    static const struct {
        const char *field;
        const char *first, *second; /* targets with rel help; NULL: none */
    } cases[] = {
        {"<https://a>;rel=\"help\"", "https://a", NULL},
        {"<https://a>; rel=help", "https://a", NULL},
        {"<https://a> ; REL = \"Help\" ; title=\"x\"", "https://a", NULL},
        {"<https://i>;rel=\"index\", <https://a>;rel=\"help\",<https://b>;rel=help", "https://a",
            "https://b"},
        {"<https://a>;rel=\"up help next\"", "https://a", NULL},
        {"<https://a>;rel=\"\thelp \"", "https://a", NULL},
        {"<https://a>;title=\"x, <https://evil>;rel=help\";rel=\"help\"", "https://a", NULL},
        {"<https://a>;title=\"quo\\\"te,\";rel=help", "https://a", NULL},
        {"<https://a>;rel=\"he\\lp\"", "https://a", NULL},
        {"<https://a>;rel=index;rel=help", NULL, NULL}, /* only the first rel counts */
        {"<https://a>;rel=help;rel=index", "https://a", NULL},
        {"<https://a>;rel=\"help\";anchor=\"#x\"", NULL, NULL},
        {"<https://a,b;c>;rel=help", "https://a,b;c", NULL},
        {"<>;rel=help", "", NULL},
        {"<https://a>;rel=\"helper\"", NULL, NULL},
        {"<https://a>;rel=\"hel\"", NULL, NULL},
        {"<https://a>;rel", NULL, NULL},
        {"<https://a>;rel=", NULL, NULL},
        {"<https://a>;rel=\"", NULL, NULL},
        {"<https://a>;rel=\"help", "https://a", NULL},
        {"<https://a>;;;rel=help", "https://a", NULL},
        {"<https://a", NULL, NULL},
        {"https://a;rel=help", NULL, NULL},
        {"\"<https://q>;rel=help\", <https://a>;rel=help", "https://a", NULL},
        {"junk, <https://a>;rel=help", "https://a", NULL},
        {"\"", NULL, NULL},
        {"", NULL, NULL},
        {",,,", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct acme_header h[] = {{STR("link"), str_c(cases[i].field)}};
        const struct acme_response r = {200, h, 1, {"", 0}};
        const char *want[] = {cases[i].first, cases[i].second, NULL};
        for (size_t n = 0; n < 3; n++) {
            struct str v;
            bool found = acme_response_link(&r, "help", n, &v);
            if (found != (want[n] != NULL) || (found && !str_eq_c(v, want[n])))
                fail_msg("%s: %zu", cases[i].field, n);
        }
    }
}

/* Several fields are one list. */
static void test_link_fields(void **state)
{
    const struct acme_header h[] = {HELP("<https://1>;rel=alternate, <https://2>;rel=\"alternate up\""),
        {STR("Other"), STR("<https://x>;rel=alternate")}, HELP("<https://3>;rel=up"),
        HELP("<https://4>;rel=alternate")};
    const struct acme_response r = {200, h, 4, {"", 0}};
    static const char *const want[] = {"https://1", "https://2", "https://4"};
    struct str v;
    for (size_t n = 0; n < 3; n++) {
        assert_true(acme_response_link(&r, "alternate", n, &v));
        assert_true(str_eq_c(v, want[n]));
    }
    assert_false(acme_response_link(&r, "alternate", 3, &v));
    assert_true(acme_response_link(&r, "up", 1, &v));
    assert_true(str_eq_c(v, "https://3"));
}

static void test_location(void **state)
{
    const struct acme_header h[] = {{STR("location"), STR("https://ca.test/o/1")}};
    const struct str directory = STR("https://ca.test/dir");
    struct acme_response r = {201, h, 1, {"", 0}};
    struct str v;
    struct err err;
    assert_int_equal(acme_response_location(&r, directory, &v, &err), 0);
    assert_true(str_eq_c(v, "https://ca.test/o/1"));
    assert_int_equal(acme_response_location(&r, STR("https://other.test/dir"), &v, &err), ERR_INPUT);
    r.header_n = 0;
    assert_int_equal(acme_response_location(&r, directory, &v, &err), ERR_INPUT);
    assert_string_equal(err.text, "the answer has no Location, or more than one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_nonce),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_link_fields),
        cmocka_unit_test(test_location),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
