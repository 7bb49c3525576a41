/*
 * The inside of the order machine, shared by order.c (steps, waits, the end), order_place.c (newAuthz,
 * newOrder), order_authorize.c (authorizations), order_challenge.c (challenges), order_issue.c (the order
 * object, key and finalize), order_chain.c (download, choice and publication of the chain) and order_result.c
 * (why an order failed, what is given up, what is told at the end).
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
#include "base/buf.h"

enum {
    /* Requests about authorizations in flight at a time, of one order: enough to hide the round trips, and
     * few beside the hundred streams of a connection that other orders share. */
    ORDER_REQUESTS_AT_ONCE = 8,
    /* Answers that may get lost on the way, of one kind and in a row, before the order is given up for now;
     * and the wait before the first repetition, which doubles. */
    ORDER_LOST_MAX = 3,
    ORDER_LOST_WAIT_MS = 1000,
    /* When one name has failed, the verdicts on the others that the CA was told of are waited for, for so
     * long: a CA that is just looking takes a few seconds. */
    ORDER_VERDICTS_MS = 10 * 1000,
    /* Rows of refused nonces, each of ACME_BAD_NONCE_RETRIES requests, that one order puts up with. */
    ORDER_NONCES_REFUSED_MAX = 1,
    /* Finalize at most so often: once too early, and again where an answer was lost or the CA let it drop. */
    ORDER_FINALIZE_MAX = 5,
    /* finalize_early: a CA looks from several places, so it is done when nobody has looked for this long. */
    ORDER_SETTLE_MS = 25,
    /* Only hits that come within this time after each challenge was seen once put anything off: somebody who
     * goes on fetching must not hold the order up. */
    ORDER_SETTLE_SPAN_MS = 1000,
    /* Notes of one order; further ones are dropped. */
    ORDER_NOTES_MAX = 16,
    /* Refusals for now in a row: the longest pause between two tries where the CA names none. */
    ORDER_REFUSED_WAIT_MAX_MS = 60 * 1000,
    /* While the order stays pending, the authorizations themselves are looked at after this time, and after
     * twice as long each further time: an order tells neither of a challenge that failed while its
     * authorization stays open, nor, at some CAs, of an authorization that became invalid. */
    ORDER_LOOK_FIRST_MS = 15 * 1000,
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
    AUTHORIZATION_UNREAD,      /* to be read, or read again; without a URL: to be asked for (7.4.1) */
    AUTHORIZATION_UNPRESENTED, /* pending, a challenge is chosen */
    AUTHORIZATION_UNANSWERED,  /* the challenge can be seen; the CA is to be told */
    AUTHORIZATION_ANSWERED,    /* the CA was told */
    AUTHORIZATION_VALID,
    AUTHORIZATION_OPEN,    /* of a failed order: still pending at the CA, to be given up (7.5.2) */
    AUTHORIZATION_SETTLED, /* of a failed order: its part in the failure is known */
};

/* A challenge that could be answered: sound, and of a kind in our list. */
struct order_offer {
    const char *url, *token; /* NULL: there is none; the token is "" where the kind has none */
    const char *const *issuers;
    size_t issuer_n;
    bool hashed;
};

struct authorization {
    const char *url;  /* NULL until newAuthz was answered */
    const char *name; /* the one of ours that it is for; NULL until it was read or asked for */
    enum authorization_state state;
    struct order_offer offers[CHALLENGE_END_];
    const struct err *flaw;                                /* why an offer of a kind of ours is none */
    unsigned tried;                                        /* bit n: kind n was tried, and failed */
    enum acme_challenge challenge;                         /* CHALLENGE_END_ until one is chosen */
    const char *challenge_url, *token, *key_authorization; /* NULL until one is chosen */
    bool told;                                             /* the CA knows that the challenge is ready */
    bool visible;                                          /* presented, or being presented; not withdrawn */
    bool hit;                                              /* the CA fetched it */
    unsigned lost;                                         /* answers that never came, or came to nothing */
    struct order_awaited awaited;
    struct order_pace pace;
    const struct subproblem *reason; /* what the CA said against it, NULL: nothing */
    enum acme_challenge blamed;      /* the kind that `reason` is about */
    bool looking;                    /* read once more only to see how it is doing */
    const struct err *refusal;       /* a challenge POST was refused: fail with this unless it is valid */
};

