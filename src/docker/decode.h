/*
 * What an engine answers, as what we know. Pure. Whatever is absent, null or of another type is empty; texts
 * are cleaned and bounded as containers/model.h says, and only an answer without a usable id is an error.
 */
#ifndef EVERCERT_DOCKER_DECODE_H
#define EVERCERT_DOCKER_DECODE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "containers/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DOCKER_ID_MAX = 128,         /* octets of an id; Docker's have 64, a swarm's 25 */
    DOCKER_VERSION_TEXT_MAX = 96 /* of docker_version.text */
};

/* Whether it may stand in a path of the API: letters, digits, "_", "." and "-", the first one a letter or a
 * digit, `max` octets at most. */
bool docker_id_fits(struct str id, size_t max);

/* The id of an element of a list (of containers, services or networks). ERR_INPUT, ERR_LIMIT. */
int decode_listed(struct str json, char id[DOCKER_ID_MAX + 1], struct err *err);
/* GET /networks/ID: its name, in `a`. ERR_INPUT, ERR_LIMIT. */
int decode_network(struct str json, struct arena *a, const char **name, struct err *err);

/* GET /containers/ID/json. `out` lives in `a`. */
int decode_container(
    struct str json, const char *engine, struct arena *a, struct container *out, struct err *err);
/* GET /services/ID. `networks`: names (value) by id (name), by strcmp. *unknown: the first id of a network
 * that is not among them, and stands for its own name; NULL. */
int decode_service(struct str json, const char *engine, const struct pair *networks, size_t network_n,
    struct arena *a, struct container *out, const char **unknown, struct err *err);

struct docker_event {
    bool matters; /* something of the container or service may be another now */
    bool service, died;
    bool ended; /* somebody had it killed: that it dies next says nothing of it */
    char id[DOCKER_ID_MAX + 1];
    int64_t nano; /* when, by the engine's clock; 0 not said */
};

/* One object of GET /events. ERR_INPUT where it is no JSON; an event that says nothing does not matter. */
int decode_event(struct str json, struct docker_event *out, struct err *err);

struct docker_version {
    unsigned minor; /* of the version of the API that is spoken: 1.MINOR */
    bool podman;
    char text[DOCKER_VERSION_TEXT_MAX]; /* "Docker 20.10.24, API 1.41" */
};

/* GET /version, and the version of the API that both know. ERR_INPUT where it is none, ERR_REFUSED where
 * there is no such version. */
int decode_version(struct str json, struct docker_version *out, struct err *err);

#endif
