#include "run_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t run_chance(struct run *r)
{
    return chance_next(&r->world->chance);
}

/* --- dates --- */

void run_schedule(struct run *r, struct cert *c)
{
    struct renewal_info_date d = {.not_before = {c->not_before},
        .not_after = {c->not_after},
        .renewed_at = {c->renewed_at},
        .pick = {c->ari_pick},
        .now = {r->now},
        .random = run_chance(r)};
    c->due_at = (uint32_t)renewal_info_due(&d).s;
    /* No chance and no present in this one: the date that the renewal was to have, whatever came of it. */
    d.random = 0;
    d.now = (struct wall){0};
    c->urgent_at = (uint32_t)turn_urgent_at(renewal_info_due(&d), d.not_after).s;
}

void run_sleep(struct run *r, uint32_t cert, uint32_t due_at)
{
    struct cert *c = &r->world->certs[cert];
    c->state = CERT_SLEEPS;
    c->due_at = due_at;
    event_add(r->world, due_at, EVENT_DUE, cert);
}

/* --- renewal information --- */

static uint32_t poll_at(struct run *r, const struct cert *c, enum renewal_answer answer)
{
    const struct renewal_poll poll = {.answer = answer,
        .failures = c->ari_failures,
        .retry_at = {answer == RENEWAL_ANSWER_GOOD ? (int64_t)r->now + CA_POLL_S : 0},
        .now = {r->now},
        .not_after = {c->not_after},
        .random = run_chance(r)};
    return (uint32_t)renewal_info_poll_at(&poll).s;
}

void run_ask_window(struct run *r, struct cert *c)
{
    if (!ca_has_windows(r->world->accounts[c->account[c->issued_by]].ca))
        return;
    struct renewal_window was = {{c->ari_start}, {c->ari_end}}, is = ca_window(r->ca, c);
    c->ari_pick = (uint32_t)renewal_info_pick(is, was, (struct wall){c->ari_pick}, run_chance(r)).s;
    c->ari_start = (uint32_t)is.start.s;
    c->ari_end = (uint32_t)is.end.s;
    c->ari_failures = 0;
    c->ari_due_at = poll_at(r, c, RENEWAL_ANSWER_GOOD);
    run_schedule(r, c);
}

/* Answers that say what the one before said change nothing, so only those are events that bring another. When
 * the next one is asked for follows from the first: every six hours. */
static void revoke(struct run *r)
{
    for (uint32_t i = 0; i < r->world->cert_n; i++) {
        struct cert *c = &r->world->certs[i];
        if (c->not_after <= r->now || c->ari_due_at == 0 ||
            !chance_of(&r->world->chance, r->scenario->revocation_ppm))
            continue;
        c->flags |= CERT_MOVED;
        r->figures->moved++;
        while (c->ari_due_at < r->now)
            c->ari_due_at += CA_POLL_S;
        event_add(r->world, c->ari_due_at, EVENT_POLL, i);
    }
}

static void poll(struct run *r, uint32_t cert)
{
    struct cert *c = &r->world->certs[cert];
    if ((c->flags & CERT_MOVED) == 0 || c->ari_due_at != r->now)
        return; /* renewed meanwhile */
    if (ca_is_down(r->ca, CA_MAIN, r->now)) {
        c->ari_failures++;
        c->ari_due_at = poll_at(r, c, RENEWAL_ANSWER_TEMPORARY);
        if (c->ari_due_at != 0)
            event_add(r->world, c->ari_due_at, EVENT_POLL, cert);
        return;
    }
    /* What failed, waits or is due has dates of its own. */
    struct cert before = *c;
    run_ask_window(r, c);
    bool scheduled = c->state == CERT_SLEEPS && before.due_at > r->now && c->tries[0].due_at == 0 &&
                     c->tries[1].due_at == 0;
    if (scheduled) {
        event_add(r->world, c->due_at, EVENT_DUE, cert);
    } else {
        c->due_at = before.due_at;
        c->urgent_at = before.urgent_at;
    }
}

/* --- queues --- */

static void line_add(struct run *r, struct line *l, uint32_t cert)
{
    struct cert *c = &r->world->certs[cert];
    c->next = NONE;
    c->previous = l->last;
    if (l->last != NONE)
        r->world->certs[l->last].next = cert;
    else
        l->first = cert;
    l->last = cert;
}

