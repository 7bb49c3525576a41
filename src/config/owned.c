#include "config/owned.h"

#include "base/attr.h"
#include "config/settings.h"

struct owned owned_of(const struct wish *w, struct arena *a)
{
    const char **names = arena_array(a, w->key_type_n, sizeof *names);
    const char **paths = arena_array(a, w->key_type_n * w->publication_n, sizeof *paths);
    size_t path_n = 0;
    for (uint32_t v = 0; v < w->key_type_n; v++) {
        names[v] = wish_variant_name(w, v, a);
        for (size_t i = 0; i < w->publication_n; i++)
            paths[path_n++] = publication_path(&w->publications[i], names[v], a);
    }
    return (struct owned){
        .names = names,
        .name_n = w->key_type_n,
        .domains = w->domains,
        .domain_n = w->domain_n,
        .paths = paths,
        .path_n = path_n,
    };
}

void owned_each(const struct settings *s, owned_fn *fn, void *arg)
{
    bool more = true;
    if (s->kept != NULL) {
        s->kept->each(s->kept->arg, fn, arg);
        return;
    }
    for (size_t i = 0; i < s->certificate_n && more; i++) {
        struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
        struct owned o = owned_of(&s->certificates[i], a);
        more = fn(&o, arg);
    }
}
