/*
 * Many certificates made live at once. One of them takes a dozen syncs when it is published by itself; here
 * as many as come within a moment share two: all files are on disk before the first link is switched, and all
 * links before the first answer is given.
 *
 * An import's come here one after the other, and wait a moment for the next. Issued ones are gathered for a
 * turn of the loop, which is what came while the turn before was syncing: nobody waits for others.
 */
#include "processes/keeper/keeper.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "os/file.h"

#include <stdlib.h>

enum {
    TOGETHER_MAX = 128,    /* then they are made live, whoever comes next */
    TOGETHER_WAIT_MS = 20, /* for the next one of an import */
    /* Fewer issued ones are published one by one: a sync of the file system writes whatever others left to be
     * written, which may be much. */
    TOGETHER_MIN = 4,
};

struct together_item {
    struct together_item *next;
    struct arena *arena;
    uint32_t id;
    int64_t generation;
    const char *name, *target;
    struct chain chain;
    struct msg_publish asked; /* of an issued one that is not written yet */
};

struct items {
    struct together_item *first, **last;
    size_t n;
};

struct together {
    struct event *timer;   /* of an import's */
    struct items written;  /* files that are neither durable nor live */
    struct event *turn;    /* of issued ones: the end of this turn of the loop */
    struct items gathered; /* not written yet */
};

static void items_clear(struct items *l)
{
    *l = (struct items){.last = &l->first};
}

static void items_put(struct items *l, struct together_item *i)
{
    i->next = NULL;
    *l->last = i;
    l->last = &i->next;
    l->n++;
}

static void item_free(struct together_item *i)
{
    arena_free(i->arena);
    free(i);
}

static void items_free(struct items *l)
{
    for (struct together_item *i = l->first, *next; i != NULL; i = next) {
        next = i->next;
        item_free(i);
    }
    items_clear(l);
}

static struct together_item *item_new(uint32_t id)
{
    struct together_item *i = calloc(1, sizeof *i);
    if (i == NULL)
        abort();
    i->arena = arena_new();
    i->id = id;
    i->chain.issuer = i->chain.ari_id = "";
    return i;
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
    struct together_item *items = t->written.first;
    struct err err = ERR_INIT;
    if (items == NULL)
        return;
    items_clear(&t->written);
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
        if (i->id != 0 && err.code == 0) {
            publish_said(i->name, i->generation, &i->chain);
            publish_tidy(k, i->name, i->generation);
        }
        item_free(i);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

static void publish_one(struct keeper *k, struct together_item *i)
{
    keeper_publish(k, i->id, &i->asked);
    item_free(i);
}

static int write_one(struct keeper *k, struct together_item *i, struct err *err)
{
    struct certificate_key key ATTR_CLEANUP(certificate_key_free) = {NULL};
    struct wish w;
    int r = permit_wish(k, i->asked.permit, i->asked.variant, i->arena, &w, err);
    if (r < 0 || (r = sealed_key_open(k, &w, i->asked.generation, i->asked.sealed_key, &key, err)) < 0)
        return r;
    i->name = w.name;
    i->generation = i->asked.generation;
    return publish_write(k, &w, &i->asked, &key, i->arena, &i->chain, &i->target, err);
}

/* Written with what waits, which becomes live by the next flush; what cannot be written is answered. */
static void write_item(struct keeper *k, struct together_item *i)
{
    struct err err = ERR_INIT;
    if (write_one(k, i, &err) == 0) {
        items_put(&k->together->written, i);
        return;
    }
    keeper_published(k, i->id, &i->chain, &err);
    item_free(i);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;
    struct together *t = k->together;
    struct together_item *items = t->gathered.first;
    bool few = t->gathered.n < TOGETHER_MIN;
    (void)fd, (void)what;
    items_clear(&t->gathered);
    for (struct together_item *i = items, *next; i != NULL; i = next) {
        next = i->next;
        if (few)
            publish_one(k, i);
        else
            write_item(k, i);
    }
    if (!few)
        flush(k);
}

static struct together *together_of(struct keeper *k)
{
    if (k->together != NULL)
        return k->together;
    struct together *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort();
    items_clear(&t->written);
    items_clear(&t->gathered);
    t->timer = evtimer_new(k->process.base, on_timer, k);
    t->turn = evtimer_new(k->process.base, on_turn, k);
    if (t->timer == NULL || t->turn == NULL)
        abort();
    k->together = t;
    return t;
}

/* The message lives for its call only. */
static struct msg_publish copy_of(struct arena *a, const struct msg_publish *m)
{
    struct msg_publish c = *m;
    c.permit = arena_str(a, m->permit);
    c.sealed_key = arena_str(a, m->sealed_key);
    c.chain = arena_str(a, m->chain);
    c.account = arena_dup_c(a, m->account);
    const char **omitted = arena_array(a, m->omitted.n, sizeof *omitted);
    for (size_t i = 0; i < m->omitted.n; i++)
        omitted[i] = arena_dup_c(a, m->omitted.p[i]);
    c.omitted = (struct msg_list){omitted, m->omitted.n};
    return c;
}

void together_put(struct keeper *k, uint32_t id, const struct msg_publish_together *m)
{
    struct together *t = together_of(k);
    struct together_item *i = item_new(id);
    i->asked = (struct msg_publish){.permit = m->permit,
        .generation = m->generation,
        .sealed_key = m->sealed_key,
        .chain = m->chain,
        .account = m->account};
    write_item(k, i);
    if (t->written.n >= TOGETHER_MAX)
        flush(k);
    else if (t->written.n > 0)
        event_add(t->timer, &(struct timeval){0, TOGETHER_WAIT_MS * 1000});
}

void together_gather(struct keeper *k, uint32_t id, const struct msg_publish *m)
{
    struct together *t = together_of(k);
    struct together_item *i = item_new(id);
    i->asked = copy_of(i->arena, m);
    items_put(&t->gathered, i);
    if (t->gathered.n >= TOGETHER_MAX)
        on_turn(-1, 0, k);
    else if (t->gathered.n == 1)
        event_add(t->turn, &(struct timeval){0, 0});
}

void together_forget(struct keeper *k)
{
    struct together *t = k->together;
    if (t == NULL)
        return;
    items_free(&t->written);
    items_free(&t->gathered);
    event_free(t->timer);
    event_free(t->turn);
    free(t);
    k->together = NULL;
}
