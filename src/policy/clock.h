/*
 * Clocks that jump: when a clock was set, and which dates are nonsense after it. Pure: the clocks and chance
 * are arguments.
 *
 * Dates are stored by the wall clock, for they outlive the machine's run. A clock that was far ahead for a
 * while leaves dates behind that nothing reaches when it is right again: what they hold back is due by the
 * rule then.
 */
#ifndef EVERCERT_POLICY_CLOCK_H
#define EVERCERT_POLICY_CLOCK_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CLOCK_JUMP_MIN_S = 60, /* less is a clock that is kept right, or one that drifts */
    /* The longest that something waits for a rate limit: twice the longest period of one that is published (a
     * week), and some chance. */
    CLOCK_WAIT_MAX_S = 15 * 86400
};

/* Whether a clock can be right: not where it says that this program does not exist yet, as the clock of a
 * machine does that forgot it without power. */
bool clock_is_plausible(struct wall now);

/* What the clocks say at one time. */
struct clock_reading {
    struct wall wall;
    int64_t boot_s; /* goes on while the machine sleeps */
    struct mono mono;
};

/* What happened to them in between; 0: nothing to speak of. */
struct clock_jump {
    int64_t set_s;   /* the wall clock was set by so much, forward or (below 0) back */
    int64_t slept_s; /* the machine slept */
};

struct clock_jump clock_compare(const struct clock_reading *was, const struct clock_reading *is);

/* What decides when a certificate is due. */
struct clock_due {
    int64_t generation; /* 0: there is none yet */
    int64_t failures;
    struct wall due_at;     /* as it is stored */
    struct wall wait_until; /* a rate limit holds it back, 0: none does */
    struct wall renewed_at;
    struct wall not_after;
    struct wall renewal; /* what the rule for renewals says now (policy/renewal_info.h) */
    int64_t retry_s;     /* the operator's, 0: the rule */
    int64_t lifetime_s;  /* of the certificate, 0: unknown */
    struct wall now;
    uint64_t random;
};

/*
 * When it is due. That is due_at unless no rule could have given it now:
 * - never issued and never tried: it is due now, always;
 * - held back by a rate limit for more than CLOCK_WAIT_MAX_S, or after a failure for more than a day (or the
 *   operator's retry) and a fifth: as after a failure just now, but not before the renewal's date where there
 * is a certificate;
 * - a renewal behind the certificate's end, or counted from a last renewal that has not been yet: the rule's
 * date. A date that is 0 stays 0.
 */
struct wall clock_due_at(const struct clock_due *d);

#endif
