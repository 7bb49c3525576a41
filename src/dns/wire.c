#include "dns/wire.h"

#include <string.h>

struct wire wire_of(struct str message)
{
    return (struct wire){.p = (const unsigned char *)message.p, .n = message.n};
}

/* NULL, and bad, where there are not as many left. */
static const unsigned char *take(struct wire *w, size_t n)
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
    const unsigned char *p = take(w, 1);
    return p == NULL ? 0 : p[0];
}

unsigned wire_16(struct wire *w)
{
    const unsigned char *p = take(w, 2);
    return p == NULL ? 0 : (unsigned)p[0] << 8 | p[1];
}

uint32_t wire_32(struct wire *w)
{
    uint32_t high = wire_16(w);
    return high << 16 | wire_16(w);
}

void wire_skip(struct wire *w, size_t n)
{
    take(w, n);
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
            if (at.bad || target >= start)
                break;
            jumped = true;
            start = at.at = target;
            continue;
        }
        const unsigned char *label = n <= WIRE_LABEL_MAX ? take(&at, n) : NULL;
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

int wire_name_of(const char *text, struct wire_name *out, struct err *err)
{
    struct str rest = str_c(text), label;
    struct wire_name name = {.n = 0};
    if (rest.n > 0 && rest.p[rest.n - 1] == '.')
        rest.n--;
    while (rest.n > 0) {
        bool more = str_cut(rest, '.', &label, &rest);
        if (label.n == 0 || (more && rest.n == 0))
            return err_set(err, ERR_INPUT, "\"%s\" is no name of DNS: it has an empty label", text);
        if (label.n > WIRE_LABEL_MAX || name.n + 1 + label.n + 1 > WIRE_NAME_MAX)
            return err_set(err, ERR_INPUT,
                "\"%s\" is no name of DNS: at most 63 octets between the dots and 253 altogether", text);
        name.octets[name.n++] = (unsigned char)label.n;
        memcpy(name.octets + name.n, label.p, label.n);
        name.n += label.n;
    }
    name.octets[name.n++] = 0;
    *out = name;
    return 0;
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
