/*
 * What the engine's ledger.c is to the store: the buckets of policy/ledger.h, kept by their keys, here in a
 * table in memory. The same calls in the same places: before an order, when it is placed, when there is a
 * certificate, and when the CA refused.
 */
#ifndef SIMULATION_BOOK_H
#define SIMULATION_BOOK_H

#include "world.h"

#include "policy/ledger.h"

struct book;

/* NULL where memory ended. */
struct book *book_new(const struct world *w);
void book_free(struct book *b);

/* A bucket that an order looks at. */
struct book_part {
    const struct rate_limit *limit;
    int64_t *at_us;
    enum ledger_moment taken;
};

enum { BOOK_PARTS_MAX = LIMITS_N };

struct book_order {
    struct book_part parts[BOOK_PARTS_MAX];
    size_t n;
};

/* What an order of this certificate at this account looks at. */
void book_open(
    struct book *b, uint32_t cert, uint8_t account, enum ledger_order kind, struct book_order *out);

/* New orders that the account may place now; INT64_MAX without a limit. Where there are none, in *may_at when
 * there is one. */
int64_t book_orders_left(const struct book *b, uint8_t account, uint32_t now, uint32_t *may_at);

/* Whether a token of each is free, else when that is so (of the one that takes longest). */
bool book_may_order(const struct book_order *o, uint32_t now, uint32_t *may_at);
void book_take(const struct book_order *o, enum ledger_moment moment, uint32_t now);
/* The CA refused the order although every token seemed free. */
void book_refused(const struct book_order *o, uint32_t now, uint32_t retry_at);

#endif
