/*
 * What a certificate of the configuration has to itself: its names, the domains in it and the paths of its
 * copies. Others that may not have the same (a command's wish, a container's claim) ask for that and for
 * nothing else of it, so that whoever keeps a hundred thousand certificates need not keep them whole.
 */
#ifndef EVERCERT_CONFIG_OWNED_H
#define EVERCERT_CONFIG_OWNED_H

#include "base/arena.h"
#include "config/wish.h"

#include <stdbool.h>
#include <stddef.h>

struct settings;

struct owned {
    const char *const *names; /* of each key type's certificate; the first is the wish's own */
    size_t name_n;
    const char *const *domains;
    size_t domain_n;
    const char *const *paths; /* of copies */
    size_t path_n;
};

/* Return true to go on. What it is given lives for the call. */
typedef bool owned_fn(const struct owned *o, void *arg);

/* Who has the certificates of settings that were read, where they are no longer in the settings themselves;
 * outlives these settings. */
struct settings_kept {
    bool (*has)(void *arg, const char *name);            /* as settings_has_certificate() */
    void (*each)(void *arg, owned_fn *fn, void *fn_arg); /* as owned_each() */
    void *arg;
};

/* Of one wish; in `a`, and pointing into the wish. */
struct owned owned_of(const struct wish *w, struct arena *a);
/* Of every certificate of the configuration, in no order that means anything. */
void owned_each(const struct settings *s, owned_fn *fn, void *arg);

#endif
