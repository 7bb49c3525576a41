/* Who gets the free places, over a store in memory, with a clock and limits of our own: queue.c, plan.c,
 * rest.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "config/facts.h"
#include "processes/engine/plan.h"

#include <string.h>

enum { HOUR = 3600, DAY = 24 * HOUR, ACCOUNTS = 3, LIMIT = 10 };

#define T0 INT64_C(1790000000)

static int64_t now;

/* --- what the rest of the engine is here --- */

struct wall engine_now(const struct engine *e)
{
    return (struct wall){now};
}

const struct rate_limit *facts_limits(struct str directory, size_t *n)
{
    static const struct rate_limit limits[] = {{LIMIT_ORDERS, LIMIT, HOUR}};
    *n = str_eq(directory, STR("https://limited.example/")) ? 1 : 0;
    return limits;
}

struct authority *authority_find(struct engine *e, const char *name)
{
    struct authority *a = e->authorities;
    while (a != NULL && strcmp(a->name, name) != 0)
        a = a->next;
    return a;
}

struct authority *authority_of_account(struct engine *e, const char *id)
{
    struct authority *a = e->authorities;
    while (a != NULL && strcmp(a->id, id) != 0)
        a = a->next;
    return a;
}

/* A wish is its authorities, blanks between; its name is all it has of names. */
int wish_decode(struct str json, struct arena *a, struct wish *out, struct err *err)
{
    static const char *const domains[] = {"same.example"};
    const char **list = arena_array(a, ATTEMPTS_MAX, sizeof *list);
    *out = (struct wish){.domains = domains, .domain_n = 1, .authorities = list};
    while (json.n > 0) {
        struct str word;
        (void)str_cut(json, ' ', &word, &json);
        list[out->authority_n++] = arena_dup(a, word);
    }
    return 0;
}

int wish_select(struct wish *w, uint32_t variant, struct arena *a, struct err *err)
{
    return 0;
}

bool renewal_info_replaces(const struct certificate *c, const struct authority *a)
{
    return false;
}

struct job *job_find(struct engine *e, const char *name)
{
    struct job *j = e->jobs;
    while (j != NULL && strcmp(j->record.name, name) != 0)
        j = j->next;
    return j;
}

static char told[2 * ERR_TEXT_MAX];

void session_part_done(
    struct engine *e, uint32_t id, const char *name, const char *step, const struct err *err)
{
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s%.300s", n > 0 ? "\n" : "", err->text);
}

/* --- the place of a test --- */

struct place {
    struct engine e;
    struct authority accounts[ACCOUNTS]; /* a and b, and one whose orders are limited */
    struct job jobs[64];
    struct arena *a;
};

static int set_up(void **state)
{
    static char names[ACCOUNTS][8] = {"a", "b", "limited"};
    static char ids[ACCOUNTS][32] = {"https://a.example/", "https://b.example/", "https://limited.example/"};
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    now = T0;
    told[0] = '\0';
    p->e.store = store_open_memory();
    p->e.orders_max = 8;
    p->a = arena_new();
    for (size_t i = 0; i < ACCOUNTS; i++) {
        p->accounts[i] = (struct authority){.next = p->e.authorities,
            .engine = &p->e,
            .name = names[i],
            .id = ids[i],
            .directory_url = ids[i]};
        p->e.authorities = &p->accounts[i];
    }
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < ACCOUNTS; i++)
        free(p->accounts[i].failed_last);
    store_close(p->e.store);
    arena_free(p->a);
    free(p);
    return 0;
}

