#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "policy/renewal_info.h"
#include "policy/schedule.h"

#define DAY  INT64_C(86400)
#define HOUR INT64_C(3600)
/* a certificate of 90 days issued at T0 */
#define T0 INT64_C(1790000000)

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static struct renewal_window window(int64_t start, int64_t end)
{
    return (struct renewal_window){{start}, {end}};
}

/* --- the instant --- */

static void windows_have_an_inside(void **state)
{
    static const struct {
        int64_t start, end;
        bool valid;
    } rows[] = {{1, 2, true}, {100, 200, true}, {1, INT64_MAX, true}, {0, 0, false}, {0, 5, false},
        {5, 5, false}, {6, 5, false}, {-5, 5, false}, {INT64_MIN, INT64_MAX, false}, {5, 0, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct renewal_window w = window(rows[i].start, rows[i].end);
        assert_int_equal(renewal_window_is_valid(w), rows[i].valid);
        struct wall pick = renewal_info_pick(w, window(0, 0), (struct wall){0}, UINT64_MAX);
        assert_int_equal(pick.s != 0, rows[i].valid);
    }
}

static void both_ends_are_inside(void **state)
{
    const struct renewal_window none = {{0}, {0}};
    const struct wall never = {0};
    assert_int_equal(renewal_info_pick(window(100, 103), none, never, 0).s, 100);
    assert_int_equal(renewal_info_pick(window(100, 103), none, never, 3).s, 103);
    assert_int_equal(renewal_info_pick(window(100, 103), none, never, 4).s, 100);
    assert_int_equal(renewal_info_pick(window(1, INT64_MAX), none, never, INT64_MAX - 1).s, INT64_MAX);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t numbers = i;
        int64_t at = renewal_info_pick(window(5, 6), none, never, draw(&numbers)).s;
        assert_true(at == 5 || at == 6);
    }
}

static void picks_are_uniform(void **state)
{
    enum { PARTS = 10, DRAWS = 20000 };
    int counts[PARTS] = {0};
    uint64_t numbers = 7;
    const int64_t start = T0, end = T0 + 2 * DAY;
    for (int i = 0; i < DRAWS; i++) {
        int64_t at = renewal_info_pick(window(start, end), window(0, 0), (struct wall){0}, draw(&numbers)).s;
        assert_true(at >= start && at <= end);
        counts[(at - start) * PARTS / (end - start + 1)]++;
    }
    /* 2000 each; 42 is a standard deviation */
    for (int i = 0; i < PARTS; i++)
        assert_in_range(counts[i], DRAWS / PARTS - 250, DRAWS / PARTS + 250);
}

static void pick_stays_with_its_window(void **state)
{
    const struct renewal_window w = {{1000}, {2000}}, longer = {{1000}, {2001}}, later = {{1001}, {2000}};
    const struct wall pick = {1234};
    for (uint64_t random = 0; random < 5; random++)
        assert_int_equal(renewal_info_pick(w, w, pick, random).s, 1234);
    assert_int_equal(renewal_info_pick(w, w, w.start, 7).s, 1000);
    assert_int_equal(renewal_info_pick(w, w, w.end, 7).s, 2000);
    assert_int_equal(renewal_info_pick(longer, w, pick, 7).s, 1007);
    assert_int_equal(renewal_info_pick(later, w, pick, 7).s, 1008);
    /* none so far, and one that is no instant of it (a damaged record) */
    assert_int_equal(renewal_info_pick(w, w, (struct wall){0}, 7).s, 1007);
    assert_int_equal(renewal_info_pick(w, w, (struct wall){999}, 7).s, 1007);
    assert_int_equal(renewal_info_pick(w, w, (struct wall){2001}, 7).s, 1007);
    assert_int_equal(renewal_info_pick(window(0, 0), window(0, 0), pick, 7).s, 0);
}

/* --- the date --- */