struct order {
    struct arena *arena;   /* as old as the order; it lives in there itself */
    struct arena *scratch; /* as old as the last step */
    /* order_params */
    struct str *names;
    size_t name_n;
    struct str thumbprint, directory_url;
    const char *new_order, *new_authz; /* new_authz: NULL where none is wanted */
    bool has_key, finalize_early;
    enum acme_challenge *challenges;
    size_t challenge_n;
    struct order_avoid *avoid;
    size_t avoid_n;
    const char **profiles;
    size_t profile_n;
    bool profile_required, replaces, choose_chain;
    /* what the CA gave */
    const char *url, *finalize, *certificate; /* NULL until known */
    bool known;                               /* an order object was read */
    struct authorization *authorizations;     /* of the order, or before it is placed, those asked for */
    size_t authorization_n;
    /* where it stands */
    enum order_phase phase;
    bool started, resumed, dead, too_early;
    bool preauthorizing; /* no order is placed yet, its authorizations are (7.4.1) */
    bool condemned;      /* failed; what is still read is only for the reason */
    struct mono condemned_at;
    bool closing;      /* failed with `err`; what is still sent only gives up */
    size_t profile_at; /* the profile to ask for; profile_n: none */
    bool ask_first;    /* a finalize came too early: wait for the CA to say ready */
    bool is_early;     /* this finalize is one that finalize_early took the liberty to send */
    bool polling;      /* all challenges are answered, and `pace` counts from there */
    unsigned lost, finalizes, nonces_refused;
    struct order_pace pace; /* of what is asked about the order as a whole */
    struct mono begun, first_answer;
    bool answered;                 /* first_answer is set */
    struct mono presented;         /* the last time that a challenge could be seen */
    struct mono all_hit, last_hit; /* for settling */
    bool seen;                     /* both are set: each challenge was fetched at least once */
    const struct err *verdict;     /* what the invalid order itself says, NULL: nothing */
    bool refused;                  /* trouble is set */
    struct err trouble;            /* the last refusal for now */
    struct mono look_at;           /* see ORDER_LOOK_FIRST_MS */
    int64_t look_ms;               /* 0: not yet */
    struct order_awaited awaited, key;
    bool key_asked;
    /* the choice of a chain */
    struct buf chain, candidate; /* the best so far, and the one that is being judged */
    const char *leaf;            /* of `chain`; NULL until it was judged */
    unsigned rank;               /* of `chain` */
    const char **alternates;     /* URLs */
    size_t alternate_n, alternate_at;
    unsigned last_tag;
    /* what is told at the end (order_result.c) */
    struct order_rejection *rejections;
    size_t rejection_n;
    const char *profile; /* NULL: none that is known */
    bool replaced;
    const char *pause_link; /* NULL: no name is paused */
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
/* Says so, after all is done. */
void order_end(struct order *o);
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

/* --- order_place.c --- */

void order_begin(struct order *o);
/* One newAuthz. */
void order_ask_authorization(struct order *o, struct authorization *a);

/* --- order_issue.c --- */

/* Goes on as an answer that holds the order object says. */
void order_take(struct order *o, const struct acme_response *r);
void order_poll(struct order *o);
void order_make_key(struct order *o);
void order_enter_finalize(struct order *o, bool early);
void order_finalize(struct order *o);

/* --- order_chain.c --- */

void order_download(struct order *o);
void order_await_publication(struct order *o);
/* Publishes the best chain that is there; false where there is none yet. */
bool order_publish_best(struct order *o);

/* --- order_authorize.c --- */

/* Takes the URLs of the first order object (7.1.3); of those that are known already, what is known. */
void order_set_authorizations(struct order *o, const struct order_object *object);
/* One for each name that may be asked for before there is an order; false where there is none. */
bool order_plan_authorizations(struct order *o);
void order_validate(struct order *o);
void order_hit(struct order *o, struct str token);
/* Takes down what is visible, of all or of one, and forgets what was asked about it. */
void order_withdraw(struct order *o);
void order_withdraw_one(struct order *o, struct authorization *a);
/* Whether there is an authorization that was never read. */
bool order_has_unread(const struct order *o);
size_t order_requests_in_flight(const struct order *o);
/* The name of ours that an authorization is for (7.1.4), or NULL. */
const char *order_name_of(const struct order *o, const struct authorization_object *object);
/* Takes an answer that holds an authorization. */
void order_take_authorization(struct order *o, struct authorization *a, const struct acme_response *r);

/* --- order_challenge.c --- */

/* Remembers what an authorization offers; an invalid one no longer shows what it offered. */
void order_take_offers(struct order *o, struct authorization *a, const struct authorization_object *object);
/* Chooses, keeps or changes the challenge of a pending authorization. */
void order_choose(struct order *o, struct authorization *a, const struct authorization_object *object);
/* Whether a kind other than the chosen one could be tried. */
bool order_has_other_challenge(const struct order *o, const struct authorization *a);
void order_present(struct order *o, struct authorization *a);
/* Whether an answer is being shown and cannot be seen yet. */
bool order_is_presenting(const struct order *o);
void order_answer_challenge(struct order *o, struct authorization *a);

/* --- order_result.c --- */

/* Remembers what the CA said against an authorization. */
void order_blame(
    struct order *o, struct authorization *a, const struct problem *p, enum acme_challenge challenge);
void order_blame_object(struct order *o, struct authorization *a, const struct authorization_object *object);
/* A problem whose sub-problems are the reasons known so far, and the rejections that follow from them; false
 * where there is none. */
bool order_summarize(struct order *o, const char *verb, struct problem *out);
/* Rejections out of the sub-problems of `p`. */
void order_reject_by(struct order *o, const struct problem *p);
void order_note(struct order *o, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The order can't become valid any more: find out from its authorizations why, then fail. */
void order_condemn(struct order *o);
void order_explain(struct order *o);
/* The validation took too long. */
void order_give_up_waiting(struct order *o);
/* Marks what an order that fails for good leaves pending; whether there is any. */
bool order_leaves_open(struct order *o);
/* Gives up what is marked, then ends. */
void order_close(struct order *o);

#endif
