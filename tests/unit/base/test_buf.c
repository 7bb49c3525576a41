#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/buf.h"

static void test_empty(void **state)
{
    struct buf b = buf_new(10);
    assert_null(b.p);
    assert_string_equal(buf_c(&b), "");
    assert_int_equal(buf_str(&b).n, 0);
    assert_non_null(buf_str(&b).p);
    buf_consume(&b, 5);
    buf_clear(&b);
    buf_free(&b);
    buf_free(&b);
    buf_free(NULL);
}

static void test_put(void **state)
{
    struct buf b = buf_new(100);
    buf_put(&b, "abc", 3);
    buf_put_str(&b, STR("def"));
    buf_put_c(&b, "ghi");
    buf_put_char(&b, 'j');
    buf_printf(&b, "%d%s", 12, "kl");
    buf_put(&b, NULL, 0);
    buf_put_c(&b, NULL);
    assert_string_equal(buf_c(&b), "abcdefghij12kl");
    assert_int_equal(b.n, 14);
    buf_put(&b, "x\0y", 3);
    assert_memory_equal(b.p, "abcdefghij12klx\0y", 18);
    assert_false(buf_failed(&b));
    buf_free(&b);
    assert_int_equal(b.max, 100);
    buf_put_c(&b, "again");
    assert_string_equal(buf_c(&b), "again");
    buf_free(&b);
}

static void test_maximum(void **state)
{
    struct buf b = buf_new(4);
    buf_put_c(&b, "abcd");
    assert_false(buf_failed(&b));
    buf_put_c(&b, "");
    assert_false(buf_failed(&b));
    buf_put_char(&b, 'e');
    assert_true(buf_failed(&b));
    assert_string_equal(buf_c(&b), "abcd");
    /* What follows a refused put would leave a gap: it does nothing either. */
    buf_consume(&b, 4);
    buf_put_char(&b, 'f');
    assert_string_equal(buf_c(&b), "");
    assert_true(buf_failed(&b));
    buf_clear(&b);
    assert_false(buf_failed(&b));
    buf_printf(&b, "%s", "gh");
    assert_string_equal(buf_c(&b), "gh");
    buf_printf(&b, "%d", 1234);
    assert_true(buf_failed(&b));
    assert_string_equal(buf_c(&b), "gh");
    buf_free(&b);

    b = buf_new(0);
    buf_put_c(&b, "");
    assert_false(buf_failed(&b));
    buf_put_char(&b, 'a');
    assert_true(buf_failed(&b));
    buf_free(&b);
}

/* No size, however large, wraps around. */
static void test_huge(void **state)
{
    struct buf b = buf_new(SIZE_MAX);
    buf_put_c(&b, "abc");
    assert_null(buf_room(&b, SIZE_MAX));
    assert_true(buf_failed(&b));
    buf_clear(&b);
    buf_put_c(&b, "abc");
    assert_null(buf_room(&b, SIZE_MAX - 3));
    assert_string_equal(buf_c(&b), "abc");
    buf_free(&b);
    b = buf_new(10);
    assert_null(buf_room(&b, SIZE_MAX));
    assert_true(buf_failed(&b));
    buf_free(&b);
}

static void test_growth(void **state)
{
    struct buf b = buf_new(100000);
    for (int i = 0; i < 100000; i++) {
        buf_put_char(&b, (char)('a' + i % 26));
        assert_true(b.cap > b.n && b.cap <= b.max + 1);
    }
    assert_false(buf_failed(&b));
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.p[i], 'a' + i % 26);
    assert_int_equal(b.p[100000], '\0');
    buf_put_char(&b, 'x');
    assert_true(buf_failed(&b));
    buf_free(&b);
}

static void test_room(void **state)
{
    struct buf b = buf_new(100);
    /* Nothing was put into the room, and there is text all the same: an empty one. */
    assert_non_null(buf_room(&b, 10));
    assert_string_equal(buf_c(&b), "");
    char *room = buf_room(&b, 5);
    memcpy(room, "hello", 5);
    buf_added(&b, 4);
    assert_string_equal(buf_c(&b), "hell");
    room = buf_room(&b, 50);
    memset(room, 'x', 50);
    buf_added(&b, 0);
    assert_string_equal(buf_c(&b), "hell");
    assert_null(buf_room(&b, 97));
    buf_free(&b);
    /* A room of 0 is a room. */
    assert_non_null(buf_room(&b, 0));
    assert_string_equal(buf_c(&b), "");
    buf_free(&b);
}

static void test_consume(void **state)
{
    struct buf b = buf_new(100);
    buf_put_c(&b, "abcdef");
    buf_consume(&b, 0);
    assert_string_equal(buf_c(&b), "abcdef");
    buf_consume(&b, 2);
    assert_string_equal(buf_c(&b), "cdef");
    buf_put_c(&b, "g");
    buf_consume(&b, 4);
    assert_string_equal(buf_c(&b), "g");
    buf_consume(&b, SIZE_MAX);
    assert_string_equal(buf_c(&b), "");
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

/* Growing in place of a plain buffer may leave copies behind; a sensitive one must still hold the same bytes,
 * and its clear must not leave any. */
static void test_sensitive(void **state)
{
    struct buf b = buf_new_sensitive(10000);
    for (int i = 0; i < 10000; i++)
        buf_put_char(&b, (char)('A' + i % 20));
    for (int i = 0; i < 10000; i++)
        assert_int_equal(b.p[i], 'A' + i % 20);
    assert_int_equal(b.p[10000], '\0');
    size_t cap = b.cap;
    buf_clear(&b);
    assert_int_equal(b.n, 0);
    for (size_t i = 0; i < cap; i++)
        assert_int_equal(b.p[i], 0);
    buf_free(&b);
    assert_true(b.sensitive);
    assert_int_equal(b.max, 10000);
}

static void test_cleanup(void **state)
{
    struct buf b ATTR_CLEANUP(buf_free) = buf_new(10);
    buf_put_c(&b, "freed");
    assert_string_equal(buf_c(&b), "freed");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_sensitive),
        cmocka_unit_test(test_cleanup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
