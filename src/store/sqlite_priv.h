/* Inside the SQLite driver: sqlite.c (operations), sqlite_open.c (files, settings), sqlite_schema.c. */
#ifndef EVERCERT_STORE_SQLITE_PRIV_H
#define EVERCERT_STORE_SQLITE_PRIV_H

#include "store/store_priv.h"

#include <sqlite3.h>

enum {
    /* What SQLite may keep of the file in memory, in KiB; a transaction in progress may need more. */
    DATABASE_CACHE_KIB = 512,
    /* How long an operation waits for another program that has the database locked. */
    DATABASE_BUSY_MS = 2000,
    /* Largest row: all the bounds of store.h together, with room. A damaged length beyond it is refused. */
    DATABASE_ROW_MAX = 8 * 1024 * 1024,
    /* The -wal file is cut back to this when it has been emptied into the database. */
    DATABASE_WAL_KEEP = 8 * 1024 * 1024,
    /* Up to this it is looked through whole when it is opened: the state of a thousand certificates, and a
     * sixth of a second where the disk gives 100 MB/s. */
    DATABASE_CHECKED_MAX = 16 * 1024 * 1024,
};

/* Fill `err` from a failed call: "PATH: cannot WHAT: ...", with what the reader can do. Returns the code. */
int sqlite_error(sqlite3 *db, const char *path, int rc, const char *what, struct err *err);

/* The schema as it is made by the migrations so far. */
extern const char *const sqlite_migrations[];
extern const size_t sqlite_migration_n;

/* ERR_STORE where it is ours and newer than this program. Reads the header alone, and so comes before all
 * that reads the schema: a later one may be nothing that this SQLite understands, which it calls damaged. */
int sqlite_schema_check_version(sqlite3 *db, const char *path, struct err *err);
/* Whether the file is ours (or empty) and not newer than this program; reads only. */
int sqlite_schema_check(sqlite3 *db, const char *path, struct err *err);
/* Bring a database of any version below `n` to version n with migrations[version..n-1], all in one
 * transaction, and commit. Where nothing is to be done it writes nothing, but fails as writing would (no
 * permission, locked), and the -wal is open afterwards. */
int sqlite_schema_migrate(
    sqlite3 *db, const char *path, const char *const *migrations, size_t n, struct err *err);

/* Open and check the database, create it where there is none, migrate it. *out is closed with
 * sqlite3_close. */
int sqlite_open(const char *path, sqlite3 **out, struct err *err);

/* For tests: the connection of a store that store_open_sqlite made. */
sqlite3 *sqlite_handle(struct store *s);

#endif
