/* What the tests of this folder share: settings from a text, and exactly the problems that are expected. */
#ifndef EVERCERT_TESTS_CONFIG_TEST_H
#define EVERCERT_TESTS_CONFIG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/settings.h"

#include <stdio.h>
#include <string.h>

/* Settings from a text that must be good. */
static inline struct settings good_settings(struct arena *a, const char *yaml)
{
    struct settings s = {0};
    struct config_problems problems = {0};
    struct err err = ERR_INIT;
    if (settings_parse("f.yaml", str_c(yaml), a, &s, &problems, &err) < 0)
        fail_msg("refused: %s", err.text);
    assert_int_equal(problems.n, 0);
    return s;
}

/* The text must give these problems, all of them and in this order; "f.yaml:" stands in front of each. */
static inline void expect_problems(const char *yaml, const char *const *expected, size_t n)
{
    struct arena *a = arena_new();
    struct settings s = {.email = "untouched"};
    struct config_problems problems = {0};
    struct err err = ERR_INIT;
    assert_int_equal(settings_parse("f.yaml", str_c(yaml), a, &s, &problems, &err), ERR_CONFIG);
    assert_string_equal(s.email, "untouched");
    for (size_t i = 0; i < problems.n || i < n; i++) {
        char line[ERR_TEXT_MAX];
        snprintf(line, sizeof line, "f.yaml:%s", i < n ? expected[i] : "(nothing)");
        assert_string_equal(i < problems.n ? problems.list[i] : "(nothing)", line);
    }
    assert_string_equal(err.text, problems.list[0]);
    assert_int_equal(err.code, ERR_CONFIG);
    arena_free(a);
}

#define EXPECT(yaml, ...)                                       \
    do {                                                        \
        static const char *const expected_[] = {__VA_ARGS__};   \
        expect_problems(yaml, expected_, ARRAY_LEN(expected_)); \
    } while (0)

#endif
