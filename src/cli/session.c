#include "cli/session.h"

#include "base/attr.h"
#include "cli/connect.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "ipc/channel.h"
#include "os/child.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a parent of ours may take to end: after an interruption the user waits for it, otherwise it has
 * told its result and only cleans up. */
enum { INTERRUPTED_WAIT_S = 5, END_WAIT_S = 60 };

struct session {
    const struct globals *globals;
    const struct session_request *request;
    struct event_base *base;
    struct channel *channel;
    struct event *interrupt, *terminate, *child, *tick;
    struct terminal terminal;
    struct progress *progress;
    pid_t parent; /* ours, until it was waited for; else 0 */
    bool parent_ours, parent_gone, waiting;
    int parent_status; /* of wait */
    bool finished, lost, interrupted;
    int status;
    size_t flying;  /* pieces that were sent and not answered */
    bool sending;   /* there may be more of them */
    struct err why; /* of a lost channel */
};

/* Our own failure: nothing more is expected of the parent. */
static void fail(struct session *s, const struct err *err)
{
    progress_hide(s->progress);
    say_error("%s", err->text);
    s->finished = true;
    s->status = EXIT_FAILED;
    event_base_loopbreak(s->base);
}

/* As many as may be under way. Each is answered, so memory is bounded on both sides. */
static void send_pieces(struct session *s)
{
    struct err err = ERR_INIT;
    int r = 0;
    while (r == 0 && s->sending && !s->finished && s->flying < IMPORT_WINDOW) {
        enum msg_type type = MSG_import_end;
        const void *msg = &(struct msg_import_end){true};
        s->sending = s->request->pieces->next(s->request->pieces, &type, &msg);
        s->flying += s->sending;
        r = channel_send(s->channel, type, 0, msg, -1, &err);
    }
    if (r < 0)
        fail(s, &err);
}

static void on_ready(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct session *s = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    s->sending = s->request->pieces != NULL;
    send_pieces(s);
}

static void piece_answered(struct session *s)
{
    if (s->request->pieces == NULL || s->flying == 0)
        return;
    s->flying--;
    s->request->pieces->answered++;
    send_pieces(s);
}

static void on_row(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct session *s = arg;
    const struct msg_row *m = msg;
    struct err err = ERR_INIT;
    (void)c, (void)id, (void)fd;
    if (s->finished)
        return;
    progress_hide(s->progress);
    if (sink_row(s->request->sink, m->json, &err) < 0)
        fail(s, &err);
    else
        piece_answered(s);
}

static void on_rows(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct session *s = arg;
    const struct msg_rows *m = msg;
    struct err err = ERR_INIT;
    (void)id, (void)fd;
    if (s->finished)
        return;
    progress_hide(s->progress);
    if (sink_rows(s->request->sink, m->rows, &err) < 0 ||
        channel_send(c, MSG_rows_taken, 0, &(struct msg_rows_taken){m->session}, -1, &err) < 0)
        fail(s, &err);
}

static void on_progress(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct session *s = arg;
    const struct msg_progress *m = msg;
    struct err err = ERR_INIT;
    (void)c, (void)id, (void)fd;
    if (s->finished)
        return;
    bool failed = msg_error_get(&m->error, &err) != 0;
    if (!m->final) {
        progress_step(s->progress, m->name, m->step);
        return;
    }
    progress_final(s->progress, m->name, m->step, failed ? &err : NULL);
    piece_answered(s);
}

static void on_notice(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct session *s = arg;
    const struct msg_notice *m = msg;
    (void)c, (void)id, (void)fd;
    progress_hide(s->progress);
    say_warning("%s", m->text);
}

static void on_finished(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct session *s = arg;
    const struct msg_finished *m = msg;
    struct err err = ERR_INIT;
    (void)c, (void)id, (void)fd;
    if (s->finished)
        return;
    s->finished = true;
    s->status = m->status <= EXIT_LOCKED ? (int)m->status : EXIT_FAILED;
    if (msg_error_get(&m->error, &err) != 0) {
        progress_hide(s->progress);
        say_error("%s", err.text);
        if (s->status == EXIT_DONE)
            s->status = EXIT_FAILED;
    } else if (s->status != EXIT_DONE && progress_failed(s->progress) == 0) {
        progress_hide(s->progress); /* a status without a reason must not be all the user gets */
        say_error("the command failed; evercert log may say why");
    }
    event_base_loopbreak(s->base);
}

static const struct channel_rule rules[] = {
    {MSG_ready, CHANNEL_STATE_ANY, on_ready},
    {MSG_row, CHANNEL_STATE_ANY, on_row},
    {MSG_rows, CHANNEL_STATE_ANY, on_rows},
    {MSG_progress, CHANNEL_STATE_ANY, on_progress},
    {MSG_finished, CHANNEL_STATE_ANY, on_finished},
    {MSG_notice, CHANNEL_STATE_ANY, on_notice},
};

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct session *s = arg;
    (void)c;
    s->lost = true;
    s->why = *why;
    event_base_loopbreak(s->base);
}

static void on_stop_signal(evutil_socket_t sig, short what, void *arg)
{
    struct session *s = arg;
    (void)what;
    s->interrupted = true;
    s->status = sig == SIGTERM ? EXIT_TERMINATED : EXIT_INTERRUPTED;
    event_base_loopbreak(s->base);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
    struct session *s = arg;
    (void)sig, (void)what;
    if (s->parent == 0 || waitpid(s->parent, &s->parent_status, WNOHANG) != s->parent)
        return;
    s->parent = 0;
    s->parent_gone = true;
    if (s->waiting)
        event_base_loopbreak(s->base);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    (void)fd, (void)what;
    terminal_measure(STDOUT_FILENO, &s->terminal);
    progress_tick(s->progress);
}

