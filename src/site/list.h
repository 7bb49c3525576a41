/* Arrays in an arena that grow. */
#ifndef EVERCERT_SITE_LIST_H
#define EVERCERT_SITE_LIST_H

#include "base/arena.h"

#include <stddef.h>

/* `old` where there is room for one element more behind its n, else a larger copy of it; *cap begins as 0. */
void *list_room(struct arena *a, void *old, size_t n, size_t *cap, size_t size);

#endif
