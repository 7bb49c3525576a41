#include "base/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct wall system_wall(void *arg)
{
    (void)arg;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct wall){ts.tv_sec};
}

static struct mono system_mono(void *arg)
{
    (void)arg;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (struct mono){(int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

int64_t system_wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t system_monotonic_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t system_boot_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return ts.tv_sec;
}

const struct clock system_clock = {system_wall, system_mono, NULL};

struct wall clock_wall(const struct clock *c)
{
    return c->wall(c->arg);
}

struct mono clock_mono(const struct clock *c)
{
    return c->mono(c->arg);
}

/* 9999-12-31T23:59:59Z, the last that RFC 3339 and RFC 5280 can write. */
#define LAST_SECOND INT64_C(253402300799)

/* Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant's civil-days arithmetic, by eras of 400
 * years). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

static void put_two(char *at, int n)
{
    at[0] = (char)('0' + n / 10);
    at[1] = (char)('0' + n % 10);
}

const char *wall_format(struct wall t, char out[TIME_TEXT_MAX])
{
    if (t.s == 0)
        return memcpy(out, "-", 2);
    int64_t days = t.s / 86400, rest = t.s % 86400, y;
    int m, d;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    civil_from_days(days, &y, &m, &d);
    if (y < 0 || y > 9999) {
        snprintf(out, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)(y % 10000), m, d,
            (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
        return out;
    }
    /* A list of certificates has hundreds of thousands of them. */
    static const char form[] = "0000-00-00T00:00:00Z";
    memcpy(out, form, sizeof form);
    put_two(out, (int)(y / 100));
    put_two(out + 2, (int)(y % 100));
    put_two(out + 5, m);
    put_two(out + 8, d);
    put_two(out + 11, (int)(rest / 3600));
    put_two(out + 14, (int)(rest / 60 % 60));
    put_two(out + 17, (int)(rest % 60));
    return out;
}

size_t wall_format_as(struct wall t, const char *pattern, char *out, size_t n)
{
    time_t seconds = (time_t)t.s;
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL)
        return 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return strftime(out, n, pattern, &parts);
#pragma GCC diagnostic pop
}

/* A reader over fixed-format text: each step consumes or marks the whole parse bad. */
struct scan {
    struct str s;
    bool bad;
};

static int scan_digits(struct scan *c, size_t n)
{
    uint64_t v = 0;
    if (c->bad || c->s.n < n || !str_to_u64((struct str){c->s.p, n}, 99999, &v)) {
        c->bad = true;
        return 0;
    }
    c->s = (struct str){c->s.p + n, c->s.n - n};
    return (int)v;
}

static void scan_literal(struct scan *c, const char *literal)
{
    struct str want = str_c(literal);
    if (c->bad || c->s.n < want.n || !str_eq_nocase((struct str){c->s.p, want.n}, want)) {
        c->bad = true;
        return;
    }
    c->s = (struct str){c->s.p + want.n, c->s.n - want.n};
}

static int scan_month(struct scan *c)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; i < 12 && !c->bad && c->s.n >= 3; i++)
        if (str_eq_nocase((struct str){c->s.p, 3}, (struct str){names + (size_t)i * 3, 3})) {
            c->s = (struct str){c->s.p + 3, c->s.n - 3};
            return i + 1;
        }
    c->bad = true;
    return 0;
}

static int month_days(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return m == 2 && (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)) ? 29 : days[m - 1];
}

/* A leap second (60) is taken as the second before it: Unix time has none (POSIX, "Seconds Since the Epoch").
 */
static int compose(int y, int mon, int d, int h, int min, int s, int64_t offset_s, struct wall *out)
{
    if (y < 1970 || mon < 1 || mon > 12 || d < 1 || d > month_days(y, mon) || h > 23 || min > 59 || s > 60)
        return ERR_INPUT;
    int64_t t = days_from_civil(y, mon, d) * 86400 + h * 3600 + min * 60 + (s == 60 ? 59 : s) - offset_s;
    if (t < 0 || t > LAST_SECOND) /* the offset may lead out of the years */
        return ERR_INPUT;
    out->s = t;
    return 0;
}

