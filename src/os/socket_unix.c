/* Unix sockets by name, whatever the length of the path: sun_path holds 107 bytes, but "/proc/self/fd/N" is
 * the same file. The Unix part of os/socket.h. */
#include "base/crash_point.h"
#include "os/file.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_stream(int *out, struct err *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, errno, "cannot make a Unix socket");
    *out = fd;
    return 0;
}

/* Only a socket may be replaced. */
static int check_place(int dir, const char *name, struct err *err)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_errno(err, errno, "cannot examine %s", name);
    if (!S_ISSOCK(st.st_mode))
        return err_set(
            err, ERR_EXISTS, "cannot listen on %s: something that is not a socket has that name", name);
    return 0;
}

/* Returns 0 or an errno value. The mode is set before bind for its birth (bind takes it from the socket, less
 * the umask) and after it for the umask's part; nobody can connect before listen anyway. */
static int bind_listen(int fd, int dir, const char *temp, mode_t mode)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s", dir, temp);
    if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
        return errno;
    if (fchmodat(dir, temp, mode, 0) < 0 || listen(fd, SOCKET_BACKLOG) < 0)
        return errno;
    return 0;
}

int socket_listen_unix(int dir, const char *name, mode_t mode, int *out, struct err *err)
{
    ATTR_CLEANUP(fd_close) int fd = -1;
    char temp[FILE_TEMP_NAME_MAX];
    int r;
    if ((r = file_check_name(name, err)) < 0 || (r = check_place(dir, name, err)) < 0 ||
        (r = open_stream(&fd, err)) < 0)
        return r;
    int e = bind_listen(fd, dir, file_temp_name(temp), mode);
    crash_point(socket_bound);
    if (e == 0 && renameat(dir, temp, dir, name) < 0)
        e = errno;
    if (e != 0) {
        unlinkat(dir, temp, 0);
        return err_errno(err, e, "cannot listen on %s", name);
    }
    *out = fd;
    fd = -1;
    return 0;
}

/* *held is a descriptor that must stay open until the address was used. */
static int address_of(const char *path, struct sockaddr_un *out, int *held, struct err *err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0)
        return err_set(err, ERR_USAGE, "the path of a socket is empty");
    if (n < sizeof out->sun_path) {
        memcpy(out->sun_path, path, n + 1);
        return 0;
    }
    if ((*held = open(path, O_PATH | O_CLOEXEC)) < 0)
        return err_errno(err, errno, "cannot connect to %s", path);
    snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d", *held);
    return 0;
}

int socket_connect_datagram(const char *path, int *out, struct err *err)
{
    ATTR_CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (fd < 0)
        return err_errno(err, errno, "socket");
    if (n >= sizeof a.sun_path)
        return err_set(err, ERR_LIMIT, "the path %s is too long for a socket", path);
    memcpy(a.sun_path, path, n + 1);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0)
        return err_errno(err, errno, "cannot connect to %s", path);
    *out = fd;
    fd = -1;
    return 0;
}

int socket_connect_unix(const char *path, int *out, struct err *err)
{
    ATTR_CLEANUP(fd_close) int fd = -1, held = -1;
    struct sockaddr_un a;
    int r;
    if ((r = address_of(path, &a, &held, err)) < 0 || (r = open_stream(&fd, err)) < 0)
        return r;
    while (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
        if (errno == EINTR)
            continue;
        if (errno == ECONNREFUSED)
            return err_set(err, ERR_NOT_FOUND, "nobody listens on %s", path);
        if (errno == EAGAIN)
            return err_set(err, ERR_TIMEOUT, "%s is busy: too many are waiting to be accepted", path);
        return err_errno(err, errno, "cannot connect to %s", path);
    }
    *out = fd;
    fd = -1;
    return 0;
}
