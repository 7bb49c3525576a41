/* What the watcher may say (members.c has the rules), handed to whom it concerns. */
#include "processes/parent/watching.h"

void watcher_on_engine_want(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    watcher_socket(m->parent, msg);
}

void watcher_on_engine_state(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    watcher_engine_state(m->parent, msg);
}

void watcher_on_claims_begin(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)msg, (void)id, (void)fd;
    grants_begin(m->parent);
}

void watcher_on_claim(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    grants_claim(m->parent, msg);
}

void watcher_on_consumer(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    grants_consumer(m->parent, msg);
}

void watcher_on_claim_problem(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    grants_problem(m->parent, msg);
}

void watcher_on_claims_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    watcher_claimed(m->parent, msg);
}

void watcher_on_template_output(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    output_take(m->parent, id, msg);
}

void watcher_on_world_changed(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)msg, (void)id, (void)fd;
    control_world_changed(m->parent);
}
