/*
 * The configuration's wishes, which come whole at each start and reload, beside the rows of the store: both
 * are in the order of their names, so one walk tells what is new or changed and what is no longer there, and
 * nothing is kept of it but the name where it stands. What is as it was costs neither a permit nor a write.
 *
 * The walk may end anywhere, by a crash or by a reload that begins another: what it released until then is
 * indeed not in the configuration, and the next one compares everything again.
 */
#include "processes/engine/placed.h"

#include "base/log.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Texts that stand in every wish whose certificate is looked at (deploy_is_looked_at): by copies, by a look
 * at a server, by a command after the daily look, by a standing record. Another wish may have one of them
 * too. */
static const char *const look_marks[] = {
    "\"publish\":[{",
    "\"verify\":\"",
    "\"unchanged\"",
    "\"dialect\":\"dehydrated\"",
    "\"dns-persist-01\"",
};

static const char publish_mark[] = "\"publish\":[{";

void wishes_begin(struct engine *e)
{
    free(e->offered);
    e->offered = calloc(1, 1);
    if (e->offered == NULL)
        abort();
    e->offers_lost = false;
    /* Before the wishes come, which may have another webroot or be gone: the old permits say where to look.
     */
    if (!e->swept)
        placed_sweep(e);
    e->swept = true;
}

/* Names that are found while the store is read, and changed behind that. */
struct found {
    struct found *next;
    const char *name;
};

struct walk {
    struct engine *e;
    struct arena *arena;
    struct msg_list names, wishes;
    size_t at;
    char *wanted; /* an octet for each of them */
    struct found *gone, *kept;
};

static void note(struct walk *w, struct found **list, const char *name)
{
    struct found *f = arena_alloc(w->arena, sizeof *f);
    *f = (struct found){*list, arena_dup_c(w->arena, name)};
    *list = f;
}

/* Whether it may have to be looked at anew: copies always, for they may have been changed while nobody
 * looked; other things where no look is planned. */
static bool may_need_look(const struct wish_record *row)
{
    if (row->look_due_at.s > 0)
        return strstr(row->wish, publish_mark) != NULL;
    for (size_t i = 0; i < ARRAY_LEN(look_marks); i++)
        if (strstr(row->wish, look_marks[i]) != NULL)
            return true;
    return false;
}

/* A label's that the configuration has now, or one that was released, is to be put with its permit. */
static bool is_as_wanted(const struct wish_record *row, const char *wish)
{
    return row->source == SOURCE_CONFIG && !row->released && row->park_at.s == 0 && row->holder[0] == '\0' &&
           strcmp(row->wish, wish) == 0;
}

static int compare_row(const struct wish_record *row, void *arg)
{
    struct walk *w = arg;
    while (w->at < w->names.n && strcmp(w->names.p[w->at], row->name) < 0)
        w->at++;
    if (w->at == w->names.n || strcmp(w->names.p[w->at], row->name) != 0) {
        if (row->source == SOURCE_CONFIG && !row->released)
            note(w, &w->gone, row->name);
    } else if (is_as_wanted(row, w->wishes.p[w->at])) {
        w->wanted[w->at] = '0';
        if (may_need_look(row))
            note(w, &w->kept, row->name);
    }
    return 0;
}

/* Compares with the rows above what was offered before and up to `last` (NULL: to the end). */
static int compare(struct walk *w, const char *last, struct err *err)
{
    int r = store_wish_each(w->e->store, w->e->offered, last, compare_row, w, err);
    if (r < 0) {
        w->e->offers_lost = true; /* what comes next would be taken for all that there is */
        return r;
    }
    for (const struct found *f = w->gone; f != NULL && !w->e->offers_lost; f = f->next)
        wish_release(w->e, f->name);
    for (const struct found *f = w->kept; f != NULL; f = f->next)
        wish_keep(w->e, f->name);
    return 0;
}

/* The walk above counts on it. */
static int check_order(const struct engine *e, const struct msg_wishes_offer *m, struct err *err)
{
    const char *before = e->offered;
    if (before == NULL || m->names.n != m->wishes.n)
        return err_set(err, ERR_INPUT, "wishes that were not announced, or names without a wish");
    for (size_t i = 0; i < m->names.n; before = m->names.p[i++])
        if (strcmp(before, m->names.p[i]) >= 0)
            return err_set(err, ERR_INPUT, "%s is offered behind %s", m->names.p[i], before);
    return 0;
}

int wishes_offer(struct engine *e, const struct msg_wishes_offer *m, struct buf *wanted, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct walk w = {.e = e, .arena = a, .names = m->names, .wishes = m->wishes};
    int r = check_order(e, m, err);
    if (r < 0 || m->names.n == 0)
        return r;
    const char *last = m->names.p[m->names.n - 1];
    w.wanted = arena_alloc(a, m->names.n);
    memset(w.wanted, '1', m->names.n);
    r = compare(&w, last, err);
    free(e->offered);
    if ((e->offered = strdup(last)) == NULL)
        abort();
    if (r == 0)
        buf_put(wanted, w.wanted, m->names.n);
    return r;
}

void wishes_end(struct engine *e, bool complete)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct walk w = {.e = e, .arena = a};
    struct err err = ERR_INIT;
    if (e->offered == NULL)
        wishes_begin(e);
    if (complete && compare(&w, NULL, &err) < 0)
        log_error("%s", err.text);
    free(e->offered);
    e->offered = NULL;
    rebuild_tell_unclaimed(e);
    e->due_stale = true;
    store_shrink(e->store);
    malloc_trim(0);
}
