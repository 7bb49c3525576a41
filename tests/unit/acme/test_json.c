#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/json.h"
#include "acme/limits.h"
#include "base/attr.h"
#include "base/buf.h"

#include <string.h>

static int load(struct str text, struct err *err)
{
    json_t *j ATTR_CLEANUP(js_freep) = NULL;
    return js_load(text, &j, err);
}

static void test_strict(void **state)
{
    static const char *const bad[] = {"", " ", "{", "}", "{} {}", "{}x", "[]", "7", "\"a\"", "null",
        "{\"a\":}", "{\"a\":1,}", "{'a':1}", "{\"a\":1,\"a\":2}", "{\"a\":NaN}", "{\"a\":Infinity}",
        "{\"a\":01}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\\ud800\"}", "{\"a\":\"\\u0000\"}",
        "{\"\\u0000\":1}", "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\n\"}", "\xef\xbb\xbf{}", "{\"a\":1e999}", "{/**/}", "<html></html>", "{\"a\":\"\\x41\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (load(str_c(bad[i]), NULL) != ERR_INPUT)
            fail_msg("%s", bad[i]);
    assert_int_equal(load((struct str){"{}\0", 3}, NULL), ERR_INPUT);
    assert_int_equal(load(STR(" {\"a\":[1,2.5,true,null,{\"b\":\"\\u00e9\"}]} "), NULL), 0);
}

/* What the parser quotes in its complaint is foreign text. */
static void test_message_is_clean(void **state)
{
    struct err err;
    assert_int_equal(load(STR("{\"a\":\x1b[2Jx}"), &err), ERR_INPUT);
    assert_null(strchr(err.text, 0x1b));
    assert_non_null(strstr(err.text, "not JSON: "));
    assert_non_null(strstr(err.text, "(line 1, column "));
}

static int nested(size_t depth, const char *open, const char *close, struct err *err)
{
    struct buf b = buf_new(2 * ACME_JSON_MAX);
    buf_put_c(&b, "{\"a\":\"]}\\\"[{\",\"b\":");
    for (size_t i = 1; i < depth; i++)
        buf_put_c(&b, open);
    buf_put_c(&b, close[0] == '}' ? "{" : "[");
    buf_put_c(&b, close);
    for (size_t i = 1; i < depth; i++)
        buf_put_c(&b, close);
    buf_put_c(&b, "}");
    int r = load(buf_str(&b), err);
    buf_free(&b);
    return r;
}

static void test_depth(void **state)
{
    assert_int_equal(nested(ACME_JSON_DEPTH_MAX - 1, "[", "]", NULL), 0);
    assert_int_equal(nested(ACME_JSON_DEPTH_MAX, "[", "]", NULL), ERR_LIMIT);
    assert_int_equal(nested(ACME_JSON_DEPTH_MAX - 1, "{\"x\":", "}", NULL), 0);
    assert_int_equal(nested(ACME_JSON_DEPTH_MAX, "{\"x\":", "}", NULL), ERR_LIMIT);
    assert_int_equal(nested(100000, "[", "]", NULL), ERR_LIMIT);
    /* Many brackets that are not deep. */
    struct buf b = buf_new(ACME_JSON_MAX);
    buf_put_c(&b, "{\"a\":[[]");
    for (int i = 0; i < 1000; i++)
        buf_put_c(&b, ",[]");
    buf_put_c(&b, "]}");
    assert_int_equal(load(buf_str(&b), NULL), 0);
    buf_free(&b);
}

static void test_size(void **state)
{
    struct buf b = buf_new(ACME_JSON_MAX + 16);
    buf_put_c(&b, "{}");
    while (b.n < ACME_JSON_MAX)
        buf_put_char(&b, ' ');
    assert_int_equal(load(buf_str(&b), NULL), 0);
    buf_put_char(&b, ' ');
    assert_int_equal(load(buf_str(&b), NULL), ERR_LIMIT);
    buf_free(&b);
}

static void test_getters(void **state)
{
    json_t *j ATTR_CLEANUP(js_freep) = NULL;
    struct str s = STR("as it was");
    const json_t *v = NULL;
    bool b = true;
    struct err err;
    assert_int_equal(
        js_load(
            STR("{\"s\":\"text\",\"n\":null,\"i\":7,\"t\":true,\"f\":false,\"o\":{},\"l\":[1,2]}"), &j, NULL),
        0);
    assert_int_equal(js_str(j, "s", &s, &err), 0);
    assert_true(str_eq_c(s, "text"));
    assert_int_equal(js_str_optional(j, "none", &s, &err), 0);
    assert_int_equal(js_str_optional(j, "n", &s, &err), 0);
    assert_true(str_eq_c(s, "text"));
    assert_int_equal(js_str(j, "none", &s, &err), ERR_INPUT);
    assert_string_equal(err.text, "\"none\" is missing");
    assert_int_equal(js_str(j, "n", &s, &err), ERR_INPUT);
    assert_int_equal(js_str(j, "i", &s, &err), ERR_INPUT);
    assert_string_equal(err.text, "\"i\" is not a string");
    assert_int_equal(js_str(NULL, "s", &s, NULL), ERR_INPUT);

    assert_int_equal(js_bool_optional(j, "none", &b, &err), 0);
    assert_true(b);
    assert_int_equal(js_bool_optional(j, "f", &b, &err), 0);
    assert_false(b);
    assert_int_equal(js_bool_optional(j, "t", &b, &err), 0);
    assert_true(b);
    assert_int_equal(js_bool_optional(j, "i", &b, &err), ERR_INPUT);

    assert_int_equal(js_object_optional(j, "n", &v, &err), 0);
    assert_null(v);
    assert_int_equal(js_object_optional(j, "o", &v, &err), 0);
    assert_non_null(v);
    assert_int_equal(js_object_optional(j, "l", &v, &err), ERR_INPUT);

    assert_int_equal(js_array(j, "l", 2, &v, &err), 0);
    assert_int_equal(json_array_size(v), 2);
    assert_int_equal(js_array(j, "l", 1, &v, &err), ERR_LIMIT);
    assert_int_equal(js_array(j, "o", 1, &v, &err), ERR_INPUT);
    assert_int_equal(js_array(j, "none", 1, &v, &err), ERR_INPUT);

    assert_true(str_eq_c(js_text(j, "s"), "text"));
    assert_true(str_eq_c(js_text(j, "i"), ""));
    assert_true(str_eq_c(js_text(NULL, "i"), ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_message_is_clean),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_getters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
