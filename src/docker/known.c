#include "docker/known.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64 };

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* FNV-1a. Ids are the engine's, which has worse means than making them collide. */
static size_t hash(const char *id)
{
    uint64_t h = 0xcbf29ce484222325;
    for (; *id != '\0'; id++)
        h = (h ^ (unsigned char)*id) * 0x100000001b3;
    return (size_t)h;
}

static struct known **slot_of(const struct known_table *t, const char *id)
{
    return &t->slots[hash(id) & (t->slot_n - 1)];
}

void known_open(struct known_table *t)
{
    *t = (struct known_table){.slot_n = SLOTS_FIRST};
    t->slots = must(calloc(t->slot_n, sizeof *t->slots));
}

void known_close(struct known_table *t)
{
    for (size_t i = 0; i < t->slot_n; i++)
        for (struct known *k = t->slots[i], *next; k != NULL; k = next) {
            next = k->chain;
            free(k);
        }
    free(t->slots);
    *t = (struct known_table){.slots = NULL};
}

struct known *known_find(const struct known_table *t, const char *id)
{
    struct known *k = *slot_of(t, id);
    while (k != NULL && strcmp(k->id, id) != 0)
        k = k->chain;
    return k;
}

static void grow(struct known_table *t)
{
    struct known_table old = *t;
    t->slot_n *= 2;
    t->slots = must(calloc(t->slot_n, sizeof *t->slots));
    for (size_t i = 0; i < old.slot_n; i++)
        for (struct known *k = old.slots[i], *next; k != NULL; k = next) {
            next = k->chain;
            struct known **slot = slot_of(t, k->id);
            k->chain = *slot;
            *slot = k;
        }
    free(old.slots);
}

struct known *known_get(struct known_table *t, const char *id, bool service)
{
    struct known *k = known_find(t, id);
    if (k != NULL)
        return k;
    if (t->n >= t->slot_n)
        grow(t);
    size_t n = strlen(id) + 1;
    k = must(calloc(1, sizeof *k + n));
    memcpy(k->id, id, n);
    k->service = service;
    struct known **slot = slot_of(t, id);
    k->chain = *slot;
    *slot = k;
    t->n++;
    return k;
}

void known_drop(struct known_table *t, struct known *k)
{
    struct known **at = slot_of(t, k->id);
    while (*at != k)
        at = &(*at)->chain;
    *at = k->chain;
    known_set_told(t, k, false);
    t->n--;
    free(k);
}

void known_set_told(struct known_table *t, struct known *k, bool told)
{
    size_t *count = k->service ? &t->told_services : &t->told_containers;
    if (k->told != told)
        *count = told ? *count + 1 : *count - 1;
    k->told = told;
}

struct known *known_next(const struct known_table *t, const struct known *k)
{
    if (k != NULL && k->chain != NULL)
        return k->chain;
    for (size_t i = k == NULL ? 0 : (hash(k->id) & (t->slot_n - 1)) + 1; i < t->slot_n; i++)
        if (t->slots[i] != NULL)
            return t->slots[i];
    return NULL;
}
