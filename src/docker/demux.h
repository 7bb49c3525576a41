/* What a command in a container prints, as an engine sends it: frames of 8 octets (the stream, three zeros,
 * the length) and as many octets as these say. Both streams, in the order they came. */
#ifndef EVERCERT_DOCKER_DEMUX_H
#define EVERCERT_DOCKER_DEMUX_H

#include "base/buf.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct demux {
    unsigned char head[8];
    size_t head_n;
    uint32_t left;  /* octets of the frame that are still to come */
    struct buf out; /* the first ones that came, up to its maximum; the rest is dropped */
};

/* Keeps at most `max` octets. */
void demux_init(struct demux *d, size_t max);
void demux_free(struct demux *d);
void demux_feed(struct demux *d, struct str octets);

#endif
