/* When a simulation has failed. */
#include "figures.h"

#include "base/attr.h"

#include <stdarg.h>

enum {
    /* The ledger is a guess, and one wrong guess of each kind teaches it; more is asking for refusals. */
    REFUSED_MAX = 5,
    REFUSED_PPM = 10,
    /* Of a lifetime, at its end: who comes closer has had luck. */
    CLOSEST_PPM = 20000,
    /* The busiest hour of quiet weeks may be so many times the mean; what came together comes together again
     * when it is renewed. Small worlds have chance in each hour. */
    HERD_FACTOR = 20,
    HERD_LITTLE = 10
};

static void complain(struct complaints *c, const char *fmt, ...) ATTR_PRINTF(2, 3);

static void complain(struct complaints *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (c->n < COMPLAINTS_MAX)
        vsnprintf(c->texts[c->n++], COMPLAINT_MAX, fmt, args);
    va_end(args);
}

void judge(const struct figures *f, struct complaints *out)
{
    struct spread s = figures_spread(f);
    out->n = 0;
    if (f->renewed_n == 0)
        complain(out, "nothing was renewed");
    if (f->expired > 0)
        complain(out, "%u certificates expired needlessly", (unsigned)f->expired);
    if (f->wave_left > 0)
        complain(out, "%u certificates were never issued", (unsigned)f->wave_left);
    for (int i = 0; i < CLASSES; i++)
        if (f->closest_ppm[i] < CLOSEST_PPM)
            complain(out, "a certificate was renewed %lld s before its expiry", (long long)f->closest_s[i]);
    if (f->refused > REFUSED_MAX + f->orders * REFUSED_PPM / MILLION)
        complain(out, "%llu of %llu orders were refused", (unsigned long long)f->refused,
            (unsigned long long)f->orders);
    if (f->in_flight_most > f->places)
        complain(out, "%zu orders were in flight where %zu may be", f->in_flight_most, f->places);
    if (s.most_quiet > s.mean * HERD_FACTOR + HERD_LITTLE)
        complain(out, "the busiest hour of quiet weeks has %u where the mean is %.1f", (unsigned)s.most_quiet,
            s.mean);
}
