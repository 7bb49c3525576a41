#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "policy/failover.h"

#include <string.h>

enum { NOW = 1000000 };

/* --- text --- */

static void failures_come_back(void **state)
{
    const struct str ids[] = {STR("https://a.example/dir"), STR("https://b.example/dir#second"),
        STR("https://c.example/d"), STR("an id with blanks")};
    struct attempt list[] = {
        {ids[0], 3, {NOW + 5}, ATTEMPT_TEMPORARY, false},
        {ids[1], INT64_MAX, {INT64_MAX}, ATTEMPT_EVERYWHERE, true},
        {ids[2], 0, {0}, ATTEMPT_NONE, false},
        {ids[3], 1, {0}, ATTEMPT_REFUSED, false},
    };
    struct buf text = buf_new(ATTEMPTS_TEXT_MAX);
    attempts_save(list, ARRAY_LEN(list), &text);
    assert_string_equal(buf_c(&text),
        "3 1000005 t 0 https://a.example/dir\n"
        "9223372036854775807 9223372036854775807 e 1 https://b.example/dir#second\n"
        "1 0 r 0 an id with blanks\n");
    struct attempt out[ATTEMPTS_MAX];
    assert_int_equal(attempts_load(buf_str(&text), ids, ARRAY_LEN(ids), out), ARRAY_LEN(ids));
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        assert_true(out[i].id.p == ids[i].p);
        assert_int_equal(out[i].failures, list[i].failures);
        assert_int_equal(out[i].due_at.s, list[i].due_at.s);
        assert_int_equal(out[i].last, list[i].last);
        assert_int_equal(out[i].staged, list[i].staged);
    }
    /* of a list that changed: the new one is fresh, the missing one is forgotten */
    const struct str other[] = {STR("https://new.example/"), STR("https://a.example/dir")};
    assert_int_equal(attempts_load(buf_str(&text), other, 2, out), 2);
    assert_int_equal(out[0].failures, 0);
    assert_int_equal(out[1].failures, 3);
    buf_clear(&text);
    attempts_save(out, 2, &text);
    assert_string_equal(buf_c(&text), "3 1000005 t 0 https://a.example/dir\n");
    buf_free(&text);
}

static void damaged_lines_are_passed_over(void **state)
{
    static const char *const texts[] = {"", "\n", "\n\n\n", "x", "a", "1 2 t 0", "1 2 t 0 b", "1 2 t 2 a",
        "1 2 x 0 a", "1 2 tt 0 a", "1 2  0 a", "-1 2 t 0 a", "1 -2 t 0 a", "9223372036854775808 2 t 0 a",
        "1 2 t 99999999999999999999 a", " 1 2 t 0 a", "1 2 t 0 a ", "1 2 t 0  a", "1 2 t", "1 2", "1 "};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct str id = STR("a");
        struct attempt out[ATTEMPTS_MAX];
        assert_int_equal(attempts_load(str_c(texts[i]), &id, 1, out), 1);
        if (out[0].failures != 0 || out[0].due_at.s != 0 || out[0].last != ATTEMPT_NONE || out[0].staged)
            fail_msg("\"%s\" was taken", texts[i]);
        /* and does not hide the next line */
        char text[128];
        snprintf(text, sizeof text, "%s\n7 8 e 1 a\n", texts[i]);
        assert_int_equal(attempts_load(str_c(text), &id, 1, out), 1);
        assert_int_equal(out[0].failures, 7);
    }
}

static void text_is_bounded(void **state)
{
    static char long_id[4097];
    memset(long_id, 'i', sizeof long_id);
    struct str ids[ATTEMPTS_MAX + 2];
    struct attempt list[ATTEMPTS_MAX + 2], out[ATTEMPTS_MAX];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = (struct str){long_id, 4096 - i};
        list[i] = (struct attempt){ids[i], INT64_MAX, {INT64_MAX}, ATTEMPT_EVERYWHERE, true};
    }
    struct buf text = buf_new(ATTEMPTS_TEXT_MAX);
    attempts_save(list, ARRAY_LEN(list), &text);
    assert_false(buf_failed(&text));
    assert_int_equal(attempts_load(buf_str(&text), ids, ARRAY_LEN(ids), out), ATTEMPTS_MAX);
    assert_int_equal(out[0].failures, INT64_MAX);
    assert_int_equal(out[ATTEMPTS_MAX - 1].failures, INT64_MAX);
    buf_clear(&text);
    struct attempt bad[] = {
        {{long_id, sizeof long_id}, 1, {1}, ATTEMPT_TEMPORARY, false},
        {STR("a\n9 9 e 0 b"), 1, {1}, ATTEMPT_TEMPORARY, false},
        {STR(""), 1, {1}, ATTEMPT_TEMPORARY, false},
        {STR("odd"), -5, {-5}, ATTEMPT_TEMPORARY, false},
    };
    attempts_save(bad, ARRAY_LEN(bad), &text);
    assert_string_equal(buf_c(&text), "0 0 t 0 odd\n");
    assert_int_equal(attempts_load(STR("1 1 t 0 a"), ids, 0, out), 0);
    buf_free(&text);
}

