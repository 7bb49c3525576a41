/*
 * Finds where the elements of a JSON array, or JSON objects that follow each other, begin and end, as octets
 * arrive; what is in them is the parser's to judge. Of a list of any length only the element that is not
 * whole yet is kept.
 */
#ifndef EVERCERT_DOCKER_SPLIT_H
#define EVERCERT_DOCKER_SPLIT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum split_kind {
    SPLIT_ARRAY,  /* one array of objects and nothing behind it */
    SPLIT_OBJECTS /* objects with blanks, or nothing, between them, without an end */
};

enum split_state { SPLIT_BEFORE, SPLIT_FIRST, SPLIT_NEXT, SPLIT_INSIDE, SPLIT_BEHIND, SPLIT_OVER };

struct split {
    enum split_kind kind;
    enum split_state state;
    uint64_t left;        /* octets that may come */
    size_t depth;         /* open brackets of the element */
    bool quoted, escaped; /* inside a string, behind a backslash of it */
    struct buf element;
};

/* An element: an object from its first bracket to its last, which need not be JSON. A negative return ends
 * the splitting with that error. */
typedef int split_element_fn(struct str element, void *arg, struct err *err);

/* `element_max`: octets of one element; `total_max`: of everything (UINT64_MAX: without an end). */
void split_init(struct split *s, enum split_kind kind, size_t element_max, uint64_t total_max);
void split_free(struct split *s);
/* ERR_LIMIT beyond the limits, ERR_INPUT for what cannot be such a list; then no more may be fed. */
int split_feed(struct split *s, struct str octets, split_element_fn *fn, void *arg, struct err *err);
/* Nothing comes any more: ERR_INPUT where something is missing. */
int split_end(const struct split *s, struct err *err);

#endif
