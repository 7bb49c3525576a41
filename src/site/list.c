#include "site/list.h"

#include <string.h>

void *list_room(struct arena *a, void *old, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return old;
    size_t bigger = *cap == 0 ? 8 : *cap * 2;
    void *p = arena_array(a, bigger, size);
    if (n > 0)
        memcpy(p, old, n * size);
    *cap = bigger;
    return p;
}
