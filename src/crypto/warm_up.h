/* Everything OpenSSL would otherwise load late. */
#ifndef EVERCERT_CRYPTO_WARM_UP_H
#define EVERCERT_CRYPTO_WARM_UP_H

#include "base/err.h"

/* Makes OpenSSL (and the C library, for its sake) read its configuration, load its providers and texts and
 * open its random sources: afterwards no function of this folder opens a file, so a process may enter its
 * sandbox. Call once, before. ERR_CRYPTO when OpenSSL does not work here. Only what comes from files is done
 * ahead: a command that looks at something needs none of the rest, which takes milliseconds. */
int crypto_warm_up(struct err *err);

#endif
