#include "config/names.h"

#include <stdint.h>

enum { FIRST_CAP = 16 };

struct names names_new(struct arena *a)
{
    return (struct names){.a = a};
}

/* FNV-1a with a final mix. Names come from files of the operator, so nobody gains by making them collide. */
static uint64_t hash_of(struct str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

/* The slot that holds `key`, or the free one where it belongs. At least one slot is always free. */
static struct names_slot *slot_of(struct names_slot *slots, size_t cap, struct str key)
{
    size_t at = (size_t)hash_of(key) & (cap - 1);
    while (slots[at].value != NULL && !str_eq(slots[at].key, key))
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

const void *names_get(const struct names *t, struct str key)
{
    return t->cap == 0 ? NULL : slot_of(t->slots, t->cap, key)->value;
}

static void grow(struct names *t)
{
    size_t cap = t->cap == 0 ? FIRST_CAP : t->cap * 2;
    struct names_slot *slots = arena_array(t->a, cap, sizeof *slots);
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].value != NULL)
            *slot_of(slots, cap, t->slots[i].key) = t->slots[i];
    t->slots = slots;
    t->cap = cap;
}

void names_put(struct names *t, struct str key, const void *value)
{
    if (t->n + 1 > t->cap / 4 * 3)
        grow(t);
    struct names_slot *slot = slot_of(t->slots, t->cap, key);
    if (slot->value == NULL)
        t->n++;
    *slot = (struct names_slot){key, value};
}
