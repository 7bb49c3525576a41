#include "cli/install/program.h"

#include "base/text.h"
#include "base/time.h"
#include "os/child.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 65536 };

/* A program that runs. */
struct run {
    const char *path;
    pid_t pid;
    int process, out_fd, said_fd; /* a descriptor of the process itself, and ends of pipes; -1: closed */
    struct buf *out;
    struct buf said;
    struct mono deadline;
};

/* False at its end. What does not fit a buffer makes it failed; NULL drops it. */
static bool take(int fd, struct buf *to)
{
    char chunk[CHUNK];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return errno == EAGAIN;
    if (to != NULL)
        buf_put(to, chunk, (size_t)n);
    return n > 0;
}

/* The beginning of what it says is enough, but the rest must not block it. */
static bool take_said(struct run *r)
{
    if (r->said.n + CHUNK > r->said.max)
        buf_consume(&r->said, r->said.n / 2);
    return take(r->said_fd, &r->said);
}

static int run_error(struct run *r, struct err *err)
{
    if (r->out != NULL && buf_failed(r->out))
        return err_set(err, ERR_LIMIT, "%s printed more than %zu bytes", r->path, r->out->max);
    return 0;
}

/* One wait; *over is set when the process has ended. */
static int step(struct run *r, bool *over, struct err *err)
{
    struct pollfd fds[] = {{r->process, POLLIN, 0}, {r->out_fd, POLLIN, 0}, {r->said_fd, POLLIN, 0}};
    int64_t left = r->deadline.ms - clock_mono(&system_clock).ms;
    if (left <= 0)
        return err_set(err, ERR_TIMEOUT, "%s took longer than %d s and was ended", r->path, PROGRAM_TIME_S);
    if (poll(fds, 3, (int)left) < 0 && errno != EINTR)
        return err_errno(err, errno, "poll");
    *over = (fds[0].revents & POLLIN) != 0;
    if (fds[1].revents != 0 && !take(r->out_fd, r->out))
        fd_close(&r->out_fd);
    if (fds[2].revents != 0 && !take_said(r))
        fd_close(&r->said_fd);
    return run_error(r, err);
}

/* What it wrote last. Programs that it left behind may hold the pipes open: nobody waits for them. */
static void drain(struct run *r)
{
    struct pollfd fds[] = {{r->out_fd, POLLIN, 0}, {r->said_fd, POLLIN, 0}};
    while (poll(fds, 2, 0) > 0 && ((fds[0].revents | fds[1].revents) & POLLIN) != 0) {
        if ((fds[0].revents & POLLIN) != 0 &&
            (!take(r->out_fd, r->out) || (r->out != NULL && buf_failed(r->out))))
            fds[0].fd = -1;
        if ((fds[1].revents & POLLIN) != 0 && !take_said(r))
            fds[1].fd = -1;
    }
}

static int judge(struct run *r, int status, struct err *err)
{
    char text[CHILD_STATUS_TEXT_MAX];
    struct buf said = buf_new(2 * PROGRAM_QUOTED_MAX);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return run_error(r, err);
    struct str all = str_trim(buf_str(&r->said));
    size_t from = all.n > PROGRAM_QUOTED_MAX ? all.n - PROGRAM_QUOTED_MAX : 0;
    text_clean(&said, (struct str){all.p + from, all.n - from}, PROGRAM_QUOTED_MAX);
    int code = err_set(err, ERR_FAILED, "%s %s%s%s", r->path, child_status_text(status, text),
        said.n > 0 ? ": " : "", buf_c(&said));
    buf_free(&said);
    return code;
}

static int wait_for(struct run *r, struct err *err)
{
    int bad = 0, status = 0;
    for (bool over = false; bad == 0 && !over;)
        bad = step(r, &over, err);
    if (bad < 0)
        (void)child_kill_group(r->pid, SIGKILL, NULL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (bad < 0)
        return bad;
    drain(r);
    return judge(r, status, err);
}

static int open_pipe(int ends[2], struct err *err)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "pipe");
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
}

static int start(struct run *r, const char *const *argv, struct err *err)
{
    static char path[] = "PATH=" PROGRAM_PATH, language[] = "LANG=C", home[] = "HOME=/";
    static char *const env[] = {path, language, home, NULL};
    int out[2] = {-1, -1}, said[2] = {-1, -1};
    int bad = open_pipe(out, err);
    r->out_fd = out[0];
    if (bad == 0) {
        bad = open_pipe(said, err);
        r->said_fd = said[0];
    }
    const struct child_fd fds[] = {{out[1], STDOUT_FILENO}, {said[1], STDERR_FILENO}};
    char *words[64];
    size_t n = 0;
    for (; argv[n] != NULL && n + 1 < ARRAY_LEN(words); n++)
        memcpy(&words[n], &argv[n], sizeof words[n]); /* execve changes none of them */
    words[n] = NULL;
    const struct child_spec spec = {.path = argv[0],
        .argv = words,
        .envp = env,
        .fds = fds,
        .fds_n = ARRAY_LEN(fds),
        .cwd = "/",
        .group = CHILD_GROUP_NEW};
    if (bad == 0)
        bad = child_spawn(&spec, &r->pid, err);
    fd_close(&out[1]);
    fd_close(&said[1]);
    return bad;
}

int program_run(const char *const *argv, struct buf *out, struct err *err)
{
    struct run r = {.path = argv[0],
        .process = -1,
        .out_fd = -1,
        .said_fd = -1,
        .out = out,
        .said = buf_new(PROGRAM_SAID_MAX + 2 * CHUNK),
        .deadline = {clock_mono(&system_clock).ms + PROGRAM_TIME_S * 1000}};
    int bad = start(&r, argv, err);
    if (bad == 0) {
        r.process = (int)syscall(SYS_pidfd_open, r.pid, 0);
        bad = wait_for(&r, err);
    }
    fd_close(&r.process);
    fd_close(&r.out_fd);
    fd_close(&r.said_fd);
    buf_free(&r.said);
    return bad;
}

static bool needs_quotes(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=:@,%";
    return word[0] == '\0' || word[strspn(word, plain)] != '\0';
}

void program_line(const char *const *argv, struct buf *out)
{
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (i > 0)
            buf_put_char(out, ' ');
        if (!needs_quotes(argv[i])) {
            buf_put_c(out, argv[i]);
            continue;
        }
        buf_put_char(out, '\'');
        for (const char *c = argv[i]; *c != '\0'; c++) {
            if (*c == '\'')
                buf_put_c(out, "'\\''");
            else
                buf_put_char(out, *c);
        }
        buf_put_char(out, '\'');
    }
}
