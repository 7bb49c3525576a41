/*
 * Commands around attempts: `starting` before the CA is asked, `finished` when that is over (certbot's pre
 * and post hooks: a server that must be stopped meanwhile). Many certificates may name the same command; it
 * is run before the first of the attempts that go on at the same time, and after the last.
 */
#include "processes/engine/job_priv.h"

#include "base/log.h"
#include "processes/engine/deployment.h"

#include <stdlib.h>
#include <string.h>

enum around_state {
    AROUND_SHUT,      /* nothing was run */
    AROUND_STARTING,  /* the command runs; attempts wait */
    AROUND_OPEN,      /* attempts go on */
    AROUND_FINISHING, /* the command runs; attempts that come meanwhile wait for the next start */
    AROUND_FAILED,    /* it could not start: all that wait fail, then it is gone */
};

struct around {
    struct around *next;
    struct engine *engine;
    struct arena *arena;
    struct wish wish; /* of the certificate that brought it */
    struct str permit;
    uint32_t variant;
    size_t step;
    enum around_state state;
    size_t holders;
    struct err err;     /* of AROUND_FAILED */
    struct arena *told; /* of what follows: since it was opened */
    const char *names[MSG_LIST_MAX], *failed[MSG_LIST_MAX];
    size_t name_n, failed_n;
    const char *error;
};

struct around_hold {
    struct around_hold *next;
    struct around *around;
};

static void run(struct around *a, enum deploy_event event);

static const struct deploy *step_of(const struct around *a)
{
    return &a->wish.deploys[a->step];
}

static void drop(struct around *a)
{
    for (struct around **at = &a->engine->arounds; *at != NULL; at = &(*at)->next)
        if (*at == a) {
            *at = a->next;
            break;
        }
    arena_free(a->told);
    arena_free(a->arena);
    free(a);
}

static bool is_for(const struct deploy *d)
{
    return d->argc > 0 && (deploy_is_for(d, DEPLOY_STARTING) || deploy_is_for(d, DEPLOY_FINISHED));
}

/* --- the command --- */

/* certbot goes on where its pre hook fails, and what people have was written for that. */
static bool may_fail(const struct around *a)
{
    return strcmp(step_of(a)->dialect, "certbot") == 0;
}

static void wake(struct engine *e)
{
    for (struct job *j = e->jobs, *next; j != NULL; j = next) {
        next = j->next;
        if (!j->over && j->outside)
            job_begin(j);
    }
}

static void open_up(struct around *a)
{
    arena_free(a->told);
    a->told = arena_new();
    a->name_n = a->failed_n = 0;
    a->error = "";
    a->state = AROUND_OPEN;
}

static void settle(struct around *a)
{
    struct engine *e = a->engine;
    if (a->state == AROUND_OPEN && a->holders == 0) {
        if (deploy_is_for(step_of(a), DEPLOY_FINISHED)) {
            a->state = AROUND_FINISHING;
            run(a, DEPLOY_FINISHED);
            return;
        }
        a->state = AROUND_SHUT;
    }
    if (a->state == AROUND_SHUT && a->holders > 0) {
        if (deploy_is_for(step_of(a), DEPLOY_STARTING)) {
            a->state = AROUND_STARTING;
            run(a, DEPLOY_STARTING);
            return;
        }
        open_up(a);
        wake(e);
        return;
    }
    if ((a->state == AROUND_SHUT || a->state == AROUND_FAILED) && a->holders == 0)
        drop(a);
}

