/* Everything OpenSSL would otherwise load late. */
#ifndef EVERCERT_CRYPTO_WARM_UP_H
#define EVERCERT_CRYPTO_WARM_UP_H

#include "base/err.h"

/* Makes OpenSSL (and the C library, for its sake) read its configuration, load its providers and texts, open
 * its random source, and goes once through what the other functions of this folder do: afterwards none of
 * them opens a file, so a process may enter its sandbox. Call once, before. ERR_CRYPTO when OpenSSL does not
 * work here. */
int crypto_warm_up(struct err *err);

#endif
