#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/text.h"

static void cleans_to(struct str s, size_t max, const char *want)
{
    struct buf out = buf_new(10000);
    text_clean(&out, s, max);
    assert_string_equal(buf_c(&out), want);
    assert_int_equal(out.n, strlen(want));
    assert_true(text_is_utf8(buf_str(&out)));
    buf_free(&out);
}

/* Both forms give the same, but for the cut, which only one has. */
static void becomes(struct str s, const char *want)
{
    char copy[200];
    cleans_to(s, 1000, want);
    if (memchr(s.p, '\0', s.n) != NULL)
        return;
    assert_true(s.n < sizeof copy);
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    text_clean_in_place(copy);
    assert_string_equal(copy, want);
}

static void test_plain(void **state)
{
    becomes(STR(""), "");
    becomes(STR("plain text, 100%!"), "plain text, 100%!");
    becomes(STR("B\xc3\xbc"
                "cher \xe2\x82\xac \xf0\x9f\x94\x92"),
        "B\xc3\xbc"
        "cher \xe2\x82\xac \xf0\x9f\x94\x92");
    cleans_to((struct str){NULL, 0}, 10, "");
}

static void test_control(void **state)
{
    for (int c = 0; c < 0x20; c++) {
        char text[] = {'a', (char)c, 'b'};
        becomes((struct str){text, 3}, c == '\n' || c == '\r' || c == '\t' ? "a b" : "a?b");
    }
    becomes(STR("a\x7f"
                "b"),
        "a?b");
    for (int c = 0x80; c < 0xa0; c++) {
        char wide[] = {'a', (char)0xc2, (char)c, 'b'}; /* C1 in UTF-8 */
        char raw[] = {'a', (char)c, 'b'};              /* C1 as one byte */
        becomes((struct str){wide, 4}, "a?b");
        becomes((struct str){raw, 3}, "a?b");
    }
    becomes(STR("a\xc2\xa0"
                "b"),
        "a\xc2\xa0"
        "b");
}

static void test_escape_sequences(void **state)
{
    becomes(STR("\x1b[2J\x1b]0;title\x07"), "?[2J?]0;title?");
    becomes(STR("\x9b"
                "31m"),
        "?31m");
    becomes(STR("\xc2\x9b"
                "31m"),
        "?31m");
    becomes(STR("\x1bP+q\x1b\\"), "?P+q?\\");
    becomes(STR("over\rwritten\b\b"), "over written??");
}

static void test_marks_of_direction(void **state)
{
    becomes(STR("a\xe2\x80\xae"
                "b\xe2\x81\xa6"
                "c\xe2\x80\x8f"
                "d\xe2\x80\xa8"
                "e\xd8\x9c"
                "f\xef\xbb\xbf"
                "g"),
        "a?b?c?d?e?f?g");
    /* their neighbours are ordinary */
    becomes(STR("\xe2\x80\x94\xe2\x80\xaf\xe2\x81\xaa"), "\xe2\x80\x94\xe2\x80\xaf\xe2\x81\xaa");
}

static void test_newlines(void **state)
{
    becomes(STR("a\r\n\tb"), "a b");
    becomes(STR("a \n b"), "a  b");
    becomes(STR("a\n \nb"), "a  b");
    becomes(STR("\nx\n"), " x ");
    becomes(STR("a  b"), "a  b");
    struct buf out = buf_new(100);
    buf_put_c(&out, "prefix: ");
    text_clean(&out, STR("\n\nx"), 100);
    assert_string_equal(buf_c(&out), "prefix: x");
    buf_free(&out);
}

/* Not well-formed (Unicode 15, table 3-7), each octet replaced by one '?'. */
static const struct {
    struct str text;
    const char *cleaned;
} malformed[] = {
    {{"\x80", 1}, "?"},
    {{"\xbf", 1}, "?"},
    {{"\xc3", 1}, "?"},
    {{"\xc3(", 2}, "?("},
    {{"\xc0\x80", 2}, "??"}, /* overlong forms */
    {{"\xc1\xbf", 2}, "??"},
    {{"\xe0\x80\xaf", 3}, "???"},
    {{"\xe0\x9f\xbf", 3}, "???"},
    {{"\xf0\x80\x80\x9b", 4}, "????"},
    {{"\xf0\x8f\xbf\xbf", 4}, "????"},
    {{"\xed\xa0\x80", 3}, "???"}, /* surrogates */
    {{"\xed\xbf\xbf", 3}, "???"},
    {{"\xf4\x90\x80\x80", 4}, "????"}, /* above U+10FFFF */
    {{"\xf5\x80\x80\x80", 4}, "????"},
    {{"\xf8\x88\x80\x80\x80", 5}, "?????"},
    {{"\xfe\xff", 2}, "??"},
    {{"\xe2\x82", 2}, "??"}, /* ends early */
    {{"\xf0\x9f\x94", 3}, "???"},
    {{"\xe2\x82"
      "a",
         3},
        "??a"},
    {{"\xc3\x1b[m", 4}, "??[m"}, /* a control character where the second octet should be */
    {{"\xe2\x82\x0a", 3}, "?? "},
};

