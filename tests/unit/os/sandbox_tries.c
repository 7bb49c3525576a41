#include "sandbox_tries.h"

#include "os/random.h"
#include "os/sandbox.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

struct tries tries = {.pair = {-1, -1}, .listener = -1};

static int result(bool ok)
{
    return ok ? 0 : errno;
}

int try_nothing(const struct temp *t)
{
    return 0;
}

int try_base(const struct temp *t)
{
    /* Memory of all sizes, clock, random numbers, sorting, own ids. */
    for (size_t n = 16; n <= (64u << 20); n *= 16) {
        char *p = malloc(n);
        if (p == NULL)
            return -1;
        p[0] = p[n - 1] = 1;
        free(p);
    }
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) == 0 && random_u64() != random_u64() && getpid() > 1 ? 0 : -1;
}

int try_open(const struct temp *t)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return result(fd >= 0);
}

int try_open_for_writing(const struct temp *t)
{
    int fd = openat(t->fd, "in/f", O_WRONLY | O_CLOEXEC);
    return result(fd >= 0);
}

int try_open_inside(const struct temp *t)
{
    int fd = openat(t->fd, "in/f", O_RDONLY | O_CLOEXEC);
    char c = 0;
    return fd < 0 ? errno : result(read(fd, &c, 1) == 1 && c == 'x');
}

int try_open_beside(const struct temp *t)
{
    int fd = openat(t->fd, "out/f", O_RDONLY | O_CLOEXEC);
    return result(fd >= 0);
}

