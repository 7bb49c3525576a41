/* Nonces at hand for one directory (RFC 8555 6.5): the newest is used first, old ones are dropped. */
#ifndef EVERCERT_ACME_NONCE_H
#define EVERCERT_ACME_NONCE_H

#include "acme/limits.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>

struct nonce_pool; /* opaque, ACME_NONCE_POOL_MAX entries */

struct nonce_pool *nonce_pool_new(void);
void nonce_pool_free(struct nonce_pool *p);
/* Keeps a copy. One with a forbidden character or length is ignored (6.5.1). When full, the oldest goes. */
void nonce_pool_put(struct nonce_pool *p, struct str nonce, struct mono now);
/* Takes the newest that is younger than ACME_NONCE_AGE_MAX_S into `out` (NUL-terminated). False when none is.
 */
bool nonce_pool_take(struct nonce_pool *p, struct mono now, char out[ACME_NONCE_MAX + 1]);

#endif
