/* Octets of DNS messages: names with and without compression, and what must not be read. */
#include "dns/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct wire_name name_of(const char *text)
{
    struct wire_name name;
    assert_int_equal(wire_name_of(text, &name, NULL), 0);
    return name;
}

static void test_names_of_texts(void **state)
{
    struct wire_name name = name_of("a.Bc.");
    assert_int_equal(name.n, 6);
    assert_memory_equal(name.octets, "\1a\2Bc\0", 6);
    assert_int_equal(name_of("").n, 1);
    assert_int_equal(name_of(".").n, 1);
    name = name_of("a\\.b");
    assert_memory_equal(name.octets, "\2a\\\1b\0", 6);
    struct err err = ERR_INIT;
    const char *bad[] = {
        "a..b", ".a", "a..", "..", "0123456789012345678901234567890123456789012345678901234567890123.b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(wire_name_of(bad[i], &name, &err), ERR_INPUT);
    char longest[300];
    memset(longest, 'a', sizeof longest);
    for (size_t i = 60; i < sizeof longest; i += 60)
        longest[i] = '.';
    longest[253] = '\0';
    assert_int_equal(name_of(longest).n, 255);
    longest[253] = 'a';
    longest[254] = '\0';
    assert_int_equal(wire_name_of(longest, &name, &err), ERR_INPUT);
}

/* As answers' names are shown. */
static void test_printed_names(void **state)
{
    struct wire_name name = {.octets = "\5A.\\ \377\1b", .n = 9}, again;
    char text[WIRE_NAME_TEXT_MAX];
    wire_name_print(&name, text);
    assert_string_equal(text, "a\\046\\092\\032\\255.b");
    assert_true(wire_name_scan(text, &again));
    assert_true(wire_name_eq(&name, &again));
    struct wire_name longest = {.n = WIRE_NAME_MAX};
    for (size_t i = 0; i + 1 < WIRE_NAME_MAX; i += 2)
        longest.octets[i] = 1;
    wire_name_print(&longest, text);
    assert_int_equal(strlen(text), 127 * 5 - 1);
    assert_true(wire_name_scan(text, &again));
    assert_true(wire_name_eq(&longest, &again));
    assert_true(wire_name_scan("", &again));
    assert_int_equal(again.n, 1);
    assert_false(wire_name_scan("a.", &again));
    assert_false(wire_name_scan("a\\04", &again));
}

static void test_comparison(void **state)
{
    struct wire_name a = name_of("_acme-challenge.www.A.example"), zone = name_of("a.EXAMPLE"),
                     root = name_of("");
    assert_true(wire_name_in(&a, &zone));
    assert_true(wire_name_in(&zone, &zone));
    assert_true(wire_name_in(&a, &root));
    assert_false(wire_name_in(&zone, &a));
    struct wire_name near = name_of("xa.example");
    assert_false(wire_name_in(&near, &zone));
    /* a label whose octets look like the zone's labels */
    struct wire_name tricky = {.octets = "\012x\1a\7example\0", .n = 13};
    tricky.octets[0] = 10;
    assert_false(wire_name_in(&tricky, &zone));
    struct wire_name lower = name_of("a.example");
    assert_true(wire_name_eq(&zone, &lower));
}

/* What is read from `at` of the message; 0 octets where it is bad. */
static size_t read_name(const char *message, size_t n, size_t at, struct wire_name *out, size_t *end)
{
    struct wire w = wire_of((struct str){message, n});
    wire_skip(&w, at);
    wire_name(&w, out);
    *end = w.at;
    assert_true(w.bad == (out->n == 0));
    return out->n;
}

static void test_compression(void **state)
{
    struct wire_name name;
    size_t end;
    static const char message[] =
        "\1a\7example\0\1b\xc0\2\xc0\xb"; /* a.example, b.example, a pointer to it */
    assert_int_equal(read_name(message, sizeof message - 1, 0, &name, &end), 11);
    assert_int_equal(end, 11);
    assert_int_equal(read_name(message, sizeof message - 1, 11, &name, &end), 11);
    assert_int_equal(end, 15);
    assert_memory_equal(name.octets, "\1b\7example\0", 11);
    assert_int_equal(read_name(message, sizeof message - 1, 15, &name, &end), 11);
    assert_int_equal(end, 17);
    assert_int_equal(read_name("\xc0\0", 2, 0, &name, &end), 0);      /* to itself */
    assert_int_equal(read_name("\1a\xc0\0", 4, 0, &name, &end), 0);   /* round and round */
    assert_int_equal(read_name("\xc0\2\1a\0", 5, 0, &name, &end), 0); /* forwards */
    assert_int_equal(read_name("\1a", 2, 0, &name, &end), 0);         /* no end */
    assert_int_equal(read_name("\5a\0", 3, 0, &name, &end), 0);       /* beyond the end */
    assert_int_equal(read_name("\xc0", 1, 0, &name, &end), 0);        /* half a pointer */
    assert_int_equal(read_name("\x41"
                               "a",
                         2, 0, &name, &end),
        0); /* reserved bits */
    char longest[300];
    memset(longest, 0, sizeof longest);
    for (size_t i = 0; i < 256; i += 2) {
        longest[i] = 1;
        longest[i + 1] = 'a';
    }
    assert_int_equal(read_name(longest, sizeof longest, 0, &name, &end), 0);
    assert_int_equal(read_name(longest, sizeof longest, 2, &name, &end), 255);
}

/* Nothing in the head of a message is a name. */
static void test_first_name(void **state)
{
    struct wire w = wire_of(STR("\0\0\xc0\0\xc0\2"));
    struct wire_name name;
    w.first = w.at = 2;
    wire_name(&w, &name);
    assert_true(w.bad);
    w = wire_of(STR("\0\0\xc0\0"));
    w.at = 2;
    wire_name(&w, &name);
    assert_int_equal(name.n, 1);
}

static void test_numbers(void **state)
{
    struct wire w = wire_of(STR("\1\2\3\4\5\6\7"));
    assert_int_equal(wire_8(&w), 1);
    assert_int_equal(wire_16(&w), 0x0203);
    assert_int_equal(wire_32(&w), 0x04050607);
    assert_false(w.bad);
    assert_int_equal(wire_8(&w), 0);
    assert_true(w.bad);
}

static void test_txt(void **state)
{
    struct buf out = buf_new(1000);
    char value[256];
    memset(value, 'x', sizeof value);
    wire_put_txt(&out, STR(""));
    assert_int_equal(out.n, 1);
    wire_put_txt(&out, (struct str){value, 255});
    assert_int_equal(out.n, 1 + 256);
    wire_put_txt(&out, (struct str){value, 256});
    assert_int_equal(out.n, 1 + 256 + 258);
    assert_int_equal(out.p[1 + 256 + 256], 1);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_texts),
        cmocka_unit_test(test_printed_names),
        cmocka_unit_test(test_comparison),
        cmocka_unit_test(test_compression),
        cmocka_unit_test(test_first_name),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_txt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
