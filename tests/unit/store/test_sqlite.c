/* What only the SQLite driver promises: durability, pending changes through failures, cheap queries. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "store/sqlite_priv.h"

#include <errno.h>
#include <unistd.h>

/* SQLite's writes fail with this errno while it is not 0. */
static int write_errno;

struct place {
    struct scratch scratch;
    struct store *s;
};

static struct store *open_db(const char *path)
{
    struct store *s = NULL;
    struct err err = ERR_INIT;
    if (store_open_sqlite(path, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    scratch_make(&p->scratch);
    p->s = open_db(p->scratch.db);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    write_errno = 0;
    store_close(p->s);
    scratch_free(&p->scratch);
    free(p);
    return 0;
}

static void reopen(struct place *p)
{
    store_close(p->s);
    p->s = open_db(p->scratch.db);
}

/* Whether a crash now would leave this certificate. */
static bool crash_leaves(struct place *p, const char *certificate)
{
    static int copies;
    char path[96];
    snprintf(path, sizeof path, "%s/copy%d.db", p->scratch.dir, copies++);
    scratch_copy(&p->scratch, path);
    struct store *copy = open_db(path);
    bool there = has_certificate(copy, certificate);
    store_close(copy);
    return there;
}

/* ---- durability ---- */

static void everything_is_there_after_reopening(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new();
    struct certificate c = full_certificate(a, "a", 100), out;
    const struct authority_record authority = {
        "https://ca.example/d", "{}", {5}, "https://ca.example/1", "m", "valid"};
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    put_key(p->s, "a", 101, "sealed");
    put_challenge(p->s, "a", "t");
    put_history(p->s, 1, "a", "x");
    assert_int_equal(store_authority_put(p->s, &authority, NULL), 0);
    put_bucket(p->s, "k", 1, 2);
    struct buf before = buf_new(4096), after = buf_new(4096);
    dump_store(p->s, &before);
    assert_int_equal(store_commit(p->s, NULL), 0);
    reopen(p);
    dump_store(p->s, &after);
    assert_string_equal(buf_c(&before), buf_c(&after));
    assert_int_equal(store_certificate_get(p->s, STR("a"), a, &out, NULL), 0);
    assert_certificate_equal(&out, &c);
    assert_true(has_key(p->s, "a", 101));
    assert_true(has_bucket(p->s, "k"));
    struct authority_record got;
    assert_int_equal(store_authority_get(p->s, STR("https://ca.example/d"), a, &got, NULL), 0);
    assert_string_equal(got.account_url, "https://ca.example/1");
    buf_free(&before);
    buf_free(&after);
    arena_free(a);
}

static void history_ids_grow_over_reopening(void **state)
{
    struct place *p = *state;
    put_history(p->s, 1, "a", "x");
    assert_int_equal(store_commit(p->s, NULL), 0);
    reopen(p);
    put_history(p->s, 1, "a", "y");
    struct buf dump = buf_new(4096);
    dump_store(p->s, &dump);
    assert_non_null(strstr(buf_c(&dump), "history 1 1 a failed x {}\nhistory 2 1 a failed y {}\n"));
    buf_free(&dump);
}

static void only_what_is_committed_survives(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 1, 1);
    assert_false(crash_leaves(p, "a"));
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_true(crash_leaves(p, "a"));
    put_due(p->s, "b", 1, 1);
    assert_int_equal(store_certificate_delete(p->s, STR("a"), NULL), 0);
    assert_true(crash_leaves(p, "a"));
    assert_false(crash_leaves(p, "b"));
    /* nor does closing commit */
    reopen(p);
    assert_true(has_certificate(p->s, "a"));
    assert_false(has_certificate(p->s, "b"));
}

static int count_commit(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int64_t pragma(struct store *s, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(sqlite_handle(s), sql, -1, &stmt, NULL), SQLITE_OK);
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    return value;
}

static void changes_are_committed_as_one(void **state)
{
    struct place *p = *state;
    int commits = 0;
    sqlite3_commit_hook(sqlite_handle(p->s), count_commit, &commits);
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "c%d", i);
        put_due(p->s, name, i, i);
        put_history(p->s, i, name, "x");
    }
    assert_int_equal(commits, 0);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(commits, 1);
    assert_int_equal(store_commit(p->s, NULL), 0);
    struct buf dump = buf_new(1 << 20);
    dump_store(p->s, &dump);
    buf_free(&dump);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(commits, 1);
}

