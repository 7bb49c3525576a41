/* Rows by the hundred thousand: the answers to `list` and `log`. A listing reads a part in a turn of the loop
 * and goes on behind it in a later one, and no further than the command takes what it gets: whatever the
 * number of rows and however slow their reader, a few messages are all that is on its way. */
#include "processes/engine/engine.h"

#include "base/json.h"
#include "base/log.h"
#include "processes/command.h"
#include "processes/list_filter.h"

#include <stdlib.h>
#include <string.h>

enum {
    PART = 64,              /* rows read in one turn: under a millisecond */
    ROWS_BYTES = 48 * 1024, /* a message is sent when there are so many: a whole one stays near 64 kB */
};

struct listing {
    struct engine *engine;
    uint32_t session;
    struct arena *arena; /* of what the command said */
    struct event *go;
    struct buf rows; /* not sent yet, each ended by a newline */
    size_t flying;   /* messages that were sent and not taken */
    bool over;
    int (*step)(struct listing *l, struct err *err); /* reads the next part; sets `over` behind the last */
    /* certificates */
    struct list_filter filter;
    const char **names; /* these, sorted */
    size_t name_n, name_at;
    char after[STORE_NAME_MAX + 1]; /* all, behind this one */
    struct certificate *part;       /* of the turn */
    size_t part_n;
    /* history */
    struct history_walk walk;
    int64_t seen; /* the last entry's id */
    struct str name;
    bool follow;
    struct err *err; /* of the turn */
};

void listing_free(struct listing *l)
{
    if (l == NULL)
        return;
    event_free(l->go);
    buf_free(&l->rows);
    arena_free(l->arena);
    free(l);
}

static int send_rows(struct listing *l, struct err *err)
{
    if (buf_failed(&l->rows))
        return err_set(err, ERR_LIMIT, "a row is longer than a message may be");
    if (l->rows.n == 0)
        return 0;
    const struct msg_rows m = {l->session, buf_str(&l->rows)};
    int r = channel_send(l->engine->parent, MSG_rows, 0, &m, -1, err);
    l->flying++;
    buf_clear(&l->rows);
    return r;
}

static int row_written(struct listing *l, struct err *err)
{
    buf_put_char(&l->rows, '\n');
    return l->rows.n >= ROWS_BYTES || buf_failed(&l->rows) ? send_rows(l, err) : 0;
}

/* The session waits no longer: the turn that this ends finishes it, unless it goes on with what happens. */
static void end(struct listing *l, const struct err *why)
{
    struct session *s = session_find(l->engine, l->session);
    if (s == NULL)
        return;
    s->listing = NULL;
    if (why != NULL)
        session_fail(l->engine, l->session, why);
    s->follow = l->follow && why == NULL;
    s->waiting -= s->follow ? 0 : 1;
    listing_free(l);
}

/* The other events of this turn come first. */
static void go_on(struct listing *l)
{
    event_add(l->go, &(struct timeval){0});
}

static void on_go(evutil_socket_t fd, short what, void *arg)
{
    struct listing *l = arg;
    struct err err = ERR_INIT;
    (void)fd, (void)what;
    if (l->flying >= ROWS_WINDOW)
        return;
    int r = l->step(l, &err);
    if (r == 0 && l->over)
        r = send_rows(l, &err);
    if (r < 0)
        end(l, &err);
    else if (l->over)
        end(l, NULL);
    else if (l->flying < ROWS_WINDOW)
        go_on(l);
}

void listing_taken(struct engine *e, uint32_t session)
{
    struct session *s = session_find(e, session);
    if (s == NULL || s->listing == NULL || s->listing->flying == 0)
        return;
    s->listing->flying--;
    go_on(s->listing);
}

