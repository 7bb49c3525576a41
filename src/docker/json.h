/* JSON of an engine: bounded in depth before the parser sees it, and read by getters for which what is
 * absent, null or of another type is empty. */
#ifndef EVERCERT_DOCKER_JSON_H
#define EVERCERT_DOCKER_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DOCKER_JSON_DEPTH = 32 /* a container's details nest 6 deep, a service's 8 */ };

/* One object. ERR_LIMIT, ERR_INPUT. The caller gives *out back with json_decref or dj_freep. */
int dj_load(struct str text, json_t **out, struct err *err);
/* For ATTR_CLEANUP(dj_freep). */
void dj_freep(json_t **j);

/* Members; the views live as long as the document. NULL as `object` is an empty one. */
struct str dj_text(const json_t *object, const char *member);
const json_t *dj_object(const json_t *object, const char *member); /* NULL where there is none */
const json_t *dj_array(const json_t *object, const char *member);
/* Within 0 and `max`; `otherwise` for anything else. */
int64_t dj_number(const json_t *object, const char *member, int64_t max, int64_t otherwise);
bool dj_true(const json_t *object, const char *member);
/* Of a string; "" for anything else. */
struct str dj_str(const json_t *value);

/* What an engine says of an error ({"message": ...}; a text where it is no JSON), cleaned, "" for nothing to
 * show (a page for people). */
const char *dj_message(struct str body, struct arena *a);

#endif
