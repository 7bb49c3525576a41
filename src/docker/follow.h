/*
 * One container engine, followed: Docker's Engine API (and podman's compatible one) over a Unix socket that
 * somebody else connects, or TCP with TLS. It lists containers (stopped ones too) and the services of a
 * swarm, asks for the details of each, follows the events from the moment of the list, and after a loss of
 * the connection begins anew: whatever was missed is found by the next list. Everything that comes is
 * bounded, and what is no sense is the engine's failure, never ours.
 */
#ifndef EVERCERT_DOCKER_FOLLOW_H
#define EVERCERT_DOCKER_FOLLOW_H

#include "base/err.h"
#include "base/str.h"
#include "containers/model.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DOCKER_ANSWER_MAX = 4 * 1024 * 1024, /* octets of one object: a container's details take 10 kB */
    DOCKER_LIST_MAX = 256 * 1024 * 1024, /* octets of a whole list, read object by object and never kept */
    DOCKER_EVENT_MAX = 256 * 1024,       /* octets of one event; it holds all labels of its container */
    DOCKER_INSPECTS = 16,                /* details asked for at the same time */
    DOCKER_CONNECT_S = 10,
    DOCKER_ANSWER_S = 30,      /* one answer but /events */
    DOCKER_PING_S = 20,        /* a silent event stream is looked after by a ping that often */
    DOCKER_RETRY_MIN_MS = 200, /* after a loss; doubled up to the ceiling */
    DOCKER_RETRY_MAX_MS = 15 * 1000,
    DOCKER_GATHER_MS = 100,       /* changes of one container within that are one question */
    DOCKER_OUTPUT_MAX = 8 * 1024, /* octets kept of what an exec prints */
};

struct docker;      /* one engine */
struct docker_call; /* one action that goes on */

struct docker_spec {
    const char *name, *socket; /* as of config/containers.h; copied */
    struct str ca, cert, key;  /* PEM, of tcp; copied, wiped at the end */
    bool insecure;
    bool services; /* of a swarm are wanted too, where it is a manager */
};

/* How it goes, for people. */
struct docker_state {
    bool connected, synced; /* synced: all that was listed has been told since it connected */
    const char *version;    /* "Docker 20.10.24, API 1.41", "" not known yet */
    size_t containers, services;
    const char *error; /* why it is not connected, or (where it is) what could not be read; "" */
};

/* Called from the loop, never from within a call of this file. May call docker_* but docker_free. */
struct docker_observer {
    /* Of a unix socket: a connected one is wanted; answered by docker_connected, once for each call. */
    void (*want_socket)(struct docker *d, void *arg);
    /* New, or changed; replaces the one with that id. It lives in `a`, which the receiver owns from now on.
     */
    void (*put)(struct docker *d, struct arena *a, const struct container *c, void *arg);
    void (*gone)(struct docker *d, const char *id, void *arg);
    /* A container ended by itself ("die" without a "kill" before it, as of `docker stop`): of those that keep
     * on doing so nothing is granted. */
    void (*died)(struct docker *d, const char *id, void *arg);
    /* After each change of state; of a loss too. After a loss everything told stays told: at the next
     * `synced` what is no longer listed has been reported as gone before it. */
    void (*state)(struct docker *d, const struct docker_state *s, void *arg);
};

/* ERR_INPUT for a socket that is none, ERR_TLS for PEM that is none. Starts at once. */
int docker_new(struct event_base *base, const struct docker_spec *spec,
    const struct docker_observer *observer, void *arg, struct docker **out, struct err *err);
/* Ends everything without a call; not from within a callback. NULL is fine. */
void docker_free(struct docker *d);
/* The descriptor becomes its own; or why there is none (fd -1). */
void docker_connected(struct docker *d, int fd, const struct err *why);
/* Everything is listed again (SIGHUP); nothing that is told is forgotten meanwhile. */
void docker_rescan(struct docker *d);

enum docker_verb { DOCKER_SIGNAL, DOCKER_RESTART, DOCKER_EXEC };

struct docker_action {
    enum docker_verb verb;
    const char *id; /* of a container, or with `service` of a service; checked to be an id or a name */
    bool service;   /* signal: its containers on this engine; restart: ForceUpdate; exec: refused */
    const char *signal;
    const char *const *argv; /* of exec; no shell */
    size_t argc;
    const char *user; /* of exec, "" */
    int64_t timeout_s;
};

/* `output`: what an exec printed (both streams, cut, cleaned for a terminal), "". `err` NULL where it went
 * well; ERR_FAILED for an exit status that is not 0, ERR_NOT_FOUND for a container that is gone, ERR_REFUSED
 * where the engine (or a proxy before it) forbids it, with what must be allowed. */
typedef void docker_done_fn(const char *output, const struct err *err, void *arg);
int docker_act(struct docker *d, const struct docker_action *action, docker_done_fn *fn, void *arg,
    struct docker_call **out, struct err *err);
/* It is not called any more; what was asked may happen all the same. */
void docker_cancel(struct docker_call *c);

#endif
