/* Authenticated encryption of what rests outside the keeper: private keys and permits. */
#ifndef EVERCERT_CRYPTO_SEAL_H
#define EVERCERT_CRYPTO_SEAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

/* Most bytes sealed at once; keys and permits have a few kB. */
enum { SEAL_PLAIN_MAX = 1024 * 1024 };
enum { SEAL_KEY_LEN = 32, SEAL_OVERHEAD = 1 + 12 + 16 };

/* Append version byte, random 96-bit nonce, AES-256-GCM ciphertext and tag of `plain`, bound to `context`
 * (what it is and whose, for example "key\nexample.com\n7"): opening with another context fails. A random
 * nonce is safe for 2^32 seals under one key (NIST SP 800-38D 8.3). ERR_CRYPTO for a key of another length,
 * ERR_LIMIT when the plain text is too long or `out` is full. */
int seal(const struct secret *key, struct str context, struct str plain, struct buf *out, struct err *err);
/* Append the plain text; `out` should be sensitive. ERR_CRYPTO when it was not sealed by this key for this
 * context; nothing is appended then. `sealed` may not lie in `out`. */
int unseal(const struct secret *key, struct str context, struct str sealed, struct buf *out, struct err *err);

#endif
