#include "figures.h"

#include "base/attr.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* What happens is followed by hours that are as busy as can be, which is right. */
enum { QUIET_AFTER = 7 * 24 };

static bool is_after(size_t hour, int day, int days)
{
    size_t from = (size_t)day * 24;
    return day > 0 && hour >= from && hour < from + (size_t)days * 24 + QUIET_AFTER;
}

static uint32_t most_quiet(const struct figures *f)
{
    const struct scenario *s = f->scenario;
    uint32_t most = 0;
    for (size_t i = 0; i < SIMULATION_HOURS; i++)
        if (f->renewed[i] > most && !is_after(i, s->outage_day, s->outage_days) &&
            !is_after(i, s->revocation_day, 0) && !is_after(i, s->wave_day, 0))
            most = f->renewed[i];
    return most;
}

struct spread figures_spread(const struct figures *f)
{
    static uint32_t sorted[SIMULATION_HOURS];
    memcpy(sorted, f->renewed, sizeof sorted);
    qsort(sorted, SIMULATION_HOURS, sizeof *sorted, compare);
    return (struct spread){.median = sorted[SIMULATION_HOURS / 2],
        .p99 = sorted[SIMULATION_HOURS * 99 / 100],
        .most = sorted[SIMULATION_HOURS - 1],
        .most_quiet = most_quiet(f),
        .mean = (double)f->renewed_n / SIMULATION_HOURS};
}

size_t figures_peak(const struct figures *f)
{
    size_t peak = 0;
    for (size_t i = 0; i < SIMULATION_HOURS; i++)
        if (f->backlog_most[i] > f->backlog_most[peak])
            peak = i;
    return peak;
}

int figures_drain_h(const struct figures *f)
{
    size_t peak = figures_peak(f);
    uint32_t little = f->backlog_most[peak] / 100;
    if (little < f->places)
        little = (uint32_t)f->places;
    for (size_t i = peak; i < SIMULATION_HOURS; i++)
        if (f->backlog[i] <= little)
            return (int)(i - peak);
    return -1;
}

/* --- text --- */

static void put_closest(const struct figures *f, enum cert_class class, const char *what, FILE *out)
{
    if (f->closest_s[class] != INT64_MAX)
        fprintf(out, "  closest to expiry   %.2f days (%.1f %% of the lifetime), %s\n",
            (double)f->closest_s[class] / DAY, (double)f->closest_ppm[class] / 10000, what);
}

void report_text(const struct figures *f, FILE *out)
{
    struct spread s = figures_spread(f);
    size_t peak = figures_peak(f);
    fprintf(out, "%s: %s\n", f->scenario->name, f->scenario->what);
    fprintf(out, "  certificates        %u, %llu renewals in %d days, seed %u, %.1f s of processor time\n",
        (unsigned)f->cert_n, (unsigned long long)f->renewed_n, SIMULATION_DAYS, (unsigned)f->seed, f->cpu_s);
    fprintf(out,
        "  renewed an hour     median %u, 99 %% of hours at most %u, most %u (in quiet weeks %u); mean "
        "%.1f\n",
        (unsigned)s.median, (unsigned)s.p99, (unsigned)s.most, (unsigned)s.most_quiet, s.mean);
    fprintf(out, "  highest backlog     %u on day %zu, drained %d hours later\n",
        (unsigned)f->backlog_most[peak], peak / 24, figures_drain_h(f));
    put_closest(f, CLASS_LONG, "long-lived", out);
    put_closest(f, CLASS_SHORT, "160 hours", out);
    fprintf(out, "  expired             %u, and %u whose names did not validate any more\n",
        (unsigned)f->expired, (unsigned)f->hopeless);
    fprintf(out,
        "  orders              %llu: %llu refused, %llu not answered, %llu failed; %zu in flight at most\n",
        (unsigned long long)f->orders, (unsigned long long)f->refused, (unsigned long long)f->unanswered,
        (unsigned long long)f->failed, f->in_flight_most);
    fprintf(out, "  put off by ledger   %llu times, %u certificates at once\n",
        (unsigned long long)f->postponed, (unsigned)f->held_most);
    if (f->moved > 0)
        fprintf(out,
            "  moved by the CA     %u, %u renewed later than a day after it, the last after %.2f days\n",
            (unsigned)f->moved, (unsigned)f->moved_late, (double)f->moved_last_s / DAY);
    if (f->first_n > 0)
        fprintf(out,
            "  arrived             %llu, the last one issued after %.2f days, %u without at the end\n",
            (unsigned long long)f->first_n, (double)f->wave_last_s / DAY, (unsigned)f->wave_left);
}

