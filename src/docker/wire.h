/*
 * HTTP with one engine, on libcurl: requests that wait for a connection, run and end. Over a Unix socket the
 * connections are opened by somebody else: one is wanted, and comes by wire_connected. Connections are kept
 * for the next request, WIRE_CONNECTIONS_MAX in all.
 */
#ifndef EVERCERT_DOCKER_WIRE_H
#define EVERCERT_DOCKER_WIRE_H

#include "base/err.h"
#include "base/str.h"
#include "docker/follow.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_CONNECTIONS_MAX = DOCKER_INSPECTS + 2, /* the events, and one for everything else */
    WIRE_ACTIONS_MAX = 8,       /* actions at the same time: an exec has its connection as long as it runs */
    WIRE_HEAD_MAX = 64 * 1024,  /* octets of the head of an answer; engines send 300 */
    WIRE_ERROR_MAX = 16 * 1024, /* octets kept of an answer that is no success */
};

struct wire;
struct wire_request;

/* What is asked first when connections are few. */
enum wire_class { WIRE_FOLLOW, WIRE_DETAIL, WIRE_ACTION, WIRE_CLASSES };

struct wire_ask {
    enum wire_class class;
    bool post;
    const char *path;  /* with its query, "/v1.41/containers/json?all=1" */
    struct str body;   /* JSON of a post; may be empty */
    size_t answer_max; /* octets; of a stream any number */
    int64_t limit_ms;  /* from the first octet sent to the last received; 0: no limit */
    /* Of an answer with status 200: gets what comes instead of its being kept. Called from within libcurl, so
     * it may only note what it finds: no function of this file. A negative return ends the request. */
    int (*data)(struct str octets, void *arg, struct err *err);
    /* The head of an answer with status 200 is there; from within libcurl too. May be NULL. */
    void (*begun)(void *arg);
};

struct wire_answer {
    unsigned status;
    struct str body;
    int64_t date_s; /* of the engine's clock; 0 where it does not say */
};

/* The end of a request: an answer with any status, or NULL and the error, whose text begins with the method
 * and the path. From the loop; may call everything here but wire_free. */
typedef void wire_done_fn(const struct wire_answer *answer, const struct err *err, void *arg);

/* `want_socket` is called from the loop; each call is answered by wire_connected. ERR_INPUT, ERR_TLS,
 * ERR_MEMORY. */
int wire_new(struct event_base *base, const struct docker_spec *spec, void (*want_socket)(void *arg),
    void *arg, struct wire **out, struct err *err);
/* Ends all requests without a call. NULL is fine. */
void wire_free(struct wire *w);
/* Owns the descriptor; -1: every request that waits ends with `why`. */
void wire_connected(struct wire *w, int fd, const struct err *why);
/* Connections that nobody uses are given up: after a loss they may be dead without a sign of it. */
void wire_forget_connections(struct wire *w);

/* Starts when a connection is there, and never calls back from within. What `ask` points to is copied. */
struct wire_request *wire_ask(struct wire *w, const struct wire_ask *ask, wire_done_fn *done, void *arg);
/* It is not called any more. NULL is fine. */
void wire_cancel(struct wire_request *r);
/* "GET /containers/ID/json", for people; without query and version. Static storage until the next call. */
const char *wire_shown(const struct wire_request *r);

#endif
