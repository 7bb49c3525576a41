/*
 * The inside of the order machine, shared by order.c (steps, waits, the end), order_issue.c (the order object
 * and what is done with it) and order_authorize.c (authorizations and challenges).
 *
 * Each step has two halves. First the event becomes facts: a state, a URL, a time. Then the function of the
 * phase decides from all facts together what can be asked for now. Nothing is sent from anywhere else, so a
 * late, early or repeated event changes facts or nothing, and what follows does not depend on the way there.
 */
#ifndef EVERCERT_ACME_ORDER_PRIV_H
#define EVERCERT_ACME_ORDER_PRIV_H

#include "acme/objects.h"
#include "acme/order.h"
#include "base/arena.h"

enum {
    /* Requests about authorizations in flight at a time, of one order: enough to hide the round trips, and
     * few beside the hundred streams of a connection that other orders share. */
    ORDER_REQUESTS_AT_ONCE = 8,
    /* Answers that may get lost on the way, of one kind and in a row, before the order is given up for now;
     * and the wait before the first repetition, which doubles. */
    ORDER_LOST_MAX = 3,
    ORDER_LOST_WAIT_MS = 1000,
    /* Rows of refused nonces, each of ACME_BAD_NONCE_RETRIES requests, that one order puts up with. */
    ORDER_NONCES_REFUSED_MAX = 1,
    /* Finalize at most so often: once too early, and again where an answer was lost or the CA let it drop. */
    ORDER_FINALIZE_MAX = 5,
    /* finalize_early: a CA looks from several places, so it is done when nobody has looked for this long. */
    ORDER_SETTLE_MS = 25,
    /* Only hits that come within this time after each challenge was seen once put anything off: somebody who
     * goes on fetching must not hold the order up. */
    ORDER_SETTLE_SPAN_MS = 1000,
    /* Notes of one order; there is one of each kind at most. */
    ORDER_NOTES_MAX = 8,
};

struct authorization;

/* One kind of thing that is asked of the caller, and what its answer means. `a` is NULL for what concerns the
 * order as a whole. */
struct order_task {
    enum order_event_type answer;
    void (*done)(struct order *o, struct authorization *a, const struct order_event *e);
    void (*failed)(struct order *o, struct authorization *a, const struct err *err);
};

/* What is asked and not answered; tag 0: nothing. */
struct order_awaited {
    unsigned tag;
    const struct order_task *task;
};

/* When something is to be asked next. */
struct order_pace {
    struct mono due;   /* not before; the zero value means at once */
    struct mono floor; /* the CA's Retry-After */
    int64_t interval_ms;
};

enum authorization_state {
    AUTHORIZATION_UNREAD,      /* to be read, or read again */
    AUTHORIZATION_UNPRESENTED, /* pending, a challenge is chosen */
    AUTHORIZATION_UNANSWERED,  /* the challenge can be seen; the CA is to be told */
    AUTHORIZATION_ANSWERED,    /* the CA was told */
    AUTHORIZATION_VALID,
    AUTHORIZATION_SETTLED, /* of a failed order: its part in the failure is known */
};

struct authorization {
    const char *url;
    const char *name; /* the one of ours that it is for; NULL until it was read */
    enum authorization_state state;
    const char *challenge_url, *token, *key_authorization; /* NULL until one is chosen */
    bool told;                                             /* the CA knows that the challenge is ready */
    bool visible;                                          /* presented, or being presented; not withdrawn */
    bool hit;                                              /* the CA fetched it */
    unsigned lost;                                         /* answers that never came, or came to nothing */
    struct order_awaited awaited;
    struct order_pace pace;
    const struct subproblem *reason; /* what the CA said against it, NULL: nothing */
    const struct err *refusal;       /* a challenge POST was refused: fail with this unless it is valid */
};

