/*
 * The SQLite driver's operations. Every write is one or more prepared statements with their values, run
 * inside a transaction that the first one opens and store_commit closes.
 *
 * SQLite rolls the whole transaction back when a COMMIT fails, and for a full disk, an I/O error or lack of
 * memory also when any other statement fails, even one that only reads. So that the changes are still pending
 * then, as store.h promises, the statements of a transaction are kept in a journal until it is committed.
 * A journal without an open transaction is run again before the next operation (get_ready).
 */
#include "base/attr.h"
#include "base/crash_point.h"
#include "store/sqlite_priv.h"

#include <stdlib.h>
#include <string.h>

#define NAME_FIRST(kind, field, max) #field
#define NAME(kind, field, max)       ", " #field
#define MARK_FIRST(kind, field, max) "?"
#define MARK(kind, field, max)       ", ?"
#define SET_FIRST(kind, field, max)  #field " = excluded." #field
#define SET(kind, field, max)        ", " #field " = excluded." #field
#define OTHER(kind, field, max)      #field " IS NOT excluded." #field " OR "

/* The parts of a statement about one kind of record. */
#define COLUMNS(fields) fields(NAME_FIRST, NAME)
#define MARKS(fields)   fields(MARK_FIRST, MARK)
#define SETS(fields)    fields(SET_FIRST, SET)

/* The second row of a certificate. */
#define LONG_ROW(K, X) K(TEXT, name, STORE_NAME_MAX) CERTIFICATE_LONG_FIELDS(X)
#define CERTIFICATE_LONG_UPSERT                                            \
    "INSERT INTO certificate_long (" COLUMNS(LONG_ROW) ") VALUES (" MARKS( \
        LONG_ROW) ") ON CONFLICT (name) DO UPDATE SET " SETS(LONG_ROW) LONG_CHANGES
#define LONG_CHANGES     " WHERE " CERTIFICATE_LONG_FIELDS(OTHER) "false"
#define CERTIFICATE_ROWS "SELECT " COLUMNS(CERTIFICATE_ROW_FIELDS) " FROM certificate "
#define CERTIFICATES \
    "SELECT " COLUMNS(CERTIFICATE_FIELDS) " FROM certificate JOIN certificate_long USING (name) "
#define WISHES_OF   "SELECT " COLUMNS(WISH_FIELDS) " FROM certificate "
#define AUTHORITIES "SELECT " COLUMNS(AUTHORITY_FIELDS) " FROM authority "
#define BUCKETS     "SELECT " COLUMNS(BUCKET_FIELDS) " FROM bucket "
#define MARKED      "SELECT " COLUMNS(MARK_FIELDS) " FROM mark "
#define CHALLENGES  "SELECT " COLUMNS(CHALLENGE_FIELDS) " FROM challenge "
#define HISTORY     "SELECT " COLUMNS(HISTORY_FIELDS) " FROM history "

