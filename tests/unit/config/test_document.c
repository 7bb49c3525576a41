#include "config_test.h"

#include "config/document.h"

struct parsed {
    struct arena *a;
    struct problems problems;
    const struct node *root;
    bool good;
};

static struct parsed parse(struct str yaml)
{
    struct parsed p = {.a = arena_new()};
    p.problems.a = p.a;
    p.good = document_parse((struct mark){.file = "f"}, yaml, p.a, &p.problems, &p.root);
    assert_int_equal(p.problems.n, p.good ? 0 : 1);
    return p;
}

static void expect_refused(struct str yaml, const char *problem)
{
    struct parsed p = parse(yaml);
    assert_false(p.good);
    assert_string_equal(p.problems.list[0].text, problem);
    arena_free(p.a);
}

static void a_tree_with_places(void **state)
{
    struct parsed p = parse(STR("a: 1\nb:\n  - x\n  - \"y\"\nc: {d: \xc3\xa4, e: *z}\n"));
    assert_false(p.good);
    arena_free(p.a);
    p = parse(STR("a: &z 1\nb:\n  - x\n  - \"y\"\nc: {d: \xc3\xa4, e: *z}\n"));
    assert_true(p.good);
    assert_int_equal(p.root->kind, NODE_MAP);
    assert_int_equal(p.root->list.n, 6);
    assert_int_equal(p.root->height, 2);
    const struct node *b = p.root->list.items[3];
    assert_int_equal(b->kind, NODE_LIST);
    assert_int_equal(b->list.n, 2);
    assert_true(b->list.items[0]->plain);
    assert_false(b->list.items[1]->plain);
    assert_int_equal(b->list.items[1]->line, 4);
    assert_int_equal(b->list.items[1]->column, 5);
    const struct node *c = p.root->list.items[5];
    /* columns count characters: the letter before takes two octets */
    assert_int_equal(c->list.items[2]->column, 11);
    assert_ptr_equal(c->list.items[3], p.root->list.items[1]);
    assert_int_equal(p.root->weight, 13);
    arena_free(p.a);
}

static void nothing_is_fine(void **state)
{
    static const char *const empty[] = {"", "\n", "# only a comment\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        struct parsed p = parse(str_c(empty[i]));
        assert_true(p.good);
        assert_null(p.root);
        arena_free(p.a);
    }
    struct parsed p = parse(STR("---\n"));
    assert_true(p.good);
    assert_true(node_is_null(p.root));
    arena_free(p.a);
}

