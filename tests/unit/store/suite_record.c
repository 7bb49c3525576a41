/* Everything else that is stored; arguments; commits. */
#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

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
        {"https://ca.example/d", "{\"newNonce\": 1}", {77}, "https://ca.example/acct/1", "ops@example.com",
            "valid"},
        {"https://ca.example/e", "", {0}, "", "", ""},
        {"https://ca.example/d#second", "{}", {79}, "https://ca.example/acct/2", "", "deactivated"},
        {"https://ca.example/d", "{}", {78}, "", "other@example.com", "revoked"},
    };
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        assert_int_equal(store_authority_put(p->s, &in[i], NULL), 0);
        assert_int_equal(store_authority_get(p->s, str_c(in[i].id), p->a, &out, NULL), 0);
        assert_string_equal(out.id, in[i].id);
        assert_string_equal(out.directory, in[i].directory);
        assert_int_equal(out.fetched_at.s, in[i].fetched_at.s);
        assert_string_equal(out.account_url, in[i].account_url);
        assert_string_equal(out.account_email, in[i].account_email);
        assert_string_equal(out.account_status, in[i].account_status);
    }
    /* each account has its own */
    assert_int_equal(store_authority_get(p->s, STR("https://ca.example/d#second"), p->a, &out, NULL), 0);
    assert_string_equal(out.account_url, "https://ca.example/acct/2");
    assert_int_equal(
        store_authority_get(p->s, STR("https://ca.example/d#"), p->a, &out, NULL), ERR_NOT_FOUND);
}

/* ---- buckets ---- */

static void buckets_come_back_whole(void **state)
{
    struct place *p = *state;
    struct bucket_record out;
    struct err err = ERR_INIT;
    assert_int_equal(store_bucket_get(p->s, STR("orders x"), p->a, &out, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "orders x"));
    static const struct bucket_record in[] = {
        {"orders x", 1790000000123, {1790000001}},
        {"orders xy", INT64_MAX, {INT64_MAX}},
        {"orders", INT64_MIN, {0}},
        {"orders x", 7, {8}},
    };
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        assert_int_equal(store_bucket_put(p->s, &in[i], NULL), 0);
        assert_int_equal(store_bucket_get(p->s, str_c(in[i].key), p->a, &out, NULL), 0);
        assert_string_equal(out.key, in[i].key);
        assert_int_equal(out.at_us, in[i].at_us);
        assert_int_equal(out.expires.s, in[i].expires.s);
    }
    assert_true(has_bucket(p->s, "orders xy"));
    assert_false(has_bucket(p->s, "orders xyz"));
}

