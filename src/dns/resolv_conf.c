#include "dns/resolv_conf.h"

#define RESOLV_CONF "/etc/resolv.conf"

struct resolv_stamp resolv_stamp_now(void)
{
    struct stat st;
    if (stat(RESOLV_CONF, &st) != 0)
        return (struct resolv_stamp){0};
    return (struct resolv_stamp){
        .dev = st.st_dev, .ino = st.st_ino, .size = st.st_size, .changed = st.st_ctim};
}

bool resolv_stamp_same(const struct resolv_stamp *a, const struct resolv_stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}
