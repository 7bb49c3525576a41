/* Reaching a parent: the daemon's over its control socket, or one that is started for this command. */
#ifndef EVERCERT_CLI_CONNECT_H
#define EVERCERT_CLI_CONNECT_H

#include "base/arena.h"
#include "base/err.h"
#include "cli/globals.h"

#include <stdbool.h>
#include <sys/types.h>

/* Where the program `name` of this installation is ("parent"); in `a`. */
const char *connect_program(const char *name, struct arena *a);

/* Connects to the daemon's control socket. ERR_NOT_FOUND: no daemon; other errors say what to do. */
int connect_daemon(const struct globals *g, int *out, struct err *err);

/* Starts a parent for one command. The socket to it goes to *out, its process (for the caller to wait for) to
 * *pid. It shares our standard error and nothing else. */
int connect_start(
    const struct globals *g, bool dry_run, struct arena *a, int *out, pid_t *pid, struct err *err);

/* Becomes the daemon: the same process, so that a service manager's main process is the parent. Returns only
 * on failure. */
int connect_become_daemon(const struct globals *g, struct arena *a, struct err *err);

#endif
