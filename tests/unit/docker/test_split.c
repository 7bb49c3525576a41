#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "docker/split.h"

#include <string.h>

struct seen {
    size_t n;
    char texts[8][64];
};

static int note(struct str element, void *arg, struct err *err)
{
    struct seen *seen = arg;
    if (str_eq_c(element, "{\"stop\":1}"))
        return err_set(err, ERR_REFUSED, "stop");
    if (seen->n < 8)
        snprintf(seen->texts[seen->n], sizeof seen->texts[0], "%.*s", STR_ARG(element));
    seen->n++;
    return 0;
}

/* Feeds `text` in pieces of `step` octets; the first error, or that of the end. */
static int feed(enum split_kind kind, const char *text, size_t step, size_t element_max, uint64_t total_max,
    struct seen *seen)
{
    struct split s;
    struct err err = ERR_INIT;
    int r = 0;
    memset(seen, 0, sizeof *seen);
    split_init(&s, kind, element_max, total_max);
    for (size_t at = 0, n = strlen(text); r == 0 && at < n; at += step)
        r = split_feed(&s, (struct str){text + at, step < n - at ? step : n - at}, note, seen, &err);
    if (r == 0)
        r = split_end(&s, &err);
    split_free(&s);
    return r;
}

static void test_elements_of_an_array(void **state)
{
    struct seen seen;
    const char *text = " [ {\"a\":[1,{\"b\":\"]}\\\"{\"}]} ,{} ,\n{\"c\":\"\\\\\"}] \n";
    for (size_t step = 1; step < 64; step++) {
        assert_int_equal(feed(SPLIT_ARRAY, text, step, 64, 1000, &seen), 0);
        assert_int_equal(seen.n, 3);
        assert_string_equal(seen.texts[0], "{\"a\":[1,{\"b\":\"]}\\\"{\"}]}");
        assert_string_equal(seen.texts[1], "{}");
        assert_string_equal(seen.texts[2], "{\"c\":\"\\\\\"}");
    }
    assert_int_equal(feed(SPLIT_ARRAY, "[]", 1, 64, 1000, &seen), 0);
    assert_int_equal(seen.n, 0);
}

static void test_objects(void **state)
{
    struct seen seen;
    for (size_t step = 1; step < 30; step++) {
        assert_int_equal(feed(SPLIT_OBJECTS, "{\"a\":1}\n{\"b\":{}}{}\r\n", step, 64, UINT64_MAX, &seen), 0);
        assert_int_equal(seen.n, 3);
        assert_string_equal(seen.texts[1], "{\"b\":{}}");
    }
    assert_int_equal(feed(SPLIT_OBJECTS, "", 1, 64, UINT64_MAX, &seen), 0);
    assert_int_equal(feed(SPLIT_OBJECTS, "{\"a\"", 1, 64, UINT64_MAX, &seen), ERR_INPUT);
}

static void test_what_is_no_list(void **state)
{
    static const char *const bad[] = {"", "<html>", "{}", "null", "[", "[{}", "[{},", "[{},]", "[,{}]",
        "[{}{}]", "[{}]]", "[{}] x", "[1]", "[\"{}\"]", "[[{}]]", "[null]", "[{]", "\x01"};
    struct seen seen;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t step = 1; step < 4; step++)
            assert_int_equal(feed(SPLIT_ARRAY, bad[i], step, 64, 1000, &seen), ERR_INPUT);
    assert_int_equal(feed(SPLIT_OBJECTS, "{},{}", 1, 64, 1000, &seen), ERR_INPUT);
    assert_int_equal(seen.n, 1);
}

static void test_limits(void **state)
{
    struct seen seen;
    const char *text = "[{\"a\":\"xxxxxxxxxx\"}]"; /* an element of 18 octets */
    for (size_t step = 1; step < 30; step++) {
        assert_int_equal(feed(SPLIT_ARRAY, text, step, 18, 20, &seen), 0);
        assert_int_equal(feed(SPLIT_ARRAY, text, step, 17, 20, &seen), ERR_LIMIT);
        assert_int_equal(seen.n, 0);
        assert_int_equal(feed(SPLIT_ARRAY, text, step, 18, 19, &seen), ERR_LIMIT);
    }
}

static void test_an_error_of_the_receiver_ends_it(void **state)
{
    struct seen seen;
    assert_int_equal(feed(SPLIT_ARRAY, "[{},{\"stop\":1},{}]", 100, 64, 1000, &seen), ERR_REFUSED);
    assert_int_equal(seen.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements_of_an_array),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_an_error_of_the_receiver_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