static void null_is_plain_only(void **state)
{
    struct parsed p = parse(STR("[~, null, NULL, , '', 'null', nul, []]"));
    assert_false(p.good);
    arena_free(p.a);
    p = parse(STR("[~, null, NULL, '', 'null', nul, [], {a: }, !!str ]"));
    assert_true(p.good);
    static const bool expected[] = {true, true, true, false, false, false, false, false, false};
    assert_int_equal(p.root->list.n, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(node_is_null(p.root->list.items[i]), expected[i]);
    assert_true(node_is_null(p.root->list.items[7]->list.items[1]));
    arena_free(p.a);
}

static void syntax_errors_have_places(void **state)
{
    expect_refused(STR("a: 1\n b: 2\n"), "f:2:3: not YAML: mapping values are not allowed in this context");
    expect_refused(STR("a: [1, 2\nb: 3\n"), "f:2:2: not YAML: did not find expected ',' or ']' while parsing "
                                            "a flow sequence that begins on line 1");
    expect_refused(STR("a: \"x\n"),
        "f:2:1: not YAML: found unexpected end of stream while scanning a quoted scalar that "
        "begins on line 1");
    expect_refused(STR("a: b\n\tc: d\n"), "f:2:1: not YAML: found a tab character that violates indentation "
                                          "while scanning a plain scalar that begins on line 1");
}

static void only_clean_utf8_is_text(void **state)
{
    expect_refused(
        STR("a: 1\nb: \xff\n"), "f:2:4: not YAML: invalid leading UTF-8 octet; the file must be UTF-8 text");
    expect_refused(
        STR("a: \x01\n"), "f:1:4: not YAML: control characters are not allowed; the file must be UTF-8 text");
    expect_refused(
        STR("a: \0b\n"), "f:1:4: not YAML: control characters are not allowed; the file must be UTF-8 text");
}

static void one_document_only(void **state)
{
    expect_refused(STR("a: 1\n---\nb: 2\n"),
        "f:2:1: a second document begins here; write one, or another file in evercert.d/");
    expect_refused(
        STR("---\n---\n"), "f:2:1: a second document begins here; write one, or another file in evercert.d/");
    struct parsed p = parse(STR("---\na: 1\n...\n"));
    assert_true(p.good);
    arena_free(p.a);
}

static void aliases_are_bounded(void **state)
{
    expect_refused(STR("a: &x [1, *x]\n"), "f:1:11: the alias \"x\" contains itself");
    expect_refused(STR("a: *x\n"), "f:1:4: no anchor \"x\" stands above this alias");
    /* each line is ten times the one above: ten million values in 300 octets */
    struct buf b = buf_new(10000);
    buf_put_c(&b, "a0: &a0 x\n");
    for (int i = 1; i < 8; i++) {
        buf_printf(&b, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_printf(&b, "%s*a%d", j == 0 ? "" : ",", i - 1);
        buf_put_c(&b, "]\n");
    }
    expect_refused(buf_str(&b), "f:8:49: more than 8000000 values with its aliases written out");
    buf_free(&b);
}

static void depth_is_bounded(void **state)
{
    char yaml[CONFIG_DEPTH_MAX * 2 + 3];
    memset(yaml, '[', sizeof yaml);
    memset(yaml + CONFIG_DEPTH_MAX, ']', CONFIG_DEPTH_MAX);
    struct parsed p = parse((struct str){yaml, (size_t)CONFIG_DEPTH_MAX * 2});
    assert_true(p.good);
    assert_int_equal(p.root->height, CONFIG_DEPTH_MAX);
    arena_free(p.a);
    yaml[CONFIG_DEPTH_MAX] = '[';
    expect_refused((struct str){yaml, (size_t)CONFIG_DEPTH_MAX * 2}, "f:1:17: nested deeper than 16 levels");
    /* an alias brings its own depth along */
    expect_refused(
        STR("a: &a [[[[[[[[x]]]]]]]]\nb: [[[[[[[[*a]]]]]]]]\n"), "f:2:12: nested deeper than 16 levels");
}

static void foreign_tags_are_refused(void **state)
{
    expect_refused(
        STR("a: !include x.yaml\n"), "f:1:4: the tag \"!include\" means nothing here; take it away");
    expect_refused(STR("!foo [x]\n"), "f:1:1: the tag \"!foo\" means nothing here; take it away");
    struct parsed p = parse(STR("a: !!str true\nb: ! x\n"));
    assert_true(p.good);
    assert_false(p.root->list.items[1]->plain);
    arena_free(p.a);
}

static void many_anchors_take_no_time(void **state)
{
    enum { MANY = 100000 };
    struct buf b = buf_new(16 * 1024 * 1024);
    for (int i = 0; i < MANY; i++)
        buf_printf(&b, "- &a%d x\n", i);
    struct parsed p = parse(buf_str(&b));
    assert_true(p.good);
    assert_int_equal(p.root->list.n, MANY);
    arena_free(p.a);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_with_places),
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(null_is_plain_only),
        cmocka_unit_test(syntax_errors_have_places),
        cmocka_unit_test(only_clean_utf8_is_text),
        cmocka_unit_test(one_document_only),
        cmocka_unit_test(aliases_are_bounded),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(foreign_tags_are_refused),
        cmocka_unit_test(many_anchors_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
