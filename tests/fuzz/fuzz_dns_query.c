/* Questions to the answerer. The first octet says how many octets an answer may have. */
#include "dns/answerer.h"

#include "base/buf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct answerer *an_answerer(void)
{
    static const char *const nameservers[] = {"ns1.example.net", "ns2.example.net"};
    static struct answerer *a;
    struct answerer_zone zone = {"a.example", nameservers, 2, ""},
                         below = {"b.a.example", nameservers, 1, "x"};
    if (a != NULL)
        return a;
    a = answerer_new(NULL);
    if (a == NULL || answerer_zone(a, &zone, NULL) < 0 || answerer_zone(a, &below, NULL) < 0 ||
        answerer_put(a, "x.y.a.example", "value", NULL) < 0 ||
        answerer_put(a, "b.a.example", "other", NULL) < 0)
        abort();
    return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t most[] = {65535, 1232, 512, 100, 0};
    if (size < 1)
        return 0;
    size_t max = most[data[0] % (sizeof most / sizeof *most)];
    struct buf out = buf_new(65535), again = buf_new(65535);
    size_t n = answerer_answer(an_answerer(), (struct str){(const char *)data + 1, size - 1}, max, &out);
    if (n != out.n || n > max)
        abort();
    if (n > 0 && (n < 12 || (out.p[2] & 0x80) == 0 || out.p[0] != (char)data[1] || out.p[1] != (char)data[2]))
        abort();
    if (answerer_answer(an_answerer(), buf_str(&out), max, &again) != 0)
        abort(); /* two of us would never stop talking */
    buf_free(&out);
    buf_free(&again);
    return 0;
}
