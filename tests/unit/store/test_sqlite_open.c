#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "store/sqlite_priv.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int set_up(void **state)
{
    struct scratch *s = calloc(1, sizeof *s);
    assert_non_null(s);
    scratch_make(s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scratch_free(*state);
    free(*state);
    return 0;
}

static unsigned mode_of(const struct scratch *s, const char *suffix)
{
    char path[96];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", s->db, suffix);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void write_file(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Opening fails with this code and a text that names the file and has `word` in it. */
static void assert_refused(const char *path, int code, const char *word)
{
    struct store *s = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(store_open_sqlite(path, &s, &err), code);
    assert_null(s);
    assert_int_equal(err.code, code);
    if (strstr(err.text, path) == NULL || strstr(err.text, word) == NULL)
        fail_msg("\"%s\" is not in: %s", word, err.text);
}

static void assert_opens(const struct scratch *p)
{
    struct store *s = NULL;
    struct err err = ERR_INIT;
    if (store_open_sqlite(p->db, &s, &err) < 0)
        fail_msg("%s", err.text);
    store_close(s);
}

static void files_are_private(void **state)
{
    static const mode_t masks[] = {0, 022, 0177};
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct scratch *p = *state;
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        struct store *s = NULL;
        mode_t old = umask(masks[i]);
        int r = store_open_sqlite(p->db, &s, NULL);
        umask(old);
        assert_int_equal(r, 0);
        for (size_t k = 0; k < ARRAY_LEN(suffixes); k++)
            assert_int_equal(mode_of(p, suffixes[k]), 0600);
        put_due(s, "a", 1, 1);
        assert_int_equal(store_commit(s, NULL), 0);
        for (size_t k = 0; k < ARRAY_LEN(suffixes); k++)
            assert_int_equal(mode_of(p, suffixes[k]), 0600);
        store_close(s);
        assert_int_equal(mode_of(p, "-wal"), 0600);
        assert_int_equal(unlink(p->db), 0);
        char wal[96];
        snprintf(wal, sizeof wal, "%s-wal", p->db);
        assert_int_equal(unlink(wal), 0);
    }
}

/* How often SQLite opened a file; and, to sync it, the directory. */
static int opened, directories;
static int (*real_open)(const char *, int, int);

static int watched_open(const char *path, int flags, int mode)
{
    opened++;
    return real_open(path, flags, mode);
}

/* As the engine's sandbox answers, which SQLite takes for a system that cannot sync directories. */
static int refused_directory(const char *path, int *fd)
{
    directories++;
    return SQLITE_CANTOPEN;
}

static void no_file_is_opened_later(void **state)
{
    struct scratch *p = *state;
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    real_open = (int (*)(const char *, int, int))vfs->xGetSystemCall(vfs, "open");
    assert_non_null(real_open);
    assert_int_equal(vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)watched_open), SQLITE_OK);
    assert_int_equal(
        vfs->xSetSystemCall(vfs, "openDirectory", (sqlite3_syscall_ptr)refused_directory), SQLITE_OK);

    /* a new file; one with the -wal of the last time; one without any */
    for (int round = 0; round < 3; round++) {
        struct store *s = NULL;
        opened = 0;
        assert_int_equal(store_open_sqlite(p->db, &s, NULL), 0);
        assert_true(opened > 0); /* we do see them */
        opened = directories = 0;
        char name[16];
        struct arena *a = arena_new();
        char *chain = arena_alloc(a, 20001);
        memset(chain, 'x', 20000);
        for (int i = 0; i < 600; i++) { /* more than the cache and than the -wal before it is emptied */
            snprintf(name, sizeof name, "c%d", i);
            struct certificate c = full_certificate(a, name, i);
            c.chain = chain;
            assert_int_equal(store_certificate_put(s, &c, NULL), 0);
            put_key(s, name, i, "k");
            put_challenge(s, name, "t");
            put_history(s, i, name, "x");
            if (i % 200 == 0)
                assert_int_equal(store_commit(s, NULL), 0);
        }
        assert_int_equal(store_commit(s, NULL), 0);
        assert_int_equal(store_certificate_delete(s, STR("c5"), NULL), 0);
        assert_int_equal(store_key_delete_below(s, STR("c7"), 9, NULL), 0);
        struct buf dump = buf_new(64 * 1024 * 1024);
        dump_store(s, &dump);
        buf_free(&dump);
        assert_int_equal(store_commit(s, NULL), 0);
        assert_int_equal(
            sqlite3_wal_checkpoint_v2(sqlite_handle(s), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
            SQLITE_OK);
        put_due(s, "after", 1, 1);
        assert_int_equal(store_commit(s, NULL), 0);
        assert_int_equal(opened, 0);
        assert_true(directories <= 1); /* with the first write to the -wal */
        store_close(s);
        arena_free(a);
        if (round == 1) {
            char wal[96];
            snprintf(wal, sizeof wal, "%s-wal", p->db);
            assert_int_equal(unlink(wal), 0);
        }
    }
    assert_int_equal(vfs->xSetSystemCall(vfs, "open", NULL), SQLITE_OK);
    assert_int_equal(vfs->xSetSystemCall(vfs, "openDirectory", NULL), SQLITE_OK);
}