/* Every statement there is: name, SQL. Parameters are bound in the order in which they stand. */
#define STATEMENTS(X)                                                                                       \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                             \
    X(COMMIT, "COMMIT")                                                                                     \
    X(ROLLBACK, "ROLLBACK")                                                                                 \
    X(CERTIFICATE_PUT,                                                                                      \
        "INSERT INTO certificate (" COLUMNS(CERTIFICATE_ROW_FIELDS) ") VALUES (" MARKS(                     \
            CERTIFICATE_ROW_FIELDS) ") ON CONFLICT (name) DO UPDATE SET " SETS(CERTIFICATE_ROW_FIELDS))     \
    X(CERTIFICATE_LONG_PUT, CERTIFICATE_LONG_UPSERT)                                                        \
    X(CERTIFICATE_GET, CERTIFICATES "WHERE name = ?")                                                       \
    X(CERTIFICATE_NEXT, CERTIFICATES "WHERE name > ? ORDER BY name LIMIT 1")                                \
    X(CERTIFICATE_LIST, CERTIFICATE_ROWS "WHERE name > ? ORDER BY name LIMIT ?")                            \
    X(CERTIFICATE_LONG_DELETE, "DELETE FROM certificate_long WHERE name = ?")                               \
    X(WISHES, WISHES_OF "WHERE name > ? AND name <= ? ORDER BY name LIMIT ?")                               \
    X(CERTIFICATE_DELETE, "DELETE FROM certificate WHERE name = ?")                                         \
    X(KEYS_DELETE, "DELETE FROM certificate_key WHERE name = ?")                                            \
    X(DUE, "SELECT name FROM certificate WHERE due_at > 0 AND due_at <= ? ORDER BY due_at, name LIMIT ?")   \
    X(DEPLOY_DUE, "SELECT name FROM certificate WHERE deploy_due_at > 0 AND deploy_due_at <= ?"             \
                  " ORDER BY deploy_due_at, name LIMIT ?")                                                  \
    X(ARI_DUE, "SELECT name FROM certificate WHERE ari_due_at > 0 AND ari_due_at <= ?"                      \
               " ORDER BY ari_due_at, name LIMIT ?")                                                        \
    X(LOOK_DUE, "SELECT name FROM certificate WHERE look_due_at > 0 AND look_due_at <= ?"                   \
                " ORDER BY look_due_at, name LIMIT ?")                                                      \
    X(EXPIRING_DUE, "SELECT name FROM certificate WHERE expiring_at > 0 AND expiring_at <= ?"               \
                    " ORDER BY expiring_at, name LIMIT ?")                                                  \
    X(QUEUE_NEXT, "SELECT queue FROM certificate WHERE due_at > 0 AND queue > ? ORDER BY queue LIMIT 1")    \
    X(QUEUE_FIRST_DUE,                                                                                      \
        "SELECT due_at FROM certificate WHERE queue = ? AND due_at > 0 ORDER BY due_at LIMIT 1")            \
    X(QUEUE_FIRST_URGENT, "SELECT urgent_at FROM certificate WHERE queue = ? AND due_at > 0"                \
                          " AND urgent_at > 0 ORDER BY urgent_at LIMIT 1")                                  \
    X(QUEUE_URGENT, "SELECT name FROM certificate WHERE queue = ? AND urgent_at > 0 AND urgent_at <= ?"     \
                    " AND due_at > 0 AND due_at <= ? ORDER BY urgent_at, name LIMIT ?")                     \
    X(QUEUE_ROUTINE, "SELECT name FROM certificate WHERE queue = ? AND due_at > 0 AND due_at <= ?"          \
                     " AND NOT (urgent_at > 0 AND urgent_at <= ?) ORDER BY due_at, name LIMIT ?")           \
    X(NEXT_DEPLOY_DUE,                                                                                      \
        "SELECT deploy_due_at FROM certificate WHERE deploy_due_at > 0 ORDER BY deploy_due_at LIMIT 1")     \
    X(NEXT_ARI_DUE, "SELECT ari_due_at FROM certificate WHERE ari_due_at > 0 ORDER BY ari_due_at LIMIT 1")  \
    X(NEXT_LOOK_DUE,                                                                                        \
        "SELECT look_due_at FROM certificate WHERE look_due_at > 0 ORDER BY look_due_at LIMIT 1")           \
    X(KEY_PUT, "INSERT INTO certificate_key (name, generation, sealed) VALUES (?, ?, ?)"                    \
               " ON CONFLICT (name, generation) DO UPDATE SET sealed = excluded.sealed")                    \
    X(KEY_GET, "SELECT sealed FROM certificate_key WHERE name = ? AND generation = ?")                      \
    X(KEY_DELETE_BELOW, "DELETE FROM certificate_key WHERE name = ? AND generation < ?")                    \
    X(AUTHORITY_PUT, "INSERT INTO authority (" COLUMNS(AUTHORITY_FIELDS) ") VALUES (" MARKS(                \
                         AUTHORITY_FIELDS) ") ON CONFLICT (id) DO UPDATE SET " SETS(AUTHORITY_FIELDS))      \
    X(AUTHORITY_GET, AUTHORITIES "WHERE id = ?")                                                            \
    X(BUCKET_PUT, "INSERT INTO bucket (" COLUMNS(BUCKET_FIELDS) ") VALUES (" MARKS(                         \
                      BUCKET_FIELDS) ") ON CONFLICT (key) DO UPDATE SET " SETS(BUCKET_FIELDS))              \
    X(BUCKET_GET, BUCKETS "WHERE key = ?")                                                                  \
    X(BUCKET_DELETE_EXPIRED, "DELETE FROM bucket WHERE key IN (SELECT key FROM bucket"                      \
                             " WHERE expires > 0 AND expires <= ? ORDER BY expires, key LIMIT ?)")          \
    X(MARK_PUT, "INSERT OR REPLACE INTO mark (" COLUMNS(MARK_FIELDS) ") VALUES (" MARKS(MARK_FIELDS) ")")   \
    X(MARK_GET, MARKED "WHERE name = ?")                                                                    \
    X(CHALLENGE_PUT, "INSERT OR REPLACE INTO challenge (" COLUMNS(CHALLENGE_FIELDS) ") VALUES (" MARKS(     \
                         CHALLENGE_FIELDS) ")")                                                             \
    X(CHALLENGE_DELETE, "DELETE FROM challenge WHERE certificate = ? AND token = ?")                        \
    X(CHALLENGE_NEXT, CHALLENGES "WHERE (certificate, token) > (?, ?) ORDER BY certificate, token LIMIT 1") \
    X(HISTORY_PUT, "INSERT INTO history (at, certificate, event, text, detail) VALUES (?, ?, ?, ?, ?)")     \
    X(HISTORY_LAST, "SELECT id FROM history WHERE id > ? ORDER BY id DESC LIMIT 1")                         \
    X(HISTORY_DELETE, "DELETE FROM history WHERE id < (SELECT max(id) FROM history) AND id IN"              \
                      " (SELECT id FROM (SELECT id, at FROM history WHERE id > 0"                           \
                      " ORDER BY id LIMIT ?) WHERE at < ?)")                                                \
    X(HISTORY_RANGE_OF,                                                                                     \
        "SELECT min(id), max(id) FROM"                                                                      \
        " (SELECT id FROM history WHERE certificate = ? AND id > ? ORDER BY id DESC LIMIT ?)")              \
    X(HISTORY_NEXT, HISTORY "WHERE id >= ? AND id <= ? ORDER BY id LIMIT 1")                                \
    X(HISTORY_NEXT_OF, HISTORY "WHERE certificate = ? AND id >= ? AND id <= ? ORDER BY id LIMIT 1")

