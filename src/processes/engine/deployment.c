/* One certificate being deployed, from its start to what is recorded of it. */
#include "processes/engine/deployment.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "os/random.h"
#include "policy/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A server that had the certificate of before put back is not shaken again every minute. */
    BACK_RETRY_S = 3600,
    BACK_RETRIES_MAX = 24, /* hours: then daily */
    LOOK_EVERY_S = 86400,
    LOOK_SPREAD_S = 3600, /* so that looks of one start do not stay together */
};

bool deploying(const struct engine *e, const char *name)
{
    for (const struct deployment *d = e->deployments; d != NULL; d = d->next)
        if (strcmp(d->record.name, name) == 0)
            return true;
    return false;
}

bool deploy_has_steps(const struct wish *w)
{
    return w->deploy_n > 0 || w->publication_n > 0 || w->key_group[0] != '\0';
}

bool deploy_is_wanted(const struct engine *e, const struct wish *w)
{
    return e->containers || deploy_has_steps(w);
}

bool deploy_is_looked_at(const struct wish *w)
{
    bool looked = w->publication_n > 0 || standing_is_wanted(w);
    for (size_t i = 0; i < w->deploy_n; i++)
        looked = looked || w->deploys[i].argc == 0 || deploy_is_for(&w->deploys[i], DEPLOY_UNCHANGED);
    return looked;
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

static void end(struct deployment *d)
{
    struct engine *e = d->engine;
    for (struct deployment **at = &e->deployments; *at != NULL; at = &(*at)->next)
        if (*at == d) {
            *at = d->next;
            e->deployment_n--;
            break;
        }
    e->due_stale = true;
    look_end(d);
    json_decref(d->steps);
    arena_free(d->arena);
    free(d);
}

/* --- what is recorded --- */

/* How it went, in words: what was there to do. */
static const char *summary(const struct deployment *d)
{
    bool ran = false;
    for (size_t i = 0; i < d->wish.deploy_n; i++)
        ran = ran || (d->wish.deploys[i].argc > 0 && deploy_is_for(&d->wish.deploys[i], d->event));
    const char *told =
        d->told_n == 0 ? ""
                       : arena_printf(d->arena, "%zu container%s told", d->told_n, d->told_n == 1 ? "" : "s");
    const char *const words[] = {d->wish.publication_n > 0 ? "copies written" : "", ran ? "hooks ran" : "",
        told, d->looked ? "served" : ""};
    const char *text = "";
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i][0] != '\0')
            text = arena_printf(d->arena, "%s%s%s", text, text[0] != '\0' ? ", " : "", words[i]);
    return text[0] != '\0' ? text : "done";
}

static json_t *detail_of(const struct deployment *d)
{
    struct buf all ATTR_CLEANUP(buf_free) = buf_new(STORE_JSON_MAX / 4);
    size_t i;
    json_t *step;
    json_array_foreach(d->steps, i, step)
    {
        const char *output = json_string_value(json_object_get(step, "output"));
        if (output != NULL)
            buf_put_c(&all, output);
    }
    return json_pack("{s:s, s:O}", "output", buf_failed(&all) ? "" : buf_c(&all), "steps", d->steps);
}

static struct wall next_look(const struct engine *e)
{
    return (struct wall){engine_now(e).s + LOOK_EVERY_S + (int64_t)(random_u64() % LOOK_SPREAD_S)};
}

static void note_success(struct deployment *d, struct certificate *c)
{
    c->deploy_due_at = (struct wall){0};
    c->deploy_failures = c->deploy_step = 0;
    c->deploy_error = "";
    if (!deploy_has_steps(&d->wish) && d->told_n == 0) /* nobody uses it: nothing was done */
        return;
    history_add(d->engine, c->name, "deployed", summary(d), detail_of(d));
    log_about(&(struct log_about){.certificate = c->name, .event = "deployed"}, LOG_LEVEL_INFO,
        "%s: deployed", c->name);
}

