#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/limits.h"
#include "acme/url.h"
#include "base/attr.h"

#include <string.h>

static void test_fine(void **state)
{
    static const char *const urls[] = {"https://ca.test", "https://ca.test/",
        "https://ca.test:443/a?b=c&d=%20", "https://ca.test?x", "https://CA.Test:65535/@path:with/colons",
        "https://127.0.0.1:14000/dir", "https://[::1]:14000/dir", "https://[2001:db8::1]",
        "https://localhost/a;b=c,d~(e)*[f]", "https://a_b.test/", "https://ca.test//../x"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct err err;
        if (acme_url_check(str_c(urls[i]), &err) != 0)
            fail_msg("%s: %s", urls[i], err.text);
    }
}

static void test_refused(void **state)
{
    static const char *const urls[] = {"", "https://", "https:///path", "https://:443/", "https://?x",
        "http://ca.test/", "HTTPS://ca.test/", "ftp://ca.test", "file:///etc/passwd", "//ca.test/", "ca.test",
        "https:/ca.test", "https://user@ca.test/", "https://user:pw@ca.test/", "https://@ca.test",
        "https://ca.test#f", "https://ca.test/#", "https://ca.test:/", "https://ca.test:0/",
        "https://ca.test:65536/", "https://ca.test:-1/", "https://ca.test:4a/", "https://ca.test:1:2/",
        "https://ca test/", "https://ca.test/a b", " https://ca.test", "https://ca.test\n",
        "https://ca.test/\x1b", "https://ca.test/\x7f", "https://ca.test/\xc3\xa9", "https://ca.test/\"",
        "https://ca.test/'", "https://ca.test/\\", "https://ca.test\\@evil.test/", "https://ca.test/<x>",
        "https://ca%2etest/", "https://[::1/", "https://[]/", "https://[::1]x/", "https://[v1.x]/",
        "https://[fe80::1%25eth0]/", "https://ca.test,evil.test/", "https://ca.test;x/"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        if (acme_url_check(str_c(urls[i]), NULL) != ERR_INPUT)
            fail_msg("%s", urls[i]);
    assert_int_equal(acme_url_check((struct str){"https://ca.test/\0x", 18}, NULL), ERR_INPUT);
}

static void test_length(void **state)
{
    char url[ACME_URL_MAX + 1];
    memset(url, 'a', sizeof url);
    memcpy(url, "https://", 8);
    assert_int_equal(acme_url_check((struct str){url, ACME_URL_MAX}, NULL), 0);
    assert_int_equal(acme_url_check((struct str){url, ACME_URL_MAX + 1}, NULL), ERR_INPUT);
}

static void test_origin(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {{"https://ca.test/a", "https://ca.test/b", true},
        {"https://ca.test", "https://CA.TEST:443/x", true},
        {"https://ca.test:0443/", "https://ca.test/", true},
        {"https://ca.test:8443", "https://ca.test", false},
        {"https://ca.test", "https://ca.test.evil.test", false},
        {"https://ca.test?https://b.test", "https://b.test", false},
        {"https://[::1]:14000/a", "https://[::1]:14000/b", true}, {"https://[::1]", "https://[::2]", false},
        {"https://ca.test.", "https://ca.test", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(acme_url_same_origin(str_c(cases[i].a), str_c(cases[i].b)), cases[i].same);
        assert_int_equal(acme_url_same_origin(str_c(cases[i].b), str_c(cases[i].a)), cases[i].same);
        assert_int_equal(
            acme_url_check_from(str_c(cases[i].a), str_c(cases[i].b), NULL), cases[i].same ? 0 : ERR_INPUT);
    }
    struct err err;
    assert_int_equal(
        acme_url_check_from(STR("https://evil.test/x"), STR("https://ca.test:14000/dir"), &err), ERR_INPUT);
    assert_string_equal(
        err.text, "the URL https://evil.test/x is not of the authority's own host and port (ca.test:14000)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
