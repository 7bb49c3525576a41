#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "policy/ledger.h"

#include <string.h>

#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)
#define WEEK (7 * DAY)
#define T0   INT64_C(1790000000)
#define US   INT64_C(1000000)

static const struct rate_limit orders = {LIMIT_ORDERS, 300, 3 * HOUR};
static const struct rate_limit exact_set = {LIMIT_EXACT_SET, 5, WEEK};
static const struct rate_limit failures = {LIMIT_FAILURES, 5, HOUR};
static const struct rate_limit many = {LIMIT_DOMAIN, 30000, 1};
static const struct rate_limit consecutive = {LIMIT_CONSECUTIVE_FAILURES, 1152, 1152 * DAY};

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* --- buckets --- */

/* Takes all that is free at `now`; returns how many. */
static int64_t take_all(const struct rate_limit *limit, int64_t *at, int64_t now)
{
    struct wall may;
    int64_t taken = 0;
    while (ledger_check(limit, *at, (struct wall){now}, &may)) {
        assert_int_equal(may.s, now);
        *at = ledger_take(limit, *at, (struct wall){now});
        taken++;
        assert_true(taken <= limit->burst);
    }
    assert_true(may.s > now);
    return taken;
}

static void burst_then_one_by_one(void **state)
{
    static const struct {
        const struct rate_limit *limit;
        int64_t interval_us;
    } rows[] = {
        {&orders, 36 * US}, {&exact_set, 120960 * US}, {&failures, 720 * US}, {&consecutive, DAY * US}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rate_limit *limit = rows[i].limit;
        int64_t at = 0, now = T0;
        assert_int_equal(ledger_free(limit, at, (struct wall){now}), limit->burst);
        assert_int_equal(take_all(limit, &at, now), limit->burst);
        assert_int_equal(ledger_free(limit, at, (struct wall){now}), 0);
        assert_int_equal(ledger_expires(at).s, now + limit->period_s);
        for (int k = 0; k < 5; k++) { /* each comes back after an interval, no second earlier */
            struct wall may;
            assert_false(ledger_check(limit, at, (struct wall){now}, &may));
            assert_int_equal(may.s, now + rows[i].interval_us / US);
            assert_false(ledger_check(limit, at, (struct wall){may.s - 1}, &(struct wall){0}));
            now = may.s;
            assert_int_equal(take_all(limit, &at, now), 1);
        }
        /* and after the period all are there again */
        assert_int_equal(ledger_free(limit, at, (struct wall){now + limit->period_s}), limit->burst);
        assert_int_equal(take_all(limit, &at, now + limit->period_s), limit->burst);
    }
}

static void odd_shares_never_give_too_much(void **state)
{
    static const struct rate_limit rows[] = {{LIMIT_DOMAIN, 7, 10}, {LIMIT_DOMAIN, 3, 1},
        {LIMIT_DOMAIN, 50, WEEK}, {LIMIT_DOMAIN, 1, 1}, {LIMIT_DOMAIN, 1, WEEK}, {LIMIT_DOMAIN, 30000, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t at = 0, taken = 0, end = T0 + 3 * rows[i].period_s;
        for (int64_t now = T0; now <= end;) {
            taken += take_all(&rows[i], &at, now);
            struct wall may;
            ledger_check(&rows[i], at, (struct wall){now}, &may);
            now = may.s;
        }
        /* a burst and three periods; rounding up to whole microseconds costs a fiftieth at most */
        assert_in_range(taken, 4 * rows[i].burst * 98 / 100 - 2, 4 * rows[i].burst);
    }
}

/* The textbook's bucket, which counts in microseconds of refill what it holds. */
struct model {
    int64_t holds, seen;
};

static void does_as_a_token_bucket_does(void **state)
{
    static const struct rate_limit *const limits[] = {&orders, &exact_set, &failures, &consecutive};
    uint64_t numbers = 11;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        const struct rate_limit *l = limits[i];
        int64_t interval = l->period_s * US / l->burst, full = interval * l->burst, at = 0, now = T0;
        struct model m = {full, T0};
        for (int k = 0; k < 20000; k++) {
            now += (int64_t)(draw(&numbers) % (uint64_t)(2 * l->period_s / l->burst + 2));
            if (draw(&numbers) % 500 == 0)
                now += l->period_s / 2;
            m.holds += (now - m.seen) * US;
            m.holds = m.holds > full ? full : m.holds;
            m.seen = now;
            struct wall may;
            bool allowed = ledger_check(l, at, (struct wall){now}, &may);
            assert_int_equal(allowed, m.holds >= interval);
            assert_int_equal(ledger_free(l, at, (struct wall){now}), m.holds / interval);
            if (!allowed)
                assert_int_equal(may.s, now + (interval - m.holds + US - 1) / US);
            if (allowed && draw(&numbers) % 4 != 0) {
                at = ledger_take(l, at, (struct wall){now});
                m.holds -= interval;
            }
        }
    }
}

