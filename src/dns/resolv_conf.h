/* Whether /etc/resolv.conf is another one than before. Private to this folder. */
#ifndef EVERCERT_DNS_RESOLV_CONF_H
#define EVERCERT_DNS_RESOLV_CONF_H

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

/* What tells one state of the file from the next; all zero where there is none. */
struct resolv_stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
};

struct resolv_stamp resolv_stamp_now(void);
bool resolv_stamp_same(const struct resolv_stamp *a, const struct resolv_stamp *b);

#endif
