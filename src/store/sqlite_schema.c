#include "base/attr.h"
#include "base/crash_point.h"
#include "store/sqlite_priv.h"

/* Marks a database as ours in its header ("EVCT"). */
enum { APPLICATION_ID = 0x45564354 };

/*
 * Migration i leads from version i to version i + 1. Published ones are never changed; a change of the schema
 * is a new one at the end, and a new column needs a DEFAULT for the rows that exist.
 *
 * What is long stands in a table of its own, so that a walk over the rest does not read it.
 * The schedule is found through partial indexes, which hold only what has a date. Every index of a table with
 * a rowid ends with it, so the one on history(certificate) is in the order of (certificate, id).
 */
const char *const sqlite_migrations[] = {
    "CREATE TABLE certificate ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " wish TEXT NOT NULL,"
    " source INTEGER NOT NULL,"
    " released INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL,"
    " generation INTEGER NOT NULL,"
    " issued_wish_domains TEXT NOT NULL,"
    " authority TEXT NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " serial TEXT NOT NULL,"
    " issuer TEXT NOT NULL,"
    " subjects TEXT NOT NULL,"
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " renewed_at INTEGER NOT NULL,"
    " failures INTEGER NOT NULL,"
    " last_error TEXT NOT NULL,"
    " last_problem TEXT NOT NULL,"
    " last_error_at INTEGER NOT NULL,"
    " order_url TEXT NOT NULL,"
    " order_authority TEXT NOT NULL,"
    " order_generation INTEGER NOT NULL,"
    " deploy_due_at INTEGER NOT NULL,"
    " deploy_failures INTEGER NOT NULL,"
    " deploy_error TEXT NOT NULL,"
    " deploy_event TEXT NOT NULL,"
    " permit BLOB NOT NULL,"
    " chain TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX certificate_due ON certificate (due_at, name) WHERE due_at > 0;"
    "CREATE INDEX certificate_deploy_due ON certificate (deploy_due_at, name) WHERE deploy_due_at > 0;"

    "CREATE TABLE certificate_key ("
    " name TEXT NOT NULL,"
    " generation INTEGER NOT NULL,"
    " sealed BLOB NOT NULL,"
    " PRIMARY KEY (name, generation)"
    ") STRICT;"

    "CREATE TABLE authority ("
    " directory_url TEXT NOT NULL PRIMARY KEY,"
    " directory TEXT NOT NULL,"
    " fetched_at INTEGER NOT NULL,"
    " account_url TEXT NOT NULL,"
    " account_email TEXT NOT NULL"
    ") STRICT;"

    "CREATE TABLE challenge ("
    " certificate TEXT NOT NULL,"
    " token TEXT NOT NULL,"
    " PRIMARY KEY (certificate, token)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE history ("
    " id INTEGER NOT NULL PRIMARY KEY,"
    " at INTEGER NOT NULL,"
    " certificate TEXT NOT NULL,"
    " event TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " detail TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX history_certificate ON history (certificate);",

    /* The new columns stand before the long ones, so the table is built anew. */
    "CREATE TABLE certificate_2 ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " wish TEXT NOT NULL,"
    " source INTEGER NOT NULL,"
    " released INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL,"
    " compromised INTEGER NOT NULL DEFAULT 0,"
    " variant INTEGER NOT NULL DEFAULT 0,"
    " generation INTEGER NOT NULL,"
    " issued_wish_domains TEXT NOT NULL,"
    " omitted TEXT NOT NULL DEFAULT '',"
    " profile TEXT NOT NULL DEFAULT '',"
    " key_hash TEXT NOT NULL DEFAULT '',"
    " authority TEXT NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " serial TEXT NOT NULL,"
    " issuer TEXT NOT NULL,"
    " subjects TEXT NOT NULL,"
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " renewed_at INTEGER NOT NULL,"
    " failures INTEGER NOT NULL,"
    " last_error TEXT NOT NULL,"
    " last_problem TEXT NOT NULL,"
    " last_error_at INTEGER NOT NULL,"
    " attempts TEXT NOT NULL DEFAULT '',"
    " wait_until INTEGER NOT NULL DEFAULT 0,"
    " wait_reason TEXT NOT NULL DEFAULT '',"
    " pause_link TEXT NOT NULL DEFAULT '',"
    " ari_id TEXT NOT NULL DEFAULT '',"
    " ari_start INTEGER NOT NULL DEFAULT 0,"
    " ari_end INTEGER NOT NULL DEFAULT 0,"
    " ari_at INTEGER NOT NULL DEFAULT 0,"
    " ari_due_at INTEGER NOT NULL DEFAULT 0,"
    " ari_checked_at INTEGER NOT NULL DEFAULT 0,"
    " ari_failures INTEGER NOT NULL DEFAULT 0,"
    " ari_explanation TEXT NOT NULL DEFAULT '',"
    " order_url TEXT NOT NULL,"
    " order_authority TEXT NOT NULL,"
    " order_generation INTEGER NOT NULL,"
    " deploy_due_at INTEGER NOT NULL,"
    " deploy_failures INTEGER NOT NULL,"
    " deploy_error TEXT NOT NULL,"
    " deploy_event TEXT NOT NULL,"
    " permit BLOB NOT NULL,"
    " chain TEXT NOT NULL"
    ") STRICT;"
    "INSERT INTO certificate_2 ("
    " name, wish, source, released, revoked, generation, issued_wish_domains, authority,"
    " fingerprint, serial, issuer, subjects, not_before, not_after, due_at, renewed_at,"
    " failures, last_error, last_problem, last_error_at, order_url, order_authority,"
    " order_generation, deploy_due_at, deploy_failures, deploy_error, deploy_event, permit,"
    " chain"
    ") SELECT"
    " name, wish, source, released, revoked, generation, issued_wish_domains, authority,"
    " fingerprint, serial, issuer, subjects, not_before, not_after, due_at, renewed_at,"
    " failures, last_error, last_problem, last_error_at, order_url, order_authority,"
    " order_generation, deploy_due_at, deploy_failures, deploy_error, deploy_event, permit,"
    " chain"
    " FROM certificate;"
    "DROP TABLE certificate;"
    "ALTER TABLE certificate_2 RENAME TO certificate;"
    "CREATE INDEX certificate_due ON certificate (due_at, name) WHERE due_at > 0;"
    "CREATE INDEX certificate_deploy_due ON certificate (deploy_due_at, name) WHERE deploy_due_at > 0;"
    "CREATE INDEX certificate_ari_due ON certificate (ari_due_at, name) WHERE ari_due_at > 0;"

    "ALTER TABLE authority RENAME COLUMN directory_url TO id;"
    "ALTER TABLE authority ADD COLUMN account_status TEXT NOT NULL DEFAULT '';"

    "CREATE TABLE bucket ("
    " key TEXT NOT NULL PRIMARY KEY,"
    " at_us INTEGER NOT NULL,"
    " expires INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX bucket_expires ON bucket (expires, key) WHERE expires > 0;",

    /* As before, and what is known of deployments. */
    "CREATE TABLE certificate_3 ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " wish TEXT NOT NULL,"
    " source INTEGER NOT NULL,"
    " released INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL,"
    " compromised INTEGER NOT NULL,"
    " variant INTEGER NOT NULL,"
    " generation INTEGER NOT NULL,"
    " issued_wish_domains TEXT NOT NULL,"
    " omitted TEXT NOT NULL,"
    " profile TEXT NOT NULL,"
    " key_hash TEXT NOT NULL,"
    " authority TEXT NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " serial TEXT NOT NULL,"
    " issuer TEXT NOT NULL,"
    " subjects TEXT NOT NULL,"
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " renewed_at INTEGER NOT NULL,"
    " failures INTEGER NOT NULL,"
    " last_error TEXT NOT NULL,"
    " last_problem TEXT NOT NULL,"
    " last_error_at INTEGER NOT NULL,"
    " attempts TEXT NOT NULL,"
    " wait_until INTEGER NOT NULL,"
    " wait_reason TEXT NOT NULL,"
    " pause_link TEXT NOT NULL,"
    " ari_id TEXT NOT NULL,"
    " ari_start INTEGER NOT NULL,"
    " ari_end INTEGER NOT NULL,"
    " ari_at INTEGER NOT NULL,"
    " ari_due_at INTEGER NOT NULL,"
    " ari_checked_at INTEGER NOT NULL,"
    " ari_failures INTEGER NOT NULL,"
    " ari_explanation TEXT NOT NULL,"
    " order_url TEXT NOT NULL,"
    " order_authority TEXT NOT NULL,"
    " order_generation INTEGER NOT NULL,"
    " deploy_due_at INTEGER NOT NULL,"
    " deploy_failures INTEGER NOT NULL,"
    " deploy_error TEXT NOT NULL,"
    " deploy_event TEXT NOT NULL,"
    " deploy_step INTEGER NOT NULL DEFAULT 0,"
    " live_generation INTEGER NOT NULL DEFAULT 0,"
    " previous TEXT NOT NULL DEFAULT '',"
    " look_due_at INTEGER NOT NULL DEFAULT 0,"
    " served_at INTEGER NOT NULL DEFAULT 0,"
    " served_error TEXT NOT NULL DEFAULT '',"
    " failing_told_at INTEGER NOT NULL DEFAULT 0,"
    " expiring_told_at INTEGER NOT NULL DEFAULT 0,"
    " permit BLOB NOT NULL,"
    " chain TEXT NOT NULL"
    ") STRICT;"
    "INSERT INTO certificate_3 ("
    " name, wish, source, released, revoked, compromised, variant, generation,"
    " issued_wish_domains, omitted, profile, key_hash, authority, fingerprint, serial, issuer,"
    " subjects, not_before, not_after, due_at, renewed_at, failures, last_error, last_problem,"
    " last_error_at, attempts, wait_until, wait_reason, pause_link, ari_id, ari_start, ari_end,"
    " ari_at, ari_due_at, ari_checked_at, ari_failures, ari_explanation, order_url,"
    " order_authority, order_generation, deploy_due_at, deploy_failures, deploy_error,"
    " deploy_event, permit, chain"
    ") SELECT"
    " name, wish, source, released, revoked, compromised, variant, generation,"
    " issued_wish_domains, omitted, profile, key_hash, authority, fingerprint, serial, issuer,"
    " subjects, not_before, not_after, due_at, renewed_at, failures, last_error, last_problem,"
    " last_error_at, attempts, wait_until, wait_reason, pause_link, ari_id, ari_start, ari_end,"
    " ari_at, ari_due_at, ari_checked_at, ari_failures, ari_explanation, order_url,"
    " order_authority, order_generation, deploy_due_at, deploy_failures, deploy_error,"
    " deploy_event, permit, chain"
    " FROM certificate;"
    "DROP TABLE certificate;"
    "ALTER TABLE certificate_3 RENAME TO certificate;"
    "CREATE INDEX certificate_due ON certificate (due_at, name) WHERE due_at > 0;"
    "CREATE INDEX certificate_deploy_due ON certificate (deploy_due_at, name) WHERE deploy_due_at > 0;"
    "CREATE INDEX certificate_ari_due ON certificate (ari_due_at, name) WHERE ari_due_at > 0;"
    "CREATE INDEX certificate_look_due ON certificate (look_due_at, name) WHERE look_due_at > 0;",

    /* Records in the DNS beside files, and by which permit they were made. */
    "CREATE TABLE challenge_4 ("
    " certificate TEXT NOT NULL,"
    " token TEXT NOT NULL,"
    " kind INTEGER NOT NULL,"
    " identifier TEXT NOT NULL,"
    " label TEXT NOT NULL,"
    " key_authorization TEXT NOT NULL,"
    " note TEXT NOT NULL,"
    " permit BLOB NOT NULL,"
    " PRIMARY KEY (certificate, token)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO challenge_4 SELECT c.certificate, c.token, 0, '', '', '', '', p.permit"
    " FROM challenge AS c JOIN certificate AS p ON p.name = c.certificate;"
    "DROP TABLE challenge;"
    "ALTER TABLE challenge_4 RENAME TO challenge;",

    /* As before, and what containers ask for. */
    "CREATE TABLE certificate_5 ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " wish TEXT NOT NULL,"
    " source INTEGER NOT NULL,"
    " holder TEXT NOT NULL DEFAULT '',"
    " park_at INTEGER NOT NULL DEFAULT 0,"
    " released INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL,"
    " compromised INTEGER NOT NULL,"
    " variant INTEGER NOT NULL,"
    " generation INTEGER NOT NULL,"
    " issued_wish_domains TEXT NOT NULL,"
    " omitted TEXT NOT NULL,"
    " profile TEXT NOT NULL,"
    " key_hash TEXT NOT NULL,"
    " authority TEXT NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " serial TEXT NOT NULL,"
    " issuer TEXT NOT NULL,"
    " subjects TEXT NOT NULL,"
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " renewed_at INTEGER NOT NULL,"
    " failures INTEGER NOT NULL,"
    " last_error TEXT NOT NULL,"
    " last_problem TEXT NOT NULL,"
    " last_error_at INTEGER NOT NULL,"
    " attempts TEXT NOT NULL,"
    " wait_until INTEGER NOT NULL,"
    " wait_reason TEXT NOT NULL,"
    " pause_link TEXT NOT NULL,"
    " ari_id TEXT NOT NULL,"
    " ari_start INTEGER NOT NULL,"
    " ari_end INTEGER NOT NULL,"
    " ari_at INTEGER NOT NULL,"
    " ari_due_at INTEGER NOT NULL,"
    " ari_checked_at INTEGER NOT NULL,"
    " ari_failures INTEGER NOT NULL,"
    " ari_explanation TEXT NOT NULL,"
    " order_url TEXT NOT NULL,"
    " order_authority TEXT NOT NULL,"
    " order_generation INTEGER NOT NULL,"
    " deploy_due_at INTEGER NOT NULL,"
    " deploy_failures INTEGER NOT NULL,"
    " deploy_error TEXT NOT NULL,"
    " deploy_event TEXT NOT NULL,"
    " deploy_step INTEGER NOT NULL,"
    " live_generation INTEGER NOT NULL,"
    " previous TEXT NOT NULL,"
    " look_due_at INTEGER NOT NULL,"
    " served_at INTEGER NOT NULL,"
    " served_error TEXT NOT NULL,"
    " failing_told_at INTEGER NOT NULL,"
    " expiring_told_at INTEGER NOT NULL,"
    " permit BLOB NOT NULL,"
    " chain TEXT NOT NULL"
    ") STRICT;"
    "INSERT INTO certificate_5 ("
    " name, wish, source, released, revoked, compromised, variant, generation,"
    " issued_wish_domains, omitted, profile, key_hash, authority, fingerprint, serial, issuer,"
    " subjects, not_before, not_after, due_at, renewed_at, failures, last_error, last_problem,"
    " last_error_at, attempts, wait_until, wait_reason, pause_link, ari_id, ari_start, ari_end,"
    " ari_at, ari_due_at, ari_checked_at, ari_failures, ari_explanation, order_url,"
    " order_authority, order_generation, deploy_due_at, deploy_failures, deploy_error,"
    " deploy_event, deploy_step, live_generation, previous, look_due_at, served_at,"
    " served_error, failing_told_at, expiring_told_at, permit, chain"
    ") SELECT"
    " name, wish, source, released, revoked, compromised, variant, generation,"
    " issued_wish_domains, omitted, profile, key_hash, authority, fingerprint, serial, issuer,"
    " subjects, not_before, not_after, due_at, renewed_at, failures, last_error, last_problem,"
    " last_error_at, attempts, wait_until, wait_reason, pause_link, ari_id, ari_start, ari_end,"
    " ari_at, ari_due_at, ari_checked_at, ari_failures, ari_explanation, order_url,"
    " order_authority, order_generation, deploy_due_at, deploy_failures, deploy_error,"
    " deploy_event, deploy_step, live_generation, previous, look_due_at, served_at,"
    " served_error, failing_told_at, expiring_told_at, permit, chain"
    " FROM certificate;"
    "DROP TABLE certificate;"
    "ALTER TABLE certificate_5 RENAME TO certificate;"
    "CREATE INDEX certificate_due ON certificate (due_at, name) WHERE due_at > 0;"
    "CREATE INDEX certificate_deploy_due ON certificate (deploy_due_at, name) WHERE deploy_due_at > 0;"
    "CREATE INDEX certificate_ari_due ON certificate (ari_due_at, name) WHERE ari_due_at > 0;"
    "CREATE INDEX certificate_look_due ON certificate (look_due_at, name) WHERE look_due_at > 0;",

    /* The long columns become a table of their own: whoever walks over all certificates reads none of them.
     */
    "CREATE TABLE certificate_6 ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " wish TEXT NOT NULL,"
    " source INTEGER NOT NULL,"
    " holder TEXT NOT NULL,"
    " park_at INTEGER NOT NULL,"
    " released INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL,"
    " compromised INTEGER NOT NULL,"
    " variant INTEGER NOT NULL,"
    " generation INTEGER NOT NULL,"
    " omitted TEXT NOT NULL,"
    " profile TEXT NOT NULL,"
    " key_hash TEXT NOT NULL,"
    " authority TEXT NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " serial TEXT NOT NULL,"
    " issuer TEXT NOT NULL,"
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " renewed_at INTEGER NOT NULL,"
    " failures INTEGER NOT NULL,"
    " last_error TEXT NOT NULL,"
    " last_problem TEXT NOT NULL,"
    " last_error_at INTEGER NOT NULL,"
    " attempts TEXT NOT NULL,"
    " wait_until INTEGER NOT NULL,"
    " wait_reason TEXT NOT NULL,"
    " pause_link TEXT NOT NULL,"
    " ari_id TEXT NOT NULL,"
    " ari_start INTEGER NOT NULL,"
    " ari_end INTEGER NOT NULL,"
    " ari_at INTEGER NOT NULL,"
    " ari_due_at INTEGER NOT NULL,"
    " ari_checked_at INTEGER NOT NULL,"
    " ari_failures INTEGER NOT NULL,"
    " ari_explanation TEXT NOT NULL,"
    " order_url TEXT NOT NULL,"
    " order_authority TEXT NOT NULL,"
    " order_generation INTEGER NOT NULL,"
    " deploy_due_at INTEGER NOT NULL,"
    " deploy_failures INTEGER NOT NULL,"
    " deploy_error TEXT NOT NULL,"
    " deploy_event TEXT NOT NULL,"
    " deploy_step INTEGER NOT NULL,"
    " live_generation INTEGER NOT NULL,"
    " previous TEXT NOT NULL,"
    " look_due_at INTEGER NOT NULL,"
    " served_at INTEGER NOT NULL,"
    " served_error TEXT NOT NULL,"
    " failing_told_at INTEGER NOT NULL,"
    " expiring_told_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE certificate_long ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " issued_wish_domains TEXT NOT NULL,"
    " subjects TEXT NOT NULL,"
    " permit BLOB NOT NULL,"
    " chain TEXT NOT NULL"
    ") STRICT;"
    "INSERT INTO certificate_6 SELECT"
    " name, wish, source, holder, park_at, released, revoked, compromised, variant,"
    " generation, omitted, profile, key_hash, authority, fingerprint, serial, issuer,"
    " not_before, not_after, due_at, renewed_at, failures, last_error, last_problem,"
    " last_error_at, attempts, wait_until, wait_reason, pause_link, ari_id, ari_start,"
    " ari_end, ari_at, ari_due_at, ari_checked_at, ari_failures, ari_explanation, order_url,"
    " order_authority, order_generation, deploy_due_at, deploy_failures, deploy_error,"
    " deploy_event, deploy_step, live_generation, previous, look_due_at, served_at,"
    " served_error, failing_told_at, expiring_told_at"
    " FROM certificate;"
    "INSERT INTO certificate_long SELECT name, issued_wish_domains, subjects, permit, chain"
    " FROM certificate;"
    "DROP TABLE certificate;"
    "ALTER TABLE certificate_6 RENAME TO certificate;"
    "CREATE INDEX certificate_due ON certificate (due_at, name) WHERE due_at > 0;"
    "CREATE INDEX certificate_deploy_due ON certificate (deploy_due_at, name) WHERE deploy_due_at > 0;"
    "CREATE INDEX certificate_ari_due ON certificate (ari_due_at, name) WHERE ari_due_at > 0;"
    "CREATE INDEX certificate_look_due ON certificate (look_due_at, name) WHERE look_due_at > 0;",

    /* Where and how soon: queues are skipped through by the first index, and both give names without a look
     * at the rows. */
    "ALTER TABLE certificate ADD COLUMN queue TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE certificate ADD COLUMN urgent_at INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX certificate_queue_due ON certificate (queue, due_at, name, urgent_at) WHERE due_at > 0;"
    "CREATE INDEX certificate_queue_urgent ON certificate (queue, urgent_at, name, due_at)"
    " WHERE due_at > 0 AND urgent_at > 0;",

    /* How far somebody has come. */
    "CREATE TABLE mark ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " value INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",

    /* Of those that are there already it is found out as soon as somebody looks: no renewal-before is known
     * here. */
    "ALTER TABLE certificate ADD COLUMN expiring_at INTEGER NOT NULL DEFAULT 0;"
    "UPDATE certificate SET expiring_at = not_after - (not_after - not_before) / 6"
    " WHERE generation > 0 AND released = 0 AND revoked = 0;"
    "CREATE INDEX certificate_expiring ON certificate (expiring_at, name) WHERE expiring_at > 0;",
};
const size_t sqlite_migration_n = ARRAY_LEN(sqlite_migrations);

