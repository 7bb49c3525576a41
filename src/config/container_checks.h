/* Defaults and checks of docker, actions and templates that concern more than one key; used by the schema's
 * table. */
#ifndef EVERCERT_CONFIG_CONTAINER_CHECKS_H
#define EVERCERT_CONFIG_CONTAINER_CHECKS_H

#include "base/arena.h"
#include "config/containers.h"

#include <stdbool.h>

struct setting;
struct settings;
struct reader;
struct node;
struct where;

/* The name of docker.socket among the engines. */
#define ENGINE_DEFAULT "docker"

/* What counts where nothing is said. */
void docker_init(struct docker_settings *docker);
/* docker.socket becomes the first of the engines; in `a`. When all files are read. */
void docker_finish(struct docker_settings *docker, struct arena *a);

/* For struct section (config/schema.h). */
void docker_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element);
void docker_engine_init(void *element, const struct settings *defaults);
void docker_engine_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element);
const char *docker_engine_misplaced(const struct setting *row, const void *element);
bool docker_engine_implied(const void *element);
void docker_policy_init(void *element, const struct settings *defaults);
void docker_policy_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element);
void action_init(void *element, const struct settings *defaults);
void action_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element);
const char *action_misplaced(const struct setting *row, const void *element);
void notify_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element);
void template_init(void *element, const struct settings *defaults);
void template_entry_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element);
const char *template_misplaced(const struct setting *row, const void *element);

#endif
