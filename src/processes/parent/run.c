#include "processes/parent/run.h"

#include "os/child.h"
#include "os/file.h"
#include "processes/parent/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RUN_READS_MAX = 16, /* of 4 kB in one go, a pipe's whole capacity; one that floods must wait its turn */
    RUN_GRACE_S = 5,    /* between SIGTERM and SIGKILL when the time is up */
};

struct run {
    struct run *next;
    pid_t pid;
    int pipe;
    struct event *readable, *timeout;
    bool timed_out;
    struct buf *output;
    run_fn *over;
    void *arg;
};

static void drain(struct run *r)
{
    char chunk[4096];
    ssize_t n = -1;
    for (int i = 0; i < RUN_READS_MAX && (n = read(r->pipe, chunk, sizeof chunk)) > 0; i++) {
        size_t keep = r->output->max - r->output->n;
        buf_put(r->output, chunk, (size_t)n < keep ? (size_t)n : keep);
    }
    if (n == 0)
        event_del(r->readable);
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    drain(arg);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct run *r = arg;
    (void)fd, (void)what;
    (void)child_kill_group(r->pid, r->timed_out ? SIGKILL : SIGTERM, NULL);
    r->timed_out = true;
    event_add(r->timeout, &(struct timeval){RUN_GRACE_S, 0});
}

static int spawn(const struct run_spec *s, pid_t *pid, int *out, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_errno(err, errno, "pipe");
    fcntl(ends[1], F_SETFL, 0); /* the program's own end blocks, as programs expect */
    struct child_fd fds[] = {{ends[1], STDOUT_FILENO}, {ends[1], STDERR_FILENO}};
    struct child_spec spec = {.path = s->path,
        .argv = s->argv,
        .envp = s->envp,
        .script_argv = s->script_argv,
        .fds = fds,
        .fds_n = ARRAY_LEN(fds),
        .cwd = "/",
        .group = CHILD_GROUP_NEW,
        .set_user = s->set_user,
        .uid = s->uid,
        .gid = s->gid,
        .groups = s->groups,
        .groups_n = s->groups_n};
    int r = child_spawn(&spec, pid, err);
    close(ends[1]);
    if (r < 0)
        close(ends[0]);
    else
        *out = ends[0];
    return r;
}

int run_start(struct parent *p, const struct run_spec *spec, struct err *err)
{
    pid_t pid = 0;
    int pipe = -1;
    int r = spawn(spec, &pid, &pipe, err);
    if (r < 0)
        return r;
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        abort();
    *run = (struct run){.next = p->runs,
        .pid = pid,
        .pipe = pipe,
        .output = spec->output,
        .over = spec->over,
        .arg = spec->arg};
    p->runs = run;
    run->readable = event_new(p->base, pipe, EV_READ | EV_PERSIST, on_output, run);
    run->timeout = evtimer_new(p->base, on_timeout, run);
    if (run->readable == NULL || run->timeout == NULL)
        abort();
    event_add(run->readable, NULL);
    event_add(run->timeout, &(struct timeval){spec->timeout_s, 0});
    return 0;
}

bool runs_reaped(struct parent *p, pid_t pid, int wait_status)
{
    struct run **at = &p->runs;
    while (*at != NULL && (*at)->pid != pid)
        at = &(*at)->next;
    struct run *r = *at;
    if (r == NULL)
        return false;
    *at = r->next;
    drain(r);
    event_free(r->readable);
    event_free(r->timeout);
    fd_close(&r->pipe);
    if (r->timed_out) /* what of its group outlived the polite request */
        (void)child_kill_group(pid, SIGKILL, NULL);
    struct run ended = *r;
    free(r);
    ended.over(wait_status, ended.timed_out, ended.arg);
    return true;
}

void runs_kill(struct parent *p, int sig)
{
    for (struct run *r = p->runs; r != NULL; r = r->next)
        (void)child_kill_group(r->pid, sig, NULL);
}

bool runs_any(const struct parent *p)
{
    return p->runs != NULL;
}