static struct listing *listing_new(const struct command *c, int (*step)(struct listing *l, struct err *err))
{
    struct listing *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    *l = (struct listing){
        .engine = c->e, .session = c->s->id, .arena = arena_new(), .rows = buf_new(MSG_LARGE), .step = step};
    l->go = evtimer_new(c->e->process.base, on_go, l);
    if (l->go == NULL)
        abort();
    c->s->listing = l;
    c->s->waiting++;
    go_on(l);
    return l;
}

/* --- certificates --- */

static bool fits_names(const struct list_filter *f, const struct report_view *v)
{
    struct str rest = v->wish.domains, key, item, name;
    bool fits = list_filter_fits(f, str_c(v->c->name));
    while (!fits && json_next(&rest, &key, &item))
        fits = json_plain(item, &name) && list_filter_fits(f, name);
    return fits;
}

static bool fits_state(const struct list_filter *f, const struct report_view *v, const struct certificate *c)
{
    int64_t now = engine_now(v->engine).s;
    const char *served = certificate_served(c, &v->wish);
    enum certificate_state state = certificate_state(v->engine, c);
    bool due =
        (c->due_at.s > 0 && c->due_at.s <= now) || (c->deploy_due_at.s > 0 && c->deploy_due_at.s <= now);
    bool failing = state == CERTIFICATE_FAILING || state == CERTIFICATE_EXPIRED ||
                   state == CERTIFICATE_PAUSED || c->deploy_failures > 0 ||
                   (served != NULL && strcmp(served, "no") == 0);
    bool expires = c->generation > 0 && c->not_after.s < now + f->expires_within_s;
    return (!f->due || due) && (!f->failing || failing) && (!f->expires || expires);
}

/* Of two key types that share a row one may be the reason to show it. */
static bool is_wanted(const struct list_filter *f, const struct report_view *v)
{
    if (!fits_names(f, v))
        return false;
    bool fits = list_filter_is_of_names(f) || fits_state(f, v, v->row);
    for (uint32_t i = 0; !fits && i < v->wish.key_type_n; i++) {
        const struct certificate *other = report_variant(v, i);
        fits = other != NULL && other != v->row && fits_state(f, v, other);
    }
    return fits;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct certificate *)a)->name, ((const struct certificate *)b)->name);
}

/* The second of two key types usually stands near the first: in the part that was read with it. */
static const struct certificate *find(const struct report_view *v, struct str name)
{
    const struct listing *l = v->arg;
    const struct certificate key = {.name = arena_dup(v->arena, name)};
    const struct certificate *c =
        l->part_n > 0 ? bsearch(&key, l->part, l->part_n, sizeof key, by_name) : NULL;
    if (c != NULL)
        return c;
    struct certificate *stored = arena_alloc(v->arena, sizeof *stored);
    return store_certificate_get(l->engine->store, name, v->arena, stored, NULL) == 0 ? stored : NULL;
}

/* The others are shown with their first, but for one that the wish of the first does not ask for any more. */
static bool is_shown_with_another(const struct report_view *v)
{
    struct wish_brief whole;
    if (v->c->variant == 0)
        return false;
    const struct certificate *first = v->find(v, v->wish.name);
    return first != NULL && wish_brief_read(str_c(first->wish), v->arena, &whole, NULL) == 0 &&
           str_eq_c(wish_brief_variant(&whole, (uint32_t)v->c->variant, v->arena), v->c->name);
}

/* `asked`: by its name. */
static int show(struct listing *l, const struct certificate *c, bool asked, struct arena *a, struct err *err)
{
    struct report_view v = report_view(l->engine, c, a, find, l);
    if ((!asked && is_shown_with_another(&v)) || !is_wanted(&l->filter, &v))
        return 0;
    report_row(&v, &l->rows);
    return row_written(l, err);
}

static int step_all(struct listing *l, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate part[PART];
    int r = store_certificate_list(l->engine->store, str_c(l->after), PART, a, part, &l->part_n, err);
    l->part = part;
    for (size_t i = 0; r == 0 && i < l->part_n; i++)
        r = show(l, &part[i], false, a, err);
    l->over = l->part_n == 0;
    if (l->part_n > 0)
        snprintf(l->after, sizeof l->after, "%s", part[l->part_n - 1].name);
    l->part = NULL;
    l->part_n = 0;
    return r;
}

