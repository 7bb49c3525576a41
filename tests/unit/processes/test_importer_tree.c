/* The folder that is read, and links out of it. */
#include "importer_fixture.h"

#include "../os/temp.h"

static void open_tree(struct state *s)
{
    assert_int_equal(tree_open(arena_printf(s->a, "%s/tree", s->path), s->a, &s->tree, NULL), 0);
}

static int text_of(struct state *s, const char *path, const char **out)
{
    struct str text;
    int r = tree_text(&s->tree, path, TREE_FILE_MAX, &text, NULL);
    *out = r == 0 ? text.p : "";
    return r;
}

static void test_reads(void **state)
{
    struct state *s = *state;
    const char *text;
    struct tree_names names;
    struct tree_stat st;
    put_mode(s, "tree/a/b", "text", 0640);
    put_folder(s, "tree/c");
    open_tree(s);
    assert_int_equal(text_of(s, "a/b", &text), 0);
    assert_string_equal(text, "text");
    assert_int_equal(text_of(s, "a/x", &text), ERR_NOT_FOUND);
    assert_int_equal(text_of(s, "a", &text), ERR_INPUT);
    assert_int_equal(tree_list(&s->tree, "", &names, NULL), 0);
    assert_int_equal(names.n, 2);
    assert_string_equal(names.items[0], "a");
    assert_int_equal(tree_stat(&s->tree, "a/b", &st, NULL), 0);
    assert_int_equal(st.mode, 0640);
    assert_true(tree_is_folder(&s->tree, "c"));
    assert_false(tree_is_folder(&s->tree, "a/b"));
    assert_string_equal(tree_absolute(&s->tree, "a/b"), arena_printf(s->a, "%s/tree/a/b", s->path));
    assert_string_equal(tree_below(&s->tree, arena_printf(s->a, "%s/tree/a", s->path)), "a");
    assert_null(tree_below(&s->tree, arena_printf(s->a, "%s/tree2/a", s->path)));
    struct buf b = buf_new(TREE_FILE_MAX);
    assert_int_equal(tree_read(&s->tree, "a/b", 3, &b, NULL), ERR_LIMIT);
    buf_free(&b);
}

static void test_links(void **state)
{
    struct state *s = *state;
    const char *text;
    put(s, "outside", "secret");
    put(s, "tree/a/b", "text");
    put_link(s, "tree/x/relative", "../a/b");
    put_link(s, "tree/x/folder", "../a");
    put_link(s, "tree/x/absolute", arena_printf(s->a, "%s/tree/a/b", s->path));
    put_link(s, "tree/x/out", "../../outside");
    put_link(s, "tree/x/far", "/etc/passwd");
    put_link(s, "tree/x/up", "../..");
    put_link(s, "tree/x/gone", "../a/gone");
    put_link(s, "tree/x/loop", "loop");
    open_tree(s);
    static const struct {
        const char *path;
        int result;
    } cases[] = {
        {"x/relative", 0},
        {"x/folder/b", 0},
        {"x/folder/../a/b", 0},
        {"x/absolute", 0},
        {"x/out", ERR_REFUSED},
        {"x/far", ERR_REFUSED},
        {"x/up/outside", ERR_REFUSED},
        {"../outside", ERR_REFUSED},
        {"x/../../outside", ERR_REFUSED},
        {"x/gone", ERR_NOT_FOUND},
        {"x/loop", ERR_INPUT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = text_of(s, cases[i].path, &text);
        if (r != cases[i].result)
            fail_msg("%s: %d", cases[i].path, r);
        assert_string_equal(text, r == 0 ? "text" : "");
        assert_int_equal(tree_is_file(&s->tree, cases[i].path), r == 0);
    }
}

/* A pipe is not waited for. */
static void test_no_files(void **state)
{
    struct state *s = *state;
    const char *text;
    struct tree t;
    put_folder(s, "tree");
    assert_int_equal(mkfifo(arena_printf(s->a, "%s/tree/pipe", s->path), 0600), 0);
    open_tree(s);
    assert_int_equal(text_of(s, "pipe", &text), ERR_INPUT);
    assert_int_equal(tree_open(arena_printf(s->a, "%s/tree/pipe", s->path), s->a, &t, NULL), ERR_INPUT);
    assert_int_equal(tree_open(arena_printf(s->a, "%s/tree/none", s->path), s->a, &t, NULL), ERR_NOT_FOUND);
}

static void test_one_file(void **state)
{
    struct state *s = *state;
    const char *text;
    put(s, "tree", "text");
    open_tree(s);
    assert_int_equal(text_of(s, "", &text), 0);
    assert_string_equal(text, "text");
    assert_int_equal(text_of(s, "x", &text), ERR_NOT_FOUND);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STATE_TEST(test_reads),
        STATE_TEST(test_links),
        STATE_TEST(test_no_files),
        STATE_TEST(test_one_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
