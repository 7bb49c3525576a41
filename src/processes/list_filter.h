/* What `list` was asked to leave out: the options of that command, checked by the command and read by the
 * engine.
 */
#ifndef EVERCERT_PROCESSES_LIST_FILTER_H
#define EVERCERT_PROCESSES_LIST_FILTER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { LIST_PATTERNS_MAX = 100 }; /* of --match; each is tried with each name */

struct list_filter {
    bool due, failing; /* only what would be started now; only what goes wrong */
    bool expires;      /* only what is over in */
    int64_t expires_within_s;
    struct str patterns[LIST_PATTERNS_MAX];
    size_t pattern_n; /* 0: any name */
};

/* From "word=value" texts, which must outlive it. ERR_USAGE names the option and what it takes. */
int list_filter_read(const char *const *options, size_t n, struct list_filter *out, struct err *err);
/* Whether there is nothing that depends on the state of a certificate. */
bool list_filter_is_of_names(const struct list_filter *f);
/* Whether one of the patterns fits `name`; true where there are none. */
bool list_filter_fits(const struct list_filter *f, struct str name);

#endif
