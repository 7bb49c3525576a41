#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "docker/known.h"

#include <stdio.h>
#include <string.h>

static void test_many(void **state)
{
    struct known_table t;
    char id[32];
    known_open(&t);
    for (int i = 0; i < 5000; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        assert_null(known_find(&t, id));
        struct known *k = known_get(&t, id, i % 10 == 0);
        assert_ptr_equal(known_get(&t, id, false), k);
        assert_ptr_equal(known_find(&t, id), k);
        known_set_told(&t, k, true);
        known_set_told(&t, k, true);
    }
    assert_int_equal(t.n, 5000);
    assert_int_equal(t.told_containers, 4500);
    assert_int_equal(t.told_services, 500);
    size_t seen = 0;
    for (struct known *k = known_next(&t, NULL), *next; k != NULL; k = next, seen++) {
        next = known_next(&t, k);
        if (k->service)
            known_drop(&t, k);
    }
    assert_int_equal(seen, 5000);
    assert_int_equal(t.n, 4500);
    assert_int_equal(t.told_services, 0);
    assert_null(known_find(&t, "id-10"));
    assert_non_null(known_find(&t, "id-11"));
    known_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
