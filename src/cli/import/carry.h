/* What an import asks a parent: names that are taken, accounts that are here, and to take what was found. */
#ifndef EVERCERT_CLI_IMPORT_CARRY_H
#define EVERCERT_CLI_IMPORT_CARRY_H

#include "base/arena.h"
#include "cli/globals.h"
#include "cli/import/plan.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether there is a state to be asked at all. */
bool import_state_is_there(const struct globals *g, struct arena *a);
/* The certificates in the state, in `a`. An exit status; errors are said. */
int import_names(const struct globals *g, struct arena *a, const struct import_had **out, size_t *out_n);
/* Answers the plan's questions. An exit status; errors are said. */
int import_look(const struct globals *g, struct import_plan *p);
/* Carries all over. *out_answered: how many of them somebody has heard of. An exit status; errors are said.
 */
int import_carry(const struct globals *g, struct import_plan *p, size_t *out_answered);

#endif
