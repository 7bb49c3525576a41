/*
 * Whose turn it is: which queue of due work gets the next free place. A queue is an account at a CA; what is
 * due there shares its limits and its outages. Pure: what is in flight and the time are arguments.
 *
 * Inside a queue what is urgent goes before what is routine, and what has been so longest goes first; the
 * store's indexes give that order (store_queue_due).
 */
#ifndef EVERCERT_POLICY_TURN_H
#define EVERCERT_POLICY_TURN_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct turn_queue {
    bool has_work;    /* something of it is due and not in flight */
    size_t in_flight; /* places that it holds */
    size_t max;       /* places that it may hold: outage_places and the operator's setting */
    uint64_t served;  /* number of the turn that was its last; 0: none yet */
};

/*
 * The index of the queue that gets the next of `places`, SIZE_MAX where nobody gets one. Of those that have
 * work and room: who holds the fewest places, of equals who was served longest ago, and of those the first.
 * However much one queue has to do, a quarter of all places (rounded down: of three or fewer none) stays free
 * for others, so that a CA that keeps its requests open for minutes holds up nobody who comes later. More in
 * flight than `places`, as after an operator's command or a smaller setting, is no error: nobody gets one
 * then.
 */
size_t turn_next(const struct turn_queue *queues, size_t n, size_t places);

/*
 * From when on a certificate is urgent: when half of the time between the date at which it was to be renewed
 * and its expiry has gone (rounded down; at expiry where it was to be renewed even later). A retry does not
 * change it: due_at is the renewal's, not the next attempt's. 0 (never) where either is not set: nothing
 * expires that is in use.
 */
struct wall turn_urgent_at(struct wall due_at, struct wall not_after);

#endif
