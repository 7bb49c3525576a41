/*
 * The watcher: it follows container engines, says what containers ask for, renders templates over what runs,
 * and does in containers what the parent wants done. It decides nothing and writes no file: claims go to the
 * parent, which judges them, and so do the texts of templates.
 *
 *   engines.c   the engines of the configuration, kept over reloads; sockets are the parent's to connect
 *   world.c     all containers; when a pass is due, and what it does
 *   claims.c    what each container says, read once, and all of it sent when any of it differs
 *   renders.c   templates, each with its own wait; certificates and settings that they see
 *   act.c       a signal, a restart, a command, for containers that are looked up by name
 *   try.c       a template that is rendered once
 *   settle.h    who keeps on dying claims nothing;  quiet.h  waiting for quiet;  set.h  containers by id
 */
#ifndef EVERCERT_PROCESSES_WATCHER_WATCHER_H
#define EVERCERT_PROCESSES_WATCHER_WATCHER_H

#include "base/arena.h"
#include "base/secret.h"
#include "base/time.h"
#include "config/containers.h"
#include "containers/claim.h"
#include "crypto/digest.h"
#include "docker/follow.h"
#include "lua/template.h"
#include "processes/process.h"
#include "processes/watcher/quiet.h"
#include "processes/watcher/set.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* The first pass waits for every engine's first answer, but not for ever: a large host takes seconds. */
    FIRST_ANSWERS_MS = 60 * 1000,
    SEND_AGAIN_MS = 1000,              /* the parent did not take what there was to say */
    SEND_QUEUE_MAX = 16 * 1024 * 1024, /* unsent octets beyond which nothing large is begun */
    TRIES_MAX = 64,                    /* templates that wait to be rendered once */
    ACT_TARGETS_MAX = 256,             /* containers that one action is for */
    ACTS_MAX = 4096,                   /* calls under way */
    MODEL_ROWS_MAX = 64 * 1024 * 1024, /* octets of certificates' rows: 100,000 of 500 octets */
    TRIM_AFTER = 200,                  /* containers that came or went, then memory is given back */
};

/* An engine of the configuration. */
struct engine {
    struct engine *next;
    struct watcher *watcher;
    struct docker *docker; /* NULL: its settings are no good */
    struct arena *arena;
    const char *name;
    unsigned char digest[SHA256_LEN]; /* of its settings, so that one that did not change is kept */
    int64_t since_ms;                 /* when it was begun */
    size_t wants;                     /* sockets that it waits for */
    bool answered;                    /* it was listed, or has failed, once */
    bool listed;                      /* ... was listed once */
    bool connected, synced;
    char error[ERR_TEXT_MAX]; /* as it was logged last */
};

/* A template of the configuration. */
struct render {
    struct render *next;
    struct watcher *watcher;
    struct arena *arena;
    const char *output, *source;
    struct str text;
    enum template_kind kind;
    struct err broken; /* of its settings */
    unsigned char digest[SHA256_LEN];
    int64_t wait_min_ms, wait_max_ms;
    struct quiet quiet;
    bool due;        /* to be rendered as soon as that is possible */
    bool under_way;  /* the parent has its text and has not answered */
    bool anew;       /* what is under way counts for nothing: it is to be handed in again */
    bool has_taken;  /* a text was taken: its digest */
    bool has_failed; /* the last one was not */
    unsigned char taken[SHA256_LEN], failed[SHA256_LEN], sent[SHA256_LEN];
    bool sent_error; /* what is under way is why there is no text */
    int64_t failed_ms;
    int64_t not_before_ms; /* one that takes long has to wait */
};

/* What watch_begin and the rest of the feed say, until watch_end. */
struct feed {
    struct arena *arena;
    unsigned readers;
    const char *const *labels;
    size_t label_n;
    int64_t wait_min_ms, wait_max_ms;
    const char *settings;
    struct feed_engine *engines;
    struct render *renders;
    size_t engine_n, render_n;
};

/* Rows of certificates. */
struct rows {
    struct arena *arena;
    const char **list;
    size_t n, cap, octets;
};

struct watcher {
    struct process process;
    const struct clock *clock;
    struct channel *parent;

    struct feed *draft, *feed; /* being told; in force (NULL at first) */
    struct engine *engines;
    int64_t fed_ms; /* when the first feed came */

