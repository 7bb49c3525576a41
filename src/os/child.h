/*
 * Starting programs: fork and exec with nothing inherited by accident. The child gets exactly the descriptors
 * of the map, default signal dispositions, an empty signal mask, no core dumps, and the user that was asked
 * for. That the program could not be started is the caller's error, not a child that exits with 127.
 */
#ifndef EVERCERT_OS_CHILD_H
#define EVERCERT_OS_CHILD_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    CHILD_FDS_MAX = 64, /* most entries of a map; a process of ours needs fewer than twenty */
    CHILD_STATUS_TEXT_MAX = 96
};

/* The caller's descriptor `from` becomes descriptor `to` of the child. */
struct child_fd {
    int from, to;
};

enum child_group {
    CHILD_GROUP_KEEP = 0, /* stay in the caller's process group: a terminal's Ctrl-C reaches it */
    CHILD_GROUP_NEW,      /* lead a new process group, for child_kill_group() */
    CHILD_GROUP_SESSION   /* lead a new session (and group) without a controlling terminal */
};

struct child_spec {
    const char *path;  /* absolute, or relative to cwd; not searched for: child_find_program() */
    char *const *argv; /* NULL-terminated, argv[0] included */
    char *const *envp; /* NULL-terminated; NULL gives an empty environment */
    /* NULL, or the words (of /bin/sh) that are executed instead where the system does not know the file's
     * format: a script without "#!", which shells run all the same. */
    char *const *script_argv;
    const struct child_fd *fds; /* 0, 1 and 2 are /dev/null where the map does not name them */
    size_t fds_n;
    const char *cwd;         /* NULL: stay */
    enum child_group group;  /* its process group */
    int parent_death_signal; /* sent to the child when the calling *thread* ends; 0: none */
    bool set_user;           /* become uid:gid with exactly `groups` (may be none); needs root */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t groups_n;
};

/*
 * Starts the program and returns once it is running (its exec has succeeded). The caller owns the process: it
 * waits for *out. Errors, with nothing left running: ERR_NOT_FOUND (no such program, or its interpreter),
 * ERR_PERMISSION (not executable, or the user could not be changed), ERR_USAGE (bad map), else as err_errno.
 */
int child_spawn(const struct child_spec *spec, pid_t *out, struct err *err);

/* Looks for an executable `name` in the ':'-separated absolute directories of `dirs`; a name with '/' must be
 * absolute and is only checked. ERR_NOT_FOUND says where was looked, ERR_PERMISSION that it is not
 * executable. */
int child_find_program(const char *name, const char *dirs, char out[PATH_MAX], struct err *err);

/* Sends sig to the process group that child `pid` leads. 0 also when nobody is left; otherwise ERR_. */
int child_kill_group(pid_t pid, int sig, struct err *err);

/* What a wait status means: "exited with status 3", "killed by SIGKILL", "killed by SIGSYS (a system call its
 * sandbox forbids)". Returns `out`. */
const char *child_status_text(int wait_status, char out[CHILD_STATUS_TEXT_MAX]);

#endif
