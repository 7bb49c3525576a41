/*
 * Commands about containers: what they ask for, and what a template makes of them. Both wait until every
 * engine has been listed or cannot be reached, for ten seconds at most: somebody looks on.
 */
#include "base/attr.h"
#include "base/b64.h"
#include "os/file.h"
#include "processes/parent/control_priv.h"
#include "processes/parent/outputs.h"
#include "processes/parent/watching.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    ENGINES_WAIT_S = 10, /* DOCKER_CONNECT_S; a list of thousands takes a second */
    REST_WAIT_S = 2,     /* for what containers of the others want, where an engine cannot be reached */
    RENDER_WAIT_S = 30,  /* for one rendering: other templates come first, and each may take seconds */
    LOOK_S = 1,          /* between looks at a template's file, of --watch */
};

/* A rendering waits for the watcher to know the certificates; is with it; was shown (--watch). */
enum rendering { RENDERING_WAITS, RENDERING_ASKED, RENDERING_SHOWN };

struct watch {
    struct event *timer;
    /* Of `containers`. */
    bool late;    /* the engines' time is over */
    bool settled; /* each was listed, or cannot be reached */
    /* Of `template render`. */
    enum rendering state;
    enum template_kind kind;
    bool again;       /* --watch */
    bool dirty;       /* something changed while the watcher had it */
    bool shown;       /* a text was */
    bool failed;      /* and the last time there was an error */
    struct stat file; /* as it was read */
    struct buf last;  /* what was printed last: the same is not printed again */
};

void watch_free(struct session *s)
{
    struct watch *w = s->watch;
    if (w == NULL)
        return;
    event_free(w->timer);
    buf_free(&w->last);
    free(w);
    s->watch = NULL;
    /* One that was started for a template to try, where the configuration has nothing to watch. */
    if (s->p->members[MEMBER_WATCHER].wanted && !watcher_is_wanted(s->p) && !control_renders(s->p) &&
        !s->p->stopping)
        member_dismiss(s->p, MEMBER_WATCHER);
}

static void on_timer(evutil_socket_t fd, short what, void *arg);

static void wait_for(struct watch *w, int seconds)
{
    event_add(w->timer, &(struct timeval){seconds, 0});
}

/* A daemon may watch no engine until somebody asks (a template to try needs none); a parent of one command
 * watches none before. */
static int watch_begin(struct session *s, struct err *err)
{
    struct parent *p = s->p;
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL || (w->timer = evtimer_new(p->base, on_timer, s)) == NULL)
        abort();
    w->last = buf_new(TEMPLATE_OUTPUT_MAX);
    s->watch = w;
    wait_for(w, ENGINES_WAIT_S);
    if (p->members[MEMBER_WATCHER].wanted)
        return 0;
    return watcher_start(p, err);
}

/* Whether something keeps that engine from being watched; *why is it. */
static bool is_failing(const struct watched *e, const char **why)
{
    *why = e->unfit[0] != '\0' ? e->unfit : e->error;
    return !e->connected && (*why)[0] != '\0';
}

/* The first engine that was not listed, as an error; 0 where there is none. */
static int engine_failure(const struct parent *p, struct err *err)
{
    const char *why;
    for (const struct watched *e = p->watching != NULL ? p->watching->engines : NULL; e != NULL;
         e = e->next) {
        if (is_failing(e, &why))
            return err_set(err, ERR_FAILED, "engine %s cannot be reached: %s", e->name, why);
        if (!e->synced)
            return err_set(
                err, ERR_TIMEOUT, "engine %s did not answer within %d s", e->name, (int)ENGINES_WAIT_S);
    }
    return 0;
}

static void give_up(struct session *s, const struct err *err)
{
    event_del(s->watch->timer);
    control_fail(s, err);
}

static void send_row(const char *json, void *arg)
{
    struct session *s = arg;
    struct err err = ERR_INIT;
    if (channel_send(s->channel, MSG_row, 0, &(struct msg_row){0, json}, -1, &err) < 0)
        log_debug("%s", err.text);
}

/* The answer is whole where every engine has been listed; else it is said which one is missing in it. */
static void end_with_engines(struct session *s)
{
    struct err err = ERR_INIT;
    event_del(s->watch->timer);
    if (engine_failure(s->p, &err) == 0)
        control_end(s, EXIT_DONE, NULL);
    else
        control_end(s, EXIT_FAILED, &err);
}

