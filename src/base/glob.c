#include "base/glob.h"

#include <stddef.h>
#include <string.h>

/* Octets of the part of the pattern that stands for one octet of the text; 0 where it is not complete. */
static size_t part_length(struct str p)
{
    if (p.p[0] == '\\')
        return p.n > 1 ? 2 : 0;
    if (p.p[0] != '[')
        return 1;
    size_t i = 1;
    if (i < p.n && p.p[i] == '!')
        i++;
    i++; /* a bracket that comes first is one of the set */
    while (i < p.n && p.p[i] != ']')
        i++;
    return i < p.n ? i + 1 : 0;
}

static bool in_set(struct str set, char c)
{
    bool negated = set.n > 0 && set.p[0] == '!', in = false;
    for (size_t i = negated ? 1 : 0; i < set.n; i++) {
        char from = str_lower(set.p[i]), to = from;
        if (i + 2 < set.n && set.p[i + 1] == '-') {
            to = str_lower(set.p[i + 2]);
            i += 2;
        }
        in = in || ((unsigned char)from <= (unsigned char)c && (unsigned char)c <= (unsigned char)to);
    }
    return in != negated;
}

static bool part_matches(struct str part, char c)
{
    c = str_lower(c);
    if (part.p[0] == '?')
        return true;
    if (part.p[0] == '[')
        return in_set((struct str){part.p + 1, part.n - 2}, c);
    return str_lower(part.p[part.n - 1]) == c;
}

const char *glob_check(struct str pattern)
{
    if (pattern.n == 0)
        return "it is empty";
    if (pattern.n > GLOB_MAX)
        return "it is too long";
    for (size_t n; pattern.n > 0; pattern = (struct str){pattern.p + n, pattern.n - n}) {
        n = part_length(pattern);
        if (n == 0)
            return pattern.p[0] == '[' ? "a [ is not closed" : "nothing stands behind its last backslash";
    }
    return NULL;
}

bool glob_match(struct str pattern, struct str text)
{
    size_t p = 0, t = 0;
    size_t star = SIZE_MAX, star_t = 0; /* the last star, and where the text went on behind it */
    while (t < text.n) {
        struct str rest = {pattern.p + p, pattern.n - p};
        size_t n = rest.n > 0 ? part_length(rest) : 0;
        if (n > 0 && rest.p[0] == '*') {
            star = p++;
            star_t = t;
        } else if (n > 0 && part_matches((struct str){rest.p, n}, text.p[t])) {
            p += n;
            t++;
        } else if (star != SIZE_MAX) { /* the star takes one more; those before it need not be tried again */
            p = star + 1;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}