struct order {
    struct arena *arena;   /* as old as the order; it lives in there itself */
    struct arena *scratch; /* as old as the last step */
    /* order_params */
    struct str *names;
    size_t name_n;
    struct str thumbprint, directory_url;
    const char *new_order;
    bool has_key, finalize_early;
    /* what the CA gave */
    const char *url, *finalize, *certificate; /* NULL until known */
    struct authorization *authorizations;     /* NULL until known */
    size_t authorization_n;
    /* where it stands */
    enum order_phase phase;
    bool started, resumed, dead, too_early;
    bool condemned; /* failed; what is still read is only for the reason */
    bool ask_first; /* a finalize came too early: wait for the CA to say ready */
    bool is_early;  /* this finalize is one that finalize_early took the liberty to send */
    bool polling;   /* all challenges are answered, and `pace` counts from there */
    unsigned lost, finalizes, nonces_refused;
    struct order_pace pace; /* of what is asked about the order as a whole */
    struct mono begun, first_answer;
    bool answered;                 /* first_answer is set */
    struct mono all_hit, last_hit; /* for settling */
    bool seen;                     /* both are set: each challenge was fetched at least once */
    const struct err *verdict;     /* what the invalid order itself says, NULL: nothing */
    struct order_awaited awaited, key;
    bool key_asked;
    unsigned last_tag;
    /* what is told at the end (order_result.c) */
    const struct order_rejection *rejections;
    size_t rejection_n;
    const char *profile; /* NULL: none that is known */
    bool replaced;
    const char *notes[ORDER_NOTES_MAX];
    size_t note_n;
    /* this step */
    struct wall wall;
    struct mono mono;
    struct order_actions *out;
    bool wake; /* something is due at wake_at */
    struct mono wake_at;
    /* the wait the caller has */
    unsigned wait_tag;
    struct mono wait_until;
    struct err err;
};

/* order.c */

/* Append an action that nobody answers. */
void order_act(struct order *o, struct order_action action);
/* Append an action and remember in `w` that `task` deals with its answer. */
void order_ask(
    struct order *o, struct order_awaited *w, const struct order_task *task, struct order_action action);
void order_request(struct order *o, struct order_awaited *w, const struct order_task *task,
    enum acme_request request, const char *url);

/* Whether the time has come; where not, the step ends with a wait until then at the latest. */
bool order_is_due(struct order *o, const struct order_pace *p);
void order_wake_at(struct order *o, struct mono at);
void order_pace_restart(struct order *o, struct order_pace *p);
void order_pace_grow(struct order *o, struct order_pace *p);
void order_pace_wait(struct order *o, struct order_pace *p, int64_t ms);
/* Takes the Retry-After of an answer that was no refusal as a floor. */
void order_pace_obey(struct order *o, struct order_pace *p, const struct acme_response *r);

/* The end, bad: everything is withdrawn; `err` is copied. */
void order_fail(struct order *o, const struct err *err, bool dead);
void order_fail_text(struct order *o, int code, bool dead, const char *fmt, ...) ATTR_PRINTF(4, 5);
void order_fail_problem(struct order *o, const struct problem *p, const struct acme_response *r, bool dead);
bool order_is_over(const struct order *o);
/* Whether time alone may heal a refusal. */
bool order_is_temporary(const struct problem *p);

/* A request was refused, or its answer got lost, in a way that time may heal. Sets `pace` for another try, or
 * fails the order: for a CA that wants to be left alone for longer than this order may take, one that takes
 * no nonce, and for too many losses. */
void order_refused_for_now(
    struct order *o, struct order_pace *pace, const struct problem *p, const struct acme_response *r);
void order_lost(struct order *o, struct order_pace *pace, unsigned *lost, const struct err *err);
/* The same for any refused request to read something: fails the order where it is not for now. */
void order_read_refused(struct order *o, struct order_pace *pace, const struct acme_response *r);

/* order_issue.c: the decisions of the phases, and the tasks. */
void order_begin(struct order *o);
void order_poll(struct order *o);
void order_make_key(struct order *o);
void order_enter_finalize(struct order *o, bool early);
void order_finalize(struct order *o);
void order_download(struct order *o);
void order_await_publication(struct order *o);

/* order_authorize.c */

/* Takes the URLs of the first order object (7.1.3). */
void order_set_authorizations(struct order *o, const struct order_object *object);
void order_validate(struct order *o);
void order_hit(struct order *o, struct str token);
/* Takes down what is visible, of all or of one, and forgets what was asked about it. */
void order_withdraw(struct order *o);
void order_withdraw_one(struct order *o, struct authorization *a);
/* The order can't become valid any more: find out from its authorizations why, then fail. */
void order_condemn(struct order *o);
void order_explain(struct order *o);
/* Whether there is an authorization that was never read. */
bool order_has_unread(const struct order *o);
/* The validation took too long. */
void order_give_up_waiting(struct order *o);

#endif
