/*
 * What must survive: one record per certificate (wish, permit, schedule, last error, order in flight), sealed
 * keys, what is known of each account, how much of a CA's rate limits is used up, challenge files to clean
 * up, and the history of every attempt.
 *
 * Writes are collected: a change is visible to later reads at once but is durable only after store_commit(),
 * which the engine calls once for each turn of its loop (group commit), before anything leaves the process
 * that depends on it. A driver fills struct store_ops; store.c checks arguments and calls it.
 *
 * Strings in records that are handed in need to live for the call; those handed out live in the caller's
 * arena. Pointers to char are never NULL ("" is empty). Times of 0 mean "not set".
 */
#ifndef EVERCERT_STORE_STORE_H
#define EVERCERT_STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store; /* opaque */

/* What a record may hold. Anything larger is refused with ERR_LIMIT before it can bloat the database. */
enum {
    STORE_NAME_MAX = 255,          /* a certificate's name is a file name */
    STORE_TOKEN_MAX = 256,         /* as ACME_TOKEN_MAX */
    STORE_URL_MAX = 4096,          /* as ACME_URL_MAX */
    STORE_TEXT_MAX = 64 * 1024,    /* a hundred names of 253 octets, errors, an issuer's name */
    STORE_WISH_MAX = 256 * 1024,   /* a hundred names and dozens of hooks are about 40 kB */
    STORE_SEALED_MAX = 512 * 1024, /* a permit is a sealed wish; keys are under 4 kB */
    STORE_JSON_MAX = 512 * 1024,   /* as ACME_JSON_MAX: a directory; the detail of a history line */
    STORE_CHAIN_MAX = 1024 * 1024, /* as ACME_CHAIN_MAX */
    STORE_BUCKET_MAX = 512,        /* a bucket's key; longer subjects come as a hash (policy/ledger.h) */
    STORE_EXPIRED_MAX = 256,       /* buckets that one store_bucket_delete_expired deletes */
    STORE_LIST_MAX = 256,          /* certificates of one store_certificate_list */
    STORE_LIST_BYTES =
        256 * 1024, /* ... and bytes: what is read in one turn of a loop, or one row if longer */
    STORE_HISTORY_DELETE_MAX = 256, /* entries that one store_history_delete deletes: a few milliseconds */
    STORE_WISHES_READ = 128         /* wishes that are read together: some 60 kB */
};

/* state, its word in list and JSON */
#define CERTIFICATE_STATES(X)                                                                      \
    X(CERTIFICATE_PENDING, "pending")   /* never issued yet */                                     \
    X(CERTIFICATE_VALID, "valid")       /* issued, published */                                    \
    X(CERTIFICATE_RENEWING, "renewing") /* a valid one exists, the next one is due or under way */ \
    X(CERTIFICATE_FAILING, "failing")   /* the last attempt failed */                              \
    X(CERTIFICATE_WAITING, "waiting")   /* a rate limit, or a CA that does not answer, holds it */ \
    X(CERTIFICATE_PAUSED, "paused")     /* the CA wants a person to lift a pause */                \
    X(CERTIFICATE_EXPIRED, "expired")                                                              \
    X(CERTIFICATE_REVOKED, "revoked")                                                              \
    X(CERTIFICATE_RELEASED, "released") /* no longer in the configuration: kept, not renewed */    \
    X(CERTIFICATE_PARKED, "parked")     /* no container has asked for it for long: the same */

/* Where the wish came from. */
#define CERTIFICATE_SOURCES(X)   \
    X(SOURCE_CONFIG, "config")   \
    X(SOURCE_COMMAND, "command") \
    X(SOURCE_LABEL, "label") /* a container asks for it */

enum certificate_source {
#define SOURCE_ENUM(id, text) id,
    CERTIFICATE_SOURCES(SOURCE_ENUM)
#undef SOURCE_ENUM
};

