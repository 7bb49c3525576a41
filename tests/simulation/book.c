#include "book.h"

#include "base/arena.h"
#include "base/attr.h"

#include <stdlib.h>

struct slot {
    uint64_t key; /* a hash of it; 0: free */
    int64_t at_us;
};

struct book {
    const struct world *world;
    struct slot *slots;
    size_t mask;
    int64_t *orders[ACCOUNTS_MAX]; /* the bucket of each account's orders */
};

void book_free(struct book *b)
{
    if (b == NULL)
        return;
    free(b->slots);
    free(b);
}

static uint64_t hash(const char *key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *key != '\0'; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    return h != 0 ? h : 1;
}

static int64_t *find(struct book *b, const char *key)
{
    uint64_t h = hash(key);
    size_t i = h & b->mask;
    while (b->slots[i].key != h && b->slots[i].key != 0)
        i = (i + 1) & b->mask;
    b->slots[i].key = h;
    return &b->slots[i].at_us;
}

struct book *book_new(const struct world *w)
{
    struct book *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    /* A set and a domain for each certificate at two CAs at most, and a half of all slots free. */
    size_t size = 1024;
    while (size < (size_t)w->cert_n * 4)
        size *= 2;
    b->world = w;
    b->mask = size - 1;
    b->slots = calloc(size, sizeof *b->slots);
    if (b->slots == NULL) {
        free(b);
        return NULL;
    }
    for (size_t i = 0; i < w->account_n; i++) {
        char key[LEDGER_KEY_MAX];
        b->orders[i] = find(b, ledger_key(LIMIT_ORDERS, str_c(w->accounts[i].id), STR(""), key));
    }
    return b;
}

static const struct rate_limit *limit_of(const struct book *b, uint8_t account, enum limit_kind kind)
{
    const struct rate_limit *limits = b->world->scenario->limits[b->world->accounts[account].ca];
    for (size_t i = 0; limits != NULL && i < LIMITS_N; i++)
        if (limits[i].kind == kind)
            return &limits[i];
    return NULL;
}

void book_open(struct book *b, uint32_t cert, uint8_t account, enum ledger_order kind, struct book_order *out)
{
    char text[NAME_MAX_], key[LEDGER_KEY_MAX];
    const struct account *a = &b->world->accounts[account];
    struct ledger_subject *subjects;
    out->n = 0;
    if (b->world->scenario->limits[a->ca] == NULL)
        return;
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct str name = str_c(world_name(&b->world->certs[cert], cert, text));
    size_t n = ledger_order_subjects(&name, 1, kind, arena, &subjects);
    for (size_t i = 0; i < n; i++) {
        const struct rate_limit *limit = limit_of(b, account, subjects[i].kind);
        if (limit == NULL)
            continue;
        ledger_key(subjects[i].kind, str_c(a->id), subjects[i].subject, key);
        out->parts[out->n++] = (struct book_part){limit, find(b, key), subjects[i].taken};
    }
}

int64_t book_orders_left(const struct book *b, uint8_t account, uint32_t now, uint32_t *may_at)
{
    struct wall at;
    const struct rate_limit *limit = limit_of(b, account, LIMIT_ORDERS);
    *may_at = now;
    if (limit == NULL)
        return INT64_MAX;
    int64_t left = ledger_free(limit, *b->orders[account], (struct wall){now});
    if (left <= 0 && !ledger_check(limit, *b->orders[account], (struct wall){now}, &at))
        *may_at = (uint32_t)at.s;
    return left;
}

bool book_may_order(const struct book_order *o, uint32_t now, uint32_t *may_at)
{
    bool free = true;
    *may_at = now;
    for (size_t i = 0; i < o->n; i++) {
        struct wall at;
        if (ledger_check(o->parts[i].limit, *o->parts[i].at_us, (struct wall){now}, &at))
            continue;
        free = false;
        if (at.s > *may_at)
            *may_at = (uint32_t)at.s;
    }
    return free;
}

void book_take(const struct book_order *o, enum ledger_moment moment, uint32_t now)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct book_part *p = &o->parts[i];
        if (p->taken == moment)
            *p->at_us = (moment == LEDGER_AT_ORDER ? ledger_take_sent : ledger_take)(
                p->limit, *p->at_us, (struct wall){now});
    }
}

void book_refused(const struct book_order *o, uint32_t now, uint32_t retry_at)
{
    struct rate_limit counted[BOOK_PARTS_MAX];
    uint32_t may_at;
    if (retry_at == 0 || !book_may_order(o, now, &may_at))
        return;
    for (size_t i = 0; i < o->n; i++)
        counted[i] = *o->parts[i].limit;
    const struct rate_limit *guess = ledger_guess(counted, o->n, (int64_t)retry_at - now);
    for (size_t i = 0; guess != NULL && i < o->n; i++)
        if (o->parts[i].limit->kind == guess->kind)
            *o->parts[i].at_us = ledger_full(
                o->parts[i].limit, *o->parts[i].at_us, (struct wall){now}, (struct wall){retry_at});
}
