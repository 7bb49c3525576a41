/*
 * A machine with faults, for tests: put before libc with LD_PRELOAD, it lets the calls fail that the page of
 * page.h names ($FAULTY_OS is its path), and moves the wall clock.
 *
 * Everything that needs a system call of its own is done as the library is loaded, before any sandbox is
 * entered: later the only calls are those that the program makes, or none where one is to fail. So paths of
 * descriptors are kept in a table that follows open, dup and close, and a timer that is to tell when the
 * clock is set (TFD_TIMER_CANCEL_ON_SET) is a FIFO, $FAULTY_OS.set, which the test writes to.
 */
#include "page.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FDS_MAX = 1024, SET_FD_MIN = 60 };

static struct page *page;
static char own_name[PAGE_NAME_MAX];
static char paths[FDS_MAX][PAGE_PATH_MAX]; /* "": not known */
static bool clock_timers[FDS_MAX];
static char cwd[PAGE_PATH_MAX];
static int set_fd = -1;

static const char STREAM[] = "socket:stream", DATAGRAM[] = "socket:dgram";

/* The function behind ours: a sanitizer's, or libc's. */
#define REAL(name, result, ...)         \
    static result (*real)(__VA_ARGS__); \
    if (real == NULL)                   \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

/* --- what a descriptor is --- */

static const char *path_of(int fd)
{
    return fd >= 0 && fd < FDS_MAX ? paths[fd] : "";
}

static void set_path(int fd, const char *path)
{
    if (fd >= 0 && fd < FDS_MAX) {
        snprintf(paths[fd], sizeof paths[fd], "%s", path);
        clock_timers[fd] = false;
    }
}

/* The absolute path of a name; long ones are cut, which no rule of a test is. */
static const char *full_path(int at, const char *name, char out[PAGE_PATH_MAX])
{
    const char *dir = at == AT_FDCWD ? cwd : path_of(at);
    if (name == NULL || name[0] == '/' || dir[0] == '\0')
        snprintf(out, PAGE_PATH_MAX, "%s", name != NULL ? name : "");
    else if (strcmp(name, ".") == 0)
        snprintf(out, PAGE_PATH_MAX, "%s", dir);
    else
        snprintf(out, PAGE_PATH_MAX, "%.120s/%.120s", dir, name);
    return out;
}

static void copy_path(int from, int to)
{
    if (to < 0 || to >= FDS_MAX || to == from)
        return;
    snprintf(paths[to], sizeof paths[to], "%s", path_of(from));
    clock_timers[to] = from >= 0 && from < FDS_MAX && clock_timers[from];
}

/* --- what is to happen --- */

static bool begins_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool fires(const struct rule *r, uint32_t nth)
{
    switch (r->mode) {
    case RULE_FAIL:
        return nth >= r->from && (r->times == 0 || nth - r->from < r->times);
    case RULE_FAIL_OTHERS:
        return nth % 2 == 1;
    case RULE_HALF:
        return true;
    default:
        return false;
    }
}

/* 0, or the error that the call has to fail with; *half: it may do only half of its work. */
static int fate(enum call call, const char *path, bool *half)
{
    *half = false;
    for (size_t i = 0; page != NULL && i < RULES_MAX; i++) {
        struct rule *r = &page->rules[i];
        if (r->mode == RULE_OFF || (r->calls >> call & 1) == 0 ||
            (r->process[0] != '\0' && strncmp(r->process, own_name, PAGE_NAME_MAX) != 0) ||
            !begins_with(path, r->path))
            continue;
        uint32_t nth = __atomic_add_fetch(&r->seen, 1, __ATOMIC_SEQ_CST);
        if (r->mode == RULE_COUNT || !fires(r, nth))
            continue;
        __atomic_add_fetch(&r->hits, 1, __ATOMIC_SEQ_CST);
        r->last_call = call;
        snprintf(r->last_path, sizeof r->last_path, "%s", path);
        if (r->mode != RULE_HALF)
            return r->error;
        *half = true;
    }
    return 0;
}

/* True: the call is not made, errno says why. */
static bool fails(enum call call, const char *path)
{
    bool half;
    int e = fate(call, path, &half);
    if (e != 0)
        errno = e;
    return e != 0;
}

static bool fails_at(enum call call, int at, const char *name)
{
    char path[PAGE_PATH_MAX];
    return fails(call, full_path(at, name, path));
}

/* Files and streams: a datagram has no half, nor has what a pipe takes in one piece (PIPE_BUF). */
static bool has_halves(const char *path)
{
    return path[0] == '/' || strcmp(path, STREAM) == 0;
}

