/* What is known of one engine's containers and services between the answers: by their ids, whether they were
 * told, and what is still to be asked. */
#ifndef EVERCERT_DOCKER_KNOWN_H
#define EVERCERT_DOCKER_KNOWN_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_request;

enum known_state { KNOWN_IDLE, KNOWN_QUEUED, KNOWN_ASKED };

struct known {
    struct known *chain;      /* of its slot in the table */
    struct known *next;       /* in the queue, where it is KNOWN_QUEUED */
    struct known *next_dirty; /* of those that changed, where `dirty` */
    struct wire_request *request;
    void *owner;
    enum known_state state;
    bool service;
    bool told;           /* put was called, and gone was not */
    bool dirty;          /* changed, and asked about when changes are gathered */
    bool owed;           /* of the list that goes on: it is not complete without this one */
    unsigned char fails; /* answers in a row that could not be used */
    bool ended;          /* somebody has it killed: its next death is not its own doing */
    unsigned deaths;     /* not told yet */
    uint32_t listing;    /* the last list it was in */
    char id[];
};

struct known_table {
    struct known **slots;
    size_t slot_n, n;
    size_t told_containers, told_services;
};

void known_open(struct known_table *t);
void known_close(struct known_table *t);
/* NULL where there is none. */
struct known *known_find(const struct known_table *t, const char *id);
/* Found, or made with `service`. */
struct known *known_get(struct known_table *t, const char *id, bool service);
/* Frees it; it must be in no queue. */
void known_drop(struct known_table *t, struct known *k);
void known_set_told(struct known_table *t, struct known *k, bool told);
/* All of them, in no order: the one behind `k`, the first for NULL. `k` may be dropped once its successor is
 * known. */
struct known *known_next(const struct known_table *t, const struct known *k);

#endif