/* --- containers --- */

static void show_containers(struct session *s)
{
    watching_rows(s->p, send_row, s);
    grants_rows(s->p, send_row, s);
    outputs_rows(s->p, send_row, s);
    end_with_engines(s);
}

static void containers_go_on(struct session *s)
{
    size_t failing = 0, listed = 0, n = 0;
    const char *why;
    for (const struct watched *e = watching_of(s->p)->engines; e != NULL; e = e->next, n++) {
        failing += is_failing(e, &why);
        listed += e->synced;
    }
    if (s->watch->late || s->p->watching->complete || (failing == n && n > 0)) {
        show_containers(s);
    } else if (failing + listed == n && !s->watch->settled) {
        s->watch->settled = true; /* what containers want follows a moment after they were listed */
        wait_for(s->watch, REST_WAIT_S);
    }
}

void watch_containers(struct session *s)
{
    struct err err = ERR_INIT;
    if (!watcher_is_wanted(s->p))
        control_end(s, EXIT_DONE, NULL); /* nothing is configured, which is for the command to say */
    else if (watch_begin(s, &err) < 0)
        give_up(s, &err);
    else
        containers_go_on(s);
}

/* --- template render --- */

static void put_error_row(struct buf *out, const char *text)
{
    json_t *row = json_pack("{s:s}", "error", text);
    char *json = row == NULL ? NULL : json_dumps(row, JSON_COMPACT);
    buf_put_c(out, json != NULL ? json : "{\"error\":\"it cannot be told\"}");
    free(json);
    json_decref(row);
}

static void rendering_begin(struct session *s);

/* What came of it was told. With --watch what changed meanwhile, or will change, is next. */
static void rendering_over(struct session *s)
{
    struct watch *w = s->watch;
    w->state = RENDERING_SHOWN;
    if (w->dirty)
        rendering_begin(s);
    else
        wait_for(w, LOOK_S);
}

/* One that is asked for once ends with its error; --watch tells it and goes on. */
static void rendering_failed(struct session *s, const struct err *err)
{
    struct watch *w = s->watch;
    struct buf json ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    if (!w->again) {
        give_up(s, err);
        return;
    }
    if (!w->failed || !str_eq_c(buf_str(&w->last), err->text)) {
        put_error_row(&json, err->text);
        send_row(buf_c(&json), s);
    }
    w->failed = true;
    buf_clear(&w->last);
    buf_put_c(&w->last, err->text);
    rendering_over(s);
}

static void rendering_done(struct session *s, struct str text)
{
    struct watch *w = s->watch;
    struct buf json ATTR_CLEANUP(buf_free) = buf_new(MSG_LARGE);
    bool same = w->shown && !w->failed && str_eq(buf_str(&w->last), text);
    if (!same) {
        buf_put_c(&json, "{\"octets\":\"");
        b64url_encode(&json, text);
        buf_put_c(&json, "\"}");
        send_row(buf_c(&json), s);
    }
    if (!w->again) {
        end_with_engines(s);
        return;
    }
    w->shown = true;
    w->failed = false;
    buf_clear(&w->last);
    buf_put_str(&w->last, text);
    rendering_over(s);
}

static void on_tried(const void *msg, const struct err *why, void *arg)
{
    const struct msg_template_tried *m = msg;
    struct session *s = pending_end(arg);
    struct err err = ERR_INIT;
    if (s == NULL || s->over)
        return;
    if (m == NULL && !s->repeated && !s->p->stopping) { /* the watcher went: the next one is asked, once */
        s->repeated = true;
        s->watch->state = RENDERING_WAITS;
        wait_for(s->watch, ENGINES_WAIT_S);
    } else if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0) {
        rendering_failed(s, &err);
    } else if (m != NULL) {
        rendering_done(s, m->text);
    }
}

/* Looked at before it is read: what changes in between is seen at the next look. */
static int read_template(struct session *s, struct buf *text, struct err *err)
{
    const char *path = s->names.p[0];
    if (stat(path, &s->watch->file) != 0)
        s->watch->file = (struct stat){0};
    return file_read(AT_FDCWD, path, TEMPLATE_FILE_MAX, text, err);
}

