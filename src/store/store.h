/*
 * What must survive: one record per certificate (wish, permit, schedule, last error, order in flight), sealed
 * keys, what is known of each authority, challenge files to clean up, and the history of every attempt.
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

/* state, its word in list and JSON */
#define CERTIFICATE_STATES(X)                                                                      \
    X(CERTIFICATE_PENDING, "pending")   /* never issued yet */                                     \
    X(CERTIFICATE_VALID, "valid")       /* issued, published */                                    \
    X(CERTIFICATE_RENEWING, "renewing") /* a valid one exists, the next one is due or under way */ \
    X(CERTIFICATE_FAILING, "failing")   /* the last attempt failed */                              \
    X(CERTIFICATE_EXPIRED, "expired")                                                              \
    X(CERTIFICATE_REVOKED, "revoked")                                                              \
    X(CERTIFICATE_RELEASED, "released") /* no longer in the configuration: kept, not renewed */

/* Where the wish came from. */
#define CERTIFICATE_SOURCES(X) \
    X(SOURCE_CONFIG, "config") \
    X(SOURCE_COMMAND, "command")

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
    /* the generation that is live; 0: none */
    int64_t generation;
    const char *issued_wish_domains; /* space-separated names of the live certificate */
    const char *authority;           /* directory URL that issued it */
    const char *fingerprint, *serial, *issuer;
    const char *chain; /* PEM, leaf first */
    struct wall not_before, not_after;
    /* schedule */
    struct wall due_at;     /* next attempt to issue; 0: never by itself */
    struct wall renewed_at; /* last successful renewal (not the first issue) */
    int64_t failures;       /* in a row */
    const char *last_error, *last_problem;
    struct wall last_error_at;
    /* the order in flight */
    const char *order_url, *order_authority; /* "" : none */
    int64_t
        order_generation; /* the generation it will become; its sealed key is key(name, order_generation) */
    /* deployment of the live generation */
    struct wall deploy_due_at; /* 0: done or nothing to do */
    int64_t deploy_failures;
    const char *deploy_error;
    const char *deploy_event; /* "issued" or "renewed": what the pending deployment will tell */
};

struct authority_record {
    const char *directory_url;
    const char *directory; /* JSON as the CA sent it; "" unknown */
    struct wall fetched_at;
    const char *account_url;
    const char *account_email; /* the contact the CA was told last */
};

/* A challenge file written for us, to be removed, also after a crash. */
struct challenge_record {
    const char *certificate, *token;
};

struct history_record {
    int64_t id; /* given by the store, growing */
    struct wall at;
    const char *certificate; /* "" for what concerns none */
    const char *event;       /* "issued", "renewed", "failed", "deployed", "deploy-failed", "revoked", ... */
    const char *text;        /* one line for people */
    const char *detail; /* JSON object with what is known: order, problem, fingerprint, output; "" none */
};

/* For *_each: return 0 to go on, 1 to stop, a negative code to fail with. The record lives for the call. */
typedef int store_certificate_fn(const struct certificate *c, void *arg);
typedef int store_challenge_fn(const struct challenge_record *c, void *arg);
typedef int store_history_fn(const struct history_record *h, void *arg);

void store_close(struct store *s);

/* Make everything since the last commit durable, as one; ERR_SPACE, ERR_STORE. After a failure the changes
 * are still pending and the next commit tries again. Cheap when nothing changed. */
int store_commit(struct store *s, struct err *err);

/* Insert or replace by name. */
int store_certificate_put(struct store *s, const struct certificate *c, struct err *err);
/* ERR_NOT_FOUND where there is none. */
int store_certificate_get(
    struct store *s, struct str name, struct arena *a, struct certificate *out, struct err *err);
/* With its keys and challenge records; its history stays. No error where there is none. */
int store_certificate_delete(struct store *s, struct str name, struct err *err);
/* All, by name. */
int store_certificate_each(struct store *s, store_certificate_fn *fn, void *arg, struct err *err);
/* At most `limit` with 0 < due_at <= now, earliest first; through an index. */
int store_certificate_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err);
/* The same for deploy_due_at. */
int store_deploy_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err);
/* The earliest due_at or deploy_due_at that is set, 0 where none is; through the indexes. */
int store_next_due(struct store *s, struct wall *out, struct err *err);

int store_key_put(struct store *s, struct str name, int64_t generation, struct str sealed, struct err *err);
int store_key_get(
    struct store *s, struct str name, int64_t generation, struct arena *a, struct str *out, struct err *err);
/* Keys of this certificate with a generation below `below`. */
int store_key_delete_below(struct store *s, struct str name, int64_t below, struct err *err);

int store_authority_put(struct store *s, const struct authority_record *r, struct err *err);
int store_authority_get(struct store *s, struct str directory_url, struct arena *a,
    struct authority_record *out, struct err *err);

int store_challenge_put(struct store *s, const struct challenge_record *c, struct err *err);
int store_challenge_delete(struct store *s, const struct challenge_record *c, struct err *err);
int store_challenge_each(struct store *s, store_challenge_fn *fn, void *arg, struct err *err);

/* Appends; id is ignored. */
int store_history_put(struct store *s, const struct history_record *h, struct err *err);
/* Oldest first, ids above `after`, of one certificate or of all where `name` is empty; the newest `limit` of
 * them. */
int store_history_each(struct store *s, struct str name, int64_t after, size_t limit, store_history_fn *fn,
    void *arg, struct err *err);

/* The SQLite driver: one file, WAL, synchronous=FULL, private to this process. Creates it 0600; migrates an
 * older schema; refuses a newer one and a damaged file with ERR_STORE that says what to do. After opening, no
 * further file is ever opened (the engine enters its sandbox then). */
int store_open_sqlite(const char *path, struct store **out, struct err *err);
/* In memory, for tests and dry runs. */
struct store *store_open_memory(void);
/* For tests: passes everything to `inner` (which it owns) but fails the nth call from now (1-based) of any
 * writing operation or commit with `code`; n = 0 never fails. store_faulty_arm sets n again;
 * store_faulty_count tells how many such calls there were. */
struct store *store_open_faulty(struct store *inner, uint64_t n, int code);
void store_faulty_arm(struct store *s, uint64_t n, int code);
uint64_t store_faulty_count(const struct store *s);

#endif
