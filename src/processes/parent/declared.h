/*
 * The configuration's certificates after it was read: in a file without a name, in the order of their names,
 * so that a hundred thousand of them take no memory while nothing happens. The file lies in the state
 * directory, or, where that has no room, in memory. It is read by the process that wrote it and gone with it.
 *
 * A wish for two key types is two rows, one for each certificate, with the same text.
 */
#ifndef EVERCERT_PROCESSES_PARENT_DECLARED_H
#define EVERCERT_PROCESSES_PARENT_DECLARED_H

#include "acme/challenge.h"
#include "base/buf.h"
#include "config/owned.h"
#include "config/settings.h"

struct declared; /* opaque */

/* One row; lives until the cursor goes on. */
struct declared_row {
    const char *name; /* of the certificate */
    const char *wish; /* JSON (config/wish.h) */
    uint32_t variant;
    struct owned owned;
};

/* A walk over the rows, in the order of their names as strcmp() has it. Starts as declared_first() gives it;
 * ended by declared_end(). */
struct declared_cursor {
    const struct declared *of;
    uint64_t next; /* where the next row begins */
    struct buf window;
    uint64_t window_at;
    const char **texts;
    size_t text_room;
};

/* Writes the certificates of settings down. `state` is the state directory. ERR_INPUT where a text is not
 * UTF-8, ERR_SPACE and other codes where neither place has room; *out is untouched then. */
int declared_new(int state, const struct settings *s, struct declared **out, struct err *err);
/* NULL is fine. */
void declared_free(struct declared *d);

/* Wishes, that is entries of `certificates`. */
size_t declared_count(const struct declared *d);
/* Whether some certificate may be proved by that kind of challenge, with the help of one of our processes. */
bool declared_asks(const struct declared *d, enum acme_challenge kind);
/* The first certificate that cannot be had where these kinds of challenge have failed (not 0), and the kind
 * that it wants first; NULL where all can. */
const char *declared_stranded(
    const struct declared *d, const int failed[CHALLENGE_END_], enum acme_challenge *kind);

struct declared_cursor declared_first(const struct declared *d);
/* 1 and the next row, 0 behind the last, or a negative code where the file cannot be read. */
int declared_next(struct declared_cursor *c, struct declared_row *out, struct err *err);
void declared_end(struct declared_cursor *c);
/* The row of a certificate: 1, 0 where there is none, or a negative code. The cursor is as after that row. */
int declared_find(struct declared_cursor *c, const char *name, struct declared_row *out, struct err *err);

/* For settings: who has their certificates. Lives as long as `d`. */
const struct settings_kept *declared_kept(const struct declared *d);

#endif