struct certificate {
    const char *name;
    const char *wish;  /* JSON, config/wish.h */
    struct str permit; /* sealed by the keeper */
    enum certificate_source source;
    bool released, revoked;
    bool compromised;    /* the live key was revoked as compromised: it must never be used again */
    const char *holder;  /* of a label's: the container that asks for it, or did last, for people; "" */
    struct wall park_at; /* none asks any more: until then it is renewed; 0: one does */
    int64_t variant;     /* which of the certificates that one wish asks for (two key types): 0 the first */
    /* the generation that is live; 0: none */
    int64_t generation;
    const char *issued_wish_domains; /* space-separated names of the live certificate */
    const char *omitted;   /* space-separated names of the wish that it lacks: the CA refused them */
    const char *profile;   /* it was issued under; "": the CA's default */
    const char *key_hash;  /* SHA-256 of its public key (SubjectPublicKeyInfo), hexadecimal */
    const char *authority; /* directory URL that issued it */
    const char *fingerprint, *serial, *issuer;
    const char *subjects; /* of the chain, leaf first, a line each */
    const char *chain;    /* PEM, leaf first */
    struct wall not_before, not_after;
    /* schedule */
    struct wall due_at; /* next attempt to issue; 0: never by itself */
    const char *queue;  /* where it is asked for then: what shares limits and outages; opaque, "" unknown */
    struct wall urgent_at;  /* from then on it goes before what is only due; 0: never */
    struct wall renewed_at; /* last successful renewal (not the first issue) */
    int64_t failures;       /* in a row */
    const char *last_error, *last_problem;
    struct wall last_error_at;
    const char *attempts; /* how often each authority failed (policy/failover.h); opaque to the store */
    struct wall
        wait_until; /* a rate limit, ours or the CA's, holds the next attempt back until then; 0: no */
    const char *wait_reason; /* which one, for people */
    const char *pause_link;  /* the CA paused it: where a person can end that; "": not paused */
    /* renewal information of the live certificate (RFC 9773) */
    const char *ari_id;             /* the certificate's identifier; "": it has none */
    struct wall ari_start, ari_end; /* the suggested window; 0: not known */
    struct wall ari_at;             /* the instant picked in it */
    struct wall ari_due_at;         /* the CA is asked again; 0: never */
    struct wall ari_checked_at;     /* it answered last */
    int64_t ari_failures;           /* of asking it, in a row */
    const char *ari_explanation;    /* explanationURL */
    /* the order in flight */
    const char *order_url, *order_authority; /* "" : none */
    int64_t
        order_generation; /* the generation it will become; its sealed key is key(name, order_generation) */
    /* deployment of the live generation */
    struct wall deploy_due_at; /* 0: done or nothing to do */
    int64_t deploy_failures;
    const char *deploy_error;
    const char *deploy_event; /* "issued" or "renewed": what the pending deployment will tell */
    int64_t deploy_step;      /* the step it goes on with; 0: from its beginning */
    int64_t live_generation;  /* an earlier one that was put back and is live instead; 0: none */
    const char *previous;     /* fingerprint of the generation before; "" */
    /* what servers serve (verify), and the copies (publish) */
    struct wall look_due_at;                       /* when that is looked at again; 0: nothing to look at */
    struct wall served_at;                         /* the last look; 0: never */
    const char *served_error;                      /* "": the live certificate was served */
    struct wall failing_told_at, expiring_told_at; /* hooks of these events ran last */
    struct wall expiring_at; /* from then on it is to be told that its end is near; 0: never */
};

/* Of a certificate's record what tells whether it is wanted as it was before: to compare a hundred thousand
 * without reading all that is known of each. */
struct wish_record {
    const char *name, *wish, *holder;
    enum certificate_source source;
    bool released;
    struct wall park_at, look_due_at;
};

/* An account at a CA and what is cached of that CA. */
struct authority_record {
    const char *id;        /* the directory's URL, or "URL#label" where there are several accounts at it */
    const char *directory; /* JSON as the CA sent it; "" unknown */
    struct wall fetched_at;
    const char *account_url;
    const char *account_email;  /* the contact the CA was told last */
    const char *account_status; /* the CA's word for it (RFC 8555 7.1.6); "" unknown */
};

/* What is used up of one rate limit of a CA (policy/ledger.h knows what the numbers mean). */
struct bucket_record {
    const char *key;
    int64_t at_us;       /* the theoretical arrival time, microseconds since 1970 */
    struct wall expires; /* from then on it says no more than its absence; 0: never */
};

/* The answer to a challenge that stands where others put it, a file or a record in the DNS: to be removed,
 * also after a crash, and also when its certificate has been forgotten. */
struct challenge_record {
    const char *certificate, *token;
    int64_t kind; /* of acme/challenge.h */
    const char *identifier, *label, *key_authorization;
    const char *note;  /* of a record: what the solver wants to know to remove it */
    struct str permit; /* that it was shown by */
};

struct mark_record {
    const char *name;
    int64_t value;
};

struct history_record {
    int64_t id; /* given by the store, growing */
    struct wall at;
    const char *certificate; /* "" for what concerns none */
    const char *event;       /* "issued", "renewed", "failed", "deployed", "deploy-failed", "revoked", ... */
    const char *text;        /* one line for people */
    const char *detail; /* JSON object with what is known: order, problem, fingerprint, output; "" none */
};

/*
 * For *_each and *_due: return 0 to go on, 1 to stop, a negative code to fail with (the walk returns it and
 * leaves its own struct err untouched). The record lives for the call.
 *
 * Nothing is open in the driver while a callback runs, so it may call every operation on the same store
 * except store_close: change or delete the record it was given or others, walk again, commit. Each record is
 * visited once at most: walks by key (certificates, challenges) go on behind the last key, so what is
 * inserted behind it is visited and what is inserted before it is not (wishes are read STORE_WISHES_READ at a
 * time, and may be as they were then); *_due settles at the start whom to
 * visit and skips those that are gone or no longer due when their turn comes; history ends where it ended at
 * the start.
 */
