#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>

void secret_init(struct secret *s)
{
    memset(s, 0, sizeof *s);
    /* Best effort: RLIMIT_MEMLOCK may forbid it, and swap is the administrator's choice then. */
    (void)mlock(s, sizeof *s);
}

void secret_free(struct secret *s)
{
    explicit_bzero(s, sizeof *s);
    (void)munlock(s, sizeof *s);
}