static void dates(void **state)
{
    static const struct {
        const char *what;
        int64_t lifetime, renewed, pick, before, now, due; /* from T0 on; renewed and pick -1: none */
    } rows[] = {
        {"no information: the rule", 90 * DAY, -1, -1, 0, 0, 60 * DAY},
        {"no information, operator's rule", 90 * DAY, -1, -1, 20 * DAY, 0, 70 * DAY},
        {"no information, past", 90 * DAY, -1, -1, 0, 61 * DAY, 61 * DAY},
        {"the pick, earlier than the rule", 90 * DAY, -1, 30 * DAY, 0, 0, 30 * DAY},
        {"the pick, later than the rule", 90 * DAY, -1, 70 * DAY, 0, 0, 70 * DAY},
        {"as late as may be", 90 * DAY, -1, 75 * DAY, 0, 0, 75 * DAY},
        {"too late", 90 * DAY, -1, 75 * DAY + 1, 0, 0, 75 * DAY},
        {"after expiry", 90 * DAY, -1, 900 * DAY, 0, 0, 75 * DAY},
        {"too late for a short one", 6 * DAY, -1, 5 * DAY, 0, 0, 4 * DAY + DAY / 2},
        {"past is now", 90 * DAY, -1, 1 * DAY, 0, 50 * DAY, 50 * DAY},
        {"a second ago", 90 * DAY, -1, 50 * DAY - 1, 0, 50 * DAY, 50 * DAY},
        {"the CA pulls before the operator's rule", 90 * DAY, -1, 10 * DAY, 20 * DAY, 0, 10 * DAY},
        {"the operator's rule before the CA's", 90 * DAY, -1, 60 * DAY, 40 * DAY, 0, 50 * DAY},
        {"the operator's rule, however late", 90 * DAY, -1, 900 * DAY, HOUR, 0, 90 * DAY - HOUR},
        {"negative renew-before is none", 90 * DAY, -1, 900 * DAY, -5, 0, 75 * DAY},
        {"the brake: a day after the last renewal", 90 * DAY, 0, HOUR, 0, 2 * HOUR, DAY},
        {"the brake: a tenth of a short lifetime", 5 * DAY, 0, 1, 0, 0, DAY / 2},
        {"the brake lets go", 90 * DAY, 0, DAY, 0, 0, DAY},
        {"never renewed: no brake", 90 * DAY, -1, 1, 0, 5, 5},
        {"an incident long after the renewal", 90 * DAY, 0, 20 * DAY, 0, 20 * DAY + HOUR, 20 * DAY + HOUR},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct renewal_info_date d = {.not_before = {T0},
            .not_after = {T0 + rows[i].lifetime},
            .renewed_at = {rows[i].renewed < 0 ? 0 : T0 + rows[i].renewed},
            .pick = {rows[i].pick < 0 ? 0 : T0 + rows[i].pick},
            .renew_before_s = rows[i].before,
            .now = {T0 + rows[i].now},
            .random = 0};
        int64_t due = renewal_info_due(&d).s - T0;
        if (due != rows[i].due)
            fail_msg("%s: %lld instead of %lld", rows[i].what, (long long)due, (long long)rows[i].due);
    }
}

static void without_information_it_is_the_rule(void **state)
{
    uint64_t numbers = 3;
    for (int i = 0; i < 20000; i++) {
        struct schedule_renewal r = {.not_before = {T0},
            .not_after = {T0 + (int64_t)(draw(&numbers) % (uint64_t)(400 * DAY))},
            .renew_before_s = (int64_t)(draw(&numbers) % 3) * 20 * DAY,
            .renewed_at = {draw(&numbers) % 2 == 0 ? 0 : T0},
            .random = draw(&numbers)};
        struct renewal_info_date d = {.not_before = r.not_before,
            .not_after = r.not_after,
            .renew_before_s = r.renew_before_s,
            .renewed_at = r.renewed_at,
            .now = {1},
            .random = r.random};
        int64_t rule = schedule_renewal_at(&r).s;
        assert_int_equal(renewal_info_due(&d).s, rule);
        /* and no window makes it later than half of the reserve, or sooner than the brake allows */
        d.pick.s = T0 - 10 * DAY + (int64_t)(draw(&numbers) % (uint64_t)(800 * DAY));
        int64_t lifetime = r.not_after.s - T0;
        int64_t due = renewal_info_due(&d).s;
        int64_t gap = lifetime / 10 < DAY ? lifetime / 10 : DAY;
        if (r.renewed_at.s != 0 && lifetime > 0)
            assert_true(due >= T0 + gap);
        if (r.renew_before_s == 0 && lifetime > 100)
            assert_true(r.not_after.s - due >= lifetime / 6 - 1);
        if (r.renew_before_s != 0)
            assert_true(due <= rule || due == T0); /* not before it began */
    }
}

static void ends_of_time(void **state)
{
    static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, T0, INT64_MAX - 1, INT64_MAX};
    enum { N = ARRAY_LEN(values) };
    for (size_t i = 0; i < (size_t)N * N * N * N * N; i++) { /* every combination of five */
        struct renewal_info_date d = {.not_before = {values[i % N]},
            .not_after = {values[i / N % N]},
            .renewed_at = {values[i / N / N % N]},
            .pick = {values[i / N / N / N % N]},
            .renew_before_s = values[i / N / N / N / N],
            .now = {T0},
            .random = UINT64_MAX};
        assert_true(renewal_info_due(&d).s >= T0);
    }
}

