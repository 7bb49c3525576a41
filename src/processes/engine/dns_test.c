/* `dns test`: one round of showing and taking down the answer to a challenge, the way an order goes. */
#include "processes/engine/placed.h"

#include "acme/identifier.h"
#include "base/b64.h"
#include "os/random.h"

#include <stdlib.h>

/* Octets of what stands in for a token and for the thumbprint of a key: as many as they have. */
enum { TEST_OCTETS = 32 };

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
        say(t, "removed");
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

/* What is shown is durable by then. */
static void on_next_turn(evutil_socket_t fd, short what, void *arg)
{
    struct test *t = arg;
    (void)fd, (void)what;
    placed_show(t->placed, 0, on_step, on_shown, t);
}

static const char *random_text(struct arena *a)
{
    unsigned char octets[TEST_OCTETS];
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * TEST_OCTETS);
    random_bytes(octets, sizeof octets);
    b64url_encode(&text, (struct str){(const char *)octets, sizeof octets});
    return arena_dup(a, buf_str(&text));
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
    const char *token = random_text(a);
    const struct challenge_record record = {.certificate = w.name,
        .token = token,
        .kind = CHALLENGE_DNS_01,
        .identifier = identifier_base(str_c(w.domains[0])).p,
        .label = "",
        .key_authorization = arena_printf(a, "%s.%s", token, random_text(a)),
        .note = "",
        .permit = c->m->permit};
    c->s->waiting++;
    t->placed = placed_new(c->e, &record);
    if (event_base_once(c->e->process.base, -1, EV_TIMEOUT, on_next_turn, t, &(struct timeval){0}) != 0)
        abort();
}
