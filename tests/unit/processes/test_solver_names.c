#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/challenge.h"
#include "processes/solver/names.h"

#include <string.h>

#define LABEL "_ujmmovf2vn55tgye"

static const char *const domains[] = {"a.example", "*.b.example", "192.0.2.1", "2001:db8::1"};
static const struct wish wish = {.name = "c", .domains = domains, .domain_n = 4};

static void test_records(void **state)
{
    static const struct {
        uint32_t challenge;
        const char *identifier, *label, *record;
        int code;
    } cases[] = {
        {CHALLENGE_DNS_01, "a.example", "", "_acme-challenge.a.example", 0},
        {CHALLENGE_DNS_01, "b.example", "", "_acme-challenge.b.example", 0},
        {CHALLENGE_DNS_ACCOUNT_01, "a.example", LABEL, LABEL "._acme-challenge.a.example", 0},
        {CHALLENGE_DNS_01, "*.b.example", "", NULL, ERR_REFUSED},
        {CHALLENGE_DNS_01, "x.b.example", "", NULL, ERR_REFUSED},
        {CHALLENGE_DNS_01, "example", "", NULL, ERR_REFUSED},
        {CHALLENGE_DNS_01, "", "", NULL, ERR_REFUSED},
        {CHALLENGE_DNS_01, "192.0.2.1", "", NULL, ERR_REFUSED},
        {CHALLENGE_DNS_01, "2001:db8::1", "", NULL, ERR_REFUSED},
        {CHALLENGE_DNS_01, "a.example", LABEL, NULL, ERR_INPUT},
        {CHALLENGE_DNS_ACCOUNT_01, "a.example", "", NULL, ERR_INPUT},
        {CHALLENGE_DNS_ACCOUNT_01, "a.example", "_ujmmovf2vn55tgy", NULL, ERR_INPUT},
        {CHALLENGE_DNS_ACCOUNT_01, "a.example", "_ujmmovf2vn55tgy1", NULL, ERR_INPUT},
        {CHALLENGE_DNS_ACCOUNT_01, "a.example", "xujmmovf2vn55tgye", NULL, ERR_INPUT},
        {CHALLENGE_DNS_ACCOUNT_01, "a.example", "_ujmmovf2vn5.tgye", NULL, ERR_INPUT},
        {CHALLENGE_HTTP_01, "a.example", "", NULL, ERR_INPUT},
        {CHALLENGE_DNS_PERSIST_01, "a.example", "", NULL, ERR_INPUT},
        {CHALLENGE_END_, "a.example", "", NULL, ERR_INPUT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        const char *record = NULL;
        struct err err = ERR_INIT;
        int r =
            names_record(&wish, cases[i].challenge, cases[i].identifier, cases[i].label, a, &record, &err);
        assert_int_equal(r, cases[i].code);
        if (r == 0)
            assert_string_equal(record, cases[i].record);
        else
            assert_null(record);
        arena_free(a);
    }
}

static void test_places(void **state)
{
    static const char *const good[][2] = {{"_acme-challenge.a.example", "a.example"},
        {"a.example", "a.example"}, {"x_1.y-2.example", "example"}, {"a.example", ""}};
    static const char *const bad[][2] = {{"", ""}, {"", "example"}, {".", ""}, {"a..example", "example"},
        {"a.example.", "example."}, {"x/../y.example", "example"}, {"x?y.example", "example"},
        {"x#.example", "example"}, {"x%2f.example", "example"}, {"\\032.example", "example"},
        {"-x.example", "example"}, {"X.example", "example"}, {"*.example", "example"},
        {"xexample", "example"}, {"example", "x.example"}, {"a.b/c", "b/c"}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(names_place(good[i][0], good[i][1], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (names_place(bad[i][0], bad[i][1], NULL) != ERR_REFUSED)
            fail_msg("%s in %s", bad[i][0], bad[i][1]);
}

/* RFC 8555 8.4 with the key of RFC 7638 3.1, by computation. */
static void test_value(void **state)
{
    static const char *const bad[][2] = {{"", ".x"}, {"token", "token"}, {"token", "tokenx.y"},
        {"token", "other.y"}, {"to$en", "to$en.y"}, {"token", "token.y\n"}, {"token", "token.\""}};
    char value[NAMES_VALUE_SIZE] = "";
    assert_int_equal(names_value("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
                         "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA."
                         "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
                         value, NULL),
        0);
    assert_string_equal(value, "ZTRx1Ckl1-tM05o5zaizTTA0yUy5AGereMgSNWC6Ll8");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(names_value(bad[i][0], bad[i][1], value, NULL), ERR_INPUT);
    static char large[NAMES_ANSWER_MAX + 2] = "token.";
    memset(large + 6, 'a', sizeof large - 7);
    assert_int_equal(names_value("token", large, value, NULL), ERR_INPUT);
    large[NAMES_ANSWER_MAX] = '\0';
    assert_int_equal(names_value("token", large, value, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
