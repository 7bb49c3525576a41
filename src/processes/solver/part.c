/* One entry's share of a record: it is written, looked for, and taken out again. */
#include "processes/solver/solver.h"

#include "base/crash_point.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

const struct propagation *part_propagation(const struct part *p)
{
    return p->entry->has_propagation ? &p->entry->propagation : &p->work->book->propagation;
}

bool part_is_busy(const struct part *p)
{
    return p->call != NULL || p->running;
}

static void settle(struct part *p)
{
    p->done = true;
    work_part_settled(p->work);
}

void part_fail(struct part *p, const struct err *why)
{
    p->err = arena_alloc(p->work->arena, sizeof *p->err);
    *p->err = *why;
    settle(p);
}

/* --- written, or taken out --- */

static void on_written(struct part *p, const char *handle, const char *zone, const struct err *why)
{
    struct work *w = p->work;
    if (handle != NULL && handle[0] != '\0')
        p->handle = arena_dup_c(w->arena, handle);
    if (zone != NULL && zone[0] != '\0' && p->zone[0] == '\0')
        p->zone = arena_dup_c(w->arena, zone);
    if (why != NULL) {
        /* Who was refused has written nothing, and would not be let take anything out either. */
        p->touched = p->touched && (why->code != ERR_REFUSED || w->kind != WORK_PRESENT);
        part_fail(p, why);
        return;
    }
    p->written = true;
    if (w->kind == WORK_PRESENT)
        crash_point(solver_record_written);
    else
        crash_point(solver_record_gone);
    work_step(w, true, "written at %s", p->entry->name);
    settle(p);
}

static void on_lua(const struct lua_outcome *o, const struct err *why, void *arg)
{
    struct part *p = arg;
    p->call = NULL;
    on_written(p, o != NULL ? o->handle : NULL, o != NULL ? o->zone : NULL, why);
}

static void call_lua(struct part *p)
{
    const struct work *w = p->work;
    const struct lua_request request = {.action = w->kind == WORK_PRESENT ? LUA_PRESENT : LUA_CLEANUP,
        .name = p->record,
        .value = w->value,
        .handle = p->handle,
        .identifier = w->identifier,
        .token = w->token,
        .key_authorization = w->key_authorization};
    p->call = lua_call_start(p->entry->lua, &request, on_lua, p);
}

static void on_ran(const void *msg, const struct err *why, void *arg)
{
    struct part *p = arg;
    const struct msg_challenge_ran *m = msg;
    struct err err = ERR_INIT;
    p->running = false;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    on_written(p, m != NULL ? m->output : NULL, NULL, r < 0 ? &err : NULL);
}

/* How many of the same certificate have yet to come: some programs act when the last one has. */
static uint32_t remaining_behind(const struct work *w)
{
    uint32_t n = 0;
    for (const struct work *other = w->solver->works; other != NULL; other = other->next) {
        bool begun = other->part_n > 0 && other->parts[0].touched;
        n += other != w && other->kind == WORK_PRESENT && !other->answered && !begun &&
             str_eq(other->permit, w->permit);
    }
    return n;
}

static void run_program(struct part *p)
{
    const struct work *w = p->work;
    const struct msg_challenge_run m = {.permit = w->permit,
        .entry = p->entry->name,
        .cleanup = w->kind == WORK_WITHDRAW,
        .challenge = w->challenge,
        .identifier = w->identifier,
        .record = p->record,
        .zone = p->zone,
        .value = w->value,
        .token = w->token,
        .key_authorization = w->key_authorization,
        .remaining = w->kind == WORK_PRESENT ? remaining_behind(w) : 0,
        .output = p->handle};
    struct err err = ERR_INIT;
    if (channel_request(w->solver->parent, MSG_challenge_run, &m, MSG_challenge_ran, on_ran, p, &err) < 0)
        part_fail(p, &err);
    else
        p->running = true;
}

