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

/* A database as the first version wrote it: nothing that it held is lost, and what is new is empty. */
static const char first_version_rows[] =
    "INSERT INTO certificate VALUES ('a', '{\"wish\": 1}', 1, 0, 1, 7, 'a www.a', 'https://ca.example/d', "
    "'f',"
    " 's', 'CN=CA', 'CN=a', 11, 12, 13, 14, 15, 'error', 'dns', 16, 'https://ca.example/order/1',"
    " 'https://ca.example/d', 8, 17, 18, 'exit status 1', 'renewed', x'00ff01', 'PEM');"
    "INSERT INTO certificate SELECT 'b', wish, source, released, revoked, generation, issued_wish_domains,"
    " authority, fingerprint, serial, issuer, subjects, not_before, not_after, 0, renewed_at, failures,"
    " last_error, last_problem, last_error_at, order_url, order_authority, order_generation, 0,"
    " deploy_failures, deploy_error, deploy_event, permit, chain FROM certificate;"
    "INSERT INTO certificate_key VALUES ('a', 7, x'0102');"
    "INSERT INTO authority VALUES ('https://ca.example/d', '{}', 5, 'https://ca.example/1', 'm@example.com');"
    "INSERT INTO challenge VALUES ('a', 'token');"
    "INSERT INTO history VALUES (3, 20, 'a', 'issued', 'text', '');";

static void assert_first_version_is_there(struct store *s, struct arena *a)
{
    struct certificate was = empty_certificate("a"), is;
    was.wish = "{\"wish\": 1}";
    was.source = SOURCE_COMMAND;
    was.revoked = true;
    was.generation = 7;
    was.issued_wish_domains = "a www.a";
    was.authority = was.order_authority = "https://ca.example/d";
    was.fingerprint = "f";
    was.serial = "s";
    was.issuer = "CN=CA";
    was.subjects = "CN=a";
    was.not_before.s = 11;
    was.not_after.s = 12;
    was.due_at.s = 13;
    was.renewed_at.s = 14;
    was.failures = 15;
    was.last_error = "error";
    was.last_problem = "dns";
    was.last_error_at.s = 16;
    was.order_url = "https://ca.example/order/1";
    was.order_generation = 8;
    was.deploy_due_at.s = 17;
    was.deploy_failures = 18;
    was.deploy_error = "exit status 1";
    was.deploy_event = "renewed";
    was.permit = (struct str){"\0\xff\x01", 3};
    was.chain = "PEM";
    assert_int_equal(store_certificate_get(s, STR("a"), a, &is, NULL), 0);
    assert_certificate_equal(&is, &was);
    was.name = "b";
    was.due_at.s = was.deploy_due_at.s = 0;
    assert_int_equal(store_certificate_get(s, STR("b"), a, &is, NULL), 0);
    assert_certificate_equal(&is, &was);

    assert_true(has_key(s, "a", 7));
    struct authority_record authority;
    assert_int_equal(store_authority_get(s, STR("https://ca.example/d"), a, &authority, NULL), 0);
    assert_string_equal(authority.directory, "{}");
    assert_int_equal(authority.fetched_at.s, 5);
    assert_string_equal(authority.account_url, "https://ca.example/1");
    assert_string_equal(authority.account_email, "m@example.com");
    assert_string_equal(authority.account_status, "");
    struct buf dump = buf_new(4096);
    dump_store(s, &dump);
    assert_non_null(strstr(buf_c(&dump), "challenge a token\nhistory 3 20 a issued text \nnext 17\n"));
    buf_free(&dump);
}

static void first_version_with_rows_leads_here(void **state)
{
    struct scratch scratch;
    scratch_make(&scratch);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(scratch.db, &db), SQLITE_OK);
    assert_int_equal(sqlite_schema_migrate(db, scratch.db, sqlite_migrations, 1, NULL), 0);
    assert_int_equal(sqlite3_exec(db, first_version_rows, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);

    struct store *s = NULL;
    struct err err = ERR_INIT;
    for (int opening = 0; opening < 2; opening++) { /* migrated, and as it lies there then */
        struct arena *a = arena_new();
        if (store_open_sqlite(scratch.db, &s, &err) < 0)
            fail_msg("%s", err.text);
        assert_first_version_is_there(s, a);
        assert_int_equal(ask(sqlite_handle(s), "PRAGMA user_version"), sqlite_migration_n);
        assert_int_equal(
            ask(sqlite_handle(s), "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'certificate_2%'"), 0);
        assert_int_equal(ask(sqlite_handle(s), "SELECT count(*) FROM pragma_integrity_check"
                                               " WHERE integrity_check = 'ok'"),
            1);
        store_close(s);
        arena_free(a);
    }
    scratch_free(&scratch);
}

/* A migrated database and a new one have the same columns, in the same order: what the statements say. */
static void columns_are_those_of_the_records(void **state)
{
    static const struct {
        const char *table;
        const struct record_type *type;
    } rows[] = {{"certificate", &record_certificate}, {"authority", &record_authority},
        {"bucket", &record_bucket}, {"challenge", &record_challenge}, {"history", &record_history}};
    sqlite3 *db = *state;
    assert_int_equal(sqlite_schema_migrate(db, "db", sqlite_migrations, sqlite_migration_n, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *sql = sqlite3_mprintf("SELECT * FROM %s", rows[i].table);
        sqlite3_stmt *stmt;
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_column_count(stmt), rows[i].type->n);
        for (size_t k = 0; k < rows[i].type->n; k++)
            assert_string_equal(sqlite3_column_name(stmt, (int)k), rows[i].type->fields[k].name);
        sqlite3_finalize(stmt);
        sqlite3_free(sql);
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
        TEST(first_version_with_rows_leads_here),
        TEST(columns_are_those_of_the_records),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