/* Two years of a CA whose window always lies in the past, also one that moves with every answer. */
static void past_windows_are_no_storm(void **state)
{
    static const struct {
        int64_t lifetime, most;
    } rows[] = {
        {90 * DAY, 732}, /* one a day */
        {47 * DAY, 732},
        {6 * DAY, 1220}, /* a tenth of the lifetime: 14.4 hours */
        {HOUR, 730 * 24 * 10 + 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t numbers = i;
        int64_t now = T0, end = T0 + 730 * DAY, renewed = 0, count = 0;
        while (now < end) {
            struct renewal_window w = window(now - HOUR, now - 1800);
            struct wall pick = renewal_info_pick(w, window(0, 0), (struct wall){0}, draw(&numbers));
            const struct renewal_info_date d = {.not_before = {now},
                .not_after = {now + rows[i].lifetime},
                .renewed_at = {renewed},
                .pick = pick,
                .now = {now},
                .random = draw(&numbers)};
            now = renewal_info_due(&d).s;
            renewed = now;
            count++;
        }
        assert_in_range(count, rows[i].most / 2, rows[i].most);
    }
}

/* --- asking --- */

static void polls(void **state)
{
    static const struct {
        enum renewal_answer answer;
        int64_t failures, retry_in; /* retry_in 0: none */
        int64_t earliest, latest;   /* from now on */
    } rows[] = {
        {RENEWAL_ANSWER_GOOD, 0, 6 * HOUR, 6 * HOUR, 6 * HOUR},
        {RENEWAL_ANSWER_GOOD, 0, 60, 60, 60},
        {RENEWAL_ANSWER_GOOD, 0, 59, 60, 60},
        {RENEWAL_ANSWER_GOOD, 0, -5, 60, 60},
        {RENEWAL_ANSWER_GOOD, 0, DAY, DAY, DAY},
        {RENEWAL_ANSWER_GOOD, 0, DAY + 1, DAY, DAY},
        {RENEWAL_ANSWER_GOOD, 0, 0, 6 * HOUR, 6 * HOUR},
        {RENEWAL_ANSWER_BAD, 5, 0, 6 * HOUR, 6 * HOUR},
        {RENEWAL_ANSWER_BAD, 0, 60, 6 * HOUR, 6 * HOUR},
        {RENEWAL_ANSWER_TEMPORARY, INT64_MIN, 0, 60, 72},
        {RENEWAL_ANSWER_TEMPORARY, 0, 0, 60, 72},
        {RENEWAL_ANSWER_TEMPORARY, 1, 0, 60, 72},
        {RENEWAL_ANSWER_TEMPORARY, 2, 0, 120, 144},
        {RENEWAL_ANSWER_TEMPORARY, 9, 0, 15360, 18432},
        {RENEWAL_ANSWER_TEMPORARY, 10, 0, 5 * HOUR, 6 * HOUR},
        {RENEWAL_ANSWER_TEMPORARY, INT64_C(1) << 31, 0, 5 * HOUR, 6 * HOUR},
        {RENEWAL_ANSWER_TEMPORARY, INT64_MAX, 0, 5 * HOUR, 6 * HOUR},
        {RENEWAL_ANSWER_TEMPORARY, 1, 3 * HOUR, 3 * HOUR, 3 * HOUR},
        {RENEWAL_ANSWER_TEMPORARY, 1, 30 * DAY, DAY, DAY},
        {RENEWAL_ANSWER_TEMPORARY, 1, -30 * DAY, 60, 72},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t numbers = 1;
        for (int k = 0; k < 300; k++) {
            const struct renewal_poll p = {.answer = rows[i].answer,
                .failures = rows[i].failures,
                .retry_at = {rows[i].retry_in == 0 ? 0 : T0 + rows[i].retry_in},
                .now = {T0},
                .not_after = {T0 + 90 * DAY},
                .random = k == 0 ? 0 : draw(&numbers)};
            int64_t at = renewal_info_poll_at(&p).s - T0;
            if (at < rows[i].earliest || at > rows[i].latest)
                fail_msg("row %zu: %lld", i, (long long)at);
        }
    }
}

static void expired_certificates_are_not_asked_about(void **state)
{
    struct renewal_poll p = {.answer = RENEWAL_ANSWER_GOOD, .retry_at = {T0 + HOUR}, .now = {T0}};
    static const struct {
        int64_t not_after;
        bool asked;
    } rows[] = {{T0 - DAY, false}, {T0, false}, {T0 + HOUR, false}, {T0 + HOUR + 1, true}, {0, false},
        {INT64_MIN, false}, {INT64_MAX, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        p.not_after.s = rows[i].not_after;
        assert_int_equal(renewal_info_poll_at(&p).s, rows[i].asked ? T0 + HOUR : 0);
    }
    p = (struct renewal_poll){.now = {INT64_MAX - 5}, .not_after = {INT64_MAX}, .retry_at = {INT64_MIN}};
    assert_int_equal(renewal_info_poll_at(&p).s, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_have_an_inside),
        cmocka_unit_test(both_ends_are_inside),
        cmocka_unit_test(picks_are_uniform),
        cmocka_unit_test(pick_stays_with_its_window),
        cmocka_unit_test(dates),
        cmocka_unit_test(without_information_it_is_the_rule),
        cmocka_unit_test(ends_of_time),
        cmocka_unit_test(past_windows_are_no_storm),
        cmocka_unit_test(polls),
        cmocka_unit_test(expired_certificates_are_not_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
