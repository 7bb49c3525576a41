#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "cli/options.h"

static const struct option_spec global_specs[] = {
    {'c', "config", OPTION_TEXT, false, "FILE", ""},
    {'v', "verbose", OPTION_FLAG, true, NULL, ""},
    {'q', "quiet", OPTION_FLAG, true, NULL, ""},
    {0, "sandbox", OPTION_CHOICE, false, "on|log", ""},
};
static const struct option_spec own_specs[] = {
    {'d', "domain", OPTION_TEXT, true, "NAME", ""},
    {0, "http-port", OPTION_PORT, false, "N", ""},
    {0, "staging", OPTION_FLAG, false, NULL, ""},
};
static const struct option_table tables[] = {
    {global_specs, ARRAY_LEN(global_specs)},
    {own_specs, ARRAY_LEN(own_specs)},
};

struct fixture {
    struct arena *arena;
    struct options options;
    struct err err;
    int pos;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new()};
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    return 0;
}

/* Parses the words up to the NULL. */
static int parse(struct fixture *f, bool stop, const char *const *words)
{
    int n = 0;
    while (words[n] != NULL)
        n++;
    char **argv = arena_array(f->arena, (size_t)n + 1, sizeof *argv);
    for (int i = 0; i < n; i++)
        argv[i] = arena_dup_c(f->arena, words[i]);
    return options_parse(n, argv, &f->pos, tables, ARRAY_LEN(tables), stop, f->arena, &f->options, &f->err);
}

#define PARSE(f, ...)      parse(f, false, (const char *const[]){__VA_ARGS__, NULL})
#define REFUSED(f, t, ...) refused(f, t, (const char *const[]){__VA_ARGS__, NULL})

static void refused(struct fixture *f, const char *text, const char *const *words)
{
    f->options = (struct options){0};
    f->pos = 0;
    assert_int_equal(parse(f, false, words), ERR_USAGE);
    assert_string_equal(f->err.text, text);
}

static void test_forms(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        PARSE(f, "--config", "a", "--domain=b", "-d", "c", "-de", "-d=f", "-vvq", "--staging"), 0);
    assert_string_equal(options_value(&f->options, "config"), "a");
    assert_int_equal(options_count(&f->options, "domain"), 4);
    assert_string_equal(options_value(&f->options, "domain"), "b");
    const char *const want[] = {"b", "c", "e", "f"};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(f->options.given[1 + i].value, want[i]);
    assert_int_equal(options_count(&f->options, "verbose"), 2);
    assert_int_equal(options_count(&f->options, "quiet"), 1);
    assert_true(options_has(&f->options, "staging"));
    assert_false(options_has(&f->options, "http-port"));
    assert_null(options_value(&f->options, "http-port"));
    assert_int_equal(f->options.argument_n, 0);
}

static void test_arguments_anywhere(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(f, "one", "-v", "two", "--", "-d", "--staging", "-"), 0);
    assert_int_equal(f->options.argument_n, 5);
    assert_string_equal(f->options.arguments[0], "one");
    assert_string_equal(f->options.arguments[1], "two");
    assert_string_equal(f->options.arguments[2], "-d");
    assert_string_equal(f->options.arguments[4], "-");
    assert_false(options_has(&f->options, "staging"));
}

static void test_stops_at_argument(void **state)
{
    struct fixture *f = *state;
    const char *const words[] = {"-v", "--config", "x", "issue", "-d", "a", NULL};
    assert_int_equal(parse(f, true, words), 0);
    assert_int_equal(f->pos, 3);
    assert_int_equal(f->options.argument_n, 0);
    assert_string_equal(options_value(&f->options, "config"), "x");
}

static void test_many_values(void **state)
{
    struct fixture *f = *state;
    const char *words[2001];
    for (size_t i = 0; i < 2000; i += 2) {
        words[i] = "-d";
        words[i + 1] = "example.com";
    }
    words[2000] = NULL;
    assert_int_equal(parse(f, false, words), 0);
    assert_int_equal(options_count(&f->options, "domain"), 1000);
}

static void test_mistakes(void **state)
{
    struct fixture *f = *state;
    REFUSED(f, "unknown option --domains (did you mean --domain?)", "--domains", "x");
    REFUSED(f, "unknown option --stag (did you mean --staging?)", "--stag");
    REFUSED(f, "unknown option --frobnicate", "--frobnicate=1");
    REFUSED(f, "unknown option -x", "-vx");
    REFUSED(f, "--domain needs a value: --domain NAME", "-d");
    REFUSED(f, "--domain needs a value: --domain NAME", "--domain=");
    REFUSED(f, "--domain needs a value: --domain NAME (a value that begins with '-': --domain=--staging)",
        "-d", "--staging");
    REFUSED(f, "--staging takes no value", "--staging=yes");
    REFUSED(f, "--sandbox off: must be one of on, log", "--sandbox", "off");
    REFUSED(f, "--config was given twice, as a and as b: give it once", "-c", "a", "-c", "b");
    REFUSED(f, "--http-port 0: a port is a number from 1 to 65535", "--http-port", "0");
    REFUSED(f, "--http-port 65536: a port is a number from 1 to 65535", "--http-port", "65536");
    REFUSED(f, "--http-port 8o: a port is a number from 1 to 65535", "--http-port=8o");
}

static void test_accepted_edges(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(f, "-c", "a", "-c", "a", "--http-port", "65535", "--sandbox", "LOG", "-d=-x"), 0);
    assert_string_equal(options_value(&f->options, "sandbox"), "log");
    assert_string_equal(options_value(&f->options, "domain"), "-x");
    f->options = (struct options){0};
    f->pos = 0;
    assert_int_equal(PARSE(f, "--domain", "-"), 0);
    assert_string_equal(options_value(&f->options, "domain"), "-");
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"issue", "renew", "revoke", "list", "log"};
    (void)state;
    assert_string_equal(options_nearest("isseu", words, ARRAY_LEN(words)), "issue");
    assert_string_equal(options_nearest("rene", words, ARRAY_LEN(words)), "renew");
    assert_string_equal(options_nearest("lst", words, ARRAY_LEN(words)), "list");
    assert_string_equal(options_nearest("revo", words, ARRAY_LEN(words)), "revoke");
    assert_null(options_nearest("import", words, ARRAY_LEN(words)));
    assert_null(options_nearest("", words, ARRAY_LEN(words)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arguments_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stops_at_argument, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mistakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_accepted_edges, set_up, tear_down),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
