/*
 * When a CA does not answer: the whole account rests, instead of each certificate failing by itself, and what
 * waits comes back slowly. Pure: time and chance are arguments; the caller keeps one `struct outage` for each
 * account, all zero at first.
 *
 * What is counted are attempts, not single requests: a CA whose directory and nonces are served while its
 * orders fail is out of order all the same. An attempt has failed by the CA where an answer never came (no
 * connection, no TLS, a timeout), or one that says nothing about what was asked for (5xx without a problem
 * document, serverInternal, a rate limit of the whole account). It was answered where the certificate was got
 * and where it was refused for any other reason. What failed before the CA was asked is neither.
 *
 * Three failures in a row begin a rest of a minute. After a rest one attempt goes first: its failure begins
 * the next rest, twice as long, up to an hour; an answer lets two go, and each that follows doubles them,
 * until there is no bound any more. Only then is a rest a minute again, so that a CA that answers now and
 * then is left alone for longer each time, too.
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
    OUTAGE_TOLD_MAX_S = 86400, /* the most that a CA's own Retry-After has it rest */
    OUTAGE_PLACES_MAX = 1024   /* as many as anybody may have in flight: no bound from here on */
};

struct outage {
    int64_t failures;  /* in a row */
    struct wall since; /* the first of them; 0: none */
    int64_t rests;     /* since all was well */
    struct wall from;  /* the last rest began */
    struct wall until; /* and ends; 0 or past: it does not rest */
    struct wall
        told;      /* the CA's Retry-After, as far as it is obeyed: no answer ends the rest before; 0: none */
    size_t places; /* after a rest; 0: no bound */
};

/* An attempt failed by the CA. retry_at: its Retry-After, 0 without; a rest lasts until then at least, and a
 * day at most, whatever it says. Up to a fifth is added by chance. Failures of what was under way when the
 * rest began do not lengthen it, but for a Retry-After that is later. */
void outage_failed(struct outage *o, struct wall now, struct wall retry_at, uint64_t random);

/* An attempt was answered. A rest ends with it (somebody insisted, and the CA is back), unless the CA itself
 * said until when. */
void outage_answered(struct outage *o, struct wall now);

/* Whether nothing is to be begun there now. A rest that began in the future (the clock was set back) counts
 * for nothing; the attempt that then goes first says what is true. */
bool outage_rests(const struct outage *o, struct wall now);

/* How many attempts may be in flight there: `max` where all is well, 0 while it rests, 1 after that. */
size_t outage_places(const struct outage *o, struct wall now, size_t max);

#endif
