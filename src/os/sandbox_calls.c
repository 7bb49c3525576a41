/*
 * The lists of system calls. The allow-list groups were put together from what glibc 2.36 to 2.41, libevent
 * and libcrypto use on x86_64 and aarch64; a call a process of ours is killed for belongs into a group with a
 * word why, or into that process's own list.
 */
#include "os/sandbox_priv.h"

#include "base/attr.h"

#include <asm/ioctls.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER
#endif
#endif

#define ALL_BITS     0xffffffffu /* of an int */
#define POINTER_BITS UINT64_MAX

#define CALL(name_)     \
    {                   \
        .call = (name_) \
    }
#define CALL_NEW(name_, number_)             \
    {                                        \
        .call = (name_), .number = (number_) \
    }
#define WHEN(name_, arg_, mask_, value_)                             \
    {                                                                \
        .call = (name_), .conditions = 1, .when = {                  \
            {.argument = (arg_), .mask = (mask_), .value = (value_)} \
        }                                                            \
    }
#define WHEN_IS(name_, arg_, value_) WHEN(name_, arg_, ALL_BITS, value_)
#define WHEN_OWN_PID(name_, arg_)                                   \
    {                                                               \
        .call = (name_), .conditions = 1, .when = {                 \
            {.argument = (arg_), .own_pid = true, .mask = ALL_BITS} \
        }                                                           \
    }
#define WHEN_BOTH(name_, arg_, mask_, value_, arg2_, mask2_, value2_)   \
    {                                                                   \
        .call = (name_), .conditions = 2, .when = {                     \
            {.argument = (arg_), .mask = (mask_), .value = (value_)},   \
            {.argument = (arg2_), .mask = (mask2_), .value = (value2_)} \
        }                                                               \
    }

/* ---- groups of the allow-list ---- */

