/* Values as they stand in a file of each kind. */
#include "lua/template.h"

#include <ctype.h>
#include <string.h>

/* --- nginx --- */

/* Octets of a word that nginx takes as they are, wherever they stand in it. */
static bool is_plain(unsigned char c)
{
    return isascii(c) && c != '\0' && (isalnum(c) || strchr("._-:/@%+=,~*", c) != NULL);
}

/* C0, DEL; nginx could say a few of them, but nobody wants them in a configuration. */
static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

/* U+0080 to U+009F, which terminals obey. */
static bool is_c1(struct str s, size_t i)
{
    return (unsigned char)s.p[i] == 0xc2 && i + 1 < s.n && ((unsigned char)s.p[i + 1] & 0xe0) == 0x80;
}

/* nginx refuses a file with a word of 4096 octets: one label would keep it from all others. */
enum { NGINX_WORD_MAX = 4000 };

static void nginx(struct str s, struct buf *out)
{
    bool plain = s.n > 0 && s.n <= NGINX_WORD_MAX;
    for (size_t i = 0; plain && i < s.n; i++)
        plain = is_plain((unsigned char)s.p[i]);
    if (plain) {
        buf_put_str(out, s);
        return;
    }
    size_t from = out->n;
    buf_put_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (out->n - from >= NGINX_WORD_MAX && (c & 0xc0) != 0x80)
            break;
        if (c == '"' || c == '\\')
            buf_put_char(out, '\\');
        if (c == '$' || is_control(c) || is_c1(s, i))
            buf_put_char(out, '_'); /* a variable would be somebody else's text */
        else
            buf_put_char(out, (char)c);
        i += is_c1(s, i);
    }
    buf_put_char(out, '"');
}

/* --- shell --- */

/* Always in quotes, so that it is neither an assignment, nor a keyword, nor a pattern. No word of a shell
 * holds NUL. */
static void shell(struct str s, struct buf *out)
{
    buf_put_char(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'')
            buf_put_c(out, "'\\''");
        else
            buf_put_char(out, s.p[i] != '\0' ? s.p[i] : '_');
    }
    buf_put_char(out, '\'');
}

/* --- html --- */

static void html(struct str s, struct buf *out)
{
    static const struct {
        char c;
        const char *text;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (size_t i = 0; i < s.n; i++) {
        const char *text = NULL;
        for (size_t j = 0; j < ARRAY_LEN(entities); j++)
            text = entities[j].c == s.p[i] ? entities[j].text : text;
        if (text != NULL)
            buf_put_c(out, text);
        else
            buf_put_char(
                out, is_control((unsigned char)s.p[i]) && !isspace((unsigned char)s.p[i]) ? '_' : s.p[i]);
    }
}

/* --- json --- */

enum { REPLACEMENT = 0xfffd };

/* One character of UTF-8 at s, whose octets go to *n; U+FFFD and one octet for what is none. */
static uint32_t character(struct str s, size_t *n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)s.p[0];
    size_t len = c < 0x80                ? 1
                 : c >= 0xc2 && c < 0xe0 ? 2
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xf0 && c < 0xf5 ? 4
                                         : 0;
    uint32_t code = len < 2 ? c : c & (0xffU >> (len + 1));
    *n = 1;
    if (len == 0 || len > s.n)
        return REPLACEMENT;
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80)
            return REPLACEMENT;
        code = code << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return REPLACEMENT;
    *n = len;
    return code;
}

/* What JSON allows, but YAML takes for the end of a line or does not allow, is written as an escape, too. */
static bool has_to_be_named(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe ||
           c == 0xffff;
}

static void json(struct str s, struct buf *out)
{
    buf_put_char(out, '"');
    while (s.n > 0) {
        size_t n = 0;
        uint32_t c = character(s, &n);
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else if (c == '\n')
            buf_put_c(out, "\\n");
        else if (c == '\t')
            buf_put_c(out, "\\t");
        else if (has_to_be_named(c))
            buf_printf(out, "\\u%04x", c);
        else if (c == REPLACEMENT)
            buf_put_c(out, "\xef\xbf\xbd");
        else
            buf_put(out, s.p, n);
        s.p += n;
        s.n -= n;
    }
    buf_put_char(out, '"');
}

static void none(struct str s, struct buf *out)
{
    buf_put_str(out, s);
}

void template_escape(enum template_kind kind, struct str value, struct buf *out)
{
    static void (*const kinds[])(struct str s, struct buf * out) = {[TEMPLATE_NONE] = none,
        [TEMPLATE_NGINX] = nginx,
        [TEMPLATE_SHELL] = shell,
        [TEMPLATE_HTML] = html,
        [TEMPLATE_JSON] = json};
    kinds[kind](value, out);
}
