/*
 * Whether a container that is there may ask for certificates. One that keeps on dying may not: it would have
 * an order placed for it at each of its starts, and nobody would answer for the names.
 */
#ifndef EVERCERT_PROCESSES_WATCHER_SETTLE_H
#define EVERCERT_PROCESSES_WATCHER_SETTLE_H

#include "containers/model.h"

#include <stdbool.h>
#include <stdint.h>

enum { SETTLE_S = 30 }; /* Docker's own wait between restarts has grown to about that after eight of them */

/* What is remembered of a container for it. */
struct settle {
    bool known;       /* there was a container to look at */
    bool troubled;    /* it died or was restarted at trouble_ms, the last time */
    bool sent;        /* its claims are among those that the parent was told of */
    bool restarting;  /* its state */
    int64_t restarts; /* as the engine counts */
    int64_t trouble_ms;
};

/* A container as the engine tells it now. now_ms: monotonic; now_s: Unix time, for one that had been
 * restarted before it was seen here first. */
void settle_look(struct settle *s, const struct container *c, int64_t now_ms, int64_t now_s);
/* It ended by itself. */
void settle_died(struct settle *s, int64_t now_ms);

/* Whether it is there to be served: running, paused, or on the way from one start to the next. */
bool container_is_up(const struct container *c);

/* Whether what it claims counts. Where only time is missing, *wait_ms is how much of it, else -1. */
bool claimable(const struct settle *s, const struct container *c, int64_t now_ms, int64_t *wait_ms);

#endif
