/*
 * Many certificates made live at once. One of them takes a dozen syncs when it is published by itself; here
 * as many as come within a moment share two: all files are on disk before the first link is switched, and all
 * links before the first answer is given.
 */
#include "processes/keeper/keeper.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "os/file.h"

#include <stdlib.h>

enum {
    TOGETHER_MAX = 128,    /* then they are made live, whoever comes next */
    TOGETHER_WAIT_MS = 20, /* for the next one */
};

struct together_item {
    struct together_item *next;
    struct arena *arena;
    uint32_t id;
    const char *name, *target;
    struct chain chain;
};

struct together {
    struct event *timer;
    struct together_item *first, **last;
    size_t n;
};

static void item_free(struct together_item *i)
{
    arena_free(i->arena);
    free(i);
}

/* A link that cannot be switched is that one's failure. */
static void make_live(struct keeper *k, struct together_item *i, const struct err *why)
{
    struct err err = *why;
    if (err.code == 0 && link_switch_unsynced(k->live, i->name, i->target, &err) == 0)
        return;
    keeper_published(k, i->id, &i->chain, &err);
    i->id = 0;
}

static void flush(struct keeper *k)
{
    struct together *t = k->together;
    struct together_item *items = t->first;
    struct err err = ERR_INIT;
    t->first = NULL;
    t->last = &t->first;
    t->n = 0;
    crash_point(keeper_together_written);
    file_system_sync(k->live, &err);
    for (struct together_item *i = items; i != NULL; i = i->next)
        make_live(k, i, &err);
    crash_point(keeper_together_linked);
    if (err.code == 0)
        dir_sync(k->live, &err);
    for (struct together_item *i = items, *next; i != NULL; i = next) {
        next = i->next;
        if (i->id != 0)
            keeper_published(k, i->id, &i->chain, &err);
        if (i->id != 0 && err.code == 0)
            log_certificate(i->name, LOG_LEVEL_INFO, "%s: generation 1 is live, valid to %s", i->name,
                wall_format(i->chain.not_after, (char[TIME_TEXT_MAX]){0}));
        item_free(i);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

static struct together *together_of(struct keeper *k)
{
    if (k->together != NULL)
        return k->together;
    struct together *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort();
    t->last = &t->first;
    t->timer = evtimer_new(k->process.base, on_timer, k);
    if (t->timer == NULL)
        abort();
    k->together = t;
    return t;
}

static int put(
    struct keeper *k, struct together_item *i, const struct msg_publish_together *m, struct err *err)
{
    struct certificate_key key ATTR_CLEANUP(certificate_key_free) = {NULL};
    struct wish w;
    struct msg_publish p = {.permit = m->permit,
        .generation = m->generation,
        .sealed_key = m->sealed_key,
        .chain = m->chain,
        .account = m->account};
    int r = permit_wish(k, m->permit, 0, i->arena, &w, err);
    if (r < 0 || (r = sealed_key_open(k, &w, m->generation, m->sealed_key, &key, err)) < 0)
        return r;
    i->name = w.name;
    return publish_write(k, &w, &p, &key, i->arena, &i->chain, &i->target, err);
}

void together_put(struct keeper *k, uint32_t id, const struct msg_publish_together *m)
{
    struct together *t = together_of(k);
    struct together_item *i = calloc(1, sizeof *i);
    struct err err = ERR_INIT;
    if (i == NULL)
        abort();
    i->arena = arena_new();
    i->id = id;
    i->chain.issuer = i->chain.ari_id = "";
    if (put(k, i, m, &err) < 0) {
        keeper_published(k, id, &i->chain, &err);
        item_free(i);
        return;
    }
    *t->last = i;
    t->last = &i->next;
    if (++t->n >= TOGETHER_MAX)
        flush(k);
    else
        event_add(t->timer, &(struct timeval){0, TOGETHER_WAIT_MS * 1000});
}

void together_forget(struct keeper *k)
{
    struct together *t = k->together;
    if (t == NULL)
        return;
    for (struct together_item *i = t->first, *next; i != NULL; i = next) {
        next = i->next;
        item_free(i);
    }
    event_free(t->timer);
    free(t);
    k->together = NULL;
}
