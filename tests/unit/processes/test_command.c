#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "processes/command.h"

static void test_verbs(void **state)
{
    static const struct {
        enum command_verb verb;
        const char *text;
    } rows[] = {
#define ROW(id, text) {id, text},
        COMMAND_VERBS(ROW)
#undef ROW
    };
    assert_int_equal(ARRAY_LEN(rows), VERB_END_);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(command_verb_text(rows[i].verb), rows[i].text);
    assert_string_equal(command_verb_text(VERB_ACCOUNT_UPDATE), "account update");
    /* The number comes from a client. */
    assert_string_equal(command_verb_text(VERB_END_), "?");
    assert_string_equal(command_verb_text(UINT32_MAX), "?");
}

static void test_option(void **state)
{
    static const char *const options[] = {"name=a", "domain=x.example", "domain=y.example", "names=b",
        "empty=", "deploy=run=it", "bare", "", "=value"};
    const size_t n = ARRAY_LEN(options);
    assert_string_equal(command_option(options, n, "name"), "a");
    assert_string_equal(command_option(options, n, "domain"), "x.example");
    assert_string_equal(command_option(options, n, "names"), "b");
    assert_string_equal(command_option(options, n, "empty"), "");
    assert_string_equal(command_option(options, n, "deploy"), "run=it");
    assert_string_equal(command_option(options, n, ""), "value");
    assert_null(command_option(options, n, "nam"));
    assert_null(command_option(options, n, "name="));
    assert_null(command_option(options, n, "bare"));
    assert_null(command_option(options, n, "Name"));
    assert_null(command_option(options, 0, "name"));
    assert_null(command_option(NULL, 0, "name"));
}

static void test_reasons(void **state)
{
    static const struct {
        const char *text;
        uint32_t code;
    } rows[] = {{"unspecified", 0}, {"keyCompromise", 1}, {"affiliationChanged", 3}, {"superseded", 4},
        {"cessationOfOperation", 5}, {"KEYCOMPROMISE", 1}, {"keycompromise", 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t code = 99;
        assert_true(command_reason_parse(str_c(rows[i].text), &code));
        assert_int_equal(code, rows[i].code);
    }
    /* Those that only a CA can give (RFC 5280 5.3.1), numbers, and what is nearly one. */
    static const char *const bad[] = {"cACompromise", "certificateHold", "removeFromCRL",
        "privilegeWithdrawn", "aACompromise", "", "1", "key", "keyCompromise ", "key-compromise",
        "keyCompromised"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint32_t code = 99;
        assert_false(command_reason_parse(str_c(bad[i]), &code));
        assert_int_equal(code, 99);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_option),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
