/*
 * Memory that lives as long as one unit of work (a message, an order, a configuration) and goes in one call.
 * Allocations are small and internal, so running out of memory ends the process: whatever a peer can size
 * goes through a struct buf or a decoder with a limit first.
 */
#ifndef EVERCERT_BASE_ARENA_H
#define EVERCERT_BASE_ARENA_H

#include "base/attr.h"
#include "base/str.h"

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* Gives everything back. NULL is fine. */
void arena_free(struct arena *a);
/* For ATTR_CLEANUP(arena_freep). */
void arena_freep(struct arena **a);

/* Zeroed memory, aligned for any type. Never NULL; n may be 0. */
void *arena_alloc(struct arena *a, size_t n);
/* count * size with a check of the product. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* A NUL-terminated copy. */
char *arena_dup(struct arena *a, struct str s);
char *arena_dup_c(struct arena *a, const char *c);
/* The same with ASCII letters in lower case. */
char *arena_lower(struct arena *a, struct str s);
/* A copy of the bytes as a view (NUL-terminated behind its length). */
struct str arena_str(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) ATTR_PRINTF(2, 3);

#endif
