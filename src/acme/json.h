/*
 * The only door for JSON from a CA, used inside this folder: strict (RFC 8259, well-formed UTF-8, no NUL, no
 * duplicate members), bounded in size and depth before the parser sees a byte, and read through typed getters
 * that name the member they fail on. Callers put the name of the object in front (err_prefix).
 */
#ifndef EVERCERT_ACME_JSON_H
#define EVERCERT_ACME_JSON_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Parses `text`, which must be one object and nothing behind it. ERR_LIMIT above ACME_JSON_MAX octets or
 * ACME_JSON_DEPTH_MAX levels, ERR_INPUT for everything else. The caller gives *out back with json_decref or
 * js_freep. */
int js_load(struct str text, json_t **out, struct err *err);
/* For ATTR_CLEANUP(js_freep). */
void js_freep(json_t **j);

/* A member of `object`. The views and pointers live as long as the document. ERR_INPUT where it has another
 * type; js_str and js_array also where it is absent, the others then leave *out as it was ("absent" includes
 * null, which several CAs write for it). */
int js_str(const json_t *object, const char *member, struct str *out, struct err *err);
int js_str_optional(const json_t *object, const char *member, struct str *out, struct err *err);
int js_bool_optional(const json_t *object, const char *member, bool *out, struct err *err);
int js_object_optional(const json_t *object, const char *member, const json_t **out, struct err *err);
/* ERR_LIMIT for more than `max` elements. */
int js_array(const json_t *object, const char *member, size_t max, const json_t **out, struct err *err);

/* The text of a member, and "" for anything that is not a string: for what is only shown, and for objects of
 * kinds we do not know. */
struct str js_text(const json_t *object, const char *member);

#endif