static void loose_modes_are_tightened(void **state)
{
    struct scratch *p = *state;
    struct store *s;
    assert_opens(p);
    char wal[96];
    snprintf(wal, sizeof wal, "%s-wal", p->db);
    assert_int_equal(chmod(p->db, 0664), 0);
    assert_int_equal(chmod(wal, 0644), 0);
    assert_int_equal(store_open_sqlite(p->db, &s, NULL), 0);
    assert_int_equal(mode_of(p, ""), 0600);
    assert_int_equal(mode_of(p, "-wal"), 0600);
    assert_int_equal(mode_of(p, "-shm"), 0600);
    store_close(s);
}

static int64_t ask(struct store *s, const char *sql, char *text, size_t n)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(sqlite_handle(s), sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    snprintf(text, n, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return value;
}

static void settings_are_in_force(void **state)
{
    struct scratch *p = *state;
    struct store *s;
    char text[32];
    assert_int_equal(store_open_sqlite(p->db, &s, NULL), 0);
    ask(s, "PRAGMA journal_mode", text, sizeof text);
    assert_string_equal(text, "wal");
    ask(s, "PRAGMA locking_mode", text, sizeof text);
    assert_string_equal(text, "normal");
    assert_int_equal(ask(s, "PRAGMA synchronous", text, sizeof text), 2);
    assert_int_equal(ask(s, "PRAGMA temp_store", text, sizeof text), 2);
    assert_int_equal(ask(s, "PRAGMA cache_spill", text, sizeof text), 0);
    assert_int_equal(ask(s, "PRAGMA cache_size", text, sizeof text), -DATABASE_CACHE_KIB);
    assert_int_equal(ask(s, "PRAGMA journal_size_limit", text, sizeof text), DATABASE_WAL_KEEP);
    store_close(s);
}

static void empty_file_is_a_new_database(void **state)
{
    struct scratch *p = *state;
    write_file(p->db, "", 0);
    assert_opens(p);
    assert_opens(p);
}

static void other_files_are_refused(void **state)
{
    struct scratch *p = *state;
    char block[8192];
    memset(block, 'x', sizeof block);
    write_file(p->db, block, sizeof block);
    assert_refused(p->db, ERR_DAMAGED, "damaged");
    write_file(p->db, block, 20);
    assert_refused(p->db, ERR_DAMAGED, "damaged");
    /* the right magic and nonsense behind it */
    memcpy(block, "SQLite format 3", 16);
    write_file(p->db, block, sizeof block);
    assert_refused(p->db, ERR_DAMAGED, "damaged");
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s", text);
    sqlite3_close(db);
}

static void cut_off_database_is_refused(void **state)
{
    struct scratch *p = *state;
    assert_opens(p);
    assert_int_equal(truncate(p->db, 3 * 4096), 0);
    assert_refused(p->db, ERR_DAMAGED, "damaged");
    assert_int_equal(truncate(p->db, 60), 0);
    assert_refused(p->db, ERR_DAMAGED, "damaged");
}

/* A disk that does not give one page of the database, and how SQLite is told. */
static struct {
    sqlite3_vfs vfs;
    sqlite3_io_methods methods;
    int (*open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
    int (*read)(sqlite3_file *, void *, int, sqlite3_int64);
    sqlite3_int64 bad_at;
} ill;

static int ill_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    if (at <= ill.bad_at && ill.bad_at < at + n)
        return SQLITE_IOERR_READ;
    return ill.read(f, p, n, at);
}

static int ill_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    int rc = ill.open(vfs, name, f, flags, out);
    if (rc != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0)
        return rc;
    ill.methods = *f->pMethods;
    ill.read = ill.methods.xRead;
    ill.methods.xRead = ill_read;
    f->pMethods = &ill.methods;
    return rc;
}