/* --- choice --- */

#define FREE            \
    {                   \
        .due_at = { 0 } \
    }
#define OFF(kind, in)                                                 \
    {                                                                 \
        .failures = 1, .due_at = {NOW + (in)}, .last = ATTEMPT_##kind \
    }

static void choices(void **state)
{
    static const struct {
        const char *what;
        size_t n;
        struct attempt list[3];
        int which; /* -1: none */
        int64_t due;
    } rows[] = {
        {"nobody", 0, {FREE}, -1, 0},
        {"the only one", 1, {FREE}, 0, 0},
        {"the first of several", 3, {FREE, FREE, FREE}, 0, 0},
        {"the second after a temporary failure", 3, {OFF(TEMPORARY, 60), FREE, FREE}, 1, 0},
        {"the second after a refusal", 2, {OFF(REFUSED, 86400), FREE}, 1, 0},
        {"the third", 3, {OFF(TEMPORARY, 60), OFF(REFUSED, 1), FREE}, 2, 0},
        {"the first again when its time has come", 3, {OFF(TEMPORARY, 0), FREE, FREE}, 0, 0},
        {"one second before", 1, {OFF(TEMPORARY, 1)}, -1, NOW + 1},
        {"all back off: the earliest", 3, {OFF(TEMPORARY, 60), OFF(REFUSED, 20), OFF(TEMPORARY, 40)}, -1,
            NOW + 20},
        {"the same everywhere", 3, {OFF(EVERYWHERE, 60), FREE, FREE}, -1, NOW + 60},
        {"the same everywhere, found by the second", 3, {FREE, OFF(EVERYWHERE, 60), FREE}, -1, NOW + 60},
        {"the longer wait decides", 3, {OFF(EVERYWHERE, 60), OFF(EVERYWHERE, 600), OFF(TEMPORARY, 5)}, -1,
            NOW + 600},
        {"until its time has come", 2, {OFF(EVERYWHERE, 0), FREE}, 0, 0},
        {"and others may be first then", 2, {FREE, OFF(EVERYWHERE, -1)}, 0, 0},
        {"or next", 2, {OFF(TEMPORARY, 9), OFF(EVERYWHERE, -1)}, 1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t which = 99;
        struct wall due = {-7};
        bool any = failover_choose(rows[i].list, rows[i].n, (struct wall){NOW}, &which, &due);
        if (any != (rows[i].which >= 0) || (any && which != (size_t)rows[i].which) ||
            (!any && due.s != rows[i].due))
            fail_msg("%s: %d, %zu, %lld", rows[i].what, any, which, (long long)due.s);
    }
}

/* Two years of a list whose first is down for good and whose second is at times: nobody is asked more often
 * than its own backoff allows, and what can be issued is issued at the first try. */
static void each_has_its_own_backoff(void **state)
{
    struct attempt list[2] = {{.id = STR("a")}, {.id = STR("b")}};
    int asked[2] = {0, 0};
    int64_t now = NOW, end = NOW + INT64_C(10) * 86400;
    while (now < end) {
        size_t which;
        struct wall due;
        if (!failover_choose(list, 2, (struct wall){now}, &which, &due)) {
            assert_true(due.s > now);
            now = due.s;
            continue;
        }
        asked[which]++;
        failover_note(&list[which], ATTEMPT_TEMPORARY, (struct wall){now}, 0, 0, 0, 0);
    }
    /* 1, 10, 100 minutes, then daily */
    assert_int_equal(asked[0], 13);
    assert_int_equal(asked[1], 13);
}

static void notes(void **state)
{
    struct attempt a = {.id = STR("a"), .staged = true};
    const struct wall now = {NOW};
    failover_note(&a, ATTEMPT_EVERYWHERE, now, 0, 0, 0, 0);
    assert_int_equal(a.failures, 1);
    assert_int_equal(a.due_at.s, NOW + 60);
    assert_int_equal(a.last, ATTEMPT_EVERYWHERE);
    assert_false(a.staged);
    failover_note(&a, ATTEMPT_TEMPORARY, now, 0, 0, NOW + 5000, 0);
    assert_int_equal(a.failures, 2);
    assert_int_equal(a.due_at.s, NOW + 5000); /* Retry-After above 10 minutes */
    failover_note(&a, ATTEMPT_TEMPORARY, now, 30, 0, 0, 0);
    assert_int_equal(a.due_at.s, NOW + 30); /* the operator's */
    a.failures = INT64_MAX;
    failover_note(&a, ATTEMPT_TEMPORARY, now, 0, 0, 0, 0);
    assert_int_equal(a.failures, INT64_MAX);
    assert_int_equal(a.due_at.s, NOW + 86400);
    a.failures = INT64_MIN;
    failover_note(&a, ATTEMPT_TEMPORARY, now, 0, 0, 0, 0);
    assert_int_equal(a.failures, 1);
}

static void waiting_is_no_failure(void **state)
{
    struct attempt list[2] = {{STR("a"), 4, {NOW + 50}, ATTEMPT_EVERYWHERE, false}, {.id = STR("b")}};
    size_t which;
    struct wall due;
    failover_wait(&list[0], (struct wall){NOW + 700});
    assert_int_equal(list[0].failures, 4);
    assert_int_equal(list[0].due_at.s, NOW + 700);
    assert_true(failover_choose(list, 2, (struct wall){NOW}, &which, &due));
    assert_int_equal(which, 1); /* the next is tried meanwhile */
    failover_wait(&list[0], (struct wall){NOW + 5});
    assert_int_equal(list[0].due_at.s, NOW + 700); /* never shorter */
    /* and it is remembered, of one that never failed as well */
    struct attempt fresh = {.id = STR("f")}, out[ATTEMPTS_MAX];
    struct buf text = buf_new(256);
    failover_wait(&fresh, (struct wall){NOW + 9});
    attempts_save(&fresh, 1, &text);
    attempts_load(buf_str(&text), &fresh.id, 1, out);
    assert_int_equal(out[0].due_at.s, NOW + 9);
    buf_free(&text);
}

static void staging_first(void **state)
{
    static const struct {
        enum attempt_failure last;
        bool staged, first;
    } rows[] = {
        {ATTEMPT_NONE, false, false},
        {ATTEMPT_TEMPORARY, false, false},
        {ATTEMPT_REFUSED, false, true},
        {ATTEMPT_EVERYWHERE, false, true},
        {ATTEMPT_REFUSED, true, false},
        {ATTEMPT_EVERYWHERE, true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attempt a = {.failures = 1, .last = rows[i].last, .staged = rows[i].staged};
        assert_int_equal(failover_staging_first(&a), rows[i].first);
    }
    /* what passed there and fails here goes there again */
    struct attempt a = {.failures = 1, .last = ATTEMPT_EVERYWHERE, .staged = true};
    failover_note(&a, ATTEMPT_EVERYWHERE, (struct wall){NOW}, 0, 0, 0, 0);
    assert_true(failover_staging_first(&a));
}

static void dates_of_another_time(void **state)
{
    struct attempt list[] = {{.due_at = {1000 + 400 * 86400}}, {.due_at = {1000 + 86400}}, {.due_at = {5}}};
    (void)state;
    failover_mend(list, 3, (struct wall){1000}, 0);
    assert_int_equal(list[0].due_at.s, 1000);
    assert_int_equal(list[1].due_at.s, 1000 + 86400);
    assert_int_equal(list[2].due_at.s, 5);
    /* An operator who wants to wait for a year does. */
    list[0].due_at.s = 1000 + 400 * 86400;
    failover_mend(list, 1, (struct wall){1000}, INT64_C(365) * 86400);
    assert_int_equal(list[0].due_at.s, 1000 + 400 * 86400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_come_back),
        cmocka_unit_test(damaged_lines_are_passed_over),
        cmocka_unit_test(text_is_bounded),
        cmocka_unit_test(choices),
        cmocka_unit_test(each_has_its_own_backoff),
        cmocka_unit_test(notes),
        cmocka_unit_test(waiting_is_no_failure),
        cmocka_unit_test(staging_first),
        cmocka_unit_test(dates_of_another_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
