#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "policy/schedule.h"

enum { DAY = 86400, DRAWS = 2000 };

#define NOT_BEFORE INT64_C(1790000000)

/* A fixed sequence of well-mixed 64-bit numbers (splitmix64), so that a failure repeats. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static struct schedule_renewal renewal(int64_t lifetime_s)
{
    return (struct schedule_renewal){.not_before = {NOT_BEFORE}, .not_after = {NOT_BEFORE + lifetime_s}};
}

/* Smallest, largest and number of distinct neighbours over many draws. */
struct seen {
    int64_t min, max;
    size_t changes;
};

static void see(struct seen *seen, size_t i, int64_t at)
{
    static int64_t last;
    if (i == 0)
        *seen = (struct seen){at, at, 0};
    else if (at != last)
        seen->changes++;
    last = at;
    if (at < seen->min)
        seen->min = at;
    if (at > seen->max)
        seen->max = at;
}

static struct seen see_renewals(struct schedule_renewal r)
{
    struct seen seen = {0};
    uint64_t state = 1;
    for (size_t i = 0; i < DRAWS; i++) {
        r.random = draw(&state);
        see(&seen, i, schedule_renewal_at(&r).s);
    }
    return seen;
}

static struct seen see_retries(int64_t failures, int64_t retry_s, int64_t lifetime_s, int64_t not_before_s)
{
    struct seen seen = {0};
    uint64_t state = 2;
    for (size_t i = 0; i < DRAWS; i++)
        see(&seen, i,
            schedule_retry_at(
                (struct wall){NOT_BEFORE}, failures, retry_s, lifetime_s, not_before_s, draw(&state))
                .s);
    return seen;
}

/* At random 0 the answer is the rule's own second; over many draws every answer lies in the spread before
 * it, and the draws use it. */
static void renewal_follows_the_lifetime(void **state)
{
    static const struct {
        int64_t lifetime_s, before_s, spread_s;
    } rows[] = {
        {60, 30, 6},
        {1000, 500, 10},
        {160 * 3600, 80 * 3600, 5760},
        {9 * DAY, 9 * DAY / 2, 9 * 864},
        {10 * DAY - 1, (10 * DAY - 1) / 2, (10 * DAY - 1) / 100},
        {10 * DAY, 10 * DAY / 3, 10 * 864},
        {45 * DAY, 15 * DAY, 45 * 864},
        {90 * DAY, 30 * DAY, 90 * 864},
        {INT64_C(1826) * DAY, INT64_C(1826) * DAY / 3, INT64_C(1826) * 864},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct schedule_renewal r = renewal(rows[i].lifetime_s);
        int64_t latest = r.not_after.s - rows[i].before_s;
        assert_int_equal(schedule_renewal_at(&r).s, latest);
        r.random = (uint64_t)rows[i].spread_s;
        assert_int_equal(schedule_renewal_at(&r).s, latest - rows[i].spread_s);
        r.random++;
        assert_int_equal(schedule_renewal_at(&r).s, latest);

        struct seen seen = see_renewals(r);
        assert_true(seen.min >= latest - rows[i].spread_s);
        assert_true(seen.max <= latest);
        /* both ends of the spread are used, and neighbours differ */
        assert_true(seen.max - seen.min >= rows[i].spread_s * 9 / 10);
        assert_true(seen.changes > DRAWS / 2);
    }
}

static void renewal_is_a_function_of_its_arguments(void **state)
{
    struct schedule_renewal r = renewal(90 * DAY);
    uint64_t numbers = 3;
    for (size_t i = 0; i < 100; i++) {
        r.random = draw(&numbers);
        int64_t once = schedule_renewal_at(&r).s;
        assert_int_equal(schedule_renewal_at(&r).s, once);
    }
}

static void renewal_takes_the_operators_word(void **state)
{
    struct schedule_renewal r = renewal(90 * DAY);
    r.renew_before_s = 20 * DAY;
    assert_int_equal(schedule_renewal_at(&r).s, r.not_after.s - 20 * DAY);
    r.random = 90 * 864;
    assert_int_equal(schedule_renewal_at(&r).s, r.not_after.s - 20 * DAY - 90 * 864);
    r.random = 0;
    r.renew_before_s = -5; /* no word at all */
    assert_int_equal(schedule_renewal_at(&r).s, r.not_after.s - 30 * DAY);
}

