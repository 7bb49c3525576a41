/* What the files of the control connections share: control.c (connections, sessions, the engine's answers),
 * control_commands.c (what is done here before the engine is asked), control_watch.c (commands about
 * containers, which the watcher answers) and import.c. */
#ifndef EVERCERT_PROCESSES_PARENT_CONTROL_PRIV_H
#define EVERCERT_PROCESSES_PARENT_CONTROL_PRIV_H

#include "processes/command.h"
#include "processes/parent/parent.h"

struct session {
    struct session *next;
    struct parent *p;
    uint32_t id;
    struct channel *channel;
    struct arena *arena; /* of the command below */
    uint32_t verb;
    struct msg_list names, options;
    const char *wish;
    struct import *import; /* of that command, from its begin */
    struct watch *watch;   /* of a command about containers */
    bool commanded;        /* the command came */
    bool waiting;          /* it is with the keeper */
    bool asked;            /* it is with the engine */
    bool over;
    bool repeated; /* the keeper went with the question, and another was asked */
};

/* States of a control connection: its command is awaited; it came; more follows, of an import. */
enum { CONTROL_NEW = 1, CONTROL_COMMANDED = 2, CONTROL_IMPORTS = 4 };

/* NULL where its client has gone. */
struct session *control_session(struct parent *p, uint32_t id);
/* The command is over. */
void control_end(struct session *s, uint32_t status, const struct err *err);
/* The same, with this error. */
void control_fail(struct session *s, const struct err *err);
/* The value of an option of the command, NULL without. */
const char *control_option(const struct session *s, const char *word);
/* Whether the name it is about is that of a configured certificate. */
bool control_is_configured(const struct session *s);

/* Whether there is a command of that number. */
bool control_knows(uint32_t verb);
/* Begins the command: what needs the operator's own word first (a permit, a ticket, files), then the engine.
 */
void control_command(struct session *s);
/* Has the certificate it is about forgotten. */
void control_forget(struct session *s);

/* A session that waits for an answer, to be found again by its number: the client may be gone by the time it
 * comes. pending_end gives NULL then, and frees `q`. */
struct pending;
struct pending *pending_new(const struct session *s);
struct session *pending_end(struct pending *q);

/* control_watch.c: commands that wait for the engines of containers to have been listed. */
void watch_containers(struct session *s);
void watch_template(struct session *s);
void watch_free(struct session *s);

/* import.c: what another client had. */
channel_handler_fn import_on_account, import_on_certificate, import_on_end;
/* Reads the configuration anew and announces its authorities; ERR_CONFIG. */
int import_begin(struct session *s, struct err *err);
/* The client may send the pieces: those that need the engine have it. */
int import_go(struct session *s, struct err *err);
/* Whether it only looks, which needs no engine. */
bool import_is_look(const struct session *s);
/* The engine is through with it: *status counts what failed before it got there, and a daemon reads the
 * configuration that was made for it. */
void import_finish(struct session *s, uint32_t *status);
void import_free(struct session *s);

#endif
