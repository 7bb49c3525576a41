/* A secret of fixed size: locked in memory where the limit allows, wiped when freed, and never printable
 * because its bytes are only reached by name. Core dumps are forbidden for the whole process (os/sandbox.h).
 */
#ifndef EVERCERT_BASE_SECRET_H
#define EVERCERT_BASE_SECRET_H

#include <stddef.h>

/* The longest are the MAC keys of external account binding: 32 to 64 octets where CAs were seen, and the
 * block of SHA-512 is the longest that makes sense. */
enum { SECRET_MAX = 128 };

struct secret {
    unsigned char bytes[SECRET_MAX];
    size_t n;
};

/* Empty, and locked (mlock) where the system allows; otherwise just empty. */
void secret_init(struct secret *s);
/* Wiped; may be called twice. */
void secret_free(struct secret *s);

#endif