static void another_program_reads_what_is_committed(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 1, 1);
    assert_int_equal(store_commit(p->s, NULL), 0);
    put_due(p->s, "b", 1, 1);
    sqlite3 *reader;
    assert_int_equal(sqlite3_open_v2(p->scratch.db, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(reader, "SELECT name FROM certificate", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "a");
    /* and does not hold us up */
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(reader);
}

static void another_writer_is_named(void **state)
{
    struct place *p = *state;
    sqlite3_busy_timeout(sqlite_handle(p->s), 0);
    sqlite3 *writer;
    assert_int_equal(sqlite3_open_v2(p->scratch.db, &writer, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    const struct certificate c = empty_certificate("a");
    struct err err = ERR_INIT;
    assert_int_equal(store_certificate_put(p->s, &c, &err), ERR_LOCKED);
    assert_non_null(strstr(err.text, p->scratch.db));
    assert_false(has_certificate(p->s, "a"));
    assert_int_equal(sqlite3_exec(writer, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_certificate_put(p->s, &c, NULL), 0);
    assert_int_equal(store_commit(p->s, NULL), 0);
    sqlite3_close(writer);
}

/* ---- failures ---- */

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static ssize_t failing_pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (write_errno == 0)
        return real_pwrite(fd, p, n, at);
    errno = write_errno;
    return -1;
}

static void fail_writes(int errno_value)
{
    static const char *const names[] = {"pwrite", "pwrite64"};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    for (size_t i = 0; i < ARRAY_LEN(names) && real_pwrite == NULL; i++) {
        sqlite3_syscall_ptr call = vfs->xGetSystemCall(vfs, names[i]);
        if (call == NULL)
            continue;
        real_pwrite = pwrite;
        assert_int_equal(vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)failing_pwrite), SQLITE_OK);
    }
    assert_non_null(real_pwrite);
    write_errno = errno_value;
}

static void failed_commit_keeps_the_changes(void **state)
{
    static const struct {
        int number, code;
    } rows[] = {{ENOSPC, ERR_SPACE}, {EDQUOT, ERR_SPACE}, {EFBIG, ERR_SPACE}, {EIO, ERR_IO}};
    struct place *p = *state;
    put_due(p->s, "before", 1, 1);
    put_key(p->s, "gone", 1, "k");
    assert_int_equal(store_commit(p->s, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[16];
        snprintf(name, sizeof name, "c%zu", i);
        put_due(p->s, name, 1, 1);
        put_key(p->s, name, 1, "k");
        put_challenge(p->s, name, "t");
        put_history(p->s, 1, name, "x");
        assert_int_equal(store_certificate_delete(p->s, STR("gone"), NULL), 0);
        struct buf before = buf_new(65536), after = buf_new(65536);
        dump_store(p->s, &before);

        fail_writes(rows[i].number);
        for (int again = 0; again < 3; again++) {
            struct err err = ERR_INIT;
            assert_int_equal(store_commit(p->s, &err), rows[i].code);
            assert_non_null(strstr(err.text, p->scratch.db));
            /* reads still see it all */
            buf_clear(&after);
            dump_store(p->s, &after);
            assert_string_equal(buf_c(&before), buf_c(&after));
        }
        /* and more can be added meanwhile, right after a failure as well */
        assert_int_equal(store_commit(p->s, NULL), rows[i].code);
        put_key(p->s, name, 2, "later");
        fail_writes(0);
        assert_false(crash_leaves(p, name));
        assert_int_equal(store_commit(p->s, NULL), 0);
        assert_true(crash_leaves(p, name));
        reopen(p);
        buf_clear(&after);
        dump_store(p->s, &after);
        assert_string_equal(buf_c(&before), buf_c(&after));
        assert_true(has_key(p->s, name, 1));
        assert_true(has_key(p->s, name, 2));
        buf_free(&before);
        buf_free(&after);
    }
}

static void closing_after_a_failed_commit_drops_the_changes(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 1, 1);
    fail_writes(ENOSPC);
    assert_int_equal(store_commit(p->s, NULL), ERR_SPACE);
    fail_writes(0);
    reopen(p);
    assert_false(has_certificate(p->s, "a"));
}

static void lost_transaction_comes_back_or_says_so(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 1, 1);
    fail_writes(ENOSPC);
    assert_int_equal(store_commit(p->s, NULL), ERR_SPACE);
    fail_writes(0);
    /* Another writer is in the way of bringing the changes back: no read may go on without them. */
    sqlite3_busy_timeout(sqlite_handle(p->s), 0);
    sqlite3 *writer;
    assert_int_equal(sqlite3_open_v2(p->scratch.db, &writer, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct arena *a = arena_new();
    struct certificate c = empty_certificate("b");
    struct wall next;
    struct err err = ERR_INIT;
    assert_int_equal(store_certificate_get(p->s, STR("a"), a, &c, &err), ERR_LOCKED);
    assert_non_null(strstr(err.text, "not committed"));
    assert_int_equal(store_next_due(p->s, &next, NULL), ERR_LOCKED);
    assert_int_equal(store_certificate_delete(p->s, STR("a"), NULL), ERR_LOCKED);
    assert_int_equal(store_commit(p->s, NULL), ERR_LOCKED);
    assert_int_equal(sqlite3_exec(writer, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_true(crash_leaves(p, "a"));
    arena_free(a);
    sqlite3_close(writer);
}

/* No page may be added to the file: the statement fails, not the commit. */
static void full_database_refuses_one_write_only(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 1, 1);
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pragma(p->s, "PRAGMA page_count"));
    assert_true(pragma(p->s, sql) > 0);
    struct arena *a = arena_new();
    struct certificate big = empty_certificate("big");
    char *chain = arena_alloc(a, STORE_CHAIN_MAX + 1);
    memset(chain, 'x', STORE_CHAIN_MAX);
    big.chain = chain;
    struct err err = ERR_INIT;
    assert_int_equal(store_certificate_put(p->s, &big, &err), ERR_SPACE);
    assert_non_null(strstr(err.text, "free some space"));
    /* what was pending is still, what failed left no trace, and both can go on */
    assert_true(has_certificate(p->s, "a"));
    assert_false(has_certificate(p->s, "big"));
    assert_int_equal(store_certificate_put(p->s, &big, NULL), ERR_SPACE);
    put_due(p->s, "a", 2, 2);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_true(crash_leaves(p, "a"));
    assert_true(pragma(p->s, "PRAGMA max_page_count = 100000") > 0);
    assert_int_equal(store_certificate_put(p->s, &big, NULL), 0);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_true(crash_leaves(p, "big"));
    arena_free(a);
}

/* A delete is three statements; when the second one fails, the first one must not stay. */
static void half_a_delete_is_taken_back(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 1, 1);
    put_key(p->s, "a", 1, "k");
    put_challenge(p->s, "a", "t");
    assert_int_equal(store_commit(p->s, NULL), 0);
    put_due(p->s, "b", 1, 1);
    assert_int_equal(sqlite3_exec(sqlite_handle(p->s),
                         "CREATE TEMP TRIGGER no BEFORE DELETE ON main.certificate BEGIN"
                         " SELECT RAISE(ABORT, 'no'); END",
                         NULL, NULL, NULL),
        SQLITE_OK);
    struct buf before = buf_new(4096), after = buf_new(4096);
    dump_store(p->s, &before);
    assert_int_equal(store_certificate_delete(p->s, STR("a"), NULL), ERR_STORE);
    dump_store(p->s, &after);
    assert_string_equal(buf_c(&before), buf_c(&after));
    assert_true(has_key(p->s, "a", 1));
    assert_true(has_certificate(p->s, "b"));
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_true(crash_leaves(p, "b"));
    buf_free(&before);
    buf_free(&after);
}

static void read_only_is_a_matter_of_permission(void **state)
{
    struct place *p = *state;
    assert_int_equal(
        sqlite3_exec(sqlite_handle(p->s), "PRAGMA query_only = ON", NULL, NULL, NULL), SQLITE_OK);
    const struct certificate c = empty_certificate("a");
    struct err err = ERR_INIT;
    assert_int_equal(store_certificate_put(p->s, &c, &err), ERR_PERMISSION);
    assert_non_null(strstr(err.text, "must own"));
}

static void damage_surfaces_as_an_error(void **state)
{
    struct place *p = *state;
    char name[16];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "c%03d", i);
        put_due(p->s, name, i, i);
    }
    assert_int_equal(store_commit(p->s, NULL), 0);
    store_close(p->s); /* everything goes to the database file */
    FILE *f = fopen(p->scratch.db, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    /* page 1, with the schema, stays as it is */
    assert_true(size > 20 * 4096L);
    assert_int_equal(fseek(f, 4096, SEEK_SET), 0);
    for (long i = 4096; i < size; i++)
        assert_int_equal(fputc(0xa5, f), 0xa5);
    assert_int_equal(fclose(f), 0);

    struct err err = ERR_INIT;
    p->s = NULL;
    int r = store_open_sqlite(p->scratch.db, &p->s, &err);
    if (r == 0) {
        struct wall next;
        r = store_next_due(p->s, &next, &err);
    }
    assert_int_equal(r, ERR_DAMAGED);
    assert_non_null(strstr(err.text, p->scratch.db));
    assert_non_null(strstr(err.text, "damaged"));
}

