/*
 * Telling somebody: what an action says is done by a container's engine, which the watcher is asked for, by a
 * command of the host, or here. The words are all the configuration's; of a container nothing is used but
 * which one it is.
 */
#include "processes/parent/parent.h"

#include "base/buf.h"
#include "base/text.h"
#include "base/time.h"
#include "docker/follow.h"
#include "os/child.h"
#include "processes/parent/action.h"
#include "processes/parent/program.h"
#include "processes/parent/run.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACTION_OUTPUT_MAX = 8 * 1024, /* kept of what a command prints */
    ACTION_ENV_MAX = 8,
    /* The watcher has its own limit for what it asks of an engine; a watcher that says nothing at all must
     * not hold up for ever who waits. */
    ACTION_ANSWER_S = 60,
};

/* One that goes on. */
struct deed {
    struct parent *p;
    struct arena *arena;
    const struct action *action;
    const char *name;            /* of the entry, for the command */
    struct action_target target; /* texts never NULL */
    bool by_sudo;
    struct buf output;
    struct event *timer; /* of the answer, or to end from the loop */
    struct err err;
    action_fn *fn;
    void *arg;
};

static void deed_end(struct deed *d, const char *output, const struct err *err)
{
    action_fn *fn = d->fn;
    void *arg = d->arg;
    event_free(d->timer);
    fn(output, err, arg);
    buf_free(&d->output);
    arena_free(d->arena);
    free(d);
}

/* --- by an engine --- */

static void on_acted(const void *msg, const struct err *why, void *arg)
{
    struct deed *d = arg;
    const struct msg_acted *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL)
        err_prefix(&err, "the watcher ended before it was done");
    if (m != NULL)
        text_clean(&d->output, str_c(m->output), ACTION_OUTPUT_MAX);
    deed_end(d, buf_c(&d->output), r < 0 ? &err : NULL);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct deed *d = arg;
    struct channel *c = member_channel(d->p, MEMBER_WATCHER);
    (void)fd, (void)what;
    if (c != NULL)
        channel_forget(c, d);
    err_set(&d->err, ERR_TIMEOUT, "the watcher gave no answer");
    deed_end(d, "", &d->err);
}

static int64_t limit_of(const struct action *a)
{
    return a->timeout_s > 0 ? a->timeout_s : ACTION_TIMEOUT_S;
}

static int ask_watcher(struct deed *d, struct err *err)
{
    const struct action *a = d->action;
    bool own = a->container[0] == '\0'; /* the container that asks */
    struct channel *c = member_channel(d->p, MEMBER_WATCHER);
    if (own && d->target.id[0] == '\0')
        return err_set(err, ERR_CONFIG, "action %s names no container, and none asks for it", d->name);
    if (c == NULL)
        return err_set(err, ERR_IPC, "the watcher is not running; it is started again in a moment");
    const struct msg_act m = {.engine = own ? d->target.engine : a->engine,
        .id = own ? d->target.id : "",
        .container = own ? "" : a->container,
        .service = own && d->target.service,
        .verb = a->exec_n > 0 ? DOCKER_EXEC
                : a->restart  ? DOCKER_RESTART
                              : DOCKER_SIGNAL,
        .signal = a->signal,
        .argv = {a->exec, a->exec_n},
        .user = a->exec_user,
        .timeout = limit_of(a)};
    int r = channel_request(c, MSG_act, &m, MSG_acted, on_acted, d, err);
    if (r < 0)
        return r;
    event_assign(d->timer, d->p->base, -1, EV_TIMEOUT, on_late, d);
    event_add(d->timer, &(struct timeval){m.timeout + ACTION_ANSWER_S, 0});
    return 0;
}

/* --- on the host --- */

/* A container's name goes into the environment of a program of the operator's, maybe a script that is
 * careless with it; engines give no others than these. */
static bool is_plain_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && (p == name || strchr("_.-", *p) == NULL))
            return false;
    return name[0] != '\0';
}