int try_list_beside(const struct temp *t)
{
    int fd = openat(t->fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return result(fd >= 0);
}

/* A link inside that points outside gives nothing. */
int try_open_by_link(const struct temp *t)
{
    int fd = openat(t->fd, "in/link", O_RDONLY | O_CLOEXEC);
    return result(fd >= 0);
}

int try_create_beside(const struct temp *t)
{
    int fd = openat(t->fd, "out/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return result(fd >= 0);
}

int try_truncate_beside(const struct temp *t)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/out/f", t->path);
    return result(truncate(path, 0) == 0);
}

int try_socket(const struct temp *t)
{
    return result(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

int try_unix_socket(const struct temp *t)
{
    return result(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

static int try_pair(int type)
{
    int pair[2];
    return result(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) == 0);
}

int try_stream_pair(const struct temp *t)
{
    return try_pair(SOCK_STREAM);
}

int try_datagram_pair(const struct temp *t)
{
    return try_pair(SOCK_DGRAM);
}

int try_raw_pair(const struct temp *t)
{
    return try_pair(SOCK_RAW);
}

/* With bits set that the kernel does not look at. */
int try_unix_socket_dodging(const struct temp *t)
{
    return result(syscall(SYS_socket, 0xabcd00000000L | AF_UNIX, 0xabcd00000000L | SOCK_STREAM, 0L) >= 0);
}

/* One end of a connected pair, which was there before, is led elsewhere. */
int try_reconnect_pair(const struct temp *t)
{
    return result(connect(tries.pair[0], (struct sockaddr *)&tries.abstract, tries.abstract_n) == 0);
}

int try_exec(const struct temp *t)
{
    char *argv[] = {(char[]){"true"}, NULL};
    execv("/bin/true", argv);
    return errno;
}

int try_fork(const struct temp *t)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return result(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

int try_ptrace(const struct temp *t)
{
    return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}

int try_kill_parent(const struct temp *t)
{
    return result(kill(getppid(), 0) == 0);
}

int try_tgkill_parent(const struct temp *t)
{
    return result(syscall(SYS_tgkill, getppid(), getppid(), 0) == 0);
}

int try_abort(const struct temp *t)
{
    signal(SIGABRT, SIG_DFL); /* sanitizers catch it */
    abort();
}

int try_executable_memory(const struct temp *t)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return result(p != MAP_FAILED);
}

int try_make_executable(const struct temp *t)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -1 : result(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
}

int try_type_into_terminal(const struct temp *t)
{
    /* With bits set that the kernel does not look at. */
    return result(syscall(SYS_ioctl, 0L, 0xabcd00000000L | TIOCSTI, "x") == 0);
}

int try_own_signals(const struct temp *t)
{
    int p[2] = {t->fd, t->fd};
    return result(fcntl(p[0], F_SETOWN, getpid()) == 0);
}

int try_fcntl(const struct temp *t)
{
    int fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? errno
                  : result(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFL) >= 0 && close(fd) == 0);
}

int try_rlimit(const struct temp *t)
{
    struct rlimit limit = {16, 16};
    return result(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

int try_priority(const struct temp *t)
{
    errno = 0;
    return getpriority(PRIO_PROCESS, 0) == -1 && errno != 0 ? errno : 0;
}

int try_events(const struct temp *t)
{
    struct epoll_event e = {.events = EPOLLIN}, got;
    struct itimerspec soon = {.it_value = {.tv_nsec = 1000}};
    int loop = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), p[2];
    if (loop < 0 || timer < 0 || pipe2(p, O_CLOEXEC) < 0 || timerfd_settime(timer, 0, &soon, NULL) < 0 ||
        epoll_ctl(loop, EPOLL_CTL_ADD, timer, &e) < 0)
        return errno;
    return result(epoll_wait(loop, &got, 1, -1) == 1);
}

/* A message with a descriptor, over sockets that were made before. */
int try_messages(const struct temp *t)
{
    char c = 'x', space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec io = {&c, 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    *h = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(h), &t->fd, sizeof t->fd);
    if (sendmsg(tries.pair[0], &m, MSG_NOSIGNAL) != 1 || recvmsg(tries.pair[1], &m, MSG_CMSG_CLOEXEC) != 1)
        return errno;
    return m.msg_controllen == CMSG_SPACE(sizeof(int)) && send(tries.pair[1], "y", 1, 0) == 1 &&
                   recv(tries.pair[0], &c, 1, 0) == 1 && c == 'y'
               ? 0
               : -1;
}

/* The listener and a client that waits for it were made before. */
int try_accept(const struct temp *t)
{
    int fd = accept4(tries.listener, NULL, NULL, SOCK_CLOEXEC);
    return result(fd >= 0);
}

int try_connect(const struct temp *t)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)tries.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -1 : result(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
}

int try_bind(const struct temp *t)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -1 : result(bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
}

int try_abstract(const struct temp *t)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -1 : result(connect(fd, (struct sockaddr *)&tries.abstract, tries.abstract_n) == 0);
}

/* All that a keeper does with files. */
int try_file_work(const struct temp *t)
{
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(100);
    struct err err = ERR_INIT;
    int in = -1, dir = -1, r;
    if ((r = dir_open(t->fd, "in", &in, &err)) < 0 || (r = dir_make(in, "d", 0755, &dir, &err)) < 0 ||
        (r = file_replace(dir, "key", 0600, STR("1"), &err)) < 0 ||
        (r = file_replace(dir, "key", 0600, STR("2"), &err)) < 0 ||
        (r = file_read_secret(dir, "key", 10, &b, &err)) < 0 ||
        (r = link_switch(in, "live", "d", &err)) < 0 || (r = link_switch(in, "live", "d", &err)) < 0 ||
        (r = dir_sweep(in, &err)) < 0 || (r = dir_remove(in, "d", &err)) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

int try_rename_across(const struct temp *t)
{
    return result(renameat(t->fd, "in/f", t->fd, "in/sub/g") == 0);
}

int try_set_id(const struct temp *t)
{
    int fd = openat(t->fd, "in/f", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : result(fchmod(fd, 04755) == 0);
}

int try_set_id_by_name(const struct temp *t)
{
    return result(fchmodat(t->fd, "in/f", 02755, 0) == 0);
}

int try_birth_with_set_id(const struct temp *t)
{
    int fd = openat(t->fd, "in/s", O_WRONLY | O_CREAT | O_CLOEXEC, 04755);
    return result(fd >= 0);
}

static void *add_one(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

int try_thread(const struct temp *t)
{
    pthread_t thread;
    int n = 1, e = pthread_create(&thread, NULL, add_one, &n);
    return e != 0 ? e : pthread_join(thread, NULL) == 0 && n == 2 ? 0 : -1;
}

int try_clone3(const struct temp *t)
{
    return result(syscall(SYS_clone3, NULL, 0) == 0);
}

int try_mount(const struct temp *t)
{
    return result(mount("none", t->path, "tmpfs", 0, NULL) == 0);
}

int try_chroot(const struct temp *t)
{
    return result(chroot(t->path) == 0);
}

int try_unshare(const struct temp *t)
{
    return result(unshare(CLONE_NEWUSER) == 0);
}

int try_clone_namespace(const struct temp *t)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return result(pid > 0);
}

int try_io_uring(const struct temp *t)
{
    return result(syscall(425, 1, NULL) == 0);
}

int try_keyctl(const struct temp *t)
{
    return result(syscall(SYS_keyctl, 0, -3, 0) >= 0);
}

int try_mknod(const struct temp *t)
{
    return result(mknodat(t->fd, "in/null", S_IFCHR | 0600, (dev_t)0x103) == 0);
}

int try_handle(const struct temp *t)
{
    return result(syscall(SYS_open_by_handle_at, t->fd, NULL, 0) == 0);
}

int try_packet_socket(const struct temp *t)
{
    return result(socket(AF_PACKET, SOCK_DGRAM, 0) >= 0);
}

/* With bits set that the kernel does not look at. */
int try_packet_socket_dodging(const struct temp *t)
{
    return result(syscall(SYS_socket, 0x700000000L | AF_PACKET, (long)SOCK_DGRAM, 0L) >= 0);
}

int try_raw_socket(const struct temp *t)
{
    return result(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP) >= 0);
}

int try_alg_socket(const struct temp *t)
{
    return result(socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0);
}

int try_vsock_socket(const struct temp *t)
{
    return result(socket(AF_VSOCK, SOCK_STREAM, 0) >= 0);
}

int try_audit_socket(const struct temp *t)
{
    return result(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) >= 0);
}

int try_route_socket(const struct temp *t)
{
    return result(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0);
}

/* The marks every sandbox leaves on the process. */
int try_marks(const struct temp *t)
{
    struct rlimit core;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                   getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0
               ? 0
               : -1;
}

int try_dumpable(const struct temp *t)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : -1;
}

int try_enter_again(const struct temp *t)
{
    struct sandbox s = {.process = "test", .kind = SANDBOX_ALLOW_LIST, .groups = SANDBOX_IO};
    return sandbox_enter(&s, NULL, NULL) == 0 ? 0 : -1;
}
