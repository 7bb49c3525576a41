#include "processes/engine/placed.h"

#include "base/b64.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "os/random.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { PLACED_TOKEN_OCTETS = 32 };

enum stage {
    STAGE_KEPT,     /* in the store */
    STAGE_BEHIND,   /* to be shown when its removal for somebody else is over */
    STAGE_SHOWN,    /* being shown, or there */
    STAGE_REMOVING, /* nobody's any more */
};

struct placed {
    struct placed *next;
    struct engine *engine;
    struct arena *arena;
    struct challenge_record record; /* in the arena */
    uint32_t handle;
    enum stage stage;
    placed_step_fn *step;
    placed_shown_fn *shown; /* NULL: nobody waits */
    placed_gone_fn *gone;   /* NULL: nobody waits */
    void *arg;
    struct event *next_turn; /* of a trial: shows it; else NULL */
};

static bool is_file(const struct placed *p)
{
    return p->record.kind == CHALLENGE_HTTP_01;
}

static bool is_same(const struct placed *p, const struct challenge_record *c)
{
    return strcmp(p->record.certificate, c->certificate) == 0 && strcmp(p->record.token, c->token) == 0;
}

/* The one of that key in that stage, or NULL. */
static struct placed *find(struct engine *e, const struct challenge_record *c, enum stage stage)
{
    for (struct placed *p = e->placed; p != NULL; p = p->next)
        if (p->stage == stage && is_same(p, c))
            return p;
    return NULL;
}

static struct placed *add(struct engine *e, const struct challenge_record *c, enum stage stage)
{
    struct placed *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    *p = (struct placed){
        .next = e->placed, .engine = e, .arena = arena_new(), .handle = ++e->placed_handle, .stage = stage};
    p->record = (struct challenge_record){.certificate = arena_dup_c(p->arena, c->certificate),
        .token = arena_dup_c(p->arena, c->token),
        .kind = c->kind,
        .identifier = arena_dup_c(p->arena, c->identifier),
        .label = arena_dup_c(p->arena, c->label),
        .key_authorization = arena_dup_c(p->arena, c->key_authorization),
        .note = arena_dup_c(p->arena, c->note),
        .permit = arena_str(p->arena, c->permit)};
    e->placed = p;
    return p;
}

static void drop(struct placed *p)
{
    struct placed **at = &p->engine->placed;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (p->next_turn != NULL)
        event_free(p->next_turn);
    arena_free(p->arena);
    free(p);
}

static void keep(struct placed *p)
{
    struct err err = ERR_INIT;
    if (store_challenge_put(p->engine->store, &p->record, &err) < 0)
        log_certificate(p->record.certificate, LOG_LEVEL_ERROR, "%s: %s", p->record.certificate, err.text);
}

static void take_note(struct placed *p, const char *note)
{
    if (note[0] == '\0' || strcmp(note, p->record.note) == 0)
        return;
    p->record.note = arena_dup_c(p->arena, note);
    keep(p);
}

struct placed *placed_new(struct engine *e, const struct challenge_record *c)
{
    struct placed *p = add(e, c, STAGE_KEPT), *before = find(e, c, STAGE_REMOVING);
    if (before != NULL) /* what that one cannot remove is this one's to remove */
        p->record.note = arena_dup_c(p->arena, before->record.note);
    keep(p);
    crash_point(engine_placed_noted);
    return p;
}

/* --- showing --- */

static void settle(struct placed *p, const struct err *err)
{
    placed_shown_fn *shown = p->shown;
    crash_point(engine_placed_shown);
    p->shown = NULL;
    if (shown != NULL)
        shown(err, p->arg);
}

static void on_file_written(const void *msg, const struct err *why, void *arg)
{
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    settle(arg, r < 0 ? &err : NULL);
}

static void on_presented(const void *msg, const struct err *why, void *arg)
{
    struct placed *p = arg;
    const struct msg_dns_presented *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL)
        take_note(p, m->note);
    settle(p, r < 0 ? &err : NULL);
}

static void write_file(struct placed *p)
{
    const struct challenge_record *c = &p->record;
    struct msg_webroot_put m = {c->permit, c->identifier, c->token, c->key_authorization};
    struct err err = ERR_INIT;
    if (channel_request(p->engine->parent, MSG_webroot_put, &m, MSG_done, on_file_written, p, &err) < 0)
        settle(p, &err);
}

