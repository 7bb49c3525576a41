/* The engine's ledger over a store in memory, with a clock and limits of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "config/facts.h"
#include "processes/engine/engine.h"

#include <string.h>

enum { HOUR = 3600, DAY = 24 * HOUR, WEEK = 7 * DAY };

#define T0   INT64_C(1790000000)
#define CA   "https://ca.example/dir"
#define NEXT "https://other.example/dir"

static int64_t now;

struct wall engine_now(const struct engine *e)
{
    return (struct wall){now};
}

const struct rate_limit *facts_limits(struct str directory, size_t *n)
{
    static const struct rate_limit limits[] = {
        {LIMIT_REGISTRATIONS, 2, 3 * HOUR},
        {LIMIT_ORDERS, 10, HOUR},
        {LIMIT_DOMAIN, 4, WEEK},
        {LIMIT_EXACT_SET, 2, WEEK},
        {LIMIT_FAILURES, 3, HOUR},
        {LIMIT_CONSECUTIVE_FAILURES, 8, 8 * DAY},
    };
    bool known = str_eq_c(directory, CA);
    *n = known ? ARRAY_LEN(limits) : 0;
    return known ? limits : NULL;
}

struct place {
    struct engine e;
    struct authority first, second, unknown; /* two accounts at one CA, and another CA */
    struct arena *a;
    struct wall may_at;
    const char *reason;
};

static char text_first[] = "first", id_first[] = CA, id_second[] = CA "#second", url[] = CA, other[] = NEXT;

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    now = T0;
    p->e.store = store_open_memory();
    p->a = arena_new();
    p->first = (struct authority){.engine = &p->e, .name = text_first, .id = id_first, .directory_url = url};
    p->second =
        (struct authority){.engine = &p->e, .name = text_first, .id = id_second, .directory_url = url};
    p->unknown = (struct authority){.engine = &p->e, .name = text_first, .id = other, .directory_url = other};
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    store_close(p->e.store);
    arena_free(p->a);
    free(p);
    return 0;
}

static bool may(struct place *p, struct authority *a, const char *name, enum ledger_order kind)
{
    struct str names[] = {str_c(name)};
    p->may_at = (struct wall){-7};
    p->reason = NULL;
    return ledger_may_order(a, names, 1, kind, &p->may_at, &p->reason, p->a);
}

static void order(struct authority *a, const char *name, enum ledger_order kind)
{
    struct str names[] = {str_c(name)};
    ledger_note_order(a, names, 1, kind);
}

static void issue(struct authority *a, const char *name, enum ledger_order kind)
{
    struct str names[] = {str_c(name)};
    order(a, name, kind);
    ledger_note_issued(a, names, 1, kind);
}

static void refuse(struct authority *a, const char *name, enum ledger_order kind, int64_t wait)
{
    struct str names[] = {str_c(name)};
    ledger_note_refused(a, names, 1, kind, (struct wall){wait == 0 ? 0 : now + wait});
}

static void orders_are_counted_for_each_account(void **state)
{
    struct place *p = *state;
    char name[32];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "www.d%d.example", i);
        if (i == 9) /* the last one waits for the first one's way to the CA */
            now += LEDGER_WAY_S;
        assert_true(may(p, &p->first, name, LEDGER_ORDER_NEW));
        order(&p->first, name, LEDGER_ORDER_NEW);
    }
    assert_false(may(p, &p->first, "x.example", LEDGER_ORDER_NEW));
    assert_int_equal(p->may_at.s, T0 + LEDGER_WAY_S + 360);
    assert_string_equal(p->reason, "first allows an account 10 new orders in 1h; the next may be ordered at "
                                   "2026-09-21T14:19:25Z");
    /* what the CA counts otherwise */
    assert_true(may(p, &p->first, "x.example", LEDGER_ORDER_SAME_SET));
    assert_true(may(p, &p->first, "x.example", LEDGER_ORDER_REPLACES));
    assert_true(may(p, &p->second, "x.example", LEDGER_ORDER_NEW));
    assert_true(may(p, &p->unknown, "x.example", LEDGER_ORDER_NEW));
    now += 360;
    assert_true(may(p, &p->first, "x.example", LEDGER_ORDER_NEW));
}

