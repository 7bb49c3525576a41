#include "config_test.h"

#include "config/problems.h"

static void a_place_a_path_and_words(void **state)
{
    struct arena *a = arena_new();
    struct problems p = {.a = a};
    struct where list = {NULL, "certificates", 0}, item = {&list, NULL, 3}, key = {&item, "key-typ", 0};
    problem_add(&p, (struct mark){"x.yaml", 0, 7, 5}, &key, "unknown key %s", "!");
    problem_add(&p, (struct mark){"x.yaml", 0, 0, 0}, NULL, "unreadable");
    problem_add(&p, (struct mark){NULL, 0, 0, 0}, NULL, "y.yaml: gone");
    assert_int_equal(p.n, 3);
    assert_string_equal(p.list[0].text, "x.yaml:7:5: certificates[3].key-typ: unknown key !");
    assert_string_equal(p.list[1].text, "x.yaml: unreadable");
    assert_string_equal(p.list[2].text, "y.yaml: gone");
    arena_free(a);
}

static void lines_stay_lines(void **state)
{
    struct arena *a = arena_new();
    struct problems p = {.a = a};
    struct where key = {NULL, "a\x1b[31m\nb", 0};
    problem_add(&p, (struct mark){"f", 0, 1, 1}, &key, "x\ny\x07");
    assert_string_equal(p.list[0].text, "f:1:1: a?[31m b: x y?");
    arena_free(a);
}

static void they_come_in_the_order_of_the_files(void **state)
{
    struct arena *a = arena_new();
    struct problems p = {.a = a};
    problem_add(&p, (struct mark){"b", 1, 1, 1}, NULL, "5");
    problem_add(&p, (struct mark){"a", 0, 9, 2}, NULL, "4");
    problem_add(&p, (struct mark){"a", 0, 9, 1}, NULL, "3");
    problem_add(&p, (struct mark){"a", 0, 2, 8}, NULL, "2");
    problem_add(&p, (struct mark){"a", 0, 2, 8}, NULL, "1");
    problems_sort(&p);
    static const char *const order[] = {"a:2:8: 1", "a:2:8: 2", "a:9:1: 3", "a:9:2: 4", "b:1:1: 5"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_string_equal(p.list[i].text, order[i]);
    arena_free(a);
}

static void there_is_an_end(void **state)
{
    struct arena *a = arena_new();
    struct problems p = {.a = a};
    for (unsigned i = 0; i < CONFIG_PROBLEMS_MAX + 10; i++)
        problem_add(&p, (struct mark){"a", 0, i + 1, 1}, NULL, "x");
    assert_int_equal(p.n, CONFIG_PROBLEMS_MAX);
    arena_free(a);
}

static void quotes_are_short_and_clean(void **state)
{
    char out[QUOTE_MAX], text[500];
    assert_string_equal(quote(STR("a\nb\x01"), out), "\"a b?\"");
    memset(text, 'x', sizeof text);
    quote((struct str){text, sizeof text}, out);
    assert_int_equal(strlen(out), 60 + 3 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_a_path_and_words),
        cmocka_unit_test(lines_stay_lines),
        cmocka_unit_test(they_come_in_the_order_of_the_files),
        cmocka_unit_test(there_is_an_end),
        cmocka_unit_test(quotes_are_short_and_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