static void on_ran(const void *msg, const struct err *why, void *arg)
{
    struct around *a = arg;
    struct engine *e = a->engine;
    const struct msg_hook_ran *m = msg;
    struct err err = ERR_INIT;
    bool starting = a->state == AROUND_STARTING;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    const char *event = deploy_event_text(starting ? DEPLOY_STARTING : DEPLOY_FINISHED);
    if (r < 0) {
        history_add(e, a->wish.name, "hook-failed", err.text, json_pack("{s:s}", "event", event));
        log_certificate(a->wish.name, LOG_LEVEL_WARNING, "%s: %s: %s", a->wish.name, event, err.text);
    } else {
        history_add(e, a->wish.name, "hook-ran", step_of(a)->argv[0],
            json_pack("{s:s, s:s}", "event", event, "output", m != NULL ? m->output : ""));
    }
    a->state = starting ? AROUND_FAILED : AROUND_SHUT;
    if (starting && (r == 0 || may_fail(a)))
        open_up(a);
    else if (starting)
        a->err = err;
    a->holders++; /* those who wait go on, or fail with its error; it stays for that long */
    if (starting)
        wake(e);
    a->holders--;
    settle(a);
}

static void run(struct around *a, enum deploy_event event)
{
    struct err err = ERR_INIT;
    struct msg_hook_run m = {.permit = a->permit,
        .variant = a->variant,
        .step = (uint32_t)a->step,
        .event = deploy_event_text(event),
        .error = event == DEPLOY_FINISHED ? a->error : "",
        .names = {a->names, a->name_n},
        .failed = {a->failed, a->failed_n}};
    if (channel_request(a->engine->parent, MSG_hook_run, &m, MSG_hook_ran, on_ran, a, &err) < 0)
        on_ran(NULL, &err, a);
}

/* --- attempts --- */

static struct around *find_or_make(struct job *j, size_t step)
{
    struct engine *e = j->engine;
    struct err err = ERR_INIT;
    for (struct around *a = e->arounds; a != NULL; a = a->next)
        if (deploy_same_command(step_of(a), &j->wish.deploys[step]))
            return a;
    struct around *a = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    *a = (struct around){.next = e->arounds,
        .engine = e,
        .arena = arena_new(),
        .variant = (uint32_t)j->record.variant,
        .step = step,
        .error = ""};
    a->permit = arena_str(a->arena, j->record.permit);
    /* The job's wish may go before this does; it was decoded once already. */
    if (wish_decode(str_c(arena_dup_c(a->arena, j->record.wish)), a->arena, &a->wish, &err) < 0)
        abort();
    e->arounds = a;
    return a;
}

static void enter(struct job *j)
{
    j->entered = true;
    for (size_t i = 0; i < j->wish.deploy_n; i++) {
        if (!is_for(&j->wish.deploys[i]))
            continue;
        struct around_hold *h = arena_alloc(j->arena, sizeof *h);
        *h = (struct around_hold){j->holds, find_or_make(j, i)};
        h->around->holders++;
        j->holds = h;
    }
    for (struct around_hold *h = j->holds; h != NULL; h = h->next)
        settle(h->around);
}

bool around_enter(struct job *j)
{
    bool outside = false;
    const struct err *why = NULL;
    if (!j->entered) {
        j->outside = false; /* what settles at once needs to wake nobody */
        enter(j);
    }
    for (const struct around_hold *h = j->holds; h != NULL; h = h->next) {
        if (h->around->state == AROUND_FAILED)
            why = &h->around->err;
        outside = outside || h->around->state != AROUND_OPEN;
    }
    j->outside = outside;
    if (why != NULL) {
        struct err err = *why;
        err_prefix(&err, "the CA was not asked, for a command that is to run before failed");
        j->outside = false;
        job_fail(j, &err);
        return false;
    }
    if (outside)
        job_show(j, "starting");
    return !outside;
}

void around_leave(struct job *j)
{
    while (j->holds != NULL) {
        struct around *a = j->holds->around;
        j->holds = j->holds->next;
        if (a->told != NULL && j->ended == JOB_FAILED && a->failed_n < MSG_LIST_MAX) {
            a->failed[a->failed_n++] = arena_dup_c(a->told, j->record.name);
            a->error = arena_dup_c(a->told, j->record.last_error);
        }
        if (a->told != NULL && j->ended == JOB_SUCCEEDED && a->name_n < MSG_LIST_MAX)
            a->names[a->name_n++] = arena_dup_c(a->told, j->record.name);
        a->holders--;
        settle(a);
    }
    j->outside = false;
}
