#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "policy/registered_domain.h"

#include <string.h>

static const struct {
    const char *name, *domain;
} rows[] = {
    {"example.com", "example.com"},
    {"www.example.com", "example.com"},
    {"a.b.c.d.example.com", "example.com"},
    {"*.example.com", "example.com"},
    {"*.www.example.com", "example.com"},
    {"www.example.com.", "example.com"},
    /* suffixes of several labels */
    {"example.co.uk", "example.co.uk"},
    {"www.example.co.uk", "example.co.uk"},
    /* wildcard rules and their exceptions */
    {"www.a.b.ck", "a.b.ck"},
    {"a.b.ck", "a.b.ck"},
    {"a.www.ck", "www.ck"},
    {"x.city.kobe.jp", "city.kobe.jp"},
    {"x.a.b.kobe.jp", "a.b.kobe.jp"},
    /* the private section counts */
    {"me.github.io", "me.github.io"},
    {"www.me.github.io", "me.github.io"},
    {"*.me.github.io", "me.github.io"},
    /* suffixes themselves */
    {"com", "com"},
    {"co.uk", "co.uk"},
    {"github.io", "github.io"},
    {"*.github.io", "github.io"},
    {"*.uk", "uk"},
    /* A-labels */
    {"www.xn--85x722f.com.cn", "xn--85x722f.com.cn"},
    {"www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"},
    {"a.b.xn--fiqs8s", "b.xn--fiqs8s"},
    {"xn--fiqs8s", "xn--fiqs8s"},
    /* nobody's rules: the last two labels */
    {"a.example", "a.example"},
    {"b.a.example", "a.example"},
    {"x.y.z.nosuchtld", "z.nosuchtld"},
    {"localhost", "localhost"},
    {"nosuchtld", "nosuchtld"},
    /* the case it has */
    {"WWW.Example.Co.UK", "Example.Co.UK"},
    {"A.GitHub.IO", "A.GitHub.IO"},
    {"WWW.AZ.CO.ZA", "AZ.CO.ZA"},
    /* no names */
    {"", ""},
    {".", "."},
    {"*.", "*."},
    {"..", ".."},
    {".example.com", ".example.com"},
    {"a..example.com", "a..example.com"},
    {"www.example.com..", "www.example.com.."},
};

static void table(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str found = registered_domain(str_c(rows[i].name));
        if (!str_eq_c(found, rows[i].domain))
            fail_msg("%s: %.*s instead of %s", rows[i].name, STR_ARG(found), rows[i].domain);
    }
}

static void views_need_no_end(void **state)
{
    struct str found = registered_domain((struct str){"www.example.common", 15});
    assert_true(str_eq_c(found, "example.com"));
    assert_int_equal(registered_domain((struct str){NULL, 0}).n, 0);
    const struct str nul = {"a\0b.example.com", 15};
    assert_true(str_eq(registered_domain(nul), nul));
}

static void long_names(void **state)
{
    char name[300];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 4 == 3 ? '.' : 'a';
    /* 253 octets end in a label, the 254th makes it none */
    struct str found = registered_domain((struct str){name, 253});
    assert_true(str_eq_c(found, "aaa.a"));
    memcpy(name + 247, ".com", 4);
    assert_true(str_eq_c(registered_domain((struct str){name, 251}), "aaa.com"));
    assert_int_equal(registered_domain((struct str){name, 254}).n, 254);
    assert_int_equal(registered_domain((struct str){name, sizeof name}).n, sizeof name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(views_need_no_end),
        cmocka_unit_test(long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