/* Rows that reach over many pages. */
static void grow(const struct scratch *p)
{
    enum { LONG = 40 * 1000 };
    struct store *s = NULL;
    struct certificate c = empty_certificate("a.example");
    char *chain = malloc(LONG + 1);
    assert_non_null(chain);
    memset(chain, 'x', LONG);
    chain[LONG] = '\0';
    c.chain = chain;
    assert_int_equal(store_open_sqlite(p->db, &s, NULL), 0);
    assert_int_equal(store_certificate_put(s, &c, NULL), 0);
    assert_int_equal(store_commit(s, NULL), 0);
    store_close(s);
    free(chain);
}

/* Put aside as damaged it would be lost; the disk may give it the next time. */
static void page_that_cannot_be_read_is_no_damage(void **state)
{
    enum { PAGE = 4096 };
    struct scratch *p = *state;
    struct stat st;
    size_t refused = 0;
    grow(p);
    assert_int_equal(stat(p->db, &st), 0);
    assert_true(st.st_size > 10 * PAGE);
    sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
    ill.vfs = *usual;
    ill.vfs.zName = "ill";
    ill.open = usual->xOpen;
    ill.vfs.xOpen = ill_open;
    assert_int_equal(sqlite3_vfs_register(&ill.vfs, 1), SQLITE_OK);
    for (ill.bad_at = PAGE; ill.bad_at < st.st_size; ill.bad_at += PAGE) {
        struct store *s = NULL;
        struct err err = ERR_INIT;
        int r = store_open_sqlite(p->db, &s, &err);
        if (r != 0 && r != ERR_IO)
            fail_msg("page at %lld: %s", (long long)ill.bad_at, err.text);
        refused += r != 0;
        store_close(s);
    }
    assert_int_equal(sqlite3_vfs_unregister(&ill.vfs), SQLITE_OK);
    assert_int_equal(sqlite3_vfs_register(usual, 1), SQLITE_OK);
    assert_true(refused > 10);
    assert_opens(p);
}

static void database_of_another_program_is_left_alone(void **state)
{
    struct scratch *p = *state;
    run_sql(p->db, "CREATE TABLE cookies (id); PRAGMA user_version = 1");
    assert_refused(p->db, ERR_STORE, "another program");
    run_sql(p->db, "PRAGMA application_id = 7");
    assert_refused(p->db, ERR_STORE, "another program");
    /* not even its journal mode was changed */
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "delete");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void newer_version_is_refused(void **state)
{
    struct scratch *p = *state;
    assert_opens(p);
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %zu", sqlite_migration_n + 1);
    run_sql(p->db, sql);
    assert_refused(p->db, ERR_STORE, "newer evercert");
    run_sql(p->db, "PRAGMA user_version = -1");
    assert_refused(p->db, ERR_STORE, "newer evercert");
    snprintf(sql, sizeof sql, "PRAGMA user_version = %zu", sqlite_migration_n);
    run_sql(p->db, sql);
    assert_opens(p);
}