/* As fails(); *n becomes what may be moved at most. */
static bool limits(enum call call, int fd, size_t *n)
{
    bool half;
    int e = fate(call, path_of(fd), &half);
    if (e != 0) {
        errno = e;
        return true;
    }
    if (half && *n > 1 && has_halves(path_of(fd)))
        *n /= 2;
    return false;
}

/* --- the start --- */

static void *map_page(const char *path)
{
    int fd = (int)open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    void *at = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? NULL : at;
}

static void learn_descriptor(int fd)
{
    char link[32], path[PAGE_PATH_MAX];
    int type = 0;
    socklen_t size = sizeof type;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return;
    path[n] = '\0';
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
        set_path(fd, type == SOCK_DGRAM ? DATAGRAM : STREAM);
    else
        set_path(fd, path);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTY_OS");
    if (path == NULL)
        return;
    char set[PAGE_PATH_MAX];
    prctl(PR_GET_NAME, own_name);
    if (getcwd(cwd, sizeof cwd) == NULL)
        cwd[0] = '\0';
    for (int fd = 0; fd < 64; fd++)
        learn_descriptor(fd);
    snprintf(set, sizeof set, "%s.set", path);
    int fd = (int)open(set, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    set_fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, SET_FD_MIN) : -1;
    if (fd >= 0)
        close(fd);
    struct page *p = map_page(path);
    if (p == NULL || p->magic != PAGE_MAGIC || p->size != sizeof *p) {
        fprintf(stderr, "faulty_os: %s is no page of mine\n", path);
        abort();
    }
    page = p;
}

/* --- files --- */

static int opened(int fd, int at, const char *name)
{
    char path[PAGE_PATH_MAX];
    set_path(fd, full_path(at, name, path));
    return fd;
}

static bool open_fails(int at, const char *name, int flags)
{
    bool makes = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY;
    return fails_at(makes ? CALL_CREATE : CALL_OPEN, at, name);
}

#define MODE_OF(flags, mode)                        \
    if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) { \
        va_list args;                               \
        va_start(args, flags);                      \
        mode = va_arg(args, mode_t);                \
        va_end(args);                               \
    }

