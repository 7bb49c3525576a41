/*
 * The catalogue of DNS providers as this installation has it: LIBEXEC/solver --describe runs for a moment,
 * confined, and says what the Lua files declare. For the parent and the commands, which run no Lua.
 */
#ifndef EVERCERT_PROCESSES_CATALOGUE_H
#define EVERCERT_PROCESSES_CATALOGUE_H

#include "base/arena.h"
#include "base/err.h"
#include "config/provider.h"
#include "config/settings.h"

#include <stdbool.h>

/* A hundred files take it 50 ms; this is a file system that hangs. */
enum { CATALOGUE_TIMEOUT_S = 20 };

/* All providers; texts in `a`. The text of an error says what could not be run. */
int catalogue_read(bool sandbox_log, struct arena *a, struct providers *out, struct err *err);

/* What loading ends with: the entries of `dns:`, where there are any, are judged and filled in. Nothing is
 * run where there are none. ERR_CONFIG with problems, in `a`; else the catalogue could not be read, and it is
 * the one problem. `s` is changed only where it went well. */
int catalogue_apply(
    bool sandbox_log, struct arena *a, struct settings *s, struct config_problems *problems, struct err *err);

#endif