static const struct sandbox_rule base_rules[] = {
    CALL("exit"),
    CALL("exit_group"),
    CALL("restart_syscall"),
    /* Memory. Nothing becomes executable any more, so no code can be brought in. */
    CALL("brk"),
    CALL("munmap"),
    CALL("mremap"),
    CALL("madvise"),
    WHEN("mmap", 2, PROT_EXEC, 0),
    WHEN("mprotect", 2, PROT_EXEC, 0),
    /* struct secret */
    CALL("mlock"),
    CALL("mlock2"),
    CALL("munlock"),
    CALL("clock_gettime"),
    CALL("clock_getres"),
    CALL("gettimeofday"),
    CALL("time"),
    CALL("nanosleep"),
    CALL("clock_nanosleep"),
    CALL("getrandom"),
    /* Signals, and abort() and raise(), which signal a thread of this process. */
    CALL("rt_sigaction"),
    CALL("rt_sigprocmask"),
    CALL("rt_sigreturn"),
    CALL("sigaltstack"),
    WHEN_OWN_PID("tgkill", 0),
    /* Locks of libraries, also without threads. */
    CALL("futex"),
    CALL("set_robust_list"),
    CALL("rseq"),
    CALL("sched_yield"),
    CALL("getcpu"),
    CALL("getpid"),
    CALL("getppid"),
    CALL("gettid"),
    CALL("getuid"),
    CALL("geteuid"),
    CALL("getgid"),
    CALL("getegid"),
    CALL("getresuid"),
    CALL("getresgid"),
    CALL("getgroups"),
    CALL("uname"),
    /* glibc: qsort asks for the memory size, sysconf for processors and limits, malloc names its arenas. */
    CALL("sysinfo"),
    CALL("sched_getaffinity"),
    CALL("getrlimit"),
    WHEN("prlimit64", 2, POINTER_BITS, 0),
    CALL("getrusage"),
    WHEN_IS("prctl", 0, PR_SET_VMA),
    WHEN_IS("prctl", 0, PR_SET_NAME),
    WHEN_IS("prctl", 0, PR_GET_NAME),
#ifdef WITH_ADDRESS_SANITIZER
    /* The sanitizers' own calls, so that a report gets out: they look for their binary and its map (which
     * Landlock then refuses, so addresses stay numbers; --sandbox=log gives them names). Theirs are the old
     * names, which libc no longer uses; aarch64 has none of them and gets no more than a report's head. */
    WHEN("open", 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
    CALL("stat"),
    CALL("readlink"),
    CALL("readlinkat"),
    WHEN_IS("prctl", 0, PR_GET_DUMPABLE),
#endif
};

static const struct sandbox_rule io_rules[] = {
    CALL("read"),
    CALL("readv"),
    CALL("pread64"),
    CALL("preadv"),
    CALL("preadv2"),
    CALL("write"),
    CALL("writev"),
    CALL("pwrite64"),
    CALL("pwritev"),
    CALL("pwritev2"),
    CALL("close"),
    CALL("close_range"),
    CALL("dup"),
    CALL("dup2"),
    CALL("dup3"),
    CALL("poll"),
    CALL("ppoll"),
    CALL("select"),
    CALL("pselect6"),
    /* exit() seeks in the standard streams. */
    CALL("lseek"),
    CALL("fstat"),
    WHEN("newfstatat", 3, AT_EMPTY_PATH, AT_EMPTY_PATH),
    WHEN("statx", 2, AT_EMPTY_PATH, AT_EMPTY_PATH),
    /* Not F_SETOWN and F_SETSIG, which make the kernel send signals. */
    WHEN_IS("fcntl", 1, F_GETFD),
    WHEN_IS("fcntl", 1, F_SETFD),
    WHEN_IS("fcntl", 1, F_GETFL),
    WHEN_IS("fcntl", 1, F_SETFL),
    WHEN_IS("fcntl", 1, F_DUPFD),
    WHEN_IS("fcntl", 1, F_DUPFD_CLOEXEC),
    /* Bytes waiting, non-blocking, and whether a stream is a terminal; not TIOCSTI. */
    WHEN_IS("ioctl", 1, FIONREAD),
    WHEN_IS("ioctl", 1, FIONBIO),
    WHEN_IS("ioctl", 1, TCGETS),
    WHEN_IS("ioctl", 1, TIOCGWINSZ),
};

static const struct sandbox_rule event_rules[] = {
    CALL("epoll_create"),
    CALL("epoll_create1"),
    CALL("epoll_ctl"),
    CALL("epoll_wait"),
    CALL("epoll_pwait"),
    CALL_NEW("epoll_pwait2", 441),
    CALL("timerfd_create"),
    CALL("timerfd_settime"),
    CALL("timerfd_gettime"),
    CALL("eventfd2"),
    CALL("pipe"),
    CALL("pipe2"),
    CALL("signalfd4"),
};

static const struct sandbox_rule message_rules[] = {
    CALL("sendmsg"),
    CALL("recvmsg"),
    CALL("sendmmsg"),
    CALL("recvmmsg"),
    CALL("sendto"),
    CALL("recvfrom"),
    CALL("shutdown"),
    CALL("getsockname"),
    CALL("getpeername"),
    CALL("getsockopt"),
    WHEN_IS("setsockopt", 1, SOL_SOCKET),
    WHEN_IS("setsockopt", 1, IPPROTO_TCP),
};

static const struct sandbox_rule accept_rules[] = {
    CALL("accept"),
    CALL("accept4"),
};

static const struct sandbox_rule files_read_rules[] = {
    WHEN("open", 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
    WHEN("openat", 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
    CALL("stat"),
    CALL("lstat"),
    CALL("newfstatat"),
    CALL("statx"),
    CALL("access"),
    CALL("faccessat"),
    CALL_NEW("faccessat2", 439),
    CALL("readlink"),
    CALL("readlinkat"),
    CALL("getdents64"),
    CALL("getcwd"),
    CALL("statfs"),
    CALL("fstatfs"),
    CALL("fadvise64"),
};

/* No set-user-ID programs can be made: a process that stays root must not leave one behind. */
#define SET_ID_BITS (S_ISUID | S_ISGID)
static const struct sandbox_rule files_write_rules[] = {
    WHEN("open", 2, SET_ID_BITS, 0),
    WHEN("openat", 3, SET_ID_BITS, 0),
    CALL("mkdir"),
    CALL("mkdirat"),
    CALL("symlink"),
    CALL("symlinkat"),
    CALL("link"),
    CALL("linkat"),
    CALL("rename"),
    CALL("renameat"),
    CALL("renameat2"),
    CALL("unlink"),
    CALL("unlinkat"),
    CALL("rmdir"),
    CALL("fsync"),
    CALL("fdatasync"),
    CALL("syncfs"),
    CALL("ftruncate"),
    CALL("fallocate"),
    WHEN("chmod", 1, SET_ID_BITS, 0),
    WHEN("fchmod", 1, SET_ID_BITS, 0),
    WHEN("fchmodat", 2, SET_ID_BITS, 0),
    CALL("fchown"),
    CALL("fchownat"),
    CALL("flock"),
    CALL("utimensat"),
    CALL("umask"),
    WHEN_IS("fcntl", 1, F_SETLK),
    WHEN_IS("fcntl", 1, F_SETLKW),
    WHEN_IS("fcntl", 1, F_GETLK),
    WHEN_IS("fcntl", 1, F_OFD_SETLK),
    WHEN_IS("fcntl", 1, F_OFD_SETLKW),
    WHEN_IS("fcntl", 1, F_OFD_GETLK),
    /* glibc 2.39 tries it and falls back where it is missing. */
    {.call = "fchmodat2", .number = 452, .errno_value = ENOSYS},
};

static const struct sandbox_rule thread_rules[] = {
    WHEN("clone", 0, CLONE_THREAD, CLONE_THREAD),
    /* Its flags lie in memory, out of a filter's sight; libc falls back to clone. */
    {.call = "clone3", .number = 435, .errno_value = ENOSYS},
    CALL("sched_getparam"),
    CALL("sched_getscheduler"),
    CALL("sched_setaffinity"),
    CALL("set_tid_address"),
    CALL("membarrier"),
};

/* ---- the deny-list ---- */

/* Socket families other than these four are refused, one rule for each, since a filter compares for equality
 * only; the kernel itself knows none from 46 on. */
#define FAMILY(f) WHEN_IS("socket", 0, f)
#define FAMILIES_OF_8(f)                                                                            \
    FAMILY(f), FAMILY((f) + 1), FAMILY((f) + 2), FAMILY((f) + 3), FAMILY((f) + 4), FAMILY((f) + 5), \
        FAMILY((f) + 6), FAMILY((f) + 7)
_Static_assert(AF_UNIX == 1 && AF_INET == 2 && AF_INET6 == 10 && AF_NETLINK == 16, "the gaps below");

/* Netlink is for asking about addresses and routes (getaddrinfo); other protocols configure the kernel. */
#define NETLINK(protocol) WHEN_BOTH("socket", 0, ALL_BITS, AF_NETLINK, 2, ALL_BITS, protocol)
#define NETLINK_OF_8(p)                                                                                   \
    NETLINK(p), NETLINK((p) + 1), NETLINK((p) + 2), NETLINK((p) + 3), NETLINK((p) + 4), NETLINK((p) + 5), \
        NETLINK((p) + 6), NETLINK((p) + 7)
_Static_assert(NETLINK_ROUTE == 0, "the one left open");

/* The type without SOCK_CLOEXEC and SOCK_NONBLOCK. */
#define SOCKET_TYPE          0xfu
#define NO_RAW(family, type) WHEN_BOTH("socket", 0, ALL_BITS, family, 1, SOCKET_TYPE, type)
#define NEW_NAMESPACE(flag)  WHEN("clone", 0, flag, flag)
#define SET_ID(call, arg)    WHEN(call, arg, S_ISUID, S_ISUID), WHEN(call, arg, S_ISGID, S_ISGID)
#define SET_ID_BORN(call, flags_arg, mode_arg)                                \
    WHEN_BOTH(call, flags_arg, O_CREAT, O_CREAT, mode_arg, S_ISUID, S_ISUID), \
        WHEN_BOTH(call, flags_arg, O_CREAT, O_CREAT, mode_arg, S_ISGID, S_ISGID)

static const struct sandbox_rule denied_rules[] = {
    /* Other programs, other processes. */
    CALL("execve"),
    CALL("execveat"),
    CALL("ptrace"),
    CALL("process_vm_readv"),
    CALL("process_vm_writev"),
    CALL_NEW("process_madvise", 440),
    CALL("kcmp"),
    CALL_NEW("pidfd_getfd", 438),
    /* The tree of mounts and name spaces. */
    CALL("mount"),
    CALL("umount"),
    CALL("umount2"),
    CALL("pivot_root"),
    CALL("chroot"),
    CALL_NEW("open_tree", 428),
    CALL_NEW("move_mount", 429),
    CALL_NEW("fsopen", 430),
    CALL_NEW("fsconfig", 431),
    CALL_NEW("fsmount", 432),
    CALL_NEW("fspick", 433),
    CALL_NEW("mount_setattr", 442),
    CALL_NEW("open_tree_attr", 467),
    CALL("setns"),
    CALL("unshare"),
    NEW_NAMESPACE(CLONE_NEWNS),
    NEW_NAMESPACE(CLONE_NEWCGROUP),
    NEW_NAMESPACE(CLONE_NEWUTS),
    NEW_NAMESPACE(CLONE_NEWIPC),
    NEW_NAMESPACE(CLONE_NEWUSER),
    NEW_NAMESPACE(CLONE_NEWPID),
    NEW_NAMESPACE(CLONE_NEWNET),
    /* Its flags lie in memory, out of a filter's sight; libc falls back to clone. */
    {.call = "clone3", .number = 435, .errno_value = ENOSYS},
    /* Large and often broken parts of the kernel. */
    CALL("bpf"),
    CALL("perf_event_open"),
    CALL_NEW("io_uring_setup", 425),
    CALL_NEW("io_uring_enter", 426),
    CALL_NEW("io_uring_register", 427),
    CALL("add_key"),
    CALL("request_key"),
    CALL("keyctl"),
    CALL("userfaultfd"),
    CALL("fanotify_init"),
    CALL("fanotify_mark"),
    CALL("lookup_dcookie"),
    CALL("vmsplice"),
    CALL("move_pages"),
    CALL("migrate_pages"),
    CALL("mbind"),
    CALL("set_mempolicy"),
    CALL("remap_file_pages"),
    CALL("uselib"),
    CALL("modify_ldt"),
    CALL("personality"),
    CALL("_sysctl"),
    CALL("sysfs"),
    CALL("nfsservctl"),
    /* The machine. */
    CALL("kexec_load"),
    CALL("kexec_file_load"),
    CALL("init_module"),
    CALL("finit_module"),
    CALL("delete_module"),
    CALL("create_module"),
    CALL("swapon"),
    CALL("swapoff"),
    CALL("reboot"),
    CALL("acct"),
    CALL("quotactl"),
    CALL_NEW("quotactl_fd", 443),
    CALL("syslog"),
    CALL("settimeofday"),
    CALL("clock_settime"),
    CALL("stime"),
    CALL("adjtimex"),
    CALL("clock_adjtime"),
    CALL("sethostname"),
    CALL("setdomainname"),
    CALL("iopl"),
    CALL("ioperm"),
    CALL("vhangup"),
    /* Files by handle (around every path rule), devices, set-user-ID programs. */
    CALL("open_by_handle_at"),
    CALL("name_to_handle_at"),
    CALL("mknod"),
    CALL("mknodat"),
    SET_ID("chmod", 1),
    SET_ID("fchmod", 1),
    SET_ID("fchmodat", 2),
    SET_ID("creat", 1),
    SET_ID_BORN("open", 1, 2),
    SET_ID_BORN("openat", 2, 3),
    {.call = "fchmodat2", .number = 452, .errno_value = ENOSYS},
    /* Its flags and mode lie in memory as well; nothing needs it. */
    {.call = "openat2", .number = 437, .errno_value = ENOSYS},
    /* Typing into the terminal we were started from. */
    WHEN_IS("ioctl", 1, TIOCSTI),
    WHEN_IS("ioctl", 1, TIOCLINUX),
    WHEN_IS("ioctl", 1, TIOCSETD),
    /* Raw and packet sockets, and all families but Unix, IPv4, IPv6 and netlink's routes. */
    NO_RAW(AF_INET, SOCK_RAW),
    NO_RAW(AF_INET6, SOCK_RAW),
    NO_RAW(AF_INET, SOCK_PACKET),
    FAMILY(3),
    FAMILY(4),
    FAMILY(5),
    FAMILY(6),
    FAMILY(7),
    FAMILY(8),
    FAMILY(9),
    FAMILY(11),
    FAMILY(12),
    FAMILY(13),
    FAMILY(14),
    FAMILY(15),
    FAMILY(17),
    FAMILY(18),
    FAMILY(19),
    FAMILY(20),
    FAMILY(21),
    FAMILY(22),
    FAMILY(23),
    FAMILIES_OF_8(24),
    FAMILIES_OF_8(32),
    FAMILIES_OF_8(40),
    FAMILIES_OF_8(48),
    FAMILIES_OF_8(56),
    NETLINK(1),
    NETLINK(2),
    NETLINK(3),
    NETLINK(4),
    NETLINK(5),
    NETLINK(6),
    NETLINK(7),
    NETLINK_OF_8(8),
    NETLINK_OF_8(16),
    NETLINK_OF_8(24),
};

/* A pair of datagram sockets could be connected anew, or send elsewhere; a pair of streams cannot. SOCK_RAW
 * is another word for datagrams there. */
#define NO_PAIR(type) WHEN_BOTH("socketpair", 0, ALL_BITS, AF_UNIX, 1, SOCKET_TYPE, type)
static const struct sandbox_rule no_unix_rules[] = {
    FAMILY(AF_UNIX),
    NO_PAIR(SOCK_DGRAM),
    NO_PAIR(SOCK_RAW),
};

struct sandbox_rules sandbox_group_rules(unsigned group)
{
#define RULES(table) ((struct sandbox_rules){(table), ARRAY_LEN(table)})
    switch (group) {
    case SANDBOX_BASE:
        return RULES(base_rules);
    case SANDBOX_IO:
        return RULES(io_rules);
    case SANDBOX_EVENTS:
        return RULES(event_rules);
    case SANDBOX_MESSAGES:
        return RULES(message_rules);
    case SANDBOX_ACCEPT:
        return RULES(accept_rules);
    case SANDBOX_FILES_READ:
        return RULES(files_read_rules);
    case SANDBOX_FILES_WRITE:
        return RULES(files_write_rules);
    case SANDBOX_THREADS:
        return RULES(thread_rules);
    default:
        return (struct sandbox_rules){NULL, 0};
    }
#undef RULES
}

struct sandbox_rules sandbox_denied_rules(void)
{
    return (struct sandbox_rules){denied_rules, ARRAY_LEN(denied_rules)};
}

struct sandbox_rules sandbox_no_unix_rules(void)
{
    return (struct sandbox_rules){no_unix_rules, ARRAY_LEN(no_unix_rules)};
}
