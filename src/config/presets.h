/* The authorities that are known by a name, and why some of them cannot be used. */
#ifndef EVERCERT_CONFIG_PRESETS_H
#define EVERCERT_CONFIG_PRESETS_H

#include "base/err.h"
#include "base/str.h"
#include "config/settings.h"

#include <stddef.h>

struct preset {
    struct authority authority;
    const char *refused; /* NULL, or why it cannot be used in this version */
};

#define PRESET_DEFAULT "letsencrypt"

extern const struct preset presets[];
extern const size_t preset_n;

/* NULL where there is none of that name. */
const struct preset *preset_find(struct str name);

/* Fills `err` with why `name` is no authority: a preset that is refused, or an unknown name with the nearest
 * of the presets and of the `own_n` entries. Returns `code`. */
int preset_refuse(struct str name, const struct authority *own, size_t own_n, int code, struct err *err);

#endif