/* SQLite calls a schema damaged that it does not understand. */
static void newer_version_is_refused_whatever_is_in_it(void **state)
{
    struct scratch *p = *state;
    assert_opens(p);
    char sql[256];
    snprintf(sql, sizeof sql,
        "PRAGMA writable_schema = ON; PRAGMA user_version = %zu;"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE mark (name) OF A LATER KIND' WHERE name = 'mark'",
        sqlite_migration_n + 1);
    run_sql(p->db, sql);
    assert_refused(p->db, ERR_STORE, "newer evercert");
}

static void tampered_schema_is_refused(void **state)
{
    struct scratch *p = *state;
    assert_opens(p);
    run_sql(p->db, "ALTER TABLE certificate DROP COLUMN serial");
    assert_refused(p->db, ERR_STORE, "serial");
}

static void bad_paths_are_named(void **state)
{
    struct scratch *p = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/missing/evercert.db", p->dir);
    assert_refused(path, ERR_NOT_FOUND, "create");
    assert_refused(p->dir, ERR_STORE, "not a regular file");
    assert_refused("", ERR_INPUT, "no path");
    assert_refused(":memory:", ERR_INPUT, "no path");
    char *longest = malloc(5001);
    assert_non_null(longest);
    memset(longest, 'p', 5000);
    longest[5000] = '\0';
    struct store *s;
    assert_true(store_open_sqlite(longest, &s, NULL) < 0);
    free(longest);
    /* an error that nobody asks for */
    assert_int_equal(store_open_sqlite(path, &s, NULL), ERR_NOT_FOUND);
}

static void failures_have_codes_and_advice(void **state)
{
    static const struct {
        int rc, code;
        const char *word;
    } rows[] = {
        {SQLITE_FULL, ERR_SPACE, "free some space"},
        {SQLITE_CORRUPT, ERR_DAMAGED, "damaged"},
        {SQLITE_CORRUPT_INDEX, ERR_DAMAGED, "damaged"},
        {SQLITE_NOTADB, ERR_DAMAGED, "damaged"},
        {SQLITE_READONLY, ERR_PERMISSION, "must own"},
        {SQLITE_READONLY_DIRECTORY, ERR_PERMISSION, "must own"},
        {SQLITE_CANTOPEN, ERR_PERMISSION, "must own"},
        {SQLITE_PERM, ERR_PERMISSION, "must own"},
        {SQLITE_BUSY, ERR_LOCKED, "locked"},
        {SQLITE_BUSY_SNAPSHOT, ERR_LOCKED, "locked"},
        {SQLITE_IOERR_FSYNC, ERR_IO, "healthy"},
        {SQLITE_NOMEM, ERR_MEMORY, "memory"},
        {SQLITE_TOOBIG, ERR_LIMIT, "big"},
        {SQLITE_MISUSE, ERR_STORE, "cannot write"},
        {12345, ERR_STORE, "cannot write"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        assert_int_equal(sqlite_error(NULL, "/p.db", rows[i].rc, "write", &err), rows[i].code);
        assert_non_null(strstr(err.text, "/p.db: cannot write: "));
        if (strstr(err.text, rows[i].word) == NULL)
            fail_msg("\"%s\" is not in: %s", rows[i].word, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        TEST(files_are_private),
        TEST(no_file_is_opened_later),
        TEST(loose_modes_are_tightened),
        TEST(settings_are_in_force),
        TEST(empty_file_is_a_new_database),
        TEST(other_files_are_refused),
        TEST(cut_off_database_is_refused),
        TEST(page_that_cannot_be_read_is_no_damage),
        TEST(database_of_another_program_is_left_alone),
        TEST(newer_version_is_refused),
        TEST(newer_version_is_refused_whatever_is_in_it),
        TEST(tampered_schema_is_refused),
        TEST(bad_paths_are_named),
        TEST(failures_have_codes_and_advice),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
