#include "scenario.h"

#include "base/attr.h"

#include <string.h>

/* As Let's Encrypt publishes them (config/presets.c), without those that no renewal meets. */
static const struct rate_limit published[LIMITS_N] = {
    {LIMIT_ORDERS, 300, 3 * HOUR},
    {LIMIT_DOMAIN, 50, 7 * DAY},
    {LIMIT_EXACT_SET, 5, 7 * DAY},
};
static const struct rate_limit tight[LIMITS_N] = {
    {LIMIT_ORDERS, 10, 3 * HOUR},
    {LIMIT_DOMAIN, 20, 7 * DAY},
    {LIMIT_EXACT_SET, 3, 7 * DAY},
};

#define PUBLISHED                                       \
    {                                                   \
        [CA_MAIN] = published, [CA_STRICT] = published, \
    }
#define TIGHT                                       \
    {                                               \
        [CA_MAIN] = published, [CA_STRICT] = tight, \
    }

const struct scenario scenarios[] = {
    {.name = "lifetimes",
        .what = "90 days, then 64, then 45; one in twenty lives 160 hours",
        .shrinking = true,
        .short_ppm = 50000,
        .flaky_ppm = 1000,
        .limits = PUBLISHED},
    {.name = "outage",
        .what = "the main CA answers nothing for three days",
        .short_ppm = 50000,
        .flaky_ppm = 1000,
        .outage_day = 300,
        .outage_days = 3,
        .limits = PUBLISHED},
    {.name = "revocation",
        .what = "the main CA moves the windows of a third of its certificates to the past",
        .short_ppm = 50000,
        .flaky_ppm = 1000,
        .revocation_day = 300,
        .revocation_ppm = 333333,
        .limits = PUBLISHED},
    {.name = "limits",
        .what = "one in ten arrives at once, at CAs that limit orders",
        .flaky_ppm = 1000,
        .rename_ppm = 20000,
        .wave_day = 200,
        .wave_ppm = 100000,
        .limits = TIGHT},
    {.name = "everything",
        .what = "all of that, the wave and the revocation in the days around the outage",
        .shrinking = true,
        .short_ppm = 50000,
        .dead_ppm = 5000,
        .flaky_ppm = 1000,
        .rename_ppm = 20000,
        .outage_day = 500,
        .outage_days = 3,
        .revocation_day = 502,
        .revocation_ppm = 333333,
        .wave_day = 501,
        .wave_ppm = 100000,
        .limits = TIGHT},
};
const size_t scenario_n = ARRAY_LEN(scenarios);

const struct scenario *scenario_find(const char *name)
{
    for (size_t i = 0; i < scenario_n; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

int64_t scenario_lifetime_s(const struct scenario *s, int64_t now, bool is_short)
{
    enum { FEB_2027 = 1802217600, FEB_2028 = 1834272000 }; /* 2027-02-10, 2028-02-16 */
    if (is_short)
        return 160 * HOUR;
    if (!s->shrinking || now < FEB_2027)
        return 90 * DAY;
    return now < FEB_2028 ? 64 * DAY : 45 * DAY;
}
