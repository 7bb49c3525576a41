#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/str.h"

static const struct str nothing = {NULL, 0};

static void test_views(void **state)
{
    assert_int_equal(str_c("abc").n, 3);
    assert_int_equal(str_c(NULL).n, 0);
    assert_non_null(str_c(NULL).p);
    assert_int_equal(STR("a\0b").n, 3);
}

static void test_equal(void **state)
{
    assert_true(str_eq(STR("abc"), STR("abc")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_false(str_eq(STR("abc"), STR("abcd")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq(nothing, STR("")));
    assert_true(str_eq(nothing, nothing));
    assert_true(str_eq_c(STR("x"), "x"));
    assert_true(str_eq_c(nothing, NULL));
    assert_false(str_eq_c(STR("x\0"), "x"));
}

static void test_equal_nocase(void **state)
{
    assert_true(str_eq_nocase(STR("AzZa@["), STR("aZzA@[")));
    /* '@' and '`', '[' and '{' differ in the bit that makes a letter large. */
    assert_false(str_eq_nocase(STR("@"), STR("`")));
    assert_false(str_eq_nocase(STR("["), STR("{")));
    /* Bytes above 127 compare as they are, whatever the locale. */
    assert_false(str_eq_nocase(STR("\xc4"), STR("\xe4")));
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
    assert_true(str_eq_nocase(nothing, STR("")));
}

static void test_ends(void **state)
{
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("")));
    assert_true(str_starts(STR("abc"), STR("abc")));
    assert_false(str_starts(STR("abc"), STR("abcd")));
    assert_false(str_starts(STR("abc"), STR("b")));
    assert_true(str_starts(nothing, nothing));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_true(str_ends(STR("abc"), STR("")));
    assert_true(str_ends(STR("abc"), STR("abc")));
    assert_false(str_ends(STR("abc"), STR("xabc")));
    assert_false(str_ends(STR("abc"), STR("b")));
    assert_true(str_ends(nothing, STR("")));
    assert_false(str_ends(nothing, STR("a")));
}

static void test_trim(void **state)
{
    assert_true(str_eq_c(str_trim(STR(" \t\r\n a b\n\t ")), "a b"));
    assert_true(str_eq_c(str_trim(STR(" \n ")), ""));
    assert_true(str_eq_c(str_trim(STR("a")), "a"));
    assert_true(str_eq_c(str_trim(STR("\va\f")), "\va\f"));
    assert_true(str_eq_c(str_trim(STR("")), ""));
    assert_int_equal(str_trim(nothing).n, 0);
}

static void test_cut(void **state)
{
    struct str head, tail;
    assert_true(str_cut(STR("a=b=c"), '=', &head, &tail));
    assert_true(str_eq_c(head, "a"));
    assert_true(str_eq_c(tail, "b=c"));
    assert_true(str_cut(STR("="), '=', &head, &tail));
    assert_true(head.n == 0 && tail.n == 0);
    assert_false(str_cut(STR("abc"), '=', &head, &tail));
    assert_true(str_eq_c(head, "abc"));
    assert_true(str_eq_c(tail, ""));
    assert_false(str_cut(nothing, '=', &head, &tail));
    assert_true(head.n == 0 && tail.n == 0);
    /* In place: the view that is cut may be an output. */
    struct str rest = STR("x,y");
    assert_true(str_cut(rest, ',', &head, &rest));
    assert_true(str_eq_c(rest, "y"));
}

static void test_number(void **state)
{
    static const struct {
        const char *text;
        uint64_t max, value;
    } good[] = {
        {"0", 0, 0},
        {"00", 0, 0},
        {"7", 7, 7},
        {"007", 7, 7},
        {"65535", 65535, 65535},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX},
        {"0018446744073709551615", UINT64_MAX, UINT64_MAX},
        {"9", 10, 9},
        {"10", 10, 10},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t v = 12345;
        assert_true(str_to_u64(str_c(good[i].text), good[i].max, &v));
        assert_true(v == good[i].value);
    }
    static const struct {
        const char *text;
        uint64_t max;
    } bad[] = {
        {"", UINT64_MAX}, {"1", 0}, {"8", 7}, {"11", 10}, {"19", 18}, {"65536", 65535},
        {"18446744073709551616", UINT64_MAX}, {"18446744073709551620", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX}, {"340282366920938463463374607431768211456", UINT64_MAX},
        {"+1", UINT64_MAX}, {"-1", UINT64_MAX}, {"-0", UINT64_MAX}, {" 1", UINT64_MAX}, {"1 ", UINT64_MAX},
        {"0x1", UINT64_MAX}, {"1e1", UINT64_MAX}, {"1.0", UINT64_MAX},
        {"\xd9\xa1", UINT64_MAX}, /* an Arabic-Indic one */
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t v = 12345;
        assert_false(str_to_u64(str_c(bad[i].text), bad[i].max, &v));
        assert_int_equal(v, 12345);
    }
    uint64_t v = 12345;
    assert_false(str_to_u64(nothing, UINT64_MAX, &v));
    assert_false(str_to_u64(STR("1\0"), UINT64_MAX, &v));
}

static void test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } rows[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "abc", 0},
        {"abc", "abd", 1},
        {"abc", "ab", 1},
        {"abc", "abcd", 1},
        {"domain", "doamin", 1}, /* neighbours swapped */
        {"ab", "ba", 1},
        {"kitten", "sitting", 3},
        {"ca", "abc", 3}, /* a swapped pair is not edited again */
        {"renew-before", "renew_before", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(str_distance(str_c(rows[i].a), str_c(rows[i].b), 10), rows[i].distance);
        assert_int_equal(str_distance(str_c(rows[i].b), str_c(rows[i].a), 10), rows[i].distance);
    }
    assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 2), 3);
    assert_int_equal(str_distance(STR("aaaaaaaa"), STR("bbbbbbbb"), 2), 3);
    assert_int_equal(str_distance(nothing, nothing, 2), 0);
}

static void test_distance_lengths(void **state)
{
    char a[65], b[65];
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    assert_int_equal(str_distance((struct str){a, 64}, (struct str){b, 64}, 100), 64);
    assert_int_equal(str_distance((struct str){a, 64}, (struct str){a, 64}, 100), 0);
    assert_int_equal(str_distance((struct str){a, 65}, (struct str){a, 65}, 3), 4);
    assert_int_equal(str_distance(nothing, (struct str){a, 65}, 3), 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_equal_nocase),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_distance_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