#define OPEN(name)                                              \
    int name(const char *path, int flags, ...)                  \
    {                                                           \
        REAL(name, int, const char *, int, ...);                \
        mode_t mode = 0;                                        \
        MODE_OF(flags, mode)                                    \
        if (open_fails(AT_FDCWD, path, flags))                  \
            return -1;                                          \
        return opened(real(path, flags, mode), AT_FDCWD, path); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                          \
    int name(int at, const char *path, int flags, ...)        \
    {                                                         \
        REAL(name, int, int, const char *, int, ...);         \
        mode_t mode = 0;                                      \
        MODE_OF(flags, mode)                                  \
        if (open_fails(at, path, flags))                      \
            return -1;                                        \
        return opened(real(at, path, flags, mode), at, path); \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd)
{
    REAL(close, int, int);
    set_path(fd, "");
    return real(fd);
}

int dup(int fd)
{
    REAL(dup, int, int);
    int to = real(fd);
    copy_path(fd, to);
    return to;
}

int dup2(int fd, int to)
{
    REAL(dup2, int, int, int);
    int r = real(fd, to);
    copy_path(fd, r);
    return r;
}

int dup3(int fd, int to, int flags)
{
    REAL(dup3, int, int, int, int);
    int r = real(fd, to, flags);
    copy_path(fd, r);
    return r;
}

#define FCNTL(name)                                           \
    int name(int fd, int command, ...)                        \
    {                                                         \
        REAL(name, int, int, int, ...);                       \
        va_list args;                                         \
        va_start(args, command);                              \
        void *argument = va_arg(args, void *);                \
        va_end(args);                                         \
        int r = real(fd, command, argument);                  \
        if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) \
            copy_path(fd, r);                                 \
        return r;                                             \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int chdir(const char *path)
{
    REAL(chdir, int, const char *);
    char full[PAGE_PATH_MAX];
    int r = real(path);
    if (r == 0)
        snprintf(cwd, sizeof cwd, "%s", full_path(AT_FDCWD, path, full));
    return r;
}

int fchdir(int fd)
{
    REAL(fchdir, int, int);
    int r = real(fd);
    if (r == 0)
        snprintf(cwd, sizeof cwd, "%s", path_of(fd));
    return r;
}

#define ON_DESCRIPTOR(name, call)     \
    int name(int fd)                  \
    {                                 \
        REAL(name, int, int);         \
        if (fails(call, path_of(fd))) \
            return -1;                \
        return real(fd);              \
    }
ON_DESCRIPTOR(fsync, CALL_SYNC)
ON_DESCRIPTOR(fdatasync, CALL_SYNC)
ON_DESCRIPTOR(syncfs, CALL_SYNC)

#define TRUNCATE(name, offset)                 \
    int name(int fd, offset n)                 \
    {                                          \
        REAL(name, int, int, offset);          \
        if (fails(CALL_TRUNCATE, path_of(fd))) \
            return -1;                         \
        return real(fd, n);                    \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define ALLOCATE(name, offset)                      \
    int name(int fd, int mode, offset at, offset n) \
    {                                               \
        REAL(name, int, int, int, offset, offset);  \
        if (fails(CALL_TRUNCATE, path_of(fd)))      \
            return -1;                              \
        return real(fd, mode, at, n);               \
    }
ALLOCATE(fallocate, off_t)
ALLOCATE(fallocate64, off64_t)

/* This one returns the error. */
#define POSIX_ALLOCATE(name, offset)           \
    int name(int fd, offset at, offset n)      \
    {                                          \
        REAL(name, int, int, offset, offset);  \
        if (fails(CALL_TRUNCATE, path_of(fd))) \
            return errno;                      \
        return real(fd, at, n);                \
    }
POSIX_ALLOCATE(posix_fallocate, off_t)
POSIX_ALLOCATE(posix_fallocate64, off64_t)

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir, int, const char *, mode_t);
    return fails_at(CALL_MKDIR, AT_FDCWD, path) ? -1 : real(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    REAL(mkdirat, int, int, const char *, mode_t);
    return fails_at(CALL_MKDIR, at, path) ? -1 : real(at, path, mode);
}

int symlink(const char *target, const char *path)
{
    REAL(symlink, int, const char *, const char *);
    return fails_at(CALL_SYMLINK, AT_FDCWD, path) ? -1 : real(target, path);
}

int symlinkat(const char *target, int at, const char *path)
{
    REAL(symlinkat, int, const char *, int, const char *);
    return fails_at(CALL_SYMLINK, at, path) ? -1 : real(target, at, path);
}

int link(const char *from, const char *to)
{
    REAL(link, int, const char *, const char *);
    return fails_at(CALL_LINK, AT_FDCWD, to) ? -1 : real(from, to);
}

int linkat(int from_at, const char *from, int at, const char *to, int flags)
{
    REAL(linkat, int, int, const char *, int, const char *, int);
    return fails_at(CALL_LINK, at, to) ? -1 : real(from_at, from, at, to, flags);
}

int rename(const char *from, const char *to)
{
    REAL(rename, int, const char *, const char *);
    return fails_at(CALL_RENAME, AT_FDCWD, to) ? -1 : real(from, to);
}

int renameat(int from_at, const char *from, int at, const char *to)
{
    REAL(renameat, int, int, const char *, int, const char *);
    return fails_at(CALL_RENAME, at, to) ? -1 : real(from_at, from, at, to);
}

int renameat2(int from_at, const char *from, int at, const char *to, unsigned flags)
{
    REAL(renameat2, int, int, const char *, int, const char *, unsigned);
    return fails_at(CALL_RENAME, at, to) ? -1 : real(from_at, from, at, to, flags);
}

int unlink(const char *path)
{
    REAL(unlink, int, const char *);
    return fails_at(CALL_UNLINK, AT_FDCWD, path) ? -1 : real(path);
}

int unlinkat(int at, const char *path, int flags)
{
    REAL(unlinkat, int, int, const char *, int);
    return fails_at(CALL_UNLINK, at, path) ? -1 : real(at, path, flags);
}

int rmdir(const char *path)
{
    REAL(rmdir, int, const char *);
    return fails_at(CALL_UNLINK, AT_FDCWD, path) ? -1 : real(path);
}

int fchmod(int fd, mode_t mode)
{
    REAL(fchmod, int, int, mode_t);
    return fails(CALL_CHMOD, path_of(fd)) ? -1 : real(fd, mode);
}

int fchmodat(int at, const char *path, mode_t mode, int flags)
{
    REAL(fchmodat, int, int, const char *, mode_t, int);
    return fails_at(CALL_CHMOD, at, path) ? -1 : real(at, path, mode, flags);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
    REAL(fchown, int, int, uid_t, gid_t);
    return fails(CALL_CHOWN, path_of(fd)) ? -1 : real(fd, uid, gid);
}

int fchownat(int at, const char *path, uid_t uid, gid_t gid, int flags)
{
    REAL(fchownat, int, int, const char *, uid_t, gid_t, int);
    return fails_at(CALL_CHOWN, at, path) ? -1 : real(at, path, uid, gid, flags);
}

/* --- reading and writing --- */

ssize_t read(int fd, void *to, size_t n)
{
    REAL(read, ssize_t, int, void *, size_t);
    if (limits(CALL_READ, fd, &n))
        return -1;
    ssize_t got = real(fd, to, n);
    if (fd >= 0 && fd < FDS_MAX && clock_timers[fd] && got > 0) {
        errno = ECANCELED; /* what was written to the FIFO says that the clock was set */
        return -1;
    }
    return got;
}

ssize_t write(int fd, const void *from, size_t n)
{
    REAL(write, ssize_t, int, const void *, size_t);
    return limits(CALL_WRITE, fd, &n) ? -1 : real(fd, from, n);
}

#define POSITIONED(name, call, buffer, offset)                 \
    ssize_t name(int fd, buffer p, size_t n, offset at)        \
    {                                                          \
        REAL(name, ssize_t, int, buffer, size_t, offset);      \
        return limits(call, fd, &n) ? -1 : real(fd, p, n, at); \
    }
POSITIONED(pread, CALL_PREAD, void *, off_t)
POSITIONED(pread64, CALL_PREAD, void *, off64_t)
POSITIONED(pwrite, CALL_PWRITE, const void *, off_t)
POSITIONED(pwrite64, CALL_PWRITE, const void *, off64_t)

static size_t vector_size(const struct iovec *v, size_t n)
{
    size_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += v[i].iov_len;
    return all;
}

/* The first `all` octets of v, at most 16 pieces; returns how many pieces. */
static size_t vector_cut(const struct iovec *v, size_t n, size_t all, struct iovec out[16])
{
    size_t count = 0;
    for (size_t i = 0; i < n && count < 16 && all > 0; i++) {
        out[count] = v[i];
        if (out[count].iov_len > all)
            out[count].iov_len = all;
        all -= out[count++].iov_len;
    }
    return count;
}

#define VECTORED(name, call)                                                                           \
    ssize_t name(int fd, const struct iovec *v, int n)                                                 \
    {                                                                                                  \
        REAL(name, ssize_t, int, const struct iovec *, int);                                           \
        struct iovec cut[16];                                                                          \
        size_t all = vector_size(v, (size_t)n), most = all;                                            \
        if (limits(call, fd, &most))                                                                   \
            return -1;                                                                                 \
        return most == all ? real(fd, v, n) : real(fd, cut, (int)vector_cut(v, (size_t)n, most, cut)); \
    }
VECTORED(readv, CALL_READ)
VECTORED(writev, CALL_WRITE)

ssize_t send(int fd, const void *from, size_t n, int flags)
{
    REAL(send, ssize_t, int, const void *, size_t, int);
    return limits(CALL_SEND, fd, &n) ? -1 : real(fd, from, n, flags);
}

ssize_t sendto(int fd, const void *from, size_t n, int flags, __CONST_SOCKADDR_ARG to, socklen_t to_n)
{
    REAL(sendto, ssize_t, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    return limits(CALL_SEND, fd, &n) ? -1 : real(fd, from, n, flags, to.__sockaddr__, to_n);
}

ssize_t recv(int fd, void *to, size_t n, int flags)
{
    REAL(recv, ssize_t, int, void *, size_t, int);
    return limits(CALL_RECV, fd, &n) ? -1 : real(fd, to, n, flags);
}

ssize_t recvfrom(
    int fd, void *restrict to, size_t n, int flags, __SOCKADDR_ARG from, socklen_t *restrict from_n)
{
    REAL(recvfrom, ssize_t, int, void *, size_t, int, struct sockaddr *, socklen_t *);
    return limits(CALL_RECV, fd, &n) ? -1 : real(fd, to, n, flags, from.__sockaddr__, from_n);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    REAL(sendmsg, ssize_t, int, const struct msghdr *, int);
    struct msghdr part = *m;
    struct iovec cut[16];
    size_t all = vector_size(m->msg_iov, m->msg_iovlen), most = all;
    if (limits(CALL_SEND, fd, &most))
        return -1;
    if (most < all) {
        part.msg_iov = cut;
        part.msg_iovlen = vector_cut(m->msg_iov, m->msg_iovlen, most, cut);
    }
    return real(fd, &part, flags);
}

/* Descriptors that came: what they are called here is only whether they are sockets. */
static void learn_received(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
            struct stat st;
            int fd;
            memcpy(&fd, (char *)c + at, sizeof fd);
            set_path(fd, fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) ? STREAM : "received");
        }
    }
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    REAL(recvmsg, ssize_t, int, struct msghdr *, int);
    struct iovec cut[16], *whole = m->msg_iov;
    size_t whole_n = m->msg_iovlen, all = vector_size(whole, whole_n), most = all;
    if (limits(CALL_RECV, fd, &most))
        return -1;
    if (most < all) {
        m->msg_iov = cut;
        m->msg_iovlen = vector_cut(whole, whole_n, most, cut);
    }
    ssize_t got = real(fd, m, flags);
    m->msg_iov = whole;
    m->msg_iovlen = whole_n;
    if (got >= 0)
        learn_received(m);
    return got;
}

