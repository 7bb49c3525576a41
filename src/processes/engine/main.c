/* The engine's channels, its sandbox and its start. */
#include "processes/engine/placed.h"

#include "base/log.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- from the parent --- */

static void on_authority(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    authority_configure(arg, msg);
}

static void on_wishes_begin(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct engine *e = arg;
    const struct msg_wishes_begin *m = msg;
    (void)c, (void)id, (void)fd;
    e->containers = m->containers;
    e->orders_max = m->orders_max;
    wishes_begin(e);
}

static void on_wishes_offer(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_wishes_offer *m = msg;
    struct buf wanted ATTR_CLEANUP(buf_free) = buf_new(MSG_LIST_MAX);
    struct err err = ERR_INIT;
    (void)fd;
    int r = wishes_offer(arg, m, &wanted, &err);
    const struct msg_wishes_judged answer = {buf_str(&wanted), msg_error_of(r < 0 ? &err : NULL)};
    if (channel_send(c, MSG_wishes_judged, id, &answer, -1, &err) < 0)
        log_error("%s", err.text);
}

static void on_wish_put(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    wish_put(arg, msg);
}

static void on_wishes_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct engine *e = arg;
    const struct msg_wishes_end *m = msg;
    (void)c, (void)id, (void)fd;
    wishes_end(e, m->complete);
    e->schedule = m->schedule;
    alerts_begin(e);
    if (e->schedule)
        storage_look(e);
}

static void on_rebuild(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)msg, (void)fd;
    rebuild_begin(arg, id);
}

static void on_grants_begin(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)msg, (void)fd;
    grants_begin(arg);
}

static void on_grant_keep(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_grant_keep *m = msg;
    (void)c, (void)id, (void)fd;
    grant_keep(arg, m->name);
}

static void on_grants_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    grants_end(arg, msg);
}

static void on_command(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    command_run(arg, msg);
}

static void on_account_take(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    import_account(arg, msg);
}

static void on_certificate_take(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    import_certificate(arg, msg);
}

static void on_import_over(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_import_over *m = msg;
    (void)c, (void)id, (void)fd;
    import_over(arg, m->session);
}

static void on_session_gone(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_session_gone *m = msg;
    (void)c, (void)id, (void)fd;
    session_end(arg, m->session);
}

static void on_rows_taken(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_rows_taken *m = msg;
    (void)c, (void)id, (void)fd;
    listing_taken(arg, m->session);
}

static void on_stop(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_stop *m = msg;
    (void)c, (void)id, (void)fd;
    engine_stop(arg, m->finish);
}

static void on_resolvers(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_resolvers *m = msg;
    (void)c, (void)id, (void)fd;
    look_resolvers(arg, &m->servers);
}

static void on_alerts(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    alerts_configure(arg, msg);
}

static void on_keep_history(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_keep_history *m = msg;
    (void)c, (void)id, (void)fd;
    history_keep(arg, m->seconds);
}

/* --- peers --- */

static void peer_gone(struct channel *c, const struct err *why, void *arg)
{
    struct engine *e = arg;
    log_debug("%s", why->text);
    if (e->keeper == c)
        e->keeper = NULL;
    if (e->responder == c)
        e->responder = NULL;
    if (e->solver == c)
        e->solver = NULL;
    channel_free(c);
}

static void on_hit(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_hit *m = msg;
    (void)c, (void)id, (void)fd;
    challenges_hit(arg, str_c(m->token));
}

static const struct channel_rule responder_rules[] = {{MSG_hit, CHANNEL_STATE_ANY, on_hit}};

static void on_dns_step(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    placed_step(arg, msg);
}

static const struct channel_rule solver_rules[] = {{MSG_dns_step, CHANNEL_STATE_ANY, on_dns_step}};

static void on_peer(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct engine *e = arg;
    const struct msg_peer *m = msg;
    (void)c, (void)id;
    if (strcmp(m->process, "keeper") == 0) {
        /* What was asked of the old one is answered by its end, which comes from the loop. */
        e->keeper = channel_new(e->process.base, fd, "engine-keeper", NULL, 0, peer_gone, e);
        placed_hurry(e);
    } else if (strcmp(m->process, "solver") == 0) {
        e->solver = channel_new(
            e->process.base, fd, "engine-solver", solver_rules, ARRAY_LEN(solver_rules), peer_gone, e);
        placed_replay(e);
        placed_hurry(e);
    } else {
        e->responder = channel_new(e->process.base, fd, "engine-responder", responder_rules,
            ARRAY_LEN(responder_rules), peer_gone, e);
        challenges_replay(e);
    }
}

