/* What happens in the two years of a simulation: a table, one row a scenario. */
#ifndef SIMULATION_SCENARIO_H
#define SIMULATION_SCENARIO_H

#include "policy/ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    /* 2026-11-01T00:00:00Z to 2028-10-31T00:00:00Z. */
    SIMULATION_START = 1793491200,
    SIMULATION_DAYS = 730,
    SIMULATION_HOURS = SIMULATION_DAYS * 24,
    SIMULATION_END = SIMULATION_START + SIMULATION_DAYS * DAY,
    MILLION = 1000000
};

/* The simulated CAs. */
enum ca_kind {
    CA_MAIN,   /* publishes limits and renewal windows, has short-lived profiles and a staging directory */
    CA_PLAIN,  /* none of that */
    CA_STRICT, /* limits, tighter ones in some scenarios, and no renewal windows */
    CA_KINDS
};

struct scenario {
    const char *name, *what;
    bool shrinking;              /* lifetimes as announced: 90 days, 64 from 2027-02-10, 45 from 2028-02-16 */
    uint32_t short_ppm;          /* of CA_MAIN's certificates: on a profile of 160 hours */
    uint32_t dead_ppm;           /* of all: names that validate no more from some day on */
    uint32_t flaky_ppm;          /* of orders: the CA answers with an error of its own */
    uint32_t rename_ppm;         /* of renewals: the names have changed, so that it counts as a new order */
    int outage_day, outage_days; /* CA_MAIN answers nothing */
    int revocation_day;          /* CA_MAIN moves windows of ... */
    uint32_t revocation_ppm;     /* ... its certificates to the past */
    int wave_day;                /* customers arrive, all in one minute: ... */
    uint32_t wave_ppm;           /* ... so many of all certificates */
    const struct rate_limit *limits[CA_KINDS]; /* LIMITS_N each, NULL: none */
};

enum { LIMITS_N = 3 };

extern const struct scenario scenarios[];
extern const size_t scenario_n;

/* NULL where there is none of that name. */
const struct scenario *scenario_find(const char *name);

/* The lifetime in seconds of what is issued at `now`. */
int64_t scenario_lifetime_s(const struct scenario *s, int64_t now, bool is_short);

#endif
