/* Commands that are run once for all certificates that are deployed about now: fifty certificates of one web
 * server want one reload. They wait until nothing else is under way, but not for ever. */
#include "processes/engine/deployment.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_WAIT_MAX_S = 120 }; /* others may wait for a CA for a quarter of an hour */

struct batch {
    struct engine *engine;
    size_t n;
    struct deployment *members[];
};

static void on_waited(evutil_socket_t fd, short what, void *arg)
{
    struct engine *e = arg;
    (void)fd, (void)what;
    e->batch_ripe = e->due_stale = true;
}

void batch_park(struct deployment *d)
{
    struct engine *e = d->engine;
    d->parked = true;
    e->parked_n++;
    e->due_stale = true;
    if (e->batch_timer == NULL)
        e->batch_timer = evtimer_new(e->process.base, on_waited, e);
    if (e->batch_timer == NULL)
        abort();
    if (!evtimer_pending(e->batch_timer, NULL))
        event_add(e->batch_timer, &(struct timeval){BATCH_WAIT_MAX_S, 0});
}

static bool same_pairs(const struct pair *a, size_t a_n, const struct pair *b, size_t b_n)
{
    for (size_t i = 0; i < a_n && a_n == b_n; i++)
        if (strcmp(a[i].name, b[i].name) != 0 || strcmp(a[i].value, b[i].value) != 0)
            return false;
    return a_n == b_n;
}

static bool same_words(const char *const *a, size_t a_n, const char *const *b, size_t b_n)
{
    for (size_t i = 0; i < a_n && a_n == b_n; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return a_n == b_n;
}

bool deploy_same_command(const struct deploy *a, const struct deploy *b)
{
    return same_words(a->argv, a->argc, b->argv, b->argc) && same_pairs(a->env, a->env_n, b->env, b->env_n) &&
           strcmp(a->user, b->user) == 0 && strcmp(a->dialect, b->dialect) == 0 &&
           a->timeout_s == b->timeout_s;
}

static void on_ran(const void *msg, const struct err *why, void *arg)
{
    struct batch *b = arg;
    const struct msg_hook_ran *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    for (size_t i = 0; i < b->n; i++)
        deployment_step_done(b->members[i], m != NULL && i == 0 ? m->output : "", r < 0 ? &err : NULL);
    free(b);
}

static struct batch *gather(struct engine *e, struct deployment *first)
{
    const struct deploy *s = &first->wish.deploys[first->at];
    struct batch *b = malloc(sizeof *b + e->parked_n * sizeof *b->members);
    if (b == NULL)
        abort();
    *b = (struct batch){.engine = e};
    for (struct deployment *d = e->deployments; d != NULL && b->n < MSG_LIST_MAX; d = d->next) {
        if (!d->parked || d->telling || !deploy_same_command(&d->wish.deploys[d->at], s))
            continue;
        d->parked = false;
        d->random = first->random;
        e->parked_n--;
        b->members[b->n++] = d;
    }
    return b;
}

/* The command is what the first one's permit says; of the others it is told the names. */
static void run(struct engine *e, struct deployment *first)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct batch *b = gather(e, first);
    const char **names = arena_array(a, b->n, sizeof *names);
    struct err err = ERR_INIT;
    for (size_t i = 0; i < b->n; i++)
        names[i] = b->members[i]->record.name;
    struct msg_hook_run m = {.permit = first->record.permit,
        .variant = (uint32_t)first->record.variant,
        .step = (uint32_t)first->at,
        .event = deploy_event_text(first->event),
        .fingerprint = first->fingerprint,
        .not_after = first->not_after.s,
        .names = {names, b->n}};
    log_info(
        "%s is run for %zu certificate%s", first->wish.deploys[first->at].argv[0], b->n, b->n > 1 ? "s" : "");
    if (channel_request(e->parent, MSG_hook_run, &m, MSG_hook_ran, on_ran, b, &err) < 0)
        on_ran(NULL, &err, b);
}

void batches_run(struct engine *e)
{
    bool idle = e->job_n == 0 && e->deployment_n == e->parked_n;
    if (e->parked_n == 0)
        return;
    if (idle || e->consumers_ripe)
        consumers_run(e);
    if (!(idle || e->batch_ripe))
        return;
    e->batch_ripe = false;
    if (e->batch_timer != NULL)
        evtimer_del(e->batch_timer);
    for (struct deployment *d = e->deployments; d != NULL;) {
        if (!d->parked || d->telling) {
            d = d->next;
            continue;
        }
        run(e, d);
        d = e->deployments; /* the list may have changed */
    }
}
