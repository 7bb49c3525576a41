/*
 * Which of a certificate's authorities is asked now, and when the next attempt is due. Pure: time and chance
 * are arguments. The state is a list of attempts, one for each authority of the wish in its order, and is
 * kept as text in the certificate's record; a success does away with all of it ("").
 */
#ifndef EVERCERT_POLICY_FAILOVER_H
#define EVERCERT_POLICY_FAILOVER_H

#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* Authorities of one certificate whose failures are remembered; nobody has more than a few. */
    ATTEMPTS_MAX = 8,
    /* The text of that many with ids as long as the store takes them: STORE_TEXT_MAX. */
    ATTEMPTS_TEXT_MAX = 64 * 1024
};

/* kind of the last failure, its letter in the text */
#define ATTEMPT_FAILURES(X)                                                                               \
    X(ATTEMPT_NONE, '-')       /* none since the last success */                                          \
    X(ATTEMPT_TEMPORARY, 't')  /* this CA cannot now: network, 5xx, a rate limit, the ledger says wait */ \
    X(ATTEMPT_REFUSED, 'r')    /* this CA will not: CAA, its policy, the account; another one may */      \
    X(ATTEMPT_EVERYWHERE, 'e') /* every CA would find the same: a name did not validate, our own fault */

enum attempt_failure {
#define ATTEMPT_ENUM(kind, letter) kind,
    ATTEMPT_FAILURES(ATTEMPT_ENUM)
#undef ATTEMPT_ENUM
};

struct attempt {
    struct str id;      /* the account's id; a view */
    int64_t failures;   /* in a row */
    struct wall due_at; /* not before; 0: at any time */
    enum attempt_failure last;
    bool staged; /* the staging directory issued since the last failure */
};

/*
 * The states of the authorities with these ids, in their order, out of the text of attempts_save. An id that
 * it does not know has never failed; what is known of others is dropped. At most ATTEMPTS_MAX; returns how
 * many. A line that is damaged counts as not there. out[].id are views of `ids`.
 */
size_t attempts_load(struct str text, const struct str *ids, size_t n, struct attempt out[ATTEMPTS_MAX]);

/* Append a line "FAILURES DUE LETTER STAGED ID" for each that has failed; nothing where none has. Ids with a
 * line break or above 4096 octets are left out. */
void attempts_save(const struct attempt *list, size_t n, struct buf *out);

/*
 * Which to try at `now`: returns true and its index in *which, or false and in *due_at the earliest time at
 * which there is one.
 * - The first of the list that is not backing off: a temporary failure and a refusal lead to the next at
 * once, and back to the first as soon as its own time has come.
 * - While one whose last failure would be the same everywhere is backing off, none is tried.
 * - An empty list is never due (*due_at 0).
 */
bool failover_choose(
    const struct attempt *list, size_t n, struct wall now, size_t *which, struct wall *due_at);

/* Dates that are further away than any rule could give at `now` (the clock was far ahead for a while) hold
 * nobody back any more. retry_s: the operator's, 0: none. */
void failover_mend(struct attempt *list, size_t n, struct wall now, int64_t retry_s);

/* Note a failure, as schedule_retry_at (whose arguments these are) has it for this authority alone. Failures
 * stop at the end of their type. */
void failover_note(struct attempt *a, enum attempt_failure failure, struct wall now, int64_t retry_s,
    int64_t lifetime_s, int64_t not_before_s, uint64_t random);

/* Note that it must wait and is not to blame (a rate limit, the ledger, a Retry-After): not before `until`;
 * neither failures nor backoff grow. */
void failover_wait(struct attempt *a, struct wall until);

/*
 * Whether the next try goes to the authority's staging directory first (where it has one): its last failure
 * was not temporary, and staging has not issued since. So what keeps failing uses up the limits made for
 * that. When staging issued, set `staged` and try the real one at once.
 */
bool failover_staging_first(const struct attempt *a);

#endif