static void unknown_source_in_the_file_is_an_error(void **state)
{
    struct place *p = *state;
    put_due(p->s, "a", 1, 1);
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(
        sqlite3_exec(sqlite_handle(p->s), "UPDATE certificate SET source = 77", NULL, NULL, NULL), SQLITE_OK);
    struct arena *a = arena_new();
    struct certificate c;
    struct err err = ERR_INIT;
    assert_int_equal(store_certificate_get(p->s, STR("a"), a, &c, &err), ERR_STORE);
    assert_non_null(strstr(err.text, "source"));
    arena_free(a);
}

/* ---- cost ---- */

/* The plan of every statement that is prepared: no table is scanned and nothing is sorted. */
static void every_query_goes_through_an_index(void **state)
{
    struct place *p = *state;
    sqlite3 *db = sqlite_handle(p->s);
    size_t queries = 0;
    for (sqlite3_stmt *stmt = sqlite3_next_stmt(db, NULL); stmt != NULL; stmt = sqlite3_next_stmt(db, stmt)) {
        const char *sql = sqlite3_sql(stmt);
        if (strncmp(sql, "SELECT", 6) != 0 && strncmp(sql, "DELETE", 6) != 0)
            continue;
        queries++;
        char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
        sqlite3_stmt *plan;
        assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            bool scan = strncmp(step, "SCAN ", 5) == 0 && strstr(step, "USING") == NULL &&
                        strstr(step, "(subquery-") == NULL;
            if (scan || strstr(step, "TEMP B-TREE") != NULL)
                fail_msg("%s: %s", sql, step);
        }
        sqlite3_finalize(plan);
        sqlite3_free(explain);
    }
    assert_int_equal(queries, 33);
}

