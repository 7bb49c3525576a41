#include "base/text.h"

#include <string.h>

/* The length of the well-formed UTF-8 sequence at the start of s and its code point; 0 where there is none.
 */
static size_t utf8_sequence(struct str s, uint32_t *out)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80                ? 1
               : c >= 0xc2 && c < 0xe0 ? 2
               : c >= 0xe0 && c < 0xf0 ? 3
               : c >= 0xf0 && c < 0xf5 ? 4
                                       : 0;
    if (n == 0 || n > s.n)
        return 0;
    uint32_t v = n == 1 ? c : c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        unsigned char t = (unsigned char)s.p[i];
        if ((t & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (t & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
        return 0;
    *out = v;
    return n;
}

/* Marks that order what follows or stand for the end of a line, and no glyph of their own (Unicode 15, UAX
 * 9): text with them in it can be shown as another text than it is. */
static bool is_treacherous(uint32_t v)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x061c, 0x061c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (v >= ranges[i].first && v <= ranges[i].last)
            return true;
    return false;
}

/* What stands for the sequence at the start of s, which is never longer: the sequence itself, one of our own,
 * or " " with *blank set. Returns the length of the sequence. */
static size_t clean_step(struct str s, struct str *shown, bool *blank)
{
    uint32_t v = 0;
    size_t n = utf8_sequence(s, &v);
    *blank = n == 1 && (v == '\n' || v == '\t' || v == '\r');
    *shown = (struct str){s.p, n};
    if (*blank)
        *shown = STR(" ");
    else if (n == 0 || v < 0x20 || (v >= 0x7f && v < 0xa0) || is_treacherous(v))
        *shown = STR("?");
    return n > 0 ? n : 1;
}

/* The longest start of s that has at most `max` bytes and does not end inside a sequence. */
static size_t cut_at(struct str s, size_t max)
{
    size_t n = max;
    while (n > 0 && max - n < 3 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

void text_clean(struct buf *out, struct str s, size_t max)
{
    bool cut = s.n > max, blank;
    if (cut)
        s.n = cut_at(s, max);
    struct str shown;
    for (size_t n; s.n > 0; s = (struct str){s.p + n, s.n - n}) {
        n = clean_step(s, &shown, &blank);
        if (!blank || out->n == 0 || out->p[out->n - 1] != ' ')
            buf_put_str(out, shown);
    }
    if (cut)
        buf_put_c(out, "...");
}

void text_clean_in_place(char *text)
{
    struct str s = str_c(text), shown;
    bool blank;
    char *to = text;
    for (size_t n; s.n > 0; s = (struct str){s.p + n, s.n - n}) {
        n = clean_step(s, &shown, &blank);
        if (blank && to > text && to[-1] == ' ')
            continue;
        memmove(to, shown.p, shown.n);
        to += shown.n;
    }
    *to = '\0';
}

bool text_is_utf8(struct str s)
{
    for (size_t n; s.n > 0; s = (struct str){s.p + n, s.n - n}) {
        uint32_t v;
        if ((n = utf8_sequence(s, &v)) == 0)
            return false;
    }
    return true;
}

bool text_nests_deeper(struct str json, size_t max)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > max)
            return true;
    }
    return false;
}

size_t text_url_origin(const char *url)
{
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    return (size_t)(host - url) + strcspn(host, "/?#");
}