/* --- sockets, pipes, waiting --- */

static const char *socket_path(int type)
{
    return (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM ? STREAM : DATAGRAM;
}

int socket(int family, int type, int protocol)
{
    REAL(socket, int, int, int, int);
    if (fails(CALL_SOCKET, socket_path(type)))
        return -1;
    int fd = real(family, type, protocol);
    set_path(fd, socket_path(type));
    return fd;
}

int socketpair(int family, int type, int protocol, int pair[2])
{
    REAL(socketpair, int, int, int, int, int *);
    if (fails(CALL_SOCKET, socket_path(type)))
        return -1;
    int r = real(family, type, protocol, pair);
    for (int i = 0; r == 0 && i < 2; i++)
        set_path(pair[i], socket_path(type));
    return r;
}

static int accepted(int fd)
{
    set_path(fd, STREAM);
    return fd;
}

int accept(int fd, __SOCKADDR_ARG from, socklen_t *restrict n)
{
    REAL(accept, int, int, struct sockaddr *, socklen_t *);
    return fails(CALL_ACCEPT, path_of(fd)) ? -1 : accepted(real(fd, from.__sockaddr__, n));
}

int accept4(int fd, __SOCKADDR_ARG from, socklen_t *restrict n, int flags)
{
    REAL(accept4, int, int, struct sockaddr *, socklen_t *, int);
    return fails(CALL_ACCEPT, path_of(fd)) ? -1 : accepted(real(fd, from.__sockaddr__, n, flags));
}

int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t n)
{
    REAL(connect, int, int, const struct sockaddr *, socklen_t);
    return fails(CALL_CONNECT, path_of(fd)) ? -1 : real(fd, to.__sockaddr__, n);
}

