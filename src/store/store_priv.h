/*
 * What the drivers share: the operations that each one fills in, and the records as tables of fields, so that
 * checking, copying, binding and reading are written once and a new field is one line here (and a migration).
 */
#ifndef EVERCERT_STORE_STORE_PRIV_H
#define EVERCERT_STORE_STORE_PRIV_H

#include "store/store.h"

/* How a field stands in its struct. */
enum field_kind {
    FIELD_TEXT,   /* const char * */
    FIELD_BLOB,   /* struct str */
    FIELD_INT,    /* int64_t */
    FIELD_BOOL,   /* bool */
    FIELD_WALL,   /* struct wall */
    FIELD_SOURCE, /* enum certificate_source */
};

/* K for the first field (its key), X for every other: kind, name of member and column, most bytes (texts and
 * blobs). The order is that of the columns in every statement.
 *
 * A certificate is two rows: what changes often and what `list` shows, and what is long and changes with the
 * wish or the generation. */
#define CERTIFICATE_ROW_FIELDS(K, X)        \
    K(TEXT, name, STORE_NAME_MAX)           \
    X(TEXT, wish, STORE_WISH_MAX)           \
    X(SOURCE, source, 0)                    \
    X(TEXT, holder, STORE_TEXT_MAX)         \
    X(WALL, park_at, 0)                     \
    X(BOOL, released, 0)                    \
    X(BOOL, revoked, 0)                     \
    X(BOOL, compromised, 0)                 \
    X(INT, variant, 0)                      \
    X(INT, generation, 0)                   \
    X(TEXT, omitted, STORE_TEXT_MAX)        \
    X(TEXT, profile, STORE_TEXT_MAX)        \
    X(TEXT, key_hash, STORE_TEXT_MAX)       \
    X(TEXT, authority, STORE_URL_MAX)       \
    X(TEXT, fingerprint, STORE_TEXT_MAX)    \
    X(TEXT, serial, STORE_TEXT_MAX)         \
    X(TEXT, issuer, STORE_TEXT_MAX)         \
    X(WALL, not_before, 0)                  \
    X(WALL, not_after, 0)                   \
    X(WALL, due_at, 0)                      \
    X(WALL, renewed_at, 0)                  \
    X(INT, failures, 0)                     \
    X(TEXT, last_error, STORE_TEXT_MAX)     \
    X(TEXT, last_problem, STORE_TEXT_MAX)   \
    X(WALL, last_error_at, 0)               \
    X(TEXT, attempts, STORE_TEXT_MAX)       \
    X(WALL, wait_until, 0)                  \
    X(TEXT, wait_reason, STORE_TEXT_MAX)    \
    X(TEXT, pause_link, STORE_URL_MAX)      \
    X(TEXT, ari_id, STORE_TEXT_MAX)         \
    X(WALL, ari_start, 0)                   \
    X(WALL, ari_end, 0)                     \
    X(WALL, ari_at, 0)                      \
    X(WALL, ari_due_at, 0)                  \
    X(WALL, ari_checked_at, 0)              \
    X(INT, ari_failures, 0)                 \
    X(TEXT, ari_explanation, STORE_URL_MAX) \
    X(TEXT, order_url, STORE_URL_MAX)       \
    X(TEXT, order_authority, STORE_URL_MAX) \
    X(INT, order_generation, 0)             \
    X(WALL, deploy_due_at, 0)               \
    X(INT, deploy_failures, 0)              \
    X(TEXT, deploy_error, STORE_TEXT_MAX)   \
    X(TEXT, deploy_event, STORE_TEXT_MAX)   \
    X(INT, deploy_step, 0)                  \
    X(INT, live_generation, 0)              \
    X(TEXT, previous, STORE_TEXT_MAX)       \
    X(WALL, look_due_at, 0)                 \
    X(WALL, served_at, 0)                   \
    X(TEXT, served_error, STORE_TEXT_MAX)   \
    X(WALL, failing_told_at, 0)             \
    X(WALL, expiring_told_at, 0)            \
    X(TEXT, queue, STORE_TEXT_MAX)          \
    X(WALL, urgent_at, 0)                   \
    X(WALL, expiring_at, 0)

#define CERTIFICATE_LONG_FIELDS(X)               \
    X(TEXT, issued_wish_domains, STORE_TEXT_MAX) \
    X(TEXT, subjects, STORE_TEXT_MAX)            \
    X(BLOB, permit, STORE_SEALED_MAX)            \
    X(TEXT, chain, STORE_CHAIN_MAX)

