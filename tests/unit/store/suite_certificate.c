/* Certificates and their schedule. */
#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

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

static void certificate_delete_takes_its_keys(void **state)
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
    assert_challenges(p, "a/t1 a/t2 a.b/t1 a.b/t2 aa/t1 aa/t2 b/t1 b/t2");
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

static int visit_wish(const struct wish_record *w, void *arg)
{
    struct walk *walk = arg;
    size_t n = strlen(walk->seen);
    if (n < sizeof walk->seen)
        snprintf(walk->seen + n, sizeof walk->seen - n, "%s%s", n > 0 ? " " : "", w->name);
    return walk->at != NULL && strcmp(walk->at, w->name) != 0 ? 0 : walk->answer;
}

static void assert_wishes(struct place *p, const char *after, const char *last, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_wish_each(p->s, after, last, visit_wish, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

static void wishes_lie_between_names(void **state)
{
    struct place *p = *state;
    assert_wishes(p, "", NULL, "");
    static const char *const names[] = {"b", "a.b", "\xc3\xa9", "a", "a-b"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_due(p->s, names[i], 0, 0);
    assert_wishes(p, "", NULL, "a a-b a.b b \xc3\xa9");
    assert_wishes(p, "a", "b", "a-b a.b b");
    assert_wishes(p, "a-a", "azz", "a-b a.b");
    assert_wishes(p, "b", "b", "");
    struct walk w = {.answer = ERR_SPACE, .at = "a.b"};
    struct err err = ERR_INIT;
    assert_int_equal(store_wish_each(p->s, "", NULL, visit_wish, &w, &err), ERR_SPACE);
    assert_string_equal(w.seen, "a a-b a.b");
    assert_int_equal(err.code, 0);
    w = (struct walk){.answer = 1, .at = "a-b"};
    assert_int_equal(store_wish_each(p->s, "", NULL, visit_wish, &w, &err), 0);
    assert_string_equal(w.seen, "a a-b");
}

static int keep_wish(const struct wish_record *w, void *arg)
{
    struct place *p = arg;
    struct certificate c;
    assert_int_equal(store_certificate_get(p->s, str_c(w->name), p->a, &c, NULL), 0);
    assert_string_equal(w->wish, c.wish);
    assert_string_equal(w->holder, c.holder);
    assert_int_equal(w->source, c.source);
    assert_int_equal(w->released, c.released);
    assert_int_equal(w->park_at.s, c.park_at.s);
    assert_int_equal(w->look_due_at.s, c.look_due_at.s);
    /* the walk goes on behind it */
    assert_int_equal(store_certificate_delete(p->s, str_c(w->name), NULL), 0);
    return 0;
}

static void wishes_are_those_of_the_records(void **state)
{
    struct place *p = *state;
    char name[16];
    for (int i = 0; i < 2 * STORE_WISHES_READ; i++) { /* read in more than one go */
        snprintf(name, sizeof name, "n%04d", i);
        struct certificate c = full_certificate(p->a, name, 1000 + i);
        assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    }
    assert_int_equal(store_wish_each(p->s, "", NULL, keep_wish, p, NULL), 0);
    assert_each(p, "");
    store_shrink(p->s);
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

/* A part of the walk by name, as "a b c". */
static void assert_list(struct place *p, const char *after, size_t limit, const char *names)
{
    struct certificate rows[STORE_LIST_MAX];
    size_t n = 77;
    struct buf seen = buf_new(8192);
    assert_int_equal(store_certificate_list(p->s, str_c(after), limit, p->a, rows, &n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        buf_printf(&seen, "%s%s", i > 0 ? " " : "", rows[i].name);
    assert_string_equal(buf_c(&seen), names);
    buf_free(&seen);
}

static void list_goes_on_behind_a_name(void **state)
{
    struct place *p = *state;
    assert_list(p, "", 10, "");
    for (const char *name = "dbeca"; *name != '\0'; name++)
        put_due(p->s, (const char[]){*name, '\0'}, 0, 0);
    put_due(p->s, "c-rsa", 0, 0);
    assert_list(p, "", 10, "a b c c-rsa d e");
    assert_list(p, "", 2, "a b");
    assert_list(p, "b", 3, "c c-rsa d");
    assert_list(p, "bb", 1, "c"); /* there need not be one of that name */
    assert_list(p, "d", SIZE_MAX, "e");
    assert_list(p, "e", 10, "");
    assert_list(p, "", 0, "");
}

static void list_has_all_but_what_is_long(void **state)
{
    struct place *p = *state;
    struct certificate c = full_certificate(p->a, "a", 1000), out[1];
    size_t n;
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    memset(out, 0x5a, sizeof out);
    assert_int_equal(store_certificate_list(p->s, STR(""), 1, p->a, out, &n, NULL), 0);
    assert_int_equal(n, 1);
    c.issued_wish_domains = c.subjects = c.chain = "";
    c.permit = STR("");
    assert_certificate_equal(&out[0], &c);
}

static void list_of_long_rows_is_short(void **state)
{
    struct place *p = *state;
    char *wish = arena_alloc(p->a, STORE_LIST_BYTES / 2 + 1);
    memset(wish, 'w', STORE_LIST_BYTES / 2);
    for (const char *name = "abcd"; *name != '\0'; name++) {
        struct certificate c = empty_certificate((const char[]){*name, '\0'});
        c.wish = wish;
        assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    }
    assert_list(p, "", 10, "a b");
    assert_list(p, "b", 10, "c d");
    assert_list(p, "d", 10, "");
}

/* Only what changed is written, and it is seen at once. */
static void long_texts_change_with_the_rest(void **state)
{
    struct place *p = *state;
    struct certificate c = full_certificate(p->a, "a", 1000), out;
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    c.due_at.s = 5;
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    assert_int_equal(store_certificate_get(p->s, STR("a"), p->a, &out, NULL), 0);
    assert_certificate_equal(&out, &c);
    const char **texts[] = {&c.issued_wish_domains, &c.subjects, &c.chain};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = "another";
        assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
        assert_int_equal(store_certificate_get(p->s, STR("a"), p->a, &out, NULL), 0);
        assert_certificate_equal(&out, &c);
    }
    c.permit = STR("another");
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    assert_int_equal(store_certificate_get(p->s, STR("a"), p->a, &out, NULL), 0);
    assert_certificate_equal(&out, &c);
}

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

static void ari_due_is_ordered_and_bounded(void **state)
{
    struct place *p = *state;
    put_ari_due(p->s, "c", 30);
    put_ari_due(p->s, "b", 20);
    put_ari_due(p->s, "a", 20);
    put_due(p->s, "none", 4, 5);
    assert_ari_due(p, 19, 10, "");
    assert_ari_due(p, 20, 10, "a b");
    assert_ari_due(p, 30, 10, "a b c");
    assert_ari_due(p, 30, 2, "a b");
    assert_ari_due(p, 30, 0, "");
    assert_due(p, 30, 10, "none");
    assert_deploy_due(p, 30, 10, "none");
    put_ari_due(p->s, "a", 0);
    assert_ari_due(p, 30, 10, "b c");
}

static void look_due_is_ordered_and_bounded(void **state)
{
    struct place *p = *state;
    struct walk w = {.p = p};
    put_look_due(p->s, "b", 20);
    put_look_due(p->s, "a", 20);
    put_look_due(p->s, "c", 30);
    put_due(p->s, "none", 4, 5);
    assert_int_equal(store_look_due(p->s, (struct wall){29}, 10, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, "a b");
}

static void expiring_is_ordered_and_bounded(void **state)
{
    struct place *p = *state;
    struct walk w = {.p = p};
    put_expiring(p->s, "b", 20);
    put_expiring(p->s, "a", 20);
    put_expiring(p->s, "c", 30);
    put_expiring(p->s, "never", 0);
    put_due(p->s, "none", 4, 0);
    assert_int_equal(store_expiring_due(p->s, (struct wall){29}, 10, visit_certificate, &w, NULL), 0);
    assert_string_equal(w.seen, "a b");
    assert_next_due(p, 0); /* nobody wakes for it */
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
    const char *fourth = strstr(third + 1, "certificate whole");
    assert_non_null(fourth);
    const char *fifth = strstr(fourth + 1, "certificate whole");
    assert_non_null(fifth);
    size_t n = strcspn(first, "\n");
    assert_memory_equal(first, second, n);
    assert_memory_equal(first, third, n);
    assert_memory_equal(first, fourth, n);
    assert_memory_equal(first, fifth, n);
    buf_free(&due);
}

static void put_all_due(struct store *s, const char *name, int64_t at)
{
    struct certificate c = empty_certificate(name);
    c.due_at.s = c.deploy_due_at.s = c.ari_due_at.s = c.look_due_at.s = at;
    assert_int_equal(store_certificate_put(s, &c, NULL), 0);
}

/* Puts the one at hand off a little, to a time that is due as well, and does away with others. */
static void put_off(struct walk *w, const char *name)
{
    put_all_due(w->p->s, name, 150);
    if (strcmp(name, "a") == 0) {
        assert_int_equal(store_certificate_delete(w->p->s, STR("b"), NULL), 0);
        put_all_due(w->p->s, "c", 500);
        put_all_due(w->p->s, "new", 120);
    }
}

static void due_visits_each_once(void **state)
{
    struct place *p = *state;
    int (*const walks[])(struct store *, struct wall, size_t, store_certificate_fn *, void *,
        struct err *) = {store_certificate_due, store_deploy_due, store_ari_due, store_look_due};
    for (size_t round = 0; round < ARRAY_LEN(walks); round++) {
        assert_int_equal(store_certificate_delete(p->s, STR("new"), NULL), 0);
        put_all_due(p->s, "a", 101);
        put_all_due(p->s, "b", 102);
        put_all_due(p->s, "c", 103);
        put_all_due(p->s, "d", 104);
        struct walk w = {.p = p, .act = put_off};
        const struct wall now = {200};
        assert_int_equal(walks[round](p->s, now, SIZE_MAX, visit_certificate, &w, NULL), 0);
        assert_string_equal(w.seen, "a d");
    }
}

static void next_due_is_the_earliest_of_all(void **state)
{
    struct place *p = *state;
    assert_next_due(p, 0);
    put_due(p->s, "never", 0, 0);
    put_due(p->s, "odd", -1, -1);
    assert_next_due(p, 0);
    put_due(p->s, "a", 100, 500); /* the next attempt is its queue's */
    assert_next_due(p, 500);
    put_due(p->s, "b", 0, 400);
    assert_next_due(p, 400);
    put_due(p->s, "c", 300, 350);
    assert_next_due(p, 350);
    assert_int_equal(store_certificate_delete(p->s, STR("c"), NULL), 0);
    put_due(p->s, "b", 0, 0);
    assert_next_due(p, 500);
    put_ari_due(p->s, "d", 499);
    assert_next_due(p, 499);
    put_ari_due(p->s, "d", -1);
    assert_next_due(p, 500);
    put_due(p->s, "a", 0, 0);
    put_ari_due(p->s, "d", 501);
    assert_next_due(p, 501);
    put_look_due(p->s, "e", 498);
    assert_next_due(p, 498);
}

/* ---- queues ---- */

static int note_queue(const struct store_queue *q, void *arg)
{
    struct walk *w = arg;
    size_t n = strlen(w->seen);
    snprintf(w->seen + n, sizeof w->seen - n, "%s%.*s/%lld/%lld", n > 0 ? " " : "", STR_ARG(q->name),
        (long long)q->due_at.s, (long long)q->urgent_at.s);
    return w->answer;
}

static void assert_queues(struct place *p, const char *queues)
{
    struct walk w = {.p = p};
    assert_int_equal(store_queues(p->s, note_queue, &w, NULL), 0);
    assert_string_equal(w.seen, queues);
}

static int note_name(const char *name, bool urgent, void *arg)
{
    struct walk *w = arg;
    size_t n = strlen(w->seen);
    snprintf(w->seen + n, sizeof w->seen - n, "%s%s%s", n > 0 ? " " : "", name, urgent ? "!" : "");
    if (w->act != NULL)
        w->act(w, name);
    return w->answer;
}

static void assert_queue_due(struct place *p, const char *queue, int64_t now, size_t limit, const char *names)
{
    struct walk w = {.p = p};
    assert_int_equal(store_queue_due(p->s, str_c(queue), (struct wall){now}, limit, note_name, &w, NULL), 0);
    assert_string_equal(w.seen, names);
}

static void queues_are_those_with_a_date(void **state)
{
    struct place *p = *state;
    assert_queues(p, "");
    put_queued(p->s, "a", "two", 300, 0);
    put_queued(p->s, "b", "two", 200, 900);
    put_queued(p->s, "c", "two", 400, 800);
    put_queued(p->s, "d", "never", 0, 0);
    put_queued(p->s, "e", "odd", -1, -1);
    put_queued(p->s, "f", "one\nand another", 100, 0);
    assert_queues(p, "one\nand another/100/0 two/200/800");
    put_queued(p->s, "g", "", 50, 60);
    put_queued(p->s, "h", "Two", 7, 0);
    assert_queues(p, "/50/60 Two/7/0 one\nand another/100/0 two/200/800");
    /* who is gone or goes elsewhere leaves none behind */
    assert_int_equal(store_certificate_delete(p->s, STR("g"), NULL), 0);
    put_queued(p->s, "f", "two", 100, 0);
    put_queued(p->s, "c", "two", 0, 800);
    put_queued(p->s, "h", "Two", 0, 0);
    assert_queues(p, "two/100/900");
}

static void queue_gives_what_is_urgent_first(void **state)
{
    struct place *p = *state;
    put_queued(p->s, "late", "q", 300, 0);
    put_queued(p->s, "z", "q", 100, 0);
    put_queued(p->s, "a", "q", 100, 0);
    put_queued(p->s, "soon", "q", 150, 500);
    put_queued(p->s, "hurry", "q", 200, 250);
    put_queued(p->s, "most", "q", 240, 245);
    put_queued(p->s, "hurry too", "q", 210, 250);
    put_queued(p->s, "other", "r", 1, 1);
    put_queued(p->s, "never", "q", 0, 0);
    put_queued(p->s, "done", "q", 0, 10);
    put_queued(p->s, "not yet", "q", 900, 20);
    assert_queue_due(p, "q", 99, 10, "");
    assert_queue_due(p, "q", 240, 10, "a z soon hurry hurry too most");
    assert_queue_due(p, "q", 250, 10, "most! hurry! hurry too! a z soon");
    assert_queue_due(p, "q", 500, 10, "most! hurry! hurry too! soon! a z late");
    assert_queue_due(p, "q", 500, 4, "most! hurry! hurry too! soon!");
    assert_queue_due(p, "q", 500, 5, "most! hurry! hurry too! soon! a");
    assert_queue_due(p, "q", 500, 1, "most!");
    assert_queue_due(p, "q", 500, 0, "");
    assert_queue_due(p, "q", INT64_MAX, SIZE_MAX, "not yet! most! hurry! hurry too! soon! a z late");
    assert_queue_due(p, "q", 0, 10, "");
    assert_queue_due(p, "q", INT64_MIN, 10, "");
    assert_queue_due(p, "r", 1, 10, "other!");
    assert_queue_due(p, "", 1000, 10, "");
    assert_queue_due(p, "nobody", 1000, 10, "");
}

static void act_on_queue(struct walk *w, const char *name)
{
    put_queued(w->p->s, name, "elsewhere", 1, 0);
    assert_int_equal(store_certificate_delete(w->p->s, STR("b"), NULL), 0);
    assert_int_equal(store_commit(w->p->s, NULL), 0);
}

static void queue_walks_allow_writes_and_stop(void **state)
{
    struct place *p = *state;
    put_queued(p->s, "a", "q", 1, 0);
    put_queued(p->s, "b", "q", 2, 2);
    put_queued(p->s, "c", "q", 3, 0);
    put_queued(p->s, "d", "r", 3, 0);
    const struct wall now = {9};
    static const struct {
        int answer, result;
    } rows[] = {{1, 0}, {ERR_CANCELLED, ERR_CANCELLED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        struct walk w = {.p = p, .answer = rows[i].answer};
        assert_int_equal(store_queue_due(p->s, STR("q"), now, 9, note_name, &w, &err), rows[i].result);
        assert_string_equal(w.seen, "b!");
        w.seen[0] = '\0';
        assert_int_equal(store_queues(p->s, note_queue, &w, &err), rows[i].result);
        assert_string_equal(w.seen, "q/1/2");
        assert_int_equal(err.code, 0);
    }
    /* names were settled at the start, whatever becomes of them meanwhile */
    struct walk w = {.p = p, .act = act_on_queue};
    assert_int_equal(store_queue_due(p->s, STR("q"), now, 9, note_name, &w, NULL), 0);
    assert_string_equal(w.seen, "b! a c");
    assert_queues(p, "elsewhere/1/0 r/3/0");
}

#define BEHAVIOURS(X)                             \
    X(certificate_comes_back_whole)               \
    X(certificate_of_nothing_comes_back_empty)    \
    X(certificate_numbers_keep_their_whole_range) \
    X(certificate_that_is_not_there)              \
    X(certificate_delete_takes_its_keys)          \
    X(each_goes_by_name)                          \
    X(wishes_lie_between_names)                   \
    X(wishes_are_those_of_the_records)            \
    X(each_stops_and_fails_as_told)               \
    X(each_allows_writes)                         \
    X(list_goes_on_behind_a_name)                 \
    X(list_has_all_but_what_is_long)              \
    X(list_of_long_rows_is_short)                 \
    X(long_texts_change_with_the_rest)            \
    X(due_is_ordered_and_bounded)                 \
    X(deploy_due_is_ordered_and_bounded)          \
    X(ari_due_is_ordered_and_bounded)             \
    X(look_due_is_ordered_and_bounded)            \
    X(expiring_is_ordered_and_bounded)            \
    X(due_hands_out_whole_records)                \
    X(due_visits_each_once)                       \
    X(next_due_is_the_earliest_of_all)            \
    X(queues_are_those_with_a_date)               \
    X(queue_gives_what_is_urgent_first)           \
    X(queue_walks_allow_writes_and_stop)

const struct behaviour certificate_behaviours[] = {BEHAVIOURS(BEHAVIOUR)};
const size_t certificate_behaviour_n = ARRAY_LEN(certificate_behaviours);
