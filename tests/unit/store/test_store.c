/* The suite of behaviour, run over every driver; and the drivers against each other. */
#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

static struct store *open_sqlite(struct place *p)
{
    struct store *s = NULL;
    struct err err = ERR_INIT;
    if (store_open_sqlite(p->scratch.db, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static struct store *open_memory(struct place *p)
{
    return store_open_memory();
}

static struct store *open_faulty(struct place *p)
{
    return store_open_faulty(store_open_memory(), 0, 0);
}

static const struct driver {
    const char *name;
    struct store *(*open)(struct place *p);
} drivers[] = {
    {"sqlite", open_sqlite},
    {"memory", open_memory},
    {"faulty", open_faulty},
};

static int set_up(void **state)
{
    const struct driver *driver = *state;
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    scratch_make(&p->scratch);
    p->a = arena_new();
    p->s = driver->open(p);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    store_close(p->s);
    arena_free(p->a);
    scratch_free(&p->scratch);
    free(p);
    return 0;
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* One random operation with these numbers on a store. */
static void operate(struct store *s, const uint64_t n[4])
{
    static const char *const names[] = {"a", "b", "aa", "a.b", "B", "ba", "c", "z"};
    const char *name = names[n[1] % ARRAY_LEN(names)];
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)n[3] % 5);
    int64_t small = (int64_t)(n[2] % 7) - 1;
    switch (n[0] % 11) {
    case 0:
    case 1:
        put_due(s, name, small, (int64_t)(n[3] % 4));
        break;
    case 2:
        put_key(s, name, small, text);
        break;
    case 3:
        assert_int_equal(store_key_delete_below(s, str_c(name), small, NULL), 0);
        break;
    case 4:
        put_challenge(s, name, text);
        break;
    case 5:
        assert_int_equal(store_challenge_delete(s, name, text, NULL), 0);
        break;
    case 6:
        put_history(s, small, name, text);
        break;
    case 7:
        if (n[2] % 4 == 0)
            assert_int_equal(store_certificate_delete(s, str_c(name), NULL), 0);
        break;
    case 8:
        assert_int_equal(store_commit(s, NULL), 0);
        break;
    case 9:
        put_ari_due(s, name, small);
        break;
    case 10:
        if (n[2] % 3 == 0)
            assert_int_equal(store_bucket_delete_expired(s, (struct wall){small}, NULL), 0);
        else
            put_bucket(s, name, (int64_t)n[3], small);
        break;
    }
}

static void driver_does_as_memory_does(void **state)
{
    struct place *p = *state;
    struct store *model = store_open_memory();
    struct buf dump = buf_new(1 << 20), expected = buf_new(1 << 20);
    uint64_t numbers = 42;
    for (int i = 0; i < 1500; i++) {
        uint64_t n[4];
        for (size_t k = 0; k < ARRAY_LEN(n); k++)
            n[k] = draw(&numbers);
        operate(p->s, n);
        operate(model, n);
        static const char *const names[] = {"a", "b", "aa"};
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            for (int64_t generation = -1; generation < 6; generation++)
                assert_int_equal(has_key(p->s, names[k], generation), has_key(model, names[k], generation));
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            assert_int_equal(has_bucket(p->s, names[k]), has_bucket(model, names[k]));
        if (i % 50 != 49)
            continue;
        buf_clear(&dump);
        buf_clear(&expected);
        dump_store(p->s, &dump);
        dump_store(model, &expected);
        assert_string_equal(buf_c(&dump), buf_c(&expected));
    }
    buf_free(&dump);
    buf_free(&expected);
    store_close(model);
}

static const struct behaviour own_behaviours[] = {BEHAVIOUR(driver_does_as_memory_does)};

enum { TESTS_MAX = 256 };

static struct CMUnitTest tests[TESTS_MAX];
static char names[TESTS_MAX][80];
static size_t test_n;

static void add_tests(struct driver *driver, const struct behaviour *behaviours, size_t n)
{
    for (size_t i = 0; i < n; i++, test_n++) {
        if (test_n == TESTS_MAX)
            abort(); /* or tests would be left out */
        snprintf(names[test_n], sizeof names[test_n], "%s: %s", driver->name, behaviours[i].name);
        tests[test_n] = (struct CMUnitTest){names[test_n], behaviours[i].function, set_up, tear_down, driver};
    }
}

int main(void)
{
    static struct driver state[ARRAY_LEN(drivers)]; /* cmocka's states are not const */
    for (size_t d = 0; d < ARRAY_LEN(drivers); d++) {
        state[d] = drivers[d];
        add_tests(&state[d], certificate_behaviours, certificate_behaviour_n);
        add_tests(&state[d], record_behaviours, record_behaviour_n);
        add_tests(&state[d], own_behaviours, ARRAY_LEN(own_behaviours));
    }
    return _cmocka_run_group_tests("store", tests, test_n, NULL, NULL);
}
