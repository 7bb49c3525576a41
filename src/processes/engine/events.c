/* Commands for what happens to a certificate besides its deployment: they are told, once, and nobody waits
 * for them. */
#include "processes/engine/queue.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK_EVERY_S = 3600,
    TELL_MAX = 100, /* of one look, so that a turn of the loop stays short; the others have the next one */
};

struct told {
    struct engine *engine;
    enum deploy_event event;
    char *name, *command;
};

static void on_told(const void *msg, const struct err *why, void *arg)
{
    struct told *t = arg;
    const struct msg_hook_ran *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    t->engine->told_n--;
    if (r < 0 && err.code != ERR_CANCELLED) {
        history_add(t->engine, t->name, "hook-failed", err.text, NULL);
        log_certificate(
            t->name, LOG_LEVEL_WARNING, "%s: %s: %s", t->name, deploy_event_text(t->event), err.text);
    } else if (r == 0) {
        history_add(t->engine, t->name, "hook-ran", t->command,
            json_pack(
                "{s:s, s:s}", "event", deploy_event_text(t->event), "output", m != NULL ? m->output : ""));
    }
    free(t->name);
    free(t->command);
    free(t);
}

static void run(struct engine *e, const struct certificate *c, const struct wish *w, size_t step,
    enum deploy_event event, const char *error)
{
    struct told *t = calloc(1, sizeof *t);
    struct err err = ERR_INIT;
    if (t == NULL || (t->name = strdup(c->name)) == NULL ||
        (t->command = strdup(w->deploys[step].argv[0])) == NULL)
        abort();
    e->told_n++;
    t->engine = e;
    t->event = event;
    struct msg_hook_run m = {.permit = c->permit,
        .variant = (uint32_t)c->variant,
        .step = (uint32_t)step,
        .event = deploy_event_text(event),
        .fingerprint = c->fingerprint,
        .not_after = c->not_after.s,
        .error = error};
    if (channel_request(e->parent, MSG_hook_run, &m, MSG_hook_ran, on_told, t, &err) < 0)
        on_told(NULL, &err, t);
}

static bool is_heard(const struct wish *w, enum deploy_event event)
{
    for (size_t i = 0; i < w->deploy_n; i++)
        if (w->deploys[i].argc > 0 && deploy_is_for(&w->deploys[i], event))
            return true;
    return false;
}

/* Whether it may be told again, which is noted then. */
static bool take_turn(struct engine *e, const char *name, enum deploy_event event)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    struct wall now = engine_now(e);
    if (event != DEPLOY_FAILING && event != DEPLOY_EXPIRING)
        return true;
    if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0)
        return true; /* a first attempt that failed for good is not kept, and told */
    struct wall *last = event == DEPLOY_FAILING ? &c.failing_told_at : &c.expiring_told_at;
    if (last->s > 0 && now.s >= last->s && now.s - last->s < TELL_EVERY_S)
        return false;
    *last = now;
    return certificate_save(e, &c, NULL) == 0;
}

static void tell(struct engine *e, const struct certificate *c, const struct wish *w, enum deploy_event event,
    const char *error)
{
    if (alerts_wanted(e, event))
        alerts_note(e, c, w, event, error);
    for (size_t i = 0; i < w->deploy_n; i++)
        if (w->deploys[i].argc > 0 && deploy_is_for(&w->deploys[i], event))
            run(e, c, w, i, event, error);
}

void happen(struct engine *e, const struct certificate *c, const struct wish *w, enum deploy_event event,
    const char *error)
{
    int64_t left = c->not_after.s - engine_now(e).s, life = c->not_after.s - c->not_before.s;
    if ((alerts_wanted(e, event) || is_heard(w, event)) && take_turn(e, c->name, event))
        tell(e, c, w, event, error);
    if (event == DEPLOY_FAILING && c->generation > 0 && left <= life / EXPIRING_PART)
        happen(e, c, w, DEPLOY_EXPIRING, error);
}

/* --- those that nothing happens to --- */

/* The row may be older than the configuration that it is renewed by, which is mended then. */
static bool is_late(struct engine *e, const struct certificate *c, struct arena *a)
{
    struct certificate is = *c;
    queue_of(e, c, a, &is);
    bool late = is.expiring_at.s > 0 && is.expiring_at.s <= engine_now(e).s;
    if (!late)
        (void)certificate_save(e, c, NULL);
    return late;
}

struct expiring_walk {
    struct engine *engine;
    bool left_out; /* one that is worked at just now, and will be told of if that does not help */
};

/* Its turn is taken whether or not somebody hears of it, so that it is looked at once a day. */
static int tell_expiring(const struct certificate *c, void *arg)
{
    struct expiring_walk *walk = arg;
    struct engine *e = walk->engine;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish w;
    char span[DURATION_TEXT_MAX];
    int64_t left = c->not_after.s - engine_now(e).s;
    if (job_find(e, c->name) != NULL || deploying(e, c->name)) {
        walk->left_out = true;
        return 0;
    }
    if (!is_late(e, c, a) || !take_turn(e, c->name, DEPLOY_EXPIRING) || certificate_is_parked(e, c) ||
        wish_decode(str_c(c->wish), a, &w, NULL) < 0 || wish_select(&w, (uint32_t)c->variant, a, NULL) < 0)
        return 0;
    const char *text = arena_printf(a,
        left > 0 ? "it expires in %s and is not renewed; what is next: %s"
                 : "it expired %s ago and is not renewed; what is next: %s",
        duration_about(left > 0 ? left : -left, span), report_next(e, c, &w, a));
    if (c->failures > 0 && c->last_error[0] != '\0')
        text = arena_printf(a, "%s; the last attempt: %s", text, c->last_error);
    log_certificate(c->name, LOG_LEVEL_WARNING, "%s: %s", c->name, text);
    tell(e, c, &w, DEPLOY_EXPIRING, text);
    return 0;
}

bool expiring_tell(struct engine *e)
{
    struct expiring_walk walk = {.engine = e};
    struct err err = ERR_INIT;
    if (store_expiring_due(e->store, engine_now(e), TELL_MAX, tell_expiring, &walk, &err) < 0)
        log_error("%s", err.text);
    return !walk.left_out;
}

void expiring_look(struct engine *e)
{
    int64_t now = engine_now(e).s, wait = e->expiring_look.s - now;
    /* The engine has begun, its machine has slept, or the clock was set: what is due has its turn first. */
    bool anew = e->expiring_look.s == 0 || wait > LOOK_EVERY_S || wait < -LOOK_EVERY_S;
    if (anew || (wait <= 0 && expiring_tell(e)))
        e->expiring_look.s = now + LOOK_EVERY_S;
}
