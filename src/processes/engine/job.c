/* One certificate being got: its life from start to end. Whom it asks is job_attempt.c, what happens
 * in between job_order.c, how it ends job_outcome.c. */
#include "processes/engine/job_priv.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct job *job_find(struct engine *e, const char *name)
{
    for (struct job *j = e->jobs; j != NULL; j = j->next)
        if (!j->over && strcmp(j->record.name, name) == 0)
            return j;
    return NULL;
}

void job_watch(struct job *j, uint32_t session)
{
    struct session *s = session_find(j->engine, session);
    if (s == NULL)
        return;
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        if (w->session == session)
            return;
    j->watches = session_watch(s, j->watches);
}

/* What happened to the certificate since the job began is not the job's to undo. */
void job_refresh(struct job *j)
{
    struct certificate now;
    if (store_certificate_get(j->engine->store, str_c(j->record.name), j->arena, &now, NULL) < 0)
        return;
    j->record.holder = now.holder;
    j->record.park_at = now.park_at;
    j->record.revoked = now.revoked;
    j->record.compromised = now.compromised;
    j->record.deploy_due_at = now.deploy_due_at;
    j->record.deploy_failures = now.deploy_failures;
    j->record.deploy_error = now.deploy_error;
    j->record.deploy_event = now.deploy_event;
    j->record.deploy_step = now.deploy_step;
    j->record.live_generation = now.live_generation;
    j->record.look_due_at = now.look_due_at;
    j->record.served_at = now.served_at;
    j->record.served_error = now.served_error;
    j->record.failing_told_at = now.failing_told_at;
    j->record.expiring_told_at = now.expiring_told_at;
    j->record.ari_start = now.ari_start;
    j->record.ari_end = now.ari_end;
    j->record.ari_at = now.ari_at;
    j->record.ari_due_at = now.ari_due_at;
    j->record.ari_checked_at = now.ari_checked_at;
    j->record.ari_failures = now.ari_failures;
    j->record.ari_explanation = now.ari_explanation;
}

void job_save(struct job *j)
{
    struct err err = ERR_INIT;
    if (certificate_save(j->engine, &j->record, &err) < 0)
        job_log(j, "", LOG_LEVEL_ERROR, "%s: %s", j->record.name, err.text);
}

void job_show(struct job *j, const char *text)
{
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_progress(j->engine, w->session, j->record.name, text);
}

struct log_about job_about(const struct job *j, const char *event)
{
    return (struct log_about){.certificate = j->record.name,
        .order = j->order_known,
        .authority = j->authority != NULL ? j->authority->name : NULL,
        .request = j->request,
        .event = event};
}

/* --- the end --- */

static void detach(struct job *j)
{
    job_drop_posts(j);
    if (j->engine->keeper != NULL)
        channel_forget(j->engine->keeper, j);
    for (size_t i = 0; i < j->issuer_n; i++)
        authority_forget_waiter(j->issuers[i], j);
    if (j->authority != NULL) /* a staging directory is none of them */
        authority_forget_waiter(j->authority, j);
    storage_forget(j->engine, j);
    if (j->timer != NULL)
        event_del(j->timer);
}

void job_free(struct job *j)
{
    detach(j);
    around_leave(j);
    outbox_forget(j->engine, j);
    challenges_forget_job(j->engine, j);
    order_free(j->order);
    if (j->timer != NULL)
        event_free(j->timer);
    for (struct job_watch *w = j->watches, *next; w != NULL; w = next) {
        next = w->next;
        free(w);
    }
    json_decref(j->exchange);
    arena_free(j->arena);
    free(j);
}

void jobs_reap(struct engine *e)
{
    for (struct job **at = &e->jobs; *at != NULL;) {
        struct job *j = *at;
        if (!j->over || j->introducing) { /* an answer on its way still points here */
            at = &j->next;
            continue;
        }
        *at = j->next;
        e->job_n--;
        job_free(j);
    }
}

void job_over(struct job *j)
{
    detach(j);
    j->over = true;
    around_leave(j);
    j->engine->due_stale = true;
}

void job_cancel(struct job *j, const char *why)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_CANCELLED, "cancelled: %s", why);
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_part_done(j->engine, w->session, j->record.name, "cancelled", &err);
    job_abandon_order(j);
    job_over(j);
}

bool job_is_at_work(const struct job *j, int64_t within_ms)
{
    if (j->over || j->posts != NULL)
        return !j->over;
    return j->timer != NULL && evtimer_pending(j->timer, NULL) &&
           j->wakes_at.ms - clock_mono(&system_clock).ms <= within_ms;
}

void job_park(struct job *j)
{
    if (j->over)
        return;
    log_about(&(struct log_about){.certificate = j->record.name, .order = j->order_known, .event = "parked"},
        LOG_LEVEL_INFO, "%s: %s at the next start", j->record.name,
        j->record.order_url[0] != '\0' ? "its order goes on" : "it is tried again");
    if (j->order != NULL && order_phase(j->order) == ORDER_PHASE_VALIDATE)
        challenges_leave_job(j->engine, j); /* the CA may look at them while nobody is here */
    job_drop_order(j);
    job_over(j);
}

/* Whether the store still wants the order that is under way. */
static bool order_is_wanted(const struct job *j)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    return store_certificate_get(j->engine->store, str_c(j->record.name), a, &c, NULL) == 0 &&
           c.order_url[0] != '\0';
}

void job_restart(struct job *j)
{
    struct engine *e = j->engine;
    struct job_watch *watches = j->watches;
    struct err err = ERR_INIT;
    j->watches = NULL;
    if (order_is_wanted(j))
        challenges_forget_job(e, j);
    else
        job_abandon_order(j);
    job_over(j);
    struct job *again = job_start(e, j->record.name, j->forced, &err);
    while (watches != NULL) {
        struct job_watch *w = watches;
        watches = w->next;
        if (again == NULL) {
            session_part_done(e, w->session, j->record.name, "failed", &err);
            free(w);
            continue;
        }
        w->next = again->watches;
        again->watches = w;
    }
}

void job_forget_order(struct job *j)
{
    j->record.order_url = "";
    j->record.order_authority = "";
    j->record.order_generation = 0;
}

/* --- beginning --- */

static int load(struct job *j, const char *name, struct err *err)
{
    struct engine *e = j->engine;
    int r = store_certificate_get(e->store, str_c(name), j->arena, &j->record, err);
    if (r < 0)
        return r == ERR_NOT_FOUND
                   ? err_set(err, r, "there is no certificate %s; evercert list shows all", name)
                   : r;
    if ((r = wish_decode(str_c(j->record.wish), j->arena, &j->wish, err)) < 0)
        return r;
    return wish_select(&j->wish, (uint32_t)j->record.variant, j->arena, err);
}

struct job *job_start(struct engine *e, const char *name, bool forced, struct err *err)
{
    struct job *j = job_find(e, name);
    if (j != NULL)
        return j;
    if (clock_check(e, err) < 0)
        return NULL;
    j = calloc(1, sizeof *j);
    if (j == NULL)
        abort();
    j->engine = e;
    j->arena = arena_new();
    j->exchange = json_array();
    j->forced = forced;
    j->shown = ORDER_PHASE_DONE; /* none of the first ones */
    if (load(j, name, err) < 0) {
        job_free(j);
        return NULL;
    }
    j->next = e->jobs;
    e->jobs = j;
    e->job_n++;
    job_log(j, "started", LOG_LEVEL_INFO, "%s: getting a certificate from %s", name, j->wish.authorities[0]);
    job_begin(j);
    return j;
}
