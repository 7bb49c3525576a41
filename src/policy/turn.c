#include "policy/turn.h"

enum { SHARE_OF_OTHERS = 4 /* the part of all places that one queue leaves to others */ };

/* Whether `a` goes before `b`. */
static bool goes_before(const struct turn_queue *a, const struct turn_queue *b)
{
    return a->in_flight != b->in_flight ? a->in_flight < b->in_flight : a->served < b->served;
}

size_t turn_next(const struct turn_queue *queues, size_t n, size_t places)
{
    size_t taken = 0, next = SIZE_MAX;
    size_t most = places - places / SHARE_OF_OTHERS;
    for (size_t i = 0; i < n; i++) {
        const struct turn_queue *q = &queues[i];
        taken += q->in_flight;
        if (q->has_work && q->in_flight < q->max && q->in_flight < most &&
            (next == SIZE_MAX || goes_before(q, &queues[next])))
            next = i;
    }
    return taken < places ? next : SIZE_MAX;
}

struct wall turn_urgent_at(struct wall due_at, struct wall not_after)
{
    if (due_at.s <= 0 || not_after.s <= 0)
        return (struct wall){0};
    if (due_at.s >= not_after.s)
        return not_after;
    return (struct wall){due_at.s + (not_after.s - due_at.s) / 2};
}
