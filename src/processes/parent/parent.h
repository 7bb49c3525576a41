/*
 * The parent: reads the configuration, starts the other processes and joins them with socketpairs, keeps
 * listening sockets, answers control connections, runs hooks and writes challenge files. It has the rights it
 * was started with, so it is kept small: no cryptography, no HTTP, no database, and it takes nobody's word
 * but the operator's: what a hook runs or where a file goes comes from permits that the keeper opens.
 */
#ifndef EVERCERT_PROCESSES_PARENT_PARENT_H
#define EVERCERT_PROCESSES_PARENT_PARENT_H

#include "acme/challenge.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/time.h"
#include "config/settings.h"
#include "containers/claim.h"
#include "ipc/channel.h"
#include "processes/parent/declared.h"

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

/* The other processes: id, name (also of the executable and of the user setting). */
#define MEMBERS(X)                   \
    X(MEMBER_KEEPER, "keeper")       \
    X(MEMBER_ENGINE, "engine")       \
    X(MEMBER_RESPONDER, "responder") \
    X(MEMBER_SOLVER, "solver")       \
    X(MEMBER_WATCHER, "watcher")

enum member_id {
#define MEMBER_ENUM(id, text) id,
    MEMBERS(MEMBER_ENUM)
#undef MEMBER_ENUM
        MEMBER_END_
};

struct parent;

struct member {
    struct parent *parent;
    enum member_id id;
    bool wanted;
    pid_t pid;
    struct channel *channel;
    struct event *restart; /* timer of the next start after a death */
    bool damaged;          /* the store is, it said */
    bool unable;           /* it said why it cannot start; its death is no news */
    bool replaced;         /* ended by us to be started anew at once; neither is this */
    unsigned deaths;       /* in a row, without a minute of life between */
    unsigned silent;       /* pings in a row that it has not answered */
    bool answered;         /* it has answered one */
    int64_t started_ms;
};

struct listener {
    struct listener *next;
    char *address;
    enum acme_challenge challenge;
    int fd;
};

/* A socket of the built-in DNS answerer, for the solver. */
struct dns_socket {
    struct dns_socket *next;
    char *address;
    bool udp;
    int fd;
};

struct options {
    const char *config, *state;
    bool config_optional, daemon, sandbox_log, dry_run;
    enum log_level level;
    const char *log_format; /* NULL: as the configuration says */
};

struct alerting;
struct session;
struct feed;
struct hook;
struct challenge;
struct run;

struct parent {
    struct options options;
    struct event_base *base;
    int state, lock; /* descriptors */
    bool new_state;
    struct arena *arena;       /* of settings */
    struct settings settings;  /* without certificates: */
    struct declared *declared; /* they are here */
    struct member members[MEMBER_END_];
    bool engine_ready;
    bool keeper_lived;    /* it has come up once */
    unsigned engine_life; /* which engine: what an earlier one asked for is not answered to the next */
    unsigned solver_life; /* and which solver */
    struct feed *feed;    /* the configuration's wishes on their way to the engine (wishes.c) */
    size_t feed_refused;  /* of them, those that the keeper would not permit; said in the log */
    unsigned feed_round;
    bool feed_done;
    struct err
        not_in_force; /* what is wrong with the configuration that the last reload found; code 0: nothing */
    struct wall not_in_force_since;
    struct listener *listeners;
    struct dns_socket *dns_sockets;
    uint32_t solver_asked; /* the engine's request that waits for the solver to be started again; 0: none */
    unsigned solver_asked_life;
    uint64_t
        providers_seen;     /* the operator's directory of providers, as it was when the solver was started */
    bool responder_has_tls; /* it was started to answer tls-alpn-01 too */
    bool listeners_lent[CHALLENGE_END_]; /* opened for a certificate that the configuration does not have */
    struct session *sessions;
    uint32_t last_session;
    int control;         /* listening socket, -1 for a one-shot */
    bool control_paused; /* there are no descriptors for connections */
    struct event *control_event, *control_again, *signals[5], *stop_timer;
    struct hook *hooks;           /* what was asked for, oldest first */
    struct challenge *challenges; /* programs for challenges that were asked for, oldest first */
    struct alerting *alertings;   /* messages that are being sent (alerts.c) */
    struct run *runs;             /* programs that run now (parent/run.h) */
    struct grants *grants;        /* what containers ask for (grants.c) */
    struct watching *watching;    /* what is known of the engines (watcher.c) */
    struct outputs *outputs;      /* files of templates under way (outputs.c) */
    struct consumers *consumers;  /* who was told of what is deployed (consumers.c) */
    unsigned watcher_life;        /* which watcher */
    int64_t started_ms;           /* of the monotonic clock */
    bool rebuild_asked;           /* the engine is making rows of what is live */
    struct event *pulse, *watchdog;
    int journal; /* socket of LOG_FORMAT_JOURNAL, else -1 */
    bool ready_told;
    bool finishing; /* asked to end: what is under way comes to its end first */
    bool stopping;  /* everything ends now */
    bool broken;    /* stopping because a process cannot live */
    int exit_status;
    struct err why;    /* of a process that cannot start */
    struct err damage; /* what the engine found wrong with its store */
};

