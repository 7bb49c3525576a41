/* "Did you mean": the candidate that is closest to a mistyped word. */
#ifndef EVERCERT_CONFIG_NEAREST_H
#define EVERCERT_CONFIG_NEAREST_H

#include "base/str.h"

enum { NEAREST_TEXT_MAX = 160 };

struct nearest {
    struct str word;
    const char *best; /* NULL: none is close enough */
    unsigned distance;
};

struct nearest nearest_new(struct str word);
/* Considers one candidate, which must outlive `n`. */
void nearest_try(struct nearest *n, const char *candidate);
/* " (did you mean key-type?)", or "" where nothing is close. Returns `out`. */
const char *nearest_text(const struct nearest *n, char out[NEAREST_TEXT_MAX]);

#endif