#define CERTIFICATE_FIELDS(K, X) CERTIFICATE_ROW_FIELDS(K, X) CERTIFICATE_LONG_FIELDS(X)

/* Columns of the table of certificates. */
#define WISH_FIELDS(K, X)           \
    K(TEXT, name, STORE_NAME_MAX)   \
    X(TEXT, wish, STORE_WISH_MAX)   \
    X(SOURCE, source, 0)            \
    X(TEXT, holder, STORE_TEXT_MAX) \
    X(WALL, park_at, 0)             \
    X(BOOL, released, 0)            \
    X(WALL, look_due_at, 0)

#define AUTHORITY_FIELDS(K, X)             \
    K(TEXT, id, STORE_URL_MAX)             \
    X(TEXT, directory, STORE_JSON_MAX)     \
    X(WALL, fetched_at, 0)                 \
    X(TEXT, account_url, STORE_URL_MAX)    \
    X(TEXT, account_email, STORE_TEXT_MAX) \
    X(TEXT, account_status, STORE_TEXT_MAX)

#define BUCKET_FIELDS(K, X)        \
    K(TEXT, key, STORE_BUCKET_MAX) \
    X(INT, at_us, 0)               \
    X(WALL, expires, 0)

#define MARK_FIELDS(K, X)         \
    K(TEXT, name, STORE_NAME_MAX) \
    X(INT, value, 0)

#define CHALLENGE_FIELDS(K, X)                 \
    K(TEXT, certificate, STORE_NAME_MAX)       \
    X(TEXT, token, STORE_TOKEN_MAX)            \
    X(INT, kind, 0)                            \
    X(TEXT, identifier, STORE_TEXT_MAX)        \
    X(TEXT, label, STORE_TEXT_MAX)             \
    X(TEXT, key_authorization, STORE_TEXT_MAX) \
    X(TEXT, note, STORE_TEXT_MAX)              \
    X(BLOB, permit, STORE_SEALED_MAX)

#define HISTORY_FIELDS(K, X)             \
    K(INT, id, 0)                        \
    X(WALL, at, 0)                       \
    X(TEXT, certificate, STORE_NAME_MAX) \
    X(TEXT, event, STORE_TEXT_MAX)       \
    X(TEXT, text, STORE_TEXT_MAX)        \
    X(TEXT, detail, STORE_JSON_MAX)

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset; /* in the struct */
    size_t max;    /* most bytes; texts and blobs only */
};

struct record_type {
    const char *what; /* for error texts */
    const struct field *fields;
    size_t n;
    size_t keys; /* that many leading texts must not be empty */
};

extern const struct record_type record_certificate, record_wish, record_authority, record_bucket, record_mark,
    record_challenge, record_history;
/* The first of the two rows of a certificate; its fields are the first ones of record_certificate. */
extern const struct record_type record_certificate_row;

/* Room for the values of any record. */
enum { RECORD_FIELDS_MAX = 64 };

/* A field's content on its way to or from a row. */
struct value {
    enum { VALUE_INT, VALUE_TEXT, VALUE_BLOB } kind;
    int64_t i;
    struct str bytes; /* text and blob */
};

/* ERR_INPUT where a key is empty, a pointer NULL or an enum unknown; ERR_LIMIT where a text or blob is too
 * long. */
int record_check(const struct record_type *t, const void *record, struct err *err);
/* One value per field; bytes are views of what the record points to. */
void record_to_values(const struct record_type *t, const void *record, struct value values[]);
/* Fill the record with copies in `a`. ERR_STORE where a value can't be (an unknown source). */
int record_from_values(
    const struct record_type *t, const struct value values[], struct arena *a, void *record, struct err *err);
/* A deep copy with everything in `a`. Both are records of type t that passed record_check. */
void record_copy(const struct record_type *t, struct arena *a, void *out, const void *record);

/* Names found by a query, in its order; in an arena. */
struct store_name {
    struct store_name *next;
    struct str name;
};

/* Each with a partial index in the sqlite driver. */
enum store_due {
    STORE_DUE_ISSUE,
    STORE_DUE_DEPLOY,
    STORE_DUE_ARI,
    STORE_DUE_LOOK,
    STORE_DUE_EXPIRING,
    STORE_DUE_KINDS
};

/* The member of a certificate that says when. */
int64_t store_due_time(const struct certificate *c, enum store_due which);

/*
 * What a driver does. Arguments are checked already. Reading operations return 1 and fill `out` (strings in
 * `a`) where there is such a record, 0 where there is none; no driver keeps anything open between two calls,
 * so that the callbacks of store_*_each may call whatever they like.
 */
