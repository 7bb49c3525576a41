#include "base/attr.h"
#include "base/crash_point.h"
#include "store/sqlite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a failure of SQLite means to us and what the reader can do about it; the first row that matches. */
static const struct {
    int rc, code;
    const char *advice;
} failures[] = {
    {SQLITE_FULL, ERR_SPACE, "; free some space"},
    {SQLITE_CORRUPT, ERR_DAMAGED, "; the database is damaged"},
    {SQLITE_NOTADB, ERR_DAMAGED, "; the file is damaged or no SQLite database"},
    {SQLITE_READONLY, ERR_PERMISSION, "; the user evercert runs as must own the file and its directory"},
    {SQLITE_CANTOPEN, ERR_PERMISSION, "; the user evercert runs as must own the file and its directory"},
    {SQLITE_PERM, ERR_PERMISSION, "; the user evercert runs as must own the file and its directory"},
    {SQLITE_BUSY, ERR_LOCKED, "; another program has it locked"},
    {SQLITE_LOCKED, ERR_LOCKED, "; another program has it locked"},
    {SQLITE_IOERR, ERR_IO, "; see whether the disk is healthy and the file system a local one"},
    {SQLITE_NOMEM, ERR_MEMORY, ""},
    {SQLITE_TOOBIG, ERR_LIMIT, ""},
    {SQLITE_ERROR, ERR_STORE, "; the database may be damaged or changed by hand"},
};

enum { CHECK_TEXT_MAX = 256 };

static bool errno_is_full(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

/* SQLite says SQLITE_IOERR for a full quota and some full disks; errno knows better. The connection's is not
 * set by every failed commit, so the files (database and -wal) are asked as well. */
static bool is_full(sqlite3 *db, int rc)
{
    if (db == NULL || (rc & 0xff) != SQLITE_IOERR)
        return false;
    int number = sqlite3_system_errno(db);
    if (number != 0)
        return errno_is_full(number);
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &number) == SQLITE_OK &&
        errno_is_full(number))
        return true;
    sqlite3_file *wal = NULL;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK && wal != NULL &&
           wal->pMethods != NULL &&
           wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &number) == SQLITE_OK &&
           errno_is_full(number);
}

int sqlite_error(sqlite3 *db, const char *path, int rc, const char *what, struct err *err)
{
    int primary = is_full(db, rc) ? SQLITE_FULL : rc & 0xff;
    size_t i = 0;
    while (i < ARRAY_LEN(failures) && failures[i].rc != primary)
        i++;
    bool known = i < ARRAY_LEN(failures);
    /* errmsg is about the last call only; a code that was kept from an earlier one has its standard text. */
    const char *text =
        db != NULL && (sqlite3_errcode(db) & 0xff) == (rc & 0xff) ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    return err_set(err, known ? failures[i].code : ERR_STORE, "%s: cannot %s: %s%s", path, what, text,
        known ? failures[i].advice : "");
}

/* Nobody else may read an existing file either (it may have come from a backup with other modes). */
static int tighten(const char *path, const char *suffix, struct err *err)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof name, "%s%s", path, suffix);
    if (n < 0 || (size_t)n >= sizeof name)
        return err_set(err, ERR_INPUT, "%s: path too long", path);
    struct stat st;
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, errno, "%s", name);
    int r = 0;
    if (fstat(fd, &st) < 0)
        r = err_errno(err, errno, "%s", name);
    else if (!S_ISREG(st.st_mode))
        r = err_set(err, ERR_STORE, "%s: not a regular file", name);
    else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0 && fchmod(fd, S_IRUSR | S_IWUSR) < 0)
        r = err_errno(err, errno, "%s: cannot make it private", name);
    close(fd);
    return r;
}

/* The file exists with mode 0600 before SQLite sees it; SQLite gives its -wal and -shm the same mode. The
 * descriptor is closed before SQLite has one: closing it later would drop SQLite's locks (POSIX). */
static int make_private(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno != EEXIST)
        return err_errno(err, errno, "%s: cannot create the database", path);
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        int r = tighten(path, suffixes[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* SQLite takes a -wal beside an empty database for another one's and deletes it. With us page 1 is on disk
 * before anything is in the -wal, so the file was cut off, and the -wal is what is left. */
static int check_cut(const char *path, struct err *err)
{
    char wal[PATH_MAX];
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size > 0)
        return 0;
    int n = snprintf(wal, sizeof wal, "%s-wal", path);
    if (n < 0 || (size_t)n >= sizeof wal || stat(wal, &st) != 0 || st.st_size == 0)
        return 0;
    return err_set(err, ERR_DAMAGED,
        "%s: cannot open the database: it is empty, but its -wal is not; the database is damaged", path);
}

static int note_first(void *arg, int columns, char **values, char **names)
{
    char *text = arg;
    (void)names;
    snprintf(text, CHECK_TEXT_MAX, "%s", columns > 0 && values[0] != NULL ? values[0] : "");
    return 1;
}

/* SQLite's check reports a page that the disk did not give among what is wrong with the database. That says
 * nothing of the database: a whole one must not be taken for a damaged one because of a bad moment. */
static bool is_unread(const char *found)
{
    static const char code_text[] = "error code=";
    const char *code = strstr(found, code_text);
    if (code == NULL)
        return strstr(found, "ailed to get page") != NULL || strstr(found, "ailed to read") != NULL;
    code += sizeof code_text - 1;
    uint64_t number = 0;
    (void)str_to_u64((struct str){code, strspn(code, "0123456789")}, INT32_MAX, &number);
    int primary = (int)(number & 0xff);
    return primary != SQLITE_CORRUPT && primary != SQLITE_NOTADB;
}

/* A small one is looked through whole at each start. A large one would take seconds: SQLite has looked at its
 * header, its length and its schema, and the rest is noticed when it is read (store_is_damaged). */
static int check_pages(sqlite3 *db, const char *path, struct err *err)
{
    char found[CHECK_TEXT_MAX] = "";
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size > DATABASE_CHECKED_MAX)
        return 0;
    int rc = sqlite3_exec(db, "PRAGMA quick_check(1)", note_first, found, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_ABORT)
        return sqlite_error(db, path, rc, "look through the database", err);
    if (is_unread(found))
        return err_set(err, ERR_IO,
            "%s: cannot look through the database: %s; see whether the disk is healthy and the file system a "
            "local one",
            path, found);
    if (strcmp(found, "ok") != 0)
        return err_set(err, ERR_DAMAGED, "%s: the database is damaged: %s", path, found);
    return 0;
}

