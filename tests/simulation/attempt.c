#include "run_priv.h"

#include "policy/failover.h"

#include <string.h>

enum {
    NO_ANSWER_S = 30,           /* how long one waits for a CA that does not answer */
    REFUSAL_S = 1,              /* how long it takes to be refused */
    ON_THE_WAY_US = 2 * MILLION /* at most, until the CA counts an order that we have counted */
};

/* --- attempts in the certificate's record --- */

static void load(const struct run *r, const struct cert *c, struct attempt list[AUTHORITIES_MAX])
{
    for (size_t i = 0; i < c->account_n; i++)
        list[i] = (struct attempt){.id = str_c(r->world->accounts[c->account[i]].id),
            .failures = c->tries[i].failures,
            .due_at = {c->tries[i].due_at},
            .last = (enum attempt_failure)c->tries[i].last,
            .staged = c->tries[i].staged};
}

static void save(struct cert *c, const struct attempt *list)
{
    for (size_t i = 0; i < c->account_n; i++)
        c->tries[i] = (struct cert_try){.due_at = (uint32_t)list[i].due_at.s,
            .failures = (uint8_t)(list[i].failures < UINT8_MAX ? list[i].failures : UINT8_MAX),
            .last = (uint8_t)list[i].last,
            .staged = list[i].staged};
}

/* --- the order --- */

static bool replaces(const struct run *r, const struct cert *c, uint8_t account)
{
    return c->not_after != 0 && ca_has_windows(r->world->accounts[account].ca) &&
           c->account[c->issued_by] == account;
}

static enum ledger_order kind_of(const struct run *r, const struct cert *c, uint8_t account)
{
    if (replaces(r, c, account) && c->ari_start > 0 && c->ari_start <= r->now)
        return LEDGER_ORDER_REPLACES;
    bool same_ca = r->world->accounts[c->account[c->issued_by]].ca == r->world->accounts[account].ca;
    bool same_names = c->not_after != 0 && (c->flags & CERT_RENAMED) == 0;
    return same_ca && same_names ? LEDGER_ORDER_SAME_SET : LEDGER_ORDER_NEW;
}

static void send(struct run *r, struct flight *f)
{
    const struct cert *c = &r->world->certs[f->cert];
    enum ca_kind ca = r->world->accounts[f->account].ca;
    double at = r->now + (double)chance_below(&r->world->chance, ON_THE_WAY_US) / MILLION;
    f->end = r->now + r->duration[chance_below(&r->world->chance, 1024)];
    f->silent = ca_is_down(r->ca, ca, r->now);
    f->retry_at = 0;
    if (f->silent)
        f->end = r->now + NO_ANSWER_S;
    if (f->silent || f->rehearsal)
        return;
    const struct ca_order order = {f->cert, f->account, replaces(r, c, f->account)};
    f->retry_at = ca_take_order(r->ca, &order, at);
    if (f->retry_at != 0)
        f->end = r->now + REFUSAL_S;
}

size_t attempt_lane(
    const struct run *r, uint32_t cert, uint8_t account[AUTHORITIES_MAX], bool takes[AUTHORITIES_MAX])
{
    const struct cert *c = &r->world->certs[cert];
    size_t n = 0;
    for (size_t i = 0; i < c->account_n; i++)
        if (c->tries[i].due_at <= r->now)
            account[n++] = c->account[i];
    if (n == 0) /* it was said to be due, so somebody is to be asked */
        account[n++] = c->account[0];
    for (size_t i = 0; i < n; i++)
        takes[i] = kind_of(r, c, account[i]) == LEDGER_ORDER_NEW;
    return n;
}

/* --- CAs that do not answer (the engine's rest.c) --- */

/* Who waited for the end of a rest comes within a fifth of it, and a second behind its end at least. */
static struct wall after_rest(struct run *r, uint8_t account)
{
    int64_t until = r->outages[account].until.s, most = (until - r->now) / 5 + 1;
    return (struct wall){until + 1 + (int64_t)(run_chance(r) % (uint64_t)most)};
}

static bool rests(const struct run *r, uint8_t account)
{
    return outage_rests(&r->outages[account], (struct wall){r->now});
}

