/* What is due: an index of the store says what and when, a timer wakes us then, and nothing else costs
 * anything. */
#include "processes/engine/engine.h"

#include "base/log.h"
#include "os/random.h"
#include "policy/renewal_info.h"
#include "policy/schedule.h"

#include <stdlib.h>
#include <string.h>

struct wall engine_now(const struct engine *e)
{
    (void)e;
    return clock_wall(&system_clock);
}

struct wall schedule_due(struct engine *e, const struct certificate *c, const struct wish *w)
{
    struct renewal_info_date d = {.not_before = c->not_before,
        .not_after = c->not_after,
        .renewed_at = c->renewed_at,
        .pick = c->ari_at,
        .renew_before_s = w->renew_before_s,
        .now = engine_now(e),
        .random = random_u64()};
    return renewal_info_due(&d);
}

/* --- deployments --- */

struct deployment {
    struct deployment *next;
    struct engine *engine;
    struct arena *arena;
    struct certificate record;
    const char *said; /* to those who wait; NULL: the event */
    struct job_watch *watches;
};

bool deploying(const struct engine *e, const char *name)
{
    for (const struct deployment *d = e->deployments; d != NULL; d = d->next)
        if (strcmp(d->record.name, name) == 0)
            return true;
    return false;
}

static void tell(struct deployment *d, const struct err *err)
{
    while (d->watches != NULL) {
        struct job_watch *w = d->watches;
        d->watches = w->next;
        session_part_done(d->engine, w->session, d->record.name,
            d->said != NULL && err == NULL ? d->said : d->record.deploy_event, err);
        free(w);
    }
}

static void deployment_end(struct deployment *d)
{
    struct engine *e = d->engine;
    for (struct deployment **at = &e->deployments; *at != NULL; at = &(*at)->next)
        if (*at == d) {
            *at = d->next;
            e->deployment_n--;
            break;
        }
    e->due_stale = true;
    arena_free(d->arena);
    free(d);
}

static void record_outcome(struct deployment *d, const char *output, const struct err *why)
{
    struct engine *e = d->engine;
    struct err err = ERR_INIT;
    struct certificate c;
    /* Read again: the certificate may have changed while its hooks ran. */
    if (store_certificate_get(e->store, str_c(d->record.name), d->arena, &c, &err) < 0)
        return;
    if (why == NULL) {
        c.deploy_due_at = (struct wall){0};
        c.deploy_failures = 0;
        c.deploy_error = "";
        history_add(e, c.name, "deployed", "hooks ran", json_pack("{s:s}", "output", output));
        log_info("%s: deployed", c.name);
    } else if (why->code == ERR_CANCELLED) { /* by our own end: they are as due as before */
        return;
    } else {
        c.deploy_failures++;
        c.deploy_due_at = schedule_deploy_at(engine_now(e), c.deploy_failures, random_u64());
        c.deploy_error = why->text;
        history_add(e, c.name, "deploy-failed", why->text, json_pack("{s:s}", "output", output));
        /* Who gave the command that this is for hears it from there. */
        log_line(d->watches != NULL && !e->schedule ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s: %s", c.name,
            why->text);
    }
    /* A generation that was published meanwhile has its own deployment ahead. */
    if (c.generation != d->record.generation)
        c.deploy_due_at = engine_now(e);
    if (store_certificate_put(e->store, &c, &err) < 0)
        log_error("%s: %s", c.name, err.text);
}

static void on_deployed(const void *msg, const struct err *why, void *arg)
{
    struct deployment *d = arg;
    const struct msg_deployed *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    record_outcome(d, m == NULL ? "" : m->output, r < 0 ? &err : NULL);
    if (r < 0)
        err_prefix(&err, "the certificate is there, but its deployment failed and is tried again");
    tell(d, r < 0 ? &err : NULL);
    deployment_end(d);
}

static int start_deployment(struct engine *e, const char *name, const char *said, struct job_watch *watches)
{
    struct deployment *d = calloc(1, sizeof *d);
    struct err err = ERR_INIT;
    if (d == NULL)
        abort();
    *d = (struct deployment){.next = e->deployments, .engine = e, .arena = arena_new(), .watches = watches};
    if (said != NULL)
        d->said = arena_dup_c(d->arena, said);
    e->deployments = d;
    e->deployment_n++;
    int r = store_certificate_get(e->store, str_c(name), d->arena, &d->record, &err);
    if (r == 0) {
        struct msg_deploy m = {.permit = d->record.permit,
            .variant = (uint32_t)d->record.variant,
            .event = d->record.deploy_event,
            .fingerprint = d->record.fingerprint,
            .not_after = d->record.not_after.s};
        r = channel_request(e->parent, MSG_deploy, &m, MSG_deployed, on_deployed, d, &err);
    }
    for (struct job_watch *w = watches; r == 0 && w != NULL; w = w->next)
        session_progress(e, w->session, name, "deploying");
    if (r < 0) {
        tell(d, &err);
        deployment_end(d);
    }
    return r;
}

