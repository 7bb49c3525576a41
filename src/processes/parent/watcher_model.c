/* Certificates for templates: rows of `list`, asked of the engine as a command would and handed on as they
 * come, no faster than the watcher deals with them, so that none of it is kept here. One answer is on its way
 * at a time; a change meanwhile makes it be asked once more. */
#include "processes/parent/watching.h"

#include "processes/command.h"

#include <stdlib.h>
#include <string.h>

enum {
    GATHER_MS = 200,     /* a renewal's steps and a batch of issues are one change */
    RETRY_MS = 5 * 1000, /* where the watcher did not keep up with the rows */
    /* A list of thousands takes a while, and while thousands are issued each of them is a change: a fifth of
     * the engine's time is for lists. */
    COST_FACTOR = 4,
    PAUSE_MAX_MS = 30 * 1000,
};

static int64_t now_ms(void)
{
    return clock_mono(&system_clock).ms;
}

static bool is_wanted(const struct parent *p)
{
    return p->settings.template_n > 0 || control_renders(p);
}

static void ask(struct parent *p)
{
    struct watching *w = watching_of(p);
    struct channel *engine = member_channel(p, MEMBER_ENGINE), *watcher = member_channel(p, MEMBER_WATCHER);
    struct err err = ERR_INIT;
    if (engine == NULL || watcher == NULL || !p->feed_done || p->stopping || !is_wanted(p))
        return; /* who comes back next is told of it then */
    const struct msg_engine_command m = {
        .session = ++p->last_session, .verb = VERB_LIST, .wish = "", .permit = STR(""), .ticket = STR("")};
    int r = channel_send(watcher, MSG_model_begin, 0, &(struct msg_model_begin){true}, -1, &err);
    if (r == 0)
        r = channel_send(engine, MSG_engine_command, 0, &m, -1, &err);
    if (r < 0) {
        log_error("certificates for templates: %s", err.text);
        return;
    }
    w->list_session = m.session;
    w->list_from_ms = now_ms();
    w->list_engine = p->engine_life;
    w->list_watcher = p->watcher_life;
    w->list_again = w->list_failed = false;
}

static bool is_under_way(const struct parent *p)
{
    const struct watching *w = p->watching;
    return w->list_session != 0 && w->list_engine == p->engine_life;
}

static void on_gathered(evutil_socket_t fd, short what, void *arg)
{
    struct parent *p = arg;
    (void)fd, (void)what;
    if (is_under_way(p))
        p->watching->list_again = true;
    else
        ask(p);
}

static void ask_in(struct parent *p, int64_t ms)
{
    struct watching *w = watching_of(p);
    if (w->gather == NULL && (w->gather = evtimer_new(p->base, on_gathered, p)) == NULL)
        abort();
    if (!evtimer_pending(w->gather, NULL))
        event_add(w->gather, &(struct timeval){ms / 1000, (suseconds_t)(ms % 1000) * 1000});
}

/* Who looks on while a template is rendered does not wait for what a list costs. */
static int64_t pause_ms(const struct parent *p)
{
    int64_t left_ms = p->watching->list_next_ms - now_ms();
    return left_ms < GATHER_MS || control_renders(p) ? GATHER_MS : left_ms;
}

void watcher_certificates_changed(struct parent *p)
{
    (void)watching_of(p);
    if (is_wanted(p) && member_channel(p, MEMBER_WATCHER) != NULL)
        ask_in(p, pause_ms(p));
}

void watcher_want_model(struct parent *p)
{
    struct watching *w = watching_of(p);
    w->model_told = false;
    if (w->gather != NULL)
        evtimer_del(w->gather);
    watcher_certificates_changed(p);
}

bool watcher_has_model(const struct parent *p)
{
    return p->watching != NULL && p->watching->model_told;
}

static bool is_ours(const struct parent *p, uint32_t session)
{
    return p->watching != NULL && session != 0 && p->watching->list_session == session;
}

/* Rows that the watcher has not dealt with. */
struct handed {
    struct parent *p;
    uint32_t session;
};

/* Where the watcher went the rest of the list is still taken, so that it comes to an end. */
static void on_dealt_with(const void *msg, const struct err *why, void *arg)
{
    struct handed *h = arg;
    (void)msg, (void)why;
    if (is_ours(h->p, h->session))
        rows_taken(h->p, h->session);
    free(h);
}

/* One by one; the last is a request, whose answer says that they are all dealt with. */
static int hand_on(struct parent *p, struct channel *watcher, const struct msg_rows *m, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct str rest = m->rows, row;
    int r = 0;
    while (r == 0 && rest.n > 0) {
        (void)str_cut(rest, '\n', &row, &rest);
        const struct msg_model_row one = {arena_dup(a, row)};
        if (rest.n > 0) {
            r = channel_send(watcher, MSG_model_row, 0, &one, -1, err);
            continue;
        }
        struct handed *h = calloc(1, sizeof *h);
        if (h == NULL)
            abort();
        *h = (struct handed){p, m->session};
        r = channel_request(watcher, MSG_model_row, &one, MSG_done, on_dealt_with, h, err);
        if (r < 0)
            free(h);
    }
    return r;
}

bool watcher_rows(struct parent *p, const struct msg_rows *m)
{
    struct channel *watcher = member_channel(p, MEMBER_WATCHER);
    struct watching *w = p->watching;
    struct err err = ERR_INIT;
    if (!is_ours(p, m->session))
        return false;
    bool goes = !w->list_failed && w->list_watcher == p->watcher_life && watcher != NULL;
    if (goes && hand_on(p, watcher, m, &err) < 0) {
        log_error("certificates for templates: %s", err.text);
        w->list_failed = true;
        goes = false;
    }
    if (!goes)
        rows_taken(p, m->session);
    return true;
}

bool watcher_finished(struct parent *p, const struct msg_finished *m)
{
    struct channel *watcher = member_channel(p, MEMBER_WATCHER);
    struct watching *w = p->watching;
    struct err err = ERR_INIT;
    if (!is_ours(p, m->session))
        return false;
    int64_t pause = COST_FACTOR * (now_ms() - w->list_from_ms);
    w->list_next_ms = now_ms() + (pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS);
    w->list_session = 0;
    if (m->status != EXIT_DONE) {
        if (msg_error_get(&m->error, &err) == 0)
            err_set(&err, ERR_FAILED, "the engine gave no list");
        log_error("certificates for templates: %s", err.text);
        w->list_failed = true;
    }
    if (w->list_watcher != p->watcher_life || watcher == NULL)
        w->list_again = true;
    else if (!w->list_failed &&
             channel_send(watcher, MSG_model_end, 0, &(struct msg_model_end){true}, -1, &err) < 0)
        w->list_failed = true;
    if (!w->list_failed && !w->list_again) {
        w->model_told = true;
        control_world_changed(p);
    }
    if (w->list_failed)
        ask_in(p, RETRY_MS);
    else if (w->list_again)
        ask_in(p, pause_ms(p));
    return true;
}
