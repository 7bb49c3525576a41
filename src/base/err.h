/*
 * Errors as data. Every function that can fail returns 0 or a negative code of the table below and, when its
 * last argument `struct err *` is not NULL, fills it. On success the struct is left untouched, so calls
 * chain: `if ((r = a(err)) < 0 || (r = b(err)) < 0) goto out;`. Libraries never log; processes/ and cli/ do.
 */
#ifndef EVERCERT_BASE_ERR_H
#define EVERCERT_BASE_ERR_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest error text, terminator included. Long enough for a CA's detail (capped at 1 kB) and our own words.
 */
#define ERR_TEXT_MAX 2048
/* Longest problem type kept (RFC 8555 6.7 URNs are under 60 octets; a proxy's URL may be longer and is cut).
 */
#define ERR_PROBLEM_MAX 128

/* code, its text for people */
#define ERR_CODES(X)                          \
    X(ERR_FAILED, "failed")                   \
    X(ERR_USAGE, "wrong usage")               \
    X(ERR_CONFIG, "bad configuration")        \
    X(ERR_INPUT, "malformed input")           \
    X(ERR_LIMIT, "larger than the limit")     \
    X(ERR_MEMORY, "out of memory")            \
    X(ERR_IO, "input/output error")           \
    X(ERR_SPACE, "no space left")             \
    X(ERR_PERMISSION, "permission denied")    \
    X(ERR_EXISTS, "exists already")           \
    X(ERR_NOT_FOUND, "not found")             \
    X(ERR_LOCKED, "held by another evercert") \
    X(ERR_NETWORK, "network failure")         \
    X(ERR_TIMEOUT, "timed out")               \
    X(ERR_TLS, "TLS failure")                 \
    X(ERR_ACME, "refused by the CA")          \
    X(ERR_CRYPTO, "cryptographic failure")    \
    X(ERR_VERIFY, "does not verify")          \
    X(ERR_STORE, "store failure")             \
    X(ERR_IPC, "broken message channel")      \
    X(ERR_REFUSED, "not permitted")           \
    X(ERR_CANCELLED, "cancelled")             \
    X(ERR_WAIT, "has to wait")                \
    X(ERR_DAMAGED, "damaged")

enum err_code {
    ERR_OK = 0,
    ERR_FIRST_ = -1000,
#define ERR_ENUM(code, text) code,
    ERR_CODES(ERR_ENUM)
#undef ERR_ENUM
        ERR_END_
};

struct err {
    int code;                      /* one of enum err_code, negative */
    char text[ERR_TEXT_MAX];       /* one line for people: well-formed UTF-8, no control characters */
    char problem[ERR_PROBLEM_MAX]; /* the ACME problem type without its URN prefix, or "" */
    int64_t retry_at_s;            /* not before this Unix time (Retry-After), or 0 */
};

/* An empty error, for declarations. */
#define ERR_INIT \
    {            \
        0        \
    }

/*
 * Fill `err` (may be NULL) with `code` and a printf-style text; problem and retry_at_s are cleared. Text
 * beyond ERR_TEXT_MAX is cut, and what does not belong in a line is replaced (text_clean), so names of files
 * and the like may be given as they are. No argument may point into `err`. Returns `code`, so that a failure
 * reads `return err_set(err, ERR_INPUT, "...")`.
 */
int err_set(struct err *err, int code, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* As err_set with ": " and the text of `errno_value` appended; ENOSPC/EDQUOT give ERR_SPACE,
 * EACCES/EPERM/EROFS ERR_PERMISSION, ENOENT ERR_NOT_FOUND, EEXIST ERR_EXISTS, ENOMEM ERR_MEMORY, everything
 * else ERR_IO. */
int err_errno(struct err *err, int errno_value, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* Put a printf-style context and ": " in front of the text `err` holds; keeps code, problem and retry_at_s.
 * Does nothing when err is NULL. Returns err's code (ERR_FAILED when err is NULL). */
int err_prefix(struct err *err, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* The name of a code ("ERR_INPUT"), "OK" for 0, "ERR_?" for an unknown one. Static storage. */
const char *err_name(int code);

/* The text of a code from the table, "success" for 0. Static storage. */
const char *err_describe(int code);

/* Whether trying again later may help by itself (network, timeout, TLS, input/output, space, memory, store,
 * channel, lock). A refused ACME request (ERR_ACME) is not judged here: its problem type decides
 * (acme/problem.h). */
bool err_is_temporary(int code);

#endif
