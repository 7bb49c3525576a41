/*
 * Growing byte buffers that are born with a maximum. A put beyond the maximum, or without memory, makes the
 * buffer *failed*: it stays as it was, later puts do nothing, and the caller asks once at the end
 * (buf_failed). Contents are always NUL-terminated behind their length, so text can be read as a C string.
 * What is put must not lie in the buffer itself, which may move.
 */
#ifndef EVERCERT_BASE_BUF_H
#define EVERCERT_BASE_BUF_H

#include "base/attr.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *p;        /* owned; NULL until the first put */
    size_t n;       /* bytes used */
    size_t cap;     /* bytes allocated, terminator included */
    size_t max;     /* most bytes it may hold */
    bool failed;    /* a put was refused */
    bool sensitive; /* wiped when freed or moved by growth */
};

/* An empty buffer that will hold at most `max` bytes; allocates nothing yet. */
struct buf buf_new(size_t max);
/* As buf_new, for secrets: memory is wiped before it is given back. */
struct buf buf_new_sensitive(size_t max);
/* Gives the memory back and leaves an empty buffer with the same maximum. NULL is fine. Fits ATTR_CLEANUP. */
void buf_free(struct buf *b);
/* Empties without giving memory back; clears the failed mark. */
void buf_clear(struct buf *b);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_str(struct buf *b, struct str s);
void buf_put_c(struct buf *b, const char *c);
void buf_put_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) ATTR_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);

/* Room for n more bytes at the end, to be filled by the caller, who then calls buf_added with as many as
 * count: 0 where nothing does, since what was written there stands in the place of the terminator. NULL (and
 * the buffer failed) where they do not fit. */
char *buf_room(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);
/* Drop the first n bytes (all of them when n is larger). */
void buf_consume(struct buf *b, size_t n);

bool buf_failed(const struct buf *b);
struct str buf_str(const struct buf *b);
/* As a C string; "" when nothing was put. Valid until the next change. */
const char *buf_c(const struct buf *b);

#endif
