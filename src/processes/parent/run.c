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

/* What the program writes, on its way to a buffer. */
struct run_pipe {
    int fd;
    struct event *readable;
    struct buf *to;
};

enum { RUN_PIPES = 3 };

struct run {
    struct run *next;
    pid_t pid;
    struct run_pipe pipes[RUN_PIPES];
    size_t pipe_n;
    struct event *timeout;
    bool timed_out;
    run_fn *over;
    void *arg;
};

static void drain(struct run_pipe *p)
{
    char chunk[4096];
    ssize_t n = -1;
    for (int i = 0; i < RUN_READS_MAX && (n = read(p->fd, chunk, sizeof chunk)) > 0; i++) {
        size_t keep = p->to->max - p->to->n;
        buf_put(p->to, chunk, (size_t)n < keep ? (size_t)n : keep);
    }
    if (n == 0)
        event_del(p->readable);
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

/* The pipes that the spec asks for: their reading ends, which buffer each fills, and the program's map. */
struct ends {
    struct run_pipe in[RUN_PIPES];
    int out[RUN_PIPES];
    size_t n;
    struct child_fd map[RUN_PIPES + 2];
    size_t map_n;
};

static int add_pipe(struct ends *e, struct buf *to, struct err *err)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_errno(err, errno, "pipe");
    fcntl(pair[1], F_SETFL, 0); /* the program's own end blocks, as programs expect */
    e->in[e->n] = (struct run_pipe){.fd = pair[0], .to = to};
    e->out[e->n++] = pair[1];
    return 0;
}

static int make_ends(const struct run_spec *s, struct ends *e, struct err *err)
{
    int r = add_pipe(e, s->output, err);
    if (r == 0)
        e->map[e->map_n++] = (struct child_fd){e->out[0], STDERR_FILENO};
    if (r == 0 && s->own_stdout != NULL)
        r = add_pipe(e, s->own_stdout, err);
    if (r == 0)
        e->map[e->map_n++] = (struct child_fd){e->out[e->n - 1], STDOUT_FILENO};
    if (s->input > 0)
        e->map[e->map_n++] = (struct child_fd){s->input, STDIN_FILENO};
    if (r == 0 && s->third != NULL && (r = add_pipe(e, s->third, err)) == 0)
        e->map[e->map_n++] = (struct child_fd){e->out[e->n - 1], 3};
    return r;
}

static int spawn(const struct run_spec *s, pid_t *pid, struct ends *e, struct err *err)
{
    int r = make_ends(s, e, err);
    struct child_spec spec = {.path = s->path,
        .argv = s->argv,
        .envp = s->envp,
        .script_argv = s->script_argv,
        .fds = e->map,
        .fds_n = e->map_n,
        .cwd = "/",
        .group = CHILD_GROUP_NEW,
        .set_user = s->set_user,
        .uid = s->uid,
        .gid = s->gid,
        .groups = s->groups,
        .groups_n = s->groups_n};
    if (r == 0)
        r = child_spawn(&spec, pid, err);
    for (size_t i = 0; i < e->n; i++) {
        close(e->out[i]);
        if (r < 0)
            close(e->in[i].fd);
    }
    return r;
}

int run_start(struct parent *p, const struct run_spec *spec, struct err *err)
{
    pid_t pid = 0;
    struct ends ends = {.n = 0};
    int r = spawn(spec, &pid, &ends, err);
    if (r < 0)
        return r;
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        abort();
    *run = (struct run){.next = p->runs, .pid = pid, .pipe_n = ends.n, .over = spec->over, .arg = spec->arg};
    p->runs = run;
    for (size_t i = 0; i < ends.n; i++) {
        run->pipes[i] = ends.in[i];
        run->pipes[i].readable =
            event_new(p->base, ends.in[i].fd, EV_READ | EV_PERSIST, on_output, &run->pipes[i]);
        if (run->pipes[i].readable == NULL)
            abort();
        event_add(run->pipes[i].readable, NULL);
    }
    if ((run->timeout = evtimer_new(p->base, on_timeout, run)) == NULL)
        abort();
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
    for (size_t i = 0; i < r->pipe_n; i++) {
        drain(&r->pipes[i]);
        event_free(r->pipes[i].readable);
        fd_close(&r->pipes[i].fd);
    }
    event_free(r->timeout);
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
