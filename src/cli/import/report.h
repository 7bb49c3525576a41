/* What an import says of itself. */
#ifndef EVERCERT_CLI_IMPORT_REPORT_H
#define EVERCERT_CLI_IMPORT_REPORT_H

#include "base/str.h"
#include "cli/import/plan.h"

#include <stdbool.h>
#include <stdio.h>

/* The file that is made (`path`, `yaml`), what is left behind and why, and what remains to be done by hand.
 * `state`: where certificates will be. */
void import_report(
    const struct import_plan *p, const char *path, struct str yaml, const char *state, FILE *out);
/* The same as one JSON object. */
void import_report_json(const struct import_plan *p, const char *path, struct str yaml, FILE *out);

#endif
