#include "os/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *p, size_t n)
{
    unsigned char *to = p;
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        to += got;
        n -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t v;
    random_bytes(&v, sizeof v);
    return v;
}

uint64_t random_below(uint64_t n)
{
    if (n <= 1)
        return 0;
    /* Values below 2^64 mod n would make the small results likelier: draw again. */
    uint64_t least = (0 - n) % n, v;
    do
        v = random_u64();
    while (v < least);
    return v % n;
}
