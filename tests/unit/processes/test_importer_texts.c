/* The kinds of settings that other clients keep: ini files and shell assignments. */
#include "../os/temp.h"

#include "base/arena.h"
#include "processes/importer/ini.h"
#include "processes/importer/shell.h"

static struct ini parsed(struct arena *a, const char *text)
{
    struct ini ini = {0};
    struct err err = ERR_INIT;
    if (ini_parse(str_c(text), a, &ini, &err) < 0)
        fail_msg("%s", err.text);
    return ini;
}

#define assert_text(ini, section, key, expected)        \
    do {                                                \
        struct str got_ = ini_text(ini, section, key);  \
        assert_string_equal(got_.p, expected);          \
        assert_int_equal(got_.n, sizeof(expected) - 1); \
    } while (0)

static void test_ini(void **state)
{
    struct arena *a = arena_new();
    struct ini ini = parsed(a, "# a comment\r\n"
                               "version = 2.1.0\n"
                               "empty =\n"
                               "  [renewalparams]  # with a comment\n"
                               "hook = 'echo \"x, y\" # z'  # the end\n"
                               "plain = a b   # not this\n"
                               "list = a, 'b, c',\n"
                               "one = http-01,\n"
                               "none = ,\n"
                               "long = '''two\n"
                               "lines''' \n"
                               "[[webroot_map]]\n"
                               "a.example = /var/www\n"
                               "\"*.b.example\" = \"/srv/w\"\n"
                               "[acme_renewal_info]\n"
                               "ari_retry_after = 2026-01-02T03:04:05");
    assert_text(&ini, "", "version", "2.1.0");
    assert_text(&ini, "", "empty", "");
    assert_text(&ini, "renewalparams", "hook", "echo \"x, y\" # z");
    assert_text(&ini, "renewalparams", "plain", "a b");
    assert_text(&ini, "renewalparams", "long", "two\nlines");
    assert_text(&ini, "renewalparams/webroot_map", "a.example", "/var/www");
    assert_text(&ini, "renewalparams/webroot_map", "*.b.example", "/srv/w");
    assert_text(&ini, "acme_renewal_info", "ari_retry_after", "2026-01-02T03:04:05");
    const struct ini_entry *list = ini_find(&ini, "renewalparams", "list");
    assert_int_equal(list->n, 2);
    assert_string_equal(list->items[1].p, "b, c");
    assert_int_equal(ini_find(&ini, "renewalparams", "one")->n, 1);
    assert_int_equal(ini_find(&ini, "renewalparams", "none")->n, 0);
    assert_null(ini_find(&ini, "", "hook"));
    arena_free(a);
}

static void test_ini_damaged(void **state)
{
    static const struct {
        const char *text, *error;
    } damaged[] = {
        {"a = b\nnothing\n", "line 2"},
        {"[a\n", "line 1"},
        {"[a]]\n", "line 1"},
        {"[[a]]\n", "line 1"},
        {"[[[[[a]]]]]\n", "line 1"},
        {"a = 'b\n", "line 1"},
        {"a = '''b\n\n", "line 1"},
        {" = b\n", "line 1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        struct arena *a = arena_new();
        struct ini ini;
        struct err err = ERR_INIT;
        assert_int_equal(ini_parse(str_c(damaged[i].text), a, &ini, &err), ERR_INPUT);
        assert_non_null(strstr(err.text, damaged[i].error));
        arena_free(a);
    }
}

static void test_flat_ini(void **state)
{
    struct arena *a = arena_new();
    struct ini ini = {0};
    const char *text =
        "# x\n[section]\nkey-type = rsa\nrsa-key-size: 4096\nquiet\ndeploy-hook = \"a b\"\n; y\n";
    assert_int_equal(ini_parse_flat(str_c(text), a, &ini, NULL), 0);
    assert_int_equal(ini.n, 4);
    assert_text(&ini, "", "key_type", "rsa");
    assert_text(&ini, "", "rsa_key_size", "4096");
    assert_text(&ini, "", "quiet", "");
    assert_text(&ini, "", "deploy_hook", "a b");
    arena_free(a);
}

static void test_shell(void **state)
{
    struct arena *a = arena_new();
    struct shell s = shell_new(a);
    const char *text = "#!/bin/sh\n"
                       "# A='not this'\n"
                       "BASE=/srv/x; NEXT=\"${BASE}/y\"\n"
                       "export A='single $BASE'\n"
                       "  B=\"a \\\"b\\\" \\$c $BASE\" # comment\n"
                       "C=plain\\ text'and more'\n"
                       "D=$(date)\nE=`date`\nF=${BASE:-x}\nG=$UNSET\nH=(a b)\n"
                       "if [ x ]; then\n"
                       "  I='in a block'\n"
                       "fi\n"
                       "J=\nA='again'\nK='two\nlines'\nL=\"cost: 5$\"\n";
    assert_int_equal(shell_parse(&s, str_c(text), NULL), 0);
    assert_string_equal(shell_get(&s, "NEXT"), "/srv/x/y");
    assert_string_equal(shell_get(&s, "A"), "again");
    assert_string_equal(shell_get(&s, "B"), "a \"b\" $c /srv/x");
    assert_string_equal(shell_get(&s, "C"), "plain textand more");
    assert_string_equal(shell_get(&s, "I"), "in a block");
    assert_string_equal(shell_get(&s, "J"), "");
    assert_string_equal(shell_get(&s, "K"), "two\nlines");
    assert_string_equal(shell_get(&s, "L"), "cost: 5$");
    for (const char *name = "DEFGH"; *name != '\0'; name++) {
        const struct shell_variable *v = shell_find(&s, (struct str){name, 1});
        assert_non_null(v);
        assert_true(v->unknown);
        assert_string_equal(shell_get(&s, arena_dup(a, (struct str){name, 1})), "");
    }
    assert_null(shell_find(&s, STR("UNSET")));
    arena_free(a);
}

/* A value that doubles itself ends. */
static void test_shell_limits(void **state)
{
    struct arena *a = arena_new();
    struct shell s = shell_new(a);
    struct buf text = buf_new(65536);
    buf_put_c(&text, "A=1234567890\n");
    for (int i = 0; i < 40; i++)
        buf_put_c(&text, "A=$A$A\n");
    assert_int_equal(shell_parse(&s, buf_str(&text), NULL), ERR_LIMIT);
    buf_free(&text);
    arena_free(a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ini),
        cmocka_unit_test(test_ini_damaged),
        cmocka_unit_test(test_flat_ini),
        cmocka_unit_test(test_shell),
        cmocka_unit_test(test_shell_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
