#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "policy/outage.h"

enum { NOW = 1800000000, MAX = 32, DAY = 86400 };

static struct wall at(int64_t s)
{
    return (struct wall){s};
}

static void lost(struct outage *o, int64_t now)
{
    outage_failed(o, at(now), at(0), 0);
}

/* --- before and in a rest --- */

static void one_lost_connection_is_no_outage(void **state)
{
    struct outage o = {0};
    assert_false(outage_rests(&o, at(NOW)));
    assert_int_equal(outage_places(&o, at(NOW), MAX), MAX);
    for (int i = 0; i < 100; i++) {
        lost(&o, NOW + i);
        lost(&o, NOW + i);
        assert_int_equal(o.since.s, NOW + i);
        assert_int_equal(outage_places(&o, at(NOW + i), MAX), MAX);
        outage_answered(&o, at(NOW + i));
        assert_int_equal(o.since.s, 0);
    }
}

static void three_in_a_row_begin_a_minute(void **state)
{
    struct outage o = {0};
    lost(&o, NOW - 5);
    lost(&o, NOW - 3);
    lost(&o, NOW);
    assert_int_equal(o.since.s, NOW - 5);
    assert_true(outage_rests(&o, at(NOW)));
    assert_int_equal(outage_places(&o, at(NOW), MAX), 0);
    assert_true(outage_rests(&o, at(NOW + OUTAGE_REST_MIN_S - 1)));
    assert_false(outage_rests(&o, at(NOW + OUTAGE_REST_MIN_S)));
    assert_int_equal(outage_places(&o, at(NOW + OUTAGE_REST_MIN_S), MAX), 1);
}

static void what_was_under_way_does_not_lengthen_it(void **state)
{
    struct outage o = {0};
    for (int i = 0; i < 3; i++)
        lost(&o, NOW);
    struct wall until = o.until;
    for (int i = 0; i < 40; i++)
        outage_failed(&o, at(NOW + 30), at(0), UINT64_MAX);
    assert_int_equal(o.until.s, until.s);
    assert_int_equal(o.rests, 1);
    /* what was said of an earlier time changes nothing, either */
    outage_failed(&o, at(NOW + 30), at(NOW + 40), 0);
    assert_int_equal(o.until.s, until.s);
}

static void a_rest_after_another_is_twice_as_long(void **state)
{
    static const int64_t expected[] = {60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
    struct outage o = {0};
    int64_t now = NOW;
    lost(&o, now);
    lost(&o, now);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        lost(&o, now); /* of the one that goes first */
        assert_int_equal(o.until.s - now, expected[i]);
        now = o.until.s;
        assert_int_equal(outage_places(&o, at(now), MAX), 1);
    }
    assert_int_equal(o.since.s, NOW);
}

static void chance_adds_a_fifth_at_most(void **state)
{
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t random = 0; random < 1000; random++) {
        struct outage o = {0};
        for (int i = 0; i < 3; i++)
            outage_failed(&o, at(NOW), at(0), random);
        int64_t rest = o.until.s - NOW;
        least = rest < least ? rest : least;
        most = rest > most ? rest : most;
    }
    assert_int_equal(least, 60);
    assert_int_equal(most, 72);
}

/* --- Retry-After --- */

static void retry_after_is_obeyed(void **state)
{
    struct outage o = {0};
    outage_failed(&o, at(NOW), at(NOW + 600), 0);
    outage_failed(&o, at(NOW), at(NOW + 600), 0);
    assert_false(outage_rests(&o, at(NOW))); /* two are no outage */
    outage_failed(&o, at(NOW), at(NOW + 600), 0);
    assert_int_equal(o.until.s, NOW + 600);
    /* one that is later counts, in the rest too; an earlier one does not */
    outage_failed(&o, at(NOW + 10), at(NOW + 900), 0);
    assert_int_equal(o.until.s, NOW + 900);
    outage_failed(&o, at(NOW + 10), at(NOW + 300), 0);
    assert_int_equal(o.until.s, NOW + 900);
    /* somebody insisted and had an answer: that does not unsay it */
    outage_answered(&o, at(NOW + 20));
    assert_true(outage_rests(&o, at(NOW + 899)));
    assert_false(outage_rests(&o, at(NOW + 900)));
}

static void retry_after_is_believed_for_a_day(void **state)
{
    static const int64_t said[] = {NOW + 2 * DAY, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct outage o = {0};
        for (int k = 0; k < 3; k++)
            outage_failed(&o, at(NOW), at(said[i]), 0);
        assert_int_equal(o.until.s, NOW + DAY);
        for (int k = 0; k < 3; k++)
            outage_failed(&o, at(NOW + 1), at(said[i]), UINT64_MAX);
        assert_true(o.until.s <= NOW + 1 + DAY + DAY / 5);
    }
    static const int64_t past[] = {NOW - 1, NOW, NOW + 10, 1, -1, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(past); i++) {
        struct outage o = {0};
        for (int k = 0; k < 3; k++)
            outage_failed(&o, at(NOW), at(past[i]), 0);
        assert_int_equal(o.until.s, NOW + 60);
    }
}

