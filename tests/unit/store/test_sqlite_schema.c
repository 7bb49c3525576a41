#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "store/sqlite_priv.h"

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static int set_up(void **state)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    *state = db;
    return 0;
}

static int tear_down(void **state)
{
    sqlite3_close(*state);
    return 0;
}

static const char *const steps[] = {
    "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1);",
    "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 7;",
    "CREATE TABLE u (c); INSERT INTO u SELECT a + b FROM t;",
};

static void migrations_run_from_where_the_file_is(void **state)
{
    sqlite3 *db = *state;
    assert_int_equal(sqlite_schema_migrate(db, "db", steps, 1, NULL), 0);
    assert_int_equal(ask(db, "PRAGMA user_version"), 1);
    assert_int_equal(sqlite3_exec(db, "UPDATE t SET a = 30", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite_schema_migrate(db, "db", steps, 3, NULL), 0);
    assert_int_equal(ask(db, "PRAGMA user_version"), 3);
    assert_int_equal(ask(db, "SELECT c FROM u"), 37);
    /* nothing left to do */
    assert_int_equal(sqlite_schema_migrate(db, "db", steps, 3, NULL), 0);
    assert_int_equal(ask(db, "SELECT count(*) FROM u"), 1);
    assert_true(sqlite3_get_autocommit(db));
}

static void migrations_run_from_the_start(void **state)
{
    sqlite3 *db = *state;
    assert_int_equal(sqlite_schema_migrate(db, "db", steps, 3, NULL), 0);
    assert_int_equal(ask(db, "PRAGMA user_version"), 3);
    assert_int_equal(ask(db, "SELECT c FROM u"), 8);
}

static void failing_migration_changes_nothing(void **state)
{
    static const char *const broken[] = {
        "CREATE TABLE t (a); INSERT INTO t VALUES (1);",
        "CREATE TABLE u (c);",
        "CREATE TABLE v (d); INSERT INTO nowhere VALUES (1);",
    };
    sqlite3 *db = *state;
    assert_int_equal(sqlite_schema_migrate(db, "db", broken, 1, NULL), 0);
    struct err err = ERR_INIT;
    assert_int_equal(sqlite_schema_migrate(db, "/x.db", broken, 3, &err), ERR_STORE);
    assert_non_null(strstr(err.text, "/x.db: cannot bring the schema to version 3"));
    assert_non_null(strstr(err.text, "nowhere"));
    assert_int_equal(ask(db, "PRAGMA user_version"), 1);
    assert_int_equal(ask(db, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_true(sqlite3_get_autocommit(db));
}

static void our_schema_is_ours(void **state)
{
    sqlite3 *db = *state;
    assert_int_equal(sqlite_schema_check(db, "db", NULL), 0); /* empty: new */
    assert_int_equal(sqlite_schema_migrate(db, "db", sqlite_migrations, sqlite_migration_n, NULL), 0);
    assert_int_equal(sqlite_schema_check(db, "db", NULL), 0);
    assert_int_equal(ask(db, "PRAGMA user_version"), sqlite_migration_n);
    assert_int_equal(ask(db, "PRAGMA application_id"), 0x45564354);
    /* an unfinished creation that left no table is new as well, one with a table is not */
    assert_int_equal(sqlite3_exec(db, "PRAGMA application_id = 0", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite_schema_check(db, "db", NULL), ERR_STORE);
}

static void every_version_so_far_leads_here(void **state)
{
    for (size_t from = 0; from <= sqlite_migration_n; from++) {
        sqlite3 *db;
        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        assert_int_equal(sqlite_schema_migrate(db, "db", sqlite_migrations, from, NULL), 0);
        assert_int_equal(sqlite_schema_migrate(db, "db", sqlite_migrations, sqlite_migration_n, NULL), 0);
        assert_int_equal(ask(db, "SELECT count(*) FROM certificate"), 0);
        assert_int_equal(ask(db, "PRAGMA user_version"), sqlite_migration_n);
        sqlite3_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        TEST(migrations_run_from_where_the_file_is),
        TEST(migrations_run_from_the_start),
        TEST(failing_migration_changes_nothing),
        TEST(our_schema_is_ours),
        TEST(every_version_so_far_leads_here),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
