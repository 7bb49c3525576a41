/* What a permit says is the keeper's to tell: the engine's word is not enough to write a file or run a
 * program. */
#include "processes/parent/parent.h"

#include <stdlib.h>

struct consultation {
    struct parent *p;
    permit_fn *then;
    void *arg;
};

static void on_opened(const void *msg, const struct err *why, void *arg)
{
    struct consultation *c = arg;
    const struct msg_permit_opened *m = msg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish wish;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0)
        r = wish_decode(str_c(m->wish), a, &wish, &err);
    c->then(c->p, r == 0 ? &wish : NULL, r == 0 ? NULL : &err, c->arg);
    free(c);
}

void permit_consult(struct parent *p, struct str permit, permit_fn *then, void *arg)
{
    struct channel *keeper = member_channel(p, MEMBER_KEEPER);
    struct consultation *c = calloc(1, sizeof *c);
    struct err err = ERR_INIT;
    if (c == NULL)
        abort();
    *c = (struct consultation){p, then, arg};
    struct msg_permit_open m = {permit};
    int r = keeper == NULL
                ? err_set(&err, ERR_IPC, "the keeper is not running")
                : channel_request(keeper, MSG_permit_open, &m, MSG_permit_opened, on_opened, c, &err);
    if (r < 0) {
        then(p, NULL, &err, arg);
        free(c);
    }
}

void engine_done(struct parent *p, unsigned life, uint32_t id, const struct err *err)
{
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    struct err failure = ERR_INIT;
    if (engine != NULL && life == p->engine_life &&
        channel_send(engine, MSG_done, id, &(struct msg_done){msg_error_of(err)}, -1, &failure) < 0)
        log_error("%s", failure.text);
}
