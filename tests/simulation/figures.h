/* What a simulation measures, what is printed of it, and when it has failed. */
#ifndef SIMULATION_FIGURES_H
#define SIMULATION_FIGURES_H

#include "scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cert_class { CLASS_LONG, CLASS_SHORT, CLASSES };

struct figures {
    const struct scenario *scenario;
    uint32_t cert_n, seed;
    double cpu_s; /* processor time that the simulation took */
    /* for each hour: renewals, and the backlog (due and without a place) at its end and at most */
    uint32_t renewed[SIMULATION_HOURS], backlog[SIMULATION_HOURS], backlog_most[SIMULATION_HOURS];
    uint64_t renewed_n, first_n; /* first_n: certificates that were the first of their names */
    uint64_t orders, refused, unanswered, failed; /* at the CAs; failed: for another reason */
    uint64_t postponed;                           /* times the ledger said wait */
    uint32_t held, held_most;                     /* certificates that wait because it did */
    size_t in_flight_most, places;
    uint32_t expired, hopeless;    /* hopeless: expired as well, but their names did not validate any more */
    int64_t closest_s[CLASSES];    /* to its expiry that any was renewed; INT64_MAX: none was */
    uint32_t closest_ppm[CLASSES]; /* the least part of its lifetime that was left */
    uint32_t moved, moved_late;    /* whose windows the CA moved; who was later than a day */
    int64_t moved_last_s;          /* until the last of them was renewed */
    int64_t wave_last_s;           /* until the last of the wave had a certificate */
    uint32_t wave_left;            /* who had none at the end */
};

struct spread {
    uint32_t median, p99, most;
    uint32_t most_quiet; /* of the hours that are not in the week after something happened */
    double mean;
};

/* Renewals an hour. */
struct spread figures_spread(const struct figures *f);

/* The hour of the highest backlog, and how many hours later no more than a hundredth of it was left (or as
 * many as there are places); -1 where that was not before the end. */
size_t figures_peak(const struct figures *f);
int figures_drain_h(const struct figures *f);

/* What is wrong with them, at most `size` texts of static or `text` storage; returns how many. See judge.c.
 */
enum { COMPLAINTS_MAX = 8, COMPLAINT_MAX = 200 };
struct complaints {
    char texts[COMPLAINTS_MAX][COMPLAINT_MAX];
    size_t n;
};
void judge(const struct figures *f, struct complaints *out);

void report_text(const struct figures *f, FILE *out);
/* One object; series of days for the picture. */
void report_json(const struct figures *f, FILE *out);

#endif
