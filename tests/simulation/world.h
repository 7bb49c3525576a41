/*
 * The certificates, the accounts that have them, and what is due when. Compact, since there are a million:
 * a record has no pointers, and an event is one number in a heap.
 */
#ifndef SIMULATION_WORLD_H
#define SIMULATION_WORLD_H

#include "chance.h"
#include "scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ACCOUNTS_MAX = 64,
    ACCOUNT_ID_MAX = 64,
    AUTHORITIES_MAX = 2, /* of one certificate */
    NAME_MAX_ = 48,
    CERTS_MAX = 1 << 28 /* what an event has room for */
};

enum cert_state {
    CERT_SLEEPS,  /* until due_at */
    CERT_WAITS,   /* due; in its account's routine queue */
    CERT_PRESSES, /* due and urgent; in the urgent one */
    CERT_FLIES    /* an order is under way */
};

enum cert_flag {
    CERT_SHORT = 1,   /* on a profile of 160 hours */
    CERT_MOVED = 2,   /* the CA wants it renewed now */
    CERT_HELD = 4,    /* the ledger said wait */
    CERT_RENAMED = 8, /* its names have changed since it was issued */
    CERT_NEW = 16     /* came with the wave */
};

/* A struct attempt of policy/failover.h in 8 octets. */
struct cert_try {
    uint32_t due_at;
    uint8_t failures, last;
    bool staged;
};

/* Times are seconds since 1970, 0: not set. */
struct cert {
    uint32_t not_before, not_after; /* 0: never issued */
    uint32_t renewed_at, due_at, urgent_at;
    uint32_t ari_start, ari_end, ari_pick, ari_due_at;
    uint32_t next, previous; /* in its queue */
    uint32_t domain;         /* number of its registered domain */
    uint32_t dead_at;        /* validates no more from then on, 0: always does */
    struct cert_try tries[AUTHORITIES_MAX];
    uint8_t account[AUTHORITIES_MAX], account_n, issued_by; /* issued_by: of account[] */
    uint8_t state, flags, ari_failures;
    uint16_t lane; /* that it waits in */
};

struct account {
    enum ca_kind ca;
    char id[ACCOUNT_ID_MAX]; /* as in the store: the directory's URL, "#", a label */
};

enum event_kind { EVENT_DUE, EVENT_URGENT, EVENT_POLL, EVENT_REVOCATION };

struct event {
    uint32_t at, cert;
    enum event_kind kind;
};

struct world {
    const struct scenario *scenario;
    struct chance chance;
    struct cert *certs;
    uint32_t cert_n, domain_n;
    struct account accounts[ACCOUNTS_MAX];
    size_t account_n;
    uint64_t *heap;
    size_t heap_n, heap_size;
};

/* A world in which everything is as if it had always run: certificates of all ages up to two thirds of their
 * lifetimes, and those that will come with the wave, without a certificate. NULL where memory ended. `n` from
 * 1 to CERTS_MAX. */
struct world *world_new(const struct scenario *s, uint32_t n, uint64_t seed);
void world_free(struct world *w);

/* The one DNS name of a certificate; returns `out`. */
const char *world_name(const struct cert *c, uint32_t number, char out[NAME_MAX_]);

/* Events are never taken back: who gets one looks whether it still holds. */
void event_add(struct world *w, uint32_t at, enum event_kind kind, uint32_t cert);
/* The earliest, UINT32_MAX where there is none. */
uint32_t event_next_at(const struct world *w);
/* Takes the earliest; there must be one. Of those of one second in the order of their kinds and numbers. */
struct event event_take(struct world *w);

#endif
