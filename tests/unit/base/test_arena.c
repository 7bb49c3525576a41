#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

static bool all_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static void test_alloc(void **state)
{
    struct arena *a = arena_new();
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = arena_alloc(a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        assert_true(all_zero(p, n));
        memset(p, 0xff, n); /* the next one must not see it */
    }
    arena_free(a);
    arena_free(NULL);
}

/* Many allocations of many sizes keep what was written into each. */
static void test_apart(void **state)
{
    enum { MANY = 2000 };
    static unsigned char *p[MANY];
    struct arena *a = arena_new();
    for (size_t i = 0; i < MANY; i++) {
        p[i] = arena_alloc(a, i % 97 + 1);
        memset(p[i], (int)(i % 251), i % 97 + 1);
    }
    for (size_t i = 0; i < MANY; i++)
        for (size_t k = 0; k < i % 97 + 1; k++)
            assert_int_equal(p[i][k], i % 251);
    arena_free(a);
}

static void test_large(void **state)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    static const size_t sizes[] = {1007, 1008, 1009, 65535, 65536, 65537, 4 * 1024 * 1024};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        unsigned char *p = arena_alloc(a, sizes[i]);
        assert_true(all_zero(p, sizes[i]));
        p[sizes[i] - 1] = 1;
        unsigned char *small = arena_alloc(a, 1);
        assert_true(*small == 0);
    }
}

static void test_copies(void **state)
{
    struct arena *a = arena_new();
    assert_string_equal(arena_dup(a, STR("abc")), "abc");
    assert_string_equal(arena_dup(a, (struct str){NULL, 0}), "");
    assert_string_equal(arena_dup_c(a, "def"), "def");
    assert_string_equal(arena_dup_c(a, NULL), "");
    struct str s = arena_str(a, STR("a\0b"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    s = arena_str(a, (struct str){NULL, 0});
    assert_non_null(s.p);
    assert_int_equal(s.n, 0);
    char original[] = "change";
    char *copy = arena_dup_c(a, original);
    original[0] = 'X';
    assert_string_equal(copy, "change");
    arena_free(a);
}

static void test_printf(void **state)
{
    struct arena *a = arena_new();
    assert_string_equal(arena_printf(a, "%s-%d", "x", 42), "x-42");
    assert_string_equal(arena_printf(a, "%s", ""), "");
    char *wide = arena_printf(a, "%*s", 5000, "y");
    assert_int_equal(strlen(wide), 5000);
    assert_int_equal(wide[4999], 'y');
    arena_free(a);
}

static void test_array(void **state)
{
    struct arena *a = arena_new();
    uint64_t *p = arena_array(a, 100, sizeof *p);
    for (size_t i = 0; i < 100; i++)
        assert_true(p[i] == 0);
    assert_non_null(arena_array(a, 0, 8));
    assert_non_null(arena_array(a, SIZE_MAX, 0));
    arena_free(a);
}

/* A product that does not fit ends the process instead of giving less than was asked for. */
static void aborts(size_t count, size_t size)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        struct arena *a = arena_new();
        if (size == 1)
            arena_alloc(a, count);
        else
            arena_array(a, count, size);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_overflow(void **state)
{
    aborts(SIZE_MAX, 1);
    aborts(SIZE_MAX - 8, 1);
    aborts(SIZE_MAX / 2, 4);
    aborts(SIZE_MAX / 16 + 2, 16);
}

static void test_freep(void **state)
{
    struct arena *a = arena_new();
    arena_freep(&a);
    assert_null(a);
    arena_freep(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_array),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_freep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
