/*
 * When the CA's renewal information (ARI, RFC 9773) has a certificate renewed, and when it is asked again.
 * Pure: time and chance are arguments.
 *
 * What a certificate's record keeps of it: the window as the CA sent it last, the instant that was picked in
 * it, and when to ask again. When an answer came, pick and then ask for the date; do the latter as well when
 * the certificate was issued, and with a pick of 0 where there is no renewal information.
 */
#ifndef EVERCERT_POLICY_RENEWAL_INFO_H
#define EVERCERT_POLICY_RENEWAL_INFO_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

/* suggestedWindow (RFC 9773 4.2). */
struct renewal_window {
    struct wall start, end; /* both 0: none */
};

/* Whether there is an instant in it: start > 0 and end > start, which RFC 9773 4.2 demands. One that is not
 * valid is a RENEWAL_ANSWER_BAD. */
bool renewal_window_is_valid(struct renewal_window w);

/*
 * The instant at which this certificate wants to be renewed, both ends of the window included (RFC 9773 4.2).
 * `pick`, the earlier one, stays as long as the window is the one it was picked in (`was`): picking again
 * with every answer would favour the early ones. 0 where `w` is not valid. May lie in the past.
 */
struct wall renewal_info_pick(
    struct renewal_window w, struct renewal_window was, struct wall pick, uint64_t random);

struct renewal_info_date {
    struct wall not_before, not_after;
    struct wall renewed_at; /* last successful renewal, 0: only issued so far */
    struct wall pick;       /* of renewal_info_pick, 0: no renewal information */
    int64_t renew_before_s; /* the operator's, 0: none */
    struct wall now;
    uint64_t random;
};

/*
 * When to renew:
 * - without a pick as schedule_renewal_at says;
 * - with one, then; where the operator gave renew-before, the earlier of both: the operator's rule stands,
 * and the CA can still pull a certificate that it is about to revoke;
 * - without renew-before never so late that less than half of the reserve of schedule_renewal_at is left (a
 *   sixth of the lifetime, a quarter for lifetimes below ten days; chance pulls this earlier by up to a
 *   hundredth of the lifetime), whatever window the CA sends: a mistake there must not cost the certificate;
 * - never sooner than a tenth of the lifetime (at most a day) after the last renewal, as there, where chance
 *   pushes later: a window that always lies in the past must not become a storm of orders. A certificate that
 *   was never renewed is not held back.
 * What is past is now. Dates that make no sense count as a lifetime of 0. Saturates.
 */
struct wall renewal_info_due(const struct renewal_info_date *d);

/* What came of asking. */
enum renewal_answer {
    RENEWAL_ANSWER_GOOD,      /* a valid window */
    RENEWAL_ANSWER_TEMPORARY, /* no connection, a timeout, a status of 5xx or 429 */
    RENEWAL_ANSWER_BAD        /* any other status, a body or a window that is none */
};

struct renewal_poll {
    enum renewal_answer answer;
    int64_t failures;     /* in a row, this one included; for RENEWAL_ANSWER_TEMPORARY */
    struct wall retry_at; /* Retry-After, 0: none or not valid */
    struct wall now;
    struct wall not_after; /* of the certificate */
    uint64_t random;
};

/*
 * When to ask the CA again (RFC 9773 4.3):
 * - after a good answer at its Retry-After, which is minimum and maximum at once, but not in less than a
 *   minute and not in more than a day; in six hours where there is none;
 * - after a temporary failure in a minute, two, four, ... six hours at most, chance included (up to a fifth
 * is added), and not before its Retry-After (a day at most);
 * - after a bad answer in six hours.
 * 0 (never) where the certificate will have expired by then: RFC 9773 4.3 forbids to ask for such. Saturates
 * for every number of failures.
 */
struct wall renewal_info_poll_at(const struct renewal_poll *p);

#endif
