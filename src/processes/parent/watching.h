/* What the files of the watcher's side share: watcher.c (when there is one, what it is fed, the engines'
 * sockets), watching.c (what is known of the engines) and watcher_model.c (certificates for templates). */
#ifndef EVERCERT_PROCESSES_PARENT_WATCHING_H
#define EVERCERT_PROCESSES_PARENT_WATCHING_H

#include "base/time.h"
#include "processes/parent/parent.h"

/* An engine of the configuration. */
struct watched {
    struct watched *next;
    char *name, *version;
    char *error; /* why it is not connected, of the watcher's */
    char *unfit; /* why the watcher was not told of it, or could not be given a socket: ours; "" */
    bool connected, synced;
    uint32_t containers, services;
    struct wall since; /* connected or not */
};

struct watching {
    struct watched *engines; /* in the configuration's order */
    bool complete;           /* all engines have been listed once: what they have is known */
    /* The engine's rows of `list`, on their way to the watcher. */
    uint32_t list_session; /* 0: none */
    unsigned list_engine;  /* the engine's and the watcher's life that it is for */
    unsigned list_watcher;
    int64_t list_from_ms; /* when it was asked for */
    int64_t list_next_ms; /* when it may be asked for again */
    bool list_again;      /* it was no longer true before it was over */
    bool list_failed;     /* not all of it could be handed on */
    bool model_told;      /* the watcher has what was asked for last */
    struct event *gather; /* changes that come close together are one question */
};

/* Made where there is none. */
struct watching *watching_of(struct parent *p);
/* The engines of the configuration, those that went forgotten. */
void watching_engines(struct parent *p);
/* NULL where the configuration has none of that name. */
struct watched *watching_find(const struct parent *p, const char *name);
/* Why an engine cannot be watched, said once in the log; NULL: nothing stands in the way. */
void watching_unfit(struct parent *p, struct watched *e, const struct err *why);
/* The watcher went: nothing is connected. */
void watching_lost(struct parent *p);

/* watcher_handlers.c */
channel_handler_fn watcher_on_engine_want, watcher_on_engine_state, watcher_on_claims_begin, watcher_on_claim,
    watcher_on_consumer, watcher_on_claim_problem, watcher_on_claims_end, watcher_on_template_output,
    watcher_on_world_changed;

#endif