static char **environment(const struct deed *d, const struct user *u)
{
    size_t n = 0;
    char **list = arena_array(d->arena, ACTION_ENV_MAX + 1, sizeof *list);
    list[n++] = arena_printf(d->arena, "PATH=%s", PROGRAM_PATH);
    list[n++] = arena_printf(d->arena, "HOME=%s", u->home);
    list[n++] = arena_printf(d->arena, "USER=%s", u->name);
    list[n++] = arena_dup_c(d->arena, "LANG=C.UTF-8");
    list[n++] = arena_dup_c(d->arena, "EVERCERT_EVENT=action");
    list[n++] = arena_printf(d->arena, "EVERCERT_ACTION=%s", d->name);
    if (is_plain_name(d->target.container))
        list[n++] = arena_printf(d->arena, "EVERCERT_CONTAINER=%s", d->target.container);
    return list;
}

static void on_over(int wait_status, bool timed_out, void *arg)
{
    struct deed *d = arg;
    char status[CHILD_STATUS_TEXT_MAX], limit[DURATION_TEXT_MAX];
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * ACTION_OUTPUT_MAX);
    struct err err = ERR_INIT;
    bool refused = d->by_sudo && program_sudo_refused(buf_str(&d->output));
    if (d->p->stopping)
        err_set(&err, ERR_CANCELLED, "evercert was stopped");
    else if (timed_out)
        err_set(&err, ERR_TIMEOUT, "%s did not end within %s and was killed", d->action->run[0],
            duration_format(limit_of(d->action), limit));
    else if (wait_status != 0)
        err_set(&err, ERR_FAILED, "%s %s%s%s", d->action->run[0], child_status_text(wait_status, status),
            refused ? ": " : "", refused ? program_sudo_remedy() : "");
    deed_end(d, buf_c(&d->output), err.code != 0 ? &err : NULL);
}

static int run(struct deed *d, struct err *err)
{
    const struct action *a = d->action;
    const struct deploy step = {.argv = a->run, .argc = a->run_n, .user = a->user};
    struct program program;
    int r = program_prepare(&d->p->settings, &step, a->run[0], NULL, 0, d->arena, &program, err);
    if (r < 0)
        return r;
    d->by_sudo = program_is_sudo(program.path);
    const struct run_spec spec = {.path = program.path,
        .argv = program.argv,
        .envp = environment(d, &program.user),
        .script_argv = program.script_argv,
        .set_user = program.set_user,
        .uid = program.user.uid,
        .gid = program.user.gid,
        .groups = program.groups,
        .groups_n = program.groups_n,
        .timeout_s = limit_of(a),
        .output = &d->output,
        .over = on_over,
        .arg = d};
    return run_start(d->p, &spec, err);
}

/* --- from the loop --- */

static void on_now(evutil_socket_t fd, short what, void *arg)
{
    struct deed *d = arg;
    (void)fd, (void)what;
    if (d->err.code == 0 && !d->p->stopping && d->action->reload)
        (void)parent_reload(d->p, &d->err);
    deed_end(d, "", d->err.code != 0 ? &d->err : NULL);
}

static void end_soon(struct deed *d)
{
    event_active(d->timer, EV_TIMEOUT, 0);
}

static struct action_target copy_target(const struct action_target *in, struct arena *a)
{
    if (in == NULL)
        return (struct action_target){"", "", "", false};
    return (struct action_target){
        arena_dup_c(a, in->engine), arena_dup_c(a, in->id), arena_dup_c(a, in->container), in->service};
}

void action_run(
    struct parent *p, const struct action *action, const struct action_target *in, action_fn *fn, void *arg)
{
    struct deed *d = calloc(1, sizeof *d);
    if (d == NULL)
        abort();
    *d = (struct deed){
        .p = p, .arena = arena_new(), .output = buf_new(ACTION_OUTPUT_MAX), .fn = fn, .arg = arg};
    if ((d->timer = evtimer_new(p->base, on_now, d)) == NULL)
        abort();
    d->target = copy_target(in, d->arena);
    d->action = action_follow(&p->settings, action, d->arena);
    int r = 0;
    if (p->stopping)
        r = err_set(&d->err, ERR_CANCELLED, "evercert was stopped");
    else if (d->action == NULL)
        r = err_set(&d->err, ERR_CONFIG, "there is no entry \"%s\" in actions: write it, or name another",
            action->action);
    else {
        d->name = d->action->name;
        r = d->action->run_n > 0 ? run(d, &d->err) : d->action->reload ? 0 : ask_watcher(d, &d->err);
    }
    if (r < 0 || d->action->reload)
        end_soon(d);
}