static int piped(int r, const int ends[2])
{
    for (int i = 0; r == 0 && i < 2; i++)
        set_path(ends[i], "pipe:");
    return r;
}

int pipe(int ends[2])
{
    REAL(pipe, int, int *);
    return fails(CALL_PIPE, "pipe:") ? -1 : piped(real(ends), ends);
}

int pipe2(int ends[2], int flags)
{
    REAL(pipe2, int, int *, int);
    return fails(CALL_PIPE, "pipe:") ? -1 : piped(real(ends, flags), ends);
}

int poll(struct pollfd *list, nfds_t n, int ms)
{
    REAL(poll, int, struct pollfd *, nfds_t, int);
    return fails(CALL_POLL, "") ? -1 : real(list, n, ms);
}

int epoll_wait(int fd, struct epoll_event *events, int n, int ms)
{
    REAL(epoll_wait, int, int, struct epoll_event *, int, int);
    return fails(CALL_WAIT, "") ? -1 : real(fd, events, n, ms);
}

/* --- clocks --- */

int clock_gettime(clockid_t id, struct timespec *out)
{
    REAL(clock_gettime, int, clockid_t, struct timespec *);
    int r = real(id, out);
    if (r == 0 && page != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        out->tv_sec += page->wall_s;
    if (r == 0 && page != NULL && id == CLOCK_BOOTTIME)
        out->tv_sec += page->boot_s;
    return r;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    REAL(gettimeofday, int, struct timeval *, void *);
    int r = real(out, zone);
    if (r == 0 && page != NULL)
        out->tv_sec += page->wall_s;
    return r;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

/* Where there is a FIFO it stands for every timer of the wall clock: they are never the machine's. */
int timerfd_create(int id, int flags)
{
    REAL(timerfd_create, int, int, int);
    if (set_fd < 0 || id != CLOCK_REALTIME)
        return real(id, flags);
    int fd = fcntl(set_fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0 && fd < FDS_MAX)
        clock_timers[fd] = true;
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *was)
{
    REAL(timerfd_settime, int, int, int, const struct itimerspec *, struct itimerspec *);
    return fd >= 0 && fd < FDS_MAX && clock_timers[fd] ? 0 : real(fd, flags, at, was);
}
