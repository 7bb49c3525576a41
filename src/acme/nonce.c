#include "acme/nonce.h"

#include "acme/response.h"

#include <stdlib.h>
#include <string.h>

struct nonce {
    char text[ACME_NONCE_MAX + 1];
    struct mono at;
};

/* A ring: the oldest is at `first`, the newest at first + n - 1. */
struct nonce_pool {
    struct nonce ring[ACME_NONCE_POOL_MAX];
    size_t first, n;
};

struct nonce_pool *nonce_pool_new(void)
{
    struct nonce_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort(); /* small and internal, as in base/arena.h */
    return p;
}

void nonce_pool_free(struct nonce_pool *p)
{
    free(p);
}

void nonce_pool_put(struct nonce_pool *p, struct str nonce, struct mono now)
{
    if (!acme_nonce_acceptable(nonce))
        return;
    if (p->n == ACME_NONCE_POOL_MAX) {
        p->first = (p->first + 1) % ACME_NONCE_POOL_MAX;
        p->n--;
    }
    struct nonce *slot = &p->ring[(p->first + p->n++) % ACME_NONCE_POOL_MAX];
    memcpy(slot->text, nonce.p, nonce.n);
    slot->text[nonce.n] = '\0';
    slot->at = now;
}

bool nonce_pool_take(struct nonce_pool *p, struct mono now, char out[ACME_NONCE_MAX + 1])
{
    if (p->n == 0)
        return false;
    const struct nonce *newest = &p->ring[(p->first + p->n - 1) % ACME_NONCE_POOL_MAX];
    if (now.ms - newest->at.ms >= (int64_t)ACME_NONCE_AGE_MAX_S * 1000) {
        p->n = 0; /* the others are older still */
        return false;
    }
    memcpy(out, newest->text, sizeof newest->text);
    p->n--;
    return true;
}
