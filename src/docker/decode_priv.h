/* What the decoders of containers and of services share. */
#ifndef EVERCERT_DOCKER_DECODE_PRIV_H
#define EVERCERT_DOCKER_DECODE_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "containers/model.h"

#include <jansson.h>

struct decode_row {
    struct pair pair;
    size_t at;
};

/* Labels, or variables, on their way: 12 kB, for a stack frame. */
struct decode_pairs {
    struct arena *a;
    struct decode_row rows[CONTAINER_PAIRS_MAX];
    size_t n, left_out;
};

void decode_pairs_begin(struct decode_pairs *p, struct arena *a);
/* Cleaned; one that is too long, or too many, is counted alone. */
void decode_pair(struct decode_pairs *p, struct str name, struct str value);
/* By name, no name twice, in the arena. */
const struct pair *decode_pairs_end(struct decode_pairs *p, size_t *n);
/* All members of an object, or NULL. */
void decode_labels(struct decode_pairs *p, const json_t *labels);
/* Sets env, env_n and counts left_out up. */
void decode_env(struct container *c, const json_t *env, struct arena *a);
/* Sets project and service_name by the labels. */
void decode_belonging(struct container *c, struct arena *a);

/* One line that may be shown, CONTAINER_NAME_MAX octets at most. */
const char *decode_line(struct arena *a, struct str s);
/* The strings of an array, or of NULL, so; at most CONTAINER_ITEMS_MAX, without empty ones. */
const char *const *decode_lines(const json_t *array, struct arena *a, size_t *n);
void decode_networks_sort(struct container_network *networks, size_t n);
/* Unix time of a text (RFC 3339) or a number; 0 for anything else. */
int64_t decode_time(const json_t *object, const char *member);
/* ERR_INPUT where it is no id; `what` begins the text. */
int decode_id(struct str text, const char *what, struct err *err);

#endif
