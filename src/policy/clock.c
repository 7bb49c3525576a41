#include "policy/clock.h"

#include "policy/saturate.h"
#include "policy/schedule.h"

enum { DAY = 86400 };

bool clock_is_plausible(struct wall now)
{
    return now.s >= CLOCK_FLOOR_S;
}

static int64_t jump(int64_t s)
{
    return s >= CLOCK_JUMP_MIN_S || s <= -CLOCK_JUMP_MIN_S ? s : 0;
}

struct clock_jump clock_compare(const struct clock_reading *was, const struct clock_reading *is)
{
    int64_t wall_s = sub_sat(is->wall.s, was->wall.s), boot_s = sub_sat(is->boot_s, was->boot_s);
    int64_t mono_s = sub_sat(is->mono.ms, was->mono.ms) / 1000;
    return (struct clock_jump){jump(sub_sat(wall_s, boot_s)), max_of(jump(sub_sat(boot_s, mono_s)), 0)};
}

/* The furthest date that a failure just now could lead to. */
static int64_t furthest_retry(const struct clock_due *d)
{
    int64_t wait = max_of(d->retry_s, DAY);
    return add_sat(d->now.s, add_sat(wait, wait / 5));
}

static struct wall retry(const struct clock_due *d)
{
    if (d->generation > 0 && d->renewal.s > d->now.s)
        return d->renewal;
    return schedule_retry_at(d->now, d->failures, d->retry_s, d->lifetime_s, 0, d->random);
}

struct wall clock_due_at(const struct clock_due *d)
{
    int64_t due = d->due_at.s, now = d->now.s;
    if (due == 0)
        return d->due_at;
    if (d->wait_until.s > 0)
        return due > add_sat(now, CLOCK_WAIT_MAX_S) ? retry(d) : d->due_at;
    if (d->failures > 0)
        return due > furthest_retry(d) ? retry(d) : d->due_at;
    if (d->generation == 0)
        return due > now ? d->now : d->due_at;
    bool nonsense = due > now && (due > d->not_after.s || d->renewed_at.s > now);
    return nonsense ? d->renewal : d->due_at;
}
