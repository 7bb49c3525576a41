/* Answers by UDP to one network: so many a second, for the address that asks may be somebody else's, who is
 * to be flooded. A table of fixed size: what was not heard of for longest makes room. */
#include "dns/answerer_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    RATE_SETS = 1024,
    RATE_WAYS = 4,
    RATE_SLIP = 2, /* of what is too much every second one is answered, without records */
};

struct network {
    uint64_t key;           /* 0: not used */
    int64_t at_ms, owed_ms; /* when it was last seen; the time that its answers took up by then */
    unsigned over;
};

struct rate {
    uint64_t seed;
    struct network sets[RATE_SETS][RATE_WAYS];
};

struct rate *rate_new(void)
{
    struct rate *r = calloc(1, sizeof *r);
    if (r != NULL)
        evutil_secure_rng_get_bytes(&r->seed, sizeof r->seed);
    return r;
}

void rate_free(struct rate *r)
{
    free(r);
}

/* The /24 or /56 of an address, and the family, as a number that is never 0. */
static uint64_t key_of(const struct sockaddr *to)
{
    enum { V4_BITS = 24, V6_OCTETS = 7 };
    uint64_t key = 0;
    if (to->sa_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)to)->sin6_addr;
        for (int i = 0; i < V6_OCTETS; i++)
            key = key << 8 | a->s6_addr[i];
        return key | UINT64_C(6) << 60;
    }
    const struct in_addr *a = &((const struct sockaddr_in *)(const void *)to)->sin_addr;
    return ntohl(a->s_addr) >> (32 - V4_BITS) | UINT64_C(4) << 60;
}

static struct network *network_of(struct rate *r, uint64_t key, int64_t now_ms)
{
    uint64_t mixed = (key ^ r->seed) * UINT64_C(0x9e3779b97f4a7c15);
    struct network *set = r->sets[(mixed >> 32) % RATE_SETS], *oldest = set;
    for (size_t i = 0; i < RATE_WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].key == 0 || (oldest->key != 0 && set[i].at_ms < oldest->at_ms))
            oldest = &set[i];
    }
    *oldest = (struct network){.key = key, .at_ms = now_ms};
    return oldest;
}

enum rate_verdict rate_ask(struct rate *r, const struct sockaddr *to, int64_t now_ms)
{
    enum { SPAN_MS = 1000 };
    struct network *n = network_of(r, key_of(to), now_ms);
    int64_t passed = now_ms - n->at_ms;
    n->owed_ms = passed >= n->owed_ms ? 0 : n->owed_ms - passed;
    n->at_ms = now_ms;
    if (n->owed_ms + SPAN_MS / ANSWERER_RATE <= SPAN_MS) {
        n->owed_ms += SPAN_MS / ANSWERER_RATE;
        return RATE_ANSWER;
    }
    return n->over++ % RATE_SLIP == 0 ? RATE_CUT : RATE_DROP;
}
