#include "processes/watcher/set.h"

#include "os/random.h"
#include "processes/watcher/pack.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64 };

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* FNV-1a from a start that nobody knows. */
static size_t slot_of(const struct set *s, const void *engine, const char *id)
{
    uint64_t h = s->seed ^ (uint64_t)(uintptr_t)engine;
    for (const char *p = id; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3U;
    return (size_t)(h ^ h >> 32) & (s->slot_n - 1);
}

struct kept *set_find(const struct set *s, const void *engine, const char *id)
{
    if (s->slot_n == 0)
        return NULL;
    struct kept *k = s->slots[slot_of(s, engine, id)];
    while (k != NULL && (k->engine != engine || strcmp(k->container->id, id) != 0))
        k = k->next;
    return k;
}

static void grow(struct set *s)
{
    size_t n = s->slot_n == 0 ? SLOTS_FIRST : 2 * s->slot_n;
    if (s->slot_n == 0)
        s->seed = random_u64();
    free(s->slots);
    s->slots = must(calloc(n, sizeof(struct kept *)));
    s->slot_n = n;
    s->cap = n;
    s->list = must(realloc(s->list, n * sizeof(struct kept *)));
    for (size_t i = 0; i < s->n; i++) {
        struct kept *k = s->list[i];
        struct kept **slot = &s->slots[slot_of(s, k->engine, k->container->id)];
        k->next = *slot;
        *slot = k;
    }
}

struct kept *set_put(struct set *s, const void *engine, const struct container *c, size_t max, bool *old)
{
    struct kept *k = set_find(s, engine, c->id);
    *old = k != NULL;
    if (k == NULL && s->n >= max)
        return NULL;
    if (k == NULL) {
        if (s->n == s->cap)
            grow(s);
        k = must(calloc(1, sizeof *k));
        struct kept **slot = &s->slots[slot_of(s, engine, c->id)];
        k->engine = engine;
        k->next = *slot;
        *slot = k;
        k->at = s->n;
        s->list[s->n++] = k;
    }
    free(k->container);
    k->container = container_pack(c);
    return k;
}

void set_remove(struct set *s, struct kept *k)
{
    struct kept **at = &s->slots[slot_of(s, k->engine, k->container->id)];
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    s->list[k->at] = s->list[--s->n];
    s->list[k->at]->at = k->at;
    free(k->container);
    free(k);
}

void set_clear(struct set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->list[i]->container);
        free(s->list[i]);
    }
    free(s->list);
    free(s->slots);
    *s = (struct set){0};
}

int container_order(const void *a, const void *b)
{
    const struct container *x = *(const struct container *const *)a;
    const struct container *y = *(const struct container *const *)b;
    if (x->created_s != y->created_s)
        return x->created_s < y->created_s ? -1 : 1;
    int order = strcmp(x->engine, y->engine);
    return order != 0 ? order : strcmp(x->id, y->id);
}
