#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/json.h"

#include <jansson.h>
#include <string.h>

static void expect(struct buf *out, const char *want)
{
    assert_string_equal(buf_c(out), want);
    buf_clear(out);
}

static void test_texts(void **state)
{
    struct buf out = buf_new(1000);
    json_put_text(&out, STR(""));
    expect(&out, "\"\"");
    json_put_text(&out, STR("plain, 100%/'"));
    expect(&out, "\"plain, 100%/'\"");
    json_put_text(&out, STR("\"\\\b\f\n\r\t"));
    expect(&out, "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
    json_put_text(&out, STR("a\0b\x1b\x7f"));
    expect(&out, "\"a\\u0000b\\u001B\\u007F\"");
    json_put_text(&out, STR("\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x92."));
    expect(&out, "\"\\u00FC\\u20AC\\uD83D\\uDD12.\"");
    /* no UTF-8: cut short, a continuation alone, too long a form, a surrogate, beyond the last one */
    json_put_text(&out, STR("\xc3"));
    expect(&out, "\"\\uFFFD\"");
    json_put_text(&out, STR("\x80z"));
    expect(&out, "\"\\uFFFDz\"");
    json_put_text(&out, STR("\xc0\xaf"));
    expect(&out, "\"\\uFFFD\\uFFFD\"");
    json_put_text(&out, STR("\xed\xa0\x80"));
    expect(&out, "\"\\uFFFD\\uFFFD\\uFFFD\"");
    json_put_text(&out, STR("\xf4\x90\x80\x80"));
    expect(&out, "\"\\uFFFD\\uFFFD\\uFFFD\\uFFFD\"");
    buf_free(&out);
}

/* What is printable ASCII is written as jansson writes it, and what is not means the same to it. */
static void test_texts_mean_the_same_to_jansson(void **state)
{
    struct buf out = buf_new(1000);
    for (uint32_t c = 1; c < 0x300; c++) {
        char text[3] = {(char)c, '\0', '\0'};
        if (c >= 0x80) {
            text[0] = (char)(0xc0 | c >> 6);
            text[1] = (char)(0x80 | (c & 0x3f));
        }
        json_put_text(&out, str_c(text));
        json_t *read = json_loads(buf_c(&out), JSON_DECODE_ANY, NULL), *made = json_string(text);
        assert_true(json_equal(read, made));
        char *theirs = json_dumps(made, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        if (c != 0x7f)
            assert_string_equal(buf_c(&out), theirs);
        free(theirs);
        json_decref(read);
        json_decref(made);
        buf_clear(&out);
    }
    buf_free(&out);
}

static void test_other_values(void **state)
{
    struct buf out = buf_new(1000);
    json_put_text_or_null(&out, "");
    expect(&out, "null");
    json_put_text_or_null(&out, "a");
    expect(&out, "\"a\"");
    json_put_time_or_null(&out, (struct wall){0});
    expect(&out, "null");
    json_put_time_or_null(&out, (struct wall){1790000000});
    expect(&out, "\"2026-09-21T14:13:20Z\"");
    static const int64_t numbers[] = {0, 7, -1, 1234567890123, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)numbers[i]);
        json_put_integer(&out, numbers[i]);
        expect(&out, text);
    }
    json_put_words(&out, STR(""), ' ');
    expect(&out, "[]");
    json_put_words(&out, STR("a b\"c"), ' ');
    expect(&out, "[\"a\",\"b\\\"c\"]");
    buf_free(&out);
}

/* The walk over a text, as "key=value;". */
static void walks(const char *text, const char *want)
{
    struct buf out = buf_new(1000);
    struct str rest = str_c(text), key, value;
    while (json_next(&rest, &key, &value))
        buf_printf(&out, "%.*s=%.*s;", STR_ARG(key), STR_ARG(value));
    expect(&out, want);
    buf_free(&out);
}

static void test_walk(void **state)
{
    walks("{}", "");
    walks("[]", "");
    walks("{\"a\":1}", "a=1;");
    walks("{\"a\":\"x,}\",\"b\":[1,{\"c\":\"]\"}],\"d\":null}", "a=\"x,}\";b=[1,{\"c\":\"]\"}];d=null;");
    walks("[\"a\",\"b\\\"]\",3,[],{\"e\":{}}]", "=\"a\";=\"b\\\"]\";=3;=[];={\"e\":{}};");
    walks("[\"a\\\\\",\"b\"]", "=\"a\\\\\";=\"b\";");
    /* what is cut short ends the walk */
    static const char *const cut[] = {
        "", "{", "[", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":[1", "[\"a\\\"", "x"};
    for (size_t i = 0; i < ARRAY_LEN(cut); i++)
        walks(cut[i], "");
    walks("[1,", "=1;");
}

static void test_plain(void **state)
{
    struct str out = STR("before");
    assert_true(json_plain(STR("\"a b\""), &out));
    assert_true(str_eq(out, STR("a b")));
    assert_true(json_plain(STR("\"\""), &out));
    assert_int_equal(out.n, 0);
    static const char *const others[] = {"\"a\\n\"", "1", "[\"a\"]", "null", ""};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(json_plain(str_c(others[i]), &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_texts_mean_the_same_to_jansson),
        cmocka_unit_test(test_other_values),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