static void marks_come_back(void **state)
{
    struct place *p = *state;
    int64_t value = -1;
    assert_int_equal(store_mark_get(p->s, STR("alert a"), &value, NULL), 0);
    assert_int_equal(value, 0);
    assert_int_equal(store_mark_put(p->s, STR("alert a"), 7, NULL), 0);
    assert_int_equal(store_mark_put(p->s, STR("alert ab"), INT64_MAX, NULL), 0);
    assert_int_equal(store_mark_put(p->s, STR("alert a"), 8, NULL), 0);
    assert_int_equal(store_mark_get(p->s, STR("alert a"), &value, NULL), 0);
    assert_int_equal(value, 8);
    assert_int_equal(store_mark_get(p->s, STR("alert ab"), &value, NULL), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(store_mark_put(p->s, STR(""), 8, NULL), ERR_INPUT);
}

static void expired_buckets_are_deleted(void **state)
{
    struct place *p = *state;
    assert_int_equal(store_bucket_delete_expired(p->s, (struct wall){INT64_MAX}, NULL), 0);
    put_bucket(p->s, "never", 1, 0);
    put_bucket(p->s, "odd", 1, -5);
    put_bucket(p->s, "a", 1, 100);
    put_bucket(p->s, "b", 1, 101);
    put_bucket(p->s, "moved", 1, 50);
    put_bucket(p->s, "moved", 1, 500);
    static const struct {
        int64_t now;
        const char *left;
    } rows[] = {
        {INT64_MIN, "never odd a b moved"},
        {0, "never odd a b moved"},
        {99, "never odd a b moved"},
        {100, "never odd b moved"},
        {499, "never odd moved"},
        {INT64_MAX, "never odd"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(store_bucket_delete_expired(p->s, (struct wall){rows[i].now}, NULL), 0);
        static const char *const keys[] = {"never", "odd", "a", "b", "moved"};
        struct buf left = buf_new(256);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            if (has_bucket(p->s, keys[k]))
                buf_printf(&left, "%s%s", left.n > 0 ? " " : "", keys[k]);
        assert_string_equal(buf_c(&left), rows[i].left);
        buf_free(&left);
    }
}

static void few_expired_buckets_are_deleted_at_once(void **state)
{
    struct place *p = *state;
    char key[16];
    for (int i = 0; i < STORE_EXPIRED_MAX + 3; i++) { /* the later ones have the smaller keys */
        snprintf(key, sizeof key, "%04d", 9000 - i);
        put_bucket(p->s, key, 1, 10 + i / 2);
    }
    assert_int_equal(store_bucket_delete_expired(p->s, (struct wall){5000}, NULL), 0);
    static const char *const keys[] = {"9000", "8999", "8746", "8745", "8744", "8743", "8742"};
    static const bool left[] = {false, false, false, false, true, true, true};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_int_equal(has_bucket(p->s, keys[i]), left[i]);
    assert_int_equal(store_bucket_delete_expired(p->s, (struct wall){5000}, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_false(has_bucket(p->s, keys[i]));
}

static void challenges_are_a_set(void **state)
{
    struct place *p = *state;
    assert_challenges(p, "");
    put_challenge(p->s, "b", "1");
    put_challenge(p->s, "a", "2");
    put_challenge(p->s, "a", "10");
    put_challenge(p->s, "a", "2");
    const struct challenge_record changed = {
        "a", "2", 2, "a.example", "", "2.k", "{\"zone\":\"x\"}", STR("p")};
    assert_int_equal(store_challenge_put(p->s, &changed, NULL), 0);
    put_challenge(p->s, "a.b", "0");
    put_challenge(p->s, "b", "0");
    assert_challenges(p, "a/10 a/2 a.b/0 b/0 b/1");
    assert_int_equal(store_challenge_delete(p->s, "a", "2", NULL), 0);
    assert_int_equal(store_challenge_delete(p->s, "a", "2", NULL), 0);
    assert_int_equal(store_challenge_delete(p->s, "b", "10", NULL), 0);
    assert_challenges(p, "a/10 a.b/0 b/0 b/1");
}

static void clean_up(struct walk *w, const char *name)
{
    char certificate[128];
    snprintf(certificate, sizeof certificate, "%s", name);
    char *slash = strchr(certificate, '/');
    assert_non_null(slash);
    *slash = '\0';
    assert_int_equal(store_challenge_delete(w->p->s, certificate, slash + 1, NULL), 0);
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
    struct history_record h = {.id = 99,
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

static void history_is_walked_in_parts(void **state)
{
    struct place *p = *state;
    struct history_walk h;
    assert_int_equal(store_history_open(p->s, STR(""), 0, 10, &h, NULL), 0);
    assert_true(h.over);
    for (const char *text = "12345"; *text != '\0'; text++)
        put_history(p->s, 1, *text == '3' ? "b" : "a", (const char[]){*text, '\0'});
    const struct {
        const char *name, *parts[4];
    } rows[] = {{"", {"1 2", "3 4", "5", ""}}, {"a", {"1 2", "4 5", "", ""}}, {"c", {"", "", "", ""}}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str name = str_c(rows[i].name);
        assert_int_equal(store_history_open(p->s, name, 0, 10, &h, NULL), 0);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].parts); k++) {
            struct walk w = {.p = p};
            assert_int_equal(store_history_next(p->s, name, &h, 2, visit_history, &w, NULL), 0);
            assert_string_equal(w.seen, rows[i].parts[k]);
        }
        assert_true(h.over);
    }
}

static void old_history_is_deleted(void **state)
{
    struct place *p = *state;
    size_t n = 77;
    assert_int_equal(store_history_delete(p->s, (struct wall){50}, &n, NULL), 0);
    assert_int_equal(n, 0);
    put_history(p->s, 10, "a", "a10");
    put_history(p->s, 50, "b", "b50");
    put_history(p->s, 49, "b", "b49"); /* the clock was set */
    put_history(p->s, 60, "a", "a60");
    put_history(p->s, 20, "a", "a20");
    assert_int_equal(store_history_delete(p->s, (struct wall){50}, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_history(p, "", 0, 10, "b50 a60 a20"); /* the last one stays */
    assert_history(p, "a", 0, 10, "a60 a20");
    assert_int_equal(store_history_delete(p->s, (struct wall){1000}, &n, NULL), 0);
    assert_int_equal(n, 2);
    put_history(p->s, 70, "a", "a70");
    assert_history(p, "", 0, 10, "a20 a70");
    assert_history(p, "", 5, 10, "a70"); /* its id is above those that are gone */
}

static void much_history_is_deleted_in_parts(void **state)
{
    struct place *p = *state;
    size_t n;
    for (size_t i = 0; i < STORE_HISTORY_DELETE_MAX + 10; i++)
        put_history(p->s, 1, "a", "old");
    put_history(p->s, 100, "a", "new");
    assert_int_equal(store_history_delete(p->s, (struct wall){50}, &n, NULL), 0);
    assert_int_equal(n, STORE_HISTORY_DELETE_MAX);
    assert_int_equal(store_history_delete(p->s, (struct wall){50}, &n, NULL), 0);
    assert_int_equal(n, 10);
    assert_history(p, "", 0, 10, "new");
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
        store_authority_put(p->s, &(struct authority_record){"", "", {0}, "", "", ""}, NULL), ERR_INPUT);
    assert_int_equal(store_bucket_put(p->s, &(struct bucket_record){"", 1, {1}}, NULL), ERR_INPUT);
    struct bucket_record bucket;
    assert_int_equal(store_bucket_get(p->s, STR(""), p->a, &bucket, NULL), ERR_INPUT);
    char long_key[STORE_BUCKET_MAX + 1];
    memset(long_key, 'k', sizeof long_key);
    assert_int_equal(
        store_bucket_get(p->s, (struct str){long_key, sizeof long_key}, p->a, &bucket, NULL), ERR_LIMIT);
    assert_int_equal(
        store_bucket_get(p->s, (struct str){long_key, STORE_BUCKET_MAX}, p->a, &bucket, NULL), ERR_NOT_FOUND);
    assert_int_equal(
        store_challenge_put(p->s, &(struct challenge_record){"a", "", 0, "", "", "", "", STR("")}, NULL),
        ERR_INPUT);
    assert_int_equal(store_challenge_delete(p->s, "", "t", NULL), ERR_INPUT);
    assert_int_equal(store_history_put(p->s, &(struct history_record){.certificate = "a"}, NULL), ERR_INPUT);
    /* and nothing of it was stored */
    struct buf dump = buf_new(4096);
    dump_store(p->s, &dump);
    assert_string_equal(buf_c(&dump), "due:\ndeploy due:\nari due:\nlook due:\nnext 0\n");
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

#define BEHAVIOURS(X)                          \
    X(keys_are_kept_by_generation)             \
    X(old_keys_are_deleted)                    \
    X(authorities_come_back_whole)             \
    X(buckets_come_back_whole)                 \
    X(marks_come_back)                         \
    X(expired_buckets_are_deleted)             \
    X(few_expired_buckets_are_deleted_at_once) \
    X(challenges_are_a_set)                    \
    X(challenges_are_deleted_while_walking)    \
    X(history_is_the_newest_oldest_first)      \
    X(history_comes_back_whole)                \
    X(history_is_walked_in_parts)              \
    X(old_history_is_deleted)                  \
    X(much_history_is_deleted_in_parts)        \
    X(history_ends_where_it_ended)             \
    X(bad_arguments_are_refused)               \
    X(the_largest_record_fits)                 \
    X(success_leaves_the_error_alone)          \
    X(commit_with_and_without_changes)         \
    X(closing_nothing_is_fine)

const struct behaviour record_behaviours[] = {BEHAVIOURS(BEHAVIOUR)};
const size_t record_behaviour_n = ARRAY_LEN(record_behaviours);