static void on_solver_to_show(struct engine *e, const struct err *why, void *arg)
{
    struct placed *p = arg;
    const struct challenge_record *c = &p->record;
    struct err err = ERR_INIT;
    struct msg_dns_present m = {.permit = c->permit,
        .handle = p->handle,
        .challenge = (uint32_t)c->kind,
        .identifier = c->identifier,
        .label = c->label,
        .token = c->token,
        .key_authorization = c->key_authorization};
    if (why != NULL)
        settle(p, why);
    else if (channel_request(e->solver, MSG_dns_present, &m, MSG_dns_presented, on_presented, p, &err) < 0)
        settle(p, &err);
}

static void show(struct placed *p)
{
    p->stage = STAGE_SHOWN;
    if (is_file(p))
        write_file(p);
    else
        solver_need(p->engine, on_solver_to_show, p);
}

void placed_show(struct placed *p, placed_step_fn *step, placed_shown_fn *shown, void *arg)
{
    p->step = step;
    p->shown = shown;
    p->arg = arg;
    if (find(p->engine, &p->record, STAGE_REMOVING) != NULL)
        p->stage = STAGE_BEHIND;
    else
        show(p);
}

void placed_step(struct engine *e, const struct msg_dns_step *m)
{
    for (struct placed *p = e->placed; p != NULL; p = p->next)
        if (p->handle == m->handle && p->stage == STAGE_SHOWN) {
            take_note(p, m->note);
            if (p->step != NULL)
                p->step(m->step, p->arg);
            return;
        }
}

/* Whether the solver had it in its own memory, and another one has to be told again. */
static bool went_with_solver(const struct placed *p)
{
    json_t *note = json_loads(p->record.note, 0, NULL);
    bool again = json_is_true(json_object_get(note, "again"));
    json_decref(note);
    return again;
}

void placed_replay(struct engine *e)
{
    for (struct placed *p = e->placed; p != NULL; p = p->next)
        if (!is_file(p) && p->stage == STAGE_SHOWN && p->shown == NULL && went_with_solver(p))
            on_solver_to_show(e, NULL, p);
}

/* --- trials --- */

const char *placed_token(struct arena *a)
{
    unsigned char octets[PLACED_TOKEN_OCTETS];
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * PLACED_TOKEN_OCTETS);
    random_bytes(octets, sizeof octets);
    b64url_encode(&text, (struct str){(const char *)octets, sizeof octets});
    return arena_dup(a, buf_str(&text));
}

static void on_next_turn(evutil_socket_t fd, short what, void *arg)
{
    struct placed *p = arg;
    (void)fd, (void)what;
    placed_show(p, p->step, p->shown, p->arg);
}

struct placed *placed_try(
    struct engine *e, const struct placed_trial *t, placed_step_fn *step, placed_shown_fn *shown, void *arg)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const char *token = placed_token(a);
    struct placed *p =
        placed_new(e, &(struct challenge_record){.certificate = t->certificate,
                          .token = token,
                          .kind = t->kind,
                          .identifier = t->identifier,
                          .label = t->label,
                          .key_authorization = arena_printf(a, "%s.%s", token, placed_token(a)),
                          .note = "",
                          .permit = t->permit});
    p->step = step;
    p->shown = shown;
    p->arg = arg;
    if ((p->next_turn = evtimer_new(e->process.base, on_next_turn, p)) == NULL)
        abort();
    evtimer_add(p->next_turn, &(struct timeval){0});
    return p;
}

const struct challenge_record *placed_record(const struct placed *p)
{
    return &p->record;
}

/* --- removing --- */

static void on_sweep_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    placed_sweep(arg);
}

static void try_again_later(struct engine *e)
{
    int64_t wait_s = e->sweep_wait_s == 0 ? PLACED_RETRY_FIRST_S : e->sweep_wait_s * 2;
    e->sweep_wait_s = wait_s < PLACED_RETRY_CEILING_S ? wait_s : PLACED_RETRY_CEILING_S;
    if (e->sweep_timer == NULL && (e->sweep_timer = evtimer_new(e->process.base, on_sweep_timer, e)) == NULL)
        abort();
    evtimer_add(e->sweep_timer, &(struct timeval){.tv_sec = e->sweep_wait_s});
}

static void note_failure(struct placed *p, const struct err *err)
{
    const struct challenge_record *c = &p->record;
    const char *text = arena_printf(p->arena, "the %s for %s could not be removed and is tried again: %s",
        is_file(p) ? "challenge file" : "record", c->identifier, err->text);
    log_certificate(c->certificate, LOG_LEVEL_WARNING, "%s: %s", c->certificate, text);
    if (p->engine->sweep_wait_s == 0) /* later tries tell only the log */
        history_add(p->engine, c->certificate, "cleanup-failed", text, NULL);
    try_again_later(p->engine);
}

