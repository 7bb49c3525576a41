/*
 * Queues of what is due to be issued: certificates that share the accounts they may be asked for at, in the
 * order in which those are tried, and whether that takes of an account's limit of orders. A queue's text is a
 * line for each account, "MARK ID", MARK QUEUE_ORDERS where the limit counts and QUEUE_RENEWS where not (a
 * renewal of the same names, an order that is resumed). "" is the queue of those whose authorities are not
 * known (yet): who is got from there finds out.
 */
#ifndef EVERCERT_PROCESSES_ENGINE_QUEUE_H
#define EVERCERT_PROCESSES_ENGINE_QUEUE_H

#include "processes/engine/engine.h"

#define QUEUE_ORDERS 'o'
#define QUEUE_RENEWS '-'

/* The queue of a certificate, from when on it is urgent, and when it is to be told that its end is near, as
 * its row is to have them: sets these three of `row`, the text in `a` or static. Nothing that is not due has
 * the first two. */
void queue_of(struct engine *e, const struct certificate *c, struct arena *a, struct certificate *row);

/* What may be begun in a queue just now. */
struct queue_state {
    bool open;                 /* something may */
    struct authority *account; /* at which; NULL: not known */
    bool takes;                /* it takes of that account's orders */
    struct wall until;         /* of one that is not open: when that is looked at again */
    const char *reason;        /* why it is not, a sentence; in the arena */
};

/* The first of its accounts that does not rest and has an order left. */
void queue_look(struct engine *e, struct str queue, struct arena *a, struct queue_state *out);

#endif
