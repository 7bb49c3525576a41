/* What every command knows: the global options with their defaults, and how errors are said. */
#ifndef EVERCERT_CLI_GLOBALS_H
#define EVERCERT_CLI_GLOBALS_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/log.h"
#include "cli/options.h"

#include <stdbool.h>

#define DEFAULT_CONFIG "/etc/evercert/evercert.yaml"

struct globals {
    const char *config; /* absolute */
    bool config_given;  /* named by the user: it must exist */
    const char *state;  /* absolute */
    int verbosity;      /* -v counted up, -q down */
    bool quiet, json, no_color;
    bool sandbox_log;
    const char *log_format; /* NULL: as the configuration says */
};

/* --config, --state, -v, ... */
extern const struct option_table global_options;

/* Fills *out; texts live in `a`. ERR_USAGE where no state directory can be found (no home), ERR_NOT_FOUND for
 * a configuration that was named and is not there. */
int globals_fill(const struct options *o, struct arena *a, struct globals *out, struct err *err);

/* `path` made absolute against the current directory, in `a`: a parent works elsewhere. */
const char *globals_absolute(const char *path, struct arena *a);

/* The log level to ask of a parent: `base` raised by -v and lowered by -q. */
enum log_level globals_log_level(const struct globals *g, enum log_level base);

/* "evercert: error: TEXT" on standard error, cleaned and in one write. */
void say_error(const char *fmt, ...) ATTR_PRINTF(1, 2);
/* "evercert: warning: TEXT", the same way. */
void say_warning(const char *fmt, ...) ATTR_PRINTF(1, 2);
/* "evercert: TEXT" on standard error, for what is worth knowing and no error. */
void say_note(const char *fmt, ...) ATTR_PRINTF(1, 2);

#endif
