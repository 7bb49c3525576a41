#include "site/pattern.h"

#include "base/text.h"

#include <string.h>

/* Behind '[': whether `c` is in the set. *n is what the set takes up of the pattern, 0 where it has no end.
 */
static bool in_set(struct str pattern, char c, size_t *n)
{
    size_t i = 1;
    bool negative = i < pattern.n && (pattern.p[i] == '!' || pattern.p[i] == '^'), found = false;
    i += negative;
    for (size_t first = i; i < pattern.n && (pattern.p[i] != ']' || i == first); i++) {
        char from = pattern.p[i], to = from;
        if (i + 2 < pattern.n && pattern.p[i + 1] == '-' && pattern.p[i + 2] != ']') {
            to = pattern.p[i + 2];
            i += 2;
        }
        found |= (unsigned char)from <= (unsigned char)c && (unsigned char)c <= (unsigned char)to;
    }
    *n = i < pattern.n ? i + 1 : 0;
    return found != negative;
}

/* Whether the pattern's next element means `c`; *n is how much of the pattern it is. */
static bool one(struct str pattern, char c, bool host, size_t *n)
{
    *n = 1;
    if (pattern.p[0] == '?')
        return true;
    if (host)
        return str_lower(pattern.p[0]) == str_lower(c);
    if (pattern.p[0] == '[') {
        bool found = in_set(pattern, c, n);
        if (*n > 0)
            return found;
        *n = 1;
    }
    if (pattern.p[0] == '\\' && pattern.n > 1) {
        *n = 2;
        return pattern.p[1] == c;
    }
    return pattern.p[0] == c;
}

/* On a mismatch only the last '*' has to take one octet more: what stood before it fits already. */
static bool matches(struct str pattern, struct str text, bool host)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0, n = 0;
    while (t < text.n) {
        struct str rest = {pattern.p + p, pattern.n - p};
        if (rest.n > 0 && rest.p[0] == '*') {
            star = ++p;
            from = t;
        } else if (rest.n > 0 && one(rest, text.p[t], host, &n)) {
            p += n;
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool pattern_matches(struct str pattern, struct str text, bool path)
{
    if (!path)
        return matches(pattern, text, false);
    struct str p, t;
    for (bool more = true; more;) {
        more = str_cut(pattern, '/', &p, &pattern);
        if (str_cut(text, '/', &t, &text) != more)
            return false;
        if (t.n > 0 && t.p[0] == '.' && (p.n == 0 || p.p[0] != '.'))
            return false;
        if (!matches(p, t, false))
            return false;
    }
    return true;
}

bool pattern_matches_host(struct str pattern, struct str host)
{
    return matches(pattern, host, true);
}

bool path_is_plain(const char *path)
{
    struct str s = str_c(path);
    if (s.n == 0 || s.p[0] != '/' || !text_is_utf8(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || strchr("\"'\\$*?[]%<>`", s.p[i]) != NULL)
            return false;
    return true;
}
