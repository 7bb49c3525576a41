#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/persist.h"
#include "base/attr.h"

#include <string.h>

#define ACCOUNT "https://ca.example/acct/1"

static void test_fine(void **state)
{
    static const struct {
        const char *text, *issuer, *account;
        bool wildcard;
        int64_t until;
    } cases[] = {
        {"ca.example", "ca.example", "", false, 0},
        {"ca.example;", "ca.example", "", false, 0},
        {"ca.example; accounturi=" ACCOUNT, "ca.example", ACCOUNT, false, 0},
        {" CA.Example\t; AccountURI = " ACCOUNT " ; policy=WildCard ; persistuntil=1790000000 ;",
            "ca.example", ACCOUNT, true, 1790000000},
        {"ca.example; policy=other; new-tag=x; new-tag=x", "ca.example", "", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct persist_record r;
        assert_int_equal(persist_record_parse(str_c(cases[i].text), a, &r, NULL), 0);
        assert_string_equal(r.issuer, cases[i].issuer);
        assert_string_equal(r.account_uri, cases[i].account);
        assert_int_equal(r.wildcard, cases[i].wildcard);
        assert_int_equal(r.until, cases[i].until);
        arena_free(a);
    }
}

static void test_malformed(void **state)
{
    static const char *const cases[] = {"", ";", "v=spf1 include:x.example -all", "ca.example; accounturi",
        "ca.example; =x", "ca.example; accounturi=a b", "ca.example; accounturi=a; ACCOUNTURI=a",
        "ca.example;; policy=x", "ca.example; persistUntil=soon", "ca.example; persistUntil=-1",
        "ca.example; persistUntil=0", "ca.example; persistUntil=9223372036854775808", "-ca.example",
        "ca..example", "ca.example.", "ca.example; tag-=x", "ca.example; accounturi=\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct persist_record r = {NULL};
        struct err err = ERR_INIT;
        assert_int_equal(persist_record_parse(str_c(cases[i]), a, &r, &err), ERR_INPUT);
        assert_null(r.issuer);
        arena_free(a);
    }
}

static void test_limits(void **state)
{
    static char longest[PERSIST_RECORD_MAX + 1], many[PERSIST_PARAMETERS_MAX * 5 + 16] = "ca.example";
    struct arena *a = arena_new();
    struct persist_record r;
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = 'a';
    assert_int_equal(persist_record_parse((struct str){longest, sizeof longest - 1}, a, &r, NULL), 0);
    assert_int_equal(persist_record_parse((struct str){longest, sizeof longest}, a, &r, NULL), ERR_LIMIT);
    size_t n = strlen(many);
    for (int i = 0; i < PERSIST_PARAMETERS_MAX; i++, n += 4)
        memcpy(many + n, ";a=b", 4);
    assert_int_equal(persist_record_parse((struct str){many, n}, a, &r, NULL), 0);
    memcpy(many + n, ";a=b", 4);
    assert_int_equal(persist_record_parse((struct str){many, n + 4}, a, &r, NULL), ERR_LIMIT);
    arena_free(a);
}

static const char *const issuers[] = {"ca.example", "old.example"};
static const char *const accounts[] = {ACCOUNT, "https://old.example/7"};
static const struct wall now = {1000};

static void test_choice(void **state)
{
    static const struct {
        const char *records[3];
        bool wildcard;
        int code;
        size_t which;
        int64_t until;
        const char *text;
    } cases[] = {
        {{"ca.example; accounturi=" ACCOUNT}, false, 0, 0, 0, NULL},
        {{"v=spf1 -all", "other.example; accounturi=x", "OLD.example; accounturi=https://old.example/7"},
            false, 0, 2, 0, NULL},
        {{"ca.example; accounturi=" ACCOUNT "; persistUntil=1000",
             "ca.example; accounturi=" ACCOUNT "; persistUntil=1001; policy=wildcard"},
            true, 0, 1, 1001, NULL},
        {{"v=spf1 -all"}, false, ERR_NOT_FOUND, 0, 0, "there is no TXT record for ca.example"},
        {{NULL}, false, ERR_NOT_FOUND, 0, 0, "evercert dns record"},
        {{"ca.example; accounturi=https://ca.example/acct/2"}, false, ERR_VERIFY, 0, 0,
            "of another account: https://ca.example/acct/2"},
        {{"ca.example; accounturi=https://old.example/7"}, false, ERR_VERIFY, 0, 0, "of another account"},
        {{"ca.example"}, false, ERR_VERIFY, 0, 0, "it names none"},
        {{"ca.example; accounturi=x", "ca.example; accounturi=" ACCOUNT}, true, ERR_VERIFY, 0, 0,
            "lacks policy=wildcard"},
        {{"ca.example; accounturi=" ACCOUNT "; persistUntil=1000"}, false, ERR_VERIFY, 0, 0,
            "has expired on 1970-01-01T00:16:40Z"},
        {{"ca.example; accounturi"}, false, ERR_VERIFY, 0, 0, "cannot be read"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct persist_demand d = {issuers, accounts, 2, cases[i].wildcard};
        struct str records[3];
        struct err err = ERR_INIT;
        size_t n = 0, which = 0;
        int64_t until = 0;
        while (n < 3 && cases[i].records[n] != NULL) {
            records[n] = str_c(cases[i].records[n]);
            n++;
        }
        int r = persist_choose(&d, "_validation-persist.a.example", records, n, now, &which, &until, &err);
        assert_int_equal(r, cases[i].code);
        assert_int_equal(which, cases[i].which);
        assert_int_equal(until, cases[i].until);
        if (cases[i].text != NULL) {
            assert_non_null(strstr(err.text, cases[i].text));
            assert_non_null(strstr(err.text, "_validation-persist.a.example: "));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
