#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024 - 2 * sizeof(void *) }; /* first block; small because most units of work are small */

struct block {
    struct block *next;
    size_t used, cap;
    _Alignas(max_align_t) char data[];
};

struct arena {
    struct block *blocks;
};

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

struct arena *arena_new(void)
{
    return must(calloc(1, sizeof(struct arena)));
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    for (struct block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void arena_freep(struct arena **a)
{
    arena_free(*a);
    *a = NULL;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = _Alignof(max_align_t);
    if (n > SIZE_MAX / 2)
        abort();
    n = (n + align - 1) / align * align;
    struct block *b = a->blocks;
    if (b == NULL || b->cap - b->used < n) {
        size_t cap = b == NULL ? BLOCK : b->cap * 2;
        if (cap > 1 << 16)
            cap = 1 << 16;
        if (cap < n)
            cap = n;
        b = must(malloc(sizeof *b + cap));
        *b = (struct block){.next = a->blocks, .cap = cap};
        a->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += n;
    memset(p, 0, n);
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / 2 / size)
        abort();
    return arena_alloc(a, count * size);
}

char *arena_dup(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

char *arena_dup_c(struct arena *a, const char *c)
{
    return arena_dup(a, str_c(c));
}

char *arena_lower(struct arena *a, struct str s)
{
    char *p = arena_dup(a, s);
    for (size_t i = 0; i < s.n; i++)
        p[i] = str_lower(p[i]);
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    return (struct str){arena_dup(a, s), s.n};
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    vsnprintf(must(p), (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}
