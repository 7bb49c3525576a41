#include "config/limits.h"

#include "config/presets.h"

const struct rate_limit *limits_of_directory(struct str directory, size_t *n)
{
    const struct preset *preset = preset_of_directory(directory);
    *n = preset == NULL ? 0 : preset->limit_n;
    return preset == NULL ? NULL : preset->limits;
}
