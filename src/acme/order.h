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
 * Implemented: RFC 8555 7.1.3, 7.1.4, 7.1.6, 7.4, 7.4.2, 7.5, 7.5.1, 7.5.2; 8.1 and 8.3 for what is
 * published.
 */
#ifndef EVERCERT_ACME_ORDER_H
#define EVERCERT_ACME_ORDER_H

#include "acme/payload.h"
#include "acme/response.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

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

struct order_params {
    const struct str *names; /* A-labels, checked, without duplicates */
    size_t name_n;
    struct str thumbprint;    /* of the account key, base64url (RFC 7638) */
    struct str directory_url; /* the origin every URL must have */
    struct str new_order;     /* from the directory */
    struct str resume_url;    /* order URL from the store, or empty */
    bool has_key;             /* a sealed key for this very order is in the store */
    /* Finalize as soon as every challenge has been seen to be validated, without asking whether the order is
     * ready: one request saved, and a 403 orderNotReady (RFC 8555 7.4) where the CA was slower. */
    bool finalize_early;
};

/* What happened. `tag` is the one of the action it answers. Pointers need to live for the call only. */
enum order_event_type {
    ORDER_EVENT_START,
    ORDER_EVENT_RESPONSE,  /* to ORDER_DO_REQUEST: response (any status, after badNonce was dealt with) */
    ORDER_EVENT_FAILED,    /* to ORDER_DO_REQUEST, _PRESENT, _MAKE_KEY or _PUBLISH: err */
    ORDER_EVENT_PRESENTED, /* to ORDER_DO_PRESENT: the challenge can be seen from outside now */
    ORDER_EVENT_HIT,       /* the CA fetched the challenge with `token` */
    ORDER_EVENT_KEY_MADE,  /* to ORDER_DO_MAKE_KEY: sealed, and stored before any further action leaves */
    ORDER_EVENT_PUBLISHED, /* to ORDER_DO_PUBLISH */
    ORDER_EVENT_TIMER,     /* to ORDER_DO_WAIT */
};

struct order_event {
    enum order_event_type type;
    unsigned tag;
    struct wall wall; /* now */
    struct mono mono; /* now */
    const struct acme_response *response;
    const struct err *err;
    struct str token;
};

enum order_action_type {
    ORDER_DO_REQUEST,  /* sign `request` and POST it to `url` */
    ORDER_DO_PRESENT,  /* make the http-01 answer `key_authorization` visible for `domain` under `token` */
    ORDER_DO_WITHDRAW, /* take `token` of `domain` down again; not answered */
    ORDER_DO_MAKE_KEY, /* have a certificate key made (asked at most once, and only when !has_key) */
    ORDER_DO_PUBLISH,  /* have `chain` (PEM) verified and published */
    ORDER_DO_WAIT,     /* ORDER_EVENT_TIMER after `wait_ms`; replaces an earlier wait of this order */
    ORDER_DO_DONE,     /* published; the order is finished */
    ORDER_DO_FAILED,   /* finished without a certificate: `err`; all challenges were withdrawn before */
};

struct order_action {
    enum order_action_type type;
    unsigned tag;
    enum acme_request request;
    const char *url, *token, *domain,
        *key_authorization; /* in the order's arena: valid as long as the order */
    struct str chain;       /* valid until the next step */
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

#endif