static void test_malformed(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        assert_false(text_is_utf8(malformed[i].text));
        becomes(malformed[i].text, malformed[i].cleaned);
    }
}

static void test_well_formed(void **state)
{
    static const char *const texts[] = {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
        "\xec\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
        "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf", "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x92z"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_true(text_is_utf8(str_c(texts[i])));
    assert_true(text_is_utf8(STR("a\0b")));
    assert_true(text_is_utf8((struct str){NULL, 0}));
}

static void test_cut(void **state)
{
    cleans_to(STR("abcdef"), 6, "abcdef");
    cleans_to(STR("abcdef"), 5, "abcde...");
    cleans_to(STR("abcdef"), 0, "...");
    /* Between characters, not inside one. */
    cleans_to(STR("a\xe2\x82\xac"
                  "b"),
        4,
        "a\xe2\x82\xac"
        "...");
    cleans_to(STR("a\xe2\x82\xac"
                  "b"),
        3, "a...");
    cleans_to(STR("a\xe2\x82\xac"
                  "b"),
        2, "a...");
    cleans_to(STR("\xf0\x9f\x94\x92x"), 3, "...");
    cleans_to(STR("\xf0\x9f\x94\x92x"), 1, "...");
    /* Octets that continue nothing are no reason to go back for ever. */
    cleans_to(STR("ab\x80\x80\x80\x80\x80\x80"), 6, "ab?...");
    cleans_to(STR("\x80\x80\x80"), 2, "...");
}

static void test_full_buffer(void **state)
{
    struct buf out = buf_new(3);
    text_clean(&out, STR("abcdef"), 100);
    assert_true(buf_failed(&out));
    assert_string_equal(buf_c(&out), "abc");
    text_clean(&out, STR("\n"), 100);
    assert_string_equal(buf_c(&out), "abc");
    buf_free(&out);
}

/* Whatever goes in: one line of UTF-8 without control characters comes out, and cleaning it again changes
 * nothing. */
static void test_any_bytes(void **state)
{
    uint64_t x = 88172645463325252U;
    for (int round = 0; round < 20000; round++) {
        char text[24], again[100];
        size_t n = 0;
        for (; n < sizeof text - 1 && (n < 1 || x % 19 != 0); n++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            text[n] = (char)(x % 3 == 0 ? x >> 20 : 0x80 | (x >> 20 & 0x7f));
        }
        struct buf out = buf_new(100);
        text_clean(&out, (struct str){text, n}, 20);
        assert_true(text_is_utf8(buf_str(&out)));
        for (size_t i = 0; i < out.n; i++)
            assert_true((unsigned char)out.p[i] >= 0x20 && out.p[i] != 0x7f);
        memcpy(again, buf_c(&out), out.n + 1);
        text_clean_in_place(again);
        assert_string_equal(again, buf_c(&out));
        buf_free(&out);
    }
}

static void test_depth_of_json(void **state)
{
    assert_false(text_nests_deeper(STR(""), 0));
    assert_false(text_nests_deeper(STR("{\"a\":[1]}"), 2));
    assert_true(text_nests_deeper(STR("{\"a\":[1]}"), 1));
    assert_false(text_nests_deeper(STR("[[],[],[{}]]"), 3));
    assert_false(text_nests_deeper(STR("[\"[[[ \\\" [[[\"]"), 1)); /* in a text they are none */
    assert_true(text_nests_deeper(STR("]]]["), 0));
}

static void test_origin_of_url(void **state)
{
    (void)state;
    assert_int_equal(text_url_origin("https://a.example:8/x/y"), strlen("https://a.example:8"));
    assert_int_equal(text_url_origin("https://a.example?x"), strlen("https://a.example"));
    assert_int_equal(text_url_origin("smtp://a.example"), strlen("smtp://a.example"));
    assert_int_equal(text_url_origin("a.example/x"), strlen("a.example"));
    assert_int_equal(text_url_origin(""), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_escape_sequences),
        cmocka_unit_test(test_marks_of_direction),
        cmocka_unit_test(test_marks_of_direction),
        cmocka_unit_test(test_newlines),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_well_formed),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_depth_of_json),
        cmocka_unit_test(test_origin_of_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
