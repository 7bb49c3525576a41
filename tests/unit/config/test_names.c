#include "config_test.h"

#include "config/names.h"

static void many_names_are_kept_apart(void **state)
{
    struct arena *a = arena_new();
    struct names t = names_new(a);
    enum { MANY = 20000 };
    assert_null(names_get(&t, STR("x")));
    int *values = arena_array(a, MANY, sizeof *values);
    for (int i = 0; i < MANY; i++) {
        struct str key = str_c(arena_printf(a, "name%d", i));
        assert_null(names_get(&t, key));
        names_put(&t, key, &values[i]);
    }
    assert_int_equal(t.n, MANY);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(names_get(&t, str_c(arena_printf(a, "name%d", i))), &values[i]);
    assert_null(names_get(&t, STR("name20000")));
    arena_free(a);
}

static void a_second_put_replaces(void **state)
{
    struct arena *a = arena_new();
    struct names t = names_new(a);
    int one, two;
    names_put(&t, STR("k"), &one);
    names_put(&t, STR("k"), &two);
    names_put(&t, STR(""), &one);
    assert_int_equal(t.n, 2);
    assert_ptr_equal(names_get(&t, STR("k")), &two);
    assert_ptr_equal(names_get(&t, STR("")), &one);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_names_are_kept_apart),
        cmocka_unit_test(a_second_put_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
