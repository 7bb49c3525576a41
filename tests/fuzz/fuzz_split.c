/* The splitters: an answer in one piece and in single octets has the same elements, each an object as far as
 * its brackets go, and the demultiplexer keeps no more than it may. */
#include "docker/demux.h"
#include "docker/split.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ELEMENT_MAX = 300, KEPT_MAX = 100 };

struct seen {
    size_t n, octets;
    uint64_t hash;
};

static int note(struct str element, void *arg, struct err *err)
{
    struct seen *seen = arg;
    (void)err;
    if (element.n < 2 || element.n > ELEMENT_MAX || element.p[0] != '{')
        abort();
    seen->n++;
    seen->octets += element.n;
    for (size_t i = 0; i < element.n; i++)
        seen->hash = (seen->hash ^ (unsigned char)element.p[i]) * 0x100000001b3;
    return 0;
}

static int run(enum split_kind kind, struct str text, size_t step, struct seen *seen)
{
    struct split s;
    int r = 0;
    *seen = (struct seen){0};
    split_init(&s, kind, ELEMENT_MAX, 100000);
    for (size_t at = 0; r == 0 && at < text.n; at += step)
        r = split_feed(
            &s, (struct str){text.p + at, step < text.n - at ? step : text.n - at}, note, seen, NULL);
    if (r == 0)
        r = split_end(&s, NULL);
    split_free(&s);
    return r;
}

static void run_demux(struct str text, size_t step, struct demux *d)
{
    demux_init(d, KEPT_MAX);
    for (size_t at = 0; at < text.n; at += step)
        demux_feed(d, (struct str){text.p + at, step < text.n - at ? step : text.n - at});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    for (int kind = SPLIT_ARRAY; kind <= SPLIT_OBJECTS; kind++) {
        struct seen whole, single;
        int r = run((enum split_kind)kind, text, size + 1, &whole), one;
        if (size > 4096)
            continue;
        one = run((enum split_kind)kind, text, 1, &single);
        if (r != one || memcmp(&whole, &single, sizeof whole) != 0 || whole.octets > size)
            abort();
    }
    struct demux a, b;
    run_demux(text, size + 1, &a);
    run_demux(text, 3, &b);
    if (a.out.n > KEPT_MAX || a.out.n != b.out.n || a.left != b.left ||
        (a.out.n > 0 && memcmp(a.out.p, b.out.p, a.out.n) != 0))
        abort();
    demux_free(&a);
    demux_free(&b);
    return 0;
}