/* stop.c: the end. */
/* Everything ends now: the other processes in good order, what runs is ended. */
void parent_stop(struct parent *p, int exit_status);
/* What SIGTERM asks for. A daemon begins nothing new and waits for what is under way, up to `stop-timeout`;
 * the second time, and of a command's parent the first, it ends at once. */
void parent_end(struct parent *p);
/* A process ended: where the last one has, so does this one. */
void parent_end_when_alone(struct parent *p);

/* pulse.c: do they live? */
/* Asks each process regularly; one that does not answer is ended and started again. Tells a service manager
 * that wants it (WATCHDOG_USEC) that the loop turns. */
void pulse_begin(struct parent *p);

/* main.c */
/* The configuration as it is now, whole; its errors go to standard error. */
int parent_load(struct parent *p, struct settings *out, struct arena *arena);
/* The configuration anew, as SIGHUP wants it; one that is not good leaves the old one in force (ERR_CONFIG;
 * its errors are in the log). */
int parent_reload(struct parent *p, struct err *why);

/* rebuild.c: a store that is damaged or gone. */
/* No store was made yet, or somebody took it away. */
bool parent_state_is_new(const struct parent *p);
/* Before an engine starts: where there is no store but there are certificates, its rows are made of these. */
int rebuild_prepare(struct parent *p, struct err *err);
/* The engine that met it has ended: the store is kept under another name, and the next engine makes a new
 * one. Says so in the log. ERR_DAMAGED where there are too many already. */
int rebuild_put_aside(struct parent *p, const char *why, struct err *err);
/* The store is not complete yet; the engine, which is ready, is asked to fill it, then wishes_feed. */
bool rebuild_is_due(const struct parent *p);
void rebuild_ask(struct parent *p);

/* alerts.c: the engine is told who is to be told; what it says is carried there. */
int alerts_feed(struct parent *p, struct err *err);
void alert_send(struct parent *p, uint32_t id, const struct msg_alert_send *m);

/* members.c: starting, joining, restarting, ending the other processes. */
void members_init(struct parent *p);
int member_start(struct parent *p, enum member_id id, struct err *err);
/* Ends it, so that it is started anew at once, for what it is started with has changed. */
void member_replace(struct parent *p, enum member_id id);
/* It is not needed any more: ends it, and no other is started. */
void member_dismiss(struct parent *p, enum member_id id);
/* The process ended. False when `pid` is none of them. */
bool members_reaped(struct parent *p, pid_t pid, int wait_status);
void members_stop(struct parent *p);
bool members_all_gone(const struct parent *p);
void members_kill(struct parent *p);
/* "keeper", ... Static storage. */
const char *member_name(enum member_id id);
struct channel *member_channel(const struct parent *p, enum member_id id);
/* The user that it becomes, or stays. */
uid_t member_uid(const struct parent *p, enum member_id id);
/* The directory of our other programs. Static storage. */
const char *member_libexec(void);

/* wishes.c: the configuration's authorities and certificates, made permits and handed to the engine. */
void wishes_feed(struct parent *p);
/* Ends what is under way; the configuration's certificates may go. */
void wishes_drop(struct parent *p);
/* Whether commands may be answered: the engine was told everything, or has what was there before a reload of
 * so many certificates that nobody would want to wait for it. */
bool wishes_are_fed(const struct parent *p);
/* By its name or URL, one authority's staging directory included (with that authority's trust); in `a`.
 * NULL: none. */
const struct authority *authority_named(struct parent *p, const char *name, struct arena *a);
int authority_announce_named(struct parent *p, const char *name, struct err *err);
int authority_announce(
    struct parent *p, const struct authority *a, const char *email, bool agree_tos, struct err *err);