typedef int store_certificate_fn(const struct certificate *c, void *arg);
typedef int store_wish_fn(const struct wish_record *w, void *arg);
typedef int store_challenge_fn(const struct challenge_record *c, void *arg);
typedef int store_history_fn(const struct history_record *h, void *arg);

/* Changes that are not committed are gone. NULL is fine. */
void store_close(struct store *s);

/*
 * Make everything since the last commit durable, as one; ERR_SPACE, ERR_IO, ERR_LOCKED, ERR_PERMISSION,
 * ERR_MEMORY, ERR_STORE. After a failure the changes are still pending, and the next commit tries again: a
 * caller that holds back what depends on them can wait for space or a lock and need not restart. (Whether a
 * failed commit is found after a crash nobody knows: the disk may have taken it.) Cheap when nothing changed.
 *
 * A failing disk can make it impossible to show the pending changes to reads; then every operation, reads as
 * well, fails with the reason, and tries again the next time. No operation ever works on a state in which
 * pending changes are missing.
 */
int store_commit(struct store *s, struct err *err);

/* Gives back memory that only makes reads quicker; after a walk over everything. */
void store_shrink(struct store *s);
/* Whether an operation failed because the database is damaged (its error was ERR_DAMAGED, whether somebody
 * looked or not). It does not get better: what is committed from then on may be lost. */
bool store_is_damaged(const struct store *s);

/*
 * All below: names, tokens and URLs must not be empty and texts must not hold NUL octets (ERR_INPUT); sizes
 * are bounded by the STORE_*_MAX above (ERR_LIMIT). A write that fails has changed nothing, and what was
 * pending before it stays pending.
 */

/* Insert or replace by name. */
int store_certificate_put(struct store *s, const struct certificate *c, struct err *err);
/* ERR_NOT_FOUND where there is none. */
int store_certificate_get(
    struct store *s, struct str name, struct arena *a, struct certificate *out, struct err *err);
/* With its keys; its challenge records and its history stay. No error where there is none. */
int store_certificate_delete(struct store *s, struct str name, struct err *err);
/* All, by name. */
int store_certificate_each(struct store *s, store_certificate_fn *fn, void *arg, struct err *err);
/*
 * A part of the walk by name: the first certificates with a name above `after` ("": from the beginning), into
 * out[0..*n), at most `limit` and STORE_LIST_MAX, fewer where they are long; *n is 0 only at the end. Of each
 * only what changes and what a list shows is read: issued_wish_domains, subjects, permit and chain are empty.
 * Strings live in `a`.
 */
int store_certificate_list(struct store *s, struct str after, size_t limit, struct arena *a,
    struct certificate out[], size_t *n, struct err *err);
/* What is wanted of all with a name above `after` and up to `last` (NULL: to the end), by name. */
int store_wish_each(
    struct store *s, const char *after, const char *last, store_wish_fn *fn, void *arg, struct err *err);
/* At most `limit` with 0 < due_at <= now, earliest first, then by name; through an index. */
int store_certificate_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err);
/* The same for deploy_due_at. */
int store_deploy_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err);
/* The same for ari_due_at. */
int store_ari_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err);
/* The same for look_due_at. */
int store_look_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err);
/* The same for expiring_at. */
int store_expiring_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err);
/* The earliest deploy_due_at, ari_due_at or look_due_at that is set, 0 where none is; through the indexes.
 * When the next attempt to issue is due, the queues say; for expiring_at nobody needs to wake. */
int store_next_due(struct store *s, struct wall *out, struct err *err);

/* A queue: certificates with the same `queue` and a due_at. */
struct store_queue {
    struct str name;
    struct wall due_at;    /* the earliest of it */
    struct wall urgent_at; /* the earliest that is set, 0 where none is */
};

/* As the functions above: 0 to go on, 1 to stop, negative to fail. What they are given was read before the
 * first call, and lives for the walk. */
typedef int store_queue_fn(const struct store_queue *q, void *arg);
typedef int store_name_fn(const char *name, bool urgent, void *arg);

/* All queues, by name. Skips from one to the next in an index, so it costs as much as there are queues,
 * however much is due in them. */
int store_queues(struct store *s, store_queue_fn *fn, void *arg, struct err *err);
/* The names of at most `limit` that are due (0 < due_at <= now) in that queue: those that are urgent (0 <
 * urgent_at <= now) first, earliest urgent_at first; then the others, earliest due_at first; equal ones by
 * name. Through indexes: it costs as much as it gives, as long as nothing is urgent before it is due. */
