#include "os/capture.h"

#include "base/attr.h"
#include "base/str.h"
#include "base/time.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 * 1024,
    COMPLAINT_SIZE = 1024,
    COMPLAINT_MAX = 1024 * 1024,
};

struct capture {
    pid_t pid;
    int out, error; /* our ends of its standard output and error */
    struct buf *output;
    struct buf complaint;
};

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fd_close(&fds[i]);
}

/* What it is to read, as a file in memory: it takes any length at once, and nobody has to wait for a reader
 * that does not read, or outlive SIGPIPE when it is gone. */
static int make_input(struct str input, int *out, struct err *err)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "memfd_create");
    while (input.n > 0) {
        ssize_t n = write(fd, input.p, input.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        input.p += n;
        input.n -= (size_t)n;
    }
    if (input.n > 0 || lseek(fd, 0, SEEK_SET) != 0) {
        int r = err_errno(err, errno, "what it is to read");
        fd_close(&fd);
        return r;
    }
    *out = fd;
    return 0;
}

/* `input`: a descriptor, or -1. */
static int start(const struct child_spec *spec, int input, struct capture *c, struct err *err)
{
    int ends[4] = {-1, -1, -1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0 || pipe2(ends + 2, O_CLOEXEC) != 0) {
        int r = err_errno(err, errno, "pipe");
        close_all(ends, ARRAY_LEN(ends));
        return r;
    }
    const struct child_fd fds[] = {{ends[1], STDOUT_FILENO}, {ends[3], STDERR_FILENO}, {input, STDIN_FILENO}};
    struct child_spec own = *spec;
    own.fds = fds;
    own.fds_n = ARRAY_LEN(fds) - (input < 0);
    int r = child_spawn(&own, &c->pid, err);
    fd_close(&ends[1]);
    fd_close(&ends[3]);
    if (r < 0) {
        close_all(ends, ARRAY_LEN(ends));
        return r;
    }
    c->out = ends[0];
    c->error = ends[2];
    return 0;
}

/* 1 where there may be more, 0 at the end. */
static int read_some(int *fd, struct buf *to, size_t most, struct err *err)
{
    char beyond;
    size_t left = to->max - to->n < most ? to->max - to->n : most;
    char *room = left > 0 ? buf_room(to, left) : &beyond;
    ssize_t n = read(*fd, room, left > 0 ? left : 1);
    if (left > 0)
        buf_added(to, n > 0 ? (size_t)n : 0);
    else if (n > 0)
        return err_set(err, ERR_LIMIT, "it says more than %zu MB", to->max / (1024 * 1024));
    if (n < 0 && errno != EINTR)
        return err_errno(err, errno, "reading its answer");
    if (n == 0)
        fd_close(fd);
    return n != 0;
}

/* All of both, or why not. */
static int read_all(struct capture *c, int64_t timeout_s, struct err *err)
{
    int64_t until_ms = clock_mono(&system_clock).ms + timeout_s * 1000;
    while (c->out >= 0 || c->error >= 0) {
        struct pollfd p[] = {{.fd = c->out, .events = POLLIN}, {.fd = c->error, .events = POLLIN}};
        int64_t left_ms = until_ms - clock_mono(&system_clock).ms;
        int r = 0;
        if (left_ms <= 0)
            return err_set(err, ERR_TIMEOUT, "it took longer than %lld s", (long long)timeout_s);
        if (poll(p, ARRAY_LEN(p), (int)left_ms) <= 0)
            continue;
        if (p[0].revents != 0)
            r = read_some(&c->out, c->output, READ_SIZE, err);
        if (r >= 0 && p[1].revents != 0)
            r = read_some(&c->error, &c->complaint, COMPLAINT_SIZE, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The last line of what it complained of is why it ended. */
static int wait_for(struct capture *c, const char *name, struct err *err)
{
    char text[CHILD_STATUS_TEXT_MAX];
    int status;
    while (waitpid(c->pid, &status, 0) != c->pid)
        if (errno != EINTR)
            return err_errno(err, errno, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    struct str line = str_trim(buf_str(&c->complaint)), head;
    while (str_cut(line, '\n', &head, &line))
        ;
    if (head.n == 0)
        return err_set(err, ERR_FAILED, "the %s %s", name, child_status_text(status, text));
    return err_set(err, ERR_FAILED, "%.*s", STR_ARG(head));
}

int capture_output(
    const struct child_spec *spec, struct str input, int64_t timeout_s, struct buf *out, struct err *err)
{
    int in ATTR_CLEANUP(fd_close) = -1;
    struct capture c = {.out = -1, .error = -1, .output = out, .complaint = buf_new(COMPLAINT_MAX)};
    struct err unread = ERR_INIT;
    int r = input.n > 0 ? make_input(input, &in, err) : 0;
    if (r == 0)
        r = start(spec, in, &c, err);
    if (r < 0)
        return r;
    int got = read_all(&c, timeout_s, &unread);
    if (got < 0)
        kill(c.pid, SIGKILL);
    r = wait_for(&c, spec->argv[0], err);
    if (got < 0) {
        r = got;
        if (err != NULL)
            *err = unread;
    }
    fd_close(&c.out);
    fd_close(&c.error);
    buf_free(&c.complaint);
    return r;
}
