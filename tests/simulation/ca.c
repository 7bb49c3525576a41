#include "ca.h"

#include <stdlib.h>

/* How many tokens were there at that time. All are where `at` is 0. */
struct bucket {
    double tokens, at;
};

/* Which CAs have issued for the names as they are now, a bit each. */
struct ca {
    const struct world *world;
    struct bucket accounts[ACCOUNTS_MAX];
    struct bucket *domains, *sets;
    uint8_t *seen;
};

struct ca *ca_new(const struct world *w)
{
    struct ca *ca = calloc(1, sizeof *ca);
    if (ca == NULL)
        return NULL;
    ca->world = w;
    ca->domains = calloc(w->domain_n, sizeof *ca->domains);
    ca->sets = calloc(w->cert_n, sizeof *ca->sets);
    ca->seen = calloc(w->cert_n, sizeof *ca->seen);
    if (ca->domains == NULL || ca->sets == NULL || ca->seen == NULL) {
        ca_free(ca);
        return NULL;
    }
    for (uint32_t i = 0; i < w->cert_n; i++)
        if (w->certs[i].not_after != 0)
            ca->seen[i] = (uint8_t)(1U << w->accounts[w->certs[i].account[0]].ca);
    return ca;
}

void ca_free(struct ca *ca)
{
    if (ca == NULL)
        return;
    free(ca->domains);
    free(ca->sets);
    free(ca->seen);
    free(ca);
}

bool ca_has_windows(enum ca_kind kind)
{
    return kind == CA_MAIN;
}

bool ca_has_staging(enum ca_kind kind)
{
    return kind == CA_MAIN;
}

bool ca_is_down(const struct ca *ca, enum ca_kind kind, uint32_t now)
{
    const struct scenario *s = ca->world->scenario;
    uint32_t from = SIMULATION_START + (uint32_t)s->outage_day * DAY;
    return kind == CA_MAIN && now >= from && now < from + (uint32_t)s->outage_days * DAY;
}

/* --- limits --- */

static const struct rate_limit *limit_of(const struct ca *ca, uint8_t account, enum limit_kind kind)
{
    const struct rate_limit *limits = ca->world->scenario->limits[ca->world->accounts[account].ca];
    for (size_t i = 0; limits != NULL && i < LIMITS_N; i++)
        if (limits[i].kind == kind)
            return &limits[i];
    return NULL;
}

static void refill(struct bucket *b, const struct rate_limit *limit, double at)
{
    double burst = (double)limit->burst;
    double tokens =
        b->at == 0 ? burst : b->tokens + (at > b->at ? at - b->at : 0) * burst / (double)limit->period_s;
    b->tokens = tokens < burst ? tokens : burst;
    b->at = at > b->at ? at : b->at;
}

/* 0 where there is a token, else when there is one. */
static uint32_t look(struct bucket *b, const struct rate_limit *limit, double at)
{
    if (limit == NULL)
        return 0;
    refill(b, limit, at);
    if (b->tokens >= 1)
        return 0;
    return (uint32_t)(b->at + (1 - b->tokens) * (double)limit->period_s / (double)limit->burst) + 1;
}

static void take(struct bucket *b, const struct rate_limit *limit, double at)
{
    if (limit == NULL)
        return;
    refill(b, limit, at);
    b->tokens -= b->tokens >= 1 ? 1 : b->tokens;
}

/* The limits of Let's Encrypt: what replaces a certificate in its window is free, and the same names again
 * count for that set only. */
enum counts { COUNTS_NOTHING, COUNTS_SET, COUNTS_ALL };

static enum counts counts_as(const struct ca *ca, const struct ca_order *order, uint32_t now)
{
    const struct cert *c = &ca->world->certs[order->cert];
    enum ca_kind kind = ca->world->accounts[order->account].ca;
    if (order->replaces && ca_has_windows(kind) && now >= (uint32_t)ca_window(ca, c).start.s)
        return COUNTS_NOTHING;
    bool same = (ca->seen[order->cert] & 1U << kind) != 0 && (c->flags & CERT_RENAMED) == 0;
    return same ? COUNTS_SET : COUNTS_ALL;
}

uint32_t ca_take_order(struct ca *ca, const struct ca_order *order, double at)
{
    const struct cert *c = &ca->world->certs[order->cert];
    enum counts counts = counts_as(ca, order, (uint32_t)at);
    uint32_t retry_at = 0;
    if (counts == COUNTS_NOTHING)
        return 0;
    retry_at = look(&ca->sets[order->cert], limit_of(ca, order->account, LIMIT_EXACT_SET), at);
    if (retry_at == 0 && counts == COUNTS_ALL)
        retry_at = look(&ca->domains[c->domain], limit_of(ca, order->account, LIMIT_DOMAIN), at);
    if (retry_at == 0 && counts == COUNTS_ALL) {
        const struct rate_limit *limit = limit_of(ca, order->account, LIMIT_ORDERS);
        retry_at = look(&ca->accounts[order->account], limit, at);
        if (retry_at == 0)
            take(&ca->accounts[order->account], limit, at);
    }
    return retry_at;
}

int64_t ca_issue(struct ca *ca, const struct ca_order *order, uint32_t now)
{
    const struct cert *c = &ca->world->certs[order->cert];
    enum counts counts = counts_as(ca, order, now);
    if (counts != COUNTS_NOTHING)
        take(&ca->sets[order->cert], limit_of(ca, order->account, LIMIT_EXACT_SET), now);
    if (counts == COUNTS_ALL)
        take(&ca->domains[c->domain], limit_of(ca, order->account, LIMIT_DOMAIN), now);
    if ((c->flags & CERT_RENAMED) != 0)
        ca->seen[order->cert] = 0;
    enum ca_kind kind = ca->world->accounts[order->account].ca;
    ca->seen[order->cert] = (uint8_t)(ca->seen[order->cert] | 1U << kind);
    return scenario_lifetime_s(ca->world->scenario, now, kind == CA_MAIN && (c->flags & CERT_SHORT) != 0);
}

/* --- renewal windows --- */

struct renewal_window ca_window(const struct ca *ca, const struct cert *c)
{
    int64_t lifetime = (int64_t)c->not_after - c->not_before;
    if ((c->flags & CERT_MOVED) != 0) {
        int64_t said = SIMULATION_START + (int64_t)ca->world->scenario->revocation_day * DAY;
        return (struct renewal_window){{said - 90 * MINUTE}, {said - HOUR}};
    }
    /* A fiftieth of the lifetime around the point where a third of it is left, or half for short ones. */
    int64_t ideal = c->not_after - lifetime / (lifetime < 10 * DAY ? 2 : 3);
    return (struct renewal_window){{ideal - lifetime / 100}, {ideal + lifetime / 100}};
}
