#include "os/random.h"

#include "temp.h"

static void test_bytes(void **state)
{
    unsigned char a[1000] = {0}, b[1000] = {0}, seen[256] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    int kinds = 0;
    for (size_t i = 0; i < sizeof a; i++)
        kinds += seen[a[i]]++ == 0;
    assert_true(kinds > 200);
    random_bytes(NULL, 0);
    assert_true(random_u64() != random_u64());
}

static void test_below(void **state)
{
    bool seen[5] = {false};
    assert_int_equal(random_below(0), 0);
    assert_int_equal(random_below(1), 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t v = random_below(5);
        assert_true(v < 5);
        seen[v] = true;
        assert_true(random_below(UINT64_MAX / 2 + 2) < UINT64_MAX / 2 + 2);
    }
    for (int i = 0; i < 5; i++)
        assert_true(seen[i]);
}

/* A program that uses neither the sandbox nor capabilities loads neither library. */
static void test_no_library_is_pulled_in(void **state)
{
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(1 << 20);
    assert_int_equal(file_read(AT_FDCWD, "/proc/self/maps", 1 << 20, &b, NULL), 0);
    assert_non_null(strstr(buf_c(&b), "libcmocka"));
    assert_null(strstr(buf_c(&b), "libseccomp"));
    assert_null(strstr(buf_c(&b), "libcap"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_no_library_is_pulled_in),
    };
    return cmocka_run_group_tests_name("os/random", tests, NULL, NULL);
}