static void finish(struct placed *p, const struct err *why)
{
    placed_gone_fn *gone = p->gone;
    void *arg = p->arg;
    struct err err = why != NULL ? *why : (struct err)ERR_INIT;
    drop(p);
    if (gone != NULL)
        gone(why != NULL ? &err : NULL, arg);
}

static void removed(struct placed *p, const struct err *why)
{
    struct engine *e = p->engine;
    struct err err = ERR_INIT;
    struct placed *behind = find(e, &p->record, STAGE_BEHIND), *kept = find(e, &p->record, STAGE_KEPT);
    e->removals--;
    crash_point(engine_placed_gone);
    if (why != NULL) {
        note_failure(p, why); /* the row stays */
    } else {
        e->sweep_wait_s = 0;
        /* Where the same order shows it again (after a restart) the row is needed again. */
        if (behind == NULL && kept == NULL &&
            store_challenge_delete(e->store, p->record.certificate, p->record.token, &err) < 0)
            log_certificate(
                p->record.certificate, LOG_LEVEL_WARNING, "%s: %s", p->record.certificate, err.text);
    }
    finish(p, why);
    if (behind != NULL)
        show(behind);
}

static void on_removed(const void *msg, const struct err *why, void *arg)
{
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    removed(arg, r < 0 ? &err : NULL);
}

static void on_solver_to_remove(struct engine *e, const struct err *why, void *arg)
{
    struct placed *p = arg;
    const struct challenge_record *c = &p->record;
    struct err err = ERR_INIT;
    struct msg_dns_withdraw m = {.permit = c->permit,
        .challenge = (uint32_t)c->kind,
        .identifier = c->identifier,
        .label = c->label,
        .token = c->token,
        .key_authorization = c->key_authorization,
        .note = c->note};
    if (why != NULL)
        removed(p, why);
    else if (channel_request(e->solver, MSG_dns_withdraw, &m, MSG_done, on_removed, p, &err) < 0)
        removed(p, &err);
}

static void remove_file(struct placed *p)
{
    const struct challenge_record *c = &p->record;
    struct msg_webroot_remove m = {c->permit, c->identifier, c->token};
    struct err err = ERR_INIT;
    if (channel_request(p->engine->parent, MSG_webroot_remove, &m, MSG_done, on_removed, p, &err) < 0)
        removed(p, &err);
}

static void take_down(struct placed *p)
{
    p->stage = STAGE_REMOVING;
    p->engine->removals++;
    if (is_file(p))
        remove_file(p);
    else
        solver_need(p->engine, on_solver_to_remove, p);
}

void placed_remove(struct placed *p, placed_gone_fn *gone, void *arg)
{
    struct engine *e = p->engine;
    bool asked = p->stage == STAGE_SHOWN;
    if (p->next_turn != NULL)
        event_del(p->next_turn);
    p->shown = NULL;
    p->step = NULL;
    p->gone = gone;
    p->arg = arg;
    channel_forget(e->parent, p);
    if (e->solver != NULL)
        channel_forget(e->solver, p);
    solver_forget(e, p);
    if (!asked) {
        struct err err = ERR_INIT;
        if (find(e, &p->record, STAGE_REMOVING) == NULL &&
            store_challenge_delete(e->store, p->record.certificate, p->record.token, &err) < 0)
            log_certificate(
                p->record.certificate, LOG_LEVEL_WARNING, "%s: %s", p->record.certificate, err.text);
        finish(p, NULL);
        return;
    }
    take_down(p);
}

void placed_leave(struct placed *p)
{
    p->shown = NULL;
    p->step = NULL;
    p->gone = NULL;
}

static bool is_held(const struct engine *e, const struct challenge_record *c)
{
    for (const struct placed *p = e->placed; p != NULL; p = p->next)
        if (is_same(p, c))
            return true;
    return false;
}

static int sweep_one(const struct challenge_record *c, void *arg)
{
    struct engine *e = arg;
    if (!is_held(e, c))
        take_down(add(e, c, STAGE_KEPT));
    return 0;
}

void placed_hurry(struct engine *e)
{
    if (e->sweep_timer != NULL && evtimer_pending(e->sweep_timer, NULL))
        evtimer_add(e->sweep_timer, &(struct timeval){0});
}

void placed_sweep(struct engine *e)
{
    struct err err = ERR_INIT;
    if (store_challenge_each(e->store, sweep_one, e, &err) < 0)
        log_error("%s", err.text);
}
