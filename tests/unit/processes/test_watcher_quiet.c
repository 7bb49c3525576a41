#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "processes/watcher/quiet.h"

static void test_how_long(void **state)
{
    static const struct {
        int64_t first, now, min, max, wait;
    } rows[] = {
        {0, 0, 500, 10000, 500},        /* the first change */
        {0, 400, 500, 10000, 500},      /* a further one waits anew */
        {0, 9700, 500, 10000, 300},     /* but not beyond the ceiling */
        {0, 10000, 500, 10000, 0},      /* which has come */
        {0, 50000, 500, 10000, 0},      /* or is long over */
        {7000, 7000, 0, 0, 0},          /* no wait at all */
        {7000, 7000, 2000, 1000, 1000}, /* a ceiling below the floor wins */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(quiet_wait(rows[i].first, rows[i].now, rows[i].min, rows[i].max), rows[i].wait);
}

/* A clock that the test sets; timers of the loop are asked for what is left. */
struct world {
    struct event_base *base;
    struct quiet quiet;
    struct clock clock;
    int64_t now_ms;
    int calls;
};

static struct mono now(void *arg)
{
    const struct world *w = arg;
    return (struct mono){w->now_ms};
}

static void on_quiet(void *arg)
{
    struct world *w = arg;
    w->calls++;
}

static int setup(void **state)
{
    static struct world w;
    w = (struct world){.base = event_base_new()};
    w.clock = (struct clock){.mono = now, .arg = &w};
    quiet_init(&w.quiet, w.base, &w.clock, on_quiet, &w);
    w.quiet.min_ms = 500;
    w.quiet.max_ms = 10 * 1000;
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    quiet_end(&w->quiet);
    quiet_end(&w->quiet); /* twice is once */
    event_base_free(w->base);
    return 0;
}

/* Milliseconds that its timer was set for, rounded up to 100; -1 where it is not set. */
static int64_t left(const struct world *w)
{
    struct timeval at, base_now;
    if (!event_pending(w->quiet.timer, EV_TIMEOUT, &at))
        return -1;
    evutil_gettimeofday(&base_now, NULL);
    int64_t ms = (at.tv_sec - base_now.tv_sec) * 1000 + (at.tv_usec - base_now.tv_usec) / 1000;
    return ms <= 0 ? 0 : (ms + 99) / 100 * 100;
}

static void turn(const struct world *w)
{
    event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* A hundred changes a second for a minute: done every ten seconds, and once more after the last. */
static void test_never_quiet(void **state)
{
    struct world *w = *state;
    for (w->now_ms = 0; w->now_ms < 60 * 1000; w->now_ms += 10) {
        quiet_touch(&w->quiet);
        if (w->now_ms - w->quiet.first_ms >= w->quiet.max_ms) {
            int before = w->calls;
            turn(w);
            assert_int_equal(w->calls, before + 1);
        }
    }
    assert_in_range(w->calls, 5, 6);
    quiet_touch(&w->quiet);
    assert_true(w->quiet.waiting);
    assert_true(left(w) >= 0);
}

static void test_quiet(void **state)
{
    struct world *w = *state;
    quiet_touch(&w->quiet);
    assert_int_equal(left(w), 500);
    turn(w);
    assert_int_equal(w->calls, 0);
    w->now_ms = 9800;
    quiet_touch(&w->quiet);
    assert_in_range(left(w), 0, 200);
    quiet_now(&w->quiet);
    turn(w);
    assert_int_equal(w->calls, 1);
    assert_false(w->quiet.waiting);
    turn(w);
    assert_int_equal(w->calls, 1);
}

/* A later look is brought forward by a change, and does not put one off. */
static void test_after(void **state)
{
    struct world *w = *state;
    quiet_after(&w->quiet, 60 * 1000);
    assert_true(left(w) > 50 * 1000);
    quiet_touch(&w->quiet);
    assert_int_equal(left(w), 500);
    quiet_after(&w->quiet, 60 * 1000);
    assert_int_equal(left(w), 500);
    quiet_cancel(&w->quiet);
    assert_int_equal(left(w), -1);
    turn(w);
    assert_int_equal(w->calls, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_long),
        cmocka_unit_test_setup_teardown(test_never_quiet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quiet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_after, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
