#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "processes/list_filter.h"

#include <string.h>

static void test_nothing_is_left_out_without_options(void **state)
{
    struct list_filter f;
    assert_int_equal(list_filter_read(NULL, 0, &f, NULL), 0);
    assert_true(list_filter_is_of_names(&f));
    assert_true(list_filter_fits(&f, STR("a.example")));
}

static void test_all_options(void **state)
{
    static const char *const options[] = {
        "due=true", "match=*.a.example", "failing=true", "expires-within=7d", "match=B*", "follow=true"};
    struct list_filter f;
    assert_int_equal(list_filter_read(options, ARRAY_LEN(options), &f, NULL), 0);
    assert_true(f.due && f.failing && f.expires);
    assert_int_equal(f.expires_within_s, 7 * 86400);
    assert_false(list_filter_is_of_names(&f));
    assert_true(list_filter_fits(&f, STR("x.y.A.example")));
    assert_true(list_filter_fits(&f, STR("b.example")));
    assert_false(list_filter_fits(&f, STR("a.example")));
}

static void test_bad_options_are_named(void **state)
{
    static const char *const options[] = {"expires-within=soon", "expires-within=7", "expires-within=-1d",
        "expires-within=", "match=", "match=[a"};
    struct list_filter f;
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct err err = ERR_INIT;
        char named[32];
        snprintf(named, sizeof named, "--%.*s takes", (int)strcspn(options[i], "="), options[i]);
        assert_int_equal(list_filter_read(&options[i], 1, &f, &err), ERR_USAGE);
        assert_non_null(strstr(err.text, named));
    }
    const char *many[LIST_PATTERNS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = "match=a";
    assert_int_equal(list_filter_read(many, LIST_PATTERNS_MAX, &f, NULL), 0);
    assert_int_equal(list_filter_read(many, LIST_PATTERNS_MAX + 1, &f, NULL), ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left_out_without_options),
        cmocka_unit_test(test_all_options),
        cmocka_unit_test(test_bad_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
