#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far beyond any limit of ours, and far enough from SIZE_MAX that sizes can be added and doubled. */
#define LARGEST (SIZE_MAX / 8)

static struct buf new_buf(size_t max, bool sensitive)
{
    return (struct buf){.max = max < LARGEST ? max : LARGEST, .sensitive = sensitive};
}

struct buf buf_new(size_t max)
{
    return new_buf(max, false);
}

struct buf buf_new_sensitive(size_t max)
{
    return new_buf(max, true);
}

void buf_free(struct buf *b)
{
    if (b == NULL)
        return;
    if (b->sensitive && b->p != NULL)
        explicit_bzero(b->p, b->cap);
    free(b->p);
    *b = (struct buf){.max = b->max, .sensitive = b->sensitive};
}

void buf_clear(struct buf *b)
{
    if (b->sensitive && b->p != NULL)
        explicit_bzero(b->p, b->cap);
    b->n = 0;
    b->failed = false;
    if (b->p != NULL)
        b->p[0] = '\0';
}

/* Makes the allocation hold `need` bytes (at most the maximum) and a terminator, growing by doubling. */
static bool grow(struct buf *b, size_t need)
{
    if (need < b->cap)
        return true;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap <= need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max + 1;
    char *p = b->sensitive ? malloc(cap) : realloc(b->p, cap);
    if (p == NULL)
        return false;
    if (b->sensitive && b->p != NULL) {
        memcpy(p, b->p, b->n);
        explicit_bzero(b->p, b->cap);
        free(b->p);
    }
    b->p = p;
    b->p[b->n] = '\0';
    b->cap = cap;
    return true;
}

char *buf_room(struct buf *b, size_t n)
{
    if (b->failed || n > b->max - b->n || !grow(b, b->n + n)) {
        b->failed = true;
        return NULL;
    }
    return b->p + b->n;
}

void buf_added(struct buf *b, size_t n)
{
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_consume(struct buf *b, size_t n)
{
    if (b->p == NULL || n == 0)
        return;
    if (n > b->n)
        n = b->n;
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
    b->p[b->n] = '\0';
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    /* Mostly there is room. */
    if ((b->failed || b->cap - b->n <= n) && buf_room(b, n) == NULL)
        return;
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_put_str(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}

void buf_put_c(struct buf *b, const char *c)
{
    buf_put_str(b, str_c(c));
}

void buf_put_char(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *room = n < 0 ? NULL : buf_room(b, (size_t)n);
    if (room != NULL) {
        vsnprintf(room, (size_t)n + 1, fmt, again);
        buf_added(b, (size_t)n);
    } else {
        b->failed = true;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

bool buf_failed(const struct buf *b)
{
    return b->failed;
}

struct str buf_str(const struct buf *b)
{
    return b->p != NULL ? (struct str){b->p, b->n} : (struct str){"", 0};
}

const char *buf_c(const struct buf *b)
{
    return b->p != NULL ? b->p : "";
}