static const struct channel_rule parent_rules[] = {
    {MSG_engine_authority, CHANNEL_STATE_ANY, on_authority},
    {MSG_wishes_begin, CHANNEL_STATE_ANY, on_wishes_begin},
    {MSG_wishes_offer, CHANNEL_STATE_ANY, on_wishes_offer},
    {MSG_wish_put, CHANNEL_STATE_ANY, on_wish_put},
    {MSG_wishes_end, CHANNEL_STATE_ANY, on_wishes_end},
    {MSG_rebuild, CHANNEL_STATE_ANY, on_rebuild},
    {MSG_grants_begin, CHANNEL_STATE_ANY, on_grants_begin},
    {MSG_grant_keep, CHANNEL_STATE_ANY, on_grant_keep},
    {MSG_grants_end, CHANNEL_STATE_ANY, on_grants_end},
    {MSG_engine_command, CHANNEL_STATE_ANY, on_command},
    {MSG_session_gone, CHANNEL_STATE_ANY, on_session_gone},
    {MSG_rows_taken, CHANNEL_STATE_ANY, on_rows_taken},
    {MSG_account_take, CHANNEL_STATE_ANY, on_account_take},
    {MSG_certificate_take, CHANNEL_STATE_ANY, on_certificate_take},
    {MSG_import_over, CHANNEL_STATE_ANY, on_import_over},
    {MSG_peer, CHANNEL_STATE_ANY, on_peer},
    {MSG_stop, CHANNEL_STATE_ANY, on_stop},
    PROCESS_PING_RULE,
    {MSG_resolvers, CHANNEL_STATE_ANY, on_resolvers},
    {MSG_alerts, CHANNEL_STATE_ANY, on_alerts},
    {MSG_keep_history, CHANNEL_STATE_ANY, on_keep_history},
};

/* --- start --- */

/* SQLite wants its three files beside each other; the user that the engine becomes may write them but not the
 * directory they are in, nor can it sync that: files that are new are made durable here. */
static int prepare_store(struct engine *e, struct err *err)
{
    static const char *const files[] = {"evercert.db", "evercert.db-wal", "evercert.db-shm"};
    bool is_new = false;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
        int fd ATTR_CLEANUP(fd_close) = openat(PROCESS_STATE_FD, files[i], flags);
        if (fd < 0 && errno == ENOENT) {
            is_new = true;
            fd = openat(PROCESS_STATE_FD, files[i], flags | O_CREAT | O_EXCL, 0600);
        }
        if (fd < 0)
            return err_errno(err, errno, "%s/%s", e->state_path, files[i]);
        int r = process_own(&e->process, fd, err);
        if (r < 0)
            return r;
    }
    return is_new ? dir_sync(PROCESS_STATE_FD, err) : 0;
}

static int find_state_path(struct engine *e, struct err *err)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/fd/4", path, sizeof path - 1);
    if (n < 0)
        return err_errno(err, errno, "/proc is needed");
    path[n] = '\0';
    e->state_path = strdup(path);
    return e->state_path != NULL ? 0 : ERR_MEMORY;
}

/* The store's files are open already. */
static int confine(struct engine *e, struct err *err)
{
    struct sandbox_path paths[PROCESS_NETWORK_PATHS_MAX];
    struct sandbox sandbox = {.kind = SANDBOX_DENY_LIST,
        .paths = paths,
        .paths_n = process_network_paths(paths),
        .permit = SANDBOX_TCP_CONNECT};
    return process_confine(&e->process, &sandbox, err);
}

static int start(struct engine *e, struct err *err)
{
    int r;
    if (e->process.probe == NULL) {
        r = find_state_path(e, err);
        if (r == 0)
            r = prepare_store(e, err);
        if (r == 0)
            r = process_become(&e->process, err);
        if (r < 0)
            return r;
        if (fchdir(PROCESS_STATE_FD) != 0)
            return err_errno(err, errno, "%s", e->state_path);
        if ((r = store_open_sqlite("evercert.db", &e->store, err)) < 0)
            return err_prefix(err, "%s", e->state_path);
        if (chdir("/") != 0)
            return err_errno(err, errno, "/");
    }
    /* The directory was only needed to open the store. */
    close(PROCESS_STATE_FD);
    return confine(e, err);
}

int main(int argc, char **argv)
{
    struct engine e = {.schedule = false};
    struct err err = ERR_INIT;
    process_init(&e.process, "engine", argc, argv);
    clock_begin(&e);
    json_object_seed(0); /* reads /dev/urandom, which is out of reach later */
    e.outbox_last = &e.outbox;
    e.actions = calloc(1, sizeof *e.actions);
    if (e.actions == NULL)
        abort();
    if (start(&e, &err) < 0)
        return process_unable(&e.process, &err);
    e.parent = channel_new(e.process.base, PROCESS_PARENT_FD, "engine-parent", parent_rules,
        ARRAY_LEN(parent_rules), process_parent_gone, &e);
    if (channel_send(e.parent, MSG_ready, 0, &(struct msg_ready){true}, -1, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    process_run(&e.process, engine_turn, &e);
    /* What was collected in the last turn is durable; orders under way go on from the store at the next
     * start. */
    store_close(e.store);
    return 0;
}