static void certificates_are_counted_for_all_accounts(void **state)
{
    struct place *p = *state;
    /* orders that led to nothing are none */
    for (int i = 0; i < 9; i++)
        order(&p->first, "www.a.example", LEDGER_ORDER_NEW);
    now += LEDGER_WAY_S;
    assert_true(may(p, &p->first, "www.a.example", LEDGER_ORDER_NEW));
    issue(&p->first, "www.a.example", LEDGER_ORDER_NEW);
    now += HOUR;
    assert_true(may(p, &p->first, "www.a.example", LEDGER_ORDER_SAME_SET));
    issue(&p->first, "www.a.example", LEDGER_ORDER_SAME_SET);
    assert_false(may(p, &p->first, "www.a.example", LEDGER_ORDER_SAME_SET));
    assert_int_equal(p->may_at.s, T0 + LEDGER_WAY_S + WEEK / 2);
    assert_non_null(
        strstr(p->reason, "first allows 2 certificates for exactly these names in 7d; the next may"));
    assert_false(may(p, &p->second, "www.a.example", LEDGER_ORDER_NEW));
    assert_true(may(p, &p->first, "www.a.example", LEDGER_ORDER_REPLACES));
    assert_true(may(p, &p->unknown, "www.a.example", LEDGER_ORDER_NEW));
    /* the domain: one so far, since a renewal is none */
    static const char *const names[] = {"1.a.example", "2.a.example", "*.a.example"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(may(p, &p->second, names[i], LEDGER_ORDER_NEW));
        issue(&p->second, names[i], LEDGER_ORDER_NEW);
    }
    assert_false(may(p, &p->first, "3.a.example", LEDGER_ORDER_NEW));
    assert_non_null(strstr(p->reason, "first allows 4 certificates with names of a.example in 7d; "));
    assert_true(may(p, &p->first, "3.b.example", LEDGER_ORDER_NEW));
    assert_true(may(p, &p->first, "1.a.example", LEDGER_ORDER_SAME_SET));
    /* the longer wait of two is told */
    issue(&p->second, "1.a.example", LEDGER_ORDER_SAME_SET);
    assert_false(may(p, &p->first, "1.a.example", LEDGER_ORDER_NEW));
    assert_non_null(strstr(p->reason, "exactly these names"));
}

static void failures_hold_a_name_back(void **state)
{
    struct place *p = *state;
    for (int i = 0; i < 3; i++) {
        assert_true(may(p, &p->first, "*.a.example", LEDGER_ORDER_NEW));
        ledger_note_failure(&p->first, "a.example");
    }
    assert_false(may(p, &p->first, "*.A.example", LEDGER_ORDER_SAME_SET));
    assert_int_equal(p->may_at.s, T0 + 1200);
    assert_non_null(strstr(p->reason, "first allows an account 3 failed validations of a.example in 1h; "));
    assert_true(may(p, &p->first, "b.example", LEDGER_ORDER_NEW));
    assert_true(may(p, &p->second, "a.example", LEDGER_ORDER_NEW));
    ledger_note_success(&p->first, "a.example");
    assert_false(may(p, &p->first, "a.example", LEDGER_ORDER_NEW)); /* does not give these back */
    now += HOUR;
    assert_true(may(p, &p->first, "a.example", LEDGER_ORDER_NEW));
}

static void a_success_ends_the_row_of_failures(void **state)
{
    struct place *p = *state;
    for (int i = 0; i < 8; i++, now += HOUR)
        ledger_note_failure(&p->first, "a.example");
    assert_false(may(p, &p->first, "a.example", LEDGER_ORDER_NEW));
    assert_non_null(strstr(p->reason, "failed validations of a.example without a success; "));
    ledger_note_success(&p->first, "*.a.example");
    assert_true(may(p, &p->first, "a.example", LEDGER_ORDER_NEW));
    for (int i = 0; i < 7; i++, now += HOUR)
        ledger_note_failure(&p->first, "a.example");
    assert_true(may(p, &p->first, "a.example", LEDGER_ORDER_NEW));
}

static void registrations_are_counted_for_the_ca(void **state)
{
    struct place *p = *state;
    assert_true(ledger_may_register(&p->first, &p->may_at, &p->reason, p->a));
    ledger_note_registration(&p->first);
    assert_true(ledger_may_register(&p->second, &p->may_at, &p->reason, p->a));
    ledger_note_registration(&p->second);
    assert_false(ledger_may_register(&p->first, &p->may_at, &p->reason, p->a));
    assert_int_equal(p->may_at.s, T0 + 5400);
    assert_non_null(
        strstr(p->reason, "first allows 2 new accounts from one address in 3h; the next may be made at"));
    ledger_note_registration(&p->unknown);
    assert_true(ledger_may_register(&p->unknown, &p->may_at, &p->reason, p->a));
}