static struct certificate row(const char *name, const char *authorities, int64_t due_at)
{
    struct certificate c = {.name = name,
        .wish = authorities,
        .permit = STR(""),
        .issued_wish_domains = "",
        .omitted = "",
        .profile = "",
        .key_hash = "",
        .authority = "",
        .fingerprint = "",
        .serial = "",
        .issuer = "",
        .subjects = "",
        .chain = "",
        .holder = "",
        .last_error = "",
        .last_problem = "",
        .queue = "",
        .attempts = "",
        .wait_reason = "",
        .pause_link = "",
        .ari_id = "",
        .ari_explanation = "",
        .order_url = "",
        .order_authority = "",
        .deploy_error = "",
        .deploy_event = "",
        .previous = "",
        .served_error = ""};
    c.due_at.s = due_at;
    return c;
}

static void put(struct place *p, struct certificate c)
{
    struct certificate is = c;
    queue_of(&p->e, &c, p->a, &is);
    assert_int_equal(store_certificate_put(p->e.store, &is, NULL), 0);
}

static void put_many(struct place *p, const char *prefix, int n, const char *authorities)
{
    for (int i = 0; i < n; i++)
        put(p, row(arena_printf(p->a, "%s%02d", prefix, i), authorities, T0 - 1000 + i));
}

/* One that was issued by this CA with the names that are wanted. */
static struct certificate renewal(const char *name, const char *authority, const char *url, int64_t not_after)
{
    struct certificate c = row(name, authority, not_after - 30 * DAY);
    c.generation = 1;
    c.authority = url;
    c.issued_wish_domains = "same.example";
    c.not_before.s = not_after - 90 * DAY;
    c.not_after.s = not_after;
    return c;
}

/* The names that a plan gives, all of which take their place. */
static const char *given(struct place *p)
{
    struct plan plan;
    struct lane *lane;
    const char *name, *text = "";
    plan_make(&p->e, &plan);
    while ((lane = plan_next(&plan, &name)) != NULL) {
        text = arena_printf(p->a, "%s%s%s", text, text[0] != '\0' ? " " : "", name);
        plan_took(&plan, lane);
    }
    plan_free(&plan);
    return text;
}

static void assert_look(struct place *p, int64_t at)
{
    struct plan plan;
    plan_make(&p->e, &plan);
    assert_int_equal(plan_look(&plan).s, at);
    plan_free(&plan);
}

static void run(struct place *p, size_t i, const char *name, struct authority *at, bool takes)
{
    p->jobs[i] = (struct job){.next = p->e.jobs, .engine = &p->e, .place = at, .takes = takes};
    p->jobs[i].record.name = name;
    p->e.jobs = &p->jobs[i];
    p->e.job_n++;
}

static void lose(struct place *p, struct authority *a, const char *name)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_NETWORK, "no connection");
    authority_failed(a, name, &err);
}

static void rest(struct place *p, struct authority *a)
{
    for (int i = 0; i < OUTAGE_FAILURES; i++)
        lose(p, a, "x");
    assert_true(authority_rests(a));
}

/* --- queues --- */

static const char *queue(struct place *p, struct certificate c)
{
    struct certificate is = c;
    queue_of(&p->e, &c, p->a, &is);
    return is.queue;
}

static void a_queue_says_where_it_is_asked_for(void **state)
{
    struct place *p = *state;
    assert_string_equal(queue(p, row("n", "a", T0)), "o https://a.example/");
    assert_string_equal(queue(p, row("n", "b a", T0)), "o https://b.example/\no https://a.example/");
    assert_string_equal(queue(p, row("n", "a", 0)), "");      /* not due */
    assert_string_equal(queue(p, row("n", "a who", T0)), ""); /* not known (yet) */
    /* a renewal with the same names costs nothing where it was issued */
    struct certificate c = renewal("n", "a b", "https://a.example/", T0 + DAY);
    assert_string_equal(queue(p, c), "- https://a.example/\no https://b.example/");
    c.issued_wish_domains = "other.example";
    assert_string_equal(queue(p, c), "o https://a.example/\no https://b.example/");
    /* where it was tried and is not to be tried yet it is not asked for; where all are, the first is */
    c.attempts = arena_printf(p->a, "1 %lld t 0 https://a.example/\n", (long long)T0 + 60);
    assert_string_equal(queue(p, c), "o https://b.example/");
    c.due_at.s = T0 + 60;
    assert_string_equal(queue(p, c), "o https://a.example/\no https://b.example/");
    c = row("n", "a", T0);
    c.attempts = arena_printf(p->a, "1 %lld t 0 https://a.example/\n", (long long)T0 + 60);
    assert_string_equal(queue(p, c), "o https://a.example/");
    /* an order is gone on with where it was placed */
    c = row("n", "a b", T0);
    c.order_url = "https://b.example/order/1";
    c.order_authority = "https://b.example/";
    assert_string_equal(queue(p, c), "- https://b.example/");
}