static void line_remove(struct run *r, struct line *l, uint32_t cert)
{
    const struct cert *c = &r->world->certs[cert];
    if (c->previous != NONE)
        r->world->certs[c->previous].next = c->next;
    else
        l->first = c->next;
    if (c->next != NONE)
        r->world->certs[c->next].previous = c->previous;
    else
        l->last = c->previous;
}

/* The lane of these accounts; it is busy from now on. */
static uint16_t lane_of(struct run *r, const uint8_t *account, const bool *takes, size_t n)
{
    uint16_t number = 0;
    for (size_t i = 0; i < n; i++) /* 1 + 6 bits, and one to tell one account from two */
        number = (uint16_t)(number | (takes[i] << 6 | account[i]) << (i == 0 ? 8 : 0));
    number = (uint16_t)(number | (n > 1) << 7);
    struct lane *l = &r->lanes[number];
    if (l->is_busy)
        return number;
    *l = (struct lane){.n = (uint8_t)n, .is_busy = true, .routine = {NONE, NONE}, .urgent = {NONE, NONE}};
    memcpy(l->account, account, n);
    memcpy(l->takes, takes, n * sizeof *takes);
    size_t i = r->busy_n++;
    for (; i > 0 && r->busy[i - 1] > number; i--)
        r->busy[i] = r->busy[i - 1];
    r->busy[i] = number;
    return number;
}

static void note_fresh(struct run *r, uint32_t cert)
{
    if (r->fresh_n == r->fresh_size) {
        r->fresh_size = r->fresh_size == 0 ? 1024 : 2 * r->fresh_size;
        r->fresh = realloc(r->fresh, r->fresh_size * sizeof *r->fresh);
        if (r->fresh == NULL)
            abort();
    }
    r->fresh[r->fresh_n++] = cert;
}

static void wait_in_line(struct run *r, uint32_t cert)
{
    uint8_t account[AUTHORITIES_MAX];
    bool takes[AUTHORITIES_MAX];
    struct cert *c = &r->world->certs[cert];
    if (c->state != CERT_SLEEPS || c->due_at != r->now)
        return; /* it got another date meanwhile */
    size_t n = attempt_lane(r, cert, account, takes);
    bool urgent = c->urgent_at != 0 && c->urgent_at <= r->now;
    c->lane = lane_of(r, account, takes, n);
    c->state = urgent ? CERT_PRESSES : CERT_WAITS;
    line_add(r, urgent ? &r->lanes[c->lane].urgent : &r->lanes[c->lane].routine, cert);
    r->waiting++;
    if (!urgent && c->urgent_at != 0)
        note_fresh(r, cert);
}

/* Whoever got no place at once is looked at again when it becomes urgent. */
static void note_urgent(struct run *r)
{
    for (size_t i = 0; i < r->fresh_n; i++) {
        const struct cert *c = &r->world->certs[r->fresh[i]];
        if (c->state == CERT_WAITS)
            event_add(r->world, c->urgent_at, EVENT_URGENT, r->fresh[i]);
    }
    r->fresh_n = 0;
}

static void press(struct run *r, uint32_t cert)
{
    struct cert *c = &r->world->certs[cert];
    if (c->state != CERT_WAITS || c->urgent_at != r->now)
        return;
    line_remove(r, &r->lanes[c->lane].routine, cert);
    line_add(r, &r->lanes[c->lane].urgent, cert);
    c->state = CERT_PRESSES;
}

/* --- whose turn it is (the engine's queue.c and plan.c) --- */

static bool has_cert(const struct lane *l)
{
    return l->urgent.first != NONE || l->routine.first != NONE;
}

/* The first of its accounts that does not rest and has an order left. */
static void look_at(const struct run *r, struct lane *l)
{
    l->is_open = false;
    l->until = UINT32_MAX;
    for (uint8_t i = 0; i < l->n && !l->is_open; i++) {
        uint32_t may_at;
        const struct outage *o = &r->outages[l->account[i]];
        l->open_at = l->account[i];
        l->of = i;
        if (outage_rests(o, (struct wall){r->now}))
            may_at = (uint32_t)o->until.s;
        else if (!l->takes[i] || book_orders_left(r->book, l->account[i], r->now, &may_at) > 0)
            l->is_open = true;
        if (!l->is_open && may_at < l->until)
            l->until = may_at;
    }
}

