#include "containers/model.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *key, const void *element)
{
    const struct pair *pair = element;
    return strcmp(key, pair->name);
}

static const char *value_of(const struct pair *pairs, size_t n, const char *name)
{
    const struct pair *found = n == 0 ? NULL : bsearch(name, pairs, n, sizeof *pairs, by_name);
    return found == NULL ? NULL : found->value;
}

const char *container_label(const struct container *c, const char *name)
{
    return value_of(c->labels, c->label_n, name);
}

const char *container_env(const struct container *c, const char *name)
{
    return value_of(c->env, c->env_n, name);
}

const char *container_title(const struct container *c, struct arena *a)
{
    const char *kind = c->service ? "service " : "";
    if (c->project[0] == '\0')
        return arena_printf(a, "%s%s", kind, c->name);
    return arena_printf(a, "%s%s (%s %s)", kind, c->name, c->service ? "stack" : "project", c->project);
}
