/* Whether two URLs lie side by side, whatever way they are written. */
#include "processes/keeper/keeper.h"

#include <string.h>

enum { SEGMENTS_MAX = 64 };

struct path {
    struct str segments[SEGMENTS_MAX];
    size_t n;
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decoded and in lower case. */
static struct str plain(struct str s, struct arena *a)
{
    char *to = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
            c = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
            i += 2;
        }
        to[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return (struct str){to, n};
}

/* False where there are more segments than any CA's URL has. */
static bool read_path(struct str url, struct arena *a, struct path *out)
{
    struct str head, rest, segment;
    out->n = 0;
    str_cut(url, '?', &head, &rest);
    const char *host = memmem(head.p, head.n, "://", 3);
    if (host != NULL)
        head = (struct str){host + 3, head.n - (size_t)(host + 3 - head.p)};
    str_cut(head, '/', &segment, &rest);
    rest = plain(rest, a);
    for (bool more = true; more;) {
        more = str_cut(rest, '/', &segment, &rest);
        if (segment.n == 0 || str_eq_c(segment, "."))
            continue;
        if (str_eq_c(segment, ".."))
            out->n -= out->n > 0;
        else if (out->n == SEGMENTS_MAX)
            return false;
        else
            out->segments[out->n++] = segment;
    }
    return true;
}

bool urls_beside(struct str a, struct str b)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct path x, y;
    if (!read_path(a, arena, &x) || !read_path(b, arena, &y))
        return true;
    if (x.n != y.n)
        return false;
    for (size_t i = 0; i + 1 < x.n; i++)
        if (!str_eq(x.segments[i], y.segments[i]))
            return false;
    return true;
}
