/* The catalogue of DNS providers: asked of the solver's program, which alone runs what their files hold. */
#ifndef EVERCERT_PROCESSES_CATALOGUE_H
#define EVERCERT_PROCESSES_CATALOGUE_H

#include "base/arena.h"
#include "base/err.h"
#include "config/provider.h"

#include <stdbool.h>

/* The operator's directory of providers that goes with the configuration at `config`: "providers" beside it,
 * absolute; in `a`. */
const char *catalogue_directory(const char *config, struct arena *a);

/* Runs LIBEXEC/solver --describe; `directory`: the operator's, as above. Texts are in `a`. ERR_FAILED,
 * ERR_TIMEOUT, ERR_LIMIT, ERR_INPUT. */
int catalogue_read(const char *libexec, const char *directory, bool sandbox_log, struct arena *a,
    struct providers *out, struct err *err);

#endif
