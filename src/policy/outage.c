#include "policy/outage.h"

#include "policy/saturate.h"

enum { SPREAD_PART = 5 /* chance adds at most a fifth */ };

/* A minute, and twice as much for each rest before it. */
static int64_t rest_s(int64_t rests)
{
    int64_t rest = OUTAGE_REST_MIN_S;
    for (int64_t i = 1; i < rests && rest < OUTAGE_REST_MAX_S; i++)
        rest *= 2;
    return min_of(rest, OUTAGE_REST_MAX_S);
}

bool outage_rests(const struct outage *o, struct wall now)
{
    return o->from.s <= now.s && now.s < o->until.s;
}

void outage_failed(struct outage *o, struct wall now, struct wall retry_at, uint64_t random)
{
    bool resting = outage_rests(o, now);
    int64_t told = min_of(retry_at.s, add_sat(now.s, OUTAGE_TOLD_MAX_S));
    if (o->failures <= 0)
        o->since = now;
    o->failures = add_sat(max_of(o->failures, 0), 1);
    if (!resting && o->failures < OUTAGE_FAILURES)
        return;
    int64_t rest = sub_sat(max_of(told, now.s), now.s);
    if (!resting) {
        o->rests = add_sat(o->rests, 1);
        rest = max_of(rest, rest_s(o->rests));
        o->from = now;
        o->until = (struct wall){0};
        o->told = (struct wall){0};
        o->places = 1;
    }
    struct wall until = {add_sat(now.s, add_sat(rest, chance(random, rest / SPREAD_PART)))};
    if (!resting || told > o->until.s)
        o->until = until;
    if (told > now.s)
        o->told.s = max_of(o->told.s, told);
}

void outage_answered(struct outage *o, struct wall now)
{
    if (!outage_rests(o, now) || o->told.s <= now.s)
        o->until = (struct wall){0};
    o->failures = 0;
    o->since = (struct wall){0};
    if (o->places == 0)
        return;
    o->places *= 2;
    if (o->places >= OUTAGE_PLACES_MAX) {
        o->places = 0;
        o->rests = 0;
    }
}

size_t outage_places(const struct outage *o, struct wall now, size_t max)
{
    if (outage_rests(o, now))
        return 0;
    return o->places > 0 && o->places < max ? o->places : max;
}
