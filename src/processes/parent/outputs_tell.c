/*
 * Files of templates were changed, and somebody is to know. Those that change together are waited for, and
 * the same target is told once. Who could not be told is tried again, with the file as it is then.
 */
#include "processes/parent/outputs_priv.h"

#include "base/attr.h"
#include "base/text.h"
#include "processes/parent/action.h"
#include "processes/parent/output_text.h"

#include <stdlib.h>
#include <string.h>

enum {
    GATHER_MS = 200,          /* between two outputs of one change of what runs */
    GATHER_MAX_MS = 2 * 1000, /* for one whose check takes long */
    /* A reload that a template asks for may make that template say something else, and so on: that many in a
     * row, then one in that time. */
    RELOADS = 10,
    RELOAD_EVERY_MS = 20 * 1000,
};

/* An output that a target is told for; which of its notify it is. */
struct cause {
    struct cause *next;
    struct output *output;
    size_t place;
};

/* One target. */
struct notice {
    struct parent *p;
    struct arena *arena;
    const struct action *action;
    const char *title;
    struct event *later; /* of a reload that has to wait */
    struct cause *causes;
};

static int64_t now_ms(void)
{
    return clock_mono(&system_clock).ms;
}

/* --- what came of it --- */

/* All that are to know were tried. */
static void told(struct output *o)
{
    struct err err = ERR_INIT;
    if (o->told.code == 0 && journal_note(&o->p->outputs->journal, o->path, JOURNAL_NONE, false, &err) < 0)
        o->told = err; /* they are told once more then */
    if (o->told.code == 0) {
        output_done(o);
        return;
    }
    err = o->told;
    output_fail(o, &err);
}

static void explain(const struct notice *n, const char *said, struct err *err)
{
    struct buf tail ATTR_CLEANUP(buf_free) = buf_new(2 * OUTPUT_TAIL_MAX);
    struct err own = *err;
    text_clean(&tail, output_tail(str_c(said)), OUTPUT_TAIL_MAX);
    err_set(err, own.code, "it is in place, but %s failed: %s%s%s", n->title, own.text,
        tail.n > 0 ? ": " : "", buf_c(&tail));
}

static void notice_free(struct notice *n)
{
    if (n->later != NULL)
        event_free(n->later);
    arena_free(n->arena);
    free(n);
}

static void on_told(const char *said, const struct err *why, void *arg)
{
    struct notice *n = arg;
    struct err err = ERR_INIT;
    if (why != NULL) {
        err = *why;
        explain(n, said, &err);
    } else {
        log_info("templates: %s", n->title);
    }
    for (struct cause *c = n->causes; c != NULL; c = c->next) {
        struct output *o = c->output;
        o->due[c->place] = why != NULL;
        if (why != NULL && o->told.code == 0)
            o->told = err;
        if (--o->telling == 0)
            told(o);
    }
    notice_free(n);
}

/* --- telling --- */

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct notice *n = arg;
    (void)fd, (void)what;
    action_run(n->p, n->action, NULL, on_told, n);
}

/* How long a reload has to wait, so that one that leads to the next does not go on for ever at full speed. */
static int64_t reload_wait_ms(struct outputs *all)
{
    int64_t now = now_ms(), free_at = all->reload_at_ms > now ? all->reload_at_ms : now;
    all->reload_at_ms = free_at + RELOAD_EVERY_MS;
    int64_t wait = free_at - (int64_t)(RELOADS - 1) * RELOAD_EVERY_MS - now;
    return wait > 0 ? wait : 0;
}

static void notice_start(struct notice *n)
{
    int64_t wait = n->action->reload ? reload_wait_ms(n->p->outputs) : 0;
    if (wait == 0) {
        action_run(n->p, n->action, NULL, on_told, n);
        return;
    }
    log_warning("templates: %s asks for one reload after the other: the next is in %d s",
        n->causes->output->path, (int)(wait / 1000));
    if ((n->later = evtimer_new(n->p->base, on_later, n)) == NULL)
        abort();
    event_add(n->later, &(struct timeval){wait / 1000, (suseconds_t)(wait % 1000) * 1000});
}

static struct notice *notice_for(
    struct parent *p, struct notice **list, size_t *n, const struct action *action)
{
    for (size_t i = 0; i < *n; i++)
        if (action_same(list[i]->action, action))
            return list[i];
    struct notice *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL)
        abort();
    fresh->p = p;
    fresh->arena = arena_new();
    fresh->action = action_copy(action, fresh->arena);
    fresh->title = action_title(fresh->action, fresh->arena);
    list[(*n)++] = fresh;
    return fresh;
}

static void add(struct parent *p, struct notice **list, size_t *n, struct output *o)
{
    o->state = OUTPUT_TELLING;
    o->telling = 0;
    o->told = (struct err)ERR_INIT;
    for (size_t i = 0; i < o->setting.notify_n; i++) {
        if (!o->due[i])
            continue;
        struct notice *notice = notice_for(p, list, n, &o->setting.notify[i]);
        struct cause *c = arena_alloc(notice->arena, sizeof *c);
        *c = (struct cause){notice->causes, o, i};
        notice->causes = c;
        o->telling++;
    }
}

static size_t count(const struct parent *p)
{
    size_t n = 0;
    for (const struct output *o = p->outputs->list; o != NULL; o = o->next)
        n++;
    return n;
}

static void tell_now(struct parent *p)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct notice **list = arena_array(a, count(p) * TEMPLATE_NOTIFY_MAX, sizeof *list);
    size_t n = 0;
    p->outputs->gather_from_ms = 0;
    for (struct output *o = p->outputs->list; o != NULL; o = o->next)
        if (o->state == OUTPUT_PLACED)
            add(p, list, &n, o);
    for (struct output *o = p->outputs->list; o != NULL; o = o->next)
        if (o->state == OUTPUT_TELLING && o->telling == 0)
            told(o); /* all had been told but for the note of it */
    /* From the loop at the earliest, so no output changes under us. */
    for (size_t i = 0; i < n; i++)
        notice_start(list[i]);
}

/* --- those that change together --- */

static bool others_are_coming(const struct parent *p)
{
    for (const struct output *o = p->outputs->list; o != NULL; o = o->next)
        if (o->state == OUTPUT_QUEUED || o->state == OUTPUT_CHECKING)
            return true;
    return false;
}

static void wait_a_moment(struct parent *p)
{
    event_add(p->outputs->gather, &(struct timeval){0, GATHER_MS * 1000});
}

static void on_gathered(evutil_socket_t fd, short what, void *arg)
{
    struct parent *p = arg;
    (void)fd, (void)what;
    if (others_are_coming(p) && now_ms() - p->outputs->gather_from_ms < GATHER_MAX_MS)
        wait_a_moment(p);
    else
        tell_now(p);
}

void output_tell(struct output *o)
{
    struct outputs *all = o->p->outputs;
    o->state = OUTPUT_PLACED;
    if (all->gather == NULL && (all->gather = evtimer_new(o->p->base, on_gathered, o->p)) == NULL)
        abort();
    if (all->gather_from_ms == 0)
        all->gather_from_ms = now_ms();
    if (now_ms() - all->gather_from_ms < GATHER_MAX_MS || !evtimer_pending(all->gather, NULL))
        wait_a_moment(o->p);
}
