#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "processes/watcher/settle.h"

enum { LONG = SETTLE_S * 1000, NOW_S = 1800000000 };

static bool claims(const struct settle *s, const char *state, int64_t now_ms)
{
    struct container c = {.state = state};
    int64_t wait_ms;
    return claimable(s, &c, now_ms, &wait_ms);
}

static void look(struct settle *s, const char *state, int64_t restarts, int64_t now_ms)
{
    struct container c = {.state = state, .restarts = restarts, .started_s = NOW_S + now_ms / 1000};
    settle_look(s, &c, now_ms, NOW_S + now_ms / 1000);
}

/* docker run: it claims at once. */
static void test_a_new_one_claims_at_once(void **state)
{
    struct settle s = {.known = false};
    look(&s, "running", 0, 1000);
    assert_true(claims(&s, "running", 1000));
}

static void test_states(void **state)
{
    static const char *const up[] = {"running", "paused"};
    static const char *const down[] = {"created", "exited", "dead", "removing", "", "Running", "unheard-of"};
    struct settle s = {.known = true, .sent = true};
    for (size_t i = 0; i < ARRAY_LEN(up); i++)
        assert_true(claims(&s, up[i], 1000));
    for (size_t i = 0; i < ARRAY_LEN(down); i++)
        assert_false(claims(&s, down[i], 1000));
}

/* It dies and is started anew, by Docker, again and again: each start counts for nothing. */
static void test_a_crash_loop_never_claims(void **state)
{
    struct settle s = {.known = false};
    int64_t now_ms = 0;
    look(&s, "created", 0, now_ms);
    for (int64_t n = 0; n < 20; n++) {
        now_ms += 1000;
        settle_died(&s, now_ms);
        look(&s, "restarting", n, now_ms);
        assert_false(claims(&s, "restarting", now_ms));
        now_ms += n * 10 * 1000; /* Docker's wait, which becomes longer than ours */
        assert_false(claims(&s, "restarting", now_ms));
        look(&s, "running", n + 1, now_ms);
        assert_false(claims(&s, "running", now_ms));
        assert_false(claims(&s, "running", now_ms + 999));
    }
    /* It runs, at last. */
    assert_false(claims(&s, "running", now_ms + LONG - 1));
    assert_true(claims(&s, "running", now_ms + LONG));
}

/* The death was not seen, the count of restarts was. */
static void test_a_count_that_grew(void **state)
{
    struct settle s = {.known = false};
    look(&s, "running", 0, 0);
    look(&s, "running", 1, 5000);
    assert_false(claims(&s, "running", 5000));
    look(&s, "running", 1, 6000); /* the same again changes nothing */
    assert_true(claims(&s, "running", 5000 + LONG));
}

/* What was sent stays through restarts, and goes with the container. */
static void test_what_was_sent_stays(void **state)
{
    struct settle s = {.known = false};
    look(&s, "running", 0, 0);
    s.sent = true;
    settle_died(&s, 1000);
    look(&s, "restarting", 0, 1000);
    assert_true(claims(&s, "restarting", 1000));
    look(&s, "running", 1, 2000);
    assert_true(claims(&s, "running", 2000));
    assert_false(claims(&s, "exited", 2000));
    s.sent = false;
    assert_false(claims(&s, "running", 3000));
}

/* One that has been restarted before it was seen here first: by the time that it has run. */
static void test_seen_first_after_restarts(void **state)
{
    static const struct {
        int64_t started_s; /* ago; negative: the engine's clock is ahead */
        int64_t wait_ms;   /* -1: claims at once */
    } rows[] = {{SETTLE_S + 1, -1}, {SETTLE_S, -1}, {10, LONG - 10 * 1000}, {0, LONG}, {-100, LONG}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settle s = {.known = false};
        struct container c = {.state = "running", .restarts = 3, .started_s = NOW_S - rows[i].started_s};
        int64_t wait_ms;
        settle_look(&s, &c, 500 * 1000, NOW_S);
        assert_int_equal(claimable(&s, &c, 500 * 1000, &wait_ms), rows[i].wait_ms < 0);
        assert_int_equal(wait_ms, rows[i].wait_ms);
    }
}

/* Somebody is told when to ask again only where time alone is missing. */
static void test_when_to_ask_again(void **state)
{
    struct settle s = {.known = false};
    struct container c = {.state = "running"};
    int64_t wait_ms = 7;
    settle_died(&s, 1000);
    look(&s, "running", 0, 1000);
    assert_false(claimable(&s, &c, 11 * 1000, &wait_ms));
    assert_int_equal(wait_ms, LONG - 10 * 1000);
    c.state = "exited";
    assert_false(claimable(&s, &c, 11 * 1000, &wait_ms));
    assert_int_equal(wait_ms, -1);
    c.state = "restarting";
    look(&s, "restarting", 0, 12 * 1000);
    assert_false(claimable(&s, &c, 11 * 1000, &wait_ms));
    assert_int_equal(wait_ms, -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_one_claims_at_once),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_a_crash_loop_never_claims),
        cmocka_unit_test(test_a_count_that_grew),
        cmocka_unit_test(test_what_was_sent_stays),
        cmocka_unit_test(test_seen_first_after_restarts),
        cmocka_unit_test(test_when_to_ask_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