static int ask_watcher(struct session *s, struct str text, struct err *err)
{
    struct channel *watcher = member_channel(s->p, MEMBER_WATCHER);
    const struct msg_template_try m = {s->names.p[0], text, template_kind_text(s->watch->kind)};
    if (watcher == NULL)
        return err_set(err, ERR_IPC, "the watcher is not running");
    struct pending *q = pending_new(s);
    int r = channel_request(watcher, MSG_template_try, &m, MSG_template_tried, on_tried, q, err);
    if (r < 0)
        (void)pending_end(q);
    return r;
}

static void rendering_begin(struct session *s)
{
    struct watch *w = s->watch;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_FILE_MAX);
    struct err err = ERR_INIT;
    w->dirty = false;
    int r = read_template(s, &text, &err);
    if (r == 0)
        r = ask_watcher(s, buf_str(&text), &err);
    if (r < 0) {
        rendering_failed(s, &err);
        return;
    }
    w->state = RENDERING_ASKED;
    wait_for(w, RENDER_WAIT_S);
}

static bool file_changed(const struct session *s)
{
    const struct stat *was = &s->watch->file;
    struct stat st;
    if (stat(s->names.p[0], &st) != 0)
        st = (struct stat){0};
    return st.st_ino != was->st_ino || st.st_size != was->st_size ||
           st.st_mtim.tv_sec != was->st_mtim.tv_sec || st.st_mtim.tv_nsec != was->st_mtim.tv_nsec;
}

static void rendering_go_on(struct session *s)
{
    switch (s->watch->state) {
    case RENDERING_WAITS:
        if (watcher_has_model(s->p))
            rendering_begin(s);
        break;
    case RENDERING_ASKED:
        s->watch->dirty = true;
        break;
    case RENDERING_SHOWN:
        rendering_begin(s);
        break;
    }
}

static void rendering_late(struct session *s)
{
    struct err err = ERR_INIT;
    if (engine_failure(s->p, &err) == 0)
        err_set(&err, ERR_TIMEOUT, "the watcher did not answer in time (its log says why)");
    give_up(s, &err);
}

static void rendering_timer(struct session *s)
{
    if (s->watch->state != RENDERING_SHOWN)
        rendering_late(s);
    else if (file_changed(s))
        rendering_begin(s);
    else
        wait_for(s->watch, LOOK_S);
}

static int template_options(struct session *s, enum template_kind *kind, struct err *err)
{
    const char *word = control_option(s, "kind");
    if (s->names.n != 1 || s->names.p[0][0] != '/')
        return err_set(err, ERR_USAGE, "template render takes the absolute path of one file");
    if (word == NULL)
        *kind = template_kind_by_name(s->names.p[0]);
    else if (!template_kind_parse(word, kind))
        return err_set(err, ERR_USAGE, "%s is no kind of template: none, nginx, shell, html or json", word);
    return 0;
}

void watch_template(struct session *s)
{
    struct err err = ERR_INIT;
    enum template_kind kind = TEMPLATE_NONE;
    if (template_options(s, &kind, &err) < 0) {
        control_fail(s, &err);
        return;
    }
    if (watch_begin(s, &err) < 0) {
        give_up(s, &err);
        return;
    }
    s->watch->kind = kind;
    s->watch->again = control_option(s, "watch") != NULL;
    watcher_want_model(s->p);
    rendering_go_on(s);
}

/* --- what they wait for --- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    (void)fd, (void)what;
    if (s->over)
        return;
    s->watch->late = true;
    if (s->verb == VERB_TEMPLATE_RENDER)
        rendering_timer(s);
    else
        containers_go_on(s);
}

void control_world_changed(struct parent *p)
{
    for (struct session *s = p->sessions; s != NULL; s = s->next) {
        if (s->watch == NULL || s->over)
            continue;
        if (s->verb == VERB_TEMPLATE_RENDER)
            rendering_go_on(s);
        else
            containers_go_on(s);
    }
}

bool control_renders(const struct parent *p)
{
    for (const struct session *s = p->sessions; s != NULL; s = s->next)
        if (s->watch != NULL && !s->over && s->verb == VERB_TEMPLATE_RENDER)
            return true;
    return false;
}