static void taking_from_an_empty_bucket_makes_it_no_emptier(void **state)
{
    int64_t at = 0;
    take_all(&failures, &at, T0);
    int64_t empty = at;
    for (int i = 0; i < 100; i++)
        at = ledger_take(&failures, at, (struct wall){T0});
    assert_int_equal(at, empty);
    /* but what comes back meanwhile is gone */
    at = ledger_take(&failures, at, (struct wall){T0 + 100});
    assert_int_equal(at, empty + 100 * US);
}

/* A CA that counts each order when it arrives never refuses one, however long each is on its way; when ours
 * are taken as if they were there at once, it does. */
static int64_t refusals_on_the_way(
    int64_t (*take)(const struct rate_limit *limit, int64_t at_us, struct wall now), int64_t *sent)
{
    int64_t at = 0, theirs = 0, refused = 0;
    uint64_t numbers = 7;
    *sent = 0;
    for (int64_t now = T0; now < T0 + DAY; now++) {
        struct wall may;
        if (!ledger_check(&orders, at, (struct wall){now}, &may))
            continue;
        at = take(&orders, at, (struct wall){now});
        ++*sent;
        /* the first one, after which their bucket gets its tokens back, takes longest */
        uint64_t way = *sent == 1 ? LEDGER_WAY_S : draw(&numbers) % (LEDGER_WAY_S + 1);
        struct wall arrives = {now + (int64_t)way};
        if (ledger_check(&orders, theirs, arrives, &may))
            theirs = ledger_take(&orders, theirs, arrives);
        else
            refused++;
    }
    return refused;
}

static void what_is_on_its_way_is_counted_later(void **state)
{
    int64_t sent, all;
    assert_true(refusals_on_the_way(ledger_take, &all) > 0);
    assert_int_equal(refusals_on_the_way(ledger_take_sent, &sent), 0);
    /* which costs no more than the way, once */
    assert_true(all - sent <= 1);
    int64_t at = ledger_take_sent(&orders, 0, (struct wall){T0});
    assert_int_equal(at, ledger_take(&orders, 0, (struct wall){T0 + LEDGER_WAY_S}));
    assert_int_equal(ledger_take_sent(&orders, at, (struct wall){T0}), at + 36 * US);
}