int wall_parse_rfc3339(struct str s, struct wall *out)
{
    struct scan c = {s, false};
    int y = scan_digits(&c, 4);
    scan_literal(&c, "-");
    int mon = scan_digits(&c, 2);
    scan_literal(&c, "-");
    int d = scan_digits(&c, 2);
    if (c.s.n > 0 && c.s.p[0] == ' ')
        scan_literal(&c, " ");
    else
        scan_literal(&c, "t");
    int h = scan_digits(&c, 2);
    scan_literal(&c, ":");
    int min = scan_digits(&c, 2);
    scan_literal(&c, ":");
    int sec = scan_digits(&c, 2);
    if (!c.bad && c.s.n > 0 && c.s.p[0] == '.') {
        size_t n = 1;
        while (n < c.s.n && c.s.p[n] >= '0' && c.s.p[n] <= '9')
            n++;
        c.bad = n == 1;
        c.s = (struct str){c.s.p + n, c.s.n - n};
    }
    int64_t offset = 0;
    if (!c.bad && c.s.n > 0 && (c.s.p[0] == '+' || c.s.p[0] == '-')) {
        int sign = c.s.p[0] == '-' ? -1 : 1;
        c.s = (struct str){c.s.p + 1, c.s.n - 1};
        int oh = scan_digits(&c, 2);
        scan_literal(&c, ":");
        int om = scan_digits(&c, 2);
        if (oh > 23 || om > 59)
            return ERR_INPUT;
        offset = sign * (oh * 3600 + om * 60);
    } else {
        scan_literal(&c, "z");
    }
    if (c.bad || c.s.n != 0)
        return ERR_INPUT;
    return compose(y, mon, d, h, min, sec, offset, out);
}

static void skip_past(struct scan *c, char mark)
{
    struct str head, tail;
    c->bad = c->bad || !str_cut(c->s, mark, &head, &tail);
    if (!c->bad)
        c->s = str_trim(tail);
}

int wall_parse_http_date(struct str s, struct wall *out)
{
    struct scan c = {str_trim(s), false};
    int y = 0, mon, d, h, min, sec;
    bool comma = c.s.n > 0 && memchr(c.s.p, ',', c.s.n) != NULL;
    skip_past(&c, comma ? ',' : ' '); /* the day's name says nothing new; it is not read */
    if (!comma) {                     /* asctime: Nov  6 08:49:37 1994 */
        mon = scan_month(&c);
        c.s = str_trim(c.s);
        d = scan_digits(&c, c.s.n > 1 && c.s.p[1] == ' ' ? 1 : 2);
        scan_literal(&c, " ");
    } else {
        d = scan_digits(&c, 2);
        bool obsolete = c.s.n > 0 && c.s.p[0] == '-'; /* RFC 850: 06-Nov-94 */
        scan_literal(&c, obsolete ? "-" : " ");
        mon = scan_month(&c);
        scan_literal(&c, obsolete ? "-" : " ");
        y = scan_digits(&c, obsolete ? 2 : 4);
        if (obsolete)
            y += y < 70 ? 2000
                        : 1900; /* RFC 9110 wants the nearest; that needs a clock, this is good to 2069 */
        scan_literal(&c, " ");
    }
    h = scan_digits(&c, 2);
    scan_literal(&c, ":");
    min = scan_digits(&c, 2);
    scan_literal(&c, ":");
    sec = scan_digits(&c, 2);
    if (!comma) {
        scan_literal(&c, " ");
        y = scan_digits(&c, 4);
    } else {
        scan_literal(&c, " gmt");
    }
    if (c.bad || c.s.n != 0)
        return ERR_INPUT;
    return compose(y, mon, d, h, min, sec, 0, out);
}

static const struct {
    char letter;
    int64_t seconds;
} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

int duration_parse(struct str s, int64_t *out_s)
{
    const int64_t longest = (int64_t)10 * 366 * 86400; /* ten years: nothing here is planned further ahead */
    uint64_t v;
    if (s.n < 2 || !str_to_u64((struct str){s.p, s.n - 1}, (uint64_t)longest, &v))
        return ERR_INPUT;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].letter == s.p[s.n - 1] && (int64_t)v <= longest / units[i].seconds) {
            *out_s = (int64_t)v * units[i].seconds;
            return 0;
        }
    return ERR_INPUT;
}

const char *duration_format(int64_t s, char out[DURATION_TEXT_MAX])
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && (s == 0 || s % units[i].seconds != 0))
        i++;
    snprintf(out, DURATION_TEXT_MAX, "%lld%c", (long long)(s / units[i].seconds), units[i].letter);
    return out;
}

const char *duration_about(int64_t s, char out[DURATION_TEXT_MAX])
{
    const char *sign = s < 0 ? "-" : "";
    uint64_t v = s < 0 ? (uint64_t)0 - (uint64_t)s : (uint64_t)s;
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && v < (uint64_t)units[i].seconds)
        i++;
    uint64_t major = v / (uint64_t)units[i].seconds;
    uint64_t minor =
        i + 1 < ARRAY_LEN(units) ? v % (uint64_t)units[i].seconds / (uint64_t)units[i + 1].seconds : 0;
    if (minor > 0)
        snprintf(out, DURATION_TEXT_MAX, "%s%llu%c %llu%c", sign, (unsigned long long)major, units[i].letter,
            (unsigned long long)minor, units[i + 1].letter);
    else
        snprintf(out, DURATION_TEXT_MAX, "%s%llu%c", sign, (unsigned long long)major, units[i].letter);
    return out;
}