static bool has_work(const struct run *r, const struct lane *l)
{
    uint32_t may_at;
    return has_cert(l) && l->is_open &&
           (!l->takes[l->of] || book_orders_left(r->book, l->open_at, r->now, &may_at) > 0);
}

/* Of an account's lanes: each in turn, one with something urgent first. */
static struct lane *best_lane(struct run *r, size_t account)
{
    struct lane *best = NULL;
    for (size_t i = 0; i < r->busy_n; i++) {
        struct lane *l = &r->lanes[r->busy[i]];
        if (l->open_at != account || !has_work(r, l))
            continue;
        bool first = best == NULL || l->taken < best->taken ||
                     (l->taken == best->taken && l->urgent.first != NONE && best->urgent.first == NONE);
        if (first)
            best = l;
    }
    return best;
}

static void look(struct run *r)
{
    for (size_t i = 0; i < r->world->account_n; i++)
        r->queues[i].has_work = false;
    for (size_t i = 0; i < r->busy_n; i++) {
        struct lane *l = &r->lanes[r->busy[i]];
        l->taken = 0;
        look_at(r, l);
        if (!l->is_open)
            continue;
        r->queues[l->open_at].has_work = true;
        r->queues[l->open_at].max = outage_places(&r->outages[l->open_at], (struct wall){r->now}, PLACES);
    }
}

static uint32_t take_first(struct run *r, struct lane *lane)
{
    struct line *l = lane->urgent.first != NONE ? &lane->urgent : &lane->routine;
    uint32_t cert = l->first;
    line_remove(r, l, cert);
    r->waiting--;
    lane->taken++;
    return cert;
}

static void take_off(struct run *r, size_t account, struct lane *lane)
{
    uint32_t cert = take_first(r, lane);
    struct flight *f = &r->flights[r->flight_n];
    f->place = (uint8_t)account;
    r->world->certs[cert].state = CERT_FLIES;
    if (!attempt_begin(r, cert, f))
        return;
    r->queues[account].served = ++r->turns;
    r->queues[account].in_flight++;
    r->flight_n++;
    r->landing_at = f->end < r->landing_at ? f->end : r->landing_at;
    if (r->flight_n > r->figures->in_flight_most)
        r->figures->in_flight_most = r->flight_n;
}

/* Places are given away until nobody gets one. */
static void fill(struct run *r)
{
    r->look_at = UINT32_MAX;
    if (r->waiting == 0)
        return;
    look(r);
    for (;;) {
        size_t account = turn_next(r->queues, r->world->account_n, PLACES);
        if (account == SIZE_MAX)
            break;
        struct lane *lane = best_lane(r, account);
        r->queues[account].has_work = lane != NULL;
        if (lane != NULL)
            take_off(r, account, lane);
    }
    size_t kept = 0;
    for (size_t i = 0; i < r->busy_n; i++) {
        struct lane *l = &r->lanes[r->busy[i]];
        l->is_busy = has_cert(l);
        if (!l->is_busy)
            continue;
        r->busy[kept++] = r->busy[i];
        look_at(r, l); /* orders may be used up now */
        if (!l->is_open && l->until < r->look_at)
            r->look_at = l->until;
    }
    r->busy_n = kept;
}

static void land(struct run *r)
{
    if (r->landing_at > r->now)
        return;
    r->landing_at = UINT32_MAX;
    for (size_t i = 0; i < r->flight_n;) {
        struct flight *f = &r->flights[i];
        if (f->end > r->now || attempt_end(r, f)) {
            r->landing_at = f->end < r->landing_at ? f->end : r->landing_at;
            i++;
            continue;
        }
        r->queues[f->place].in_flight--;
        *f = r->flights[--r->flight_n];
    }
}

/* --- the clock --- */

static void close_hours(struct run *r, uint32_t until)
{
    struct figures *f = r->figures;
    while (r->hour < SIMULATION_HOURS && until >= SIMULATION_START + (r->hour + 1) * HOUR) {
        f->backlog[r->hour] = r->waiting;
        f->backlog_most[r->hour] = r->waiting_most;
        r->waiting_most = r->waiting;
        r->hour++;
    }
}