static void refusals_correct_the_guess(void **state)
{
    static const struct {
        const char *what;
        int64_t wait;
        bool set, name, domain, other; /* what may be ordered then */
    } rows[] = {
        {"no Retry-After", 0, true, true, true, true},
        {"orders", 300, true, false, false, false},
        {"failures of the name", 1000, false, false, true, true},
        {"the domain", DAY, true, false, false, true},
        {"the set", 3 * DAY, false, false, true, true},
        {"longer than anything explains", 100 * DAY, true, true, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct place *p;
        assert_int_equal(set_up((void **)&p), 0);
        refuse(&p->first, "www.a.example", LEDGER_ORDER_NEW, rows[i].wait);
        bool set = may(p, &p->first, "www.a.example", LEDGER_ORDER_SAME_SET),
             name = may(p, &p->first, "www.a.example", LEDGER_ORDER_NEW),
             domain = may(p, &p->first, "x.a.example", LEDGER_ORDER_NEW),
             elsewhere = may(p, &p->first, "b.example", LEDGER_ORDER_NEW);
        if (set != rows[i].set || name != rows[i].name || domain != rows[i].domain ||
            elsewhere != rows[i].other)
            fail_msg("%s: %d %d %d %d", rows[i].what, set, name, domain, elsewhere);
        if (!name) {
            assert_false(may(p, &p->first, "www.a.example", LEDGER_ORDER_NEW));
            assert_int_equal(p->may_at.s, now + rows[i].wait);
        }
        tear_down((void **)&p);
    }
}

static void refusals_that_were_expected_change_nothing(void **state)
{
    struct place *p = *state;
    for (int i = 0; i < 3; i++)
        ledger_note_failure(&p->first, "www.a.example");
    refuse(&p->first, "www.a.example", LEDGER_ORDER_NEW, 3 * DAY);
    now += HOUR;
    assert_true(may(p, &p->first, "www.a.example", LEDGER_ORDER_NEW));
    /* and a renewal with renewal information counts nowhere */
    refuse(&p->first, "www.a.example", LEDGER_ORDER_REPLACES, 3 * DAY);
    assert_true(may(p, &p->first, "www.a.example", LEDGER_ORDER_NEW));
}

static void of_several_domains_none_is_blamed(void **state)
{
    struct place *p = *state;
    const struct str names[] = {STR("a.example"), STR("b.example")};
    ledger_note_refused(&p->first, names, 2, LEDGER_ORDER_NEW, (struct wall){now + DAY});
    assert_true(may(p, &p->first, "a.example", LEDGER_ORDER_NEW));
    assert_true(may(p, &p->first, "b.example", LEDGER_ORDER_NEW));
    assert_false(ledger_may_order(&p->first, names, 2, LEDGER_ORDER_NEW, &p->may_at, &p->reason, p->a));
    assert_int_equal(p->may_at.s, now + DAY);
}

static void what_is_over_leaves_the_store(void **state)
{
    struct place *p = *state;
    struct bucket_record bucket;
    char key[LEDGER_KEY_MAX];
    ledger_note_failure(&p->first, "a.example");
    ledger_key(LIMIT_FAILURES, STR(CA), STR("a.example"), key);
    assert_int_equal(store_bucket_get(p->e.store, str_c(key), p->a, &bucket, NULL), 0);
    assert_int_equal(bucket.expires.s, T0 + 1200);
    now += 1199;
    order(&p->first, "b.example", LEDGER_ORDER_NEW);
    assert_int_equal(store_bucket_get(p->e.store, str_c(key), p->a, &bucket, NULL), 0);
    now += 1;
    order(&p->first, "b.example", LEDGER_ORDER_NEW);
    assert_int_equal(store_bucket_get(p->e.store, str_c(key), p->a, &bucket, NULL), ERR_NOT_FOUND);
}

static void a_store_that_fails_holds_nobody_back(void **state)
{
    struct place *p = *state;
    struct store *memory = p->e.store;
    for (uint64_t n = 1; n < 8; n++) {
        p->e.store = store_open_faulty(store_open_memory(), n, ERR_SPACE);
        assert_true(may(p, &p->first, "a.example", LEDGER_ORDER_NEW));
        issue(&p->first, "a.example", LEDGER_ORDER_NEW);
        ledger_note_failure(&p->first, "a.example");
        ledger_note_success(&p->first, "a.example");
        ledger_note_registration(&p->first);
        assert_true(may(p, &p->first, "a.example", LEDGER_ORDER_NEW));
        store_close(p->e.store);
    }
    p->e.store = memory;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        TEST(orders_are_counted_for_each_account),
        TEST(certificates_are_counted_for_all_accounts),
        TEST(failures_hold_a_name_back),
        TEST(a_success_ends_the_row_of_failures),
        TEST(registrations_are_counted_for_the_ca),
        TEST(refusals_correct_the_guess),
        TEST(refusals_that_were_expected_change_nothing),
        TEST(of_several_domains_none_is_blamed),
        TEST(what_is_over_leaves_the_store),
        TEST(a_store_that_fails_holds_nobody_back),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