static void retry_after_of_another_rest_is_over(void **state)
{
    struct outage o = {0};
    for (int i = 0; i < 3; i++)
        outage_failed(&o, at(NOW), at(NOW + 600), 0);
    lost(&o, NOW + 600);
    assert_int_equal(o.until.s, NOW + 600 + 120);
    outage_answered(&o, at(NOW + 601));
    assert_false(outage_rests(&o, at(NOW + 601)));
}

/* --- after it --- */

static void what_waits_comes_back_slowly(void **state)
{
    static const size_t expected[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000};
    struct outage o = {0};
    for (int i = 0; i < 3; i++)
        lost(&o, NOW);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(outage_places(&o, at(NOW + 60), 1000), expected[i]);
        assert_true(outage_places(&o, at(NOW + 60), 3) <= 3);
        outage_answered(&o, at(NOW + 60));
    }
    assert_int_equal(o.places, 0);
    assert_int_equal(o.rests, 0);
    for (int i = 0; i < 3; i++)
        lost(&o, NOW + 100);
    assert_int_equal(o.until.s, NOW + 100 + 60);
}

static void answers_now_and_then_do_not_make_it_well(void **state)
{
    struct outage o = {0};
    int64_t now = NOW;
    for (int64_t rest = 60; rest < 3600; rest *= 2) {
        for (int i = 0; i < 3; i++)
            lost(&o, now);
        assert_int_equal(o.until.s, now + rest);
        now = o.until.s;
        outage_answered(&o, at(now));
        assert_int_equal(outage_places(&o, at(now), MAX), 2);
    }
}

static void an_answer_ends_it(void **state)
{
    struct outage o = {0};
    for (int i = 0; i < 3; i++)
        lost(&o, NOW);
    outage_answered(&o, at(NOW + 5));
    assert_false(outage_rests(&o, at(NOW + 5)));
    assert_int_equal(o.since.s, 0);
    assert_int_equal(outage_places(&o, at(NOW + 5), MAX), 2);
}

/* --- clocks --- */

static void a_clock_that_was_set_back_ends_it(void **state)
{
    struct outage o = {0};
    for (int i = 0; i < 3; i++)
        lost(&o, NOW);
    assert_false(outage_rests(&o, at(NOW - 1)));
    assert_int_equal(outage_places(&o, at(NOW - 1), MAX), 1);
    assert_int_equal(outage_places(&o, at(NOW - 10 * DAY), MAX), 1);
    /* a failure there begins a new one, of that clock */
    lost(&o, NOW - 10 * DAY);
    assert_true(outage_rests(&o, at(NOW - 10 * DAY)));
    assert_int_equal(o.until.s, NOW - 10 * DAY + 120);
    /* and one that is set ahead only ends it early */
    assert_int_equal(outage_places(&o, at(NOW), MAX), 1);
}

static void numbers_stay_in_their_type(void **state)
{
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, NOW, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        for (size_t k = 0; k < ARRAY_LEN(times); k++) {
            struct outage o = {.failures = INT64_MAX, .rests = INT64_MAX, .places = SIZE_MAX / 2};
            for (int n = 0; n < 3; n++) {
                outage_failed(&o, at(times[i]), at(times[k]), UINT64_MAX);
                outage_answered(&o, at(times[k]));
                (void)outage_places(&o, at(times[i]), MAX);
            }
            assert_true(o.failures >= 0);
            assert_true(o.places <= OUTAGE_PLACES_MAX);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_lost_connection_is_no_outage),
        cmocka_unit_test(three_in_a_row_begin_a_minute),
        cmocka_unit_test(what_was_under_way_does_not_lengthen_it),
        cmocka_unit_test(a_rest_after_another_is_twice_as_long),
        cmocka_unit_test(chance_adds_a_fifth_at_most),
        cmocka_unit_test(retry_after_is_obeyed),
        cmocka_unit_test(retry_after_is_believed_for_a_day),
        cmocka_unit_test(retry_after_of_another_rest_is_over),
        cmocka_unit_test(what_waits_comes_back_slowly),
        cmocka_unit_test(answers_now_and_then_do_not_make_it_well),
        cmocka_unit_test(an_answer_ends_it),
        cmocka_unit_test(a_clock_that_was_set_back_ends_it),
        cmocka_unit_test(numbers_stay_in_their_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
