/* Sums and differences of seconds or microseconds that stop at the ends of the type: a time that far away is
 * as good as never. Used inside policy/. */
#ifndef EVERCERT_POLICY_SATURATE_H
#define EVERCERT_POLICY_SATURATE_H

#include <stdint.h>

static inline int64_t add_sat(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

static inline int64_t sub_sat(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return b < 0 ? INT64_MAX : INT64_MIN;
    return difference;
}

/* For b >= 0. */
static inline int64_t mul_sat(int64_t a, int64_t b)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return a < 0 ? INT64_MIN : INT64_MAX;
    return product;
}

static inline int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* 0 to `most`, both included. */
static inline int64_t chance(uint64_t random, int64_t most)
{
    return most <= 0 ? 0 : (int64_t)(random % ((uint64_t)most + 1));
}

#endif
