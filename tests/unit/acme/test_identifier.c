#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/identifier.h"
#include "base/attr.h"

#include <string.h>

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_fine(void **state)
{
    static const char *const names[] = {"example.org", "a.b-c.d0", "localhost", "*.example.org", "*.org",
        "xn--bcher-kva.example", "1.example", "123.456.example", L63 ".test",
        L63 "." L63 "." L63 "."
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err err;
        if (identifier_check(str_c(names[i]), &err) != 0)
            fail_msg("%s: %s", names[i], err.text);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *name, *text;
    } cases[] = {{"", "empty"}, {".", "empty label"}, {"a..b", "empty label"}, {".a.b", "empty label"},
        {"example.org.", "empty label"}, {"*.", "empty label"}, {"*", "'*' may only"},
        {"*.*.a", "'*' may only"}, {"a.*.b", "'*' may only"}, {"*a.b", "'*' may only"},
        {"**.b", "'*' may only"}, {"Example.org", "upper-case"}, {"a_b.org", "0x5f"}, {"a b.org", "0x20"},
        {"a/b", "0x2f"}, {"../etc", "empty label"}, {"a\nb", "0x0a"}, {"a%2eb.org", "0x25"},
        {"-a.b", "hyphen"}, {"a-.b", "hyphen"}, {"a.b-", "hyphen"},
        {"b\xc3\xbc"
         "cher.example",
            "xn--"},
        {"127.0.0.1", "IP address"}, {"*.0.0.1", "IP address"}, {"::1", "IP address"},
        {"[::1]", "IP address"}, {"2130706433", "IP address"}, {L63 "a.test", "more than 63"},
        {L63 "." L63 "." L63 "."
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "more than 253"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err;
        assert_int_equal(identifier_check(str_c(cases[i].name), &err), ERR_INPUT);
        if (strstr(err.text, cases[i].text) == NULL)
            fail_msg("%s: \"%s\" is not in \"%s\"", cases[i].name, cases[i].text, err.text);
    }
    assert_int_equal(identifier_check((struct str){"a\0b.org", 7}, NULL), ERR_INPUT);
}

static void test_base(void **state)
{
    assert_true(identifier_is_wildcard(STR("*.a.b")));
    assert_false(identifier_is_wildcard(STR("a.b")));
    assert_false(identifier_is_wildcard(STR("*")));
    assert_true(str_eq_c(identifier_base(STR("*.a.b")), "a.b"));
    assert_true(str_eq_c(identifier_base(STR("a.b")), "a.b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