/* The integer that a statement gives in its first row. */
static int read_integer(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(stmt, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int read_version(
    sqlite3 *db, const char *path, int64_t *application, int64_t *version, struct err *err)
{
    int rc = read_integer(db, "PRAGMA application_id", application);
    if (rc == SQLITE_OK)
        rc = read_integer(db, "PRAGMA user_version", version);
    return rc == SQLITE_OK ? 0 : sqlite_error(db, path, rc, "read the schema version", err);
}

int sqlite_schema_check_version(sqlite3 *db, const char *path, struct err *err)
{
    int64_t application = 0, version = 0;
    int r = read_version(db, path, &application, &version, err);
    if (r < 0 || application != APPLICATION_ID || (version >= 0 && (uint64_t)version <= sqlite_migration_n))
        return r;
    return err_set(err, ERR_STORE,
        "%s: written by a newer evercert (schema %lld, this one knows %zu); install that version again, or"
        " put back the backup from before it",
        path, (long long)version, sqlite_migration_n);
}

int sqlite_schema_check(sqlite3 *db, const char *path, struct err *err)
{
    int64_t application = 0, version = 0, tables = 0;
    int r = sqlite_schema_check_version(db, path, err);
    if (r < 0 || (r = read_version(db, path, &application, &version, err)) < 0)
        return r;
    int rc = read_integer(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc != SQLITE_OK)
        return sqlite_error(db, path, rc, "read the schema", err);
    bool is_new = application == 0 && version == 0 && tables == 0;
    if (!is_new && application != APPLICATION_ID)
        return err_set(err, ERR_STORE,
            "%s: this is another program's SQLite database; move it aside or choose another state directory",
            path);
    return 0;
}

static int run_migrations(
    sqlite3 *db, const char *path, const char *const *migrations, size_t n, struct err *err)
{
    /* Again, under the lock: another process may have been here since the check. */
    int64_t application = 0, version = 0;
    int r = read_version(db, path, &application, &version, err);
    if (r < 0)
        return r;
    if (application == APPLICATION_ID && version == (int64_t)n)
        return 0;
    for (size_t i = version < 0 ? 0 : (size_t)version; i < n; i++) {
        int rc = sqlite3_exec(db, migrations[i], NULL, NULL, NULL);
        if (rc != SQLITE_OK) {
            char what[64];
            snprintf(what, sizeof what, "bring the schema to version %zu", i + 1);
            return sqlite_error(db, path, rc, what, err);
        }
    }
    char mark[96];
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %zu", APPLICATION_ID, n);
    int rc = sqlite3_exec(db, mark, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_error(db, path, rc, "write", err);
}

int sqlite_schema_migrate(
    sqlite3 *db, const char *path, const char *const *migrations, size_t n, struct err *err)
{
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sqlite_error(db, path, rc, "write", err);
    int r = run_migrations(db, path, migrations, n, err);
    crash_point(store_migrated);
    if (r == 0 && (rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL)) != SQLITE_OK)
        r = sqlite_error(db, path, rc, "write", err);
    if (r < 0 && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}