static void urgent_does_not_depend_on_retries(void **state)
{
    struct place *p = *state;
    struct certificate is, c = renewal("n", "a", "https://a.example/", T0 + 30 * DAY);
    queue_of(&p->e, &c, p->a, &is);
    assert_int_equal(is.urgent_at.s, T0 + 15 * DAY); /* to be renewed a third of its life before */
    c.due_at.s = T0 + DAY;
    c.failures = 3;
    now += 5 * DAY;
    queue_of(&p->e, &c, p->a, &is);
    assert_int_equal(is.urgent_at.s, T0 + 15 * DAY);
    c.due_at.s = T0 + 20 * DAY; /* what is not due is not urgent */
    queue_of(&p->e, &c, p->a, &is);
    assert_int_equal(is.urgent_at.s, T0 + 20 * DAY);
    /* its end is told of where a sixth is left, a day after the last time, and not before it was to be
     * renewed */
    assert_int_equal(is.expiring_at.s, T0 + 15 * DAY);
    c.expiring_told_at.s = T0 + 16 * DAY;
    queue_of(&p->e, &c, p->a, &is);
    assert_int_equal(is.expiring_at.s, T0 + 17 * DAY);
    c.released = true;
    queue_of(&p->e, &c, p->a, &is);
    assert_int_equal(is.expiring_at.s, 0);
    c.released = false;
    c.generation = 0;
    queue_of(&p->e, &c, p->a, &is);
    assert_int_equal(is.urgent_at.s, 0);
    assert_int_equal(is.expiring_at.s, 0);
}

/* --- places --- */

static void places_are_shared(void **state)
{
    struct place *p = *state;
    put_many(p, "a", 20, "a");
    assert_string_equal(given(p), "a00 a01 a02 a03 a04 a05");
    put_many(p, "b", 20, "b");
    assert_string_equal(given(p), "b00 a00 b01 a01 b02 a02 b03 a03"); /* a was served last */
    p->accounts[1].orders_max = 2;
    assert_string_equal(given(p), "b00 a00 b01 a01 a02 a03 a04 a05");
    run(p, 0, "a00", &p->accounts[0], false);
    run(p, 1, "b00", &p->accounts[1], false);
    run(p, 2, "not due any more", &p->accounts[2], false);
    assert_string_equal(given(p), "b01 a01 a02 a03 a04");
    assert_look(p, T0 - 1000);
}

static void urgent_goes_first(void **state)
{
    struct place *p = *state;
    put_many(p, "a", 4, "a");
    put(p, renewal("soon", "a", "https://a.example/", T0 + DAY));
    put(p, renewal("sooner", "a", "https://a.example/", T0 + HOUR));
    put(p, renewal("not so soon", "a", "https://a.example/", T0 + 29 * DAY));
    p->e.orders_max = 5;
    assert_string_equal(given(p), "sooner soon a00 a01");
}

/* --- what holds all of a queue back --- */

