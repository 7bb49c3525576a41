/*
 * Two kinds of time that cannot be mixed: wall time (seconds since 1970, for expiry and schedules) and
 * monotonic time (milliseconds, for waits and deadlines). The clock is a value that is handed around, so
 * tests set it.
 */
#ifndef EVERCERT_BASE_TIME_H
#define EVERCERT_BASE_TIME_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wall {
    int64_t s; /* seconds since 1970-01-01T00:00:00Z; 0 means "not set" in records */
};

struct mono {
    int64_t ms; /* milliseconds since some fixed instant of this machine's run */
};

struct clock {
    struct wall (*wall)(void *arg);
    struct mono (*mono)(void *arg);
    void *arg;
};

/* The machine's clock (CLOCK_REALTIME, CLOCK_MONOTONIC). */
extern const struct clock system_clock;

/* CLOCK_BOOTTIME in seconds: as CLOCK_MONOTONIC, but it goes on while the machine sleeps. */
int64_t system_boot_s(void);

/* CLOCK_MONOTONIC in microseconds, for the service manager, which compares it with its own. */
int64_t system_monotonic_us(void);
/* CLOCK_REALTIME in milliseconds since 1970, for the log. */
int64_t system_wall_ms(void);

struct wall clock_wall(const struct clock *c);
struct mono clock_mono(const struct clock *c);

enum { TIME_TEXT_MAX = 32, DURATION_TEXT_MAX = 48 };

/* "2026-11-21T22:12:00Z" (RFC 3339, UTC); "-" for a time that is not set. For the years 0 to 9999; others
 * give text that is no time, but stays within `out`. Returns `out`. */
const char *wall_format(struct wall t, char out[TIME_TEXT_MAX]);

/* As strftime does it in UTC, with the names of the C locale; the octets written, 0 where they do not fit. */
size_t wall_format_as(struct wall t, const char *pattern, char *out, size_t n);

/* RFC 3339 with any offset; fractions are dropped, a leap second counts as the one before it. Years 1970 to
 * 9999. ERR_INPUT for anything else, *out is untouched then. */
int wall_parse_rfc3339(struct str s, struct wall *out);

/* The three forms of an HTTP-date (RFC 9110 5.6.7), blanks around them allowed; the day's name is not
 * checked. Years 1970 to 9999. ERR_INPUT for anything else, *out is untouched then. */
int wall_parse_http_date(struct str s, struct wall *out);

/* "90s" "5m" "12h" "30d", whole numbers, exactly one unit; at most ten years. A bare number is refused. */
int duration_parse(struct str s, int64_t *out_s);

/* In the largest unit that divides it: 86400 -> "1d", 90 -> "90s". Returns `out`. */
const char *duration_format(int64_t s, char out[DURATION_TEXT_MAX]);

/* For people, two units at most: "59d 23h", "10m", "0s"; a negative span gets a leading "-". Returns `out`.
 */
const char *duration_about(int64_t s, char out[DURATION_TEXT_MAX]);

#endif
