/* One suite of behaviour, run over every driver; and the drivers against each other. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

struct place {
    struct scratch scratch;
    struct store *s;
    struct arena *a;
};

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

/* ---- walks that note names ---- */

struct walk {
    struct place *p;
    char seen[512];
    int answer; /* given for the record named `at` (every one where NULL) */
    const char *at;
    void (*act)(struct walk *w, const char *name); /* done with each record, or NULL */
};

static int visit(struct walk *w, const char *name)
{
    size_t n = strlen(w->seen);
    snprintf(w->seen + n, sizeof w->seen - n, "%s%s", n > 0 ? " " : "", name);
    if (w->act != NULL)
        w->act(w, name);
    return w->at == NULL || strcmp(w->at, name) == 0 ? w->answer : 0;
}

static int visit_certificate(const struct certificate *c, void *arg)
{
    return visit(arg, c->name);
}

static int visit_challenge(const struct challenge_record *c, void *arg)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", c->certificate, c->token);
    return visit(arg, name);
}

static int visit_history(const struct history_record *h, void *arg)
{
    return visit(arg, h->text);
}

static void assert_each(struct place *p, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_certificate_each(p->s, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

static void assert_due(struct place *p, int64_t now, size_t limit, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_certificate_due(p->s, (struct wall){now}, limit, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

static void assert_deploy_due(struct place *p, int64_t now, size_t limit, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_deploy_due(p->s, (struct wall){now}, limit, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

static void assert_next_due(struct place *p, int64_t at)
{
    struct wall next = {-7};
    assert_int_equal(store_next_due(p->s, &next, NULL), 0);
    assert_int_equal(next.s, at);
}

static void assert_challenges(struct place *p, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_challenge_each(p->s, visit_challenge, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

static void assert_history(struct place *p, const char *name, int64_t after, size_t limit, const char *texts)
{
    struct walk w = {.p = p};
    assert_int_equal(store_history_each(p->s, str_c(name), after, limit, visit_history, &w, NULL), 0);
    assert_string_equal(w.seen, texts);
}

/* ---- certificates ---- */

static void certificate_comes_back_whole(void **state)
{
    struct place *p = *state;
    struct certificate c = full_certificate(p->a, "a.example", 1000), out;
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    assert_int_equal(store_certificate_get(p->s, STR("a.example"), p->a, &out, NULL), 0);
    assert_certificate_equal(&out, &c);
    /* what was handed out does not change with the record */
    struct certificate other = full_certificate(p->a, "a.example", 2000);
    assert_int_equal(store_certificate_put(p->s, &other, NULL), 0);
    assert_certificate_equal(&out, &c);
    assert_int_equal(store_certificate_get(p->s, STR("a.example"), p->a, &out, NULL), 0);
    assert_certificate_equal(&out, &other);
    assert_each(p, "a.example");
}

static void certificate_of_nothing_comes_back_empty(void **state)
{
    struct place *p = *state;
    struct certificate c = empty_certificate("n"), out;
    c.permit = (struct str){NULL, 0};
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    memset(&out, 0x5a, sizeof out);
    assert_int_equal(store_certificate_get(p->s, STR("n"), p->a, &out, NULL), 0);
    assert_certificate_equal(&out, &c);
    assert_non_null(out.permit.p);
}

static void certificate_numbers_keep_their_whole_range(void **state)
{
    struct place *p = *state;
    struct certificate c = empty_certificate("n"), out;
    c.generation = INT64_MAX;
    c.failures = INT64_MIN;
    c.not_after.s = INT64_MAX;
    c.not_before.s = INT64_MIN;
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    assert_int_equal(store_certificate_get(p->s, STR("n"), p->a, &out, NULL), 0);
    assert_certificate_equal(&out, &c);
}

static void certificate_that_is_not_there(void **state)
{
    struct place *p = *state;
    put_due(p->s, "ab", 0, 0);
    struct certificate out;
    struct err err = ERR_INIT;
    assert_int_equal(store_certificate_get(p->s, STR("a"), p->a, &out, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "named a"));
    assert_int_equal(store_certificate_get(p->s, STR("abc"), p->a, &out, NULL), ERR_NOT_FOUND);
    assert_int_equal(store_certificate_get(p->s, STR("AB"), p->a, &out, NULL), ERR_NOT_FOUND);
    /* a view need not end where the string does */
    assert_int_equal(store_certificate_get(p->s, (struct str){"abc", 2}, p->a, &out, NULL), 0);
}

static void certificate_delete_takes_what_belongs_to_it(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"a", "aa", "a.b", "b"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        put_due(p->s, names[i], 10, 20);
        put_key(p->s, names[i], 1, "sealed");
        put_key(p->s, names[i], INT64_MAX, "sealed");
        put_key(p->s, names[i], INT64_MIN, "sealed");
        put_challenge(p->s, names[i], "t1");
        put_challenge(p->s, names[i], "t2");
        put_history(p->s, 5, names[i], names[i]);
    }
    assert_int_equal(store_certificate_delete(p->s, STR("a"), NULL), 0);
    assert_each(p, "a.b aa b");
    assert_false(has_key(p->s, "a", 1));
    assert_false(has_key(p->s, "a", INT64_MAX));
    assert_false(has_key(p->s, "a", INT64_MIN));
    assert_true(has_key(p->s, "aa", 1));
    assert_true(has_key(p->s, "a.b", INT64_MIN));
    assert_challenges(p, "a.b/t1 a.b/t2 aa/t1 aa/t2 b/t1 b/t2");
    assert_history(p, "a", 0, 10, "a");
    assert_due(p, 10, 10, "a.b aa b");
    /* again, and one that never was: with keys of its own all the same */
    assert_int_equal(store_certificate_delete(p->s, STR("a"), NULL), 0);
    put_key(p->s, "z", 3, "sealed");
    assert_int_equal(store_certificate_delete(p->s, STR("z"), NULL), 0);
    assert_false(has_key(p->s, "z", 3));
}

static void each_goes_by_name(void **state)
{
    struct place *p = *state;
    assert_each(p, "");
    static const char *const names[] = {"b", "a.b", "\xc3\xa9", "B", "a", "a-b", "10", "9", "ab"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_due(p->s, names[i], 0, 0);
    assert_each(p, "10 9 B a a-b a.b ab b \xc3\xa9");
}

static void each_stops_and_fails_as_told(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 1, 1);
    put_due(p->s, "b", 1, 1);
    put_due(p->s, "c", 1, 1);
    put_challenge(p->s, "a", "1");
    put_challenge(p->s, "a", "2");
    put_history(p->s, 1, "a", "x");
    put_history(p->s, 1, "a", "y");
    static const struct {
        int answer, result;
    } rows[] = {{1, 0}, {ERR_CANCELLED, ERR_CANCELLED}};
    const struct wall now = {1};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        struct walk w = {.answer = rows[i].answer, .at = "b"};
        assert_int_equal(store_certificate_each(p->s, visit_certificate, &w, &err), rows[i].result);
        assert_string_equal(w.seen, "a b");
        w.seen[0] = '\0';
        assert_int_equal(store_certificate_due(p->s, now, 9, visit_certificate, &w, &err), rows[i].result);
        assert_string_equal(w.seen, "a b");
        w.seen[0] = '\0';
        assert_int_equal(store_deploy_due(p->s, now, 9, visit_certificate, &w, &err), rows[i].result);
        assert_string_equal(w.seen, "a b");
        w = (struct walk){.answer = rows[i].answer};
        assert_int_equal(store_challenge_each(p->s, visit_challenge, &w, &err), rows[i].result);
        assert_string_equal(w.seen, "a/1");
        w.seen[0] = '\0';
        assert_int_equal(store_history_each(p->s, STR(""), 0, 9, visit_history, &w, &err), rows[i].result);
        assert_string_equal(w.seen, "x");
        assert_int_equal(err.code, 0);
    }
}

static void act_on_neighbours(struct walk *w, const char *name)
{
    struct store *s = w->p->s;
    if (strcmp(name, "b") == 0) {
        assert_int_equal(store_certificate_delete(s, STR("b"), NULL), 0); /* the one at hand */
        assert_int_equal(store_certificate_delete(s, STR("c"), NULL), 0); /* the next one */
        put_due(s, "a2", 7, 0);                                           /* behind us */
        put_due(s, "d2", 7, 0);                                           /* ahead */
    } else {
        put_due(s, name, 9, 9); /* change the one at hand */
    }
    assert_each(w->p, has_certificate(s, "b") ? "a b c d" : "a a2 d d2"); /* a walk within the walk */
    assert_int_equal(store_commit(s, NULL), 0);
}

static void each_allows_writes(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 0, 0);
    put_due(p->s, "b", 0, 0);
    put_due(p->s, "c", 0, 0);
    put_due(p->s, "d", 0, 0);
    struct walk w = {.p = p, .act = act_on_neighbours};
    assert_int_equal(store_certificate_each(p->s, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, "a b d d2");
    assert_each(p, "a a2 d d2");
}

/* ---- schedule ---- */

static void due_is_ordered_and_bounded(void **state)
{
    struct place *p = *state;
    assert_due(p, INT64_MAX, 10, "");
    put_due(p->s, "late", 300, 0);
    put_due(p->s, "z", 100, 0);
    put_due(p->s, "m", 200, 0);
    put_due(p->s, "a", 100, 0);
    put_due(p->s, "never", 0, 0);
    put_due(p->s, "odd", -5, 0);
    put_due(p->s, "b", 200, 0);
    assert_due(p, 99, 10, "");
    assert_due(p, 100, 10, "a z");
    assert_due(p, 299, 10, "a z b m");
    assert_due(p, 300, 10, "a z b m late");
    assert_due(p, INT64_MAX, SIZE_MAX, "a z b m late");
    assert_due(p, INT64_MAX, 3, "a z b");
    assert_due(p, INT64_MAX, 1, "a");
    assert_due(p, INT64_MAX, 0, "");
    assert_due(p, 0, 10, "");
    assert_due(p, INT64_MIN, 10, "");
    assert_deploy_due(p, INT64_MAX, 10, "");
    /* moved and deleted ones are found where they are now */
    put_due(p->s, "a", 250, 0);
    put_due(p->s, "never", 50, 0);
    assert_int_equal(store_certificate_delete(p->s, STR("z"), NULL), 0);
    put_due(p->s, "m", 0, 0);
    assert_due(p, 300, 10, "never b a late");
}

static void deploy_due_is_ordered_and_bounded(void **state)
{
    struct place *p = *state;
    put_due(p->s, "c", 1, 30);
    put_due(p->s, "b", 0, 20);
    put_due(p->s, "a", 3, 20);
    put_due(p->s, "none", 4, 0);
    assert_deploy_due(p, 19, 10, "");
    assert_deploy_due(p, 20, 10, "a b");
    assert_deploy_due(p, 30, 10, "a b c");
    assert_deploy_due(p, 30, 2, "a b");
    assert_deploy_due(p, 30, 0, "");
    put_due(p->s, "a", 3, 0);
    assert_deploy_due(p, 30, 10, "b c");
}

static void due_hands_out_whole_records(void **state)
{
    struct place *p = *state;
    struct certificate c = full_certificate(p->a, "whole", 10);
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    struct buf due = buf_new(65536);
    dump_store(p->s, &due);
    const char *first = strstr(buf_c(&due), "certificate whole");
    assert_non_null(first);
    const char *second = strstr(first + 1, "certificate whole");
    assert_non_null(second);
    const char *third = strstr(second + 1, "certificate whole");
    assert_non_null(third);
    size_t n = strcspn(first, "\n");
    assert_memory_equal(first, second, n);
    assert_memory_equal(first, third, n);
    buf_free(&due);
}

/* Puts the one at hand off a little, to a time that is due as well, and does away with others. */
static void put_off(struct walk *w, const char *name)
{
    put_due(w->p->s, name, 150, 150);
    if (strcmp(name, "a") == 0) {
        assert_int_equal(store_certificate_delete(w->p->s, STR("b"), NULL), 0);
        put_due(w->p->s, "c", 500, 500);
        put_due(w->p->s, "new", 120, 120);
    }
}

static void due_visits_each_once(void **state)
{
    struct place *p = *state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(store_certificate_delete(p->s, STR("new"), NULL), 0);
        put_due(p->s, "a", 101, 101);
        put_due(p->s, "b", 102, 102);
        put_due(p->s, "c", 103, 103);
        put_due(p->s, "d", 104, 104);
        struct walk w = {.p = p, .act = put_off};
        const struct wall now = {200};
        assert_int_equal(round == 0 ? store_certificate_due(p->s, now, SIZE_MAX, visit_certificate, &w, NULL)
                                    : store_deploy_due(p->s, now, SIZE_MAX, visit_certificate, &w, NULL),
            0);
        assert_string_equal(w.seen, "a d");
    }
}

static void next_due_is_the_earliest_of_both(void **state)
{
    struct place *p = *state;
    assert_next_due(p, 0);
    put_due(p->s, "never", 0, 0);
    put_due(p->s, "odd", -1, -1);
    assert_next_due(p, 0);
    put_due(p->s, "a", 500, 0);
    assert_next_due(p, 500);
    put_due(p->s, "b", 0, 400);
    assert_next_due(p, 400);
    put_due(p->s, "c", 300, 350);
    assert_next_due(p, 300);
    put_due(p->s, "c", 0, 350);
    assert_next_due(p, 350);
    assert_int_equal(store_certificate_delete(p->s, STR("c"), NULL), 0);
    put_due(p->s, "b", 0, 0);
    assert_next_due(p, 500);
}

/* ---- keys, authorities, challenges ---- */

static void keys_are_kept_by_generation(void **state)
{
    struct place *p = *state;
    struct str out = STR("");
    const struct str sealed = {"\0\x01\xff\0 key", 8};
    struct err err = ERR_INIT;
    assert_int_equal(store_key_get(p->s, STR("a"), 7, p->a, &out, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "generation 7"));
    assert_int_equal(store_key_put(p->s, STR("a"), 7, sealed, NULL), 0);
    assert_int_equal(store_key_get(p->s, STR("a"), 7, p->a, &out, NULL), 0);
    assert_true(str_eq(out, sealed));
    assert_false(has_key(p->s, "a", 6));
    assert_false(has_key(p->s, "a", 8));
    assert_false(has_key(p->s, "aa", 7));
    put_key(p->s, "a", 7, "another");
    assert_true(str_eq(out, sealed)); /* what was handed out stays */
    assert_int_equal(store_key_get(p->s, STR("a"), 7, p->a, &out, NULL), 0);
    assert_true(str_eq_c(out, "another"));
}

static void old_keys_are_deleted(void **state)
{
    struct place *p = *state;
    assert_int_equal(store_key_delete_below(p->s, STR("a"), 5, NULL), 0);
    for (int64_t generation = -1; generation < 5; generation++) {
        put_key(p->s, "a", generation, "k");
        put_key(p->s, "a0", generation, "k");
        put_key(p->s, "9", generation, "k");
    }
    assert_int_equal(store_key_delete_below(p->s, STR("a"), -1, NULL), 0);
    assert_true(has_key(p->s, "a", -1));
    assert_int_equal(store_key_delete_below(p->s, STR("a"), 3, NULL), 0);
    for (int64_t generation = -1; generation < 5; generation++) {
        assert_int_equal(has_key(p->s, "a", generation), generation >= 3);
        assert_true(has_key(p->s, "a0", generation));
        assert_true(has_key(p->s, "9", generation));
    }
}

static void authorities_come_back_whole(void **state)
{
    struct place *p = *state;
    struct authority_record out;
    struct err err = ERR_INIT;
    assert_int_equal(store_authority_get(p->s, STR("https://ca.example/d"), p->a, &out, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "https://ca.example/d"));
    const struct authority_record in[] = {
        {"https://ca.example/d", "{\"newNonce\": 1}", {77}, "https://ca.example/acct/1", "ops@example.com"},
        {"https://ca.example/e", "", {0}, "", ""},
        {"https://ca.example/d", "{}", {78}, "", "other@example.com"},
    };
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        assert_int_equal(store_authority_put(p->s, &in[i], NULL), 0);
        assert_int_equal(store_authority_get(p->s, str_c(in[i].directory_url), p->a, &out, NULL), 0);
        assert_string_equal(out.directory_url, in[i].directory_url);
        assert_string_equal(out.directory, in[i].directory);
        assert_int_equal(out.fetched_at.s, in[i].fetched_at.s);
        assert_string_equal(out.account_url, in[i].account_url);
        assert_string_equal(out.account_email, in[i].account_email);
    }
}

static void challenges_are_a_set(void **state)
{
    struct place *p = *state;
    assert_challenges(p, "");
    put_challenge(p->s, "b", "1");
    put_challenge(p->s, "a", "2");
    put_challenge(p->s, "a", "10");
    put_challenge(p->s, "a", "2");
    put_challenge(p->s, "a.b", "0");
    put_challenge(p->s, "b", "0");
    assert_challenges(p, "a/10 a/2 a.b/0 b/0 b/1");
    assert_int_equal(store_challenge_delete(p->s, &(struct challenge_record){"a", "2"}, NULL), 0);
    assert_int_equal(store_challenge_delete(p->s, &(struct challenge_record){"a", "2"}, NULL), 0);
    assert_int_equal(store_challenge_delete(p->s, &(struct challenge_record){"b", "10"}, NULL), 0);
    assert_challenges(p, "a/10 a.b/0 b/0 b/1");
}

static void clean_up(struct walk *w, const char *name)
{
    char certificate[128];
    snprintf(certificate, sizeof certificate, "%s", name);
    char *slash = strchr(certificate, '/');
    assert_non_null(slash);
    *slash = '\0';
    assert_int_equal(
        store_challenge_delete(w->p->s, &(struct challenge_record){certificate, slash + 1}, NULL), 0);
}

static void challenges_are_deleted_while_walking(void **state)
{
    struct place *p = *state;
    put_challenge(p->s, "a", "1");
    put_challenge(p->s, "a", "2");
    put_challenge(p->s, "b", "1");
    struct walk w = {.p = p, .act = clean_up};
    assert_int_equal(store_challenge_each(p->s, visit_challenge, &w, NULL), 0);
    assert_string_equal(w.seen, "a/1 a/2 b/1");
    assert_challenges(p, "");
}

/* ---- history ---- */

struct ids {
    int64_t list[16];
    size_t n;
};

static int note_id(const struct history_record *h, void *arg)
{
    struct ids *ids = arg;
    assert_true(ids->n < ARRAY_LEN(ids->list));
    ids->list[ids->n++] = h->id;
    return 0;
}

static void history_is_the_newest_oldest_first(void **state)
{
    struct place *p = *state;
    assert_history(p, "", 0, 10, "");
    assert_history(p, "a", 0, 10, "");
    put_history(p->s, 50, "a", "a1");
    put_history(p->s, 40, "b", "b1"); /* time does not matter, order does */
    put_history(p->s, 60, "", "none");
    put_history(p->s, 10, "a", "a2");
    put_history(p->s, 70, "a", "a3");
    put_history(p->s, 70, "b", "b2");
    assert_history(p, "", 0, SIZE_MAX, "a1 b1 none a2 a3 b2");
    assert_history(p, "", 0, 2, "a3 b2");
    assert_history(p, "", 0, 0, "");
    assert_history(p, "a", 0, 10, "a1 a2 a3");
    assert_history(p, "a", 0, 2, "a2 a3");
    assert_history(p, "b", 0, 1, "b2");
    assert_history(p, "nobody", 0, 10, "");

    struct ids ids = {.n = 0};
    assert_int_equal(store_history_each(p->s, STR(""), 0, 10, note_id, &ids, NULL), 0);
    assert_int_equal(ids.n, 6);
    assert_true(ids.list[0] > 0);
    for (size_t i = 1; i < ids.n; i++)
        assert_true(ids.list[i] > ids.list[i - 1]);
    assert_history(p, "", ids.list[2], 10, "a2 a3 b2");
    assert_history(p, "", ids.list[2], 1, "b2");
    assert_history(p, "a", ids.list[0], 10, "a2 a3");
    assert_history(p, "a", ids.list[4], 10, "");
    assert_history(p, "", ids.list[5], 10, "");
    assert_history(p, "", INT64_MAX, 10, "");
    assert_history(p, "", INT64_MIN, 10, "a1 b1 none a2 a3 b2");
}

static int note_record(const struct history_record *h, void *arg)
{
    buf_printf(arg, "%lld|%s|%s|%s|%s", (long long)h->at.s, h->certificate, h->event, h->text, h->detail);
    return 0;
}

static void history_comes_back_whole(void **state)
{
    struct place *p = *state;
    const struct history_record h = {.id = 99,
        .at = {1790000000},
        .certificate = "a",
        .event = "issued",
        .text = "it's here",
        .detail = "{\"order\": \"u\"}"};
    assert_int_equal(store_history_put(p->s, &h, NULL), 0);
    struct buf text = buf_new(1024);
    assert_int_equal(store_history_each(p->s, STR("a"), 0, 5, note_record, &text, NULL), 0);
    assert_string_equal(buf_c(&text), "1790000000|a|issued|it's here|{\"order\": \"u\"}");
    buf_free(&text);
}

static void append_another(struct walk *w, const char *name)
{
    put_history(w->p->s, 1, "a", "more");
}

static void history_ends_where_it_ended(void **state)
{
    struct place *p = *state;
    put_history(p->s, 1, "a", "x");
    put_history(p->s, 2, "a", "y");
    struct walk w = {.p = p, .act = append_another};
    assert_int_equal(store_history_each(p->s, STR(""), 0, SIZE_MAX, visit_history, &w, NULL), 0);
    assert_string_equal(w.seen, "x y");
    assert_history(p, "a", 0, 10, "x y more more");
}

/* ---- arguments, commit ---- */

static void bad_arguments_are_refused(void **state)
{
    struct place *p = *state;
    struct certificate c = empty_certificate("a");
    struct authority_record authority;
    struct str sealed;
    struct walk w = {.p = p};
    static const char nul[] = {'a', '\0', 'b'};
    char long_name[STORE_NAME_MAX + 2];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        struct str name;
        int code;
    } rows[] = {
        {STR(""), ERR_INPUT}, {{NULL, 0}, ERR_INPUT}, {{nul, 3}, ERR_INPUT}, {str_c(long_name), ERR_LIMIT}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        assert_int_equal(store_certificate_get(p->s, rows[i].name, p->a, &c, &err), rows[i].code);
        assert_true(err.text[0] != '\0');
        assert_int_equal(store_certificate_delete(p->s, rows[i].name, NULL), rows[i].code);
        assert_int_equal(store_key_put(p->s, rows[i].name, 1, STR("k"), NULL), rows[i].code);
        assert_int_equal(store_key_get(p->s, rows[i].name, 1, p->a, &sealed, NULL), rows[i].code);
        assert_int_equal(store_key_delete_below(p->s, rows[i].name, 1, NULL), rows[i].code);
        if (rows[i].name.n > 0)
            assert_int_equal(
                store_history_each(p->s, rows[i].name, 0, 1, visit_history, &w, NULL), rows[i].code);
    }
    assert_int_equal(store_authority_get(p->s, STR(""), p->a, &authority, NULL), ERR_INPUT);
    assert_int_equal(store_key_put(p->s, STR("a"), 1, STR(""), NULL), ERR_INPUT);
    assert_int_equal(
        store_key_put(p->s, STR("a"), 1, (struct str){long_name, STORE_SEALED_MAX + 1}, NULL), ERR_LIMIT);
    /* records go through the same gate (its rules: test_record) */
    c = empty_certificate("");
    assert_int_equal(store_certificate_put(p->s, &c, NULL), ERR_INPUT);
    assert_int_equal(
        store_authority_put(p->s, &(struct authority_record){"", "", {0}, "", ""}, NULL), ERR_INPUT);
    assert_int_equal(store_challenge_put(p->s, &(struct challenge_record){"a", ""}, NULL), ERR_INPUT);
    assert_int_equal(store_challenge_delete(p->s, &(struct challenge_record){"", "t"}, NULL), ERR_INPUT);
    assert_int_equal(store_history_put(p->s, &(struct history_record){.certificate = "a"}, NULL), ERR_INPUT);
    /* and nothing of it was stored */
    struct buf dump = buf_new(4096);
    dump_store(p->s, &dump);
    assert_string_equal(buf_c(&dump), "due:\ndeploy due:\nnext 0\n");
    buf_free(&dump);
}

static void the_largest_record_fits(void **state)
{
    struct place *p = *state;
    struct certificate c = empty_certificate("big"), out;
    char *chain = arena_alloc(p->a, STORE_CHAIN_MAX + 1), *permit = arena_alloc(p->a, STORE_SEALED_MAX),
         *wish = arena_alloc(p->a, STORE_WISH_MAX + 1);
    memset(chain, 'c', STORE_CHAIN_MAX);
    memset(permit, 0xfe, STORE_SEALED_MAX);
    memset(wish, 'w', STORE_WISH_MAX);
    c.chain = chain;
    c.permit = (struct str){permit, STORE_SEALED_MAX};
    c.wish = wish;
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(store_certificate_get(p->s, STR("big"), p->a, &out, NULL), 0);
    assert_certificate_equal(&out, &c);
}

static void success_leaves_the_error_alone(void **state)
{
    struct place *p = *state;
    struct err err = ERR_INIT;
    err_set(&err, ERR_TLS, "before");
    struct certificate c = empty_certificate("a");
    struct wall next;
    struct walk w = {.p = p};
    assert_int_equal(store_certificate_put(p->s, &c, &err), 0);
    assert_int_equal(store_certificate_get(p->s, STR("a"), p->a, &c, &err), 0);
    assert_int_equal(store_certificate_each(p->s, visit_certificate, &w, &err), 0);
    assert_int_equal(store_next_due(p->s, &next, &err), 0);
    assert_int_equal(store_commit(p->s, &err), 0);
    assert_int_equal(store_certificate_delete(p->s, STR("a"), &err), 0);
    assert_int_equal(err.code, ERR_TLS);
    assert_string_equal(err.text, "before");
}

static void commit_with_and_without_changes(void **state)
{
    struct place *p = *state;
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(store_commit(p->s, NULL), 0);
    put_due(p->s, "a", 1, 0);
    assert_due(p, 1, 1, "a"); /* visible before it is durable */
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(store_certificate_delete(p->s, STR("nobody"), NULL), 0);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_each(p, "a");
}

static void closing_nothing_is_fine(void **state)
{
    store_close(NULL);
}

/* ---- the drivers against each other ---- */

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
    switch (n[0] % 9) {
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
        assert_int_equal(store_challenge_delete(s, &(struct challenge_record){name, text}, NULL), 0);
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

static const struct {
    const char *name;
    CMUnitTestFunction function;
} behaviours[] = {
#define BEHAVIOUR(function) \
    {                       \
#function, function \
    }
    BEHAVIOUR(certificate_comes_back_whole),
    BEHAVIOUR(certificate_of_nothing_comes_back_empty),
    BEHAVIOUR(certificate_numbers_keep_their_whole_range),
    BEHAVIOUR(certificate_that_is_not_there),
    BEHAVIOUR(certificate_delete_takes_what_belongs_to_it),
    BEHAVIOUR(each_goes_by_name),
    BEHAVIOUR(each_stops_and_fails_as_told),
    BEHAVIOUR(each_allows_writes),
    BEHAVIOUR(due_is_ordered_and_bounded),
    BEHAVIOUR(deploy_due_is_ordered_and_bounded),
    BEHAVIOUR(due_hands_out_whole_records),
    BEHAVIOUR(due_visits_each_once),
    BEHAVIOUR(next_due_is_the_earliest_of_both),
    BEHAVIOUR(keys_are_kept_by_generation),
    BEHAVIOUR(old_keys_are_deleted),
    BEHAVIOUR(authorities_come_back_whole),
    BEHAVIOUR(challenges_are_a_set),
    BEHAVIOUR(challenges_are_deleted_while_walking),
    BEHAVIOUR(history_is_the_newest_oldest_first),
    BEHAVIOUR(history_comes_back_whole),
    BEHAVIOUR(history_ends_where_it_ended),
    BEHAVIOUR(bad_arguments_are_refused),
    BEHAVIOUR(the_largest_record_fits),
    BEHAVIOUR(success_leaves_the_error_alone),
    BEHAVIOUR(commit_with_and_without_changes),
    BEHAVIOUR(closing_nothing_is_fine),
    BEHAVIOUR(driver_does_as_memory_does),
#undef BEHAVIOUR
};

int main(void)
{
    static struct CMUnitTest tests[ARRAY_LEN(drivers) * ARRAY_LEN(behaviours)];
    static char names[ARRAY_LEN(tests)][80];
    static struct driver state[ARRAY_LEN(drivers)]; /* cmocka's states are not const */
    size_t n = 0;
    for (size_t d = 0; d < ARRAY_LEN(drivers); d++) {
        state[d] = drivers[d];
        for (size_t b = 0; b < ARRAY_LEN(behaviours); b++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", drivers[d].name, behaviours[b].name);
            tests[n] = (struct CMUnitTest){names[n], behaviours[b].function, set_up, tear_down, &state[d]};
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