static void nothing_is_begun_where_nobody_answers(void **state)
{
    struct place *p = *state;
    struct authority *a = &p->accounts[0];
    put_many(p, "a", 10, "a");
    put_many(p, "b", 2, "b");
    put_many(p, "c", 2, "a b");
    rest(p, a);
    assert_string_equal(given(p), "c00 b00 c01 b01"); /* who has another is asked for there */
    now = a->outage.until.s;
    assert_string_equal(given(p), "a00 b00 b01"); /* of what is due at the first one goes first */
    authority_answered(a);
    assert_string_equal(given(p), "a00 b00 c00 b01");
}

static void a_rest_is_looked_at_again(void **state)
{
    struct place *p = *state;
    struct authority *a = &p->accounts[0];
    put_many(p, "a", 1, "a");
    rest(p, a);
    assert_string_equal(given(p), "");
    assert_look(p, a->outage.until.s);
    put(p, row("later", "b", T0 + 5));
    assert_look(p, T0 + 5);
    now = a->outage.until.s;
    assert_string_equal(given(p), "a00 later");
    /* a clock that was set back holds nobody up */
    now = T0 - 100;
    assert_string_equal(given(p), "a00");
}

static void one_certificate_is_no_outage(void **state)
{
    struct place *p = *state;
    struct authority *a = &p->accounts[0];
    struct err err = ERR_INIT;
    err_set(&err, ERR_ACME, "oh dear");
    snprintf(err.problem, sizeof err.problem, "serverInternal");
    for (int i = 0; i < 10; i++)
        authority_failed(a, "this one", &err);
    assert_false(authority_rests(a));
    authority_failed(a, "another", &err);
    assert_false(authority_rests(a));
    authority_failed(a, "this one", &err);
    assert_true(authority_rests(a));
}

static void a_limit_of_orders_holds_back_its_queue_only(void **state)
{
    struct place *p = *state;
    struct authority *a = &p->accounts[2];
    struct str names[] = {STR("n.example")};
    p->e.orders_max = 100;
    put_many(p, "n", 30, "limited");
    put(p, renewal("renewal", "limited", a->id, T0 + DAY));
    /* as many as there are orders left, with one that is about to be placed */
    run(p, 0, "n00", a, true);
    assert_string_equal(given(p), "renewal n01 n02 n03 n04 n05 n06 n07 n08 n09");
    p->jobs[0].takes = false;
    for (int i = 0; i < LIMIT; i++)
        ledger_note_order(a, names, 1, LEDGER_ORDER_NEW);
    assert_string_equal(given(p), "renewal");
    assert_int_equal(store_certificate_delete(p->e.store, STR("renewal"), NULL), 0);
    assert_string_equal(given(p), "");
    assert_look(p, T0 + LEDGER_WAY_S + HOUR / LIMIT);
    now = T0 + LEDGER_WAY_S + HOUR / LIMIT;
    assert_string_equal(given(p), "n01");
    now += HOUR;
    assert_string_equal(given(p), "n01 n02 n03 n04 n05 n06 n07 n08 n09 n10");
}

static void whoever_wanted_all_hears_of_the_rest(void **state)
{
    struct place *p = *state;
    struct session s = {.id = 7, .pass = true};
    struct plan plan;
    put_many(p, "a", 2, "a");
    rest(p, &p->accounts[0]);
    p->e.sessions = &s;
    plan_make(&p->e, &plan);
    plan_tell(&plan, plan.lanes);
    plan_free(&plan);
    const char *line = arena_printf(p->a, ": %s", authority_rest_text(&p->accounts[0], p->a));
    assert_string_equal(told, arena_printf(p->a, "a00%s\na01%s", line, line));
    assert_int_equal(s.waiting, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        TEST(a_queue_says_where_it_is_asked_for),
        TEST(urgent_does_not_depend_on_retries),
        TEST(places_are_shared),
        TEST(urgent_goes_first),
        TEST(nothing_is_begun_where_nobody_answers),
        TEST(a_rest_is_looked_at_again),
        TEST(one_certificate_is_no_outage),
        TEST(a_limit_of_orders_holds_back_its_queue_only),
        TEST(whoever_wanted_all_hears_of_the_rest),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
