#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "site/pattern.h"

static void file_names(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"/etc/nginx/conf.d/*.conf", "/etc/nginx/conf.d/a.conf", true},
        {"/etc/nginx/conf.d/*.conf", "/etc/nginx/conf.d/a.conf.bak", false},
        {"/etc/nginx/conf.d/*.conf", "/etc/nginx/conf.d/b/a.conf", false},
        {"/etc/nginx/conf.d/*", "/etc/nginx/conf.d/.a", false},
        {"/etc/nginx/conf.d/.*", "/etc/nginx/conf.d/.a", true},
        {"/etc/*/*.conf", "/etc/nginx/a.conf", true},
        {"/a/?b", "/a/xb", true},
        {"/a/[x-z]b", "/a/yb", true},
        {"/a/[!x-z]b", "/a/yb", false},
        {"/a/[]]b", "/a/]b", true},
        {"/a/[b", "/a/[b", true},
        {"/a/\\*", "/a/*", true},
        {"/a/\\*", "/a/b", false},
        {"/a/*b*c*", "/a/xxbyybzzcq", true},
        {"/a/*b*c", "/a/xxbyybzzcq", false},
        {"", "", true},
        {"*", "", true},
        {"a", "", false},
        {"", "a", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            pattern_matches(str_c(cases[i].pattern), str_c(cases[i].text), true), cases[i].matches);
    /* Exponential in a naive matcher. */
    assert_false(pattern_matches(STR("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"),
        STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), false));
}

static void host_names(void **state)
{
    assert_true(pattern_matches_host(STR("*.example.com"), STR("WWW.Example.COM")));
    assert_true(pattern_matches_host(STR("w?w.example.com"), STR("www.example.com")));
    assert_false(pattern_matches_host(STR("*.example.com"), STR("example.com")));
    assert_false(pattern_matches_host(STR("[a].example"), STR("a.example")));
}

static void plain_paths(void **state)
{
    static const char *const bad[] = {"", "a", "/a\"b", "/a'b", "/a\\b", "/$a", "/a*", "/a?", "/[a]", "/a\nb",
        "/a%b", "/a\x7f", "/a\xff", "/<a"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(path_is_plain(bad[i]));
    assert_true(path_is_plain("/var/lib/evercert/live/a.example"));
    assert_true(path_is_plain("/srv/with blanks/\xc3\xa4;{}#"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_names),
        cmocka_unit_test(host_names),
        cmocka_unit_test(plain_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
