#include "processes/watcher/settle.h"

#include <string.h>

static void trouble(struct settle *s, int64_t at_ms)
{
    if (!s->troubled || s->trouble_ms < at_ms)
        s->trouble_ms = at_ms;
    s->troubled = true;
}

void settle_look(struct settle *s, const struct container *c, int64_t now_ms, int64_t now_s)
{
    bool restarting = strcmp(c->state, "restarting") == 0;
    if (restarting || s->restarting || (s->known && c->restarts > s->restarts)) {
        trouble(s, now_ms);
    } else if (!s->known && c->restarts > 0) {
        /* The clock of an engine elsewhere may be ahead of ours; then its time counts from now. */
        int64_t ran_s = c->started_s > 0 && c->started_s < now_s ? now_s - c->started_s : 0;
        if (ran_s < SETTLE_S)
            trouble(s, now_ms - ran_s * 1000);
    }
    s->known = true;
    s->restarting = restarting;
    s->restarts = c->restarts;
}

void settle_died(struct settle *s, int64_t now_ms)
{
    trouble(s, now_ms);
}

bool container_is_up(const struct container *c)
{
    static const char *const states[] = {"running", "paused", "restarting"};
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(c->state, states[i]) == 0)
            return true;
    return false;
}

bool claimable(const struct settle *s, const struct container *c, int64_t now_ms, int64_t *wait_ms)
{
    *wait_ms = -1;
    if (!container_is_up(c))
        return false;
    if (s->sent || (!s->troubled && !s->restarting))
        return true;
    int64_t settled_ms = s->trouble_ms + SETTLE_S * 1000LL;
    if (s->restarting) /* its next start is a change that is looked at anew */
        return false;
    if (now_ms >= settled_ms)
        return true;
    *wait_ms = settled_ms - now_ms;
    return false;
}