enum statement {
#define STATEMENT_ENUM(name, sql) STATEMENT_##name,
    STATEMENTS(STATEMENT_ENUM)
#undef STATEMENT_ENUM
        STATEMENT_N
};

static const char *const statement_sql[] = {
#define STATEMENT_SQL(name, sql) sql,
    STATEMENTS(STATEMENT_SQL)
#undef STATEMENT_SQL
};

/* One statement to run and its values. */
struct write {
    struct write *next; /* in the journal */
    enum statement id;
    size_t n;
    const struct value *values;
};

struct sqlite_store {
    struct store base;
    sqlite3 *db;
    char *path;
    sqlite3_stmt *statements[STATEMENT_N];
    /* What the open transaction did so far, with its own copies of all values; NULL and empty outside one. */
    struct arena *journal;
    struct write *first, **end;
};

static struct sqlite_store *sqlite_of(struct store *s)
{
    return (struct sqlite_store *)s;
}

sqlite3 *sqlite_handle(struct store *s)
{
    return sqlite_of(s)->db;
}

static struct value value_int(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .i = i};
}

static struct value value_text(struct str s)
{
    return (struct value){.kind = VALUE_TEXT, .bytes = s};
}

static struct value value_limit(size_t limit)
{
    return value_int(limit > (size_t)INT64_MAX ? INT64_MAX : (int64_t)limit);
}

static int fail(struct sqlite_store *s, int rc, const char *what, struct err *err)
{
    int r = sqlite_error(s->db, s->path, rc, what, err);
    s->base.damaged = s->base.damaged || r == ERR_DAMAGED;
    return r;
}

/* The values are only borrowed: statements are reset and unbound before a caller gets control back. */
static int bind(sqlite3_stmt *stmt, const struct value *values, size_t n)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        const struct value *v = &values[i];
        int at = (int)i + 1;
        /* a NULL pointer would bind NULL */
        const char *p = v->bytes.p != NULL ? v->bytes.p : "";
        switch (v->kind) {
        case VALUE_INT:
            rc = sqlite3_bind_int64(stmt, at, v->i);
            break;
        case VALUE_TEXT:
            rc = sqlite3_bind_text64(stmt, at, p, v->bytes.n, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case VALUE_BLOB:
            rc = sqlite3_bind_blob64(stmt, at, p, v->bytes.n, SQLITE_STATIC);
            break;
        }
    }
    return rc;
}

