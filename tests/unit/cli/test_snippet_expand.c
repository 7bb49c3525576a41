#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/snippet/expand.h"
#include "cli/snippet/snippet.h"

#include <string.h>

enum { TEXT_MAX = 4096 };

/* Two items, of which the second has items of its own. */
static struct snippet_scope *scope(struct arena *a)
{
    struct snippet_scope *s = snippet_scope_new(a);
    snippet_set(s, "name", "root");
    snippet_set(s, "empty", "");
    snippet_set(snippet_add(s, "items"), "name", "one");
    struct snippet_scope *two = snippet_add(s, "items");
    snippet_set(two, "name", "two");
    snippet_set(snippet_add(two, "inner"), "other", "x");
    snippet_set(snippet_add(two, "inner"), "other", "y");
    return s;
}

struct example {
    const char *template, *text; /* text NULL: the template is wrong */
};

static const struct example examples[] = {
    {"a @name@ b@name@\n", "a root broot\n"},
    {"no end @name@", "no end root\n"},
    {"user@example.com @ @@ @acme path @A@\n", "user@example.com @ @@ @acme path @A@\n"},
    {"@each items@\n<@name@>\n@end@\n", "<one>\n<two>\n"},
    {"@each items@\n@each inner@\n@name@ @other@\n@end@\n@end@\n", "two x\ntwo y\n"},
    {"@each nothing@\nx\n@end@\ny\n", "y\n"},
    {"  @if name@\n  x\n  @else@\n  y\n  @end@\n", "  x\n"},
    {"@if empty@\nx\n@else@\ny\n@end@\n", "y\n"},
    {"@if unknown@\nx\n@end@\n", ""},
    {"@if !unknown@\nx\n@end@\n", "x\n"},
    {"@if items@\nx\n@end@\n", "x\n"},
    {"@if name@\n@else@\nx\n@end@\ny\n", "y\n"},
    {"@if !name@\n@if name@\na\n@else@\nb\n@end@\n@else@\nc\n@end@\n", "c\n"},
    {"\n\na\n\n\n\nb\n@if empty@\n@end@\n\n\n", "a\n\nb\n"},
    {"", ""},
    {"@unknown@\n", NULL},
    {"@each items@\nx\n", NULL},
    {"@if name@\n@each items@\n@end@\n", NULL},
    {"x\n@end@\n", NULL},
    {"@else@\n", NULL},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct arena *a = arena_new();
        struct buf out = buf_new(TEXT_MAX);
        struct err err = ERR_INIT;
        int r = snippet_expand(examples[i].template, scope(a), &out, &err);
        assert_int_equal(r, examples[i].text != NULL ? 0 : ERR_FAILED);
        if (r == 0)
            assert_string_equal(buf_c(&out), examples[i].text);
        buf_free(&out);
        arena_free(a);
    }
}

static void test_paths(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    assert_string_equal(snippet_quoted("/srv/www_1/a-b.c@d:+", a), "/srv/www_1/a-b.c@d:+");
    assert_string_equal(snippet_quoted("/srv/my www", a), "\"/srv/my www\"");
    assert_string_equal(snippet_quoted("/srv/w\xc3\xb6", a), "\"/srv/w\xc3\xb6\"");
    assert_string_equal(snippet_quoted("", a), "\"\"");
    assert_int_equal(snippet_check_path("/srv/my www/\xc3\xb6;#()", &err), 0);
    for (const char *c = "\"'`\\${}%\n\t\x7f"; *c != '\0'; c++)
        assert_int_equal(snippet_check_path((const char[]){'/', *c, '\0'}, &err), ERR_INPUT);
    arena_free(a);
}

/* Forms of one server stand together and have names of their own. */
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < snippet_form_n; i++)
        for (size_t k = i + 1; k < snippet_form_n; k++)
            if (strcmp(snippet_forms[i].server, snippet_forms[k].server) == 0) {
                assert_string_equal(snippet_forms[i].server, snippet_forms[k - 1].server);
                assert_string_not_equal(snippet_forms[i].name, snippet_forms[k].name);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
