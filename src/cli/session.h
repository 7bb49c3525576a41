/* One command from beginning to end: reach a parent, ask, show what comes, and know the exit status. */
#ifndef EVERCERT_CLI_SESSION_H
#define EVERCERT_CLI_SESSION_H

#include "base/arena.h"
#include "cli/globals.h"
#include "cli/sink.h"
#include "ipc/messages.h"
#include "processes/command.h"

#include <stdbool.h>

/* Exit statuses of a command that was interrupted: 128 and the signal's number, as shells count. */
enum { EXIT_INTERRUPTED = 130, EXIT_TERMINATED = 143 };

/* What follows an `import`, piece by piece. `next` gives one, which lives until the next call; false behind
 * the last. */
struct session_pieces {
    bool (*next)(struct session_pieces *p, enum msg_type *type, const void **msg);
    size_t answered; /* counted by the session */
};

struct session_request {
    enum command_verb verb;
    struct msg_list names;         /* the certificates it is about */
    struct msg_list options;       /* "word=value" */
    bool dry_run;                  /* always a parent of its own, told so */
    bool acts;                     /* changes something: a daemon goes on with it when we leave */
    struct sink *sink;             /* gets the rows */
    struct session_pieces *pieces; /* of an import; NULL: of another command */
};

/* Runs it and says every error. Returns the exit status. */
int session_run(const struct globals *g, const struct session_request *q, struct arena *a);

#endif