static uint32_t next_at(const struct run *r)
{
    uint32_t at = event_next_at(r->world);
    at = r->landing_at < at ? r->landing_at : at;
    at = r->waiting > 0 && r->look_at < at ? r->look_at : at;
    return at;
}

static void happen(struct run *r)
{
    while (event_next_at(r->world) <= r->now) {
        struct event e = event_take(r->world);
        switch (e.kind) {
        case EVENT_DUE:
            wait_in_line(r, e.cert);
            break;
        case EVENT_URGENT:
            press(r, e.cert);
            break;
        case EVENT_POLL:
            poll(r, e.cert);
            break;
        case EVENT_REVOCATION:
            revoke(r);
            break;
        }
    }
}

static void go(struct run *r)
{
    for (;;) {
        uint32_t at = next_at(r);
        close_hours(r, at < SIMULATION_END ? at : SIMULATION_END);
        if (at >= SIMULATION_END)
            return;
        r->now = at;
        land(r);
        happen(r);
        fill(r);
        note_urgent(r);
        r->waiting_most = r->waiting > r->waiting_most ? r->waiting : r->waiting_most;
    }
}

/* --- beginning and end --- */

/* Orders take 2 to 60 seconds, short ones far more often: the logarithm is spread evenly. */
static void set_durations(struct run *r)
{
    for (size_t i = 0; i < 1024; i++)
        r->duration[i] = (uint16_t)lround(2 * pow(30, ((double)i + 0.5) / 1024));
}

static void set_dates(struct run *r)
{
    uint32_t wave_at = SIMULATION_START + (uint32_t)r->scenario->wave_day * DAY;
    for (uint32_t i = 0; i < r->world->cert_n; i++) {
        struct cert *c = &r->world->certs[i];
        if (c->not_after == 0) {
            c->urgent_at = 0;
            run_sleep(r, i, wave_at);
            continue;
        }
        run_schedule(r, c);
        run_ask_window(r, c);
        /* It was issued in the past, and has been asked for since. */
        if (c->ari_due_at != 0)
            c->ari_due_at -= chance_below(&r->world->chance, CA_POLL_S);
        run_sleep(r, i, c->due_at);
    }
    if (r->scenario->revocation_ppm > 0)
        event_add(
            r->world, SIMULATION_START + (uint32_t)r->scenario->revocation_day * DAY, EVENT_REVOCATION, 0);
}

static void count_expired(struct run *r)
{
    for (uint32_t i = 0; i < r->world->cert_n; i++) {
        const struct cert *c = &r->world->certs[i];
        if (c->not_after == 0)
            r->figures->wave_left += c->dead_at == 0;
        else if (c->not_after <= SIMULATION_END && c->dead_at != 0)
            r->figures->hopeless++;
        else if (c->not_after <= SIMULATION_END)
            r->figures->expired++;
    }
}

static bool begin(struct run *r, const struct scenario *s, uint32_t cert_n, uint32_t seed)
{
    r->scenario = s;
    r->now = SIMULATION_START;
    r->world = world_new(s, cert_n, seed);
    r->ca = r->world != NULL ? ca_new(r->world) : NULL;
    r->book = r->world != NULL ? book_new(r->world) : NULL;
    r->landing_at = r->look_at = UINT32_MAX;
    for (size_t i = 0; i < ACCOUNTS_MAX; i++)
        r->failed_last[i] = NONE;
    set_durations(r);
    return r->ca != NULL && r->book != NULL;
}

bool run(const struct scenario *s, uint32_t cert_n, uint32_t seed, struct figures *out)
{
    memset(out, 0, sizeof *out);
    *out = (struct figures){.scenario = s, .cert_n = cert_n, .seed = seed, .places = PLACES};
    for (int i = 0; i < CLASSES; i++) {
        out->closest_s[i] = INT64_MAX;
        out->closest_ppm[i] = MILLION;
    }
    struct run *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->figures = out;
    bool begun = begin(r, s, cert_n, seed);
    if (begun) {
        set_dates(r);
        go(r);
        count_expired(r);
    }
    book_free(r->book);
    ca_free(r->ca);
    world_free(r->world);
    free(r->fresh);
    free(r);
    return begun;
}
