#include "dns/wire.h"

#include <string.h>

struct wire wire_of(struct str message)
{
    return (struct wire){.p = (const unsigned char *)message.p, .n = message.n};
}

const unsigned char *wire_octets(struct wire *w, size_t n)
{
    if (w->bad || n > w->n - w->at) {
        w->bad = true;
        return NULL;
    }
    w->at += n;
    return w->p + w->at - n;
}

unsigned wire_8(struct wire *w)
{
    const unsigned char *p = wire_octets(w, 1);
    return p == NULL ? 0 : p[0];
}

unsigned wire_16(struct wire *w)
{
    const unsigned char *p = wire_octets(w, 2);
    return p == NULL ? 0 : (unsigned)p[0] << 8 | p[1];
}

uint32_t wire_32(struct wire *w)
{
    uint32_t high = wire_16(w);
    return high << 16 | wire_16(w);
}

void wire_skip(struct wire *w, size_t n)
{
    (void)wire_octets(w, n);
}

void wire_name(struct wire *w, struct wire_name *out)
{
    enum { POINTER = 0xc0 };
    struct wire at = *w;
    size_t start = w->at; /* of the part that is read; a pointer leads before it */
    bool jumped = false;
    out->n = 0;
    while (!at.bad) {
        unsigned n = wire_8(&at);
        if ((n & POINTER) == POINTER) {
            size_t target = (size_t)(n & ~(unsigned)POINTER) << 8 | wire_8(&at);
            if (!jumped)
                w->at = at.at;
            if (at.bad || target >= start || target < w->first)
                break;
            jumped = true;
            start = at.at = target;
            continue;
        }
        const unsigned char *label = n <= WIRE_LABEL_MAX ? wire_octets(&at, n) : NULL;
        if (at.bad || label == NULL || out->n + 1 + n > WIRE_NAME_MAX)
            break;
        out->octets[out->n++] = (unsigned char)n;
        memcpy(out->octets + out->n, label, n);
        out->n += n;
        if (n == 0) {
            if (!jumped)
                w->at = at.at;
            return;
        }
    }
    w->bad = true;
    out->n = 0;
}

void wire_put_8(struct buf *out, unsigned v)
{
    buf_put_char(out, (char)v);
}

void wire_put_16(struct buf *out, unsigned v)
{
    wire_put_8(out, v >> 8);
    wire_put_8(out, v);
}

void wire_put_32(struct buf *out, uint32_t v)
{
    wire_put_16(out, v >> 16);
    wire_put_16(out, v & 0xffff);
}

void wire_put_name(struct buf *out, const struct wire_name *name)
{
    buf_put(out, name->octets, name->n);
}

void wire_put_txt(struct buf *out, struct str value)
{
    do {
        size_t n = value.n < WIRE_STRING_MAX ? value.n : WIRE_STRING_MAX;
        wire_put_8(out, (unsigned)n);
        buf_put(out, value.p, n);
        value = (struct str){value.p + n, value.n - n};
    } while (value.n > 0);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* One octet of a label: itself, or, where texts have escapes, \DDD. Returns how many characters it took, 0
 * for none. */
static size_t take_octet(const char *p, bool escapes, unsigned char *out)
{
    *out = (unsigned char)*p;
    if (!escapes)
        return 1;
    if (*p != '\\')
        return *out > ' ' && *out < 0x7f ? 1 : 0;
    for (int i = 1; i <= 3; i++)
        if (digit(p[i]) < 0)
            return 0;
    int value = digit(p[1]) * 100 + digit(p[2]) * 10 + digit(p[3]);
    *out = (unsigned char)value;
    return value <= 255 ? 4 : 0;
}

/* Labels with a dot between each two; one behind the last is taken as well. */
static bool take_labels(const char *text, bool escapes, struct wire_name *out)
{
    struct wire_name name = {.n = 0};
    while (*text != '\0') {
        size_t label = name.n++;
        while (*text != '\0' && *text != '.') {
            size_t took = name.n < WIRE_NAME_MAX - 1 ? take_octet(text, escapes, &name.octets[name.n]) : 0;
            if (took == 0)
                return false;
            text += took;
            name.n++;
        }
        size_t length = name.n - label - 1;
        if (length == 0 || length > WIRE_LABEL_MAX)
            return false;
        name.octets[label] = (unsigned char)length;
        text += *text == '.';
    }
    name.octets[name.n++] = 0;
    *out = name;
    return true;
}

int wire_name_of(const char *text, struct wire_name *out, struct err *err)
{
    if (!take_labels(strcmp(text, ".") == 0 ? "" : text, false, out))
        return err_set(err, ERR_INPUT,
            "\"%s\" is no name of DNS: it has an empty label, one of more than 63 octets, or more than 253 "
            "altogether",
            text);
    return 0;
}

bool wire_name_scan(const char *text, struct wire_name *out)
{
    size_t n = strlen(text);
    return (n == 0 || text[n - 1] != '.') && take_labels(text, true, out);
}

static char *print_octet(char *to, unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (unsigned char)(c - 'A' + 'a');
    if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
        *to++ = (char)c;
        return to;
    }
    *to++ = '\\';
    *to++ = (char)('0' + c / 100);
    *to++ = (char)('0' + c / 10 % 10);
    *to++ = (char)('0' + c % 10);
    return to;
}

void wire_name_print(const struct wire_name *name, char out[WIRE_NAME_TEXT_MAX])
{
    char *to = out;
    for (size_t at = 0; at < name->n && name->octets[at] > 0; at += 1U + name->octets[at]) {
        if (to > out)
            *to++ = '.';
        for (size_t i = 1; i <= name->octets[at]; i++)
            to = print_octet(to, name->octets[at + i]);
    }
    *to = '\0';
}

static struct str octets_of(const struct wire_name *name, size_t from)
{
    return (struct str){(const char *)name->octets + from, name->n - from};
}

bool wire_name_eq(const struct wire_name *a, const struct wire_name *b)
{
    /* Lengths of labels are below 'A', so that comparing letters does not touch them. */
    return str_eq_nocase(octets_of(a, 0), octets_of(b, 0));
}

bool wire_name_in(const struct wire_name *name, const struct wire_name *zone)
{
    for (size_t at = 0; at < name->n && name->n - at >= zone->n; at += 1U + name->octets[at])
        if (str_eq_nocase(octets_of(name, at), octets_of(zone, 0)))
            return true;
    return false;
}