static void renew_before_beyond_the_lifetime_is_no_storm(void **state)
{
    struct schedule_renewal r = renewal(45 * DAY);
    r.renew_before_s = 60 * DAY;
    /* Issued for the first time: at once, as the operator says. */
    struct seen seen = see_renewals(r);
    assert_int_equal(seen.min, NOT_BEFORE);
    assert_int_equal(seen.max, NOT_BEFORE);
    /* From then on a day apart. */
    r.renewed_at = (struct wall){NOT_BEFORE + 3600};
    seen = see_renewals(r);
    assert_true(seen.min >= r.renewed_at.s + DAY);
    assert_true(seen.max <= r.renewed_at.s + DAY + 45 * 864);
    assert_true(seen.changes > DRAWS / 2);
    /* A tenth where the lifetime is short. */
    r = renewal(60);
    r.renew_before_s = INT64_MAX;
    r.renewed_at = r.not_before;
    seen = see_renewals(r);
    assert_true(seen.min >= NOT_BEFORE + 6);
    assert_true(seen.max <= NOT_BEFORE + 6 + 6);
    assert_true(seen.changes > DRAWS / 2);
}

static void an_earlier_renewal_does_not_delay_a_normal_one(void **state)
{
    struct schedule_renewal r = renewal(90 * DAY);
    r.renewed_at = r.not_before;
    assert_int_equal(schedule_renewal_at(&r).s, r.not_after.s - 30 * DAY);
    r = renewal(60);
    r.renewed_at = r.not_before;
    assert_int_equal(schedule_renewal_at(&r).s, NOT_BEFORE + 30);
}

static void renewal_survives_dates_without_sense(void **state)
{
    /* expiry before or at the start: due at once, but never twice within a day */
    static const int64_t lifetimes[] = {0, -1, -90 * DAY};
    for (size_t i = 0; i < ARRAY_LEN(lifetimes); i++) {
        struct schedule_renewal r = renewal(lifetimes[i]);
        struct seen seen = see_renewals(r);
        assert_int_equal(seen.min, NOT_BEFORE);
        assert_int_equal(seen.max, NOT_BEFORE);
        r.renewed_at = (struct wall){NOT_BEFORE + 10};
        seen = see_renewals(r);
        assert_int_equal(seen.min, NOT_BEFORE + 10 + DAY);
    }
    struct schedule_renewal r = {
        .not_before = {INT64_MIN}, .not_after = {INT64_MAX}, .random = UINT64_MAX, .renew_before_s = 0};
    int64_t at = schedule_renewal_at(&r).s;
    assert_true(at > 0 && at < INT64_MAX);
    r = (struct schedule_renewal){
        .not_before = {INT64_MAX - 100}, .not_after = {INT64_MAX}, .renewed_at = {INT64_MAX - 1}};
    assert_int_equal(schedule_renewal_at(&r).s, INT64_MAX);
    r = (struct schedule_renewal){
        .not_before = {INT64_MIN}, .not_after = {INT64_MIN + 60}, .renew_before_s = INT64_MAX};
    assert_int_equal(schedule_renewal_at(&r).s, INT64_MIN);
    r = (struct schedule_renewal){.not_before = {INT64_MAX}, .not_after = {INT64_MIN}};
    assert_int_equal(schedule_renewal_at(&r).s, INT64_MAX);
}

