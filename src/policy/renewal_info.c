#include "policy/renewal_info.h"

#include "policy/saturate.h"
#include "policy/schedule.h"

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    /* What a Retry-After is clamped to (RFC 9773 4.3.1 names these bounds). */
    POLL_MIN_S = MINUTE,
    POLL_MAX_S = DAY,
    /* After a failure that will last (RFC 9773 4.3.3). */
    POLL_BAD_S = 6 * HOUR,
    /* The longest wait after temporary failures, such that the fifth that chance adds to it makes 6 hours. */
    POLL_BACKOFF_MAX_S = 5 * HOUR,
    POLL_SPREAD_PART = 5,
    /* Doubling a minute as often as this is above the longest wait. */
    POLL_DOUBLINGS_MAX = 9
};

bool renewal_window_is_valid(struct renewal_window w)
{
    return w.start.s > 0 && w.end.s > w.start.s;
}

struct wall renewal_info_pick(
    struct renewal_window w, struct renewal_window was, struct wall pick, uint64_t random)
{
    if (!renewal_window_is_valid(w))
        return (struct wall){0};
    bool same = was.start.s == w.start.s && was.end.s == w.end.s;
    if (same && pick.s >= w.start.s && pick.s <= w.end.s)
        return pick;
    return (struct wall){w.start.s + chance(random, w.end.s - w.start.s)};
}

struct wall renewal_info_due(const struct renewal_info_date *d)
{
    const struct schedule_renewal r = {.not_before = d->not_before,
        .not_after = d->not_after,
        .renew_before_s = d->renew_before_s,
        .renewed_at = d->renewed_at,
        .random = d->random};
    /* The rule's date where it decides too, else the last one that the CA may move it to. */
    int64_t reserve = schedule_reserve_s(&r);
    if (d->pick.s != 0 && d->renew_before_s <= 0)
        reserve /= 2;
    int64_t at = sub_sat(sub_sat(d->not_after.s, reserve), schedule_spread_s(&r));
    if (d->pick.s != 0)
        at = min_of(at, d->pick.s);
    return (struct wall){max_of(schedule_brake(&r, (struct wall){at}).s, d->now.s)};
}

static int64_t backoff(int64_t failures, uint64_t random)
{
    int64_t doublings = min_of(max_of(failures, 1) - 1, POLL_DOUBLINGS_MAX);
    int64_t wait = min_of(INT64_C(1) * MINUTE << doublings, POLL_BACKOFF_MAX_S);
    return wait + chance(random, wait / POLL_SPREAD_PART);
}

struct wall renewal_info_poll_at(const struct renewal_poll *p)
{
    int64_t told = p->retry_at.s == 0 ? 0 : sub_sat(p->retry_at.s, p->now.s);
    int64_t wait = POLL_BAD_S;
    if (p->answer == RENEWAL_ANSWER_GOOD && p->retry_at.s != 0)
        wait = min_of(max_of(told, POLL_MIN_S), POLL_MAX_S);
    else if (p->answer == RENEWAL_ANSWER_TEMPORARY)
        wait = max_of(backoff(p->failures, p->random), min_of(told, POLL_MAX_S));
    int64_t at = add_sat(p->now.s, wait);
    return (struct wall){at < p->not_after.s ? at : 0};
}
