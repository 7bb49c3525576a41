/*
 * The simulated CAs: what they answer, with limits of their own making (tokens that are refilled as time
 * goes by, not the arrival times of policy/ledger.c), an outage, and renewal windows (RFC 9773).
 */
#ifndef SIMULATION_CA_H
#define SIMULATION_CA_H

#include "world.h"

#include "policy/renewal_info.h"

struct ca;

/* NULL where memory ended. */
struct ca *ca_new(const struct world *w);
void ca_free(struct ca *ca);

/* What each kind of CA offers. */
bool ca_has_windows(enum ca_kind kind);
bool ca_has_staging(enum ca_kind kind);

bool ca_is_down(const struct ca *ca, enum ca_kind kind, uint32_t now);

struct ca_order {
    uint32_t cert;
    uint8_t account;
    bool replaces; /* the request says which certificate it replaces */
};

/* A new order that arrives at `at` (seconds, with fractions): 0 where it is taken, else the second from which
 * on the CA would take it, for Retry-After. It judges for itself what the order counts as. */
uint32_t ca_take_order(struct ca *ca, const struct ca_order *order, double at);

/* The order is fulfilled: counts the certificate and gives its lifetime in seconds. */
int64_t ca_issue(struct ca *ca, const struct ca_order *order, uint32_t now);

/* suggestedWindow of the certificate as it is. */
struct renewal_window ca_window(const struct ca *ca, const struct cert *c);

/* What it sends as Retry-After of renewal information, in seconds. */
enum { CA_POLL_S = 6 * HOUR };

#endif
