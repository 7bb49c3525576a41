#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "base/secret.h"

static bool all_zero(const void *p, size_t n)
{
    const unsigned char *at = p;
    for (size_t i = 0; i < n; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static void test_life(void **state)
{
    struct secret s;
    memset(&s, 0xaa, sizeof s);
    secret_init(&s);
    assert_true(all_zero(&s, sizeof s));
    memset(s.bytes, 0x55, sizeof s.bytes);
    s.n = sizeof s.bytes;
    secret_free(&s);
    assert_true(all_zero(&s, sizeof s));
    secret_free(&s);
    assert_true(all_zero(&s, sizeof s));
}

/* Where nothing may be locked, a secret still works and is still wiped. */
static void test_without_locking(void **state)
{
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    test_life(state);
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_without_locking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