static int step_names(struct listing *l, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    int r = 0;
    for (size_t i = 0; r == 0 && i < PART && l->name_at < l->name_n; i++) {
        const char *name = l->names[l->name_at++];
        struct certificate c;
        struct err why = ERR_INIT;
        r = store_certificate_get(l->engine->store, str_c(name), a, &c, &why);
        if (r == 0) {
            r = show(l, &c, true, a, err);
        } else {
            if (r == ERR_NOT_FOUND)
                err_set(&why, r, "there is no certificate %s; evercert list shows all", name);
            session_fail(l->engine, l->session, &why);
            r = 0;
        }
    }
    l->over = l->name_at == l->name_n;
    return r;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void take_names(struct listing *l, const struct msg_list *names)
{
    l->names = arena_array(l->arena, names->n, sizeof *l->names);
    for (size_t i = 0; i < names->n; i++)
        l->names[i] = arena_dup_c(l->arena, names->p[i]);
    if (names->n > 0)
        qsort(l->names, names->n, sizeof *l->names, by_text);
    for (size_t i = 0; i < names->n; i++) /* each once */
        if (l->name_n == 0 || strcmp(l->names[l->name_n - 1], l->names[i]) != 0)
            l->names[l->name_n++] = l->names[i];
}

void listing_certificates(const struct command *c)
{
    struct err err = ERR_INIT;
    struct listing *l = listing_new(c, c->m->names.n > 0 ? step_names : step_all);
    const struct msg_list *given = &c->m->options;
    const char **options = arena_array(l->arena, given->n, sizeof *options);
    for (size_t i = 0; i < given->n; i++)
        options[i] = arena_dup_c(l->arena, given->p[i]);
    take_names(l, &c->m->names);
    if (list_filter_read(options, given->n, &l->filter, &err) < 0)
        end(l, &err);
}

/* --- history --- */

static int show_entry(const struct history_record *h, void *arg)
{
    struct listing *l = arg;
    l->seen = h->id;
    report_history_row(h, &l->rows);
    return row_written(l, l->err);
}

static int step_history(struct listing *l, struct err *err)
{
    l->err = err;
    int r = store_history_next(l->engine->store, l->name, &l->walk, PART, show_entry, l, err);
    /* Who follows misses nothing that happened while the rest was read. */
    if (r == 0 && l->walk.over && l->follow)
        r = store_history_open(l->engine->store, l->name, l->seen, LOG_MAX, &l->walk, err);
    l->over = l->walk.over;
    return r;
}

/* A name that neither a certificate nor anything in the history has was not meant. */
static int check_known(struct engine *e, const char *name, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    int r = store_certificate_get(e->store, str_c(name), a, &c, err);
    return r == ERR_NOT_FOUND
               ? err_set(
                     err, r, "there is no certificate %s, and there was none; evercert list shows all", name)
               : r;
}

void listing_history(const struct command *c)
{
    struct err err = ERR_INIT;
    const char *name = c->m->names.n > 0 ? c->m->names.p[0] : "";
    struct listing *l = listing_new(c, step_history);
    c->s->name = strdup(name);
    l->name = str_c(arena_dup_c(l->arena, name));
    /* Without a daemon nothing can happen that is not a command's own, and waiting for it would keep the lock
     * that the daemon needs. */
    l->follow = command_word(c, "follow") != NULL && c->e->schedule;
    int r = store_history_open(c->e->store, l->name, 0, LOG_MAX, &l->walk, &err);
    if (r == 0 && l->name.n > 0 && l->walk.over && command_word(c, "follow") == NULL)
        r = check_known(c->e, name, &err);
    if (r < 0)
        end(l, &err);
}