static int note_wal(void *arg, int columns, char **values, char **names)
{
    *(bool *)arg = columns > 0 && values[0] != NULL && strcmp(values[0], "wal") == 0;
    return 0;
}

/*
 * Settings that hold for the connection. The journal of statements and every temporary table stay in memory,
 * dirty pages wait in memory for the commit (no spilling), the -wal stays when the database is closed, and
 * no page of the file is mapped: after opening, nothing makes SQLite open a file. (With the first write to
 * the -wal it tries to sync the directory and does without where that is refused; whoever refuses it syncs
 * the directory himself when the -wal is new.)
 */
static int set_up(sqlite3 *db)
{
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, DATABASE_ROW_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    int persist = 1, rc;
    char settings[512];
    snprintf(settings, sizeof settings,
        "PRAGMA cache_size = -%d; PRAGMA cache_spill = OFF; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
        "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = %d; PRAGMA trusted_schema = OFF;",
        DATABASE_CACHE_KIB, DATABASE_WAL_KEEP);
    if ((rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL)) != SQLITE_OK ||
        (rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL)) != SQLITE_OK ||
        (rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL)) != SQLITE_OK ||
        (rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist)) != SQLITE_OK)
        return rc;
    return sqlite3_exec(db, settings, NULL, NULL, NULL);
}

static int enter_wal(sqlite3 *db, const char *path, struct err *err)
{
    bool wal = false;
    int rc = sqlite3_exec(db, "PRAGMA journal_mode", note_wal, &wal, NULL);
    /* A new database. The user we are may write its files but make none beside them, and a rollback journal
     * is one; it would guard no more than the first page of an empty file. */
    if (rc == SQLITE_OK && !wal)
        rc = sqlite3_exec(db, "PRAGMA journal_mode = MEMORY", NULL, NULL, NULL);
    if (rc == SQLITE_OK && !wal)
        rc = sqlite3_exec(db, "PRAGMA journal_mode = WAL", note_wal, &wal, NULL);
    if (rc != SQLITE_OK)
        return sqlite_error(db, path, rc, "switch to a write-ahead log", err);
    if (!wal)
        return err_set(err, ERR_STORE,
            "%s: cannot switch to a write-ahead log; the state directory must be on a local file system",
            path);
    return 0;
}

/* A migration may write all rows anew: what it wrote goes to the -wal meanwhile, which is open already. */
static int migrate(sqlite3 *db, const char *path, struct err *err)
{
    int rc = sqlite3_exec(db, "PRAGMA cache_spill = ON", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sqlite_error(db, path, rc, "set up the database", err);
    int r = sqlite_schema_migrate(db, path, sqlite_migrations, sqlite_migration_n, err);
    rc = sqlite3_exec(db, "PRAGMA cache_spill = OFF", NULL, NULL, NULL);
    return r < 0 || rc == SQLITE_OK ? r : sqlite_error(db, path, rc, "set up the database", err);
}

static int open_connection(sqlite3 *db, const char *path, struct err *err)
{
    int rc = sqlite3_busy_timeout(db, DATABASE_BUSY_MS), r;
    if (rc == SQLITE_OK && (r = sqlite_schema_check_version(db, path, err)) < 0)
        return r;
    if (rc != SQLITE_OK || (rc = set_up(db)) != SQLITE_OK)
        return sqlite_error(db, path, rc, "set up the database", err);
    if ((r = sqlite_schema_check(db, path, err)) < 0 || (r = check_pages(db, path, err)) < 0 ||
        (r = enter_wal(db, path, err)) < 0 || (r = migrate(db, path, err)) < 0)
        return r;
    /* SQLite's own generator (salts of the -wal) reads its seed from a device when it is used first. */
    unsigned char seeded;
    sqlite3_randomness(sizeof seeded, &seeded);
    return 0;
}

int sqlite_open(const char *path, sqlite3 **out, struct err *err)
{
    if (path[0] == '\0' || path[0] == ':')
        return err_set(err, ERR_INPUT, "\"%s\" is no path for a database", path);
    int r = make_private(path, err);
    if (r < 0 || (r = check_cut(path, err)) < 0)
        return r;
    crash_point(store_file_made);
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(
        path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (rc == SQLITE_OK)
        r = open_connection(db, path, err);
    else
        r = sqlite_error(db, path, rc, "open the database", err);
    if (r < 0) {
        sqlite3_close(db);
        return r;
    }
    *out = db;
    return 0;
}