/* Whom to ask now: those that do not answer wait, for this choice. */
static bool choose(
    struct run *r, const struct cert *c, const struct attempt *attempts, size_t *which, struct wall *due_at)
{
    struct attempt list[AUTHORITIES_MAX];
    memcpy(list, attempts, c->account_n * sizeof *list);
    for (size_t i = 0; i < c->account_n; i++)
        if (rests(r, c->account[i]))
            failover_wait(&list[i], after_rest(r, c->account[i]));
    return failover_choose(list, c->account_n, (struct wall){r->now}, which, due_at);
}

static void account_failed(struct run *r, const struct flight *f)
{
    if (!f->silent && r->failed_last[f->account] == f->cert)
        return;
    r->failed_last[f->account] = f->cert;
    outage_failed(&r->outages[f->account], (struct wall){r->now}, (struct wall){0}, run_chance(r));
}

static void account_answered(struct run *r, const struct flight *f)
{
    outage_answered(&r->outages[f->account], (struct wall){r->now});
    r->failed_last[f->account] = NONE;
}

/* --- a turn --- */

/* Another authority, where there is one that was not tried in this turn. */
static bool next(struct run *r, const struct attempt *list, struct flight *f)
{
    struct wall due_at;
    size_t which;
    if (!choose(r, &r->world->certs[f->cert], list, &which, &due_at) || (f->tried & 1U << which) != 0)
        return false;
    f->which = (uint8_t)which;
    f->tried = (uint8_t)(f->tried | 1U << which);
    return true;
}

/* The dates as they are in the record now. */
static void rest(struct run *r, uint32_t cert, const struct attempt *list)
{
    struct cert *c = &r->world->certs[cert];
    struct wall due_at;
    size_t which;
    save(c, list);
    if (failover_choose(list, c->account_n, (struct wall){r->now}, &which, &due_at))
        due_at = (struct wall){r->now + 1};
    run_sleep(r, cert, (uint32_t)due_at.s);
}

static void hold(struct run *r, struct cert *c)
{
    r->figures->postponed++;
    if ((c->flags & CERT_HELD) != 0)
        return;
    c->flags |= CERT_HELD;
    if (++r->figures->held > r->figures->held_most)
        r->figures->held_most = r->figures->held;
}

static void release(struct run *r, struct cert *c)
{
    if ((c->flags & CERT_HELD) == 0)
        return;
    c->flags = (uint8_t)(c->flags & ~CERT_HELD);
    r->figures->held--;
}

/* Asks the authority f->which, or the next where the ledger says wait. */
static bool ask(struct run *r, struct attempt *list, struct flight *f)
{
    struct cert *c = &r->world->certs[f->cert];
    uint32_t may_at;
    for (;;) {
        f->account = c->account[f->which];
        f->rehearsal =
            ca_has_staging(r->world->accounts[f->account].ca) && failover_staging_first(&list[f->which]);
        if (f->rehearsal)
            break;
        f->kind = kind_of(r, c, f->account);
        book_open(r->book, f->cert, f->account, f->kind, &f->order);
        if (book_may_order(&f->order, r->now, &may_at)) {
            release(r, c);
            book_take(&f->order, LEDGER_AT_ORDER, r->now);
            r->figures->orders++;
            break;
        }
        hold(r, c);
        failover_wait(&list[f->which], (struct wall){may_at});
        if (!next(r, list, f)) {
            rest(r, f->cert, list);
            return false;
        }
    }
    save(c, list);
    send(r, f);
    return true;
}

bool attempt_begin(struct run *r, uint32_t cert, struct flight *f)
{
    struct attempt list[AUTHORITIES_MAX];
    struct cert *c = &r->world->certs[cert];
    size_t which;
    struct wall due_at;
    load(r, c, list);
    if (!choose(r, c, list, &which, &due_at))
        which = 0; /* it was said to be due, so somebody is to be asked */
    f->cert = cert;
    f->which = (uint8_t)which;
    f->tried = (uint8_t)(1U << which);
    if (!rests(r, c->account[which]))
        return ask(r, list, f);
    failover_wait(&list[which], r->outages[c->account[which]].until);
    rest(r, cert, list);
    return false;
}

/* --- what came of it --- */

static bool fail(struct run *r, struct flight *f, enum attempt_failure failure, uint32_t retry_at)
{
    struct attempt list[AUTHORITIES_MAX];
    struct cert *c = &r->world->certs[f->cert];
    load(r, c, list);
    /* The CA's outage is no failure of the certificate's own: it stays due, behind those that were not tried
     * yet.
     */
    if (f->unheard && !f->rehearsal && rests(r, f->account))
        failover_wait(&list[f->which], (struct wall){r->now});
    else
        failover_note(&list[f->which], failure, (struct wall){r->now}, 0, c->not_after - c->not_before,
            retry_at, run_chance(r));
    if (next(r, list, f))
        return ask(r, list, f);
    rest(r, f->cert, list);
    return false;
}