static void retry_climbs_its_steps(void **state)
{
    static const struct {
        int64_t failures, wait_s;
    } rows[] = {
        {INT64_MIN, 60},
        {-1, 60},
        {0, 60},
        {1, 60},
        {2, 600},
        {3, 6000},
        {4, DAY},
        {5, DAY},
        {1000, DAY},
        {INT64_MAX, DAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct seen seen = see_retries(rows[i].failures, 0, 0, 0);
        assert_true(seen.min >= NOT_BEFORE + rows[i].wait_s);
        assert_true(seen.max <= NOT_BEFORE + rows[i].wait_s + rows[i].wait_s / 5);
        assert_true(seen.max - seen.min >= rows[i].wait_s / 5 * 9 / 10);
        assert_true(seen.changes > DRAWS / 2);
        assert_int_equal(schedule_retry_at((struct wall){NOT_BEFORE}, rows[i].failures, 0, 0, 0, 0).s,
            NOT_BEFORE + rows[i].wait_s);
    }
}

static void retry_takes_the_operators_word(void **state)
{
    static const int64_t failures[] = {0, 1, 2, 3, 4, 1000, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct seen seen = see_retries(failures[i], 3600, 90 * DAY, 0);
        assert_true(seen.min >= NOT_BEFORE + 3600);
        assert_true(seen.max <= NOT_BEFORE + 3600 + 720);
        assert_true(seen.changes > DRAWS / 2);
    }
}

static void retry_fits_short_lifetimes(void **state)
{
    static const struct {
        int64_t lifetime_s, retry_s;
    } rows[] = {{60, 0}, {100, 0}, {3600, 0}, {160 * 3600, 0}, {9 * DAY, 0}, {160 * 3600, 30 * DAY},
        {90 * DAY, INT64_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct seen seen = see_retries(1000, rows[i].retry_s, rows[i].lifetime_s, 0);
        assert_true(seen.max <= NOT_BEFORE + rows[i].lifetime_s / 10);
        assert_true(seen.min >= NOT_BEFORE + rows[i].lifetime_s / 13);
        assert_true(seen.changes > DRAWS / 4);
    }
    /* the first steps stay what they are where they fit */
    assert_int_equal(schedule_retry_at((struct wall){NOT_BEFORE}, 1, 0, 160 * 3600, 0, 0).s, NOT_BEFORE + 60);
    /* a lifetime of seconds does not become a loop without a wait */
    for (int64_t lifetime_s = 1; lifetime_s < 25; lifetime_s++) {
        struct seen seen = see_retries(1, 0, lifetime_s, 0);
        assert_true(seen.min >= NOT_BEFORE + 1);
        assert_true(seen.max <= NOT_BEFORE + 2);
    }
    /* a negative one is as good as none */
    assert_int_equal(schedule_retry_at((struct wall){NOT_BEFORE}, 4, 0, -60, 0, 0).s, NOT_BEFORE + DAY);
}

static void retry_waits_for_retry_after(void **state)
{
    /* above everything, also above the cap for short lifetimes */
    struct seen seen = see_retries(1, 0, 3600, NOT_BEFORE + 7200);
    assert_true(seen.min >= NOT_BEFORE + 7200);
    assert_true(seen.max <= NOT_BEFORE + 7200 + 60);
    assert_true(seen.changes > DRAWS / 2);
    /* one that is in the past or within the wait changes nothing */
    assert_int_equal(schedule_retry_at((struct wall){NOT_BEFORE}, 2, 0, 0, NOT_BEFORE - 5, 7).s,
        schedule_retry_at((struct wall){NOT_BEFORE}, 2, 0, 0, 0, 7).s);
    assert_int_equal(schedule_retry_at((struct wall){NOT_BEFORE}, 2, 0, 0, NOT_BEFORE + 600, 7).s,
        schedule_retry_at((struct wall){NOT_BEFORE}, 2, 0, 0, 0, 7).s);
    assert_int_equal(
        schedule_retry_at((struct wall){NOT_BEFORE}, 1, 0, 0, INT64_MAX, UINT64_MAX).s, INT64_MAX);
}

static void retry_saturates(void **state)
{
    struct wall late = {INT64_MAX - 10};
    assert_int_equal(schedule_retry_at(late, 4, 0, 0, 0, 5).s, INT64_MAX);
    assert_int_equal(schedule_retry_at(late, INT64_MAX, INT64_MAX, INT64_MAX, 0, UINT64_MAX).s, INT64_MAX);
    assert_int_equal(schedule_retry_at((struct wall){0}, 1, INT64_MAX, 0, 0, UINT64_MAX).s, INT64_MAX);
    assert_int_equal(schedule_retry_at((struct wall){INT64_MIN}, 1, 0, INT64_MAX, 0, 0).s, INT64_MIN + 60);
}

static void deploy_climbs_its_steps(void **state)
{
    static const struct {
        int64_t failures, wait_s;
    } rows[] = {{0, 10}, {1, 10}, {2, 60}, {3, 600}, {4, 3600}, {1000, 3600}, {INT64_MAX, 3600}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct seen seen = {0};
        uint64_t numbers = 4;
        for (size_t k = 0; k < DRAWS; k++)
            see(&seen, k, schedule_deploy_at((struct wall){NOT_BEFORE}, rows[i].failures, draw(&numbers)).s);
        assert_int_equal(seen.min, NOT_BEFORE + rows[i].wait_s);
        assert_true(seen.max <= NOT_BEFORE + rows[i].wait_s + rows[i].wait_s / 5);
        assert_true(seen.max - seen.min >= rows[i].wait_s / 5 * 9 / 10);
        assert_true(seen.changes > DRAWS / 2);
    }
    assert_int_equal(schedule_deploy_at((struct wall){INT64_MAX - 1}, 1, 0).s, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renewal_follows_the_lifetime),
        cmocka_unit_test(renewal_is_a_function_of_its_arguments),
        cmocka_unit_test(renewal_takes_the_operators_word),
        cmocka_unit_test(renew_before_beyond_the_lifetime_is_no_storm),
        cmocka_unit_test(an_earlier_renewal_does_not_delay_a_normal_one),
        cmocka_unit_test(renewal_survives_dates_without_sense),
        cmocka_unit_test(retry_climbs_its_steps),
        cmocka_unit_test(retry_takes_the_operators_word),
        cmocka_unit_test(retry_fits_short_lifetimes),
        cmocka_unit_test(retry_waits_for_retry_after),
        cmocka_unit_test(retry_saturates),
        cmocka_unit_test(deploy_climbs_its_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
