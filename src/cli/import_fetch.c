/* Running the importer. */
#include "cli/import_document.h"

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
};

static int start(const char *format, const char *path, struct arena *a, int *out, pid_t *pid, struct err *err)
{
    const char *program = connect_program("importer", a);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_errno(err, errno, "pipe");
    char *argv[] = {arena_dup_c(a, "importer"), arena_dup_c(a, format), arena_dup_c(a, path), NULL};
    const struct child_fd fds[] = {{ends[1], STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
    const struct child_spec spec = {
        .path = program, .argv = argv, .envp = environ, .fds = fds, .fds_n = ARRAY_LEN(fds)};
    int r = child_spawn(&spec, pid, err);
    close(ends[1]);
    if (r == 0) {
        *out = ends[0];
        return 0;
    }
    close(ends[0]);
    return err_prefix(err, "cannot start %s", program);
}

/* All of it, or why not. */
static int read_all(int fd, struct buf *out, struct err *err)
{
    int64_t until_s = clock_mono(&system_clock).ms / 1000 + IMPORTER_TIMEOUT_S;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left_s = until_s - clock_mono(&system_clock).ms / 1000;
        if (left_s <= 0)
            return err_set(err, ERR_TIMEOUT, "it took longer than %d s", IMPORTER_TIMEOUT_S);
        if (poll(&p, 1, (int)left_s * 1000) <= 0)
            continue;
        char *room = buf_room(out, READ_SIZE);
        if (room == NULL)
            return err_set(
                err, ERR_LIMIT, "there is more than %d MB of it", IMPORT_DOCUMENT_MAX / (1024 * 1024));
        ssize_t n = read(fd, room, READ_SIZE);
        buf_added(out, n > 0 ? (size_t)n : 0);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "reading its answer");
    }
}

static int wait_for(pid_t pid, struct err *err)
{
    char text[CHILD_STATUS_TEXT_MAX];
    int status;
    while (waitpid(pid, &status, 0) != pid)
        if (errno != EINTR)
            return err_errno(err, errno, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return err_set(err, ERR_FAILED, "the importer %s", child_status_text(status, text));
}

int import_document_fetch(
    const char *format, const char *path, struct arena *a, struct import_document *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(IMPORT_DOCUMENT_MAX);
    int fd ATTR_CLEANUP(fd_close) = -1;
    struct err unread = ERR_INIT;
    pid_t pid;
    int r = start(format, path, a, &fd, &pid, err);
    if (r < 0)
        return r;
    r = read_all(fd, &text, &unread);
    if (r < 0)
        kill(pid, SIGKILL);
    int ended = wait_for(pid, err);
    if (r < 0) {
        *err = unread;
        return err_prefix(err, "reading %s", path);
    }
    if (ended < 0)
        return ended;
    r = import_document_read(buf_str(&text), a, out, err);
    return r < 0 ? err_prefix(err, "what the importer says of %s", path) : 0;
}
