/*
 * What a test and the processes under test share: one page that the test writes to while they run
 * (tests/lib/machine.py has the same layout).
 */
#ifndef EVERCERT_TESTS_FAULTY_OS_PAGE_H
#define EVERCERT_TESTS_FAULTY_OS_PAGE_H

#include <stdint.h>

enum { PAGE_MAGIC = 0x66617531, RULES_MAX = 16, PAGE_PATH_MAX = 256, PAGE_NAME_MAX = 16 };

/* Kinds of calls; several functions of libc may be one. The order is that of machine.py. */
#define CALLS(X)                                                 \
    X(CALL_OPEN)   /* open and openat for reading */             \
    X(CALL_CREATE) /* ... for writing, or to make the file */    \
    X(CALL_READ)   /* read, readv */                             \
    X(CALL_PREAD)                                                \
    X(CALL_WRITE) /* write, writev */                            \
    X(CALL_PWRITE)                                               \
    X(CALL_SEND)   /* send, sendto, sendmsg */                   \
    X(CALL_RECV)   /* recv, recvfrom, recvmsg */                 \
    X(CALL_SYNC)   /* fsync, fdatasync, syncfs */                \
    X(CALL_RENAME) /* rename, renameat, renameat2 */             \
    X(CALL_MKDIR)                                                \
    X(CALL_SYMLINK)                                              \
    X(CALL_LINK)                                                 \
    X(CALL_UNLINK)   /* unlink, unlinkat, rmdir */               \
    X(CALL_TRUNCATE) /* ftruncate, fallocate, posix_fallocate */ \
    X(CALL_CHMOD)    /* fchmod, fchmodat */                      \
    X(CALL_CHOWN)    /* fchown, fchownat */                      \
    X(CALL_ACCEPT)                                               \
    X(CALL_SOCKET) /* socket, socketpair */                      \
    X(CALL_PIPE)   /* pipe, pipe2 */                             \
    X(CALL_WAIT)   /* epoll_wait */                              \
    X(CALL_POLL)                                                 \
    X(CALL_CONNECT)

enum call {
#define CALL_ENUM(id) id,
    CALLS(CALL_ENUM)
#undef CALL_ENUM
        CALL_END_
};

enum rule_mode {
    RULE_OFF,
    RULE_FAIL,        /* calls from..from+times-1 (times 0: all from there on) fail with `error` */
    RULE_FAIL_OTHERS, /* every second one fails, the first among them */
    RULE_HALF,        /* reads and writes only half of what was asked for, one octet at least */
    RULE_COUNT        /* nothing happens, they are only counted */
};

struct rule {
    uint32_t mode;
    uint32_t from, times;
    int32_t error;
    uint64_t calls;               /* bits of enum call */
    char process[PAGE_NAME_MAX];  /* its comm; "": every one */
    char path[PAGE_PATH_MAX];     /* how the path begins ("": any, and what has none); sockets: "socket:" */
    uint32_t seen, hits;          /* written by the processes */
    uint32_t last_call, reserved; /* the last that it met: which, and of what */
    char last_path[PAGE_PATH_MAX];
};

struct page {
    uint32_t magic, size;
    int64_t wall_s; /* so far is the wall clock from the machine's */
    int64_t boot_s; /* ... and CLOCK_BOOTTIME: time that the machine slept */
    struct rule rules[RULES_MAX];
};

#endif