static void tell_answerer(struct part *p)
{
    const struct work *w = p->work;
    struct err err = ERR_INIT;
    int r = 0;
    if (w->kind == WORK_PRESENT)
        r = held_put(w->solver, w->wish->name, p->record, w->value, &err);
    else
        held_remove(w->solver, w->wish->name, p->record, w->value);
    on_written(p, NULL, NULL, r < 0 ? &err : NULL);
}

static void write_it(struct part *p)
{
    p->touched = true;
    /* The engine has the name before anything is there that might have to be taken out. */
    work_step(p->work, true, "writing %s at %s", p->record, p->entry->name);
    crash_point(solver_record_ahead);
    switch (p->entry->kind) {
    case ENTRY_LUA:
        call_lua(p);
        break;
    case ENTRY_PROGRAM:
        run_program(p);
        break;
    case ENTRY_BUILTIN:
        tell_answerer(p);
        break;
    }
}

static void on_place(const struct dns_place *place, const struct err *why, void *arg)
{
    struct part *p = arg;
    p->question = NULL;
    if (place == NULL) {
        struct err err = *why;
        err_prefix(&err, "finding the zone of %s", p->work->name);
        part_fail(p, &err);
        return;
    }
    struct err err = ERR_INIT;
    if (names_place(place->name, place->zone, &err) < 0) {
        part_fail(p, &err);
        return;
    }
    p->record = arena_dup_c(p->work->arena, place->name);
    p->zone = arena_dup_c(p->work->arena, place->zone);
    write_it(p);
}

void part_start(struct part *p)
{
    if (p->record != NULL)
        write_it(p);
    else
        p->question = dns_locate(p->entry->view->dns, p->work->name, on_place, p);
}

/* --- is it everywhere? --- */

static void on_spread(const struct propagation_result *result, const struct err *why, void *arg)
{
    struct part *p = arg;
    (void)result;
    p->watch = NULL;
    if (why == NULL) {
        settle(p);
        return;
    }
    struct err err = *why;
    err_prefix(&err, "zone %s: waiting for %s", p->zone, p->record);
    part_fail(p, &err);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct part *p = arg;
    (void)fd, (void)what;
    settle(p);
}

void part_watch(struct part *p)
{
    const struct propagation *how = part_propagation(p);
    const struct timeval wait = {how->delay_s, 0};
    if (how->check == PROPAGATION_NONE) {
        p->pause = evtimer_new(p->work->solver->process.base, on_pause_over, p);
        if (p->pause == NULL || event_add(p->pause, &wait) != 0)
            abort();
        if (how->delay_s > 0)
            work_step(p->work, false, "waiting %lld s for %s", (long long)how->delay_s, p->zone);
        return;
    }
    const struct propagation_spec spec = {.name = p->record,
        .zone = p->zone,
        .value = p->work->value,
        .authoritative = true,
        .recursive = how->check == PROPAGATION_RECURSIVE,
        .timeout_ms = how->timeout_s * 1000,
        .delay_ms = how->delay_s * 1000,
        .nameservers = how->nameservers,
        .nameserver_n = how->nameserver_n};
    work_step(p->work, false, "waiting for the servers of %s", p->zone);
    p->watch = propagation_start(p->entry->view->dns, &spec, on_spread, p);
}

/* --- ending it --- */

void part_quiet(struct part *p)
{
    dns_cancel(p->question);
    p->question = NULL;
    if (p->watch != NULL)
        propagation_cancel(p->watch);
    p->watch = NULL;
    if (p->pause != NULL)
        event_free(p->pause);
    p->pause = NULL;
    p->done = p->done || !part_is_busy(p);
}

void part_drop(struct part *p)
{
    part_quiet(p);
    if (p->call != NULL)
        lua_call_cancel(p->call);
    p->call = NULL;
    if (p->running)
        channel_forget(p->work->solver->parent, p);
    p->running = false;
}
