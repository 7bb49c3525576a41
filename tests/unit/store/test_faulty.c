#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"

/* Every kind of writing call, once each, in this order; stops at the first failure. */
static int write_everything(struct store *s, struct err *err)
{
    const struct certificate c = empty_certificate("a");
    const struct authority_record authority = {"https://ca.example/d", "", {0}, "", "", ""};
    const struct bucket_record bucket = {"k", 1, {2}};
    const struct challenge_record challenge = {"a", "t", 0, "", "", "", "", STR("")};
    struct history_record history = {.certificate = "a", .event = "e", .text = "t", .detail = ""};
    size_t deleted;
    int r;
    if ((r = store_certificate_put(s, &c, err)) < 0 ||
        (r = store_key_put(s, STR("a"), 1, STR("k"), err)) < 0 ||
        (r = store_key_delete_below(s, STR("a"), 1, err)) < 0 ||
        (r = store_authority_put(s, &authority, err)) < 0 || (r = store_bucket_put(s, &bucket, err)) < 0 ||
        (r = store_bucket_delete_expired(s, (struct wall){1}, err)) < 0 ||
        (r = store_challenge_put(s, &challenge, err)) < 0 ||
        (r = store_challenge_delete(s, "a", "t", err)) < 0 || (r = store_history_put(s, &history, err)) < 0 ||
        (r = store_history_delete(s, (struct wall){1}, &deleted, err)) < 0 ||
        (r = store_certificate_delete(s, STR("b"), err)) < 0)
        return r;
    return store_commit(s, err);
}

enum { WRITES = 12 };

static void calls_are_counted(void **state)
{
    struct store *s = store_open_faulty(store_open_memory(), 0, 0);
    assert_int_equal(store_faulty_count(s), 0);
    assert_int_equal(write_everything(s, NULL), 0);
    assert_int_equal(store_faulty_count(s), WRITES);
    /* reads and refused calls are none */
    struct buf dump = buf_new(4096);
    dump_store(s, &dump);
    buf_free(&dump);
    assert_int_equal(store_certificate_delete(s, STR(""), NULL), ERR_INPUT);
    assert_int_equal(store_faulty_count(s), WRITES);
    store_faulty_arm(s, 0, 0);
    assert_int_equal(store_faulty_count(s), 0);
    store_close(s);
}

static void each_call_can_fail(void **state)
{
    static const int codes[] = {ERR_STORE, ERR_SPACE, ERR_IO};
    for (uint64_t n = 1; n <= WRITES; n++) {
        int code = codes[n % ARRAY_LEN(codes)];
        struct store *s = store_open_faulty(store_open_memory(), n, code);
        struct err err = ERR_INIT;
        assert_int_equal(write_everything(s, &err), code);
        assert_int_equal(err.code, code);
        assert_true(err.text[0] != '\0');
        assert_int_equal(store_faulty_count(s), n);
        /* only that one */
        assert_int_equal(write_everything(s, NULL), 0);
        store_close(s);
    }
    struct store *s = store_open_faulty(store_open_memory(), WRITES + 1, ERR_STORE);
    assert_int_equal(write_everything(s, NULL), 0);
    assert_int_equal(write_everything(s, NULL), ERR_STORE);
    store_close(s);
}

static void arming_counts_from_now(void **state)
{
    struct store *s = store_open_faulty(store_open_memory(), 0, 0);
    assert_int_equal(write_everything(s, NULL), 0);
    store_faulty_arm(s, 2, ERR_SPACE);
    const struct certificate c = empty_certificate("x");
    assert_int_equal(store_certificate_put(s, &c, NULL), 0);
    assert_int_equal(store_commit(s, NULL), ERR_SPACE);
    assert_int_equal(store_commit(s, NULL), 0);
    store_faulty_arm(s, 1, ERR_IO);
    store_faulty_arm(s, 0, 0);
    assert_int_equal(write_everything(s, NULL), 0);
    store_close(s);
}

static void failed_call_changes_nothing(void **state)
{
    struct store *s = store_open_faulty(store_open_memory(), 0, 0);
    put_due(s, "a", 1, 1);
    struct buf before = buf_new(4096), after = buf_new(4096);
    dump_store(s, &before);
    store_faulty_arm(s, 1, ERR_SPACE);
    assert_int_equal(store_certificate_delete(s, STR("a"), NULL), ERR_SPACE);
    store_faulty_arm(s, 1, ERR_SPACE);
    const struct certificate c = empty_certificate("b");
    assert_int_equal(store_certificate_put(s, &c, NULL), ERR_SPACE);
    dump_store(s, &after);
    assert_string_equal(buf_c(&before), buf_c(&after));
    buf_free(&before);
    buf_free(&after);
    store_close(s);
}

/* Around the real driver: what a commit that is made to fail holds back is durable after the next one. */
static void commit_of_sqlite_can_fail(void **state)
{
    struct scratch scratch;
    scratch_make(&scratch);
    struct store *inner, *copy;
    assert_int_equal(store_open_sqlite(scratch.db, &inner, NULL), 0);
    struct store *s = store_open_faulty(inner, 2, ERR_SPACE);
    put_due(s, "a", 1, 1);
    assert_int_equal(store_commit(s, NULL), ERR_SPACE);
    char path[96];
    snprintf(path, sizeof path, "%s/first.db", scratch.dir);
    scratch_copy(&scratch, path);
    assert_int_equal(store_open_sqlite(path, &copy, NULL), 0);
    assert_false(has_certificate(copy, "a"));
    store_close(copy);
    assert_int_equal(store_commit(s, NULL), 0);
    snprintf(path, sizeof path, "%s/second.db", scratch.dir);
    scratch_copy(&scratch, path);
    assert_int_equal(store_open_sqlite(path, &copy, NULL), 0);
    assert_true(has_certificate(copy, "a"));
    store_close(copy);
    store_close(s);
    scratch_free(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_counted),
        cmocka_unit_test(each_call_can_fail),
        cmocka_unit_test(arming_counts_from_now),
        cmocka_unit_test(failed_call_changes_nothing),
        cmocka_unit_test(commit_of_sqlite_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