int store_queue_due(struct store *s, struct str queue, struct wall now, size_t limit, store_name_fn *fn,
    void *arg, struct err *err);

/* Insert or replace. The certificate's own record need not exist yet. */
int store_key_put(struct store *s, struct str name, int64_t generation, struct str sealed, struct err *err);
/* ERR_NOT_FOUND where there is none. */
int store_key_get(
    struct store *s, struct str name, int64_t generation, struct arena *a, struct str *out, struct err *err);
/* Delete the keys of this certificate with a generation below `below`. */
int store_key_delete_below(struct store *s, struct str name, int64_t below, struct err *err);

/* Insert or replace by id. */
int store_authority_put(struct store *s, const struct authority_record *r, struct err *err);
/* ERR_NOT_FOUND where there is none. */
int store_authority_get(
    struct store *s, struct str id, struct arena *a, struct authority_record *out, struct err *err);

/* Insert or replace by key. */
int store_bucket_put(struct store *s, const struct bucket_record *b, struct err *err);
/* ERR_NOT_FOUND where there is none. */
int store_bucket_get(
    struct store *s, struct str key, struct arena *a, struct bucket_record *out, struct err *err);
/* Delete those with 0 < expires <= now, the longest expired first and at most STORE_EXPIRED_MAX of them: a
 * turn of the engine's loop stays short, and the next call takes the rest. */
int store_bucket_delete_expired(struct store *s, struct wall now, struct err *err);

/* A number by name: how far somebody has come. 0 where there is none. */
int store_mark_put(struct store *s, struct str name, int64_t value, struct err *err);
int store_mark_get(struct store *s, struct str name, int64_t *out, struct err *err);

/* Insert or replace. */
int store_challenge_put(struct store *s, const struct challenge_record *c, struct err *err);
/* Of certificate and token. No error where there is none. */
int store_challenge_delete(struct store *s, const char *certificate, const char *token, struct err *err);
/* All, by certificate and token. */
int store_challenge_each(struct store *s, store_challenge_fn *fn, void *arg, struct err *err);

/* Appends, and fills in the id it was given. */
int store_history_put(struct store *s, struct history_record *h, struct err *err);
/* Oldest first, ids above `after`, of one certificate or of all where `name` is empty; the newest `limit` of
 * them. (Of all: those with the newest `limit` ids, some of which may have been deleted.) */
int store_history_each(struct store *s, struct str name, int64_t after, size_t limit, store_history_fn *fn,
    void *arg, struct err *err);

/* The same in parts. store_history_open finds out which those are; store_history_next visits at most `limit`
 * of them and goes on there when it is called again, until `over`. What was deleted meanwhile is left out. */
struct history_walk {
    int64_t next, last; /* ids */
    bool over;
};
int store_history_open(
    struct store *s, struct str name, int64_t after, size_t limit, struct history_walk *out, struct err *err);
int store_history_next(struct store *s, struct str name, struct history_walk *w, size_t limit,
    store_history_fn *fn, void *arg, struct err *err);

/* Deletes of the oldest STORE_HISTORY_DELETE_MAX entries those from before `before`, and says how many they
 * were: with fewer than all of them there is nothing more to delete. The last entry stays, so that ids go on
 * growing. */
int store_history_delete(struct store *s, struct wall before, size_t *deleted, struct err *err);

/*
 * The SQLite driver: one file and its -wal and -shm, all 0600 from birth (existing ones are tightened), WAL,
 * synchronous=FULL, written by this process only; others may read it meanwhile. Migrates an older schema;
 * refuses a newer one and a file that is not ours with ERR_STORE that says what to do, a damaged one with
 * ERR_DAMAGED (small ones are looked through whole, large ones where they are read: store_is_damaged), and
 * one that can't be written with ERR_PERMISSION. Makes one small commit itself, so that a full disk shows
 * here and because all files are open after it: no further file is ever opened (the engine enters its sandbox
 * then). Blocks for at most two seconds where another program holds the database (ERR_LOCKED).
 */
int store_open_sqlite(const char *path, struct store **out, struct err *err);
/* In memory, for tests and dry runs. Never NULL (too little memory ends the process). */
struct store *store_open_memory(void);
/* For tests: passes everything to `inner` (which it owns) but fails the nth call from now (1-based) of any
 * writing operation or commit with `code`; n = 0 never fails. A call that is made to fail does not reach
 * `inner`; calls refused for their arguments do not count. store_faulty_arm sets n again and counts from 0;
 * store_faulty_count tells how many such calls there were since opening or arming. Never NULL. */
struct store *store_open_faulty(struct store *inner, uint64_t n, int code);
void store_faulty_arm(struct store *s, uint64_t n, int code);
uint64_t store_faulty_count(const struct store *s);

#endif
