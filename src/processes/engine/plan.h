/*
 * Which certificates get the free places, in one look at the schedule: the queues that have something due
 * (lanes), the accounts that are open to them, and whose turn it is (policy/turn.h). What it costs grows with
 * queues and places, not with what is due.
 */
#ifndef EVERCERT_PROCESSES_ENGINE_PLAN_H
#define EVERCERT_PROCESSES_ENGINE_PLAN_H

#include "policy/turn.h"
#include "processes/engine/queue.h"

struct lane {
    struct lane *next;
    struct str queue;
    struct wall due_at, urgent_at; /* the earliest of it */
    bool is_due;
    struct queue_state state;
    size_t account;         /* index into the plan's */
    size_t taken;           /* places given to it in this plan */
    bool read, empty;       /* its names were read; there are none left */
    struct due_name *names; /* those that are left */
};

struct plan {
    struct engine *engine;
    struct arena *arena;
    struct wall now;
    struct lane *lanes, **end;
    struct turn_queue *queues;   /* one for each account */
    struct authority **accounts; /* NULL: the one of those whose authorities are not known */
    int64_t *tokens;             /* orders that each may still place */
    size_t n;
    size_t others; /* places of jobs that have no queue here, as what is not due any more */
};

void plan_make(struct engine *e, struct plan *out);
void plan_free(struct plan *p);
/* The next one to begin, and where it stood; NULL where there is none or no place. plan_took where it then
 * has a place. */
struct lane *plan_next(struct plan *p, const char **name);
void plan_took(struct plan *p, struct lane *lane);
/* When the queues are to be looked at again, as far as time alone makes a difference; 0: never. Now, where
 * something is due and waits for a place. */
struct wall plan_look(const struct plan *p);
/* Tells sessions with a pass of what is due in a lane that is not open. */
void plan_tell(struct plan *p, const struct lane *lane);

#endif
