/*
 * Who is told besides hooks when certificates fail or come near their end. The history is the queue: what is
 * told stands there, and for each entry of `alerts` a mark in the store says up to where it has been told. So
 * nothing is lost by a crash or a mail server that is away, and nothing needs to be kept here.
 *
 * A message is about all that happened since the one before; the first waits a minute for others, and the
 * next comes an hour later at the soonest, so that an outage of a CA is no flood of mails.
 */
#include "processes/engine/engine.h"

#include "base/attr.h"
#include "base/log.h"
#include "base/text.h"
#include "os/random.h"
#include "policy/schedule.h"
#include "processes/alert_document.h"

#include <stdlib.h>
#include <string.h>

enum {
    GATHER_MS = 60 * 1000,
    EVERY_MS = 3600 * 1000,
    WALK_MAX = 100 * 1000, /* entries of the history that one message looks at, newest */
    TEXT_MAX = 2 * 1024,   /* octets of an error or of a certificate's names: ALERT_CERTIFICATES_MAX of both
                              stay below ALERT_EVENTS_MAX, and the message below what anybody takes */
};

struct alert_target {
    struct alert_target *next;
    struct engine *engine;
    char *name;
    bool failing, expiring; /* what it is for */
    bool pending, busy;     /* there may be something to tell; it is being told */
    bool gone;              /* no longer configured: freed when it is told */
    int64_t failures;       /* in a row */
    struct mono not_before;
    int64_t told; /* up to that entry, by the message under way */
};

static bool is_for(const struct alert_target *t, const char *event)
{
    return (t->failing && strcmp(event, "failing") == 0) || (t->expiring && strcmp(event, "expiring") == 0);
}

/* --- marks --- */

static struct str mark_name(const struct alert_target *t, struct arena *a)
{
    return str_c(arena_printf(a, "alert %s", t->name));
}

/* Everything up to that entry of the history has been told. Kept as one more, since 0 is no mark. */
static int mark_put(const struct alert_target *t, int64_t last, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    return store_mark_put(t->engine->store, mark_name(t, a), last + 1, err);
}

static int mark_get(const struct alert_target *t, int64_t *last, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    int r = store_mark_get(t->engine->store, mark_name(t, a), last, err);
    *last -= r == 0;
    return r;
}

static int note_last(const struct history_record *h, void *arg)
{
    *(int64_t *)arg = h->id;
    return 0;
}

/* One that is new begins with what happens from now on. */
static void begin_mark(struct alert_target *t)
{
    struct err err = ERR_INIT;
    int64_t at = 0, last = 0;
    int r = mark_get(t, &at, &err);
    if (r == 0 && at < 0 &&
        (r = store_history_each(t->engine->store, STR(""), 0, 1, note_last, &last, &err)) == 0)
        r = mark_put(t, last, &err);
    if (r < 0)
        log_error("alert %s: %s", t->name, err.text);
}

/* --- what there is to tell --- */

struct gathering {
    const struct alert_target *target;
    json_t *rows, *by_name; /* array; name -> its row, borrowed */
    json_int_t more;
    int64_t last;
};

/* A hundred names may be 25 kB. */
static json_t *shortened(const char *text)
{
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(2 * TEXT_MAX);
    text_clean(&out, str_c(text != NULL ? text : ""), TEXT_MAX);
    return json_string(buf_c(&out));
}

static int gather_one(const struct history_record *h, void *arg)
{
    struct gathering *g = arg;
    g->last = h->id;
    if (!is_for(g->target, h->event))
        return 0;
    json_t *row = json_loads(h->detail, 0, NULL);
    if (!json_is_object(row)) {
        json_decref(row);
        row = json_object();
    }
    json_object_set_new(row, "name", json_string(h->certificate));
    json_object_set_new(row, "event", json_string(h->event));
    json_object_set_new(row, "error", shortened(h->text));
    json_object_set_new(row, "domains", shortened(json_string_value(json_object_get(row, "domains"))));
    json_t *had = json_object_get(g->by_name, h->certificate);
    if (had != NULL)
        json_object_update(had, row); /* the newest word counts */
    else if (json_array_size(g->rows) < ALERT_CERTIFICATES_MAX) {
        json_array_append(g->rows, row);
        json_object_set(g->by_name, h->certificate, row);
    } else
        g->more++;
    json_decref(row);
    return 0;
}

/* The text of what is to be told, NULL where there is nothing; *last is where it ends. To be freed. */
static char *gather(const struct alert_target *t, int64_t *last, struct err *err)
{
    struct gathering g = {.target = t, .rows = json_array(), .by_name = json_object()};
    struct store *s = t->engine->store;
    char *text = NULL;
    int r = mark_get(t, &g.last, err);
    if (r == 0)
        r = store_history_each(s, STR(""), g.last, WALK_MAX, gather_one, &g, err);
    *last = g.last;
    if (r == 0 && json_array_size(g.rows) > 0) {
        json_t *o = json_pack("{sO sI}", "certificates", g.rows, "more", g.more);
        text = json_dumps(o, JSON_COMPACT);
        json_decref(o);
    }
    json_decref(g.by_name);
    json_decref(g.rows);
    return text;
}

/* --- telling --- */

static void set_timer(struct engine *e);

static void target_free(struct alert_target *t)
{
    free(t->name);
    free(t);
}

static void note_sent(struct alert_target *t)
{
    struct err err = ERR_INIT;
    if (mark_put(t, t->told, &err) < 0)
        log_error("alert %s: %s", t->name, err.text);
    t->failures = 0;
    t->not_before.ms = clock_mono(&system_clock).ms + EVERY_MS;
    t->pending = true; /* more may have come meanwhile */
    log_info("alert %s: told", t->name);
}

