#include "octets.h"

#include <string.h>

enum { HEAD = 12, COUNTS = 6 };

void octets_16(struct octets *o, unsigned v)
{
    char p[2] = {(char)(v >> 8), (char)v};
    buf_put(&o->b, p, sizeof p);
}

void octets_name(struct octets *o, const char *name)
{
    struct str rest = str_c(name), label;
    while (rest.n > 0) {
        str_cut(rest, '.', &label, &rest);
        buf_put_char(&o->b, (char)label.n);
        buf_put_str(&o->b, label);
    }
    buf_put_char(&o->b, '\0');
}

struct octets octets_new(unsigned bits, const char *name)
{
    struct octets o = {.b = buf_new(1 << 17)};
    octets_16(&o, 0x1234);
    octets_16(&o, bits);
    octets_16(&o, 1);
    for (int i = 0; i < 3; i++)
        octets_16(&o, 0);
    octets_name(&o, name);
    octets_16(&o, T_TXT);
    octets_16(&o, 1);
    return o;
}

void octets_free(struct octets *o)
{
    buf_free(&o->b);
}

void octets_record(struct octets *o, const char *owner, unsigned type, const void *data, size_t n)
{
    unsigned char *count = (unsigned char *)o->b.p + COUNTS + 2 * o->section;
    if (++count[1] == 0)
        count[0]++;
    octets_name(o, owner);
    octets_16(o, type);
    octets_16(o, 1);
    octets_16(o, 0);
    octets_16(o, 60);
    octets_16(o, (unsigned)n);
    buf_put(&o->b, data, n);
}

void octets_named(struct octets *o, const char *owner, unsigned type, const char *name)
{
    static const char numbers[20] = {0, 0, 0, 7};
    struct octets data = {.b = buf_new(1024)};
    if (type == T_RRSIG)
        buf_put(&data.b, numbers, 18);
    octets_name(&data, name);
    if (type == T_SOA) {
        octets_name(&data, "hostmaster");
        buf_put(&data.b, numbers, sizeof numbers);
    }
    octets_record(o, owner, type, data.b.p, data.b.n);
    octets_free(&data);
}

void octets_txt(struct octets *o, const char *owner, const char *text)
{
    struct octets data = {.b = buf_new(1024)};
    buf_put_char(&data.b, (char)strlen(text));
    buf_put_c(&data.b, text);
    octets_record(o, owner, T_TXT, data.b.p, data.b.n);
    octets_free(&data);
}

struct str octets_str(const struct octets *o)
{
    return buf_str(&o->b);
}
