#include "processes/program_answer.h"

#include "base/attr.h"
#include "base/time.h"
#include "os/child.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 * 1024,
    COMPLAINT_SIZE = 1024,
    COMPLAINT_MAX = 1024 * 1024,
};

struct program {
    const char *path;
    pid_t pid;
    int out, error; /* our ends of its standard output and error */
    struct buf *answer, complaint;
};

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fd_close(&fds[i]);
}

static int start(struct program *p, char *const *argv, struct err *err)
{
    int ends[4] = {-1, -1, -1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0 || pipe2(ends + 2, O_CLOEXEC) != 0) {
        err_errno(err, errno, "pipe");
        close_all(ends, ARRAY_LEN(ends));
        return err->code;
    }
    const struct child_fd fds[] = {{ends[1], STDOUT_FILENO}, {ends[3], STDERR_FILENO}};
    const struct child_spec spec = {
        .path = p->path, .argv = argv, .envp = environ, .fds = fds, .fds_n = ARRAY_LEN(fds)};
    int r = child_spawn(&spec, &p->pid, err);
    fd_close(&ends[1]);
    fd_close(&ends[3]);
    if (r < 0) {
        close_all(ends, ARRAY_LEN(ends));
        return err_prefix(err, "cannot start %s", p->path);
    }
    p->out = ends[0];
    p->error = ends[2];
    return 0;
}

/* 1 where there may be more, 0 at the end. */
static int read_some(int *fd, struct buf *to, size_t most, struct err *err)
{
    char *room = buf_room(to, most);
    if (room == NULL)
        return err_set(err, ERR_LIMIT, "it says more than %zu MB", to->max / (1024 * 1024));
    ssize_t n = read(*fd, room, most);
    buf_added(to, n > 0 ? (size_t)n : 0);
    if (n < 0 && errno != EINTR)
        return err_errno(err, errno, "reading its answer");
    if (n == 0)
        fd_close(fd);
    return n != 0;
}

/* All of both, or why not. */
static int read_all(struct program *p, int timeout_s, struct err *err)
{
    int64_t until_ms = clock_mono(&system_clock).ms + (int64_t)timeout_s * 1000;
    while (p->out >= 0 || p->error >= 0) {
        struct pollfd ends[] = {{.fd = p->out, .events = POLLIN}, {.fd = p->error, .events = POLLIN}};
        int64_t left_ms = until_ms - clock_mono(&system_clock).ms;
        int r = 0;
        if (left_ms <= 0)
            return err_set(err, ERR_TIMEOUT, "it took longer than %d s", timeout_s);
        if (poll(ends, ARRAY_LEN(ends), (int)left_ms) <= 0)
            continue;
        if (ends[0].revents != 0)
            r = read_some(&p->out, p->answer, READ_SIZE, err);
        if (r >= 0 && ends[1].revents != 0)
            r = read_some(&p->error, &p->complaint, COMPLAINT_SIZE, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The last line of what it complained of is why it ended. */
static int wait_for(struct program *p, struct err *err)
{
    char text[CHILD_STATUS_TEXT_MAX];
    int status;
    while (waitpid(p->pid, &status, 0) != p->pid)
        if (errno != EINTR)
            return err_errno(err, errno, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    struct str line = str_trim(buf_str(&p->complaint)), head;
    while (str_cut(line, '\n', &head, &line))
        ;
    if (head.n == 0)
        return err_set(err, ERR_FAILED, "the %s %s", basename(p->path), child_status_text(status, text));
    return err_set(err, ERR_FAILED, "%.*s", STR_ARG(head));
}

static int run(struct program *p, int timeout_s, struct err *err)
{
    struct err unread = ERR_INIT;
    int r = read_all(p, timeout_s, &unread);
    if (r < 0)
        kill(p->pid, SIGKILL);
    int ended = wait_for(p, err);
    if (r < 0)
        *err = unread;
    return r < 0 ? r : ended;
}

int program_answer(const char *path, char *const *argv, int timeout_s, struct buf *out, struct err *err)
{
    struct program p = {
        .path = path, .out = -1, .error = -1, .answer = out, .complaint = buf_new(COMPLAINT_MAX)};
    int r = start(&p, argv, err);
    if (r == 0)
        r = run(&p, timeout_s, err);
    fd_close(&p.out);
    fd_close(&p.error);
    buf_free(&p.complaint);
    return r;
}
