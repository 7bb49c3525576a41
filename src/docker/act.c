/* Actions: each is a chain of requests, and ends once. */
#include "base/attr.h"
#include "docker/demux.h"
#include "docker/follow_priv.h"
#include "docker/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESTART_GRACE_S = 10,    /* a container has to end by itself before it is killed, as `docker restart` */
    EXIT_POLL_MS = 50,       /* the exit status may come a moment after the last of the output */
    SERVICE_TASKS_MAX = 256, /* containers of one service on one engine that get a signal */
    SIGNAL_MAX = 16,
    ACT_BODY_MAX = 256 * 1024, /* octets of what is sent for an exec */
};

struct docker_call {
    struct docker *d;
    struct docker_call *next, **link;
    docker_done_fn *done;
    void *arg;
    struct wire_request *request;
    struct event *timer; /* the end of its time */
    struct event *poll;
    struct arena *a;
    enum docker_verb verb;
    const char *id, *signal;
    int64_t limit_ms;
    char exec[DOCKER_ID_MAX + 1];
    struct demux demux;
    struct split split;
    const char **tasks; /* containers of a service */
    size_t task_n, task_at;
};

/* --- the end --- */

static void free_call(struct docker_call *c)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    wire_cancel(c->request);
    event_free(c->timer);
    event_free(c->poll);
    demux_free(&c->demux);
    split_free(&c->split);
    arena_free(c->a);
    free(c);
}

void docker_cancel(struct docker_call *c)
{
    if (c != NULL)
        free_call(c);
}

void act_cancel_all(struct docker *d)
{
    for (struct docker_call *c = d->calls, *next; c != NULL; c = next) {
        next = c->next;
        free_call(c);
    }
}

/* Nothing of the call may be used behind it. */
static void finish(struct docker_call *c, const struct err *err)
{
    struct buf output ATTR_CLEANUP(buf_free) = buf_new(4 * DOCKER_OUTPUT_MAX);
    docker_done_fn *done = c->done;
    void *arg = c->arg;
    text_clean(&output, str_trim(buf_str(&c->demux.out)), DOCKER_OUTPUT_MAX);
    free_call(c);
    done(buf_c(&output), err, arg);
}

/* Whether the answer is a success; else the call is over. */
static bool went_well(struct docker_call *c, const struct wire_answer *answer, const struct err *err)
{
    struct err why = ERR_INIT;
    char shown[DOCKER_ID_MAX * 2];
    snprintf(shown, sizeof shown, "%s", wire_shown(c->request));
    c->request = NULL;
    if (err == NULL && answer->status >= 200 && answer->status < 300)
        return true;
    if (err == NULL)
        docker_refusal(answer, shown, &why);
    finish(c, err != NULL ? err : &why);
    return false;
}

static void on_time_out(evutil_socket_t fd, short what, void *arg)
{
    struct docker_call *c = arg;
    struct err err;
    (void)fd, (void)what;
    err_set(&err, ERR_TIMEOUT, "not done after %" PRId64 " s%s", c->limit_ms / 1000,
        c->verb == DOCKER_EXEC ? "; what was started in the container may still run" : "");
    finish(c, &err);
}

/* --- requests --- */

static void get(struct docker_call *c, const char *path, size_t max, wire_done_fn *done)
{
    const struct wire_ask ask = {
        .class = WIRE_ACTION, .path = path, .answer_max = max, .limit_ms = c->limit_ms};
    c->request = wire_ask(c->d->wire, &ask, done, c);
}

static void post(struct docker_call *c, const char *path, struct str body, wire_done_fn *done)
{
    const struct wire_ask ask = {.class = WIRE_ACTION,
        .post = true,
        .path = path,
        .body = body,
        .answer_max = DOCKER_EVENT_MAX,
        .limit_ms = c->limit_ms};
    c->request = wire_ask(c->d->wire, &ask, done, c);
}

static void fail(struct docker_call *c, int code, const char *text)
{
    struct err err;
    err_set(&err, code, "%s", text);
    finish(c, &err);
}

/* --- signal, restart --- */

static void on_done(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker_call *c = arg;
    if (went_well(c, answer, err))
        finish(c, NULL);
}

static void begin_container(struct docker_call *c)
{
    if (c->verb == DOCKER_SIGNAL)
        post(c, docker_path(c->d, c->a, "/containers/%s/kill?signal=%s", c->id, c->signal), STR(""), on_done);
    else
        post(c, docker_path(c->d, c->a, "/containers/%s/restart?t=%d", c->id, (int)RESTART_GRACE_S), STR(""),
            on_done);
}

/* --- exec --- */

static void ask_exit(struct docker_call *c);

