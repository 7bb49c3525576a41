#include "base/b64.h"

#include "base/err.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void b64url_encode(struct buf *out, struct str s)
{
    size_t n = s.n / 3 * 4 + (s.n % 3 == 0 ? 0 : s.n % 3 + 1);
    char *to = buf_room(out, s.n > out->max ? s.n : n); /* n itself may have wrapped around */
    if (to == NULL)
        return;
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t v = (uint32_t)(unsigned char)s.p[i] << 16;
        if (left > 1)
            v |= (uint32_t)(unsigned char)s.p[i + 1] << 8;
        if (left > 2)
            v |= (uint32_t)(unsigned char)s.p[i + 2];
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        if (left > 1)
            *to++ = alphabet[v >> 6 & 63];
        if (left > 2)
            *to++ = alphabet[v & 63];
    }
    buf_added(out, n);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Writes to `to`, which has room for all of s. */
static int decode(char *to, struct str s)
{
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        int v = value_of(s.p[i]);
        if (v < 0)
            return ERR_INPUT;
        acc = (acc << 6 | (uint32_t)v) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *to++ = (char)(acc >> bits & 0xff);
        }
    }
    return (acc & ((1u << bits) - 1)) != 0 ? ERR_INPUT : 0;
}

int b64url_decode(struct buf *out, struct str s)
{
    if (s.n % 4 == 1)
        return ERR_INPUT;
    size_t n = s.n / 4 * 3 + (s.n % 4 == 0 ? 0 : s.n % 4 - 1);
    char *to = buf_room(out, n);
    if (to == NULL)
        return ERR_LIMIT;
    int r = decode(to, s);
    buf_added(out, r < 0 ? 0 : n);
    return r;
}
