/* A table from names to things, so that duplicates among 100,000 certificates are found without comparing
 * each with each. Keys are not copied; both they and the table live as long as the arena. */
#ifndef EVERCERT_CONFIG_NAMES_H
#define EVERCERT_CONFIG_NAMES_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct names_slot {
    struct str key;
    const void *value; /* NULL: the slot is free */
};

struct names {
    struct arena *a;
    struct names_slot *slots;
    size_t n, cap; /* cap is 0 or a power of two */
};

struct names names_new(struct arena *a);
/* What was put for `key`, NULL where nothing was. */
const void *names_get(const struct names *t, struct str key);
/* Sets or replaces; `value` is not NULL. */
void names_put(struct names *t, struct str key, const void *value);

#endif