static void the_ca_has_the_last_word(void **state)
{
    static const struct {
        const char *what;
        int64_t retry, next; /* from T0 on */
    } rows[] = {
        {"at its Retry-After", 100, 100},
        {"without one: when one would be back", INT64_MIN, 720},
        {"that is past", -5, 720},
        {"that is now", 0, 720},
        {"that is a period ahead", HOUR, HOUR},
        {"that is further ahead than it can be", 400 * DAY, HOUR},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wall now = {T0}, may;
        struct wall retry = {rows[i].retry == INT64_MIN ? 0 : T0 + rows[i].retry};
        int64_t at = ledger_full(&failures, 0, now, retry);
        assert_false(ledger_check(&failures, at, now, &may));
        if (may.s != T0 + rows[i].next)
            fail_msg("%s: %lld", rows[i].what, (long long)(may.s - T0));
        /* one only then */
        assert_int_equal(take_all(&failures, &at, may.s), 1);
        assert_false(ledger_check(&failures, at, may, &now));
        assert_int_equal(now.s, may.s + 720);
    }
    /* never earlier than what we know ourselves */
    int64_t at = 0;
    struct wall may;
    take_all(&failures, &at, T0);
    assert_int_equal(ledger_full(&failures, at, (struct wall){T0}, (struct wall){T0 + 5}), at);
    at = ledger_full(&failures, at, (struct wall){T0}, (struct wall){T0 + 900});
    assert_false(ledger_check(&failures, at, (struct wall){T0 + 899}, &may));
    assert_true(ledger_check(&failures, at, (struct wall){T0 + 900}, &may));
}

static void clocks_that_jump_lock_nobody_out(void **state)
{
    static const struct rate_limit *const limits[] = {&orders, &exact_set, &failures, &many, &consecutive};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        const struct rate_limit *l = limits[i];
        int64_t emptied = 0, refused;
        take_all(l, &emptied, T0);
        refused = ledger_full(l, 0, (struct wall){T0}, (struct wall){T0 + 2 * l->period_s});
        static const int64_t back[] = {1, 60, HOUR, DAY, WEEK, 400 * DAY, 4000 * DAY, T0, 2 * T0, INT64_MAX};
        for (size_t k = 0; k < ARRAY_LEN(back); k++) {
            struct wall now = {T0 - back[k]}, may;
            ledger_check(l, emptied, now, &may);
            assert_true(may.s >= now.s && may.s - now.s <= 2 * l->period_s);
            ledger_check(l, refused, now, &may);
            assert_true(may.s >= now.s && may.s - now.s <= 2 * l->period_s);
            if (back[k] > 2 * l->period_s)
                assert_int_equal(ledger_free(l, refused, now), l->burst);
        }
        /* forwards: all are back */
        assert_int_equal(ledger_free(l, emptied, (struct wall){T0 + 2 * l->period_s}), l->burst);
        /* a record that was damaged */
        assert_int_equal(ledger_free(l, INT64_MAX, (struct wall){T0}), l->burst);
        assert_int_equal(ledger_free(l, INT64_MIN, (struct wall){T0}), l->burst);
    }
}

