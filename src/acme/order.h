/*
 * One order, from newOrder to a downloaded chain, as a pure state machine: it does no I/O, reads no clock and
 * calls no cryptography. The engine hands in events and carries out the actions it gets back.
 *
 *   order_step(order, event, &actions)
 *
 * Durable before dependent: after every step the caller stores order_url() when it changed, and only then
 * carries the actions out; a sealed key is stored before ORDER_EVENT_KEY_MADE is handed in. That, and what
 * the CA still knows, is all it takes to go on after a crash: a new order machine with `resume_url` reads the
 * order first and takes it up wherever it stands (7.1.6).
 *
 * Every action but _WITHDRAW, _WAIT, _DONE and _FAILED is answered by one event with its tag, sooner or
 * later.
 *
 * Nothing takes for ever. From the first event on an order has ACME_ISSUANCE_DEADLINE_S until the chain is
 * downloaded, and of these, from the first answer on, ACME_VALIDATION_DEADLINE_S until the CA has validated
 * the names. Polls begin after ACME_POLL_FIRST_MS, become rarer by half up to ACME_POLL_CEILING_MS, and obey
 * a Retry-After up to ACME_POLL_RETRY_AFTER_MAX_MS. A request that is refused for now (429, 5xx) or whose
 * answer is lost is sent again as long as the deadline and, for losses in a row, ORDER_LOST_MAX allow; where
 * the CA wants to be left alone for longer than the deadline, the order fails for now at once. What is still
 * asked of a failed order (the reasons, 7.5.2) is asked once each, so its end is that of the caller's
 * requests.
 *
 * Implemented: RFC 8555 7.1.3, 7.1.4, 7.1.6, 7.4, 7.4.1, 7.4.2, 7.5, 7.5.1, 7.5.2; 8.1; RFC 8738 for
 * identifiers; RFC 9773 5; draft-ietf-acme-profiles 4.
 */
#ifndef EVERCERT_ACME_ORDER_H
#define EVERCERT_ACME_ORDER_H

#include "acme/challenge.h"
#include "acme/payload.h"
#include "acme/response.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct order; /* opaque */

/* phase, what the progress display says */
#define ORDER_PHASES(X)                                 \
    X(ORDER_PHASE_ORDER, "ordering")                    \
    X(ORDER_PHASE_AUTHORIZE, "reading authorizations")  \
    X(ORDER_PHASE_PRESENT, "preparing challenges")      \
    X(ORDER_PHASE_VALIDATE, "being validated")          \
    X(ORDER_PHASE_FINALIZE, "finalizing")               \
    X(ORDER_PHASE_ISSUE, "waiting for the certificate") \
    X(ORDER_PHASE_DOWNLOAD, "downloading")              \
    X(ORDER_PHASE_PUBLISH, "publishing")                \
    X(ORDER_PHASE_DONE, "done")                         \
    X(ORDER_PHASE_FAILED, "failed")

enum order_phase {
#define ORDER_PHASE_ENUM(id, text) id,
    ORDER_PHASES(ORDER_PHASE_ENUM)
#undef ORDER_PHASE_ENUM
};

const char *order_phase_text(enum order_phase p);

/* A challenge that is not to be used for a name in this order: it has failed there before. A name for which
 * nothing else is left fails the order. */
struct order_avoid {
    struct str name;
    enum acme_challenge challenge;
};

