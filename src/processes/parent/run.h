/*
 * One program that the parent runs: no shell, standard input from /dev/null or as said, the working
 * directory "/", a process group of its own, what it prints kept up to a bound and read without starving
 * anybody else, and a time limit: SIGTERM to the whole group, five seconds later SIGKILL.
 */
#ifndef EVERCERT_PROCESSES_PARENT_RUN_H
#define EVERCERT_PROCESSES_PARENT_RUN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct parent;
struct run;

/* How it ended: a wait status, and whether the time limit ended it. The run is gone when this is called. */
typedef void run_fn(int wait_status, bool timed_out, void *arg);

struct run_spec {
    const char *path;                /* absolute */
    char *const *argv, *const *envp; /* NULL-terminated; used during run_start only */
    char *const *script_argv;        /* of child_spec */
    bool set_user;                   /* become uid:gid with these groups; needs root */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t groups_n;
    int input; /* descriptor that becomes standard input, the caller's still; 0: /dev/null */
    int64_t timeout_s;
    /* The caller's, for as long as it runs; what does not fit is read and dropped. `own_stdout` and `third`
     * may be NULL: where they are not, standard output and descriptor 3 go there, each by a pipe of its own.
     */
    struct buf *output, *own_stdout, *third;
    run_fn *over;
    void *arg;
};

/* Starts it; the errors are those of child_spawn, and `over` is not called then. */
int run_start(struct parent *p, const struct run_spec *spec, struct err *err);

/* A child ended; calls its `over`. False when `pid` is none of these programs. */
bool runs_reaped(struct parent *p, pid_t pid, int wait_status);
/* Signals each of them with its process group. */
void runs_kill(struct parent *p, int sig);
bool runs_any(const struct parent *p);

#endif
