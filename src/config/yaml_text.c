#include "config/yaml_text.h"

#include "base/str.h"

#include <stdbool.h>
#include <string.h>

/* Whether every reader of YAML takes the bare word as a text. */
static bool plain_text(struct str s)
{
    static const char *const reserved[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool later = (c >= '0' && c <= '9') || (c != '\0' && strchr("._-@", c) != NULL);
        if (!letter && c != '/' && !(i > 0 && later))
            return false;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (str_eq_nocase(s, str_c(reserved[i])))
            return false;
    return true;
}

/* Characters above ASCII that YAML's double quotes do not carry as they are: line separators, byte order
 * mark, non-characters. All are three octets of UTF-8; 0 for others. */
static unsigned special_character(struct str s)
{
    if (s.n < 3)
        return 0;
    const unsigned char *u = (const unsigned char *)s.p;
    unsigned c = (unsigned)(u[0] & 0x0f) << 12 | (unsigned)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
    bool three = (u[0] & 0xf0) == 0xe0;
    return three && (c == 0x2028 || c == 0x2029 || c == 0xfeff || c >= 0xfffe) ? c : 0;
}

void yaml_put_text(struct buf *out, struct str s)
{
    if (plain_text(s)) {
        buf_put_str(out, s);
        return;
    }
    buf_put_char(out, '"');
    for (; s.n > 0; s = (struct str){s.p + 1, s.n - 1}) {
        unsigned char c = (unsigned char)s.p[0];
        unsigned special = special_character(s);
        if (special != 0) {
            buf_printf(out, "\\u%04X", special);
            s = (struct str){s.p + 2, s.n - 2};
        } else if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\x%02X", c);
        } else {
            buf_put_char(out, (char)c);
        }
    }
    buf_put_char(out, '"');
}
