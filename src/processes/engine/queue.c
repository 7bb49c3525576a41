#include "processes/engine/queue.h"

#include "policy/renewal_info.h"
#include "policy/turn.h"

#include <string.h>

/* --- where a certificate belongs --- */

/* The date that its renewal was to have, whatever became of it: the date of a retry says nothing of the
 * expiry. No chance and no present in it, so it is the same each time. */
static struct wall renewal_at(const struct certificate *c, const struct wish *w)
{
    const struct renewal_info_date d = {.not_before = c->not_before,
        .not_after = c->not_after,
        .renewed_at = c->renewed_at,
        .pick = c->ari_at,
        .renew_before_s = w->renew_before_s};
    return renewal_info_due(&d);
}

static struct wall urgent_at(const struct certificate *c, const struct wish *w)
{
    if (c->generation == 0)
        return (struct wall){0};
    struct wall at = turn_urgent_at(renewal_at(c, w), c->not_after);
    return at.s > 0 && at.s < c->due_at.s ? c->due_at : at; /* what is not due is not urgent */
}

static char mark_of(const struct certificate *c, const struct wish *w, const struct authority *a, int64_t at)
{
    enum ledger_order kind = ledger_kind_of(c, w, NULL, 0, a, renewal_info_replaces(c, a), (struct wall){at});
    return kind == LEDGER_ORDER_NEW ? QUEUE_ORDERS : QUEUE_RENEWS;
}

static void put_line(struct buf *out, char mark, const char *id)
{
    buf_printf(out, "%s%c %s", out->n > 0 ? "\n" : "", mark, id);
}

/* False where one of its authorities is not known. */
static bool put_accounts(struct engine *e, const struct certificate *c, const struct wish *w, struct buf *out)
{
    struct authority *issuers[ATTEMPTS_MAX];
    struct str ids[ATTEMPTS_MAX];
    struct attempt attempts[ATTEMPTS_MAX];
    size_t n = 0;
    int64_t now = engine_now(e).s, at = c->due_at.s > now ? c->due_at.s : now;
    for (; n < w->authority_n && n < ATTEMPTS_MAX; n++) {
        if ((issuers[n] = authority_find(e, w->authorities[n])) == NULL)
            return false;
        ids[n] = str_c(issuers[n]->id);
    }
    for (size_t i = 0; i < n; i++)
        if (c->order_url[0] != '\0' && strcmp(issuers[i]->id, c->order_authority) == 0) {
            put_line(out, QUEUE_RENEWS, issuers[i]->id);
            return true;
        }
    (void)attempts_load(str_c(c->attempts), ids, n, attempts);
    for (size_t i = 0; i < n; i++)
        if (attempts[i].due_at.s <= at)
            put_line(out, mark_of(c, w, issuers[i], at), issuers[i]->id);
    if (n > 0 && out->n == 0) /* it was said to be due, so somebody is to be asked */
        put_line(out, mark_of(c, w, issuers[0], at), issuers[0]->id);
    return true;
}

/* When little is left of what should have been renewed by then, and that was not told for a day. */
static struct wall expiring_at(const struct certificate *c, const struct wish *w)
{
    if (c->generation == 0 || c->released || c->revoked)
        return (struct wall){0};
    int64_t near = c->not_after.s - (c->not_after.s - c->not_before.s) / EXPIRING_PART,
            renewal = renewal_at(c, w).s,
            again = c->expiring_told_at.s > 0 ? c->expiring_told_at.s + TELL_EVERY_S : 0;
    near = renewal > near ? renewal : near;
    return (struct wall){again > near ? again : near};
}

void queue_of(struct engine *e, const struct certificate *c, struct arena *a, struct certificate *row)
{
    struct wish w;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(STORE_TEXT_MAX);
    row->queue = "";
    row->urgent_at = row->expiring_at = (struct wall){0};
    if ((c->due_at.s <= 0 && c->generation == 0) || wish_decode(str_c(c->wish), a, &w, NULL) < 0 ||
        wish_select(&w, (uint32_t)c->variant, a, NULL) < 0)
        return;
    row->expiring_at = expiring_at(c, &w);
    if (c->due_at.s <= 0)
        return;
    row->urgent_at = urgent_at(c, &w);
    if (put_accounts(e, c, &w, &text) && !buf_failed(&text))
        row->queue = arena_dup(a, buf_str(&text));
}

/* --- what may be begun in it --- */

static void close_until(struct queue_state *out, struct wall until, const char *reason)
{
    if (out->until.s != 0 && out->until.s <= until.s)
        return;
    out->until = until;
    out->reason = reason;
}

void queue_look(struct engine *e, struct str queue, struct arena *a, struct queue_state *out)
{
    *out = (struct queue_state){.reason = ""};
    while (queue.n > 0 && !out->open) {
        struct str line, mark, id;
        struct wall may_at;
        const char *reason;
        (void)str_cut(queue, '\n', &line, &queue);
        (void)str_cut(line, ' ', &mark, &id);
        struct authority *account = authority_of_account(e, arena_dup(a, id));
        out->takes = str_eq_c(mark, (const char[]){QUEUE_ORDERS, '\0'});
        out->account = account;
        if (account == NULL)
            break;
        if (authority_rests(account))
            close_until(out, account->outage.until, authority_rest_text(account, a));
        else if (out->takes && ledger_orders_left(account, &may_at, &reason, a) <= 0)
            close_until(out, may_at, reason);
        else
            out->open = true;
    }
    if (out->until.s == 0) /* an account that is not known, or none at all */
        out->open = true;
}
