/*
 * What keeper, engine and responder have in common: how the parent starts them and how they confine
 * themselves.
 *
 * A child finds the channel to the parent on descriptor 3, the state directory on descriptor 4 and, where the
 * log goes there (--log-format=journal), a socket that is connected to journald on descriptor 5. It opens
 * what it needs with the rights it was started with, then calls process_confine(): from there on it is the
 * user it should be and inside its sandbox. It ends when the parent's channel ends.
 */
#ifndef EVERCERT_PROCESSES_PROCESS_H
#define EVERCERT_PROCESSES_PROCESS_H

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "ipc/channel.h"
#include "os/sandbox.h"

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

enum { PROCESS_PARENT_FD = 3, PROCESS_STATE_FD = 4, PROCESS_LOG_FD = 5 };

/* What a child becomes; chosen by the parent, handed over as --identity=. */
enum process_identity {
    IDENTITY_SAME,      /* not root, or no such user: stay who we are */
    IDENTITY_POWERLESS, /* root without users of its own: stay uid 0 and drop every capability */
    IDENTITY_USER,      /* become uid:gid */
};

struct process {
    const char *name;
    struct event_base *base;
    bool sandbox_log; /* --sandbox=log: report instead of refuse */
    bool new_state;   /* --new-state: the state directory was empty when the parent took it */
    bool tls_alpn;    /* --tls-alpn, of the responder: it is to answer tls-alpn-01 too */
    enum process_identity identity;
    uid_t uid;
    gid_t gid;
    const char *probe; /* --probe=: try something forbidden once confined, and exit; NULL */
};

/* Reads the arguments, sets up the log and the event base; exits with status 2 on arguments the parent would
 * never give. */
void process_init(struct process *p, const char *name, int argc, char **argv);

/* The same for the arguments alone: for one that only prints something and has no parent's channel. */
void process_arguments(struct process *p, const char *name, int argc, char **argv);

/* What libcurl and a resolver read of the system, and nothing that is ours: for the sandbox of a process that
 * asks others. Returns how many. */
enum { PROCESS_NETWORK_PATHS_MAX = 20 };
size_t process_network_paths(struct sandbox_path out[PROCESS_NETWORK_PATHS_MAX]);

/* The user the process will be; -1 (which fchown leaves alone) where it stays who it is. */
uid_t process_uid(const struct process *p);
/* Gives a file or directory to that user. Before process_become(). */
int process_own(const struct process *p, int fd, struct err *err);

/* Becomes the user. After it only what that user may open can be opened. */
int process_become(const struct process *p, struct err *err);
/* Enters the sandbox, logs what is in force, and carries out --probe. */
int process_confine(struct process *p, struct sandbox *sandbox, struct err *err);

/* What can't start tells the parent why, so that the operator hears it once and in the right place. Returns
 * when the parent has taken note or is gone: the exit status. */
int process_unable(struct process *p, const struct err *why);

/* Runs the loop until process_stop; each turn ends with a call of `turn` (may be NULL). */
void process_run(struct process *p, void (*turn)(void *arg), void *arg);
void process_stop(struct process *p);

/* A rule for each process's table of what the parent says: whether its loop still turns. */
channel_handler_fn process_on_ping;
#define PROCESS_PING_RULE                            \
    {                                                \
        MSG_ping, CHANNEL_STATE_ANY, process_on_ping \
    }

/* The closed callback for the parent's channel: the parent is gone, so is our purpose. `arg` of the channel
 * is ignored. */
void process_parent_gone(struct channel *c, const struct err *why, void *arg);

#endif
