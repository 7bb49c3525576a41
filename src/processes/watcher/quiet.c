#include "processes/watcher/quiet.h"

#include <stdlib.h>

int64_t quiet_wait(int64_t first_ms, int64_t now_ms, int64_t min_ms, int64_t max_ms)
{
    int64_t left = first_ms + max_ms - now_ms;
    int64_t wait = min_ms < left ? min_ms : left;
    return wait > 0 ? wait : 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct quiet *q = arg;
    (void)fd, (void)what;
    q->waiting = false;
    q->fn(q->arg);
}

void quiet_init(
    struct quiet *q, struct event_base *base, const struct clock *clock, void (*fn)(void *arg), void *arg)
{
    *q = (struct quiet){.clock = clock, .fn = fn, .arg = arg};
    q->timer = event_new(base, -1, 0, on_timer, q);
    if (q->timer == NULL)
        abort();
}

static void set(struct quiet *q, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (event_add(q->timer, &tv) != 0)
        abort();
}

void quiet_touch(struct quiet *q)
{
    int64_t now_ms = clock_mono(q->clock).ms;
    if (!q->waiting)
        q->first_ms = now_ms;
    q->waiting = true;
    set(q, quiet_wait(q->first_ms, now_ms, q->min_ms, q->max_ms));
}

void quiet_now(struct quiet *q)
{
    if (!q->waiting)
        q->first_ms = clock_mono(q->clock).ms;
    q->waiting = true;
    set(q, 0);
}

void quiet_after(struct quiet *q, int64_t ms)
{
    if (!q->waiting)
        set(q, ms);
}

void quiet_cancel(struct quiet *q)
{
    q->waiting = false;
    event_del(q->timer);
}

void quiet_end(struct quiet *q)
{
    if (q->timer != NULL)
        event_free(q->timer);
    q->timer = NULL;
}
