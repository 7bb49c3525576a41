/* Assignments of shell files, as acme.sh and dehydrated keep their settings in: NAME=value, quoted in any
 * way, with variables of the same file put in. Nothing is run, and whatever is no assignment is passed over.
 */
#ifndef EVERCERT_PROCESSES_IMPORTER_SHELL_H
#define EVERCERT_PROCESSES_IMPORTER_SHELL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    SHELL_VARIABLES_MAX = 10000, /* of one file; real ones have some dozens */
    /* Of a value after others were put in, so that a file that doubles itself ends. */
    SHELL_VALUE_MAX = 64 * 1024,
};

struct shell_variable {
    struct str name, value;
    bool unknown; /* holds what only running it would tell: a command, an unset variable, an array */
};

struct shell {
    struct arena *a;
    struct shell_variable *variables; /* each name once, with its last value */
    size_t n, cap;
};

struct shell shell_new(struct arena *a);
/* Adds the assignments of a text, over what stands there already. ERR_LIMIT for too many or too long ones. */
int shell_parse(struct shell *s, struct str text, struct err *err);
/* Sets one, as if it stood in a file. */
int shell_set(struct shell *s, struct str name, struct str value, struct err *err);

/* NULL where it is not set. */
const struct shell_variable *shell_find(const struct shell *s, struct str name);
/* Its value; "" where it is not set, and where it is not known. */
const char *shell_get(const struct shell *s, const char *name);

#endif
