/*
 * What is happening to the certificates of a command. On a terminal: one line for each, redrawn in place, or
 * one bar when there are more than half a screen of them. Elsewhere and with JSON only the results, one line
 * each. Failures always go to standard error.
 */
#ifndef EVERCERT_CLI_PROGRESS_H
#define EVERCERT_CLI_PROGRESS_H

#include "base/err.h"
#include "base/time.h"
#include "cli/terminal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum progress_form {
    PROGRESS_QUIET, /* failures only */
    PROGRESS_PLAIN, /* a line for each result */
    PROGRESS_JSON,  /* an object for each result, failures too: {name, ok, step, seconds, error, problem,
                       retry_at} */
    PROGRESS_DRAWN, /* on a terminal */
};

enum {
    PROGRESS_TICK_MS = 200, /* between redraws: fluent for people, nothing for the machine */
};

struct progress; /* opaque */

/* `terminal` and `clock` must outlive it. Failures are written to `errors` with the program's name. */
struct progress *progress_new(enum progress_form form, const struct terminal *terminal,
    const struct clock *clock, FILE *out, FILE *errors);

/* A certificate is in a step now. */
void progress_step(struct progress *p, const char *name, const char *step);
/* Its part is over; `error` is NULL for success. */
void progress_final(struct progress *p, const char *name, const char *step, const struct err *error);
/* Redraws when something changed or a second passed; call it every PROGRESS_TICK_MS. */
void progress_tick(struct progress *p);
/* Takes the moving lines off the screen, so that something else can be printed; the next tick draws them
 * again. */
void progress_hide(struct progress *p);
/* Whether there are moving lines to redraw at all. */
bool progress_moves(const struct progress *p);
size_t progress_done(const struct progress *p);
size_t progress_failed(const struct progress *p);

/* The moving lines go (a bar stays, as a summary); frees. NULL is fine. */
void progress_end(struct progress *p);

#endif
