#include "cli/connect.h"

#include "os/child.h"
#include "os/socket.h"
#include "processes/command.h"
#include "processes/control_socket.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARENT_ARGS_MAX = 12 };

struct parent_args {
    const char *argv[PARENT_ARGS_MAX + 1];
    size_t n;
};

/* The environment's word counts only where nobody gains rights by it. */
const char *connect_program(const char *name, struct arena *a)
{
    const char *dir = secure_getenv("EVERCERT_LIBEXEC");
    return arena_printf(a, "%s/%s", dir != NULL && dir[0] != '\0' ? dir : EVERCERT_LIBEXEC, name);
}

static void push(struct parent_args *args, const char *text)
{
    args->argv[args->n++] = text;
}

static void common_args(
    const struct globals *g, enum log_level base, struct arena *a, struct parent_args *args)
{
    push(args, "parent");
    push(args, "--config");
    push(args, g->config);
    if (!g->config_given)
        push(args, "--config-optional");
    push(args, "--state");
    push(args, g->state);
    if (g->sandbox_log)
        push(args, "--sandbox=log");
    if (g->log_format != NULL)
        push(args, arena_printf(a, "--log-format=%s", g->log_format));
    push(args, arena_printf(a, "--log-level=%s", log_level_name(globals_log_level(g, base))));
}

int connect_daemon(const struct globals *g, int *out, struct err *err)
{
    char path[PATH_MAX];
    int r = control_socket_path(g->state, path, sizeof path, err);
    if (r == 0)
        r = socket_connect_unix(path, out, err);
    if (r == ERR_PERMISSION)
        return err_set(err, r,
            "the daemon's control socket %s is not for this user: run the command as root, or use a state "
            "directory of your own (--state DIR)",
            path);
    if (r == ERR_TIMEOUT)
        return err_set(err, r, "the daemon behind %s is too busy to answer: try again in a moment", path);
    return r;
}

/* A missing program is a broken installation, not a missing certificate: say where it was looked for. */
static int explain_start(struct err *err, const char *program)
{
    if (err != NULL && err->code == ERR_NOT_FOUND)
        return err_set(err, ERR_FAILED,
            "cannot start %s: there is no such program; install evercert whole (EVERCERT_LIBEXEC names "
            "another directory of its programs)",
            program);
    return err_prefix(err, "cannot start %s", program);
}

int connect_start(
    const struct globals *g, bool dry_run, struct arena *a, int *out, pid_t *pid, struct err *err)
{
    struct parent_args args = {.n = 0};
    /* What went wrong comes as the command's answer; the log would say it a second time, in other words. */
    common_args(g, g->verbosity > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, a, &args);
    if (dry_run)
        push(&args, "--dry-run");
    const char *program = connect_program("parent", a);
    int pair[2], r = socket_pair(pair, err);
    if (r < 0)
        return r;
    /* Standard output is ours: rows and nothing else may stand on it. */
    const struct child_fd fds[] = {{STDERR_FILENO, STDERR_FILENO}, {pair[1], COMMAND_FD}};
    char **argv = arena_array(a, args.n + 1, sizeof *argv);
    for (size_t i = 0; i < args.n; i++)
        argv[i] = arena_dup_c(a, args.argv[i]);
    const struct child_spec spec = {
        .path = program, .argv = argv, .envp = environ, .fds = fds, .fds_n = ARRAY_LEN(fds)};
    r = child_spawn(&spec, pid, err);
    close(pair[1]);
    if (r < 0) {
        close(pair[0]);
        return explain_start(err, program);
    }
    *out = pair[0];
    return 0;
}

int connect_become_daemon(const struct globals *g, struct arena *a, struct err *err)
{
    struct parent_args args = {.n = 0};
    common_args(g, LOG_LEVEL_INFO, a, &args);
    push(&args, "--daemon");
    const char *program = connect_program("parent", a);
    char **argv = arena_array(a, args.n + 1, sizeof *argv);
    for (size_t i = 0; i < args.n; i++)
        argv[i] = arena_dup_c(a, args.argv[i]);
    execv(program, argv);
    err_errno(err, errno, "execve");
    return explain_start(err, program);
}
