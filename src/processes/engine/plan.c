#include "processes/engine/plan.h"

#include "base/log.h"

enum { TOLD_MAX = 1000 /* certificates of one queue that a pass names; the others are in `list` */ };

struct due_name {
    struct due_name *next;
    const char *name;
    bool urgent;
};

/* --- making it --- */

static int note_lane(const struct store_queue *q, void *arg)
{
    struct plan *p = arg;
    struct lane *lane = arena_alloc(p->arena, sizeof *lane);
    *lane = (struct lane){.queue = arena_str(p->arena, q->name),
        .due_at = q->due_at,
        .urgent_at = q->urgent_at,
        .is_due = q->due_at.s <= p->now.s};
    *p->end = lane;
    p->end = &lane->next;
    return 0;
}

static size_t in_flight(const struct engine *e, const struct authority *a)
{
    size_t n = 0;
    for (const struct job *j = e->jobs; j != NULL; j = j->next)
        if (!j->over && j->place == a)
            n++;
    return n;
}

static size_t add_account(struct plan *p, struct authority *a)
{
    struct wall may_at;
    const char *reason;
    for (size_t i = 0; i < p->n; i++)
        if (p->accounts[i] == a)
            return i;
    size_t max = a != NULL && a->orders_max > 0 ? a->orders_max : SIZE_MAX;
    p->accounts[p->n] = a;
    p->tokens[p->n] = a != NULL ? ledger_orders_left(a, &may_at, &reason, p->arena) : INT64_MAX;
    p->queues[p->n] = (struct turn_queue){.in_flight = in_flight(p->engine, a),
        .max = a != NULL ? outage_places(&a->outage, p->now, max) : max,
        .served = a != NULL ? a->served : 0};
    return p->n++;
}

void plan_make(struct engine *e, struct plan *out)
{
    struct err err = ERR_INIT;
    size_t n = 0;
    *out = (struct plan){.engine = e, .arena = arena_new(), .now = engine_now(e)};
    out->end = &out->lanes;
    if (store_queues(e->store, note_lane, out, &err) < 0)
        log_error("%s", err.text);
    for (const struct lane *lane = out->lanes; lane != NULL; lane = lane->next)
        n++;
    out->queues = arena_array(out->arena, n, sizeof *out->queues);
    out->accounts = arena_array(out->arena, n, sizeof(struct authority *));
    out->tokens = arena_array(out->arena, n, sizeof *out->tokens);
    for (struct lane *lane = out->lanes; lane != NULL; lane = lane->next) {
        if (!lane->is_due)
            continue;
        queue_look(e, lane->queue, out->arena, &lane->state);
        if (lane->state.open)
            lane->account = add_account(out, lane->state.account);
    }
    for (const struct job *j = e->jobs; j != NULL; j = j->next)
        out->others += j->over ? 0 : 1;
    for (size_t i = 0; i < out->n; i++)
        out->others -= out->queues[i].in_flight;
}

void plan_free(struct plan *p)
{
    arena_free(p->arena);
}

/* --- whose turn it is --- */

struct reading {
    struct plan *plan;
    struct due_name **end;
};

static int note_name(const char *name, bool urgent, void *arg)
{
    struct reading *r = arg;
    if (job_find(r->plan->engine, name) != NULL)
        return 0;
    *r->end = arena_alloc(r->plan->arena, sizeof **r->end);
    **r->end = (struct due_name){NULL, arena_dup_c(r->plan->arena, name), urgent};
    r->end = &(*r->end)->next;
    return 0;
}

/* Those that are got just now are still due in the store, so as many more are asked for. */
static void read_names(struct plan *p, struct lane *lane)
{
    struct err err = ERR_INIT;
    struct reading r = {p, &lane->names};
    size_t limit = p->engine->orders_max + p->engine->job_n;
    if (!lane->read && store_queue_due(p->engine->store, lane->queue, p->now, limit, note_name, &r, &err) < 0)
        log_error("%s", err.text);
    lane->read = true;
    lane->empty = lane->names == NULL;
}

static bool has_work(const struct plan *p, const struct lane *lane)
{
    return lane->is_due && lane->state.open && !lane->empty &&
           (!lane->state.takes || p->tokens[lane->account] > 0);
}

static bool is_urgent(const struct plan *p, const struct lane *lane)
{
    return lane->read ? lane->names->urgent : lane->urgent_at.s > 0 && lane->urgent_at.s <= p->now.s;
}

/* Whether `a` goes before `b`, of the same account: what is urgent, then each in turn, and where it is
 * nobody's turn yet who has waited longest: places that become free one by one must not all go to the first
 * lane. */
static bool goes_before(const struct plan *p, const struct lane *a, const struct lane *b)
{
    bool urgent = is_urgent(p, a);
    if (urgent != is_urgent(p, b))
        return urgent;
    return a->taken != b->taken ? a->taken < b->taken : a->due_at.s < b->due_at.s;
}

static struct lane *lane_of(const struct plan *p, size_t account)
{
    struct lane *best = NULL;
    for (struct lane *lane = p->lanes; lane != NULL; lane = lane->next) {
        if (!has_work(p, lane) || lane->account != account)
            continue;
        if (best == NULL || goes_before(p, lane, best))
            best = lane;
    }
    return best;
}

struct lane *plan_next(struct plan *p, const char **name)
{
    size_t max = p->engine->orders_max, places = max > p->others ? max - p->others : 0;
    for (;;) {
        for (size_t i = 0; i < p->n; i++)
            p->queues[i].has_work = lane_of(p, i) != NULL;
        size_t i = turn_next(p->queues, p->n, places);
        if (i == SIZE_MAX)
            return NULL;
        struct lane *lane = lane_of(p, i);
        read_names(p, lane);
        if (lane->names == NULL)
            continue;
        *name = lane->names->name;
        lane->names = lane->names->next;
        lane->empty = lane->names == NULL;
        return lane;
    }
}

void plan_took(struct plan *p, struct lane *lane)
{
    struct authority *a = p->accounts[lane->account];
    p->queues[lane->account].in_flight++;
    p->queues[lane->account].served = ++p->engine->turn;
    if (a != NULL)
        a->served = p->engine->turn;
    lane->taken++;
    if (lane->state.takes)
        p->tokens[lane->account]--;
}

/* --- what is left --- */

struct wall plan_look(const struct plan *p)
{
    int64_t next = 0;
    for (const struct lane *lane = p->lanes; lane != NULL; lane = lane->next) {
        int64_t at = lane->is_due && !lane->state.open ? lane->state.until.s : lane->due_at.s;
        if (next == 0 || at < next)
            next = at;
    }
    return (struct wall){next};
}

struct telling {
    struct plan *plan;
    const struct lane *lane;
};

static int tell_one(const char *name, bool urgent, void *arg)
{
    const struct telling *t = arg;
    struct err err = ERR_INIT;
    err_set(&err, ERR_WAIT, "%s: %s", name, t->lane->state.reason);
    err.retry_at_s = t->lane->state.until.s;
    for (struct session *s = t->plan->engine->sessions, *next; s != NULL; s = next) {
        next = s->next;
        if (!s->pass)
            continue;
        s->waiting++;
        session_part_done(t->plan->engine, s->id, name, "failed", &err);
    }
    return 0;
}

void plan_tell(struct plan *p, const struct lane *lane)
{
    struct err err = ERR_INIT;
    struct telling t = {p, lane};
    if (store_queue_due(p->engine->store, lane->queue, p->now, TOLD_MAX, tell_one, &t, &err) < 0)
        log_error("%s", err.text);
}