/* The schedule among many: the steps of SQLite's machine that a look at it takes do not grow with them. */
static int look_at_schedule(struct place *p)
{
    sqlite3 *db = sqlite_handle(p->s);
    sqlite3_stmt *stmt;
    int before = 0, after = 0;
    for (stmt = sqlite3_next_stmt(db, NULL); stmt != NULL; stmt = sqlite3_next_stmt(db, stmt))
        before += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    struct wall next;
    assert_int_equal(store_next_due(p->s, &next, NULL), 0);
    assert_int_equal(next.s, 2000);
    for (stmt = sqlite3_next_stmt(db, NULL); stmt != NULL; stmt = sqlite3_next_stmt(db, stmt))
        after += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    return after - before;
}

static void looking_at_the_schedule_costs_the_same_for_many(void **state)
{
    struct place *p = *state;
    put_due(p->s, "first", 1000, 0);
    put_due(p->s, "second", 0, 2000);
    put_ari_due(p->s, "third", 3000);
    int few = look_at_schedule(p);
    char name[16];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "c%d", i);
        if (i % 5 == 0)
            put_ari_due(p->s, name, 5000 + i);
        else
            put_due(p->s, name, i % 2 == 0 ? 0 : 5000 + i, i % 3 == 0 ? 0 : 5000 + i);
    }
    assert_int_equal(store_commit(p->s, NULL), 0);
    assert_int_equal(look_at_schedule(p), few);
}

