/*
 * The rate limits that a CA publishes, kept as token buckets, so that what the CA would refuse is not asked
 * for. Pure: time is an argument, and the caller stores one number for each bucket (store_bucket_put).
 *
 * A bucket holds `burst` tokens and gets one back every period / burst. It is kept as the generic cell rate
 * algorithm does: by its theoretical arrival time, the instant at which all tokens will be back, in
 * microseconds since 1970 (`at_us`; 0 or any instant in the past: all are there). Nothing needs to run
 * between two looks at it.
 *
 * What the ledger believes is a guess (other clients may use the same account, the CA may have given us
 * more), so it only ever delays; the CA's own answer corrects it (ledger_full).
 */
#ifndef EVERCERT_POLICY_LEDGER_H
#define EVERCERT_POLICY_LEDGER_H

#include "base/arena.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* kind, its word in a bucket's key and in texts, true: counted for the CA as a whole; false: for each account
 */
#define LIMIT_KIND_LIST(X)                                                                             \
    X(LIMIT_REGISTRATIONS, "registrations", true)  /* new accounts from our address */                 \
    X(LIMIT_ORDERS, "orders", false)               /* new orders */                                    \
    X(LIMIT_DOMAIN, "domain", true)                /* certificates for a registered domain, an IPv4    \
                                                      address or an IPv6 /64 */                        \
    X(LIMIT_EXACT_SET, "set", true)                /* certificates for exactly the same identifiers */ \
    X(LIMIT_FAILURES, "failures", false)           /* failed validations of an identifier */           \
    X(LIMIT_CONSECUTIVE_FAILURES, "paused", false) /* the same in a row: a success resets it */

enum limit_kind {
#define LIMIT_ENUM(kind, word, global) kind,
    LIMIT_KIND_LIST(LIMIT_ENUM)
#undef LIMIT_ENUM
        LIMIT_KINDS
};

/* `burst` tokens, refilled evenly over `period_s`. One with a number below 1 limits nothing. */
struct rate_limit {
    enum limit_kind kind;
    int64_t burst;
    int64_t period_s;
};

/*
 * Whether a token is free at `now`. *may_at is the first second at which one is (`now` where one is free). An
 * at_us that lies further ahead than this bucket can explain, because the clock was set back or the record is
 * damaged, counts for nothing: it must not lock anybody out for ever, and the CA has the last word. A clock
 * that is set back by less delays by no more than a period. Saturates.
 */
bool ledger_check(const struct rate_limit *limit, int64_t at_us, struct wall now, struct wall *may_at);

/* The bucket after one token was taken, free or not (the CA allowed it after all). */
int64_t ledger_take(const struct rate_limit *limit, int64_t at_us, struct wall now);

/* An order that was sent reaches the CA within this time, nearly always: a connection is made, a nonce is
 * fetched, a request is lost and sent again. */
enum { LEDGER_WAY_S = 5 };

/* The same for what is on its way: the CA takes its token when it arrives, LEDGER_WAY_S later at most, and
 * its bucket gets tokens back that much later than ours. So ours is emptied as if it were there by then:
 * otherwise each token that comes back would be asked for a moment before the CA has it. */
int64_t ledger_take_sent(const struct rate_limit *limit, int64_t at_us, struct wall now);

/* The bucket after the CA said that it is used up although we thought that a token was free: the next one is
 * free at retry_at (the CA's Retry-After; a period ahead at most), or, where that is not in the future, when
 * one would come back after all were taken now. Never earlier than at_us says. */
int64_t ledger_full(const struct rate_limit *limit, int64_t at_us, struct wall now, struct wall retry_at);

/* How many tokens are free at `now`, 0 to burst (INT64_MAX where the limit limits nothing). */
int64_t ledger_free(const struct rate_limit *limit, int64_t at_us, struct wall now);

/* Which of `limits` a CA means that refuses an order although we thought that tokens were free, and has it
 * come again in wait_s seconds: a bucket's next token is there within the time that one takes, so it is the
 * bucket that refills fastest among those that are slow enough. Of LIMIT_ORDERS, LIMIT_DOMAIN,
 * LIMIT_EXACT_SET and LIMIT_FAILURES; NULL where none is, and where wait_s is not above 0. A guess. */
const struct rate_limit *ledger_guess(const struct rate_limit *limits, size_t n, int64_t wait_s);

/* From this second on the bucket is as if it had never been used, and its record can go. */
struct wall ledger_expires(int64_t at_us);

/* Longest key of a bucket, terminator included; the store takes it (STORE_BUCKET_MAX). */
enum { LEDGER_KEY_MAX = 512 };

/*
 * The key of a bucket: the kind's word, the account's id (a directory's URL, or "URL#label"; what is counted
 * for the CA as a whole has the URL only) and the subject of ledger_order_subjects or ledger_name_subject (""
 * where the kind has none), with blanks between. Ids and subjects that are longer than 200 octets stand in it
 * as a hash of theirs, so every key fits. Returns `out`.
 */
const char *ledger_key(
    enum limit_kind kind, struct str account_id, struct str subject, char out[LEDGER_KEY_MAX]);

/* The kind's word: "orders". */
const char *ledger_kind_word(enum limit_kind kind);

/* What an order is to the CA: the limits of Let's Encrypt know these cases, and other CAs have fewer limits.
 */
enum ledger_order {
    LEDGER_ORDER_NEW,      /* identifiers that were not certified together before */
    LEDGER_ORDER_SAME_SET, /* a renewal with the same identifiers but without `replaces` */
    LEDGER_ORDER_REPLACES  /* a renewal with `replaces` (RFC 9773 5), by the same account, from the start of
                              the window on, for a certificate that was not replaced yet */
};

/* When a token is taken. A token of each must be free for an order to be placed. */
enum ledger_moment {
    LEDGER_AT_ORDER,  /* when it is placed */
    LEDGER_AT_ISSUE,  /* when there is a certificate: what fails on the way does not count */
    LEDGER_AT_FAILURE /* when the name was not validated */
};

struct ledger_subject {
    enum limit_kind kind;
    struct str subject; /* for ledger_key; "" for LIMIT_ORDERS */
    enum ledger_moment taken;
};

/*
 * The buckets that an order for these names looks at, in `a`; returns how many. Names are as in the wish: DNS
 * names (wildcards with "*."), IPv4 and IPv6 addresses; case and order do not matter, what occurs twice
 * counts once.
 *
 *                          ORDERS   DOMAIN   EXACT_SET   FAILURES, CONSECUTIVE_FAILURES
 *   NEW                    yes      yes      yes         of each name
 *   SAME_SET               -        -        yes         of each name
 *   REPLACES               -        -        -           -
 *
 * DOMAIN: once for each registered domain (policy/registered_domain.h), IPv4 address and IPv6 /64.
 */
size_t ledger_order_subjects(
    const struct str *names, size_t n, enum ledger_order order, struct arena *a, struct ledger_subject **out);

/* The subject of LIMIT_FAILURES and LIMIT_CONSECUTIVE_FAILURES: the name in lower case and without "*.",
 * since the authorization is for what is behind it (RFC 8555 7.1.3); addresses in their canonical text. */
struct str ledger_name_subject(struct str name, struct arena *a);

#endif
