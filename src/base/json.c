#include "base/json.h"

#include <string.h>

enum { REPLACEMENT = 0xfffd, DIGITS_MAX = 20 };

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Length of the UTF-8 sequence at the beginning of a text and its code point; an octet that begins none is
 * one octet long and U+FFFD. */
static size_t decode(struct str s, uint32_t *out)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const unsigned char *p = (const unsigned char *)s.p;
    *out = REPLACEMENT;
    for (size_t more = 0; more < sizeof forms / sizeof *forms && more < s.n; more++) {
        if ((p[0] & forms[more].mask) != forms[more].lead)
            continue;
        uint32_t c = p[0] & (unsigned char)~forms[more].mask;
        for (size_t i = 1; i <= more; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return 1;
            c = c << 6 | (p[i] & 0x3f);
        }
        if (c < forms[more].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            return 1;
        *out = c;
        return more + 1;
    }
    return 1;
}

static void put_escaped(struct buf *out, uint32_t c)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* what it is, what stands for it */
    const char *at = c != 0 && c < 0x80 ? strchr(shorts, (int)c) : NULL;
    for (; at != NULL; at = strchr(at + 1, (int)c))
        if ((at - shorts) % 2 == 0) {
            const char text[] = {'\\', at[1]};
            buf_put(out, text, sizeof text);
            return;
        }
    if (c >= 0x10000) {
        buf_printf(out, "\\u%04X", (unsigned)(0xd800 + ((c - 0x10000) >> 10)));
        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    buf_printf(out, "\\u%04X", (unsigned)c);
}

void json_put_text(struct buf *out, struct str text)
{
    buf_put_char(out, '"');
    while (text.n > 0) {
        size_t n = 0;
        while (n < text.n && is_plain((unsigned char)text.p[n]))
            n++;
        buf_put(out, text.p, n);
        text = (struct str){text.p + n, text.n - n};
        if (text.n == 0)
            break;
        uint32_t c;
        n = decode(text, &c);
        put_escaped(out, c);
        text = (struct str){text.p + n, text.n - n};
    }
    buf_put_char(out, '"');
}

void json_put_text_or_null(struct buf *out, const char *text)
{
    if (text[0] == '\0')
        buf_put_str(out, STR("null"));
    else
        json_put_text(out, str_c(text));
}

void json_put_time_or_null(struct buf *out, struct wall t)
{
    char text[TIME_TEXT_MAX];
    if (t.s == 0) {
        buf_put(out, "null", 4);
        return;
    }
    wall_format(t, text);
    buf_put(out, "\"", 1);
    buf_put(out, text, strlen(text));
    buf_put(out, "\"", 1);
}

void json_put_integer(struct buf *out, int64_t i)
{
    char digits[DIGITS_MAX + 1], *p = digits + sizeof digits;
    uint64_t left = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do
        *--p = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (i < 0)
        *--p = '-';
    buf_put(out, p, (size_t)(digits + sizeof digits - p));
}

void json_put_words(struct buf *out, struct str text, char between)
{
    struct str word;
    buf_put_char(out, '[');
    for (bool first = true; text.n > 0; first = false) {
        (void)str_cut(text, between, &word, &text);
        if (!first)
            buf_put_char(out, ',');
        json_put_text(out, word);
    }
    buf_put_char(out, ']');
}

/* --- the walk --- */

/* Where the string at the beginning of the text ends, its quotes included; 0 where there is none. */
static size_t string_length(struct str s)
{
    if (s.n < 2 || s.p[0] != '"')
        return 0;
    const char *end = memchr(s.p + 1, '"', s.n - 1);
    if (end == NULL)
        return 0;
    if (end[-1] != '\\')
        return (size_t)(end - s.p) + 1;
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

/* Where the value at the beginning of the text ends; 0 where it does not. */
static size_t value_length(struct str s)
{
    size_t depth = 0, i = 0;
    if (s.n > 0 && s.p[0] == '"')
        return string_length(s);
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"') {
            size_t n = string_length((struct str){s.p + i, s.n - i});
            if (n == 0)
                return 0;
            i += n - 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            return i;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

static struct str tail(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

bool json_next(struct str *rest, struct str *key, struct str *value)
{
    struct str s = *rest;
    *key = (struct str){s.p, 0};
    if (s.n < 2 || (s.p[0] != '{' && s.p[0] != '[' && s.p[0] != ','))
        return false;
    s = tail(s, 1);
    size_t n = string_length(s);
    if (n > 0 && n < s.n && s.p[n] == ':') {
        *key = (struct str){s.p + 1, n - 2};
        s = tail(s, n + 1);
    }
    n = value_length(s);
    if (n == 0 || n == s.n) /* something closes it */
        return false;
    *value = (struct str){s.p, n};
    *rest = tail(s, n);
    return true;
}

bool json_plain(struct str value, struct str *out)
{
    if (value.n < 2 || value.p[0] != '"' || memchr(value.p, '\\', value.n) != NULL)
        return false;
    *out = (struct str){value.p + 1, value.n - 2};
    return true;
}
