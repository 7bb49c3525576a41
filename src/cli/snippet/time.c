#include "cli/snippet/time.h"

#include <limits.h>
#include <stdint.h>
#include <unistd.h>

/* FNV-1a, which is enough to spread machines over minutes. */
static uint64_t add(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

struct snippet_minute snippet_minute_of_host(const char *text)
{
    char host[HOST_NAME_MAX + 1] = "";
    (void)gethostname(host, sizeof host - 1);
    uint64_t hash = add(add(UINT64_C(0xcbf29ce484222325), host), text);
    hash ^= hash >> 32;
    return (struct snippet_minute){1 + (unsigned)(hash % 59), 1 + (unsigned)(hash / 59 % 11)};
}