/* listeners.c: sockets for the challenges that the responder answers. */
/* A daemon starts: opens what the configuration's certificates may need. A kind of challenge that cannot
 * listen is a warning, and an error where a certificate has no other. */
int listeners_start(struct parent *p, struct err *err);
/* The engine needs that kind: opens what is not open yet and sees that a responder has it. */
int listeners_need(struct parent *p, enum acme_challenge kind, struct err *err);
/* Whether there is a socket for that kind. */
bool listeners_have(const struct parent *p, enum acme_challenge kind);
/* Hand them to a responder that just started. */
void listeners_send(struct parent *p);
/* After a reload: what the configuration names and needs is open, and what was opened for other certificates;
 * the rest is closed. What cannot listen is logged. */
int listeners_reload(struct parent *p, struct err *err);

/* solver.c: the solver and what it is told of `dns:`. */
/* A daemon starts: whether a certificate of the configuration needs it, or the built-in answerer is there. */
bool solver_is_wanted(const struct parent *p);
/* The engine needs it (request `id`): sees that there is one, and answers when its channel is on the way. */
void solver_need(struct parent *p, uint32_t id);
/* It was started, and joined with the others. */
void solver_started(struct parent *p);
int solver_start(struct parent *p, struct err *err);
/* All of dns:, to a solver that just started, or again after a reload. */
void solver_feed(struct parent *p);
void solver_reload(struct parent *p);

/* control.c: the operator's commands. */
int control_listen(struct parent *p, struct err *err);
void control_adopt(struct parent *p, int fd);
/* Says to every client that evercert stops, and takes the socket away. */
void control_close(struct parent *p);
/* Lets go of the first session. */
void control_drop(struct parent *p);
/* Commands that waited for the engine. */
void control_go(struct parent *p);
/* The engine went: what it was asked is answered with a failure. */
void control_engine_gone(struct parent *p);
/* How many clients there are. */
size_t control_count(const struct parent *p);
void control_row(struct parent *p, const struct msg_row *m);
void control_rows(struct parent *p, const struct msg_rows *m);
/* The engine may send that session one more message of rows. */
void rows_taken(struct parent *p, uint32_t session);
void control_progress(struct parent *p, const struct msg_progress *m);
void control_finished(struct parent *p, const struct msg_finished *m);
/* Something that templates see, or what is known of engines, is no longer as it was: commands that wait for
 * it go on. */
void control_world_changed(struct parent *p);

/* Whether a command renders a template, so that the watcher needs certificates although no template is
 * configured. */
bool control_renders(const struct parent *p);

/* state.c: how it goes with everything, into the log (SIGUSR1). */
void state_log(struct parent *p);

/* watcher.c, watching.c, watcher_model.c: the watcher and what it is told: engines, templates, certificates.
 */
/* A daemon starts: whether there are engines to watch, or templates. */
bool watcher_is_wanted(const struct parent *p);
int watcher_start(struct parent *p, struct err *err);
/* All of docker: and templates:, to a watcher that just started, or after a reload; a rescan is what SIGHUP
 * wants. */
void watcher_feed(struct parent *p, bool rescan);
void watcher_reload(struct parent *p);
/* Connects to an engine of the configuration for it, and to nothing else. */
void watcher_socket(struct parent *p, const struct msg_engine_want *m);
void watcher_engine_state(struct parent *p, const struct msg_engine_state *m);
/* What `list` says is no longer as it was: where there are templates, the engine is asked for it and the
 * watcher told. */
void watcher_certificates_changed(struct parent *p);
/* A row of the engine's answer to that; false for another session's. */
bool watcher_rows(struct parent *p, const struct msg_rows *m);
bool watcher_finished(struct parent *p, const struct msg_finished *m);
/* A template is rendered for a command: the watcher gets what `list` says now. */
void watcher_want_model(struct parent *p);
/* Whether it has it. */
bool watcher_has_model(const struct parent *p);
/* The engines, each as a JSON row: {"kind": "engine", "engine", "connected", "synced", "version",
 * "containers", "services", "since", "error"}; of `evercert containers`. */
typedef void grants_row_fn(const char *json, void *arg);
void watching_rows(struct parent *p, grants_row_fn *fn, void *arg);
/* It went. */
void watcher_gone(struct parent *p);
/* All claims have been handed over. */
void watcher_claimed(struct parent *p, const struct msg_claims_end *m);

