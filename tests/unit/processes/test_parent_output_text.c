#include "processes/parent/output_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

#include <string.h>

/* What a program said, and the line that it blames in /etc/nginx/conf.d/sites.conf (0: none). */
static const struct {
    const char *said;
    size_t line;
} complaints[] = {
    {"nginx: [emerg] unknown directive \"x\" in /etc/nginx/conf.d/sites.conf:12\ntest failed", 12},
    {"[ALERT] (1) : config : parsing [/etc/nginx/conf.d/sites.conf:7] : unknown keyword", 7},
    {"AH00526: Syntax error on line 3 of /etc/nginx/conf.d/sites.conf:\nInvalid command", 3},
    {"PHP Parse error in /etc/nginx/conf.d/sites.conf on line 3", 0}, /* nobody says so of a configuration */
    {"File \"/elsewhere/sites.conf\", line 9", 9},
    {"/srv/other view/sites.conf:44: oops", 44},
    {"in /etc/nginx/conf.d/.sites.conf.evercert-new:5", 5},
    {"in /etc/nginx/conf.d/other-sites.conf:5", 0},
    {"in /etc/nginx/conf.d/sites.conf.bak:5", 0},
    {"sites.conf is fine, sites.conf:2 is not", 2},
    {"sites.conf:", 0},
    {"sites.conf:0", 0},
    {"sites.conf:99999999999999999999", 0},
    {"sites.conf:12345678901234567890 sites.conf:6", 6},
    {"line 4 of sites.conf", 4},
    {" of sites.conf", 0},
    {"sites.conf", 0},
    {"", 0},
};

static void test_the_line_that_is_blamed(void **state)
{
    const char *const names[] = {
        "/etc/nginx/conf.d/.sites.conf.evercert-new", "/etc/nginx/conf.d/sites.conf"};
    for (size_t i = 0; i < ARRAY_LEN(complaints); i++) {
        size_t line = 0;
        bool found = output_blamed(str_c(complaints[i].said), names, ARRAY_LEN(names), &line);
        if (found != (complaints[i].line != 0) || line != complaints[i].line)
            fail_msg("%s: line %zu", complaints[i].said, line);
    }
}

static void test_the_template_s_line(void **state)
{
    const uint32_t lines[] = {1, 4, 4, 9};
    char octets[sizeof lines + 1];
    memcpy(octets + 1, lines, sizeof lines); /* as it comes in a message: at any address */
    struct str text = {octets + 1, sizeof lines};
    assert_int_equal(output_template_line(text, 1), 1);
    assert_int_equal(output_template_line(text, 4), 9);
    assert_int_equal(output_template_line(text, 0), 0);
    assert_int_equal(output_template_line(text, 5), 0);
    assert_int_equal(output_template_line((struct str){octets + 1, 3}, 1), 0);
}

static void test_the_words_of_a_check(void **state)
{
    struct arena *a = arena_new();
    const char *const words[] = {"check", "--file={output}", "{output}{output}", "{other}"};
    const char *const plain[] = {"nginx", "-t"};
    assert_true(output_is_named(words, ARRAY_LEN(words)));
    assert_false(output_is_named(plain, ARRAY_LEN(plain)));
    const char *const *list = output_words(words, ARRAY_LEN(words), "/a b/{output}", a);
    assert_string_equal(list[0], "check");
    assert_string_equal(list[1], "--file=/a b/{output}");
    assert_string_equal(list[2], "/a b/{output}/a b/{output}");
    assert_string_equal(list[3], "{other}");
    arena_free(a);
}

static void test_the_end_of_what_was_said(void **state)
{
    char said[4 * OUTPUT_TAIL_MAX];
    memset(said, 'x', sizeof said);
    struct str all = {said, sizeof said};
    assert_int_equal(output_tail(all).n, OUTPUT_TAIL_MAX); /* one line */
    memcpy(said + sizeof said - 10, "\nlast\nword", 10);
    assert_true(str_eq_c(output_tail(all), "last\nword"));
    assert_true(str_eq_c(output_tail(str_c(" \n short \n")), "short"));
    assert_int_equal(output_tail(str_c("")).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_line_that_is_blamed),
        cmocka_unit_test(test_the_template_s_line),
        cmocka_unit_test(test_the_words_of_a_check),
        cmocka_unit_test(test_the_end_of_what_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
