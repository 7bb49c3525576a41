#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/glob.h"

#include <string.h>

static void test_matches(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a", "ab", false},
        {"ab", "a", false},
        {"A.Example", "a.eXAMPLE", true},
        {"*", "", true},
        {"*", "a.b.c", true},
        {"*.example.com", "a.b.example.com", true},
        {"*.example.com", ".example.com", true},
        {"*.example.com", "example.com", false},
        {"www.*", "www.", true},
        {"*a*b*", "xxaxxbxx", true},
        {"*a*b*", "xxbxxaxx", false},
        {"a*a*a", "aaa", true},
        {"a*a*a", "aa", false},
        {"a**b", "ab", true},
        {"?", "a", true},
        {"?", "", false},
        {"a?c", "a.c", true},
        {"[abc]x", "bx", true},
        {"[abc]x", "dx", false},
        {"[a-c]x", "Bx", true},
        {"[A-C]x", "bx", true},
        {"[!a-c]x", "dx", true},
        {"[!a-c]x", "ax", false},
        {"[]]", "]", true},
        {"[!]]", "a", true},
        {"[!]]", "]", false},
        {"[a-]", "-", true},
        {"*[0-9]", "n1x2", true},
        {"\\*.example.com", "*.example.com", true},
        {"\\*.example.com", "a.example.com", false},
        {"*\\*", "a*", true},
        {"a\\?", "a?", true},
        {"a\\?", "ab", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_null(glob_check(str_c(rows[i].pattern)));
        if (glob_match(str_c(rows[i].pattern), str_c(rows[i].text)) != rows[i].matches)
            fail_msg("%s and %s", rows[i].pattern, rows[i].text);
    }
}

static void test_bad_patterns(void **state)
{
    static const struct {
        const char *pattern, *why;
    } rows[] = {{"", "empty"}, {"[", "not closed"}, {"[]", "not closed"}, {"[!]", "not closed"},
        {"a[b", "not closed"}, {"\\", "backslash"}, {"*\\", "backslash"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *why = glob_check(str_c(rows[i].pattern));
        assert_non_null(why);
        assert_non_null(strstr(why, rows[i].why));
    }
    char text[GLOB_MAX + 1];
    memset(text, 'a', sizeof text);
    assert_null(glob_check((struct str){text, GLOB_MAX}));
    assert_non_null(glob_check((struct str){text, GLOB_MAX + 1}));
}

/* What takes years where each star is tried with all others. */
static void test_many_stars(void **state)
{
    char pattern[401], text[254];
    for (size_t i = 0; i < 200; i++)
        memcpy(pattern + 2 * i, "*a", 2);
    pattern[400] = 'b';
    memset(text, 'a', sizeof text);
    assert_false(glob_match((struct str){pattern, sizeof pattern}, (struct str){text, sizeof text}));
    assert_true(glob_match((struct str){pattern, sizeof pattern - 1}, (struct str){text, sizeof text}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_bad_patterns),
        cmocka_unit_test(test_many_stars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
