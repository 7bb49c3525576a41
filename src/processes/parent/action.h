/* One way to tell somebody (config/containers.h), as it is kept while it is carried out, compared and named.
 * Pure. */
#ifndef EVERCERT_PROCESSES_PARENT_ACTION_H
#define EVERCERT_PROCESSES_PARENT_ACTION_H

#include "base/arena.h"
#include "config/settings.h"

#include <stdbool.h>

/* A copy with all of its texts in `a`. */
struct action *action_copy(const struct action *from, struct arena *a);
/* What an action of `notify:` with `action` leads to: that entry, in the container (and engine) that the
 * notify names where the entry names none. Any other is itself. In `a`. NULL where there is no such entry. */
const struct action *action_follow(const struct settings *s, const struct action *action, struct arena *a);
/* Whether both do the same to the same; of two that come with a container of their own: in it. */
bool action_same(const struct action *x, const struct action *y);
/* "signal HUP to container nginx", "run systemctl reload nginx", for people; in `a`. */
const char *action_title(const struct action *action, struct arena *a);
/* Whether it needs no container of who asks for it: all that ask for it can be served by doing it once. */
bool action_is_fixed(const struct action *action);

#endif
