/* When a certificate is renewed and when a failed attempt is tried again. Pure: time and chance are
 * arguments. */
#ifndef EVERCERT_POLICY_SCHEDULE_H
#define EVERCERT_POLICY_SCHEDULE_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct schedule_renewal {
    struct wall not_before, not_after;
    int64_t renew_before_s; /* the operator's, 0: the rule */
    struct wall renewed_at; /* last successful renewal, 0: only issued so far */
    uint64_t random;        /* uniformly distributed; the same number gives the same answer */
};

/*
 * A third of the lifetime before expiry (half of it for lifetimes below ten days), or renew_before_s; pulled
 * earlier by chance, by up to a hundredth of the lifetime (for lifetimes below 1000 s: by up to a tenth, at
 * most 10 s) and never to before not_before, so that certificates issued together are not renewed together
 * and never on a common second. When the certificate has been renewed before, never sooner than a tenth of
 * the lifetime (at most a day) after that renewal: a renew-before that is longer than the lifetime must not
 * become a storm of orders; where this decides, chance pushes later instead. A not_after that
 * is not after not_before counts as a lifetime of 0, and the floor is then a day after the last renewal.
 * Negative renew_before_s counts as 0. Saturates.
 */
struct wall schedule_renewal_at(const struct schedule_renewal *r);

/* The parts of that rule, for what has a date of its own (policy/renewal_info.h): how long before expiry,
 * without chance; chance's part for this r->random; and `at` or, where it is too soon after the last renewal,
 * the time at which the brake lets go. */
int64_t schedule_reserve_s(const struct schedule_renewal *r);
int64_t schedule_spread_s(const struct schedule_renewal *r);
struct wall schedule_brake(const struct schedule_renewal *r, struct wall at);

/*
 * After the nth failure in a row (n >= 1; anything less counts as 1): 1 min, 10 min, 100 min, then daily, or
 * retry_s each time where the operator set it; up to a fifth is added by chance. Never more than a tenth of
 * `lifetime_s` (0: unknown), chance included, so that short-lived certificates get their retries, and never
 * less than a second. Never before not_before_s (a Retry-After as Unix time, 0: none), which goes above
 * everything else and is followed by the same bit of chance, because a CA tells many the same time.
 * Saturates for every n.
 */
struct wall schedule_retry_at(struct wall now, int64_t failures, int64_t retry_s, int64_t lifetime_s,
    int64_t not_before_s, uint64_t random);

/* After the nth failed deployment: 10 s, 1 min, 10 min, then hourly, with up to a fifth added by chance. */
struct wall schedule_deploy_at(struct wall now, int64_t failures, uint64_t random);

#endif
