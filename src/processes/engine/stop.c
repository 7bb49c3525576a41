/*
 * The engine's end in good order. Whatever the moment, the store is enough to go on from; but an order that
 * is nearly through is better brought to its end, and what was put up for a CA is better taken down. So:
 * orders get a few seconds; then they are parked and their challenges taken down, for which there are some
 * more; and the answers to what the parent (hooks, copies) and the keeper were asked are waited for, as long
 * as the parent allows.
 */
#include "processes/engine/engine.h"

#include <stdlib.h>

enum {
    STOP_ORDERS_MS = 4 * 1000, /* a CA takes one to three seconds for what remains of most orders */
    STOP_REMOVALS_MS =
        3 * 1000, /* a request or two to a DNS provider; what is left is removed at the next start */
};

static void on_step_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* the turn that this ends looks */
}

/* One step more, of at most so long. */
static void allow(struct engine *e, int64_t ms)
{
    if (e->stop_timer == NULL && (e->stop_timer = evtimer_new(e->process.base, on_step_over, e)) == NULL)
        abort();
    e->stop_until = (struct mono){clock_mono(&system_clock).ms + ms};
    event_add(e->stop_timer, &(struct timeval){ms / 1000, (suseconds_t)(ms % 1000) * 1000});
}

static int64_t left_ms(const struct engine *e)
{
    return e->stop_until.ms - clock_mono(&system_clock).ms;
}

void engine_stop(struct engine *e, bool finish)
{
    if (!finish) {
        process_stop(&e->process);
    } else if (!e->stopping) {
        e->stopping = true;
        allow(e, STOP_ORDERS_MS);
    }
}

static bool asks(const struct channel *c)
{
    return c != NULL && channel_pending(c) > 0;
}

static bool orders_at_work(const struct engine *e)
{
    int64_t left = left_ms(e);
    if (left <= 0)
        return false;
    for (const struct job *j = e->jobs; j != NULL; j = j->next)
        if (job_is_at_work(j, left))
            return true;
    return e->outbox != NULL || asks(e->keeper);
}

void stop_turn(struct engine *e)
{
    if (!e->stopping || (!e->parked && orders_at_work(e)))
        return;
    if (!e->parked) {
        e->parked = true;
        for (struct job *j = e->jobs; j != NULL; j = j->next)
            job_park(j);
        allow(e, STOP_REMOVALS_MS);
    }
    bool removing = e->removals > 0 && left_ms(e) > 0;
    if (!removing && !asks(e->parent) && !asks(e->keeper))
        process_stop(&e->process);
}
