/* Keys that were used a moment ago. A certificate's key is wanted three times within seconds (made, for the
 * CSR, beside the chain), and reading one takes OpenSSL as long as ten signatures. What is sealed is unsealed
 * each time, with all that this proves; only the parsing of what came out is spared. */
#include "processes/keeper/keeper.h"

#include <string.h>

void shelf_put(struct keeper *k, struct str der, const struct key *key)
{
    struct shelf_place place = {.key = NULL};
    /* Without it, the next use takes longer; that is all. */
    if (digest_sha256(der, place.digest, NULL) < 0 || key_share(key, &place.key, NULL) < 0)
        return;
    struct shelf_place *to = &k->shelf[k->shelf_next++ % SHELF_PLACES];
    key_free(to->key);
    *to = place;
}

bool shelf_find(struct keeper *k, struct str der, struct key **out)
{
    unsigned char digest[SHA256_LEN];
    if (digest_sha256(der, digest, NULL) < 0)
        return false;
    for (size_t i = 0; i < SHELF_PLACES; i++)
        if (k->shelf[i].key != NULL && memcmp(k->shelf[i].digest, digest, sizeof digest) == 0)
            return key_share(k->shelf[i].key, out, NULL) == 0;
    return false;
}

void shelf_clear(struct keeper *k)
{
    for (size_t i = 0; i < SHELF_PLACES; i++)
        key_freep(&k->shelf[i].key);
}
