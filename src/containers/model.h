/*
 * Containers, and services of a swarm, as an engine describes them. Data from strangers: every text is UTF-8
 * without control characters but line breaks and tabs, cut at CONTAINER_TEXT_MAX, and is never run, never a
 * path, never a format.
 */
#ifndef EVERCERT_CONTAINERS_MODEL_H
#define EVERCERT_CONTAINERS_MODEL_H

#include "base/arena.h"
#include "base/str.h"
#include "config/deploy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONTAINERS_MAX = 20 * 1000, /* of all engines; the largest hosts run a few thousand */
    CONTAINER_TEXT_MAX =
        16 * 1024,             /* octets of a label or a variable; what is longer is left out, and said */
    CONTAINER_PAIRS_MAX = 512, /* labels, and variables, of one container */
    CONTAINER_ITEMS_MAX = 256, /* networks, ports and mounts of one */
    CONTAINER_NAME_MAX = 255,  /* octets of its name, and of the names of networks, projects, images */
};

struct container_network {
    const char *name, *ip, *ip6, *gateway; /* "" where it has none (yet) */
    const char *const *aliases;
    size_t alias_n;
};

struct container_port {
    unsigned port;
    const char *protocol;     /* "tcp", "udp", "sctp" */
    const char *host_address; /* "" where it is not published */
    unsigned host_port;       /* 0 where it is not published */
};

struct container_mount {
    const char *type, *source, *destination; /* "bind", "volume", "tmpfs" */
    const char *name;                        /* of a volume, "" */
    bool writable;
};

/* No text is NULL; lists are in the order of the engine but where it is said. */
struct container {
    const char *engine; /* entry of `docker:` it was found by */
    bool service;       /* of a swarm: no addresses, ports or state of its own */
    const char *id;   /* as the engine gives it: lower-case hexadecimal, or letters and digits of a service */
    const char *name; /* without a slash */
    const char *image, *hostname;
    const char *project, *service_name; /* of compose, or the stack and service of a swarm; "" */
    const char *state;  /* created running paused restarting exited removing dead; of a service "running" */
    const char *health; /* "" (no check) starting healthy unhealthy */
    const char *network_mode; /* "host", "bridge", ... */
    int64_t created_s, started_s;
    int64_t restarts;          /* that the engine counted */
    const struct pair *labels; /* by name (strcmp) */
    size_t label_n;
    const struct pair *env; /* by name; the last one of a name counts; none of a service's tasks */
    size_t env_n;
    const struct container_network *networks; /* by name */
    size_t network_n;
    const struct container_port *ports;
    size_t port_n;
    const struct container_mount *mounts;
    size_t mount_n;
    size_t left_out; /* labels and variables that were too long or too many */
};

/* The value of a label (NULL where it has none), in O(log n). */
const char *container_label(const struct container *c, const char *name);
/* The same of a variable. */
const char *container_env(const struct container *c, const char *name);
/* "web-1 (project shop)", "service web", for people; in `a`. */
const char *container_title(const struct container *c, struct arena *a);

#endif
