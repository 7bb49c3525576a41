#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "policy/turn.h"

#include <string.h>

enum { NOW = 1800000000, DAY = 86400 };

/* A model of a scheduler: queues with so much to do, and places that are given until nobody gets one. */
struct world {
    struct turn_queue queues[8];
    size_t work[8];
    size_t n;
    uint64_t turn;
};

static struct world world_of(size_t n, const size_t *work)
{
    struct world w = {.n = n, .turn = 1};
    for (size_t i = 0; i < n; i++) {
        w.work[i] = work[i];
        w.queues[i] = (struct turn_queue){.has_work = work[i] > 0, .max = SIZE_MAX};
    }
    return w;
}

static size_t give(struct world *w, size_t places)
{
    size_t i = turn_next(w->queues, w->n, places);
    if (i == SIZE_MAX)
        return i;
    assert_true(w->work[i] > 0);
    w->queues[i].in_flight++;
    w->queues[i].served = w->turn++;
    w->queues[i].has_work = --w->work[i] > 0;
    return i;
}

static void give_all(struct world *w, size_t places)
{
    while (give(w, places) != SIZE_MAX)
        continue;
}

static void nobody_gets_what_nobody_needs(void **state)
{
    struct turn_queue q = {.has_work = false, .max = 5};
    assert_true(turn_next(NULL, 0, 32) == SIZE_MAX);
    assert_true(turn_next(&q, 1, 32) == SIZE_MAX);
    q.has_work = true;
    assert_int_equal(turn_next(&q, 1, 32), 0);
    assert_true(turn_next(&q, 1, 0) == SIZE_MAX);
    q.max = 0; /* it rests */
    assert_true(turn_next(&q, 1, 32) == SIZE_MAX);
}

static void never_more_than_there_are(void **state)
{
    static const size_t work[] = {1000, 1000, 1000};
    for (size_t places = 1; places <= 100; places++) {
        struct world w = world_of(3, work);
        give_all(&w, places);
        assert_int_equal(w.queues[0].in_flight + w.queues[1].in_flight + w.queues[2].in_flight, places);
    }
    /* a setting that became smaller: nobody is thrown out, and nobody comes in */
    struct world w = world_of(3, work);
    give_all(&w, 30);
    assert_true(turn_next(w.queues, 3, 29) == SIZE_MAX);
    assert_true(turn_next(w.queues, 3, 30) == SIZE_MAX);
    assert_true(turn_next(w.queues, 3, 31) != SIZE_MAX);
}

static void a_queue_stays_within_its_own_bound(void **state)
{
    static const size_t work[] = {1000, 1000};
    struct world w = world_of(2, work);
    w.queues[0].max = 2;
    give_all(&w, 32);
    assert_int_equal(w.queues[0].in_flight, 2);
    assert_int_equal(w.queues[1].in_flight, 24);
}

static void places_are_shared_evenly(void **state)
{
    static const size_t work[] = {100000, 20, 9, 3};
    struct world w = world_of(4, work);
    give_all(&w, 32);
    assert_int_equal(w.queues[0].in_flight, 10);
    assert_int_equal(w.queues[1].in_flight, 10);
    assert_int_equal(w.queues[2].in_flight, 9);
    assert_int_equal(w.queues[3].in_flight, 3);
}

static void a_quarter_stays_free_for_who_comes_later(void **state)
{
    static const struct {
        size_t places, most;
    } cases[] = {{1, 1}, {2, 2}, {3, 3}, {4, 3}, {5, 4}, {7, 6}, {8, 6}, {32, 24}, {1000, 750}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static const size_t work[] = {100000, 0};
        struct world w = world_of(2, work);
        give_all(&w, cases[i].places);
        assert_int_equal(w.queues[0].in_flight, cases[i].most);
        /* the other one comes */
        w.work[1] = 1;
        w.queues[1].has_work = true;
        if (cases[i].most < cases[i].places)
            assert_int_equal(give(&w, cases[i].places), 1);
    }
}

static void equals_take_turns(void **state)
{
    static const size_t work[] = {100, 100, 100};
    size_t order[9];
    struct world w = world_of(3, work);
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        order[i] = give(&w, 1); /* one place: each ends before the next begins */
        w.queues[order[i]].in_flight--;
    }
    static const size_t expected[] = {0, 1, 2, 0, 1, 2, 0, 1, 2};
    assert_memory_equal(order, expected, sizeof order);
}

/* A hundred thousand at one CA and one at another: that one does not wait for them. */
static void the_small_one_is_next(void **state)
{
    static const size_t work[] = {100000, 0};
    struct world w = world_of(2, work);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(give(&w, 1), 0);
        w.queues[0].in_flight--;
    }
    w.work[1] = 1;
    w.queues[1].has_work = true;
    assert_int_equal(give(&w, 1), 1);
}

static void urgent_is_halfway_to_expiry(void **state)
{
    static const struct {
        int64_t due, not_after, urgent;
    } cases[] = {
        {NOW, NOW + 30 * DAY, NOW + 15 * DAY},
        {NOW, NOW + 1, NOW},
        {NOW, NOW, NOW},
        {NOW + 1, NOW, NOW}, /* to be renewed after it has expired: at expiry */
        {INT64_MAX, NOW, NOW},
        {1, INT64_MAX, INT64_MAX / 2 + 1},
        {NOW, 0, 0}, /* never issued */
        {NOW, -1, 0},
        {0, NOW, 0}, /* not due */
        {-1, NOW, 0},
        {0, 0, 0},
        {INT64_MIN, INT64_MAX, 0},
        {INT64_MAX, INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(turn_urgent_at((struct wall){cases[i].due}, (struct wall){cases[i].not_after}).s,
            cases[i].urgent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gets_what_nobody_needs),
        cmocka_unit_test(never_more_than_there_are),
        cmocka_unit_test(a_queue_stays_within_its_own_bound),
        cmocka_unit_test(places_are_shared_evenly),
        cmocka_unit_test(a_quarter_stays_free_for_who_comes_later),
        cmocka_unit_test(equals_take_turns),
        cmocka_unit_test(the_small_one_is_next),
        cmocka_unit_test(urgent_is_halfway_to_expiry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