static void finish(sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

/* Run a statement that gives no rows. SQLITE_OK or what failed; the error's text stays in the connection. */
static int run(struct sqlite_store *s, enum statement id, const struct value *values, size_t n)
{
    sqlite3_stmt *stmt = s->statements[id];
    int rc = bind(stmt, values, n);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    finish(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static void journal_clear(struct sqlite_store *s)
{
    arena_free(s->journal);
    s->journal = NULL;
    s->first = NULL;
    s->end = &s->first;
}

static void journal_add(struct sqlite_store *s, const struct write *w)
{
    if (s->journal == NULL)
        s->journal = arena_new();
    struct value *values = arena_array(s->journal, w->n, sizeof *values);
    for (size_t i = 0; i < w->n; i++) {
        values[i] = w->values[i];
        if (values[i].kind != VALUE_INT)
            values[i].bytes = arena_str(s->journal, values[i].bytes);
    }
    struct write *copy = arena_alloc(s->journal, sizeof *copy);
    *copy = (struct write){.id = w->id, .n = w->n, .values = values};
    *s->end = copy;
    s->end = &copy->next;
}

/* No transaction, also when rolling back fails (SQLite ends it all the same). */
static void roll_back(struct sqlite_store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        run(s, STATEMENT_ROLLBACK, NULL, 0);
}

static int begin(struct sqlite_store *s)
{
    return sqlite3_get_autocommit(s->db) ? run(s, STATEMENT_BEGIN, NULL, 0) : SQLITE_OK;
}

/* Before every operation: what is pending is in the open transaction. Where a failure cost that transaction,
 * run the journal again. */
static int get_ready(struct sqlite_store *s, struct err *err)
{
    if (s->first == NULL || !sqlite3_get_autocommit(s->db))
        return 0;
    int rc = begin(s);
    for (struct write *w = s->first; rc == SQLITE_OK && w != NULL; w = w->next)
        rc = run(s, w->id, w->values, w->n);
    if (rc == SQLITE_OK)
        return 0;
    int r = fail(s, rc, "repeat the changes that are not committed", err);
    roll_back(s);
    return r;
}

/* Run all of them or none. */
static int write_all(struct sqlite_store *s, const struct write *writes, size_t n, struct err *err)
{
    int r = get_ready(s, err);
    if (r < 0)
        return r;
    int rc = begin(s);
    if (rc != SQLITE_OK)
        return fail(s, rc, "begin to write", err);
    size_t done = 0;
    while (done < n && (rc = run(s, writes[done].id, writes[done].values, writes[done].n)) == SQLITE_OK)
        done++;
    if (rc != SQLITE_OK) {
        r = fail(s, rc, "write", err);
        if (done > 0)
            roll_back(s); /* and with it the part that was done */
        return r;
    }
    for (size_t i = 0; i < n; i++)
        journal_add(s, &writes[i]);
    return 0;
}

static int write_one(
    struct sqlite_store *s, enum statement id, const struct value *values, size_t n, struct err *err)
{
    return write_all(s, &(struct write){.id = id, .n = n, .values = values}, 1, err);
}

static int sqlite_commit(struct store *base, struct err *err)
{
    struct sqlite_store *s = sqlite_of(base);
    int r = get_ready(s, err);
    if (r < 0 || sqlite3_get_autocommit(s->db))
        return r;
    crash_point(store_commit_ahead);
    int rc = run(s, STATEMENT_COMMIT, NULL, 0);
    if (rc != SQLITE_OK)
        return fail(s, rc, "commit", err);
    crash_point(store_committed);
    journal_clear(s);
    return 0;
}

static void shrink(struct store *base)
{
    (void)sqlite3_db_release_memory(sqlite_of(base)->db);
}

/* The values of the row that a statement is at; views until it is stepped or reset. */
static void take_row(sqlite3_stmt *stmt, struct value *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* One look at the column instead of three; there is no other thread that could change it. */
        sqlite3_value *column = sqlite3_column_value(stmt, (int)i);
        values[i] = (struct value){.kind = VALUE_INT, .bytes = STR("")};
        int type = sqlite3_value_type(column);
        if (type == SQLITE_INTEGER) {
            values[i].i = sqlite3_value_int64(column);
        } else if (type != SQLITE_NULL) {
            values[i].kind = type == SQLITE_BLOB ? VALUE_BLOB : VALUE_TEXT;
            const void *p = sqlite3_value_blob(column);
            if (p != NULL)
                values[i].bytes = (struct str){p, (size_t)sqlite3_value_bytes(column)};
        }
    }
}

/* Bind and step to the first row. 1 with its values in `row` (the caller calls finish), 0 where there is
 * none, negative on failure. */
static int first_row(struct sqlite_store *s, enum statement id, const struct value *values, size_t n,
    struct value *row, size_t columns, struct err *err)
{
    int r = get_ready(s, err);
    if (r < 0)
        return r;
    sqlite3_stmt *stmt = s->statements[id];
    int rc = bind(stmt, values, n);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        take_row(stmt, row, columns);
        return 1;
    }
    finish(stmt);
    return rc == SQLITE_DONE ? 0 : fail(s, rc, "read", err);
}

/* The first row as a record with its bytes in `a`: 1, 0 or negative. */
static int read_record(struct sqlite_store *s, enum statement id, const struct value *values, size_t n,
    const struct record_type *t, struct arena *a, void *out, struct err *err)
{
    struct value row[RECORD_FIELDS_MAX];
    int r = first_row(s, id, values, n, row, t->n, err);
    if (r <= 0)
        return r;
    r = record_from_values(t, row, a, out, err);
    finish(s->statements[id]);
    return r < 0 ? r : 1;
}

static int certificate_put(struct store *s, const struct certificate *c, struct err *err)
{
    struct value values[RECORD_FIELDS_MAX], texts[RECORD_FIELDS_MAX];
    const size_t n = record_certificate_row.n, text_n = record_certificate.n - n;
    record_to_values(&record_certificate, c, values);
    texts[0] = values[0];
    memcpy(texts + 1, values + n, text_n * sizeof *values);
    /* What is long stays as it lies there where it is the same, as it is when only a date changes. */
    const struct write writes[] = {
        {.id = STATEMENT_CERTIFICATE_PUT, .n = n, .values = values},
        {.id = STATEMENT_CERTIFICATE_LONG_PUT, .n = 1 + text_n, .values = texts},
    };
    return write_all(sqlite_of(s), writes, ARRAY_LEN(writes), err);
}

static int certificate_get(
    struct store *s, struct str name, struct arena *a, struct certificate *out, struct err *err)
{
    struct value key = value_text(name);
    return read_record(sqlite_of(s), STATEMENT_CERTIFICATE_GET, &key, 1, &record_certificate, a, out, err);
}

static int certificate_next(
    struct store *s, struct str after, struct arena *a, struct certificate *out, struct err *err)
{
    struct value key = value_text(after);
    return read_record(sqlite_of(s), STATEMENT_CERTIFICATE_NEXT, &key, 1, &record_certificate, a, out, err);
}

static size_t bytes_of(const struct value *row, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += row[i].bytes.n;
    return bytes;
}

static int certificate_list(struct store *base, struct str after, size_t limit, struct arena *a,
    struct certificate *out, size_t *n, struct err *err)
{
    struct sqlite_store *s = sqlite_of(base);
    sqlite3_stmt *stmt = s->statements[STATEMENT_CERTIFICATE_LIST];
    const struct record_type *t = &record_certificate_row;
    const struct value values[] = {value_text(after), value_limit(limit)};
    struct value row[RECORD_FIELDS_MAX];
    int rc = SQLITE_ROW;
    int r = first_row(s, STATEMENT_CERTIFICATE_LIST, values, ARRAY_LEN(values), row, t->n, err);
    if (r <= 0)
        return r;
    for (size_t bytes = 0; rc == SQLITE_ROW && bytes < STORE_LIST_BYTES;) {
        if ((r = record_from_values(t, row, a, &out[*n], err)) < 0)
            break;
        ++*n;
        bytes += bytes_of(row, t->n) + sizeof *out;
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            take_row(stmt, row, t->n);
    }
    finish(stmt);
    if (r < 0)
        return r;
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fail(s, rc, "read", err);
}

static int certificate_delete(struct store *s, struct str name, struct err *err)
{
    struct value key = value_text(name);
    const struct write writes[] = {
        {.id = STATEMENT_KEYS_DELETE, .n = 1, .values = &key},
        {.id = STATEMENT_CERTIFICATE_LONG_DELETE, .n = 1, .values = &key},
        {.id = STATEMENT_CERTIFICATE_DELETE, .n = 1, .values = &key},
    };
    return write_all(sqlite_of(s), writes, ARRAY_LEN(writes), err);
}

static int wishes(struct store *base, struct str after, struct str last, size_t limit, struct arena *a,
    struct wish_record *out, struct err *err)
{
    struct sqlite_store *s = sqlite_of(base);
    sqlite3_stmt *stmt = s->statements[STATEMENT_WISHES];
    const struct value values[] = {value_text(after), value_text(last), value_limit(limit)};
    struct value row[RECORD_FIELDS_MAX];
    int r = first_row(s, STATEMENT_WISHES, values, ARRAY_LEN(values), row, record_wish.n, err), n = 0;
    if (r <= 0)
        return r;
    int rc = SQLITE_ROW;
    while (rc == SQLITE_ROW && (r = record_from_values(&record_wish, row, a, &out[n], err)) == 0) {
        n++;
        if ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
            take_row(stmt, row, record_wish.n);
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = fail(s, rc, "read", err);
    finish(stmt);
    return r < 0 ? r : n;
}

/* The names that a query gives. */
static int read_names(struct sqlite_store *s, enum statement id, const struct value *values, size_t n,
    struct arena *a, struct store_name **out, struct err *err)
{
    struct value row = {.kind = VALUE_INT};
    int r = first_row(s, id, values, n, &row, 1, err);
    *out = NULL;
    if (r <= 0)
        return r;
    int rc = SQLITE_ROW;
    while (rc == SQLITE_ROW) {
        *out = arena_alloc(a, sizeof **out);
        **out = (struct store_name){NULL, arena_str(a, row.bytes)};
        out = &(*out)->next;
        rc = sqlite3_step(s->statements[id]);
        if (rc == SQLITE_ROW)
            take_row(s->statements[id], &row, 1);
    }
    finish(s->statements[id]);
    return rc == SQLITE_DONE ? 0 : fail(s, rc, "read", err);
}

static int due(struct store *base, enum store_due which, struct wall now, size_t limit, struct arena *a,
    struct store_name **out, struct err *err)
{
    static const enum statement ids[STORE_DUE_KINDS] = {
        [STORE_DUE_ISSUE] = STATEMENT_DUE,
        [STORE_DUE_DEPLOY] = STATEMENT_DEPLOY_DUE,
        [STORE_DUE_ARI] = STATEMENT_ARI_DUE,
        [STORE_DUE_LOOK] = STATEMENT_LOOK_DUE,
        [STORE_DUE_EXPIRING] = STATEMENT_EXPIRING_DUE,
    };
    const struct value values[] = {value_int(now.s), value_limit(limit)};
    return read_names(sqlite_of(base), ids[which], values, ARRAY_LEN(values), a, out, err);
}

/* The one number that a query about a queue gives, 0 where it gives none. */
static int read_time(
    struct sqlite_store *s, enum statement id, struct str queue, struct wall *out, struct err *err)
{
    struct value key = value_text(queue), row = {.kind = VALUE_INT};
    int r = first_row(s, id, &key, 1, &row, 1, err);
    if (r > 0)
        finish(s->statements[id]);
    *out = (struct wall){r > 0 ? row.i : 0};
    return r < 0 ? r : 0;
}

/* Where `after` is NULL the empty name is looked at, which no name is above. */
static int queue_next(
    struct store *base, const struct str *after, struct arena *a, struct store_queue *out, struct err *err)
{
    struct sqlite_store *s = sqlite_of(base);
    struct value key = value_text(after != NULL ? *after : STR("")), row = {.kind = VALUE_INT};
    *out = (struct store_queue){.name = STR("")};
    int r = after == NULL ? read_time(s, STATEMENT_QUEUE_FIRST_DUE, STR(""), &out->due_at, err) : 0;
    if (r < 0)
        return r;
    if (out->due_at.s == 0) {
        if ((r = first_row(s, STATEMENT_QUEUE_NEXT, &key, 1, &row, 1, err)) <= 0)
            return r;
        out->name = arena_str(a, row.bytes);
        finish(s->statements[STATEMENT_QUEUE_NEXT]);
    }
    if ((r = read_time(s, STATEMENT_QUEUE_FIRST_DUE, out->name, &out->due_at, err)) < 0 ||
        (r = read_time(s, STATEMENT_QUEUE_FIRST_URGENT, out->name, &out->urgent_at, err)) < 0)
        return r;
    return 1;
}

static int queue_due(struct store *base, struct str queue, bool urgent, struct wall now, size_t limit,
    struct arena *a, struct store_name **out, struct err *err)
{
    const struct value values[] = {value_text(queue), value_int(now.s), value_int(now.s), value_limit(limit)};
    return read_names(sqlite_of(base), urgent ? STATEMENT_QUEUE_URGENT : STATEMENT_QUEUE_ROUTINE, values,
        ARRAY_LEN(values), a, out, err);
}

static int next_due(struct store *base, struct wall *out, struct err *err)
{
    static const enum statement ids[] = {
        STATEMENT_NEXT_DEPLOY_DUE, STATEMENT_NEXT_ARI_DUE, STATEMENT_NEXT_LOOK_DUE};
    struct sqlite_store *s = sqlite_of(base);
    int64_t earliest = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct value row = {.kind = VALUE_INT};
        int r = first_row(s, ids[i], NULL, 0, &row, 1, err);
        if (r < 0)
            return r;
        if (r > 0) {
            if (earliest == 0 || row.i < earliest)
                earliest = row.i;
            finish(s->statements[ids[i]]);
        }
    }
    *out = (struct wall){earliest};
    return 0;
}

static int key_put(struct store *s, struct str name, int64_t generation, struct str sealed, struct err *err)
{
    const struct value values[] = {
        value_text(name), value_int(generation), {.kind = VALUE_BLOB, .bytes = sealed}};
    return write_one(sqlite_of(s), STATEMENT_KEY_PUT, values, ARRAY_LEN(values), err);
}

static int key_get(
    struct store *s, struct str name, int64_t generation, struct arena *a, struct str *out, struct err *err)
{
    const struct value values[] = {value_text(name), value_int(generation)};
    struct value row = {.kind = VALUE_INT};
    int r = first_row(sqlite_of(s), STATEMENT_KEY_GET, values, ARRAY_LEN(values), &row, 1, err);
    if (r > 0) {
        *out = arena_str(a, row.bytes);
        finish(sqlite_of(s)->statements[STATEMENT_KEY_GET]);
    }
    return r;
}

static int key_delete_below(struct store *s, struct str name, int64_t below, struct err *err)
{
    const struct value values[] = {value_text(name), value_int(below)};
    return write_one(sqlite_of(s), STATEMENT_KEY_DELETE_BELOW, values, ARRAY_LEN(values), err);
}

static int authority_put(struct store *s, const struct authority_record *r, struct err *err)
{
    struct value values[RECORD_FIELDS_MAX];
    record_to_values(&record_authority, r, values);
    return write_one(sqlite_of(s), STATEMENT_AUTHORITY_PUT, values, record_authority.n, err);
}

static int authority_get(
    struct store *s, struct str id, struct arena *a, struct authority_record *out, struct err *err)
{
    struct value key = value_text(id);
    return read_record(sqlite_of(s), STATEMENT_AUTHORITY_GET, &key, 1, &record_authority, a, out, err);
}

static int bucket_put(struct store *s, const struct bucket_record *b, struct err *err)
{
    struct value values[RECORD_FIELDS_MAX];
    record_to_values(&record_bucket, b, values);
    return write_one(sqlite_of(s), STATEMENT_BUCKET_PUT, values, record_bucket.n, err);
}

static int bucket_get(
    struct store *s, struct str key, struct arena *a, struct bucket_record *out, struct err *err)
{
    struct value value = value_text(key);
    return read_record(sqlite_of(s), STATEMENT_BUCKET_GET, &value, 1, &record_bucket, a, out, err);
}

static int bucket_delete_expired(struct store *s, struct wall now, size_t limit, struct err *err)
{
    const struct value values[] = {value_int(now.s), value_limit(limit)};
    return write_one(sqlite_of(s), STATEMENT_BUCKET_DELETE_EXPIRED, values, ARRAY_LEN(values), err);
}

static int mark_put(struct store *s, const struct mark_record *m, struct err *err)
{
    struct value values[RECORD_FIELDS_MAX];
    record_to_values(&record_mark, m, values);
    return write_one(sqlite_of(s), STATEMENT_MARK_PUT, values, record_mark.n, err);
}

static int mark_get(
    struct store *s, struct str name, struct arena *a, struct mark_record *out, struct err *err)
{
    struct value value = value_text(name);
    return read_record(sqlite_of(s), STATEMENT_MARK_GET, &value, 1, &record_mark, a, out, err);
}

static int challenge_put(struct store *s, const struct challenge_record *c, struct err *err)
{
    struct value values[RECORD_FIELDS_MAX];
    record_to_values(&record_challenge, c, values);
    return write_one(sqlite_of(s), STATEMENT_CHALLENGE_PUT, values, record_challenge.n, err);
}

/* The columns of a challenge's key, which stand first. */
enum { CHALLENGE_KEYS = 2 };

static int challenge_delete(struct store *s, const char *certificate, const char *token, struct err *err)
{
    const struct value key[CHALLENGE_KEYS] = {value_text(str_c(certificate)), value_text(str_c(token))};
    return write_one(sqlite_of(s), STATEMENT_CHALLENGE_DELETE, key, CHALLENGE_KEYS, err);
}

static int challenge_next(struct store *s, const struct challenge_record *after, struct arena *a,
    struct challenge_record *out, struct err *err)
{
    const struct value key[CHALLENGE_KEYS] = {
        value_text(str_c(after->certificate)), value_text(str_c(after->token))};
    return read_record(
        sqlite_of(s), STATEMENT_CHALLENGE_NEXT, key, CHALLENGE_KEYS, &record_challenge, a, out, err);
}

static int history_put(struct store *s, struct history_record *h, struct err *err)
{
    struct value values[RECORD_FIELDS_MAX];
    record_to_values(&record_history, h, values);
    /* without the first, the id, which SQLite gives */
    int r = write_one(sqlite_of(s), STATEMENT_HISTORY_PUT, values + 1, record_history.n - 1, err);
    if (r == 0)
        h->id = sqlite3_last_insert_rowid(sqlite_of(s)->db);
    return r;
}

/* Ids are given without gaps, so those of all need not be counted. */
static int history_range_of_all(
    struct sqlite_store *s, int64_t after, size_t limit, int64_t *first, int64_t *last, struct err *err)
{
    const struct value value = value_int(after);
    struct value row = {.kind = VALUE_INT};
    int r = first_row(s, STATEMENT_HISTORY_LAST, &value, 1, &row, 1, err);
    if (r <= 0)
        return r;
    finish(s->statements[STATEMENT_HISTORY_LAST]);
    int64_t above = after < 0 ? 1 : after + 1;
    *last = row.i;
    *first = limit >= (size_t)row.i ? above : row.i - (int64_t)limit + 1;
    if (*first < above)
        *first = above;
    return 0;
}

static int history_range(struct store *base, struct str name, int64_t after, size_t limit, int64_t *first,
    int64_t *last, struct err *err)
{
    struct sqlite_store *s = sqlite_of(base);
    *first = 1; /* an empty range, which is what min() and max() of no rows, 0 and 0, become */
    *last = 0;
    if (name.n == 0)
        return history_range_of_all(s, after, limit, first, last, err);
    const struct value values[] = {value_text(name), value_int(after), value_limit(limit)};
    struct value row[2] = {{.kind = VALUE_INT}};
    int r = first_row(s, STATEMENT_HISTORY_RANGE_OF, values, ARRAY_LEN(values), row, ARRAY_LEN(row), err);
    if (r <= 0)
        return r;
    if (row[1].i > 0) {
        *first = row[0].i;
        *last = row[1].i;
    }
    finish(s->statements[STATEMENT_HISTORY_RANGE_OF]);
    return 0;
}

static int history_next(struct store *s, struct str name, int64_t first, int64_t last, struct arena *a,
    struct history_record *out, struct err *err)
{
    const struct value values[] = {value_text(name), value_int(first), value_int(last)};
    size_t skip = name.n == 0 ? 1 : 0;
    return read_record(sqlite_of(s), name.n == 0 ? STATEMENT_HISTORY_NEXT : STATEMENT_HISTORY_NEXT_OF,
        values + skip, ARRAY_LEN(values) - skip, &record_history, a, out, err);
}

static int history_delete(struct store *s, struct wall before, size_t limit, size_t *deleted, struct err *err)
{
    const struct value values[] = {value_limit(limit), value_int(before.s)};
    int r = write_one(sqlite_of(s), STATEMENT_HISTORY_DELETE, values, ARRAY_LEN(values), err);
    if (r == 0)
        *deleted = (size_t)sqlite3_changes(sqlite_of(s)->db);
    return r;
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *s = sqlite_of(base);
    for (size_t i = 0; i < STATEMENT_N; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db); /* rolls back what is pending */
    journal_clear(s);
    free(s->path);
    free(s);
}

static const struct store_ops sqlite_ops = {
    .close = sqlite_close,
    .commit = sqlite_commit,
    .certificate_put = certificate_put,
    .certificate_get = certificate_get,
    .certificate_delete = certificate_delete,
    .certificate_next = certificate_next,
    .certificate_list = certificate_list,
    .shrink = shrink,
    .wishes = wishes,
    .due = due,
    .queue_next = queue_next,
    .queue_due = queue_due,
    .next_due = next_due,
    .key_put = key_put,
    .key_get = key_get,
    .key_delete_below = key_delete_below,
    .authority_put = authority_put,
    .authority_get = authority_get,
    .bucket_put = bucket_put,
    .bucket_get = bucket_get,
    .bucket_delete_expired = bucket_delete_expired,
    .mark_put = mark_put,
    .mark_get = mark_get,
    .challenge_put = challenge_put,
    .challenge_delete = challenge_delete,
    .challenge_next = challenge_next,
    .history_put = history_put,
    .history_range = history_range,
    .history_next = history_next,
    .history_delete = history_delete,
};

static int prepare_all(struct sqlite_store *s, struct err *err)
{
    for (size_t i = 0; i < STATEMENT_N; i++) {
        int rc = sqlite3_prepare_v3(
            s->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);
        if (rc != SQLITE_OK)
            return fail(s, rc, "use its tables", err);
    }
    return 0;
}

int store_open_sqlite(const char *path, struct store **out, struct err *err)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    char *copy = strdup(path);
    if (s == NULL || copy == NULL) {
        free(copy);
        free(s);
        return err_set(err, ERR_MEMORY, "%s: no memory to open the store", path);
    }
    s->base.ops = &sqlite_ops;
    s->path = copy;
    s->end = &s->first;
    int r = sqlite_open(path, &s->db, err);
    if (r == 0)
        r = prepare_all(s, err);
    if (r < 0) {
        sqlite_close(&s->base);
        return r;
    }
    *out = &s->base;
    return 0;
}
