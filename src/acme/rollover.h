/*
 * The change of an account's key (RFC 8555 7.3.5) as a pure machine. The new key is *pending*: the keeper has
 * made it and keeps it beside the old one before the machine begins, and both stay until the machine says
 * which of them holds the account. So a crash, or an answer that never comes, costs nothing: the machine is
 * begun again with `resumed`, and asks the CA by both keys what became of it.
 *
 *   fresh:    key-change (old key, around the new one)
 *               200 -> COMMIT;  a definite refusal -> ABORT;  no answer, 5xx, 429 -> ask
 *   ask:      find-pending-account (new key)
 *               our account -> COMMIT;  unknown, or another account -> find-account (old key)
 *                 our account -> ABORT where the change was refused or the new key is another account's,
 *                                else key-change once more, then ask again
 *                 unknown or another account -> UNDECIDED
 *
 * One request at a time, ROLLOVER_REQUESTS_MAX in all; more than that, a CA that cannot be reached, or a
 * second change without an answer (it may still be on its way) is UNDECIDED. badNonce has been dealt with by
 * the caller.
 */
#ifndef EVERCERT_ACME_ROLLOVER_H
#define EVERCERT_ACME_ROLLOVER_H

#include "acme/payload.h"
#include "acme/response.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct rollover; /* opaque */

enum {
    /* Two attempts at the change, each followed by both questions, and as much again for lost answers. */
    ROLLOVER_REQUESTS_MAX = 12,
    /* Before a request is repeated; doubles up to a minute. A Retry-After above that is UNDECIDED. */
    ROLLOVER_WAIT_MS = 1000,
    ROLLOVER_WAIT_MAX_MS = 60 * 1000,
};

struct rollover_params {
    struct str account_url;    /* kid */
    struct str key_change_url; /* from the directory; "" where the CA has none */
    struct str new_account_url;
    struct str directory_url; /* the origin every URL must have */
    bool resumed;             /* a pending key was there already: what became of it is not known */
};

enum rollover_action {
    ROLLOVER_REQUEST, /* after `wait_ms`, send `kind` to `url`; hand in its answer, or that there was none */
    ROLLOVER_COMMIT,  /* the new key holds the account: it becomes the account key, the old one goes */
    ROLLOVER_ABORT,   /* the old key holds the account, for sure: the pending one goes; *err says why */
    ROLLOVER_UNDECIDED, /* nobody knows: keep both keys, begin again later with `resumed`; *err says why */
};

struct rollover_next {
    enum rollover_action action;
    enum acme_request kind; /* KEY_CHANGE, FIND_PENDING (signed by the pending key) or FIND_ACCOUNT */
    struct str url;         /* valid as long as the machine */
    int64_t wait_ms;
};

/* Copies what it needs. Ends with rollover_free. */
struct rollover *rollover_new(const struct rollover_params *p);
void rollover_free(struct rollover *r);

/* The first thing to do. ABORT at once, without a request, where a fresh one meets a CA without keyChange. */
void rollover_start(struct rollover *r, struct rollover_next *out, struct err *err);
/* The answer to the request that is out. After COMMIT, ABORT or UNDECIDED: UNDECIDED again. */
void rollover_response(struct rollover *r, const struct acme_response *answer, struct wall now,
    struct rollover_next *out, struct err *err);
/* No answer came, for `why`. A request that was never sent (ERR_IPC, ERR_REFUSED from the keeper) belongs
 * here as well. */
void rollover_lost(struct rollover *r, const struct err *why, struct rollover_next *out, struct err *err);

#endif
