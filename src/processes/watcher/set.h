/* The containers that are known, by engine and id. */
#ifndef EVERCERT_PROCESSES_WATCHER_SET_H
#define EVERCERT_PROCESSES_WATCHER_SET_H

#include "containers/model.h"
#include "processes/watcher/settle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAYS_DIGEST = 16 }; /* octets; enough to tell that something changed */

/* A container, or a service. */
struct kept {
    struct kept *next; /* of its slot */
    size_t at;         /* its place in the list */
    const void *engine;
    struct container *container; /* in one piece (pack.h) */
    struct settle settle;
    /* What it says (claims.c): of its claims, and of being a consumer and of problems. */
    bool read; /* what follows is of this container as it is now */
    bool has_claims, has_rest, sent_rest;
    unsigned char claims[SAYS_DIGEST], rest[SAYS_DIGEST];
};

struct set {
    struct kept **list; /* in no order */
    size_t n, cap;
    struct kept **slots;
    size_t slot_n;
    uint64_t seed; /* ids are strangers' words: they cannot aim at one slot */
};

/* An empty one is all zero. */
struct kept *set_find(const struct set *s, const void *engine, const char *id);
/* The one with that engine and the container's id, made where there is none, with a copy of the container in
 * the place of the one that was there. *old: whether there was one. NULL where `max` are there. */
struct kept *set_put(struct set *s, const void *engine, const struct container *c, size_t max, bool *old);
/* Frees it. */
void set_remove(struct set *s, struct kept *k);
/* Frees everything. */
void set_clear(struct set *s);

/* By creation, then engine's name and id; for qsort over pointers to containers. */
int container_order(const void *a, const void *b);

#endif