static void note_failure(struct deployment *d, struct certificate *c, const struct err *why)
{
    struct engine *e = d->engine;
    struct wall now = engine_now(e);
    c->deploy_failures++;
    c->deploy_due_at = schedule_deploy_at(now, c->deploy_failures, d->random);
    if (d->back) {
        int64_t hours = c->deploy_failures < BACK_RETRIES_MAX ? c->deploy_failures : BACK_RETRIES_MAX;
        c->deploy_due_at = (struct wall){now.s + hours * BACK_RETRY_S};
    }
    /* A command that failed is run again; a server that does not serve what it was told of is told again;
     * what is wrong with a container that uses it leaves the steps before alone. */
    size_t at = d->at >= d->own_n ? d->own_n : d->wish.deploys[d->at].argc > 0 ? d->at : 0;
    c->deploy_step = d->back ? 0 : (int64_t)at;
    c->deploy_error = why->text;
    history_add(e, c->name, "deploy-failed", why->text, detail_of(d));
    /* Who gave the command that this is for hears it from there. */
    log_about(&(struct log_about){.certificate = c->name, .event = "deploy-failed"},
        d->watches != NULL && !e->schedule ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s: %s", c->name,
        why->text);
}

/* The daily look found what it found: whatever is not as it should be is deployed anew. */
static void note_look(struct deployment *d, struct certificate *c, const struct err *why)
{
    if (why == NULL && !d->repaired) {
        happen(d->engine, c, &d->wish, DEPLOY_UNCHANGED, "");
        return;
    }
    if (why != NULL) {
        history_add(d->engine, c->name, "not-as-deployed", why->text, NULL);
        log_certificate(c->name, LOG_LEVEL_WARNING, "%s: %s; it is deployed again", c->name, why->text);
    }
    c->deploy_due_at = engine_now(d->engine);
    c->deploy_step = 0;
}

static void record_outcome(struct deployment *d, const struct err *why)
{
    struct engine *e = d->engine;
    struct err err = ERR_INIT;
    struct certificate c;
    if (why != NULL && why->code == ERR_CANCELLED) /* by our own end: it is as due as before */
        return;
    /* Read again: the certificate may have changed meanwhile. */
    if (store_certificate_get(e->store, str_c(d->record.name), d->arena, &c, &err) < 0)
        return;
    bool current = c.generation == d->record.generation && !c.revoked;
    if (d->looked) {
        c.served_at = engine_now(e);
        c.served_error = d->seen.code != 0 ? d->seen.text : "";
    }
    c.look_due_at =
        deploy_is_looked_at(&d->wish) && !c.released && !c.revoked ? next_look(e) : (struct wall){0};
    if (d->daily && current)
        note_look(d, &c, why);
    else if (!d->daily && why == NULL)
        note_success(d, &c);
    else if (!d->daily)
        note_failure(d, &c, why);
    /* A generation that was published meanwhile has its own deployment ahead. */
    if (c.generation != d->record.generation) {
        c.deploy_due_at = engine_now(e);
        c.deploy_step = 0;
    }
    if (certificate_save(e, &c, &err) < 0)
        log_certificate(c.name, LOG_LEVEL_ERROR, "%s: %s", c.name, err.text);
    crash_point(engine_deploy_noted);
    if (!d->daily && why != NULL)
        happen(e, &c, &d->wish, DEPLOY_FAILING, why->text);
}

/* Who asked for the look waits for what comes of it. */
static void deploy_anew(struct deployment *d)
{
    struct engine *e = d->engine;
    struct job_watch *watches = d->watches;
    char name[STORE_NAME_MAX + 1];
    snprintf(name, sizeof name, "%s", d->record.name);
    d->watches = NULL;
    end(d);
    deploy_start(e, name, "deployed", watches);
}

