/* `dns test`: one round of showing and taking down the answer to a challenge, the way an order goes. */
#include "processes/engine/placed.h"

#include "acme/identifier.h"

#include <stdlib.h>

struct test {
    struct engine *engine;
    struct arena *arena;
    uint32_t session;
    const char *name;
    struct placed *placed;
    struct mono began;
    struct err failure; /* code 0: none */
};

static void say(const struct test *t, const char *step)
{
    double seconds = (double)(clock_mono(&system_clock).ms - t->began.ms) / 1000;
    session_row(t->engine, t->session, json_pack("{s:s, s:f}", "step", step, "seconds", seconds));
}

static void end(struct test *t)
{
    session_part_done(t->engine, t->session, t->name, "tested", t->failure.code != 0 ? &t->failure : NULL);
    arena_free(t->arena);
    free(t);
}

static void on_gone(const struct err *err, void *arg)
{
    struct test *t = arg;
    if (err == NULL)
        say(t, t->failure.code == 0 ? "removed" : "nothing is left of it");
    else if (t->failure.code == 0)
        t->failure = *err;
    end(t);
}

static void on_step(const char *step, void *arg)
{
    say(arg, step);
}

static void on_shown(const struct err *err, void *arg)
{
    struct test *t = arg;
    if (err != NULL)
        t->failure = *err;
    else
        say(t, "seen everywhere");
    placed_remove(t->placed, on_gone, t);
}

void dns_test(const struct command *c)
{
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    if (wish_decode(str_c(c->m->wish), a, &w, &err) < 0) {
        command_fail(c, &err);
        arena_free(a);
        return;
    }
    struct test *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort();
    *t = (struct test){
        .engine = c->e, .arena = a, .session = c->s->id, .name = w.name, .began = clock_mono(&system_clock)};
    c->s->waiting++;
    session_progress(c->e, t->session, t->name, "testing"); /* its time is counted from here */
    const struct placed_trial trial = {.kind = CHALLENGE_DNS_01,
        .certificate = w.name,
        .identifier = identifier_base(str_c(w.domains[0])).p,
        .label = "",
        .permit = c->m->permit};
    t->placed = placed_try(c->e, &trial, on_step, on_shown, t);
}