static void measure(struct run *r, const struct cert *c)
{
    struct figures *f = r->figures;
    if ((c->flags & CERT_MOVED) != 0) {
        int64_t waited = r->now - (int64_t)(SIMULATION_START + r->scenario->revocation_day * DAY);
        f->moved_late += waited > DAY;
        f->moved_last_s = waited > f->moved_last_s ? waited : f->moved_last_s;
    }
    if (c->not_after == 0) {
        f->first_n++;
        f->wave_last_s = r->now - (int64_t)(SIMULATION_START + r->scenario->wave_day * DAY);
        return;
    }
    f->renewed[r->hour]++;
    f->renewed_n++;
    int64_t left = (int64_t)c->not_after - r->now, lifetime = (int64_t)c->not_after - c->not_before;
    if (left <= 0) {
        f->expired++;
        return;
    }
    enum cert_class class = lifetime < 10 * DAY ? CLASS_SHORT : CLASS_LONG;
    uint32_t ppm = (uint32_t)(left * MILLION / lifetime);
    f->closest_s[class] = left < f->closest_s[class] ? left : f->closest_s[class];
    f->closest_ppm[class] = ppm < f->closest_ppm[class] ? ppm : f->closest_ppm[class];
}

static void succeed(struct run *r, struct flight *f)
{
    struct cert *c = &r->world->certs[f->cert];
    const struct ca_order order = {f->cert, f->account, replaces(r, c, f->account)};
    bool renewal = c->not_after != 0;
    measure(r, c);
    int64_t lifetime = ca_issue(r->ca, &order, r->now);
    book_take(&f->order, LEDGER_AT_ISSUE, r->now);
    c->not_before = r->now - HOUR; /* as CAs do, for clocks that are wrong */
    c->not_after = (uint32_t)(c->not_before + lifetime);
    if (renewal)
        c->renewed_at = r->now;
    c->issued_by = f->which;
    c->ari_start = c->ari_end = c->ari_pick = c->ari_due_at = 0;
    c->ari_failures = 0;
    c->flags = (uint8_t)(c->flags & ~(CERT_MOVED | CERT_RENAMED));
    for (size_t i = 0; i < AUTHORITIES_MAX; i++)
        c->tries[i] = (struct cert_try){0};
    if (chance_of(&r->world->chance, r->scenario->rename_ppm)) /* by the time of the next one */
        c->flags |= CERT_RENAMED;
    run_schedule(r, c);
    run_ask_window(r, c);
    run_sleep(r, f->cert, c->due_at);
}

static bool end_rehearsal(struct run *r, struct flight *f)
{
    struct attempt list[AUTHORITIES_MAX];
    struct cert *c = &r->world->certs[f->cert];
    load(r, c, list);
    list[f->which].staged = true;
    return ask(r, list, f);
}

/* No answer, or an error of the CA's own. */
static bool is_unheard(struct run *r, struct flight *f)
{
    f->silent = f->silent || ca_is_down(r->ca, r->world->accounts[f->account].ca, r->now);
    bool flaky = !f->silent && chance_of(&r->world->chance, r->scenario->flaky_ppm);
    r->figures->unanswered += f->silent;
    r->figures->failed += flaky;
    return f->silent || flaky;
}

bool attempt_end(struct run *r, struct flight *f)
{
    const struct cert *c = &r->world->certs[f->cert];
    f->unheard = is_unheard(r, f);
    if (f->unheard) {
        if (!f->rehearsal)
            account_failed(r, f);
        return fail(r, f, ATTEMPT_TEMPORARY, 0);
    }
    if (f->retry_at != 0) { /* a limit may be one of the names: says nothing of the account */
        r->figures->refused++;
        book_refused(&f->order, r->now, f->retry_at);
        return fail(r, f, ATTEMPT_TEMPORARY, f->retry_at);
    }
    if (!f->rehearsal)
        account_answered(r, f);
    if (c->dead_at != 0 && c->dead_at <= r->now) {
        r->figures->failed++;
        return fail(r, f, ATTEMPT_EVERYWHERE, 0);
    }
    if (f->rehearsal)
        return end_rehearsal(r, f);
    succeed(r, f);
    return false;
}
