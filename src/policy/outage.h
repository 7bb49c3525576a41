/*
 * When a CA does not answer: the whole account rests, instead of each certificate failing by itself, and what
 * waits comes back slowly. Pure: time and chance are arguments; the caller keeps one `struct outage` for each
 * account, all zero at first.
 *
 * A failure is an answer that never came (no connection, no TLS, a timeout) or one that says nothing about
 * the request (5xx without a problem document, serverInternal, a rate limit of the whole account). Three in a
 * row, with no success between, begin a rest of a minute; each that follows one doubles it, up to an hour.
 * After a rest one request goes first; each success doubles the places, until there is no bound any more.
 */
#ifndef EVERCERT_POLICY_OUTAGE_H
#define EVERCERT_POLICY_OUTAGE_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OUTAGE_FAILURES = 3, /* in a row: one lost connection is no outage */
    OUTAGE_REST_MIN_S = 60,
    OUTAGE_REST_MAX_S = 3600,
};

struct outage {
    int64_t failures;  /* in a row */
    int64_t rests;     /* in a row */
    struct wall until; /* it rests; 0 or past: it does not */
    size_t places;     /* 0: no bound */
};

/* A request failed. retry_at: the CA's Retry-After, 0 without; a rest lasts until then at least, and a day at
 * most, whatever it says. Up to a fifth is added by chance. Failures of requests that were under way when the
 * rest began do not lengthen it. */
void outage_failed(struct outage *o, struct wall now, struct wall retry_at, uint64_t random);

/* A request was answered. */
void outage_answered(struct outage *o, struct wall now);

/* Whether nothing is to be begun there now. A rest that ends further ahead than any could (the clock was set
 * back) counts for nothing. */
bool outage_rests(const struct outage *o, struct wall now);

/* How many requests may be in flight there: `max` where all is well, 0 while it rests. */
size_t outage_places(const struct outage *o, struct wall now, size_t max);

#endif
