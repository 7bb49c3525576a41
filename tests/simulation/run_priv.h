/* The parts of a run: run.c is the clock and the queues (the engine's schedule.c and renewal_info.c),
 * attempt.c what becomes of one certificate's turn (job_attempt.c, job_outcome.c). */
#ifndef SIMULATION_RUN_PRIV_H
#define SIMULATION_RUN_PRIV_H

#include "book.h"
#include "ca.h"
#include "run.h"

#include "policy/outage.h"
#include "policy/turn.h"

/* An order under way. */
struct flight {
    uint32_t cert, end, retry_at;  /* retry_at: the CA refused it */
    uint8_t account, which, tried; /* which: of the certificate's authorities; tried: a bit each */
    uint8_t place;                 /* the account whose place it has */
    enum ledger_order kind;
    struct book_order order;
    bool silent;    /* no answer will come */
    bool unheard;   /* none came, or one that says nothing of what was asked */
    bool rehearsal; /* at the staging directory */
};

enum { NONE = UINT32_MAX };

/* A list of certificates, linked by their records. */
struct line {
    uint32_t first, last;
};

/* What the engine calls a queue (queue.h there): certificates that may be asked for at the same accounts, in
 * the same order, and take of their limits of orders or not. */
struct lane {
    uint8_t account[AUTHORITIES_MAX], n;
    bool takes[AUTHORITIES_MAX];
    bool is_busy; /* in run.busy */
    struct line routine, urgent;
    uint32_t taken; /* places given to it in this look */
    /* in this look: open at that account, or closed until then */
    bool is_open;
    uint8_t open_at, of; /* of: index of open_at in account[] */
    uint32_t until;
};

/* A lane's number is its text in the engine, as bits: mark and account, and those of the second account. */
enum { LANE_BITS = 15, LANES_MAX = 1 << LANE_BITS };

struct run {
    const struct scenario *scenario;
    struct world *world;
    struct ca *ca;
    struct book *book;
    struct figures *figures;
    uint32_t now, hour;
    struct outage outages[ACCOUNTS_MAX];
    uint32_t failed_last[ACCOUNTS_MAX];     /* certificate of the last failure that counted */
    struct turn_queue queues[ACCOUNTS_MAX]; /* one for each account */
    struct lane lanes[LANES_MAX];
    uint16_t busy[LANES_MAX]; /* those that have certificates, by number */
    size_t busy_n;
    uint32_t waiting, waiting_most; /* in all lanes; at most in this hour */
    uint32_t look_at;               /* when closed lanes are looked at again */
    uint64_t turns;
    struct flight flights[PLACES];
    size_t flight_n;
    uint32_t landing_at; /* the earliest end of a flight */
    uint32_t *fresh;     /* came into a line in this second */
    size_t fresh_n, fresh_size;
    uint16_t duration[1024]; /* of orders in seconds, by chance */
};

/* --- run.c --- */

uint64_t run_chance(struct run *r);
/* Not under way any more, and due at due_at. */
void run_sleep(struct run *r, uint32_t cert, uint32_t due_at);
/* Dates of a certificate out of its renewal information (the engine's schedule_due), into due_at and
 * urgent_at. */
void run_schedule(struct run *r, struct cert *c);
/* The CA is asked for a window, and has answered. */
void run_ask_window(struct run *r, struct cert *c);

/* --- attempt.c --- */

/* A certificate's turn: an order in *f, or false where it was put off. f->place is the caller's. */
bool attempt_begin(struct run *r, uint32_t cert, struct flight *f);
/* The order is over: true where another took its place in *f. */
bool attempt_end(struct run *r, struct flight *f);
/* The lane of a certificate that is due now: accounts and whether they are taken of. Returns how many. */
size_t attempt_lane(
    const struct run *r, uint32_t cert, uint8_t account[AUTHORITIES_MAX], bool takes[AUTHORITIES_MAX]);

#endif
