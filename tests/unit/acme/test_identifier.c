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
        "127.0.0.1", "::1", "xn--bcher-kva.example", "1.example", "123.456.example", L63 ".test",
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
        {"*.0.0.1", "IP address"}, {"*.192.0.2.1", "IP address"}, {"0:0:0:0:0:0:0:1", "canonical form, ::1"},
        {"2001:DB8::1", "canonical form, 2001:db8::1"}, {"::ffff:192.0.2.1", "none that can be certified"},
        {"fe80::1%eth0", "none that can be certified"}, {"192.0.2.1/24", "0x2f"}, {"192.0.2.256", "none"},
        {"1.2.3", "none"}, {"1.2.3.4.5", "none"}, {"010.0.0.1", "none"}, {"[::1]", "IP address"},
        {"2130706433", "IP address"}, {L63 "a.test", "more than 63"},
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

static void test_addresses(void **state)
{
    /* RFC 5952 4: its examples, and the ends of the range. */
    static const struct {
        const char *text, *canonical; /* NULL: no address that can be ordered */
    } cases[] = {{"192.0.2.1", "192.0.2.1"}, {"0.0.0.0", "0.0.0.0"}, {"255.255.255.255", "255.255.255.255"},
        {"2001:0db8::0001", "2001:db8::1"}, {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}, {"2001:DB8::AAAA", "2001:db8::aaaa"}, {"::", "::"},
        {"0:0:0:0:0:0:0:1", "::1"}, {"1::", "1::"}, {"1:0:0:0:0:0:0:0", "1::"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"}, {"::192.0.2.1", "::c000:201"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:192.0.2.1", NULL}, {"::ffff:c000:201", NULL}, {"fe80::1%1", NULL}, {"[::1]", NULL},
        {"1.2.3", NULL}, {"1.2.3.04", NULL}, {"", NULL}, {"1:2:3:4:5:6:7:8:9", NULL}, {":::", NULL},
        {"example.org", NULL}, {" ::1", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[IDENTIFIER_IP_TEXT_MAX] = "untouched";
        bool is = identifier_ip_canonical(str_c(cases[i].text), text);
        assert_int_equal(is, cases[i].canonical != NULL);
        assert_string_equal(text, is ? cases[i].canonical : "untouched");
        if (is)
            assert_true(identifier_is_ip(str_c(text)));
        assert_int_equal(identifier_is_ip(str_c(cases[i].text)), is && strcmp(text, cases[i].text) == 0);
    }
    char text[IDENTIFIER_IP_TEXT_MAX];
    assert_false(identifier_ip_canonical((struct str){"1.2.3.4\0", 8}, text));
}

static void test_reverse(void **state)
{
    struct buf b = buf_new(256);
    identifier_reverse_name(STR("192.0.2.10"), &b);
    assert_string_equal(buf_c(&b), "10.2.0.192.in-addr.arpa");
    buf_clear(&b);
    identifier_reverse_name(STR("2001:db8::89:abcd"), &b);
    assert_string_equal(
        buf_c(&b), "d.c.b.a.9.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    buf_clear(&b);
    identifier_reverse_name(STR("example.org"), &b);
    assert_string_equal(buf_c(&b), "");
    buf_free(&b);
    unsigned char octets[IDENTIFIER_IP_OCTETS_MAX];
    assert_int_equal(identifier_ip_octets(STR("192.0.2.10"), octets), 4);
    assert_memory_equal(octets, "\xc0\x00\x02\x0a", 4);
    assert_int_equal(identifier_ip_octets(STR("2001:db8::1"), octets), 16);
    assert_memory_equal(octets, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
    assert_int_equal(identifier_ip_octets(STR("2001:DB8::1"), octets), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_reverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
