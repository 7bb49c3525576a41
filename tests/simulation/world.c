#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* --- events: a binary heap of time, kind and number in one word --- */

enum { KIND_BITS = 2, CERT_BITS = 30 };

void event_add(struct world *w, uint32_t at, enum event_kind kind, uint32_t cert)
{
    if (w->heap_n == w->heap_size) {
        w->heap_size = w->heap_size == 0 ? 1024 : 2 * w->heap_size;
        w->heap = realloc(w->heap, w->heap_size * sizeof *w->heap);
        if (w->heap == NULL)
            abort();
    }
    uint64_t word = (uint64_t)at << 32 | (uint64_t)kind << CERT_BITS | cert;
    size_t i = w->heap_n++;
    for (; i > 0 && w->heap[(i - 1) / 2] > word; i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = word;
}

uint32_t event_next_at(const struct world *w)
{
    return w->heap_n > 0 ? (uint32_t)(w->heap[0] >> 32) : UINT32_MAX;
}

struct event event_take(struct world *w)
{
    uint64_t top = w->heap[0], last = w->heap[--w->heap_n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < w->heap_n && w->heap[child + 1] < w->heap[child])
            child++;
        if (child >= w->heap_n || w->heap[child] >= last)
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return (struct event){.at = (uint32_t)(top >> 32),
        .cert = (uint32_t)(top & ((UINT64_C(1) << CERT_BITS) - 1)),
        .kind = (enum event_kind)(top >> CERT_BITS & ((1 << KIND_BITS) - 1))};
}

/* --- accounts --- */

/* Of each CA: its share of all certificates in a hundred, and at how many of them another account is made. */
static const struct {
    const char *url;
    uint32_t percent, per_account, at_least;
} cas[CA_KINDS] = {
    [CA_MAIN] = {"https://main.example/directory", 70, 50000, 2},
    [CA_PLAIN] = {"https://plain.example/directory", 20, 50000, 1},
    [CA_STRICT] = {"https://strict.example/directory", 10, 50000, 1},
};

struct span {
    size_t first, n;
};

static void make_accounts(struct world *w, struct span of[CA_KINDS])
{
    for (int ca = 0; ca < CA_KINDS; ca++) {
        size_t n = (size_t)((uint64_t)w->cert_n * cas[ca].percent / 100 / cas[ca].per_account);
        n = n < cas[ca].at_least ? cas[ca].at_least : n;
        of[ca].first = w->account_n;
        for (size_t i = 0; i < n && w->account_n < ACCOUNTS_MAX - (size_t)(CA_KINDS - ca); i++) {
            struct account *a = &w->accounts[w->account_n++];
            a->ca = (enum ca_kind)ca;
            snprintf(a->id, sizeof a->id, "%s#%zu", cas[ca].url, i);
        }
        of[ca].n = w->account_n - of[ca].first;
    }
}

static uint8_t some_account(struct chance *c, struct span of)
{
    return (uint8_t)(of.first + chance_below(c, (uint32_t)of.n));
}

/* --- certificates --- */

/* One in ten certificates belongs to a customer with this many under one registered domain. */
enum { CUSTOMER_PERCENT = 10, CUSTOMER_CERTS = 64, SECOND_PPM = 50000 };

static void choose_authorities(
    struct chance *chance, const struct scenario *s, const struct span of[CA_KINDS], struct cert *c)
{
    uint32_t percent = chance_below(chance, 100);
    int ca = percent < cas[CA_MAIN].percent                           ? CA_MAIN
             : percent < cas[CA_MAIN].percent + cas[CA_PLAIN].percent ? CA_PLAIN
                                                                      : CA_STRICT;
    c->account[0] = some_account(chance, of[ca]);
    c->account_n = 1;
    if (ca == CA_MAIN && chance_of(chance, SECOND_PPM))
        c->account[c->account_n++] = some_account(chance, of[CA_PLAIN]);
    if (ca == CA_MAIN && c->account_n == 1 && chance_of(chance, s->short_ppm))
        c->flags |= CERT_SHORT;
    if (chance_of(chance, s->wave_ppm))
        c->flags |= CERT_NEW;
}

/* Up to where its window begins. */
static void set_age(struct chance *chance, const struct scenario *s, struct cert *c)
{
    bool is_short = (c->flags & CERT_SHORT) != 0;
    uint32_t lifetime = (uint32_t)scenario_lifetime_s(s, SIMULATION_START, is_short);
    if ((c->flags & CERT_NEW) != 0)
        return;
    c->not_before = SIMULATION_START - chance_below(chance, lifetime / 100 * (is_short ? 49 : 65));
    c->not_after = c->not_before + lifetime;
}

static void make_certs(struct world *w, const struct span of[CA_KINDS], uint64_t seed)
{
    uint32_t of_customers = (uint32_t)((uint64_t)w->cert_n * CUSTOMER_PERCENT / 100);
    struct chance chance = {seed};
    struct chance customer = chance;
    for (uint32_t i = 0; i < w->cert_n; i++) {
        struct cert *c = &w->certs[i];
        bool begins = i >= of_customers || i % CUSTOMER_CERTS == 0;
        if (begins) {
            w->domain_n++;
            customer = (struct chance){chance_next(&chance)};
        }
        /* All of one customer's have the same authorities, and arrive together. */
        struct chance same = customer;
        choose_authorities(&same, w->scenario, of, c);
        c->domain = w->domain_n - 1;
        set_age(&chance, w->scenario, c);
        if (chance_of(&chance, w->scenario->dead_ppm))
            c->dead_at = SIMULATION_START + chance_below(&chance, SIMULATION_DAYS * DAY);
    }
    w->chance = chance;
}

struct world *world_new(const struct scenario *s, uint32_t n, uint64_t seed)
{
    struct span of[CA_KINDS];
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->scenario = s;
    w->cert_n = n;
    w->certs = calloc(n, sizeof *w->certs);
    if (w->certs == NULL) {
        free(w);
        return NULL;
    }
    make_accounts(w, of);
    make_certs(w, of, seed);
    return w;
}

void world_free(struct world *w)
{
    if (w == NULL)
        return;
    free(w->certs);
    free(w->heap);
    free(w);
}

const char *world_name(const struct cert *c, uint32_t number, char out[NAME_MAX_])
{
    snprintf(out, NAME_MAX_, "w%u.customer%u.example", (unsigned)number, (unsigned)c->domain);
    return out;
}
