#include "containers/model.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *key, const void *element)
{
    const struct pair *p = element;
    return strcmp(key, p->name);
}

static const char *find(const struct pair *pairs, size_t n, const char *name)
{
    const struct pair *p = n == 0 ? NULL : bsearch(name, pairs, n, sizeof *pairs, by_name);
    return p == NULL ? NULL : p->value;
}

const char *container_label(const struct container *c, const char *name)
{
    return find(c->labels, c->label_n, name);
}

const char *container_env(const struct container *c, const char *name)
{
    return find(c->env, c->env_n, name);
}

const char *container_title(const struct container *c, struct arena *a)
{
    if (c->service)
        return arena_printf(a, "service %s", c->name);
    return c->project[0] == '\0' ? c->name : arena_printf(a, "%s (project %s)", c->name, c->project);
}