    struct set set;
    struct quiet pass;
    bool begun;         /* there was a pass since the feed */
    bool says_changed;  /* what is said differs from what the parent was told of, whatever digests say */
    bool world_changed; /* something did, since the last pass */
    bool overfull;      /* there are more than CONTAINERS_MAX */
    bool sent_complete;
    size_t moved; /* containers that came or went since memory was given back */
    const struct container **sorted;
    bool is_sorted;

    struct render *renders;
    struct event *render_next; /* one a turn */
    struct rows *rows, *rows_draft;
    struct try *tries;
    struct act *acts;
    struct act_waiting *acts_waiting;
    size_t act_n;
};

/* --- engines.c --- */

/* A wait of the configuration, in milliseconds; `other` where nothing is said. */
int64_t feed_wait(int64_t ms, int64_t other);

void feed_begin(struct watcher *w, const struct msg_watch_begin *m);
void feed_engine(struct watcher *w, const struct msg_watch_engine *m);
/* The feed comes into force. */
void feed_end(struct watcher *w, bool rescan);
void feed_free(struct feed *f);
/* fd -1: why there is none. */
void engine_take_socket(struct watcher *w, const char *name, int fd, const struct err *why);
struct engine *engine_find(const struct watcher *w, const char *name);
/* Each has been listed; one has, or there are none. */
bool engines_listed(const struct watcher *w);
bool engines_one_listed(const struct watcher *w);
/* Milliseconds that it is waited still for engines that have not answered (listed: that were not listed). */
int64_t engines_wait(const struct watcher *w, bool listed);
void engines_end(struct watcher *w);

/* --- world.c --- */

void world_start(struct watcher *w);
void world_put(struct watcher *w, struct engine *e, struct arena *a, const struct container *c);
void world_gone(struct watcher *w, struct engine *e, const char *id);
void world_died(struct watcher *w, struct engine *e, const char *id);
/* All containers of an engine that is watched no more. */
void world_engine_gone(struct watcher *w, const struct engine *e);
/* A feed came into force: everything is looked at anew. */
void world_feed(struct watcher *w);
/* An engine was listed, or failed: it may be what everything waits for. */
void world_engine_answered(struct watcher *w);
/* All of them in container_order(), valid until the next change. */
const struct container *const *world_sorted(struct watcher *w, size_t *n);
void world_end(struct watcher *w);

/* --- claims.c --- */

/* Reads what was not read yet and sends everything where that differs from what was sent, or `anew`. Returns
 * the milliseconds until it is to be asked again, -1 for not before the next change. */
int64_t claims_pass(struct watcher *w, bool anew);
/* A container goes: whether the parent was told of something it said. */
bool claims_were_sent(const struct kept *k);

/* --- renders.c --- */

void renders_start(struct watcher *w);
void feed_template(struct watcher *w, const struct msg_watch_template *m);
/* The templates of the feed come into force. changed: settings that they see did. anew: all are handed in
 * again. */
void renders_feed(struct watcher *w, struct render *fresh, bool changed, bool anew);
/* Something that they see has changed. */
void renders_touch(struct watcher *w);
/* What is due is rendered in so many milliseconds at the latest, one a turn. */
void renders_schedule(struct watcher *w, int64_t ms);
/* What they wait for at the start may be there. */
void renders_release(struct watcher *w);
void model_begin(struct watcher *w);
void model_row(struct watcher *w, const struct msg_model_row *m);
void model_end(struct watcher *w);
/* What is rendered over; valid until the next change. */
struct template_model model_now(struct watcher *w);
void render_free(struct render *r);
void renders_end(struct watcher *w);

/* --- act.c --- */

/* At once, or where the engines have not answered yet, when they have. */
void act_begin(struct watcher *w, uint32_t id, const struct msg_act *m);
/* They have. */
void acts_go_on(struct watcher *w);
/* What it was asked is not answered by it any more; before docker_free. */
void acts_engine_gone(struct watcher *w, const struct engine *e);
/* Frees those that are over; not from within a callback of an engine. */
void acts_end(struct watcher *w);

/* --- try.c --- */

void try_begin(struct watcher *w, uint32_t id, const struct msg_template_try *m);
/* Carries out one, where what it waits for is there; false where there is none. */
bool tries_one(struct watcher *w);
void tries_end(struct watcher *w);

/* --- main.c --- */

/* To the parent; false, and logged, where it could not be sent. */
bool watcher_tell(struct watcher *w, enum msg_type t, uint32_t id, const void *msg);

#endif