static int ignore_queue(const struct store_queue *q, void *arg)
{
    return 0;
}

static int ignore_name(const char *name, bool urgent, void *arg)
{
    return 0;
}

static int steps_so_far(sqlite3 *db)
{
    int steps = 0;
    for (sqlite3_stmt *stmt = sqlite3_next_stmt(db, NULL); stmt != NULL; stmt = sqlite3_next_stmt(db, stmt))
        steps += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    return steps;
}

/* The first ten of a queue, of which two are urgent, and all queues. */
static int look_at_queues(struct place *p)
{
    sqlite3 *db = sqlite_handle(p->s);
    int before = steps_so_far(db);
    assert_int_equal(store_queues(p->s, ignore_queue, NULL, NULL), 0);
    assert_int_equal(store_queue_due(p->s, STR("q"), (struct wall){9000}, 10, ignore_name, NULL, NULL), 0);
    return steps_so_far(db) - before;
}

static void looking_at_queues_costs_the_same_for_many(void **state)
{
    struct place *p = *state;
    char name[16];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "a%02d", i);
        put_queued(p->s, name, i < 15 ? "q" : "other", 100 + i, i < 2 ? 200 : 90000);
    }
    int few = look_at_queues(p);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "c%04d", i);
        put_queued(p->s, name, i % 3 == 0 ? "other" : "q", i % 7 == 0 ? 99000 : 1000 + i, 99000 + i);
    }
    assert_int_equal(look_at_queues(p), few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        TEST(everything_is_there_after_reopening),
        TEST(history_ids_grow_over_reopening),
        TEST(only_what_is_committed_survives),
        TEST(changes_are_committed_as_one),
        TEST(another_program_reads_what_is_committed),
        TEST(another_writer_is_named),
        TEST(failed_commit_keeps_the_changes),
        TEST(closing_after_a_failed_commit_drops_the_changes),
        TEST(lost_transaction_comes_back_or_says_so),
        TEST(full_database_refuses_one_write_only),
        TEST(half_a_delete_is_taken_back),
        TEST(read_only_is_a_matter_of_permission),
        TEST(damage_surfaces_as_an_error),
        TEST(unknown_source_in_the_file_is_an_error),
        TEST(every_query_goes_through_an_index),
        TEST(looking_at_the_schedule_costs_the_same_for_many),
        TEST(looking_at_queues_costs_the_same_for_many),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