struct order_params {
    const struct str *names; /* checked (acme/identifier.h), without duplicates; addresses are welcome */
    size_t name_n;
    struct str thumbprint;    /* of the account key, base64url (RFC 7638) */
    struct str directory_url; /* the origin every URL must have */
    struct str new_order;     /* from the directory */
    struct str resume_url;    /* order URL from the store, or empty */
    bool has_key;             /* a sealed key for this very order is in the store */
    /* Finalize as soon as every challenge has been seen to be validated, without asking whether the order is
     * ready: one request saved, and a 403 orderNotReady (RFC 8555 7.4) where the CA was slower. */
    bool finalize_early;
    /* Which challenges to answer, best first. For each name the first is taken that the CA offers, that can
     * prove the name and that is not to be avoided. None: http-01 alone. */
    const enum acme_challenge *challenges;
    size_t challenge_n;
    const struct order_avoid *avoid; /* of other names than ours, or kinds that are not ours: ignored */
    size_t avoid_n;
    /* 7.4.1, from the directory: have each name that is no wildcard authorized before the order is placed.
     * "": have the order bring its authorizations, as public CAs do. */
    struct str new_authz;
    /* What to ask for, best first, without what the CA does not offer. Where it refuses all of them
     * (invalidProfile), or none is given: required fails the order, otherwise it is placed without. */
    const struct str *profiles;
    size_t profile_n;
    bool profile_required;
    bool replaces;     /* have the new order say which certificate it replaces (RFC 9773 5) */
    bool choose_chain; /* have chains judged, and look at the alternates of one that is not the best */
};

/* What happened. `tag` is the one of the action it answers. Pointers need to live for the call only. */
enum order_event_type {
    ORDER_EVENT_START,
    ORDER_EVENT_RESPONSE,  /* to ORDER_DO_REQUEST: response (any status, after badNonce was dealt with) */
    ORDER_EVENT_FAILED,    /* to ORDER_DO_REQUEST, _PRESENT, _MAKE_KEY, _JUDGE or _PUBLISH: err */
    ORDER_EVENT_PRESENTED, /* to ORDER_DO_PRESENT: the challenge can be seen from outside now */
    ORDER_EVENT_HIT,       /* the CA fetched the challenge with `token` */
    ORDER_EVENT_KEY_MADE,  /* to ORDER_DO_MAKE_KEY: sealed, and stored before any further action leaves */
    ORDER_EVENT_PUBLISHED, /* to ORDER_DO_PUBLISH */
    ORDER_EVENT_TIMER,     /* to ORDER_DO_WAIT */
    ORDER_EVENT_JUDGED,    /* to ORDER_DO_JUDGE: rank, leaf */
};

/* The rank of a chain that is none of the preferred ones. */
#define ORDER_RANK_NONE UINT_MAX

struct order_event {
    enum order_event_type type;
    unsigned tag;
    struct wall wall; /* now */
    struct mono mono; /* now */
    const struct acme_response *response;
    const struct err *err;
    struct str token;
    unsigned rank;   /* 0: what the user likes best, ORDER_RANK_NONE: nothing of that */
    struct str leaf; /* what tells the leaf from others, a fingerprint */
};

enum order_action_type {
    /* Sign `request` and POST it to `url`. ACME_REQUEST_NEW_ORDER goes with `profile` and `replaces`,
     * ACME_REQUEST_NEW_AUTHZ with `domain`. */
    ORDER_DO_REQUEST,
    /* Make the answer to a `challenge` for `domain` (a name of the order; of a wildcard, its base) visible:
     * `key_authorization`, and where the kind needs it `token`; both are "" for dns-persist-01. However long
     * that takes does not count to the order's time. */
    ORDER_DO_PRESENT,
    ORDER_DO_WITHDRAW, /* take that of `challenge`, `token` and `domain` down again; not answered */
    ORDER_DO_MAKE_KEY, /* have a certificate key made (asked at most once, and only when !has_key) */
    ORDER_DO_PUBLISH,  /* have `chain` (PEM) verified and published */
    ORDER_DO_WAIT,     /* ORDER_EVENT_TIMER after `wait_ms`; replaces an earlier wait of this order */
    ORDER_DO_DONE,     /* published; the order is finished */
    ORDER_DO_FAILED,   /* finished without a certificate: `err`; all challenges were withdrawn before */
    /* Have `chain` (PEM) ranked by what the user likes; only with choose_chain. ORDER_EVENT_FAILED with an
     * error that is not temporary means that it is no chain: an alternate is dropped then, and the default is
     * left to its publication. */
    ORDER_DO_JUDGE,
};