static void on_exit_status(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker_call *c = arg;
    struct err why = ERR_INIT;
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    struct timeval again = {.tv_usec = EXIT_POLL_MS * 1000};
    if (!went_well(c, answer, err))
        return;
    if (dj_load(answer->body, &j, &why) < 0) {
        finish(c, &why);
        return;
    }
    int64_t status = dj_number(j, "ExitCode", INT32_MAX, -1);
    if (dj_true(j, "Running"))
        event_add(c->poll, &again);
    else if (status == 0)
        finish(c, NULL);
    else if (status < 0)
        fail(c, ERR_FAILED, "the engine does not say how the command ended");
    else
        err_set(&why, ERR_FAILED, "exit status %" PRId64, status), finish(c, &why);
}

static void ask_exit(struct docker_call *c)
{
    get(c, docker_path(c->d, c->a, "/exec/%s/json", c->exec), DOCKER_EVENT_MAX, on_exit_status);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ask_exit(arg);
}

static int on_output(struct str octets, void *arg, struct err *err)
{
    struct docker_call *c = arg;
    (void)err;
    demux_feed(&c->demux, octets);
    return 0;
}

static void on_streamed(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker_call *c = arg;
    if (went_well(c, answer, err))
        ask_exit(c);
}

static void on_created(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker_call *c = arg;
    struct err why = ERR_INIT;
    if (!went_well(c, answer, err))
        return;
    if (decode_listed(answer->body, c->exec, &why) < 0) {
        finish(c, &why);
        return;
    }
    const struct wire_ask ask = {.class = WIRE_ACTION,
        .post = true,
        .path = docker_path(c->d, c->a, "/exec/%s/start", c->exec),
        .body = STR("{\"Detach\":false,\"Tty\":false}"),
        .answer_max = WIRE_ERROR_MAX,
        .limit_ms = c->limit_ms,
        .data = on_output};
    c->request = wire_ask(c->d->wire, &ask, on_streamed, c);
}

static int begin_exec(struct docker_call *c, const struct docker_action *action, struct err *err)
{
    json_t *j ATTR_CLEANUP(dj_freep) = json_object(), *argv = json_array();
    int bad = json_object_set_new(j, "Cmd", argv);
    for (size_t i = 0; i < action->argc; i++)
        bad |= json_array_append_new(argv, json_string(action->argv[i]));
    bad |= json_object_set_new(j, "AttachStdout", json_true());
    bad |= json_object_set_new(j, "AttachStderr", json_true());
    if (action->user != NULL && action->user[0] != '\0')
        bad |= json_object_set_new(j, "User", json_string(action->user));
    char *text = bad != 0 ? NULL : json_dumps(j, JSON_COMPACT);
    if (text == NULL || strlen(text) > ACT_BODY_MAX) {
        free(text);
        return err_set(err, ERR_INPUT, "a command that is too long, or is not UTF-8");
    }
    post(c, docker_path(c->d, c->a, "/containers/%s/exec", c->id), str_c(text), on_created);
    free(text);
    return 0;
}

/* --- services --- */

static void signal_next(struct docker_call *c);

static void on_signalled(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker_call *c = arg;
    /* A task that ended meanwhile needs no signal any more. */
    if (err == NULL && (answer->status == 404 || answer->status == 409))
        c->request = NULL;
    else if (!went_well(c, answer, err))
        return;
    signal_next(c);
}

static void signal_next(struct docker_call *c)
{
    if (c->task_at == c->task_n) {
        finish(c, NULL);
        return;
    }
    const char *path =
        docker_path(c->d, c->a, "/containers/%s/kill?signal=%s", c->tasks[c->task_at++], c->signal);
    post(c, path, STR(""), on_signalled);
}

static int on_task(struct str element, void *arg, struct err *err)
{
    struct docker_call *c = arg;
    char id[DOCKER_ID_MAX + 1];
    int r = decode_listed(element, id, err);
    if (r == 0 && c->task_n < SERVICE_TASKS_MAX)
        c->tasks[c->task_n++] = arena_dup_c(c->a, id);
    return r;
}

static int on_task_octets(struct str octets, void *arg, struct err *err)
{
    struct docker_call *c = arg;
    return split_feed(&c->split, octets, on_task, c, err);
}

static void on_tasks(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker_call *c = arg;
    struct err why = ERR_INIT;
    if (!went_well(c, answer, err))
        return;
    if (split_end(&c->split, &why) < 0)
        finish(c, &why);
    else if (c->task_n == 0)
        fail(c, ERR_NOT_FOUND, "no container of the service runs on this engine");
    else
        signal_next(c);
}

