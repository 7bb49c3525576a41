#include "http/hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static bool may_follow(const char head[HELLO_HEAD + 1])
{
    return hello_may_follow((const unsigned char *)head);
}

static void test_head(void **state)
{
    assert_true(may_follow("\x16\x03\x01\x02\x00\x01\x00\x01\xfc"));
    assert_true(may_follow("\x16\x03\x03\x00\x40\x01\x00\x00\x3c"));
    assert_true(may_follow("\x16\x03\x01\x40\x00\x01\x00\x40\x00"));  /* as long as may be */
    assert_false(may_follow("\x16\x03\x01\x40\x00\x01\x00\x40\x01")); /* one octet more */
    assert_false(may_follow("\x16\x03\x01\x40\x00\x01\xff\xff\xff")); /* and all that can be said */
    assert_false(may_follow("\x16\x03\x01\x40\x01\x01\x00\x01\xfc")); /* a record too long */
    assert_false(may_follow("\x16\x03\x01\x00\x03\x01\x00\x01\xfc")); /* too short for a head */
    assert_false(may_follow("\x17\x03\x01\x02\x00\x01\x00\x01\xfc")); /* application data */
    assert_false(may_follow("\x16\x02\x01\x02\x00\x01\x00\x01\xfc")); /* no TLS */
    assert_false(may_follow("\x16\x03\x01\x02\x00\x02\x00\x01\xfc")); /* a ServerHello */
    assert_false(may_follow("\x80\x2e\x01\x03\x01\x00\x15\x00\x00")); /* SSL 2.0's */
    assert_false(may_follow("GET / HTT"));
    assert_false(may_follow("SSH-2.0-O"));
}

#define OFFERS(list) hello_offers_only(STR(list), STR("acme-tls/1"))

static void test_protocols(void **state)
{
    assert_true(OFFERS("\x00\x0b\x0a"
                       "acme-tls/1"));
    assert_false(OFFERS("\x00\x0b\x0a"
                        "acme-tls/2"));
    assert_false(OFFERS("\x00\x0b\x0a"
                        "ACME-TLS/1"));
    assert_false(OFFERS("\x00\x03\x02h2"));
    assert_false(OFFERS("\x00\x0e\x0a"
                        "acme-tls/1\x02h2"));
    assert_false(OFFERS("\x00\x0e\x02h2\x0a"
                        "acme-tls/1"));
    assert_false(OFFERS("\x00\x16\x0a"
                        "acme-tls/1\x0a"
                        "acme-tls/1"));
    assert_false(OFFERS(""));
    assert_false(OFFERS("\x00"));
    assert_false(OFFERS("\x00\x00"));
    assert_false(OFFERS("\x00\x01\x00"));
    assert_false(OFFERS("\x00\x0b\x0b"
                        "acme-tls/1")); /* a name beyond its list */
    assert_false(OFFERS("\x00\x0c\x0a"
                        "acme-tls/1")); /* a list beyond its extension */
    assert_false(OFFERS("\x00\x0b\x0a"
                        "acme-tls/1\x00")); /* and one that ends before */
}

static void check_name(struct str extension, const char *want)
{
    char name[HELLO_NAME_MAX + 1] = "untouched";
    bool ok = hello_server_name(extension, name);
    assert_int_equal(ok, want != NULL);
    assert_string_equal(name, want != NULL ? want : "untouched");
}

static void test_name(void **state)
{
    check_name(STR("\x00\x0c\x00\x00\x09"
                   "a.example"),
        "a.example");
    check_name(STR("\x00\x0c\x00\x00\x09"
                   "A.eXample"),
        "a.example");
    check_name(STR("\x00\x0a\x00\x00\x07"
                   "_a-1.bc"),
        "_a-1.bc");
    check_name(STR(""), NULL);
    check_name(STR("\x00\x00"), NULL);
    check_name(STR("\x00\x03\x00\x00\x00"), NULL);
    check_name(STR("\x00\x0c\x01\x00\x09"
                   "a.example"),
        NULL); /* another type of name */
    check_name(STR("\x00\x0c\x00\x00\x0a"
                   "a.example"),
        NULL);
    check_name(STR("\x00\x0d\x00\x00\x09"
                   "a.example"),
        NULL);
    check_name(STR("\x00\x0c\x00\x00\x08"
                   "a.example"),
        NULL);
    check_name(STR("\x00\x08\x00\x00\x01"
                   "a\x00\x00\x01"
                   "b"),
        NULL); /* two */
    check_name(STR("\x00\x0c\x00\x00\x09"
                   "a\0example"),
        NULL);
    check_name(STR("\x00\x0c\x00\x00\x09"
                   "a\nexample"),
        NULL);
    check_name(STR("\x00\x0c\x00\x00\x09"
                   "a example"),
        NULL);
    check_name(STR("\x00\x05\x00\x00\x02\xc3\xa9"), NULL);
}

static void test_name_length(void **state)
{
    char extension[5 + HELLO_NAME_MAX + 1], longest[HELLO_NAME_MAX + 1];
    memset(longest, 'a', HELLO_NAME_MAX);
    longest[HELLO_NAME_MAX] = '\0';
    memset(extension, 'a', sizeof extension);
    memcpy(extension, "\x01\x00\x00\x00\xfd", 5); /* 253 and what stands before */
    check_name((struct str){extension, 5 + HELLO_NAME_MAX}, longest);
    memcpy(extension, "\x01\x01\x00\x00\xfe", 5);
    check_name((struct str){extension, 5 + HELLO_NAME_MAX + 1}, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_name_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
