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
    const struct renewal_info_date d = {.not_before = {c->not_before},
        .not_after = {c->not_after},
        .renewed_at = {c->renewed_at},
        .pick = {c->ari_pick},
        .now = {r->now},
        .random = run_chance(r)};
    struct wall due_at = renewal_info_due(&d);
    c->due_at = (uint32_t)due_at.s;
    c->urgent_at = (uint32_t)turn_urgent_at(due_at, d.not_after).s;
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

static void wait_in_line(struct run *r, uint32_t cert)
{
    struct cert *c = &r->world->certs[cert];
    if (c->state != CERT_SLEEPS || c->due_at != r->now)
        return; /* it got another date meanwhile */
    uint8_t queue = attempt_account(r, cert);
    bool urgent = c->urgent_at != 0 && c->urgent_at <= r->now;
    c->state = urgent ? CERT_PRESSES : CERT_WAITS;
    c->queue = queue;
    c->noted = urgent;
    line_add(r, urgent ? &r->urgent[queue] : &r->routine[queue], cert);
    r->queues[queue].has_work = true;
    r->waiting++;
}

/* What waits has an event for the time when it becomes urgent. */
static void press(struct run *r, uint32_t cert)
{
    struct cert *c = &r->world->certs[cert];
    if (c->state != CERT_WAITS || c->urgent_at != r->now)
        return;
    line_remove(r, &r->routine[c->queue], cert);
    line_add(r, &r->urgent[c->queue], cert);
    c->state = CERT_PRESSES;
}

static uint32_t take_first(struct run *r, size_t queue)
{
    bool urgent = r->urgent[queue].first != NONE;
    struct line *l = urgent ? &r->urgent[queue] : &r->routine[queue];
    uint32_t cert = l->first;
    line_remove(r, l, cert);
    r->queues[queue].has_work = r->urgent[queue].first != NONE || r->routine[queue].first != NONE;
    r->waiting--;
    return cert;
}

/* Places are given away until nobody gets one. */
static void fill(struct run *r)
{
    struct world *w = r->world;
    while (r->waiting > 0) {
        for (size_t i = 0; i < w->account_n; i++)
            if (r->queues[i].has_work)
                r->queues[i].max = outage_places(&r->outages[i], (struct wall){r->now}, PLACES);
        size_t queue = turn_next(r->queues, w->account_n, PLACES);
        if (queue == SIZE_MAX)
            return;
        uint32_t cert = take_first(r, queue);
        struct flight *f = &r->flights[r->flight_n];
        r->queues[queue].served = ++r->turns;
        f->queue = (uint8_t)queue;
        w->certs[cert].state = CERT_FLIES;
        if (!attempt_begin(r, cert, f))
            continue;
        r->queues[queue].in_flight++;
        r->flight_n++;
        if (r->flight_n > r->figures->in_flight_most)
            r->figures->in_flight_most = r->flight_n;
    }
}

static void land(struct run *r)
{
    for (size_t i = 0; i < r->flight_n;) {
        struct flight *f = &r->flights[i];
        if (f->end > r->now || attempt_end(r, f)) {
            i++;
            continue;
        }
        r->queues[f->queue].in_flight--;
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
    for (size_t i = 0; i < r->flight_n; i++)
        at = r->flights[i].end < at ? r->flights[i].end : at;
    for (size_t i = 0; r->waiting > 0 && i < r->world->account_n; i++) {
        int64_t until = r->outages[i].until.s;
        if (r->queues[i].has_work && until > r->now && until < at)
            at = (uint32_t)until;
    }
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

/* Whoever got no place at once has to be looked at again when it becomes urgent. */
static void note_urgent(struct run *r)
{
    for (size_t i = 0; i < r->world->account_n; i++)
        for (uint32_t cert = r->routine[i].last; cert != NONE; cert = r->world->certs[cert].previous) {
            struct cert *c = &r->world->certs[cert];
            if (c->noted)
                break;
            c->noted = true;
            if (c->urgent_at != 0)
                event_add(r->world, c->urgent_at, EVENT_URGENT, cert);
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
    for (size_t i = 0; i < ACCOUNTS_MAX; i++)
        r->routine[i] = r->urgent[i] = (struct line){NONE, NONE};
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
    free(r);
    return begun;
}
