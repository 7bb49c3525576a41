#include "processes/provider_directories.h"

#include <stdlib.h>

static const char *from_environment(const char *variable, const char *otherwise)
{
    const char *dir = secure_getenv(variable);
    return dir != NULL && dir[0] == '/' ? dir : otherwise;
}

struct provider_directories provider_directories(void)
{
    return (struct provider_directories){from_environment("EVERCERT_PROVIDERS", EVERCERT_PROVIDERS),
        from_environment("EVERCERT_LOCAL_PROVIDERS", "/etc/evercert/providers")};
}
