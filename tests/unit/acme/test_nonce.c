#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/nonce.h"

#include <stdio.h>
#include <string.h>

static void put(struct nonce_pool *p, int n, int64_t at_ms)
{
    char text[32];
    snprintf(text, sizeof text, "nonce-%d", n);
    nonce_pool_put(p, str_c(text), (struct mono){at_ms});
}

static int take(struct nonce_pool *p, int64_t at_ms)
{
    char text[ACME_NONCE_MAX + 1];
    int n = -2;
    if (!nonce_pool_take(p, (struct mono){at_ms}, text))
        return -1;
    assert_int_equal(sscanf(text, "nonce-%d", &n), 1);
    return n;
}

static void test_newest_first(void **state)
{
    struct nonce_pool *p = nonce_pool_new();
    assert_int_equal(take(p, 0), -1);
    put(p, 1, 0);
    put(p, 2, 1);
    put(p, 3, 2);
    assert_int_equal(take(p, 3), 3);
    assert_int_equal(take(p, 3), 2);
    put(p, 4, 4);
    assert_int_equal(take(p, 5), 4);
    assert_int_equal(take(p, 5), 1);
    assert_int_equal(take(p, 5), -1);
    nonce_pool_free(p);
    nonce_pool_free(NULL);
}

static void test_full(void **state)
{
    struct nonce_pool *p = nonce_pool_new();
    for (int i = 0; i < 1000; i++)
        put(p, i, i);
    for (int i = 999; i > 999 - ACME_NONCE_POOL_MAX; i--)
        assert_int_equal(take(p, 1000), i);
    assert_int_equal(take(p, 1000), -1);
    nonce_pool_free(p);
}

static void test_age(void **state)
{
    const int64_t old = (int64_t)ACME_NONCE_AGE_MAX_S * 1000;
    struct nonce_pool *p = nonce_pool_new();
    put(p, 1, 0);
    put(p, 2, 10);
    assert_int_equal(take(p, old + 9), 2); /* just young enough */
    assert_int_equal(take(p, old + 9), -1);
    put(p, 3, old + 10);
    assert_int_equal(take(p, old + 10), 3);
    assert_int_equal(take(p, old + 10), -1);
    nonce_pool_free(p);
}

static void test_unacceptable(void **state)
{
    char longest[ACME_NONCE_MAX + 2], out[ACME_NONCE_MAX + 1];
    struct nonce_pool *p = nonce_pool_new();
    memset(longest, 'n', sizeof longest);
    static const char *const bad[] = {"", "a b", "a=", "a+b", "a/b", "a\r\nX: y", "\xc3\xa9", "a.b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        nonce_pool_put(p, str_c(bad[i]), (struct mono){0});
    nonce_pool_put(p, (struct str){"a\0b", 3}, (struct mono){0});
    nonce_pool_put(p, (struct str){longest, ACME_NONCE_MAX + 1}, (struct mono){0});
    assert_false(nonce_pool_take(p, (struct mono){0}, out));
    nonce_pool_put(p, (struct str){longest, ACME_NONCE_MAX}, (struct mono){0});
    assert_true(nonce_pool_take(p, (struct mono){0}, out));
    assert_int_equal(strlen(out), ACME_NONCE_MAX);
    nonce_pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_first),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_unacceptable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