static enum progress_form form_of(const struct session *s)
{
    if (s->globals->json)
        return PROGRESS_JSON;
    if (s->globals->quiet)
        return PROGRESS_QUIET;
    /* A drawing is made of the same escape codes that who wants no colours does not want to see. */
    return s->terminal.colour ? PROGRESS_DRAWN : PROGRESS_PLAIN;
}

/* Queries answer with rows alone; an object for a result among them would break their form. */
static void progress_open(struct session *s)
{
    enum progress_form form = form_of(s);
    if (form == PROGRESS_JSON && !s->request->acts)
        form = PROGRESS_QUIET;
    s->progress = progress_new(form, &s->terminal, &system_clock, stdout, stderr);
}

static struct event *add_event(
    struct session *s, int fd, short what, event_callback_fn fn, const struct timeval *every)
{
    struct event *e = event_new(s->base, fd, what | EV_PERSIST, fn, s);
    if (e == NULL || event_add(e, every) != 0)
        abort();
    return e;
}

static void session_open(struct session *s)
{
    const struct timeval every = {0, PROGRESS_TICK_MS * 1000};
    s->base = event_base_new();
    if (s->base == NULL)
        abort();
    terminal_detect(STDOUT_FILENO, s->globals->no_color, &s->terminal);
    progress_open(s);
    s->child = add_event(s, SIGCHLD, EV_SIGNAL, on_child, NULL);
    s->interrupt = add_event(s, SIGINT, EV_SIGNAL, on_stop_signal, NULL);
    s->terminate = add_event(s, SIGTERM, EV_SIGNAL, on_stop_signal, NULL);
    if (progress_moves(s->progress))
        s->tick = add_event(s, -1, 0, on_tick, &every);
}

static void session_close(struct session *s)
{
    struct event *const events[] = {s->child, s->interrupt, s->terminate, s->tick};
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (events[i] != NULL)
            event_free(events[i]);
    progress_end(s->progress);
    event_base_free(s->base);
}

static int reach(struct session *s, struct arena *a, int *fd, struct err *err)
{
    int r = s->request->dry_run ? ERR_NOT_FOUND : connect_daemon(s->globals, fd, err);
    if (r != ERR_NOT_FOUND)
        return r;
    r = connect_start(s->globals, s->request->dry_run, a, fd, &s->parent, err);
    s->parent_ours = r == 0;
    return r;
}

/* The channel is closed by now, which is what tells a parent of ours to end. */
static void wait_for_parent(struct session *s, int seconds)
{
    const struct timeval limit = {seconds, 0};
    if (s->parent == 0)
        return;
    s->waiting = true;
    s->interrupted = false;  /* a further Ctrl-C ends the wait */
    on_child(SIGCHLD, 0, s); /* it may have gone before the signal's event was there */
    if (!s->parent_gone && event_base_loopexit(s->base, &limit) == 0)
        event_base_dispatch(s->base);
}

/* The parent went, or spoke nonsense, before it had finished. */
static int status_of_lost(const struct session *s)
{
    char text[CHILD_STATUS_TEXT_MAX];
    if (!s->parent_ours) {
        say_error("the daemon went before the command was done (%s); evercert list shows what there is",
            s->why.text);
        return EXIT_FAILED;
    }
    int code = s->parent_gone && WIFEXITED(s->parent_status) ? WEXITSTATUS(s->parent_status) : -1;
    if (code == EXIT_FAILED || code == EXIT_LOCKED || code == EXIT_USAGE) /* it has said why itself */
        return code;
    if (s->parent_gone)
        say_error("the parent process ended before the command was done (%s); -v shows more",
            child_status_text(s->parent_status, text));
    else
        say_error("the parent process gave up before the command was done (%s)", s->why.text);
    return EXIT_FAILED;
}

static int session_result(struct session *s)
{
    int status = s->status;
    bool interrupted = s->interrupted, lost = s->lost && !s->finished;
    progress_end(s->progress);
    s->progress = NULL;
    sink_end(s->request->sink, s->finished && status == EXIT_DONE);
    if (interrupted && s->request->acts && !s->parent_ours)
        say_note("the daemon goes on with it; evercert list shows how far it is");
    wait_for_parent(s, interrupted ? INTERRUPTED_WAIT_S : END_WAIT_S);
    if (!interrupted && lost)
        status = status_of_lost(s);
    return status;
}

static int converse(struct session *s, int fd)
{
    struct err err = ERR_INIT;
    const struct msg_command m = {
        .verb = s->request->verb, .names = s->request->names, .options = s->request->options};
    s->channel = channel_new(s->base, fd, "parent", rules, ARRAY_LEN(rules), on_closed, s);
    if (channel_send(s->channel, MSG_command, 0, &m, -1, &err) < 0)
        fail(s, &err);
    else
        event_base_dispatch(s->base);
    /* Ctrl-C reaches a parent of ours as well, whose farewell may be read before our own signal. */
    if (s->lost || (s->finished && s->status != EXIT_DONE))
        event_base_loop(s->base, EVLOOP_NONBLOCK);
    if (s->tick != NULL)
        event_del(s->tick);
    channel_free(s->channel);
    return session_result(s);
}

int session_run(const struct globals *g, const struct session_request *q, struct arena *a)
{
    struct session s = {.globals = g, .request = q};
    struct err err = ERR_INIT;
    int fd = -1, status = EXIT_FAILED;
    session_open(&s);
    if (reach(&s, a, &fd, &err) < 0) {
        say_error("%s", err.text);
        sink_end(q->sink, false);
    } else {
        status = converse(&s, fd);
    }
    session_close(&s);
    return status;
}
