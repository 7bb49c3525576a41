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
    /* The page stays locked: locks do not nest, and another secret may stand on the same page. */
    explicit_bzero(s, sizeof *s);
}