static void list_tasks(struct docker_call *c, const char *service)
{
    const struct wire_ask ask = {.class = WIRE_ACTION,
        .path = docker_path(c->d, c->a,
            "/containers/"
            "json?filters=%%7B%%22label%%22%%3A%%5B%%22com.docker.swarm.service.id%%3D%s%%22%%5D%%7D",
            service),
        .answer_max = WIRE_ERROR_MAX,
        .limit_ms = c->limit_ms,
        .data = on_task_octets};
    c->tasks = arena_array(c->a, SERVICE_TASKS_MAX, sizeof *c->tasks);
    split_init(&c->split, SPLIT_ARRAY, DOCKER_ANSWER_MAX, DOCKER_LIST_MAX);
    c->request = wire_ask(c->d->wire, &ask, on_tasks, c);
}

/* The whole specification goes back with one number changed: an update replaces all of it. */
static void update_service(struct docker_call *c, json_t *service, const char *id)
{
    json_t *spec = json_object_get(service, "Spec"), *task = json_object_get(spec, "TaskTemplate");
    int64_t version = dj_number(dj_object(service, "Version"), "Index", INT64_MAX, -1);
    int64_t force = dj_number(task, "ForceUpdate", INT64_MAX - 1, 0);
    if (version < 0 || !json_is_object(task) ||
        json_object_set_new(task, "ForceUpdate", json_integer(force + 1)) != 0) {
        fail(c, ERR_INPUT, "the engine does not describe the service");
        return;
    }
    char *text = json_dumps(spec, JSON_COMPACT);
    if (text == NULL) {
        fail(c, ERR_MEMORY, "out of memory for a service");
        return;
    }
    post(c, docker_path(c->d, c->a, "/services/%s/update?version=%" PRId64, id, version), str_c(text),
        on_done);
    free(text);
}

static void on_service(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker_call *c = arg;
    struct err why = ERR_INIT;
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    if (!went_well(c, answer, err))
        return;
    struct str id = {"", 0};
    if (dj_load(answer->body, &j, &why) == 0)
        id = dj_text(j, "ID");
    if (!docker_id_fits(id, DOCKER_ID_MAX))
        fail(c, ERR_INPUT, "the engine does not describe the service");
    else if (c->verb == DOCKER_SIGNAL)
        list_tasks(c, arena_dup(c->a, id));
    else
        update_service(c, j, arena_dup(c->a, id));
}

/* --- beginning --- */

static bool signal_fits(const char *s)
{
    size_t n = s == NULL ? 0 : strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!(s[i] >= 'A' && s[i] <= 'Z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '+' && s[i] != '-')
            return false;
    return n > 0 && n <= SIGNAL_MAX;
}

static int check(const struct docker *d, const struct docker_action *action, struct err *err)
{
    if (!docker_id_fits(str_c(action->id), CONTAINER_NAME_MAX))
        return err_set(err, ERR_INPUT, "neither an id nor a name of a container");
    if (action->verb == DOCKER_SIGNAL && !signal_fits(action->signal))
        return err_set(err, ERR_INPUT, "there is no such signal");
    if (action->verb == DOCKER_EXEC && (action->service || action->argc == 0))
        return err_set(err, ERR_REFUSED, "a command is run in a container, and in no service");
    if (d->phase != DOCKER_THERE)
        return err_set(err, ERR_NETWORK, "the engine %s is not connected%s%s", d->name,
            d->error[0] != '\0' ? ": " : "", d->error);
    return 0;
}

int docker_act(struct docker *d, const struct docker_action *action, docker_done_fn *fn, void *arg,
    struct docker_call **out, struct err *err)
{
    int r = check(d, action, err);
    if (r < 0)
        return r;
    struct docker_call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for an action");
    c->d = d;
    c->done = fn;
    c->arg = arg;
    c->a = arena_new();
    c->verb = action->verb;
    c->id = arena_dup_c(c->a, action->id);
    c->signal = arena_dup_c(c->a, action->signal);
    c->limit_ms = (action->timeout_s > 0 ? action->timeout_s : DOCKER_ANSWER_S) * 1000;
    c->timer = evtimer_new(d->base, on_time_out, c);
    c->poll = evtimer_new(d->base, on_poll, c);
    if (c->timer == NULL || c->poll == NULL)
        abort();
    demux_init(&c->demux, DOCKER_OUTPUT_MAX);
    split_init(&c->split, SPLIT_ARRAY, 0, 0);
    c->next = d->calls;
    c->link = &d->calls;
    if (c->next != NULL)
        c->next->link = &c->next;
    d->calls = c;
    struct timeval tv = {.tv_sec = (time_t)(c->limit_ms / 1000)};
    event_add(c->timer, &tv);
    if (action->service)
        get(c, docker_path(d, c->a, "/services/%s", c->id), DOCKER_ANSWER_MAX, on_service);
    else if (c->verb == DOCKER_EXEC)
        r = begin_exec(c, action, err);
    else
        begin_container(c);
    if (r < 0)
        free_call(c);
    else if (out != NULL)
        *out = c;
    return r;
}
