/* A container in one piece of memory, as small as it can be: they are kept by the thousand. */
#ifndef EVERCERT_PROCESSES_WATCHER_PACK_H
#define EVERCERT_PROCESSES_WATCHER_PACK_H

#include "containers/model.h"

/* A copy that points nowhere else but to texts of no octets; given back with free(). Never NULL. */
struct container *container_pack(const struct container *c);

#endif
