/* Files of variables, what scripts keep, and what they say of themselves. */
#include "processes/parent/challenge_texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct fixture {
    struct arena *a;
    struct variables one, two;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->a);
    free(f);
    return 0;
}

static void test_file(void **state)
{
    struct fixture *f = *state;
    static const char text[] =
        "# credentials\n\nCF_Token=a=b c\r\nexport  KEY='quo\"ted $(id) `x`'\nQ=\"two\"\n"
        "EMPTY=\nCF_Token=last\n  SPACE = x\n";
    assert_int_equal(variables_read(str_c(text), f->a, &f->one, NULL), ERR_INPUT); /* "SPACE " */
    assert_int_equal(f->one.n, 4);
    assert_string_equal(variables_get(&f->one, "CF_Token"), "last");
    assert_string_equal(variables_get(&f->one, "KEY"), "quo\"ted $(id) `x`");
    assert_string_equal(variables_get(&f->one, "Q"), "two");
    assert_string_equal(variables_get(&f->one, "EMPTY"), "");
    assert_null(variables_get(&f->one, "SPACE"));
}

static void test_bad_files(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"A=1\nsecret\n", "line 2 is no NAME=value"},
        {"1A=secret\n", "line 1 is no NAME=value"},
        {"A-B=secret\n", "line 1 is no NAME=value"},
        {"=secret\n", "line 1 is no NAME=value"},
        {"\nLD_PRELOAD=/secret\n", "line 2: LD_PRELOAD cannot be set"},
        {"PATH=/secret\n", "line 1: PATH cannot be set"},
        {"EVERCERT_VALUE=secret\n", "line 1: EVERCERT_VALUE cannot be set"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        assert_int_equal(variables_read(str_c(rows[i].text), f->a, &f->one, &err), ERR_INPUT);
        assert_string_equal(err.text, rows[i].why);
    }
    struct err err = ERR_INIT;
    assert_int_equal(variables_read((struct str){"A=x\0y\n", 6}, f->a, &f->one, &err), ERR_INPUT);
    assert_string_equal(err.text, "line 1: the value of A is no text");
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct buf text = buf_new(VARIABLES_TEXT_MAX + 100);
    for (int i = 0; i <= VARIABLES_MAX; i++)
        buf_printf(&text, "V%d=x\n", i);
    assert_int_equal(variables_read(buf_str(&text), f->a, &f->one, NULL), ERR_LIMIT);
    assert_int_equal(f->one.n, VARIABLES_MAX);
    buf_clear(&text);
    buf_put_c(&text, "V=");
    while (text.n <= VARIABLES_TEXT_MAX)
        buf_put_char(&text, 'x');
    assert_int_equal(variables_read(buf_str(&text), f->a, &f->two, NULL), ERR_LIMIT);
    assert_int_equal(kept_read(buf_str(&text), f->a, &f->two, NULL), ERR_LIMIT);
    buf_free(&text);
    char name[VARIABLE_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    assert_true(variable_name_ok((struct str){name, VARIABLE_NAME_MAX}));
    assert_false(variable_name_ok((struct str){name, VARIABLE_NAME_MAX + 1}));
}

static void test_kept(void **state)
{
    struct fixture *f = *state;
    bool a = false, d = false;
    struct buf text = buf_new(1000);
    static const char said[] = "a SAVED_T=c2VjcmV0\na GONE=eA\nd Zone=\na GONE\nd NEVER\n";
    assert_int_equal(kept_apply(str_c(said), f->a, &f->one, &f->two, &a, &d, NULL), 0);
    assert_true(a && d);
    assert_int_equal(f->one.n, 1);
    assert_string_equal(variables_get(&f->one, "SAVED_T"), "secret");
    assert_string_equal(variables_get(&f->two, "Zone"), "");
    kept_write(&f->one, &text);
    assert_string_equal(buf_c(&text), "SAVED_T=c2VjcmV0\n");
    /* The same again changes nothing, so nothing is written. */
    a = d = false;
    assert_int_equal(
        kept_apply(STR("a SAVED_T=c2VjcmV0\nd Zone=\na NEVER\n"), f->a, &f->one, &f->two, &a, &d, NULL), 0);
    assert_false(a || d);
    assert_int_equal(kept_read(buf_str(&text), f->a, &f->two, NULL), 0);
    assert_string_equal(variables_get(&f->two, "SAVED_T"), "secret");
    assert_int_equal(f->two.n, 1);
    buf_free(&text);
}

static void test_bad_kept(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[] = {"x A=YQ\n", "a\n", "a \n", "aA=YQ\n", "a A=Y\n", "a A=YQ==\n",
        "a A B=YQ\n", "a A=AA\n", "\n", "a A-B\n"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool a = false, d = false;
        assert_int_equal(kept_apply(str_c(rows[i]), f->a, &f->one, &f->two, &a, &d, NULL), ERR_INPUT);
        assert_false(a || d);
    }
    assert_int_equal(kept_read(STR("A\n"), f->a, &f->one, NULL), ERR_INPUT);
    assert_int_equal(kept_read(STR("A=*\n"), f->a, &f->one, NULL), ERR_INPUT);
}

static void test_options(void **state)
{
    struct fixture *f = *state;
    static const char text[] =
        "#!/usr/bin/env sh\n# dns_x_info='no'\ndns_xy_info='\nOptions:\n NO no\n'\n"
        "dns_x_info='X.example\nSite: x.example\n NOT an option\nOptions:\n X_Key API key\n"
        " X_Url URL. Default: \"https://x\". Optional.\nOptionsAlt:\n X_Token Token\n PATH no\n"
        "Issues: none\n AFTER no\n'\nOptions:\n OUTSIDE no\n";
    const char *options[SCRIPT_OPTIONS_MAX];
    assert_int_equal(script_options(str_c(text), "dns_x", f->a, options, SCRIPT_OPTIONS_MAX), 3);
    assert_string_equal(options[0], "X_Key");
    assert_string_equal(options[1], "X_Url");
    assert_string_equal(options[2], "X_Token");
    assert_int_equal(script_options(str_c(text), "dns_x", f->a, options, 2), 2);
    assert_int_equal(script_options(str_c(text), "dns_z", f->a, options, SCRIPT_OPTIONS_MAX), 0);
    assert_int_equal(script_options(STR("dns_x_info='Options:\n A a"), "dns_x", f->a, options, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