/* actions.c: telling somebody, by a container's engine (through the watcher) or a command of the host. */
/* `output`: what it printed, "". */
typedef void action_fn(const char *output, const struct err *err, void *arg);
/* The container that an action without one is for. */
struct action_target {
    const char *engine, *id, *container; /* container: its name, for people */
    bool service;
};
/* Carries out an action of the settings (one with `action` is followed to that entry); everything is copied,
 * so a reload may come in between. `fn` is always called, never from within. `in` may be NULL. */
void action_run(
    struct parent *p, const struct action *action, const struct action_target *in, action_fn *fn, void *arg);

/* outputs.c, outputs_tell.c: a template's text becomes a file, where it differs, once its check has passed;
 * then who is to know is told. `id` is the watcher's request to answer. */
void output_take(struct parent *p, uint32_t id, const struct msg_template_output *m);
/* At start: files that an earlier process had put in place and not yet checked are put back. */
void outputs_recover(struct parent *p);

/* grants.c: what containers ask for, judged, made permits and handed to the engine. */
void grants_begin(struct parent *p);
void grants_claim(struct parent *p, const struct msg_claim *m);
void grants_consumer(struct parent *p, const struct msg_consumer *m);
void grants_problem(struct parent *p, const struct msg_claim_problem *m);
void grants_end(struct parent *p, const struct msg_claims_end *m);
/* All of it anew: to a keeper or an engine that just started, and by a configuration that was loaded anew. */
void grants_feed(struct parent *p);
/* Whether containers were granted a certificate of that name that is for that host. */
bool grants_have(const struct parent *p, const char *name, struct str host);
/* What was claimed, used, granted and refused, as JSON rows: of `evercert containers`, and for the log
 * (SIGUSR1). */
void grants_rows(struct parent *p, grants_row_fn *fn, void *arg);

/* consumers.c: the engine has deployed these certificates: the containers that use them are told, each once;
 * `id` is the request to answer. */
void consumers_tell(struct parent *p, uint32_t id, const struct msg_consumers_tell *m);
/* The containers that use certificates, of the last grants_end. */
struct consumer_list {
    const struct consumer *list; /* containers/claim.h */
    size_t n;
};
struct consumer_list grants_consumers(const struct parent *p);
/* Now it has, or again: what waited for it goes on. */
void consumers_known(struct parent *p);

/* hooks.c: the engine asks for one step of a permit to be run for an event; `id` is the request to answer.
 * Those that are for the same certificate run one after the other. */
void hook_run(struct parent *p, uint32_t id, const struct msg_hook_run *m);
/* Those that wait are not run any more (evercert is about to end). */
void hooks_hold(struct parent *p);
/* Says in the log which run, and that they are cut off; when, in words. */
void hooks_cut(const struct parent *p, const char *when);
/* Those that run or wait for others. */
size_t hooks_count(const struct parent *p);

/* challenge.c: the solver asks for the program of an entry of dns: to be run; `id` is the request to answer
 * (challenge_ran). Those of the same entry run one after the other. A program of uacme's dialect that
 * declines a challenge is ERR_REFUSED, with a text that begins with "declined". */
void challenge_run(struct parent *p, uint32_t id, const struct msg_challenge_run *m);
/* Whether the program of that entry of dns: could be run; 0 for an entry that is none. */
int challenge_ready(struct parent *p, const char *entry, struct arena *a, struct err *err);

/* steps_check.c: answers with what of a permit could not be carried out. */
void steps_check(struct parent *p, uint32_t id, const struct msg_steps_check *m);

/* state_check.c: answers (as steps_check) with what is wrong with owners and modes in the state directory. */
void state_check(struct parent *p, uint32_t id);

/* copies.c: what is live, handed to others: copies and key-group. */
/* The engine asks for the copies of a permit (publish:) to be as they should be; `id` is the request to
 * answer. */
void copies_make(struct parent *p, uint32_t id, const struct msg_copies_make *m);

/* webroot.c: challenge files. */
void webroot_put(struct parent *p, uint32_t id, const struct msg_webroot_put *m);
void webroot_remove(struct parent *p, uint32_t id, const struct msg_webroot_remove *m);

/* permits.c: asks the keeper what a permit says, then calls `then` with the wish, or with an error. */
typedef void permit_fn(struct parent *p, const struct wish *wish, const struct err *err, void *arg);
void permit_consult(struct parent *p, struct str permit, permit_fn *then, void *arg);
/* Answers an engine's request with `done`; `life` is p->engine_life at the time it came. An engine that is
 * gone is not answered. */
void engine_done(struct parent *p, unsigned life, uint32_t id, const struct err *err);

#endif
