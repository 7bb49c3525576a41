/* What templates are rendered over in tests, from JSON:
 *
 *   {"containers": [{"name", "id", ..., "labels": {}, "env": {}, "networks": [{}], "ports": [{}], "mounts":
 * [{}]}], "certificates": [{}], "settings": {}}
 */
#ifndef EVERCERT_TEST_TEMPLATE_WORLD_H
#define EVERCERT_TEST_TEMPLATE_WORLD_H

#include "base/arena.h"
#include "lua/template.h"

#include <jansson.h>

/* All of it is in `a`; texts that are missing are "", the state "running". */
struct template_model template_world(const json_t *root, struct arena *a);

#endif
