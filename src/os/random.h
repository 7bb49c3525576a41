/* Random numbers from the kernel. For anything that must be unguessable as well as for jitter. */
#ifndef EVERCERT_OS_RANDOM_H
#define EVERCERT_OS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills p[0..n). Waits at boot until the kernel is seeded; ends the process where there is no randomness at
 * all, since nothing sensible could go on. */
void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
/* Evenly distributed in 0 .. n-1; 0 for n <= 1. */
uint64_t random_below(uint64_t n);

#endif