void deploy_start(struct engine *e, const char *name, const char *said, struct job_watch *watches)
{
    (void)start_deployment(e, name, said, watches);
}

/* --- what is due --- */

struct names {
    struct arena *arena;
    const char *list[JOBS_MAX];
    size_t n, max;
    const struct engine *engine;
    bool deployments;
};

static int collect(const struct certificate *c, void *arg)
{
    struct names *names = arg;
    bool busy = names->deployments ? deploying(names->engine, c->name)
                                   : job_find((struct engine *)(uintptr_t)names->engine, c->name) != NULL;
    if (!busy)
        names->list[names->n++] = arena_dup_c(names->arena, c->name);
    return names->n == names->max;
}

static void watch_passes(struct engine *e, struct job *j)
{
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->pass)
            job_watch(j, s->id);
}

/* A certificate that cannot even be started must not be found due for ever, nor passed over in silence. */
static void postpone(struct engine *e, const char *name, const struct err *why)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0)
        return;
    c.failures++;
    c.due_at = schedule_retry_at(engine_now(e), c.failures, 0, 0, 0, random_u64());
    c.last_error = why->text;
    c.last_problem = "";
    c.last_error_at = engine_now(e);
    (void)store_certificate_put(e->store, &c, NULL);
    history_add(e, name, "failed", why->text, NULL);
    if (e->schedule)
        log_error("%s", why->text);
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->pass) {
            s->waiting++;
            session_part_done(e, s->id, name, "failed", why);
        }
}

static void start_jobs(struct engine *e)
{
    struct err err = ERR_INIT;
    struct names due = {.arena = arena_new(), .max = JOBS_MAX - e->job_n, .engine = e};
    /* Running jobs are still due in the store, so as many more are asked for. */
    if (due.max > 0 &&
        store_certificate_due(e->store, engine_now(e), JOBS_MAX + e->job_n, collect, &due, &err) < 0)
        log_error("%s", err.text);
    for (size_t i = 0; i < due.n; i++) {
        struct job *j = job_start(e, due.list[i], false, &err);
        if (j == NULL)
            postpone(e, due.list[i], &err);
        else
            watch_passes(e, j);
    }
    arena_free(due.arena);
}

static void start_deployments(struct engine *e)
{
    struct err err = ERR_INIT;
    struct names due = {
        .arena = arena_new(), .max = DEPLOYMENTS_MAX - e->deployment_n, .engine = e, .deployments = true};
    if (e->deployment_n < DEPLOYMENTS_MAX &&
        store_deploy_due(e->store, engine_now(e), DEPLOYMENTS_MAX + e->deployment_n, collect, &due, &err) < 0)
        log_error("%s", err.text);
    for (size_t i = 0; i < due.n; i++)
        if (start_deployment(e, due.list[i], NULL, NULL) < 0)
            break;
    arena_free(due.arena);
}

static bool has_pass(const struct engine *e)
{
    for (const struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->pass)
            return true;
    return false;
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct engine *e = arg;
    (void)fd, (void)what;
    e->due_stale = true; /* the turn that this ends looks */
}

static void set_timer(struct engine *e)
{
    struct wall next;
    struct err err = ERR_INIT;
    if (store_next_due(e->store, &next, &err) < 0) {
        log_error("%s", err.text);
        next = (struct wall){0};
    }
    if (e->due_timer == NULL)
        e->due_timer = evtimer_new(e->process.base, on_due, e);
    int64_t wait_s = next.s == 0 ? DUE_CHECK_MAX_S : next.s - engine_now(e).s;
    /* What is under way is due in the store until it is over. */
    if (wait_s < 1)
        wait_s = e->job_n > 0 || e->deployment_n > 0 || e->poll_n > 0 ? DUE_CHECK_BUSY_S : 1;
    if (wait_s > DUE_CHECK_MAX_S)
        wait_s = DUE_CHECK_MAX_S;
    event_add(e->due_timer, &(struct timeval){wait_s, 0});
}

void schedule_run(struct engine *e)
{
    e->due_stale = false;
    bool pass = has_pass(e);
    if (!e->schedule && !pass)
        return;
    /* A pass asks before it looks what is due: the answer may make something due. What it gets then is for
     * the next one to ask about, or it might go on for ever. */
    if (e->schedule || !e->pass_asked)
        renewal_info_run(e);
    e->pass_asked = e->pass_asked || e->poll_n == 0;
    if (e->job_n < JOBS_MAX && (e->schedule || e->poll_n == 0))
        start_jobs(e);
    start_deployments(e);
    if (e->schedule)
        set_timer(e);
    /* A pass ends when it found nothing to do and nothing is under way. */
    for (struct session *s = e->sessions; pass && s != NULL; s = s->next)
        if (s->pass && e->job_n == 0 && e->deployment_n == 0 && e->poll_n == 0) {
            s->pass = false;
            s->waiting--;
        }
}
