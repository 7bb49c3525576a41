/* What is due: indexes of the store say what and when, a timer wakes us then, and nothing else costs
 * anything. Which of it is begun, plan.c says. */
#include "processes/engine/plan.h"

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
    (void)certificate_save(e, &c, NULL);
    history_add(e, name, "failed", why->text, NULL);
    if (e->schedule)
        log_error("%s", why->text);
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->pass) {
            s->waiting++;
            session_part_done(e, s->id, name, "failed", why);
        }
}

/* Nobody asks for it any more: it is parked instead of renewed. */
static bool is_parked_instead(struct engine *e, const char *name)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0 || !certificate_is_parked(e, &c))
        return false;
    certificate_park(e, &c);
    return true;
}

/* Its row says where it belonged when it was written; authorities may have other accounts since. */
static bool is_moved_instead(struct engine *e, const char *name, struct str queue)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c, is;
    if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0)
        return false;
    queue_of(e, &c, a, &is);
    if (str_eq_c(queue, is.queue) || certificate_save(e, &c, NULL) < 0)
        return false;
    e->due_stale = true; /* it may be its turn there */
    return true;
}

/* Whether there is a job for it now that takes a place. */
static bool begin(struct engine *e, const char *name, const struct lane *lane)
{
    struct err err = ERR_INIT;
    if (is_parked_instead(e, name) || is_moved_instead(e, name, lane->queue))
        return false;
    struct job *j = job_start(e, name, false, &err);
    if (j == NULL) {
        postpone(e, name, &err);
        return false;
    }
    /* It may have found out already where it is asked for. */
    if (j->place == NULL)
        j->place = lane->state.account;
    j->takes = j->takes || (lane->state.takes && !j->over && j->order == NULL);
    watch_passes(e, j);
    return !j->over;
}

static void start_jobs(struct engine *e)
{
    struct plan plan;
    struct lane *lane;
    const char *name;
    plan_make(e, &plan);
    while ((lane = plan_next(&plan, &name)) != NULL)
        if (begin(e, name, lane))
            plan_took(&plan, lane);
    e->issue_look = plan_look(&plan);
    plan_free(&plan);
}

/* What a pass cannot wait for: it is over, and whoever gave the command hears of what is left. */
static void tell_left(struct engine *e)
{
    struct plan plan;
    plan_make(e, &plan);
    for (struct lane *lane = plan.lanes; lane != NULL; lane = lane->next)
        if (lane->is_due && !lane->state.open)
            plan_tell(&plan, lane);
    plan_free(&plan);
}

/* Who gave a command for all that is due hears of this too. */
static struct job_watch *pass_watches(struct engine *e)
{
    struct job_watch *watches = NULL;
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->pass)
            watches = session_watch(s, watches);
    return watches;
}

struct names {
    struct arena *arena;
    const char *list[DEPLOYMENTS_MAX];
    size_t n, max;
    struct engine *engine;
};

static int collect(const struct certificate *c, void *arg)
{
    struct names *names = arg;
    /* An order that is gone on with after a crash may have been published already: what is in force is not
     * what this row tells of then. */
    bool in_doubt = c->order_url[0] != '\0' && job_find(names->engine, c->name) != NULL;
    if (!in_doubt && !deploying(names->engine, c->name))
        names->list[names->n++] = arena_dup_c(names->arena, c->name);
    return names->n == names->max;
}

typedef int due_fn(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err);

/* Deployments and looks share their room: those that wait for their batch take none of it. */
static struct names due_for_deployment(struct engine *e, due_fn *due_of)
{
    struct err err = ERR_INIT;
    size_t running = e->deployment_n - e->parked_n;
    struct names due = {.arena = arena_new(), .engine = e};
    due.max = running < DEPLOYMENTS_MAX ? DEPLOYMENTS_MAX - running : 0;
    if (due.max > 0 &&
        due_of(e->store, engine_now(e), due.max + e->deployment_n + e->job_n, collect, &due, &err) < 0)
        log_error("%s", err.text);
    return due;
}

static void start_deployments(struct engine *e)
{
    struct names due = due_for_deployment(e, store_deploy_due);
    for (size_t i = 0; i < due.n; i++)
        deploy_start(e, due.list[i], "deployed", pass_watches(e));
    arena_free(due.arena);
}

static void start_looks(struct engine *e)
{
    struct names due = due_for_deployment(e, store_look_due);
    for (size_t i = 0; i < due.n; i++)
        deploy_look(e, due.list[i], NULL, NULL);
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
    if (e->issue_look.s != 0 && (next.s == 0 || e->issue_look.s < next.s))
        next = e->issue_look;
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
    if (e->stopping)
        return;
    bool pass = has_pass(e);
    if (!e->schedule && !pass) {
        batches_run(e);
        return;
    }
    /* A pass asks before it looks what is due: the answer may make something due. What it gets then is for
     * the next one to ask about, or it might go on for ever. */
    if (e->schedule || !e->pass_asked)
        renewal_info_run(e);
    e->pass_asked = e->pass_asked || e->poll_n == 0;
    if (e->schedule || e->poll_n == 0)
        start_jobs(e);
    start_deployments(e);
    start_looks(e);
    batches_run(e);
    if (e->schedule) {
        expiring_look(e);
        set_timer(e);
    }
    /* A pass ends when it found nothing to do and nothing is under way. */
    if (!pass || e->due_stale || e->job_n > 0 || e->deployment_n > 0 || e->poll_n > 0)
        return;
    tell_left(e);
    (void)expiring_tell(e);
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->pass) {
            s->pass = false;
            s->waiting--;
        }
}
