#include "policy/schedule.h"

#include "base/attr.h"
#include "policy/saturate.h"

#include <stddef.h>

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    /* Below this lifetime half of it is kept as reserve instead of a third: a third of a six-day certificate
     * is two days, too little for a failure over a weekend. */
    SHORT_LIFETIME_S = 10 * DAY,
    /* Chance moves a renewal by a hundredth of the lifetime, and certificates of minutes by up to this many
     * seconds (never more than a tenth of the lifetime), because a hundredth of them is less than a second.
     */
    RENEWAL_SPREAD_MIN_S = 10,
    /* The most that two renewals of the same certificate must be apart. */
    RENEWAL_GAP_MAX_S = DAY,
    /* Chance adds at most a fifth to a wait. */
    SPREAD_PART = 5,
    /* A retry of a certificate that lives for seconds still leaves the CA room to breathe. */
    RETRY_MIN_S = 1
};

static const int64_t retry_steps[] = {MINUTE, 10 * MINUTE, 100 * MINUTE, DAY};
static const int64_t deploy_steps[] = {10, MINUTE, 10 * MINUTE, HOUR};

static int64_t lifetime_of(const struct schedule_renewal *r)
{
    return max_of(sub_sat(r->not_after.s, r->not_before.s), 0);
}

int64_t schedule_reserve_s(const struct schedule_renewal *r)
{
    int64_t lifetime = lifetime_of(r);
    return r->renew_before_s > 0 ? r->renew_before_s : lifetime / (lifetime < SHORT_LIFETIME_S ? 2 : 3);
}

int64_t schedule_spread_s(const struct schedule_renewal *r)
{
    int64_t lifetime = lifetime_of(r);
    return chance(r->random, max_of(lifetime / 100, min_of(RENEWAL_SPREAD_MIN_S, lifetime / 10)));
}

struct wall schedule_brake(const struct schedule_renewal *r, struct wall at)
{
    int64_t lifetime = lifetime_of(r), earliest = r->not_before.s;
    if (r->renewed_at.s != 0) {
        /* Dates that make no sense must not switch this brake off. */
        int64_t gap = lifetime == 0 ? RENEWAL_GAP_MAX_S : min_of(lifetime / 10, RENEWAL_GAP_MAX_S);
        earliest = max_of(earliest, add_sat(r->renewed_at.s, gap));
    }
    if (at.s >= earliest)
        return at;
    /* Against the brake chance pushes the other way, or all that reach it would share its second; what the
     * operator wants renewed from its first second on is due now. */
    return (struct wall){r->renewed_at.s != 0 ? add_sat(earliest, schedule_spread_s(r)) : earliest};
}

struct wall schedule_renewal_at(const struct schedule_renewal *r)
{
    int64_t at = sub_sat(sub_sat(r->not_after.s, schedule_reserve_s(r)), schedule_spread_s(r));
    return schedule_brake(r, (struct wall){at});
}

/* The step for the nth failure; the last one for ever after. */
static int64_t step_of(const int64_t *steps, size_t n, int64_t failures)
{
    if (failures < 1)
        failures = 1;
    return steps[(uint64_t)failures < n ? (size_t)failures - 1 : n - 1];
}

struct wall schedule_retry_at(struct wall now, int64_t failures, int64_t retry_s, int64_t lifetime_s,
    int64_t not_before_s, uint64_t random)
{
    int64_t wait = retry_s > 0 ? retry_s : step_of(retry_steps, ARRAY_LEN(retry_steps), failures);
    if (lifetime_s > 0) {
        /* Such that a fifth on top of it is a tenth of the lifetime at most. */
        int64_t most = lifetime_s / 10;
        wait = min_of(wait, most / (SPREAD_PART + 1) * SPREAD_PART +
                                most % (SPREAD_PART + 1) * SPREAD_PART / (SPREAD_PART + 1));
    }
    wait = max_of(wait, RETRY_MIN_S);
    int64_t extra = chance(random, wait / SPREAD_PART);
    int64_t at = add_sat(add_sat(now.s, wait), extra);
    return (struct wall){not_before_s == 0 || at >= not_before_s ? at : add_sat(not_before_s, extra)};
}

struct wall schedule_deploy_at(struct wall now, int64_t failures, uint64_t random)
{
    int64_t wait = step_of(deploy_steps, ARRAY_LEN(deploy_steps), failures);
    return (struct wall){add_sat(add_sat(now.s, wait), chance(random, wait / SPREAD_PART))};
}
