#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "processes/watcher/set.h"

#include <stdlib.h>
#include <string.h>

static const char one[] = "one", two[] = "two"; /* engines */

static struct kept *put(
    struct set *s, const char *engine, const char *id, const char *name, size_t max, bool *old)
{
    struct container c = {.engine = engine,
        .id = id,
        .name = name,
        .image = "",
        .hostname = "",
        .project = "",
        .service_name = "",
        .state = "running",
        .health = "",
        .network_mode = ""};
    return set_put(s, engine, &c, max, old);
}

static void test_put_find_remove(void **state)
{
    struct set s = {.n = 0};
    bool old;
    assert_null(set_find(&s, one, "a"));
    struct kept *k = put(&s, one, "a", "web", 10, &old);
    assert_false(old);
    k->settle.sent = true;
    /* The same id elsewhere is another container. */
    assert_ptr_not_equal(put(&s, two, "a", "other", 10, &old), k);
    assert_false(old);
    assert_ptr_equal(set_find(&s, one, "a"), k);
    /* A change keeps what is remembered. */
    assert_ptr_equal(put(&s, one, "a", "web-2", 10, &old), k);
    assert_true(old);
    assert_true(k->settle.sent);
    assert_string_equal(k->container->name, "web-2");
    assert_int_equal(s.n, 2);
    set_remove(&s, k);
    assert_null(set_find(&s, one, "a"));
    assert_string_equal(set_find(&s, two, "a")->container->name, "other");
    set_clear(&s);
    assert_int_equal(s.n, 0);
    assert_null(set_find(&s, two, "a"));
}

static void test_no_more_than(void **state)
{
    struct set s = {.n = 0};
    bool old;
    assert_non_null(put(&s, one, "a", "1", 2, &old));
    assert_non_null(put(&s, one, "b", "1", 2, &old));
    assert_null(put(&s, one, "c", "1", 2, &old));
    assert_non_null(put(&s, one, "a", "2", 2, &old)); /* a change has its place */
    set_remove(&s, set_find(&s, one, "b"));
    assert_non_null(put(&s, one, "c", "1", 2, &old));
    set_clear(&s);
}

/* Many come and go, in an order of their own; each is found, and the list has each once. */
static void test_many(void **state)
{
    enum { N = 3000 };
    struct set s = {.n = 0};
    char id[72];
    bool old;
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof id, "%064x", i);
        assert_non_null(put(&s, i % 2 == 0 ? one : two, id, "x", N, &old));
    }
    for (int i = 0; i < N; i += 3) {
        snprintf(id, sizeof id, "%064x", i);
        set_remove(&s, set_find(&s, i % 2 == 0 ? one : two, id));
    }
    assert_int_equal(s.n, N - N / 3);
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof id, "%064x", i);
        const struct kept *k = set_find(&s, i % 2 == 0 ? one : two, id);
        assert_int_equal(k == NULL, i % 3 == 0);
        if (k != NULL)
            assert_ptr_equal(s.list[k->at], k);
        assert_null(set_find(&s, i % 2 == 0 ? two : one, id));
    }
    set_clear(&s);
}

static void test_order(void **state)
{
    static const struct container a = {.engine = "b", .id = "1", .created_s = 5},
                                  b = {.engine = "a", .id = "2", .created_s = 7},
                                  c = {.engine = "b", .id = "0", .created_s = 7},
                                  d = {.engine = "b", .id = "1", .created_s = 7};
    const struct container *list[] = {&d, &b, &a, &c};
    qsort(list, ARRAY_LEN(list), sizeof list[0], container_order);
    assert_ptr_equal(list[0], &a);
    assert_ptr_equal(list[1], &b);
    assert_ptr_equal(list[2], &c);
    assert_ptr_equal(list[3], &d);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_find_remove),
        cmocka_unit_test(test_no_more_than),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
