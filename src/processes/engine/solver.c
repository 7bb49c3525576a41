/* The way to the solver, which is started when somebody needs it. */
#include "processes/engine/engine.h"

#include <stdlib.h>

struct solver_waiter {
    struct solver_waiter *next;
    solver_ready_fn *fn; /* NULL: it does not wait any more */
    void *arg;
};

/* In the order in which they came. */
static void tell(struct engine *e, const struct err *err)
{
    while (e->solver_waiters != NULL) {
        struct solver_waiter *w = e->solver_waiters;
        e->solver_waiters = w->next;
        if (w->fn != NULL)
            w->fn(e, err, w->arg);
        free(w);
    }
}

static void on_started(const void *msg, const struct err *why, void *arg)
{
    struct engine *e = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (r == 0 && e->solver == NULL) /* it died as soon as it was there */
        r = err_set(&err, ERR_IPC, "the solver is not running");
    tell(e, r < 0 ? &err : NULL);
}

void solver_need(struct engine *e, solver_ready_fn *fn, void *arg)
{
    struct solver_waiter **last = &e->solver_waiters;
    struct err err = ERR_INIT;
    if (e->solver != NULL) {
        fn(e, NULL, arg);
        return;
    }
    bool asked = *last != NULL;
    struct solver_waiter *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    *w = (struct solver_waiter){.fn = fn, .arg = arg};
    while (*last != NULL)
        last = &(*last)->next;
    *last = w;
    if (!asked && channel_request(e->parent, MSG_solver_need, &(struct msg_solver_need){true}, MSG_done,
                      on_started, e, &err) < 0)
        tell(e, &err);
}

void solver_forget(struct engine *e, const void *arg)
{
    for (struct solver_waiter *w = e->solver_waiters; w != NULL; w = w->next)
        if (w->arg == arg)
            w->fn = NULL;
}
