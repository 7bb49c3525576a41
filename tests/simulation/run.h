/* The engine's loop over a simulated clock. */
#ifndef SIMULATION_RUN_H
#define SIMULATION_RUN_H

#include "figures.h"

enum { PLACES = 32 /* the engine's JOBS_MAX: orders in flight */ };

/* Two years of a scenario; fills `out`. False where memory ended. */
bool run(const struct scenario *s, uint32_t cert_n, uint32_t seed, struct figures *out);

#endif
