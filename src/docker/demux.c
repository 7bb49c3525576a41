#include "docker/demux.h"

void demux_init(struct demux *d, size_t max)
{
    *d = (struct demux){.out = buf_new(max)};
}

void demux_free(struct demux *d)
{
    buf_free(&d->out);
}

static void keep(struct demux *d, struct str part)
{
    size_t room = d->out.max - d->out.n;
    buf_put(&d->out, part.p, part.n < room ? part.n : room);
}

void demux_feed(struct demux *d, struct str octets)
{
    while (octets.n > 0) {
        size_t n = 1;
        if (d->left == 0) {
            d->head[d->head_n++] = (unsigned char)octets.p[0];
            if (d->head_n == sizeof d->head) {
                d->head_n = 0;
                d->left = (uint32_t)d->head[4] << 24 | (uint32_t)d->head[5] << 16 |
                          (uint32_t)d->head[6] << 8 | d->head[7];
            }
        } else {
            n = octets.n < d->left ? octets.n : d->left;
            keep(d, (struct str){octets.p, n});
            d->left -= (uint32_t)n;
        }
        octets = (struct str){octets.p + n, octets.n - n};
    }
}