static void note_failed(struct alert_target *t, const struct err *why)
{
    struct engine *e = t->engine;
    struct wall now = engine_now(e);
    t->failures++;
    struct wall again = schedule_deploy_at(now, t->failures, random_u64());
    t->not_before.ms = clock_mono(&system_clock).ms + (again.s - now.s) * 1000;
    t->pending = e->schedule; /* a command does not wait; the next one or the daemon tries again */
    if (t->failures == 1)
        history_add(e, "", "alert-failed", why->text, json_pack("{s:s}", "alert", t->name));
    log_line(t->failures == 1 ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "alert %s: not told, tried again: %s",
        t->name, why->text);
}

static void on_sent(const void *msg, const struct err *why, void *arg)
{
    struct alert_target *t = arg;
    struct engine *e = t->engine;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    e->told_n--;
    t->busy = false;
    if (t->gone) {
        target_free(t);
        return;
    }
    if (r == 0)
        note_sent(t);
    else
        note_failed(t, &err);
    set_timer(e);
}

static void tell(struct alert_target *t)
{
    struct engine *e = t->engine;
    struct err err = ERR_INIT;
    int64_t last = 0;
    char *what = gather(t, &last, &err);
    t->pending = false;
    if (what == NULL) {
        if (err.code != 0)
            log_error("alert %s: %s", t->name, err.text);
        return;
    }
    t->told = last;
    struct msg_alert_send m = {t->name, what};
    t->busy = channel_request(e->parent, MSG_alert_send, &m, MSG_done, on_sent, t, &err) == 0;
    e->told_n += t->busy;
    if (!t->busy)
        note_failed(t, &err);
    free(what);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct engine *e = arg;
    struct mono now = clock_mono(&system_clock);
    (void)fd, (void)what;
    for (struct alert_target *t = e->alerts, *next; t != NULL; t = next) {
        next = t->next;
        if (t->pending && !t->busy && now.ms >= t->not_before.ms)
            tell(t);
    }
    set_timer(e);
}

static void set_timer(struct engine *e)
{
    struct mono now = clock_mono(&system_clock);
    int64_t wait = INT64_MAX;
    for (struct alert_target *t = e->alerts; t != NULL; t = t->next)
        if (t->pending && !t->busy && t->not_before.ms - now.ms < wait)
            wait = t->not_before.ms - now.ms;
    if (e->alert_timer == NULL)
        e->alert_timer = evtimer_new(e->process.base, on_timer, e);
    event_del(e->alert_timer);
    if (wait == INT64_MAX || !e->schedule)
        return;
    wait = wait < 0 ? 0 : wait;
    event_add(e->alert_timer, &(struct timeval){wait / 1000, wait % 1000 * 1000});
}

/* --- for others --- */

void alerts_configure(struct engine *e, const struct msg_alerts *m)
{
    struct alert_target *old = e->alerts;
    e->alerts = NULL;
    for (size_t i = 0; i < m->names.n; i++) {
        const char *events = i < m->events.n ? m->events.p[i] : "";
        struct alert_target *t, **at = &old;
        while (*at != NULL && strcmp((*at)->name, m->names.p[i]) != 0)
            at = &(*at)->next;
        t = *at;
        if (t != NULL)
            *at = t->next;
        else if ((t = calloc(1, sizeof *t)) == NULL || (t->name = strdup(m->names.p[i])) == NULL)
            abort();
        t->engine = e;
        t->failing = strstr(events, "failing") != NULL;
        t->expiring = strstr(events, "expiring") != NULL;
        t->pending = true; /* of an earlier life */
        t->next = e->alerts;
        e->alerts = t;
        begin_mark(t);
    }
    for (struct alert_target *next; old != NULL; old = next) {
        next = old->next;
        old->gone = true;
        if (!old->busy)
            target_free(old);
    }
}

void alerts_begin(struct engine *e)
{
    set_timer(e);
}

bool alerts_wanted(const struct engine *e, enum deploy_event event)
{
    for (const struct alert_target *t = e->alerts; t != NULL; t = t->next)
        if (is_for(t, deploy_event_text(event)))
            return true;
    return false;
}

void alerts_note(struct engine *e, const struct certificate *c, const struct wish *w, enum deploy_event event,
    const char *error)
{
    struct mono now = clock_mono(&system_clock);
    struct buf domains ATTR_CLEANUP(buf_free) = buf_new(STORE_TEXT_MAX);
    for (size_t i = 0; i < w->domain_n; i++)
        buf_printf(&domains, "%s%s", i > 0 ? " " : "", w->domains[i]);
    history_add(e, c->name, deploy_event_text(event), error,
        json_pack("{s:s, s:I}", "domains", buf_c(&domains), "not_after", (json_int_t)c->not_after.s));
    for (struct alert_target *t = e->alerts; t != NULL; t = t->next) {
        if (!is_for(t, deploy_event_text(event)))
            continue;
        if (!t->pending && t->not_before.ms < now.ms + GATHER_MS)
            t->not_before.ms = now.ms + GATHER_MS;
        t->pending = true;
    }
    set_timer(e);
}

bool alerts_flush(struct engine *e)
{
    for (struct alert_target *t = e->alerts, *next; t != NULL; t = next) {
        next = t->next;
        if (t->pending && !t->busy)
            tell(t);
    }
    for (const struct alert_target *t = e->alerts; t != NULL; t = t->next)
        if (t->busy)
            return true;
    return false;
}