static void refusals_are_told_apart_by_their_wait(void **state)
{
    static const struct rate_limit limits[] = {{LIMIT_REGISTRATIONS, 10, 3 * HOUR},
        {LIMIT_EXACT_SET, 5, WEEK}, {LIMIT_ORDERS, 300, 3 * HOUR}, {LIMIT_DOMAIN, 50, WEEK},
        {LIMIT_FAILURES, 5, HOUR}, {LIMIT_CONSECUTIVE_FAILURES, 1152, 1152 * DAY}, {LIMIT_FAILURES, 0, HOUR}};
    static const struct {
        int64_t wait;
        int kind; /* -1: none */
    } rows[] = {
        {INT64_MIN, -1},
        {-1, -1},
        {0, -1},
        {1, LIMIT_ORDERS},
        {36, LIMIT_ORDERS},
        {37, LIMIT_ORDERS},
        {38, LIMIT_FAILURES},
        {720, LIMIT_FAILURES},
        {722, LIMIT_DOMAIN},
        {12096, LIMIT_DOMAIN},
        {12098, LIMIT_EXACT_SET},
        {DAY, LIMIT_EXACT_SET},
        {120960, LIMIT_EXACT_SET},
        {120962, -1},
        {INT64_MAX, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rate_limit *guess = ledger_guess(limits, ARRAY_LEN(limits), rows[i].wait);
        assert_int_equal(guess == NULL ? -1 : (int)guess->kind, rows[i].kind);
    }
    assert_null(ledger_guess(limits, 0, 5));
    assert_null(ledger_guess(NULL, 0, 5));
}

static void numbers_that_limit_nothing(void **state)
{
    static const struct rate_limit rows[] = {{LIMIT_ORDERS, 0, 10}, {LIMIT_ORDERS, 10, 0},
        {LIMIT_ORDERS, -1, 10}, {LIMIT_ORDERS, 10, -1}, {LIMIT_ORDERS, INT64_MIN, INT64_MIN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wall may;
        assert_true(ledger_check(&rows[i], INT64_MAX, (struct wall){T0}, &may));
        assert_int_equal(may.s, T0);
        assert_int_equal(ledger_take(&rows[i], 7, (struct wall){T0}), 7);
        assert_int_equal(ledger_full(&rows[i], 7, (struct wall){T0}, (struct wall){T0 + 5}), 7);
        assert_int_equal(ledger_free(&rows[i], 7, (struct wall){T0}), INT64_MAX);
    }
}

/* Nothing overflows, and an answer never lies before the question. */
static void ends_of_time(void **state)
{
    static const int64_t values[] = {INT64_MIN, -1, 0, 1, T0, INT64_MAX / US, INT64_MAX / US + 1, INT64_MAX};
    enum { N = ARRAY_LEN(values) };
    for (size_t i = 0; i < (size_t)N * N * N * N * N; i++) {
        struct rate_limit l = {LIMIT_ORDERS, values[i % N], values[i / N % N]};
        int64_t at = values[i / N / N % N];
        struct wall now = {values[i / N / N / N % N]}, retry = {values[i / N / N / N / N]}, may;
        ledger_check(&l, at, now, &may);
        assert_true(may.s >= now.s || may.s >= INT64_MAX / US);
        int64_t taken = ledger_take(&l, at, now), full = ledger_full(&l, at, now, retry);
        assert_true(ledger_free(&l, taken, now) >= 0);
        assert_true(ledger_free(&l, full, now) >= 0);
        assert_true(ledger_expires(taken).s > 0);
        assert_true(ledger_expires(full).s > 0);
    }
}

static void expiry_is_the_second_when_all_are_back(void **state)
{
    assert_int_equal(ledger_expires(5 * US).s, 5);
    assert_int_equal(ledger_expires(5 * US + 1).s, 6);
    assert_int_equal(ledger_expires(0).s, 1); /* 0 would be never */
    assert_int_equal(ledger_expires(INT64_MAX).s, INT64_MAX / US + 1);
    int64_t at = ledger_take(&many, 0, (struct wall){T0});
    struct wall expires = ledger_expires(at);
    assert_int_equal(ledger_free(&many, at, expires), many.burst);
}

/* --- keys --- */

static void keys(void **state)
{
    static const struct {
        enum limit_kind kind;
        const char *id, *subject, *key;
    } rows[] = {
        {LIMIT_REGISTRATIONS, "https://ca.example/d#label", "", "registrations https://ca.example/d "},
        {LIMIT_ORDERS, "https://ca.example/d#label", "", "orders https://ca.example/d#label "},
        {LIMIT_DOMAIN, "https://ca.example/d#label", "a.example", "domain https://ca.example/d a.example"},
        {LIMIT_EXACT_SET, "https://ca.example/d#label", "a,b", "set https://ca.example/d a,b"},
        {LIMIT_FAILURES, "https://ca.example/d#label", "a", "failures https://ca.example/d#label a"},
        {LIMIT_CONSECUTIVE_FAILURES, "https://ca.example/d", "a", "paused https://ca.example/d a"},
    };
    assert_int_equal(ARRAY_LEN(rows), LIMIT_KINDS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char key[LEDGER_KEY_MAX];
        assert_ptr_equal(ledger_key(rows[i].kind, str_c(rows[i].id), str_c(rows[i].subject), key), key);
        assert_string_equal(key, rows[i].key);
        assert_int_equal(
            strncmp(key, ledger_kind_word(rows[i].kind), strlen(ledger_kind_word(rows[i].kind))), 0);
    }
}

static void long_parts_are_hashed(void **state)
{
    static char part[8192];
    char a[LEDGER_KEY_MAX], b[LEDGER_KEY_MAX];
    memset(part, 'x', sizeof part);
    struct str whole = {part, sizeof part}, shorter = {part, sizeof part - 1};
    ledger_key(LIMIT_FAILURES, whole, whole, a);
    assert_int_equal(strlen(a), strlen("failures ") + 32 + 1 + 32);
    ledger_key(LIMIT_FAILURES, whole, shorter, b);
    assert_string_not_equal(a, b);
    ledger_key(LIMIT_FAILURES, shorter, whole, b);
    assert_string_not_equal(a, b);
    part[0] = 'y';
    ledger_key(LIMIT_FAILURES, whole, whole, b);
    assert_string_not_equal(a, b);
    part[0] = 'x';
    ledger_key(LIMIT_FAILURES, whole, whole, b);
    assert_string_equal(a, b);
    /* the longest that are not, and the first that are */
    ledger_key(LIMIT_REGISTRATIONS, (struct str){part, 200}, (struct str){part, 200}, a);
    assert_int_equal(strlen(a), strlen("registrations ") + 401);
    ledger_key(LIMIT_REGISTRATIONS, (struct str){part, 201}, (struct str){part, 201}, a);
    assert_int_equal(strlen(a), strlen("registrations ") + 65);
    uint64_t numbers = 5;
    char other[300];
    for (int i = 0; i < 1000; i++) {
        for (size_t k = 0; k < sizeof other; k++)
            other[k] = (char)('a' + draw(&numbers) % 26);
        ledger_key(LIMIT_EXACT_SET, STR("https://ca.example/d"), (struct str){other, sizeof other}, b);
        assert_string_not_equal(a, b);
        memcpy(a, b, sizeof a);
    }
}

/* --- what an order takes --- */

/* "kind subject" of each, "!" before what the order takes and "+" before what the certificate takes, in the
 * order they came. */
static char *subjects(const char *const *names, size_t n, enum ledger_order order, struct arena *a)
{
    static const char *const marks[] = {
        [LEDGER_AT_ORDER] = "!", [LEDGER_AT_ISSUE] = "+", [LEDGER_AT_FAILURE] = ""};
    struct ledger_subject *list;
    struct str views[16];
    for (size_t i = 0; i < n; i++)
        views[i] = str_c(names[i]);
    size_t count = ledger_order_subjects(views, n, order, a, &list);
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(65536);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%s%s%s%.*s", i > 0 ? "; " : "", marks[list[i].taken],
            ledger_kind_word(list[i].kind), list[i].subject.n > 0 ? " " : "", STR_ARG(list[i].subject));
    return arena_dup(a, buf_str(&text));
}

static void orders_take_their_buckets(void **state)
{
    static const struct {
        const char *names[8];
        enum ledger_order order;
        const char *expected;
    } rows[] = {
        {{"a.example"}, LEDGER_ORDER_NEW,
            "!orders; +domain a.example; +set a.example; failures a.example; paused a.example"},
        {{"a.example"}, LEDGER_ORDER_SAME_SET, "+set a.example; failures a.example; paused a.example"},
        {{"a.example"}, LEDGER_ORDER_REPLACES, ""},
        {{NULL}, LEDGER_ORDER_NEW, ""},
        {{"www.b.co.uk", "B.co.uk", "www.b.co.UK", "*.b.co.uk"}, LEDGER_ORDER_NEW,
            "!orders; +domain b.co.uk; +set *.b.co.uk,b.co.uk,www.b.co.uk; failures b.co.uk; paused b.co.uk; "
            "failures www.b.co.uk; paused www.b.co.uk"},
        {{"z.example", "x.me.github.io", "you.github.io"}, LEDGER_ORDER_NEW,
            "!orders; +domain me.github.io; +domain you.github.io; +domain z.example; "
            "+set x.me.github.io,you.github.io,z.example; failures x.me.github.io; paused x.me.github.io; "
            "failures you.github.io; paused you.github.io; failures z.example; paused z.example"},
        {{"192.0.2.7", "2001:DB8:0:0::1", "2001:db8::2", "2001:db8:0:1::1"}, LEDGER_ORDER_NEW,
            "!orders; +domain 192.0.2.7; +domain 2001:db8:0:1::/64; +domain 2001:db8::/64; "
            "+set 192.0.2.7,2001:db8:0:1::1,2001:db8::1,2001:db8::2; failures 192.0.2.7; paused 192.0.2.7; "
            "failures 2001:db8:0:1::1; paused 2001:db8:0:1::1; failures 2001:db8::1; paused 2001:db8::1; "
            "failures 2001:db8::2; paused 2001:db8::2"},
        {{"2001:db8::1", "2001:0db8::0001"}, LEDGER_ORDER_SAME_SET,
            "+set 2001:db8::1; failures 2001:db8::1; paused 2001:db8::1"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = 0;
        while (n < ARRAY_LEN(rows[i].names) && rows[i].names[n] != NULL)
            n++;
        assert_string_equal(subjects(rows[i].names, n, rows[i].order, a), rows[i].expected);
    }
    arena_free(a);
}

static void sets_do_not_depend_on_order_or_case(void **state)
{
    static const char *const one[] = {"b.example", "A.example", "*.a.example", "192.0.2.1"};
    static const char *const two[] = {"192.0.2.1", "*.A.example", "a.example", "B.EXAMPLE", "b.example"};
    static const char *const less[] = {"192.0.2.1", "a.example", "b.example"};
    struct arena *a = arena_new();
    const char *first = subjects(one, 4, LEDGER_ORDER_SAME_SET, a);
    assert_string_equal(first, subjects(two, 5, LEDGER_ORDER_SAME_SET, a));
    assert_string_not_equal(first, subjects(less, 3, LEDGER_ORDER_SAME_SET, a));
    arena_free(a);
}

static void names_of_failures(void **state)
{
    static const char *const rows[][2] = {{"a.example", "a.example"}, {"*.AZ.Example", "az.example"},
        {"192.0.2.1", "192.0.2.1"}, {"2001:DB8::0:1", "2001:db8::1"}, {"1.2.3", "1.2.3"}, {"", ""}};
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(str_eq_c(ledger_name_subject(str_c(rows[i][0]), a), rows[i][1]));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_then_one_by_one),
        cmocka_unit_test(odd_shares_never_give_too_much),
        cmocka_unit_test(does_as_a_token_bucket_does),
        cmocka_unit_test(taking_from_an_empty_bucket_makes_it_no_emptier),
        cmocka_unit_test(what_is_on_its_way_is_counted_later),
        cmocka_unit_test(the_ca_has_the_last_word),
        cmocka_unit_test(clocks_that_jump_lock_nobody_out),
        cmocka_unit_test(refusals_are_told_apart_by_their_wait),
        cmocka_unit_test(numbers_that_limit_nothing),
        cmocka_unit_test(ends_of_time),
        cmocka_unit_test(expiry_is_the_second_when_all_are_back),
        cmocka_unit_test(keys),
        cmocka_unit_test(long_parts_are_hashed),
        cmocka_unit_test(orders_take_their_buckets),
        cmocka_unit_test(sets_do_not_depend_on_order_or_case),
        cmocka_unit_test(names_of_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