struct order_action {
    enum order_action_type type;
    unsigned tag;
    enum acme_request request;
    enum acme_challenge challenge; /* of PRESENT and WITHDRAW */
    const char *url, *token, *domain,
        *key_authorization; /* in the order's arena: valid as long as the order */
    const char *profile;    /* as those; "" where none is asked for */
    bool replaces;
    bool wildcard; /* of PRESENT and WITHDRAW: `domain` is the base of one */
    /* PRESENT of dns-persist-01: nothing is shown; is there a record that names one of these and our account,
     * by its URL or by a hash? */
    const char *const *issuers;
    size_t issuer_n;
    bool hashed;
    struct str chain; /* valid until the next step */
    int64_t wait_ms;
    const struct err *err; /* valid until the next step */
};

/* Most actions of one step: one per identifier for two things at once, and a few of the order's own. */
enum { ORDER_ACTIONS_MAX = 2 * 100 + 8 };

struct order_actions {
    struct order_action list[ORDER_ACTIONS_MAX];
    size_t n;
};

/* Copies what it needs. */
struct order *order_new(const struct order_params *p);
void order_free(struct order *o);

/* Consumes one event; *out is filled afresh. Events for tags that are no longer awaited are ignored, so late
 * answers do no harm. After DONE or FAILED every further step gives no action. */
void order_step(struct order *o, const struct order_event *e, struct order_actions *out);

enum order_phase order_phase(const struct order *o);
/* The URL to store; "" before the CA gave one. Stays set after failure. */
struct str order_url(const struct order *o);
/* After FAILED: the order is dead at the CA (invalid, gone, expired, not for our names), so the stored URL is
 * of no more use; false where the failure was temporary and the same order can be taken up again. */
bool order_is_dead(const struct order *o);
/* After a finalize that came too early: true when the CA was not ready (the caller then stops asking for
 * finalize_early at this authority). */
bool order_was_too_early(const struct order *o);

/* For an order that nobody wants any more (the certificate was forgotten, or is to hold other names): ends it
 * as if it had failed, without an ORDER_DO_FAILED. *out gets what is still to be done: WITHDRAW, and an
 * ACME_REQUEST_GIVE_UP (7.5.2) for each authorization that is known to be pending, whose answers nobody waits
 * for. Copy their URLs where the order is freed before they are sent. Nothing for an order that is over. */
void order_abandon(struct order *o, struct order_actions *out);

/* --- what is known after DONE or FAILED; valid as long as the order --- */

/* A name that the CA would not have, and why. */
struct order_rejection {
    const char *name;              /* one of order_params.names */
    const char *type, *detail;     /* as in struct problem; never NULL */
    enum acme_challenge challenge; /* the kind that failed; CHALLENGE_END_ where it was not about one */
    bool other_challenge;          /* the CA offered another kind of our list that was not tried */
};

/* From the sub-problems of a refused newOrder or finalize, of an invalid order, and from authorizations that
 * became invalid. At most one for each name, in the order of the names. */
const struct order_rejection *order_rejections(const struct order *o, size_t *n);
/* The profile that the order has as far as is known: what the CA says, else what it was asked for. "" for
 * none. */
struct str order_profile(const struct order *o);
/* Where a person is to go because the CA has paused a name of the order (problem_is_paused): until that is
 * done, every attempt is wasted. "" where nothing is paused. */
struct str order_pause_link(const struct order *o);
/* Whether the CA took the order as the replacement of the certificate that was named. */
bool order_replaced(const struct order *o);
/* Sentences that are worth a warning although the order went on: a profile that was dropped, a chain that is
 * not the preferred one, ... */
const char *const *order_notes(const struct order *o, size_t *n);

#endif
