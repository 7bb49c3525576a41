#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/clock.h"

enum { HOUR = 3600, DAY = 86400, YEAR = 365 * DAY };
#define NOW INT64_C(1800000000)

static void test_plausible(void **state)
{
    (void)state;
    assert_false(clock_is_plausible((struct wall){0}));
    assert_false(clock_is_plausible((struct wall){946684800})); /* 2000, where many clocks begin */
    assert_false(clock_is_plausible((struct wall){-5}));
    assert_true(clock_is_plausible((struct wall){NOW}));
}

static void test_compare(void **state)
{
    static const struct {
        int64_t wall_s, boot_s, mono_s, set_s, slept_s;
    } rows[] = {
        {10, 10, 10, 0, 0},
        {10 + 59, 10, 10, 0, 0}, /* a clock that is kept right */
        {10 - 59, 10, 10, 0, 0},
        {10 + HOUR, 10, 10, HOUR, 0},
        {10 - HOUR, 10, 10, -HOUR, 0},
        {10 + YEAR, 10, 10, YEAR, 0},
        {10 + 8 * HOUR, 10 + 8 * HOUR, 10, 0, 8 * HOUR}, /* it slept, and its clock is right */
        {10, 10 + 8 * HOUR, 10, -8 * HOUR, 8 * HOUR},    /* it slept, and woke with the clock of before */
        {INT64_MAX, 10, 10, INT64_MAX - 10, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct clock_reading was = {{0}, 1000, {500000}};
        struct clock_reading is = {{rows[i].wall_s}, 1000 + rows[i].boot_s, {500000 + rows[i].mono_s * 1000}};
        struct clock_jump jump = clock_compare(&was, &is);
        assert_int_equal(jump.set_s, rows[i].set_s);
        assert_int_equal(jump.slept_s, rows[i].slept_s);
    }
}

/* A certificate of 90 days that is due in 40. */
static struct clock_due valid(void)
{
    return (struct clock_due){.generation = 3,
        .due_at = {NOW + 40 * DAY},
        .renewed_at = {NOW - 20 * DAY},
        .not_after = {NOW + 70 * DAY},
        .renewal = {NOW + 39 * DAY},
        .lifetime_s = 90 * DAY,
        .now = {NOW}};
}

static int64_t due(struct clock_due d)
{
    return clock_due_at(&d).s;
}

static void test_what_a_rule_gave_stays(void **state)
{
    struct clock_due d = valid();
    (void)state;
    assert_int_equal(due(d), d.due_at.s);
    d.due_at.s = NOW - 5;
    assert_int_equal(due(d), NOW - 5);
    d.due_at.s = 0;
    assert_int_equal(due(d), 0);
    d = valid();
    d.failures = 9;
    d.due_at.s = NOW + DAY + DAY / 5;
    assert_int_equal(due(d), d.due_at.s);
    d.retry_s = 10 * DAY;
    d.due_at.s = NOW + 12 * DAY;
    assert_int_equal(due(d), d.due_at.s);
    d.wait_until.s = d.due_at.s = NOW + 14 * DAY;
    assert_int_equal(due(d), d.due_at.s);
}

static void test_never_issued(void **state)
{
    struct clock_due d = {.due_at = {NOW + YEAR}, .now = {NOW}};
    (void)state;
    assert_int_equal(due(d), NOW);
    d.failures = 1; /* a minute, without chance */
    assert_int_equal(due(d), NOW + 60);
    d.wait_until.s = NOW + YEAR;
    d.failures = 0;
    assert_int_equal(due(d), NOW + 60);
}

static void test_a_failure_of_the_future(void **state)
{
    struct clock_due d = valid();
    (void)state;
    d.failures = 2;
    d.due_at.s = NOW + YEAR;
    assert_int_equal(due(d), d.renewal.s); /* there is nothing to try before */
    d.renewal.s = NOW;
    assert_int_equal(due(d), NOW + 600);
    d.due_at.s = INT64_MAX;
    assert_int_equal(due(d), NOW + 600);
}

static void test_a_renewal_of_the_future(void **state)
{
    struct clock_due d = valid();
    (void)state;
    d.due_at.s = NOW + YEAR; /* the brake, counted from then */
    assert_int_equal(due(d), d.renewal.s);
    d = valid();
    d.renewed_at.s = NOW + YEAR;
    assert_int_equal(due(d), d.renewal.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plausible),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_what_a_rule_gave_stays),
        cmocka_unit_test(test_never_issued),
        cmocka_unit_test(test_a_failure_of_the_future),
        cmocka_unit_test(test_a_renewal_of_the_future),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
