/*
 * Answers to challenges that stand where others put them: files in a webroot (the parent writes them) and
 * records in the DNS (the solver has them written). Each is in the store before it is made and until it is
 * gone, so that a crash, a failure or a certificate that was forgotten leaves nothing behind.
 */
#ifndef EVERCERT_PROCESSES_ENGINE_PLACED_H
#define EVERCERT_PROCESSES_ENGINE_PLACED_H

#include "processes/engine/engine.h"

enum {
    PLACED_RETRY_FIRST_S = 60, /* until what could not be removed is tried again; doubled each time */
    PLACED_RETRY_CEILING_S = 86400,
};

struct placed;

/* How far it is, for people. */
typedef void placed_step_fn(const char *step, void *arg);
/* Called once: it can be seen from outside, or `err` says why not. */
typedef void placed_shown_fn(const struct err *err, void *arg);

/* Copies, and notes it in the store. `c->kind` tells the file (http-01) from the record. */
struct placed *placed_new(struct engine *e, const struct challenge_record *c);
/* After the commit. One that is just being
 * removed for somebody else is shown behind that. Either function may be called from within. */
void placed_show(struct placed *p, placed_step_fn *step, placed_shown_fn *shown, void *arg);
/* An answer that no CA asked for, to see whether it can be shown: noted now and shown when that is durable.
 * label: of dns-account-01, "". `shown` is not called from within. */
struct placed_trial {
    enum acme_challenge kind;
    const char *certificate, *identifier, *label;
    struct str permit;
};
struct placed *placed_try(
    struct engine *e, const struct placed_trial *t, placed_step_fn *step, placed_shown_fn *shown, void *arg);
/* A token as a CA would make one, of 256 random bits; in `a`. */
const char *placed_token(struct arena *a);
/* What is shown; valid until it is removed. */
const struct challenge_record *placed_record(const struct placed *p);
/* It is gone, or `err` says why not; then it is tried again later. */
typedef void placed_gone_fn(const struct err *err, void *arg);
/* Takes it down, however far it was; nothing is called any more but `gone` (may be NULL, may be called from
 * within), and `p` is not the caller's from here on. */
void placed_remove(struct placed *p, placed_gone_fn *gone, void *arg);
/* It stays, and in the store; nobody is called any more, and `p` is not the caller's from here on. */
void placed_leave(struct placed *p);
/* Takes down what stands in the store and is nobody's: what a crash left, and what could not be removed. */
void placed_sweep(struct engine *e);
/* What could not be removed is tried again at once: somebody who may have been missing for it is back. */
void placed_hurry(struct engine *e);
/* Another solver is there: it is told again of what the one before had in its own memory. */
void placed_replay(struct engine *e);
/* From the solver. */
void placed_step(struct engine *e, const struct msg_dns_step *m);

#endif
