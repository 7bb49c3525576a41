/* The watcher's channel, its sandbox and its start. */
#include "processes/watcher/watcher.h"

#include "base/log.h"

#include <malloc.h>
#include <unistd.h>

bool watcher_tell(struct watcher *w, enum msg_type t, uint32_t id, const void *msg)
{
    struct err err = ERR_INIT;
    if (channel_send(w->parent, t, id, msg, -1, &err) == 0)
        return true;
    log_warning("%s", err.text);
    return false;
}

/* --- from the parent --- */

static void on_watch_begin(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    feed_begin(arg, msg);
}

static void on_watch_engine(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    feed_engine(arg, msg);
}

static void on_watch_template(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    feed_template(arg, msg);
}

static void on_watch_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_watch_end *m = msg;
    (void)c, (void)id, (void)fd;
    feed_end(arg, m->rescan);
}

static void on_model_begin(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)msg, (void)fd;
    model_begin(arg);
}

static void on_model_row(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)fd;
    model_row(arg, msg);
    if (id != 0)
        (void)watcher_tell(arg, MSG_done, id, &(struct msg_done){msg_error_of(NULL)});
}

static void on_model_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)msg, (void)fd;
    model_end(arg);
}

static void on_engine_socket(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_engine_socket *m = msg;
    (void)c, (void)id;
    engine_take_socket(arg, m->engine, fd, NULL);
}

static void on_engine_no_socket(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_engine_no_socket *m = msg;
    struct err why = ERR_INIT;
    (void)c, (void)id, (void)fd;
    if (msg_error_get(&m->error, &why) == 0)
        err_set(&why, ERR_FAILED, "there is no socket, and no reason");
    engine_take_socket(arg, m->engine, -1, &why);
}

static void on_act(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)fd;
    act_begin(arg, id, msg);
}

static void on_template_try(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)fd;
    try_begin(arg, id, msg);
}

static void on_stop(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct watcher *w = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    process_stop(&w->process);
}

static const struct channel_rule parent_rules[] = {
    {MSG_watch_begin, CHANNEL_STATE_ANY, on_watch_begin},
    {MSG_watch_engine, CHANNEL_STATE_ANY, on_watch_engine},
    {MSG_watch_template, CHANNEL_STATE_ANY, on_watch_template},
    {MSG_watch_end, CHANNEL_STATE_ANY, on_watch_end},
    {MSG_model_begin, CHANNEL_STATE_ANY, on_model_begin},
    {MSG_model_row, CHANNEL_STATE_ANY, on_model_row},
    {MSG_model_end, CHANNEL_STATE_ANY, on_model_end},
    {MSG_engine_socket, CHANNEL_STATE_ANY, on_engine_socket},
    {MSG_engine_no_socket, CHANNEL_STATE_ANY, on_engine_no_socket},
    {MSG_act, CHANNEL_STATE_ANY, on_act},
    {MSG_template_try, CHANNEL_STATE_ANY, on_template_try},
    {MSG_stop, CHANNEL_STATE_ANY, on_stop},
    PROCESS_PING_RULE,
};

/* --- start and end --- */

/* It is confined before it knows the engines: of the file system it may read what a TLS connection to one
 * over TCP needs, and a Unix socket it can only be given. */
static int start(struct watcher *w, struct err *err)
{
    struct sandbox_path paths[PROCESS_NETWORK_PATHS_MAX];
    struct sandbox sandbox = {.kind = SANDBOX_DENY_LIST,
        .paths = paths,
        .paths_n = process_network_paths(paths),
        .permit = SANDBOX_TCP_CONNECT,
        .no_unix = true};
    int r = process_become(&w->process, err);
    close(PROCESS_STATE_FD);
    return r < 0 ? r : process_confine(&w->process, &sandbox, err);
}

/* What came with many containers at once is given back to the system. */
static void turn(void *arg)
{
    struct watcher *w = arg;
    if (w->moved < TRIM_AFTER || w->pass.waiting)
        return;
    w->moved = 0;
    malloc_trim(0);
}

static void end(struct watcher *w)
{
    acts_end(w);
    tries_end(w);
    renders_end(w);
    engines_end(w);
    world_end(w);
    channel_free(w->parent);
    event_base_free(w->process.base);
}

int main(int argc, char **argv)
{
    struct watcher w = {.clock = &system_clock};
    struct err err = ERR_INIT;
    process_init(&w.process, "watcher", argc, argv);
    if (start(&w, &err) < 0)
        return process_unable(&w.process, &err);
    world_start(&w);
    renders_start(&w);
    w.parent = channel_new(w.process.base, PROCESS_PARENT_FD, "watcher-parent", parent_rules,
        ARRAY_LEN(parent_rules), process_parent_gone, &w);
    process_run(&w.process, turn, &w);
    end(&w);
    return 0;
}