static void over(struct deployment *d, const struct err *why)
{
    struct err err = ERR_INIT;
    if (d->back) {
        err = d->why;
        if (why != NULL)
            err_set(&err, d->why.code,
                "%s; and the generation before, which was put back, could not be deployed either: %s",
                d->why.text, why->text);
        why = &err;
    }
    record_outcome(d, why);
    if (d->daily && d->watches != NULL && (why != NULL || d->repaired)) {
        deploy_anew(d);
        return;
    }
    if (why != NULL && !d->daily) {
        struct err told = *why;
        err_prefix(&told, "the certificate is there, but its deployment failed and is tried again");
        tell(d, &told);
    } else {
        tell(d, why);
    }
    end(d);
}

/* --- the machine --- */

static void next_step(struct deployment *d);

static int ask(struct deployment *d, struct channel *to, enum msg_type t, const void *m, enum msg_type answer,
    channel_reply_fn *fn, struct err *err)
{
    if (to == NULL)
        return err_set(err, ERR_IPC, "the keeper is not running");
    return channel_request(to, t, m, answer, fn, d, err);
}

static void on_copies(const void *msg, const struct err *why, void *arg)
{
    struct deployment *d = arg;
    const struct msg_copies_made *m = msg;
    struct err err = ERR_INIT;
    if (m != NULL && m->written.n > 0) {
        const char *text =
            arena_printf(d->arena, "%s%s%s", m->written.p[0], m->written.n > 1 ? " and others" : "",
                d->daily ? ": not as it was published, written again" : ": written");
        d->repaired = true;
        if (d->daily) {
            history_add(d->engine, d->record.name, "repaired", text, NULL);
            log_certificate(d->record.name, LOG_LEVEL_WARNING, "%s: %s", d->record.name, text);
        }
        json_array_append_new(d->steps, json_pack("{s:s}", "copies", text));
    }
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0)
        over(d, &err);
    else
        next_step(d);
}

static void copies(struct deployment *d)
{
    struct err err = ERR_INIT;
    struct msg_copies_make m = {d->record.permit, (uint32_t)d->record.variant};
    if (d->wish.publication_n == 0 && d->wish.key_group[0] == '\0')
        next_step(d);
    else if (ask(d, d->engine->parent, MSG_copies_make, &m, MSG_copies_made, on_copies, &err) < 0)
        over(d, &err);
}

static void on_hook(const void *msg, const struct err *why, void *arg)
{
    const struct msg_hook_ran *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    deployment_step_done(arg, m != NULL ? m->output : "", r < 0 ? &err : NULL);
}

static void command(struct deployment *d)
{
    struct err err = ERR_INIT;
    struct msg_hook_run m = {.permit = d->record.permit,
        .variant = (uint32_t)d->record.variant,
        .step = (uint32_t)d->at,
        .event = deploy_event_text(d->event),
        .fingerprint = d->fingerprint,
        .not_after = d->not_after.s};
    if (ask(d, d->engine->parent, MSG_hook_run, &m, MSG_hook_ran, on_hook, &err) < 0)
        over(d, &err);
}

/* evercert is about to end: the next start goes on with the step that would come now. */
static void park(struct deployment *d)
{
    struct err err = ERR_INIT;
    struct certificate c;
    if (!d->daily && !d->back &&
        store_certificate_get(d->engine->store, str_c(d->record.name), d->arena, &c, &err) == 0 &&
        c.generation == d->record.generation) {
        c.deploy_step = (int64_t)(d->at < d->own_n ? d->at : d->own_n);
        if (certificate_save(d->engine, &c, &err) < 0)
            log_certificate(c.name, LOG_LEVEL_ERROR, "%s: %s", c.name, err.text);
        log_about(&(struct log_about){.certificate = c.name, .event = "parked"}, LOG_LEVEL_INFO,
            "%s: its deployment goes on at the next start", c.name);
    }
    err_set(&err, ERR_CANCELLED, "evercert was stopped; the deployment goes on at its next start");
    tell(d, &err);
    end(d);
}

static bool has_more(const struct deployment *d)
{
    for (size_t i = d->at; i < d->wish.deploy_n; i++)
        if (deploy_is_for(&d->wish.deploys[i], d->event) && !(d->daily && d->wish.deploys[i].argc > 0))
            return true;
    return d->engine->containers && !d->told && !d->daily;
}

