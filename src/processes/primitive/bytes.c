#include "processes/primitive/primitive.h"

#include <idn2.h>
#include <string.h>

enum { BASE64_LINE = 64, NAMES_MAX = 4096 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void bytes_base64(struct str in, bool lines, struct buf *out)
{
    size_t column = 0;
    for (size_t i = 0; i < in.n; i += 3) {
        const unsigned char *p = (const unsigned char *)in.p + i;
        size_t n = in.n - i < 3 ? in.n - i : 3;
        unsigned bits = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
        char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
            n > 1 ? alphabet[bits >> 6 & 63] : '=', n > 2 ? alphabet[bits & 63] : '='};
        buf_put(out, four, sizeof four);
        column += sizeof four;
        if (lines && (column == BASE64_LINE || i + 3 >= in.n)) {
            buf_put_char(out, '\n');
            column = 0;
        }
    }
}

void bytes_unbase64(struct str in, struct buf *out)
{
    unsigned bits = 0, n = 0, padding = 0;
    size_t before = out->n;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        padding += c == '=';
        if ((at == NULL && c != '=') || (at != NULL && padding > 0) || padding > 2) {
            out->n = before;
            return;
        }
        bits = bits << 6 | (at != NULL ? (unsigned)(at - alphabet) : 0);
        if (++n % 4 != 0)
            continue;
        char three[3] = {(char)(bits >> 16 & 0xff), (char)(bits >> 8 & 0xff), (char)(bits & 0xff)};
        buf_put(out, three, 3 - padding);
    }
}

static const char digits[] = "0123456789abcdef", upper_digits[] = "0123456789ABCDEF";

void bytes_hex(struct str in, const char *before, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        buf_put_c(out, before);
        buf_put_char(out, digits[c >> 4]);
        buf_put_char(out, digits[c & 15]);
    }
}

void bytes_unhex(struct str in, struct buf *out)
{
    unsigned value = 0;
    bool half = false;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        const char *at = c == '\0' ? NULL : strchr(c >= 'a' ? digits : upper_digits, c);
        if (at == NULL)
            continue;
        value = value << 4 | (unsigned)(at - (c >= 'a' ? digits : upper_digits));
        if (half)
            buf_put_char(out, (char)(value & 0xff));
        half = !half;
    }
}

void bytes_url(struct str in, bool upper, struct buf *out)
{
    const char *hex = upper ? upper_digits : digits;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr("-_.~", c) != NULL);
        char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (plain)
            buf_put_char(out, (char)c);
        else
            buf_put(out, escaped, sizeof escaped);
    }
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

int bytes_idn(const char *names, struct buf *out, struct err *err)
{
    struct str item, rest = str_c(names);
    bool more = true;
    if (rest.n > NAMES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d octets of names", NAMES_MAX);
    while (more) {
        char one[NAMES_MAX + 1], *ascii = NULL;
        more = str_cut(rest, ',', &item, &rest);
        memcpy(one, item.p, item.n);
        one[item.n] = '\0';
        if (is_ascii(item))
            buf_put_str(out, item);
        else if (idn2_to_ascii_8z(one, &ascii, IDN2_NONTRANSITIONAL) != IDN2_OK)
            return err_set(err, ERR_INPUT, "%s is no name", one);
        if (ascii != NULL)
            buf_put_c(out, ascii);
        idn2_free(ascii);
        if (more)
            buf_put_char(out, ',');
    }
    return 0;
}
