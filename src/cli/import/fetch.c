/* Running the importer. */
#include "cli/import/document.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/time.h"
#include "cli/connect.h"
#include "os/child.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    IMPORTER_TIMEOUT_S = 120, /* a thousand lineages take it a second; this is a file system that hangs */
    READ_SIZE = 64 * 1024,
    COMPLAINT_SIZE = 1024,
    COMPLAINT_MAX = 1024 * 1024,
};

struct importer {
    pid_t pid;
    int out, error; /* our ends of its standard output and error */
    struct buf document, complaint;
};

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fd_close(&fds[i]);
}

static int start(const struct import_source *source, struct arena *a, struct importer *i, struct err *err)
{
    const char *program = connect_program("importer", a);
    int ends[4] = {-1, -1, -1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0 || pipe2(ends + 2, O_CLOEXEC) != 0) {
        err_errno(err, errno, "pipe");
        close_all(ends, ARRAY_LEN(ends));
        return err->code;
    }
    char *argv[6], **word = argv;
    *word++ = arena_dup_c(a, "importer");
    if (source->sandbox_log)
        *word++ = arena_dup_c(a, "--sandbox=log");
    if (source->directory[0] != '\0')
        *word++ = arena_printf(a, "--directory=%s", source->directory);
    *word++ = arena_dup_c(a, source->format);
    *word++ = arena_dup_c(a, source->path);
    *word = NULL;
    const struct child_fd fds[] = {{ends[1], STDOUT_FILENO}, {ends[3], STDERR_FILENO}};
    const struct child_spec spec = {
        .path = program, .argv = argv, .envp = environ, .fds = fds, .fds_n = ARRAY_LEN(fds)};
    int r = child_spawn(&spec, &i->pid, err);
    fd_close(&ends[1]);
    fd_close(&ends[3]);
    if (r < 0) {
        close_all(ends, ARRAY_LEN(ends));
        return err_prefix(err, "cannot start %s", program);
    }
    i->out = ends[0];
    i->error = ends[2];
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
static int read_all(struct importer *i, struct err *err)
{
    int64_t until_ms = clock_mono(&system_clock).ms + IMPORTER_TIMEOUT_S * 1000;
    while (i->out >= 0 || i->error >= 0) {
        struct pollfd p[] = {{.fd = i->out, .events = POLLIN}, {.fd = i->error, .events = POLLIN}};
        int64_t left_ms = until_ms - clock_mono(&system_clock).ms;
        int r = 0;
        if (left_ms <= 0)
            return err_set(err, ERR_TIMEOUT, "it took longer than %d s", IMPORTER_TIMEOUT_S);
        if (poll(p, ARRAY_LEN(p), (int)left_ms) <= 0)
            continue;
        if (p[0].revents != 0)
            r = read_some(&i->out, &i->document, READ_SIZE, err);
        if (r >= 0 && p[1].revents != 0)
            r = read_some(&i->error, &i->complaint, COMPLAINT_SIZE, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The last line of what it complained of is why it ended. */
static int wait_for(struct importer *i, struct err *err)
{
    char text[CHILD_STATUS_TEXT_MAX];
    int status;
    while (waitpid(i->pid, &status, 0) != i->pid)
        if (errno != EINTR)
            return err_errno(err, errno, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    struct str line = str_trim(buf_str(&i->complaint)), head;
    while (str_cut(line, '\n', &head, &line))
        ;
    if (head.n == 0)
        return err_set(err, ERR_FAILED, "the importer %s", child_status_text(status, text));
    return err_set(err, ERR_FAILED, "%.*s", STR_ARG(head));
}

static int run(struct importer *i, struct err *err)
{
    struct err unread = ERR_INIT;
    int r = read_all(i, &unread);
    if (r < 0)
        kill(i->pid, SIGKILL);
    int ended = wait_for(i, err);
    if (r < 0)
        *err = unread;
    return r < 0 ? r : ended;
}

int import_document_fetch(
    const struct import_source *source, struct arena *a, struct import_document *out, struct err *err)
{
    struct importer i = {.out = -1,
        .error = -1,
        .document = buf_new_sensitive(IMPORT_DOCUMENT_MAX),
        .complaint = buf_new(COMPLAINT_MAX)};
    int r = start(source, a, &i, err);
    if (r == 0 &&
        ((r = run(&i, err)) < 0 || (r = import_document_read(buf_str(&i.document), a, out, err)) < 0))
        err_prefix(err, "reading %s", source->path);
    fd_close(&i.out);
    fd_close(&i.error);
    buf_free(&i.document);
    buf_free(&i.complaint);
    return r;
}