static void next_step(struct deployment *d)
{
    if (d->engine->stopping && has_more(d)) {
        park(d);
        return;
    }
    for (; d->at < d->wish.deploy_n; d->at++) {
        const struct deploy *s = &d->wish.deploys[d->at];
        if (!deploy_is_for(s, d->event) || (d->daily && s->argc > 0))
            continue;
        if (s->argc == 0)
            look_start(d);
        else if (s->batch && !d->back)
            batch_park(d);
        else
            command(d);
        return;
    }
    if (d->engine->containers && !d->told && !d->daily)
        consumers_park(d);
    else
        over(d, NULL);
}

/* Which generation is live instead of the newest; 0: that one is. */
static void note_live(struct deployment *d, int64_t generation)
{
    struct err err = ERR_INIT;
    struct certificate c;
    if (store_certificate_get(d->engine->store, str_c(d->record.name), d->arena, &c, &err) < 0)
        return;
    c.live_generation = generation;
    if (certificate_save(d->engine, &c, &err) < 0)
        log_certificate(c.name, LOG_LEVEL_ERROR, "%s: %s", c.name, err.text);
}

static void on_put_back(const void *msg, const struct err *why, void *arg)
{
    struct deployment *d = arg;
    const struct msg_live_switched *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0 || m == NULL) {
        struct err both = d->why;
        err_set(&both, d->why.code, "%s; nothing was put back: %s", d->why.text, err.text);
        over(d, &both);
        return;
    }
    d->back = true;
    d->fingerprint = arena_dup_c(d->arena, m->fingerprint);
    d->not_after = (struct wall){m->not_after};
    const char *text =
        arena_printf(d->arena, "generation %lld was put back: %s", (long long)m->generation, d->why.text);
    history_add(d->engine, d->record.name, "rolled-back", text, NULL);
    log_certificate(d->record.name, LOG_LEVEL_WARNING, "%s: %s", d->record.name, text);
    note_live(d, m->generation);
    crash_point(engine_put_back_noted);
    d->at = 0;
    d->told = false;
    d->wish.deploy_n = d->own_n;
    copies(d);
}

/* rollback: what was served before is better than what is not served at all. */
static bool put_back(struct deployment *d, const struct err *why)
{
    struct msg_live_switch m = {d->record.permit, (uint32_t)d->record.variant, d->record.generation, true};
    struct err err = ERR_INIT;
    if (d->daily || d->back || !d->wish.deploys[d->at].rollback || why->code == ERR_CANCELLED)
        return false;
    d->why = *why;
    if (ask(d, d->engine->keeper, MSG_live_switch, &m, MSG_live_switched, on_put_back, &err) < 0)
        on_put_back(NULL, &err, d);
    return true;
}

void deployment_step_done(struct deployment *d, const char *output, const struct err *err)
{
    const struct deploy *s = &d->wish.deploys[d->at];
    json_array_append_new(d->steps,
        json_pack("{s:s, s:s, s:s}", s->argc > 0 ? "run" : "verify", s->argc > 0 ? s->argv[0] : s->verify,
            "output", output, "error", err != NULL ? err->text : ""));
    crash_point(engine_deploy_stepped);
    if (err == NULL) {
        d->at++;
        next_step(d);
    } else if (!put_back(d, err)) {
        over(d, err);
    }
}

void deployment_told(struct deployment *d, const char *output, const struct err *err)
{
    if (d->told_n > 0 || err != NULL)
        json_array_append_new(d->steps, json_pack("{s:I, s:s, s:s}", "containers", (json_int_t)d->told_n,
                                            "output", output, "error", err != NULL ? err->text : ""));
    if (err == NULL)
        next_step(d);
    else
        over(d, err);
}

