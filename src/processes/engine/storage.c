/*
 * Could what an order brings be written? A certificate that the CA issued and nobody can keep is lost, and
 * counted by the CA all the same. So before an order (and at a daemon's start) the parent tries the state
 * directory and the keeper live/ and archive/; that the store takes a commit is seen by the commit itself,
 * without which no order leaves (outbox.c). What was found holds for a while: hundreds of orders at once are
 * one look.
 */
#include "processes/engine/engine.h"

#include "base/log.h"

#include <stdlib.h>

enum {
    GOOD_MS = 60 * 1000, /* as long as it was good it is not looked at again */
    BAD_MS = 5 * 1000,   /* the same of what failed: an order that waits comes again after STORAGE_RETRY_S */
};

struct storage_waiter {
    struct storage_waiter *next;
    authority_ready_fn *fn; /* NULL: it does not wait any more */
    void *arg;
};

struct storage {
    struct storage_waiter *waiters, *told; /* who waits; those of them that are being told */
    unsigned flying;                       /* who was asked and has not answered */
    bool known, failing;                   /* it was looked at; the last look, which was told, found it bad */
    bool unknown;                          /* of the look under way: somebody ended instead of answering */
    struct mono at;
    struct err err, found; /* of the last look; of the one under way */
};

static struct storage *storage_of(struct engine *e)
{
    if (e->storage == NULL && (e->storage = calloc(1, sizeof *e->storage)) == NULL)
        abort();
    return e->storage;
}

static bool is_fresh(const struct storage *s)
{
    int64_t age = clock_mono(&system_clock).ms - s->at.ms;
    return s->known && age < (s->err.code == 0 ? GOOD_MS : BAD_MS);
}

/* One line when it goes wrong and one when it is well again. */
static void tell_log(struct engine *e, struct storage *s)
{
    bool failing = s->err.code != 0;
    if (failing != s->failing && e->schedule) {
        if (failing)
            log_error("%s; no certificate is asked for until then", s->err.text);
        else
            log_info("storage can be used again");
    }
    s->failing = failing;
}

/* What one of them does may end another that is yet to be told, and may begin a look for others. */
static void tell_waiters(struct engine *e)
{
    struct storage *s = e->storage;
    struct storage_waiter **end = &s->told;
    while (*end != NULL)
        end = &(*end)->next;
    *end = s->waiters;
    s->waiters = NULL;
    while (s->told != NULL) {
        struct storage_waiter *w = s->told;
        struct err err = s->err;
        s->told = w->next;
        if (w->fn != NULL)
            w->fn(e, err.code != 0 ? &err : NULL, w->arg);
        free(w);
    }
}

static void finish(struct engine *e)
{
    struct storage *s = e->storage;
    s->known = !s->unknown || s->found.code != 0;
    s->at = clock_mono(&system_clock);
    s->err = s->found;
    if (s->known)
        tell_log(e, s);
    tell_waiters(e);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    struct engine *e = arg;
    (void)fd, (void)what;
    if (e->storage->flying == 0) /* else the look that began meanwhile tells them */
        tell_waiters(e);
}

static void on_looked(const void *msg, const struct err *why, void *arg)
{
    struct engine *e = arg;
    struct storage *s = e->storage;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    /* A process that went says nothing of the disk: who waits goes on, and meets it or its successor. */
    s->unknown = s->unknown || m == NULL;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0 && m != NULL && s->found.code == 0)
        s->found = err;
    if (--s->flying == 0)
        finish(e);
}

static void ask(struct engine *e, struct channel *whom, enum msg_type t, const void *msg)
{
    struct err err = ERR_INIT;
    e->storage->flying++;
    if (whom == NULL)
        err_set(&err, ERR_IPC, "the keeper is not running");
    if (whom == NULL || channel_request(whom, t, msg, MSG_done, on_looked, e, &err) < 0)
        on_looked(NULL, &err, e);
}

static void look(struct engine *e)
{
    struct storage *s = e->storage;
    s->found = (struct err)ERR_INIT;
    s->unknown = false;
    s->flying = 1; /* until both are asked */
    ask(e, e->parent, MSG_state_look, &(struct msg_state_look){true});
    ask(e, e->keeper, MSG_storage_look, &(struct msg_storage_look){true});
    if (--s->flying == 0)
        finish(e);
}

void storage_need(struct engine *e, bool fresh, authority_ready_fn *fn, void *arg)
{
    struct storage *s = storage_of(e);
    bool is_known = !fresh && s->flying == 0 && is_fresh(s);
    if (is_known && s->err.code == 0) {
        fn(e, NULL, arg);
        return;
    }
    struct storage_waiter *w = calloc(1, sizeof *w), **last = &s->waiters;
    if (w == NULL)
        abort();
    *w = (struct storage_waiter){NULL, fn, arg};
    while (*last != NULL)
        last = &(*last)->next;
    *last = w;
    if (is_known) {
        if (event_base_once(e->process.base, -1, EV_TIMEOUT, on_soon, e, &(struct timeval){0}) != 0)
            abort();
    } else if (s->flying == 0) {
        look(e);
    }
}

static void ignore(struct engine *e, const struct err *why, void *arg)
{
    (void)e, (void)why, (void)arg;
}

void storage_look(struct engine *e)
{
    storage_need(e, false, ignore, NULL);
}

static void forget(struct storage_waiter *first, const void *arg)
{
    for (struct storage_waiter *w = first; w != NULL; w = w->next)
        if (w->arg == arg)
            w->fn = NULL;
}

void storage_forget(struct engine *e, const void *arg)
{
    if (e->storage == NULL)
        return;
    forget(e->storage->waiters, arg);
    forget(e->storage->told, arg);
}