/* --- JSON --- */

struct day {
    uint32_t least, median, most, backlog;
};

static struct day day_of(const struct figures *f, size_t day)
{
    uint32_t hours[24];
    struct day d = {0};
    memcpy(hours, f->renewed + day * 24, sizeof hours);
    qsort(hours, 24, sizeof *hours, compare);
    for (size_t i = day * 24; i < day * 24 + 24; i++)
        d.backlog = f->backlog_most[i] > d.backlog ? f->backlog_most[i] : d.backlog;
    d.least = hours[0];
    d.median = hours[12];
    d.most = hours[23];
    return d;
}

/* What happens, with its day. */
static void put_events(const struct scenario *s, FILE *out)
{
    const struct {
        int day;
        const char *what;
    } events[] = {{s->shrinking ? 101 : 0, "64 days"}, {s->shrinking ? 472 : 0, "45 days"},
        {s->wave_day, "arrivals"}, {s->outage_day, "outage"}, {s->revocation_day, "revocation"}};
    const char *between = "";
    fprintf(out, " \"events\": [");
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (events[i].day == 0)
            continue;
        fprintf(out, "%s[%d, \"%s\"]", between, events[i].day, events[i].what);
        between = ", ";
    }
    fprintf(out, "],\n");
}

void report_json(const struct figures *f, FILE *out)
{
    struct spread s = figures_spread(f);
    size_t peak = figures_peak(f);
    fprintf(out,
        "{\"scenario\": \"%s\", \"what\": \"%s\", \"certificates\": %u, \"seed\": %u, \"seconds\": %.1f,\n",
        f->scenario->name, f->scenario->what, (unsigned)f->cert_n, (unsigned)f->seed, f->cpu_s);
    fprintf(out, " \"renewed\": %llu, \"mean\": %.1f, \"median\": %u, \"p99\": %u, \"most\": %u,\n",
        (unsigned long long)f->renewed_n, s.mean, (unsigned)s.median, (unsigned)s.p99, (unsigned)s.most);
    fprintf(out, " \"backlog\": %u, \"backlog_day\": %zu, \"drain_hours\": %d,\n",
        (unsigned)f->backlog_most[peak], peak / 24, figures_drain_h(f));
    for (int i = 0; i < CLASSES; i++)
        fprintf(out, " \"closest_%s_s\": %lld,", i == CLASS_SHORT ? "short" : "long",
            f->closest_s[i] == INT64_MAX ? -1LL : (long long)f->closest_s[i]);
    fprintf(out,
        "\n \"expired\": %u, \"hopeless\": %u, \"orders\": %llu, \"refused\": %llu, \"unanswered\": %llu,\n",
        (unsigned)f->expired, (unsigned)f->hopeless, (unsigned long long)f->orders,
        (unsigned long long)f->refused, (unsigned long long)f->unanswered);
    fprintf(out, " \"failed\": %llu, \"postponed\": %llu, \"held\": %u, \"in_flight\": %zu,\n",
        (unsigned long long)f->failed, (unsigned long long)f->postponed, (unsigned)f->held_most,
        f->in_flight_most);
    fprintf(out, " \"moved\": %u, \"moved_late\": %u, \"moved_last_s\": %lld, \"wave_last_s\": %lld,\n",
        (unsigned)f->moved, (unsigned)f->moved_late, (long long)f->moved_last_s, (long long)f->wave_last_s);
    put_events(f->scenario, out);
    fprintf(out, " \"days\": [");
    for (size_t i = 0; i < SIMULATION_DAYS; i++) {
        struct day d = day_of(f, i);
        fprintf(out, "%s[%u, %u, %u, %u]", i > 0 ? ", " : "", (unsigned)d.least, (unsigned)d.median,
            (unsigned)d.most, (unsigned)d.backlog);
    }
    fprintf(out, "]}\n");
}