static void on_newest_again(const void *msg, const struct err *why, void *arg)
{
    struct deployment *d = arg;
    const struct msg_live_switched *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0) {
        over(d, &err);
        return;
    }
    note_live(d, 0);
    copies(d);
}

/* Whether another generation may be live than the newest: it was put back, or a crash came before that was
 * noted. */
static bool may_be_back(const struct deployment *d)
{
    bool back = d->record.live_generation != 0;
    for (size_t i = 0; i < d->own_n; i++)
        back = back || d->wish.deploys[i].rollback;
    return back;
}

static void begin(struct deployment *d)
{
    struct msg_live_switch m = {d->record.permit, (uint32_t)d->record.variant, d->record.generation, false};
    struct err err = ERR_INIT;
    crash_point(engine_deploy_begun);
    if (d->engine->stopping)
        park(d);
    else if (d->daily || !may_be_back(d))
        copies(d);
    else if (ask(d, d->engine->keeper, MSG_live_switch, &m, MSG_live_switched, on_newest_again, &err) < 0)
        over(d, &err);
}

/* --- starting --- */

static int load(struct deployment *d, const char *name, struct err *err)
{
    struct certificate *c = &d->record;
    int r = store_certificate_get(d->engine->store, str_c(name), d->arena, c, err);
    if (r < 0 || (r = wish_decode(str_c(c->wish), d->arena, &d->wish, err)) < 0 ||
        (r = wish_select(&d->wish, (uint32_t)c->variant, d->arena, err)) < 0)
        return r;
    if (!deploy_event_parse(c->deploy_event, &d->event))
        d->event = DEPLOY_RENEWED;
    c->deploy_event = deploy_event_text(d->event);
    d->fingerprint = c->fingerprint;
    d->not_after = c->not_after;
    d->own_n = d->wish.deploy_n;
    if (c->deploy_step > 0 && c->deploy_step <= (int64_t)d->own_n && c->live_generation == 0)
        d->at = (size_t)c->deploy_step;
    return 0;
}

/* What cannot even be started must not be found due for ever. */
static void put_off(struct deployment *d, const struct err *why)
{
    struct certificate *c = &d->record;
    if (c->name == NULL)
        return;
    c->deploy_failures++;
    c->deploy_error = why->text;
    c->look_due_at = next_look(d->engine);
    if (c->deploy_due_at.s > 0)
        c->deploy_due_at = schedule_deploy_at(engine_now(d->engine), c->deploy_failures, d->random);
    (void)certificate_save(d->engine, c, NULL);
}

static int start(struct engine *e, const char *name, bool daily, const char *said, struct job_watch *watches,
    struct err *err)
{
    struct deployment *d = calloc(1, sizeof *d);
    if (d == NULL)
        abort();
    *d = (struct deployment){.next = e->deployments,
        .engine = e,
        .arena = arena_new(),
        .watches = watches,
        .daily = daily,
        .steps = json_array(),
        .random = random_u64()};
    if (said != NULL)
        d->said = arena_dup_c(d->arena, said);
    e->deployments = d;
    e->deployment_n++;
    int r = load(d, name, err);
    if (r < 0) {
        put_off(d, err);
        tell(d, err);
        end(d);
        return r;
    }
    if (daily)
        d->at = 0;
    for (struct job_watch *w = watches; w != NULL; w = w->next)
        session_progress(e, w->session, name, daily ? "looking" : "deploying");
    begin(d);
    return 0;
}

void deploy_start(struct engine *e, const char *name, const char *said, struct job_watch *watches)
{
    struct err err = ERR_INIT;
    if (start(e, name, false, said, watches, &err) < 0)
        log_certificate(name, LOG_LEVEL_ERROR, "%s: %s", name, err.text);
}

void deploy_look(struct engine *e, const char *name, const char *said, struct job_watch *watches)
{
    struct err err = ERR_INIT;
    if (start(e, name, true, said, watches, &err) < 0)
        log_certificate(name, LOG_LEVEL_ERROR, "%s: %s", name, err.text);
    else
        standing_watch(e, name);
}
