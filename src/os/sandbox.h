/*
 * Giving up, for good, what a process does not need: system calls (seccomp), the file system and TCP
 * (Landlock), core dumps, being traced. Two strengths: an allow-list that kills, for processes whose every
 * system call is ours (keeper, responder), and a deny-list that answers EPERM, for processes that run large
 * libraries (libcurl, libpq, Lua).
 *
 * Enter before any thread is started and after everything that needs more was opened: programs, libraries
 * (dlopen), sockets, random devices. The executable of an allow-list process should set detect_leaks=0 for
 * AddressSanitizer: the leak check traces the process from a clone of itself, which no sandbox lets pass.
 */
#ifndef EVERCERT_OS_SANDBOX_H
#define EVERCERT_OS_SANDBOX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Groups of system calls an allow-list is put together from; sandbox_calls.c lists their members. Each is
 * resolved by name, and names that the machine's architecture does not have are passed over.
 *
 * name, bit, what it is for
 */
#define SANDBOX_GROUPS(X)                                                                            \
    X(SANDBOX_BASE, 0, "exit, memory (never executable), clock, random, signals to itself, own ids") \
    X(SANDBOX_IO, 1, "read, write, close, fcntl, poll on open descriptors")                          \
    X(SANDBOX_EVENTS, 2, "epoll, timerfd, eventfd, pipes")                                           \
    X(SANDBOX_MESSAGES, 3, "send and receive on open sockets, descriptors included")                 \
    X(SANDBOX_ACCEPT, 4, "accept connections on open listening sockets")                             \
    X(SANDBOX_FILES_READ, 5, "open for reading, stat, list, seek")                                   \
    X(SANDBOX_FILES_WRITE, 6, "create, write, rename, link, remove, sync, mode and owner, lock")     \
    X(SANDBOX_THREADS, 7, "start threads, futex, scheduling")

enum sandbox_group {
#define SANDBOX_GROUP_ENUM(name, bit, text) name = 1 << (bit),
    SANDBOX_GROUPS(SANDBOX_GROUP_ENUM)
#undef SANDBOX_GROUP_ENUM
};

/* What may be done at a path and below it (Landlock). */
enum sandbox_access {
    SANDBOX_LIST = 1 << 0,    /* list directories */
    SANDBOX_READ = 1 << 1,    /* read files, list directories */
    SANDBOX_WRITE = 1 << 2,   /* SANDBOX_READ, and write; below a directory also create, remove, rename */
    SANDBOX_EXECUTE = 1 << 3, /* run programs (of no use where execve is refused) */
    SANDBOX_DEVICE = 1 << 4   /* ioctl on devices, with SANDBOX_READ or SANDBOX_WRITE */
};

struct sandbox_path {
    const char *path; /* NULL: `fd` is meant */
    int fd;           /* an open directory or file, used where path is NULL */
    unsigned access;  /* enum sandbox_access */
    bool optional;    /* a path that does not exist is passed over instead of failing */
};

enum sandbox_kind {
    SANDBOX_ALLOW_LIST, /* only the calls of `groups` and `calls`; anything else kills the process (SIGSYS) */
    SANDBOX_DENY_LIST   /* everything but a fixed list, which fails with EPERM (clone3: ENOSYS) */
};

/* What stays possible beyond the default, which is none of it. Needs Landlock 4 (TCP) or 6 to be kept. */
enum sandbox_permit {
    SANDBOX_TCP_CONNECT = 1 << 0,
    SANDBOX_TCP_BIND = 1 << 1,
    SANDBOX_ABSTRACT_UNIX = 1 << 2, /* connect to abstract Unix sockets of processes outside the sandbox */
    SANDBOX_SIGNAL_OTHERS = 1 << 3  /* signal processes outside the sandbox */
};

struct sandbox {
    const char *process; /* its name, for error texts */
    enum sandbox_kind kind;
    unsigned groups;                  /* allow-list: enum sandbox_group */
    const char *const *calls;         /* allow-list: further calls by name, NULL-terminated; may be NULL */
    const struct sandbox_path *paths; /* all that is left of the file system; none: nothing can be opened */
    size_t paths_n;
    unsigned permit; /* enum sandbox_permit */
    bool no_unix; /* deny-list: no Unix sockets either but connected pairs, and those that were or are handed
                     over: nobody's socket on this machine can be reached, whatever its path */
    bool keep_dumpable; /* stay traceable by the same user, and able to open its own /proc/self as non-root */
    bool all_files;     /* no Landlock rules for files at all (`paths` must be empty) */
    bool log_only; /* `--sandbox=log`: kill and forbid nothing, have the kernel log the calls it would refuse
                      (allow-list: all others; deny-list: its members); Landlock cannot do that and is off */
};

/* What is in force, for the log. */
struct sandbox_report {
    enum sandbox_kind kind;
    bool log_only;
    unsigned calls;           /* calls on the list */
    int landlock_abi;         /* the version in force; 0: none */
    bool landlock_off;        /* available, but not used (log_only) */
    const char *landlock_why; /* where the version is 0 and it is not off: the reason; static storage */
    unsigned paths;           /* rules for paths in force */
    bool all_files;
    bool no_unix;
    bool undumpable;
};

enum { SANDBOX_REPORT_TEXT_MAX = 320 };

/*
 * Enters the sandbox: no new privileges, no core dumps, undumpable, Landlock, then seccomp. A kernel without
 * Landlock is no failure, `out` (may be NULL) says it; a kernel without seccomp is ERR_REFUSED, and so are
 * running threads. On failure the process may be half confined and should end. Needs neither root nor any
 * capability.
 */
int sandbox_enter(const struct sandbox *sandbox, struct sandbox_report *out, struct err *err);

/* "seccomp allow-list (38 calls, kill), Landlock 7 (2 paths), no core dumps, undumpable". Returns `text`. */
const char *sandbox_report_text(const struct sandbox_report *report, char text[SANDBOX_REPORT_TEXT_MAX]);

#endif