struct store_ops {
    void (*close)(struct store *s);
    int (*commit)(struct store *s, struct err *err);
    void (*shrink)(struct store *s); /* NULL: nothing to give back */

    int (*certificate_put)(struct store *s, const struct certificate *c, struct err *err);
    int (*certificate_get)(
        struct store *s, struct str name, struct arena *a, struct certificate *out, struct err *err);
    int (*certificate_delete)(struct store *s, struct str name, struct err *err);
    /* The first one with a name above `after`. */
    int (*certificate_next)(
        struct store *s, struct str after, struct arena *a, struct certificate *out, struct err *err);
    /* The first rows with a name above `after`, at most `limit`, and no further where they have more than
     * STORE_LIST_BYTES already; their long fields stay as they are in `out` (empty). Returns 0. */
    int (*certificate_list)(struct store *s, struct str after, size_t limit, struct arena *a,
        struct certificate *out, size_t *n, struct err *err);
    /* The first ones above `after` and up to `last`, at most `limit`, by name; `out` has room for them.
     * Returns how many. */
    int (*wishes)(struct store *s, struct str after, struct str last, size_t limit, struct arena *a,
        struct wish_record *out, struct err *err);
    /* At most `limit` names, earliest first and then by name. Returns 0. */
    int (*due)(struct store *s, enum store_due which, struct wall now, size_t limit, struct arena *a,
        struct store_name **out, struct err *err);
    /* The first queue (after NULL), or the first one with a name above *after; its name in `a`. */
    int (*queue_next)(
        struct store *s, const struct str *after, struct arena *a, struct store_queue *out, struct err *err);
    /* At most `limit` names of what is due in it and urgent, or due and not urgent. Returns 0. */
    int (*queue_due)(struct store *s, struct str queue, bool urgent, struct wall now, size_t limit,
        struct arena *a, struct store_name **out, struct err *err);
    /* Returns 0 and the earliest or 0. */
    int (*next_due)(struct store *s, struct wall *out, struct err *err);

    int (*key_put)(struct store *s, struct str name, int64_t generation, struct str sealed, struct err *err);
    int (*key_get)(struct store *s, struct str name, int64_t generation, struct arena *a, struct str *out,
        struct err *err);
    int (*key_delete_below)(struct store *s, struct str name, int64_t below, struct err *err);

    int (*authority_put)(struct store *s, const struct authority_record *r, struct err *err);
    int (*authority_get)(
        struct store *s, struct str id, struct arena *a, struct authority_record *out, struct err *err);

    int (*bucket_put)(struct store *s, const struct bucket_record *b, struct err *err);
    int (*bucket_get)(
        struct store *s, struct str key, struct arena *a, struct bucket_record *out, struct err *err);
    /* At most `limit` with 0 < expires <= now, earliest first and then by key. */
    int (*bucket_delete_expired)(struct store *s, struct wall now, size_t limit, struct err *err);

    int (*mark_put)(struct store *s, const struct mark_record *m, struct err *err);
    int (*mark_get)(
        struct store *s, struct str name, struct arena *a, struct mark_record *out, struct err *err);

    int (*challenge_put)(struct store *s, const struct challenge_record *c, struct err *err);
    int (*challenge_delete)(struct store *s, const char *certificate, const char *token, struct err *err);
    /* The first one above `after`, by certificate and then token. */
    int (*challenge_next)(struct store *s, const struct challenge_record *after, struct arena *a,
        struct challenge_record *out, struct err *err);

    int (*history_put)(struct store *s, struct history_record *h, struct err *err);
    /* Smallest and largest id among the newest `limit` ids above `after`, of one certificate or (name empty)
     * of all, where the smallest may be of an entry that is gone. */
    int (*history_range)(struct store *s, struct str name, int64_t after, size_t limit, int64_t *first,
        int64_t *last, struct err *err);
    /* The one with the smallest id that is at least `first` and at most `last`. */
    int (*history_next)(struct store *s, struct str name, int64_t first, int64_t last, struct arena *a,
        struct history_record *out, struct err *err);
    /* Of the `limit` entries with the smallest ids those with at < before but for the last of all; *deleted
     * of them. */
    int (*history_delete)(
        struct store *s, struct wall before, size_t limit, size_t *deleted, struct err *err);
};

/* The first member of every driver's own struct. */
struct store {
    const struct store_ops *ops;
    bool damaged; /* an operation met what no program of ours wrote */
};

#endif
