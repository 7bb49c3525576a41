/* What the files of a job share: job.c (its life), job_attempt.c (whom to ask, and what to try next),
 * job_order.c (its order), job_outcome.c (its end). */
#ifndef EVERCERT_PROCESSES_ENGINE_JOB_PRIV_H
#define EVERCERT_PROCESSES_ENGINE_JOB_PRIV_H

#include "processes/engine/engine.h"

/* job.c */

/* Writes the record to the store. */
void job_save(struct job *j);
/* Takes over what happened to the certificate since the job began: it is not the job's to undo. */
void job_refresh(struct job *j);
/* Tells those who watch which step it is in. */
void job_show(struct job *j, const char *text);
/* A line of the log with what is known of it: certificate, order, authority, the last answered request.
 * `event` may be "". */
#define job_log(j, event, level, ...)                            \
    do {                                                         \
        const struct log_about about_ = job_about((j), (event)); \
        log_about(&about_, (level), __VA_ARGS__);                \
    } while (0)
struct log_about job_about(const struct job *j, const char *event);
/* Nothing of it comes back any more; it is freed at the end of the turn. */
void job_over(struct job *j);
/* The order in flight is of no more use. */
void job_forget_order(struct job *j);

/* job_attempt.c */

/* From the choice of the authority on; also when it is taken up again. */
void job_begin(struct job *j);
/* Something ended the attempt at the authority (dead: its order is of no more use): tries what is left to try
 * in this job, or ends it. */
void job_attempt_failed(struct job *j, const struct err *err, bool dead);
/* failover_choose, without those that do not answer. */
bool job_choose(const struct job *j, size_t *which, struct wall *due_at);
/* The names of the order under way: those of the wish without what is left out. */
const struct str *job_names(struct job *j, size_t *n);
/* The staging directory issued: now the real one. */
void job_rehearsed(struct job *j);

/* job_order.c */

/* An event that happens now. */
void job_event(struct order_event *ev, enum order_event_type type, unsigned tag);
/* Hands it to the order machine and does what that asks for. */
void job_step(struct job *j, struct order_event *ev);
/* The one timer: the order's wait, or the next try of a job without an order. */
void job_wait(struct job *j, int64_t wait_ms);
void job_drop_posts(struct job *j);
/* Frees the order machine, with everything that was asked for it. */
void job_drop_order(struct job *j);
/* The order is not wanted any more: takes down its challenges and gives its authorizations back (RFC 8555
 * 7.5.2), without waiting for that. */
void job_abandon_order(struct job *j);

/* job_outcome.c */

/* Not now, and nobody is to blame: a limit of the CA. */
void job_postpone(struct job *j, struct wall until, const char *reason);
/* Not now, for what it brings could not be kept. */
void job_hold(struct job *j, const struct err *why);
/* What the CA would not give is still refused; what is live stays. */
void job_keep(struct job *j, const struct err *why);
void job_fail(struct job *j, const struct err *why);
void job_succeed(struct job *j);

#endif
