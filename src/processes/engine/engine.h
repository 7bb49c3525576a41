/*
 * The engine: what is due, and the conversation with the CA. It holds the store and no secret: requests are
 * signed by the keeper out of permits, challenges are shown by the responder or the parent, hooks are run by
 * the parent.
 *
 * Every turn of its loop ends with one commit (group commit); only then do the actions leave that depend on
 * what was written (outbox.c). So whatever is pulled from under it, the store knows what the CA was told.
 */
#ifndef EVERCERT_PROCESSES_ENGINE_ENGINE_H
#define EVERCERT_PROCESSES_ENGINE_ENGINE_H

#include "acme/account.h"
#include "acme/challenge.h"
#include "acme/directory.h"
#include "acme/nonce.h"
#include "acme/order.h"
#include "acme/rollover.h"
#include "base/arena.h"
#include "config/wish_brief.h"
#include "http/client.h"
#include "policy/failover.h"
#include "policy/ledger.h"
#include "policy/outage.h"
#include "processes/process.h"
#include "store/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    JOB_ORDERS_MAX = 16,         /* placed by one job: other challenges, names left out, staging, other CAs */
    DEPLOYMENTS_MAX = 4,         /* certificates whose hooks run at the same time */
    NONCE_FETCHES_MAX = 8,       /* newNonce requests under way for one authority */
    DIRECTORY_AGE_MAX_S = 86400, /* a cached directory older than this is fetched again */
    DUE_CHECK_MAX_S = 3600,      /* longest sleep, where the kernel does not tell that the clock was set */
    DUE_CHECK_BUSY_S = 5,        /* ... while something is under way, which hides what is due next */
    COMMIT_RETRY_S = 5,          /* a full disk is tried again after this */
    KEEPER_RETRY_MS = 500,       /* jobs that lost the keeper are taken up again after this */
    INTERRUPTIONS_MAX = 5,       /* ... at most this often, then it counts as a failure */
    SHOW_HISTORY_MAX = 10,
    LOG_MAX = 1000000,
    TELL_EVERY_S = 86400, /* of one certificate: that it fails, and that its end is near */
    /* Renewal begins with a third of the lifetime left; with half of that gone, nothing helped yet. */
    EXPIRING_PART = 6,
};

struct clock_state;
struct command;
struct engine;
struct job;
struct post;
struct deployment;
struct around;
struct around_hold;
struct lookup;

/* --- authority.c: one CA: directory, trust, nonces --- */

/* Called once: the authority can be used, or `err` says why not. */
typedef void authority_ready_fn(struct engine *e, const struct err *err, void *arg);
/* The answer to a signed request: exactly one of the two; both live for the call. */
typedef void post_done_fn(struct engine *e, const struct acme_response *r, const struct err *err, void *arg);

struct authority_waiter {
    struct authority_waiter *next;
    authority_ready_fn *fn; /* NULL: it does not wait any more */
    void *arg;
};

/* One account at one CA. */
struct authority {
    struct authority *next;
    struct engine *engine;
    char *name, *id, *directory_url; /* id: of the account, the directory's URL and "#LABEL" */
    char *email, *ca_pem;
    char *staging; /* id of the account at its staging directory, "" */
    bool agree_tos, has_eab, pre_authorize;
    struct http_client *http;
    /* directory */
    struct arena *arena;
    struct directory directory;
    struct wall directory_at; /* 0: unknown */
    bool directory_asked;
    struct authority_waiter *directory_waiters;
    /* account */
    struct account *account;
    struct rollover *rollover; /* a change of its key, under way */
    enum acme_request rollover_kind;
    const char *rollover_url;
    struct key_change *change; /* whose command that was */
    struct err change_error;   /* why the key is not changed */
    bool busy, ready, register_allowed;
    bool looked_only;  /* the account machine was not allowed to register */
    bool key_known;    /* to the CA, though the keeper made it not long ago */
    bool account_lost; /* its last answer about the account was an error of the server */
    char *thumbprint, *key_type, *account_url;
    struct authority_waiter *waiters;
    bool key_change_open; /* as the keeper said last: begun, and its end is not known */
    /* requests */
    struct nonce_pool *nonces;
    struct post *queue, **queue_last; /* waiting for a nonce */
    size_t queued;
    unsigned fetching;   /* newNonce requests under way */
    bool finalize_early; /* until the CA turned out to be slower */
    /* its turn */
    size_t orders_max;    /* the operator's bound of what is in flight; 0: none */
    uint64_t served;      /* its last turn */
    int64_t orders_at_us; /* bucket of its limit of orders, as it is in the store */
    bool orders_known;
    struct outage outage;
    bool is_down;      /* that was logged */
    char *failed_last; /* certificate of the last failure that counted; NULL: none since an answer */
};

/* By its name in the configuration or the id of its account. */
struct authority *authority_find(struct engine *e, const char *name);
struct authority *authority_of_account(struct engine *e, const char *id);
/* Has the parent announce the authorities that a permit names (a certificate issued by command outlives the
 * run that knew them); then `fn`, with an error where it cannot. */
void authority_introduce(struct engine *e, struct str permit, authority_ready_fn *fn, void *arg);
void authority_configure(struct engine *e, const struct msg_engine_authority *m);
/* The directory, from the cache where it is good. */
void authority_need_directory(struct authority *a, authority_ready_fn *fn, void *arg);
/* One more on a list; and all of a list told, which is empty then. */
void authority_wait(struct authority_waiter **list, authority_ready_fn *fn, void *arg);
void authority_tell(struct authority *a, struct authority_waiter **list, const struct err *err);
/* Whoever waits with that `arg` is not called any more. */
void authority_forget_waiter(struct authority *a, const void *arg);
/* The directory led nowhere: fetch it again at the next need. */
void authority_reset_directory(struct authority *a);
/* Fetches the directory in any case, to see whether it answers, and what time it is there (its Date; 0: it
 * says none). */
typedef void authority_date_fn(const struct authority *a, struct wall date, const struct err *err, void *arg);
void authority_ask_date(struct authority *a, authority_date_fn *fn, void *arg);
/* What the store knows of it, or an empty record; in `arena`. */
struct authority_record authority_record_load(struct authority *a, struct arena *arena);
void authority_record_save(struct authority *a, const struct authority_record *r);

/* The ith name by which it goes in CAA records, NULL behind the last: what its directory (which must be
 * known) says, else what is known of it. In `arena` or static. */
const char *authority_caa_name(const struct authority *a, size_t i, struct arena *arena);

/* Whether a job has an order under way there. */
bool authority_is_at_work(const struct authority *a);

/* --- rest.c: CAs that do not answer --- */

/* An attempt for the certificate `name` failed by the CA, or was answered (policy/outage.h). One certificate
 * that fails again and again counts once, unless there was no answer at all. */
void authority_failed(struct authority *a, const char *name, const struct err *err);
void authority_answered(struct authority *a);
/* Nothing is to be begun there. */
bool authority_rests(const struct authority *a);
/* When what has been tried and waits for the end of the rest is due: after it, by chance not all at once. */
struct wall authority_after_rest(const struct authority *a);
/* Since when it does not answer and when it is asked again; in `arena`. */
const char *authority_rest_text(const struct authority *a, struct arena *arena);

/* --- account.c: our account there --- */

/* Directory and account. `may_register` false only looks. */
void authority_need(struct authority *a, bool may_register, authority_ready_fn *fn, void *arg);
/* The CA does not know our account URL: look for the account again at the next need. */
void authority_reset_account(struct authority *a);
/* The operator wants the account's key changed; `ticket` from the keeper. */
void account_rollover(struct authority *a, struct str ticket, authority_ready_fn *fn, void *arg);

/* What a signed request is about, besides its kind and URL; copied. */
struct post_spec {
    enum acme_request request;
    const char *url;
    bool without_account; /* the public key stands in the header */
    struct str permit, sealed_key, ticket;
    uint32_t variant;
    int64_t generation;
    struct msg_list omitted; /* of a new order, as `profile` and `replaces` */
    const char *profile;     /* NULL: none */
    bool replaces;
    const char *identifier;          /* of a pre-authorization */
    const char *certificate, *order; /* of the job that it is for, for the log; NULL: none */
    json_t *exchange;                /* where it is noted, NULL: nowhere; until post_abandon */
};
struct post *post_start(struct authority *a, const struct post_spec *spec, post_done_fn *done, void *arg);
/* Its number: how many signed requests there were since the engine started, this one included. Log and
 * history have it. */
uint64_t post_number(const struct post *p);
/* The answer, when it comes, is only searched for its nonce. */
void post_abandon(struct post *p);
/* http's answer as acme's: the two layers do not know each other. Header fields in `arena`. */
struct acme_response response_of(const struct http_response *r, struct arena *arena);

/* --- exchange.c --- */

/* Appends what was asked and what came of it (an answer, or why there is none) to a list for the history.
 * `number`: of the request (post_number). `exchange` may be NULL. */
void exchange_note(json_t *exchange, uint64_t number, const char *request, const char *url,
    const struct acme_response *r, const struct err *why);

/* --- job.c: one certificate being got --- */

struct job_watch {
    struct job_watch *next;
    uint32_t session;
};

/* What the keeper said of the certificate it published. */
struct published_info {
    const char *fingerprint, *serial, *issuer, *subjects, *ari_id, *key_hash;
    struct wall not_before, not_after;
    struct str chain;
};

/* What the CA said last in an attempt. */
enum job_heard {
    HEARD_UNASKED, /* nothing that would tell */
    HEARD_ANSWER,
    HEARD_NOTHING /* no answer, or one that says nothing of what was asked */
};

enum job_end { JOB_GONE, JOB_FAILED, JOB_SUCCEEDED };

struct job {
    struct job *next;
    struct engine *engine;
    struct arena *arena;
    struct certificate record; /* in the arena; changed and put as things happen */
    struct wish wish;          /* of the record's variant */
    /* whom to ask */
    struct authority *issuers[ATTEMPTS_MAX]; /* those of the wish, in its order */
    struct attempt attempts[ATTEMPTS_MAX];   /* what is known of each */
    size_t issuer_n, which;                  /* the one that is tried */
    unsigned tried;                          /* a bit for each */
    bool rehearsal;                          /* at its staging directory, where nothing is published */
    struct authority *authority;             /* where the order under way is: the issuer or its staging */
    bool forced;                             /* by command: no backoff and no rest is waited for */
    struct authority *place;                 /* the account that its place counts for; NULL: not known yet */
    bool takes;                              /* it will take of that account's orders, and has not yet */
    /* the order */
    struct order *order;
    const char *order_known; /* its URL, that of the last one behind its end; in the arena, NULL: none yet */
    uint64_t request;        /* the last of it that was answered */
    unsigned orders;         /* placed so far */
    int64_t generation;
    bool has_key;
    struct str sealed_key;
    enum ledger_order kind;
    const char **omitted; /* names of the wish that this order leaves out */
    size_t omitted_n;
    struct order_avoid *avoid;
    size_t avoid_n;
    struct job_watch *watches;
    struct job_post *posts;
    json_t *exchange; /* what was said to the CA and what it answered, for the history */
    struct event *timer;
    struct mono wakes_at; /* the timer's time */
    unsigned timer_tag, key_tag, publish_tag, judge_tag;
    enum order_phase shown;
    struct mono started;
    unsigned interruptions;
    struct around_hold *holds; /* commands that surround the attempt */
    bool entered, outside;     /* it asked them; it waits for them */
    enum job_end ended;
    bool over, account_retried, introducing;
    bool finalized; /* the order under way may have been issued */
    enum job_heard heard;
    bool act_lost; /* the last request that was to do something had no answer that tells */
    struct published_info published;
};

/* Starts one for the certificate of that name; the running one where there is one already. `forced`: at once,
 * whatever failed before. NULL and *err where there is no such certificate or it cannot be started. */
struct job *job_start(struct engine *e, const char *name, bool forced, struct err *err);
struct job *job_find(struct engine *e, const char *name);
void job_watch(struct job *j, uint32_t session);
/* Its challenge can be seen now, or why not. */
void challenge_presented(struct job *j, unsigned tag, const struct err *err);
/* The responder's token was fetched. */
void job_hit(struct job *j, struct str token);
/* The certificate is no longer wanted: those who wait are told `why`, nothing is recorded. */
void job_cancel(struct job *j, const char *why);
/* The wish has changed: begins anew from the store, and those who waited wait for the new one. */
void job_restart(struct job *j);
/* Frees what is over. */
void jobs_reap(struct engine *e);
void job_free(struct job *j);
/* What is in the store is enough to go on from: stops, and takes its challenges down but for those that the
 * CA was told of. */
void job_park(struct job *j);
/* Whether it waits for an answer of the CA, or will go on within that time by itself. */
bool job_is_at_work(const struct job *j, int64_t within_ms);
/* Carries out one action whose preconditions are durable now. */
void job_act(struct job *j, const struct order_action *a);

/* --- challenges.c: where answers are shown --- */

/* Before the commit: what must be known after a crash. */
void challenge_prepare(struct job *j, const struct order_action *a);
void challenge_present(struct job *j, const struct order_action *a);
void challenge_withdraw(struct job *j, const struct order_action *a);
/* A responder came (again): it is told every live token. */
void challenges_replay(struct engine *e);
/* From the responder: a token was fetched. */
void challenges_hit(struct engine *e, struct str token);
/* The job is over: its tokens are taken down, and nobody is told of what is still under way for it. */
void challenges_forget_job(struct engine *e, const struct job *j);

/* evercert ends: what others show for the job stays there, and in the store, for the next start. */
void challenges_leave_job(struct engine *e, const struct job *j);

/* --- solver.c --- */

typedef void solver_ready_fn(struct engine *e, const struct err *err, void *arg);
/* Once e->solver is there; at once where it is. Else with an error. */
void solver_need(struct engine *e, solver_ready_fn *fn, void *arg);
/* Whoever waits with that `arg` is not called any more. */
void solver_forget(struct engine *e, const void *arg);

/* --- persist.c: standing records of dns-persist-01 --- */

/* Whether there is a record for `identifier` (a name of the permit) that names one of the issuers and our
 * account there. until: 0 for ever; `err` NULL where there is one. */
typedef void persist_fn(struct wall until, const struct err *err, void *arg);
struct persist_spec {
    struct authority *authority;
    struct str permit;
    const char *identifier;
    bool wildcard; /* the record's policy has to allow it */
    const char *const *issuers;
    size_t issuer_n;
    bool hashed; /* it names the account by a hash (acme/objects.h) */
};
struct persist_look; /* one that goes on */
/* `fn` is never called from within. */
struct persist_look *persist_look(
    struct engine *e, const struct persist_spec *spec, persist_fn *fn, void *arg);
/* It is not called any more. NULL is fine. */
void persist_cancel(struct persist_look *l);

/* --- standing.c --- */

enum { STANDING_ISSUERS_MAX = 10 /* whom a record may name; the draft's limit for a challenge */ };

/* As persist_fn. */
typedef void standing_fn(struct wall until, const struct err *err, void *arg);
/* Is there a record that would prove `name` (a wildcard, too) to that authority? May call from within. */
void standing_look(
    struct engine *e, struct authority *a, struct str permit, const char *name, standing_fn *fn, void *arg);
/* Whether the wish has names proven that way. */
bool standing_is_wanted(const struct wish *w);
/* Looks at the records of that certificate; what is wrong goes to log, history and `failing` hooks. Nothing
 * to do for one that needs none. */
void standing_watch(struct engine *e, const char *name);

/* --- outbox.c --- */

/* Actions wait here for the commit. */
void outbox_put(struct job *j, const struct order_action *a);
void outbox_forget(struct engine *e, const struct job *j);
/* The end of a turn: commit, send, tidy up. */
void engine_turn(void *engine);

/* --- stop.c: the end --- */

/* The parent wants the engine to end: at once, or (finish) when what is under way has come to a point from
 * which the next start goes on. Nothing new is begun from now on. */
void engine_stop(struct engine *e, bool finish);
/* Part of each turn while it ends. */
void stop_turn(struct engine *e);

/* --- schedule.c: what is due --- */

struct wall engine_now(const struct engine *e);
/* Start what is due and fits; set the timer for what comes next. Cheap when nothing is due. */
void schedule_run(struct engine *e);
/* When the live certificate is to be renewed. */
struct wall schedule_due(struct engine *e, const struct certificate *c, const struct wish *w);

/* --- clock.c: what the machine's clock can do to all of this --- */

/* Has the kernel tell when the clock is set. Before the sandbox, once. */
void clock_begin(struct engine *e);
/* schedule_run, where the clock can be right; a clock that was set is noticed, and dates that no rule could
 * give are mended. Where it can't be nothing is begun, and whoever asked for all that is due is told. */
void clock_run_due(struct engine *e);
/* ERR_WAIT, with a sentence for people, where the clock cannot be right. */
int clock_check(const struct engine *e, struct err *err);

/* --- deployment.c, batch.c, look.c: what is done with a certificate that is live --- */

/* Copies, commands, looks. Tells the sessions (takes `watches`) when they are through: `said`, or what
 * happened to the certificate where it is NULL. */
void deploy_start(struct engine *e, const char *name, const char *said, struct job_watch *watches);
/* Only copies and looks; what is not as it should be is repaired and deployed anew. */
void deploy_look(struct engine *e, const char *name, const char *said, struct job_watch *watches);
bool deploying(const struct engine *e, const char *name);
/* Whether the wish itself has something to do; whether there may be anything to do, for containers may use
 * it; whether it is looked at again each day. */
bool deploy_has_steps(const struct wish *w);
bool deploy_is_wanted(const struct engine *e, const struct wish *w);
bool deploy_is_looked_at(const struct wish *w);
/* Whether the two are one command to a batch. */
bool deploy_same_command(const struct deploy *a, const struct deploy *b);
/* Runs commands of batches whose time has come. */
void batches_run(struct engine *e);
/* e->lookup is there, or *err says why not. */
int look_need_lookup(struct engine *e, struct err *err);
/* Which servers resolve names for looks; none: the system's. */
void look_resolvers(struct engine *e, const struct msg_list *servers);

/* --- events.c --- */

/* Runs the commands for that event, which nobody waits for; failing and expiring not too often. `error`: why,
 * "". */
void happen(struct engine *e, const struct certificate *c, const struct wish *w, enum deploy_event event,
    const char *error);
/* Tells of those whose end is near and that nothing is done for just now, as one that waits for its CA or for
 * a person: those that fail tell it themselves. Each once a day, with a line in the log. False where one was
 * left out because it is worked at. */
bool expiring_tell(struct engine *e);
/* The same, an hour after the last time (until none is left out); the first is an hour after the start. */
void expiring_look(struct engine *e);

/* --- alerts.c: who is told besides hooks --- */

struct alert_target;
void alerts_configure(struct engine *e, const struct msg_alerts *m);
/* e->schedule is known: a daemon tells by itself from now on. */
void alerts_begin(struct engine *e);
/* Whether anybody wants to be told of that event. */
bool alerts_wanted(const struct engine *e, enum deploy_event event);
/* It happened: into the history, out of which it is told soon. */
void alerts_note(struct engine *e, const struct certificate *c, const struct wish *w, enum deploy_event event,
    const char *error);
/* Without a daemon: what there is to tell is told now. Whether any of it is under way. */
bool alerts_flush(struct engine *e);

/* --- around.c --- */

/* The attempt is about to begin: whether it may at once. If not, job_begin comes again when it may; or the
 * job has failed. */
bool around_enter(struct job *j);
/* It is over. */
void around_leave(struct job *j);

/* --- ledger.c: the CA's published limits --- */

/* What an order for this certificate is to the limits of that CA at that time. */
enum ledger_order ledger_kind_of(const struct certificate *c, const struct wish *w,
    const char *const *omitted, size_t omitted_n, const struct authority *a, bool replaces, struct wall now);
/* Whether what is live has just the names of the wish without those left out. */
bool ledger_same_names(
    const struct certificate *c, const struct wish *w, const char *const *omitted, size_t omitted_n);
/* How many new orders the account may place now, by its limit of orders, without those of jobs that are about
 * to; INT64_MAX where there is none. Where it is 0 or less, *may_at and *reason say more, as below. */
int64_t ledger_orders_left(
    struct authority *a, struct wall *may_at, const char **reason, struct arena *arena);

/* Whether an order for these names may be placed now; else *may_at and *reason, a sentence in `arena`. */
bool ledger_may_order(struct authority *a, const struct str *names, size_t n, enum ledger_order kind,
    struct wall *may_at, const char **reason, struct arena *arena);
void ledger_note_order(struct authority *a, const struct str *names, size_t n, enum ledger_order kind);
/* It was issued. */
void ledger_note_issued(struct authority *a, const struct str *names, size_t n, enum ledger_order kind);
/* It was issued at that time, of which a store that was lost says nothing: what still counts is taken. */
void ledger_note_past(struct authority *a, const struct str *names, size_t n, struct wall at);
/* A name was not validated, or it was. */
void ledger_note_failure(struct authority *a, const char *name);
void ledger_note_success(struct authority *a, const char *name);
/* The CA said rateLimited to an order; retry_at 0: not until when. */
void ledger_note_refused(
    struct authority *a, const struct str *names, size_t n, enum ledger_order kind, struct wall retry_at);
/* The same for a new account. */
bool ledger_may_register(struct authority *a, struct wall *may_at, const char **reason, struct arena *arena);
void ledger_note_registration(struct authority *a);

/* --- renewal_info.c: when the CA suggests to renew (RFC 9773) --- */

enum { RENEWAL_POLLS_MAX = 8 }; /* under way at once */

/* The certificate has just been issued, from `authority`: forget what was known, ask soon. Changes the record
 * only. */
void renewal_info_reset(struct engine *e, struct certificate *c, const struct authority *authority);
/* Asks for the certificates that are due to be asked for, as many as fit. */
void renewal_info_run(struct engine *e);
/* Whether the certificate may name itself as replaced at this authority. */
bool renewal_info_replaces(const struct certificate *c, const struct authority *a);

/* --- offers.c: the configuration's wishes beside what the store has --- */

void wishes_begin(struct engine *e);
/* Which of them are to be put goes to `wanted`, an octet for each; what lies between them and came from an
 * earlier configuration is released. ERR_INPUT for names that are not in order, or are not as many as the
 * wishes. */
int wishes_offer(struct engine *e, const struct msg_wishes_offer *m, struct buf *wanted, struct err *err);
void wishes_end(struct engine *e, bool complete);

/* --- wishes.c: what the operator wants --- */

/* Of the configuration, or of a container (m->holder). */
void wish_put(struct engine *e, const struct msg_wish_put *m);
/* It is wanted as it was: whether it is looked at is settled anew. */
void wish_keep(struct engine *e, const char *name);
/* It is no longer in the configuration. */
void wish_release(struct engine *e, const char *name);
/* A wish by command: inserts or changes one certificate, with all variants of it. *out_changed: what is live
 * no longer is what is wanted. */
int wish_accept(struct engine *e, const char *wish, struct str permit, bool *out_changed, struct err *err);

/* What containers ask for: as above. grant_keep: what was put before is asked for as it was. */
void grants_begin(struct engine *e);
void grant_keep(struct engine *e, const char *name);
void grants_end(struct engine *e, const struct msg_grants_end *m);
/* Its time of grace is over (certificate_is_parked): it is due no more. */
void certificate_park(struct engine *e, struct certificate *c);

/* --- certificates.c: their rows --- */

/* A row of which nothing is known but its name; that is not copied. */
void certificate_fresh(struct certificate *c, const char *name, uint32_t variant);
/* store_certificate_put and store_certificate_delete, noting that something changed. */
int certificate_save(struct engine *e, const struct certificate *c, struct err *err);
int certificate_drop(struct engine *e, const char *name, struct err *err);
/* No container has asked for it for longer than the time of grace. */
bool certificate_is_parked(const struct engine *e, const struct certificate *c);
/* The end of a turn: who shows certificates to others is told that they changed. */
void certificates_tell(struct engine *e);

/* --- import.c: what another client had --- */

/* The command `import` begins: its session lasts until import_over. */
void import_begin(const struct command *c);
void import_account(struct engine *e, const struct msg_account_take *m);
/* Its key is sealed for generation 1. What is here already, or being issued, is left alone; what the keeper
 * does not publish leaves no row. No CA is asked anything. */
void import_certificate(struct engine *e, const struct msg_certificate_take *m);
void import_over(struct engine *e, uint32_t session);

/* --- storage.c: can what an order brings be kept? --- */

enum { STORAGE_RETRY_S = 60 /* an order that cannot be kept is tried again after this */ };

/* Calls `fn` with NULL, maybe from within, or later with why not. What was found a moment ago is not looked
 * at again, unless it is to be `fresh`. */
void storage_need(struct engine *e, bool fresh, authority_ready_fn *fn, void *arg);
/* For the log. */
void storage_look(struct engine *e);
/* Whoever waits with that `arg` is not called any more. */
void storage_forget(struct engine *e, const void *arg);

/* --- rebuild.c: rows for what is live, where the store was lost --- */

/* The parent's request `id`; answered with done when all is committed. */
void rebuild_begin(struct engine *e, uint32_t id);
/* More rows are to come before the next commit; nothing else is under way until they are all there. */
bool rebuild_gathers(struct engine *e);
/* After a commit. */
void rebuild_settle(struct engine *e);
/* The configuration's wishes have come: names what none of them asked for. */
void rebuild_tell_unclaimed(struct engine *e);
/* Nothing is known of it but its files. */
bool rebuild_was_found(const struct certificate *c);
/* Whether that is what the wish `is` asks for, as far as files can tell; was: the wish that they stand for.
 */
bool rebuild_fits(const struct certificate *c, const struct wish *was, const struct wish *is);
/* Its renewal window is asked for in the next hours. Changes the record only. */
void rebuild_ask_windows(struct engine *e, struct certificate *c);

/* --- commands.c, sessions.c --- */

struct session {
    struct session *next;
    uint32_t id;
    size_t waiting; /* jobs, deployments, answers it waits for */
    struct err err; /* what concerns the command as a whole */
    bool failed;
    bool issues; /* `name`: the certificate is shown when it is there */
    bool asks;   /* changes nothing, so it does not depend on a commit */
    bool pass;   /* renew without names: goes on until nothing is due */
    bool follow; /* log --follow: every new entry (of `name`, where there is one) is a row */
    char *name;
    struct listing *listing; /* rows on their way, NULL: none */
};

struct command {
    struct engine *e;
    struct session *s;
    const struct msg_engine_command *m;
};

void command_run(struct engine *e, const struct msg_engine_command *m);
/* The value of an option of the command, NULL without. */
const char *command_word(const struct command *c, const char *word);
void command_fail(const struct command *c, const struct err *err);

/* account_commands.c, revoke.c, check.c, dns_test.c: verbs of their own. */
void check_certificates(const struct command *c);
/* The answer to a challenge that no CA gave: shown in the DNS, and taken down again. */
void dns_test(const struct command *c);
void account_show(const struct command *c);
void account_register(const struct command *c);
void account_update(const struct command *c);
void account_change_key(const struct command *c);
void account_deactivate(const struct command *c);
void dns_record(const struct command *c);
/* `name` of a certificate; `reason` as the ticket has it. */
void revoke_one(const struct command *c, const char *name);

struct session *session_new(struct engine *e, uint32_t id);
/* NULL where the client has gone. */
struct session *session_find(struct engine *e, uint32_t id);
void session_end(struct engine *e, uint32_t id);
/* One more thing that the session waits for, in front of `next`; session_part_done is due for it. */
struct job_watch *session_watch(struct session *s, struct job_watch *next);
/* An error of the command as a whole. */
void session_fail(struct engine *e, uint32_t id, const struct err *err);
void session_row(struct engine *e, uint32_t id, json_t *object); /* takes the reference */
void session_progress(struct engine *e, uint32_t id, const char *name, const char *step);
/* One certificate's part is over; err NULL: well. */
void session_part_done(
    struct engine *e, uint32_t id, const char *name, const char *step, const struct err *err);
/* Ends those that wait for nothing any more. */
void sessions_settle(struct engine *e);
/* The store cannot be written: commands that change something fail with `why`, for nobody knows how long it
 * lasts; those that only ask are answered. */
void sessions_stuck(struct engine *e, const struct err *why);

/* --- report_row.c --- */

enum certificate_state {
#define STATE_ENUM(id, text) id,
    CERTIFICATE_STATES(STATE_ENUM)
#undef STATE_ENUM
};

/* A certificate on its way into a row. */
struct report_view;
/* Another certificate by its name, which lives as long as the view's arena; NULL where there is none. */
typedef const struct certificate *report_find_fn(const struct report_view *v, struct str name);
struct report_view {
    struct engine *engine;
    const struct certificate *row; /* as it is stored */
    const struct certificate *c;   /* as it is to be read now: with what stands in no row */
    struct wish_brief wish;
    struct arena *arena; /* for what the row needs while it is written */
    report_find_fn *find;
    void *arg; /* of whoever finds */
};

enum certificate_state certificate_state(struct engine *e, const struct certificate *c);
/* Whether servers were seen to serve it: "yes", "no", "unknown" before the first look; NULL where nobody
 * looks.
 */
const char *certificate_served(const struct certificate *c, const struct wish_brief *w);
/* Reads the wish; where that cannot be read this is said, and nothing is known of it. */
struct report_view report_view(
    struct engine *e, const struct certificate *c, struct arena *a, report_find_fn *find, void *arg);
/* The certificate of that key type of the wish, which may be the view's own; NULL where there is none, and of
 * a wish with one key type, and where the view's own is not the first. */
const struct certificate *report_variant(const struct report_view *v, uint32_t which);
/* Append the JSON object of a certificate (product contract), of printable ASCII. */
void report_row(const struct report_view *v, struct buf *out);
/* The same for an entry of the history; its detail stands there as it was written. */
void report_history_row(const struct history_record *h, struct buf *out);

/* --- listing.c: rows by the hundred thousand --- */

struct listing;
/* A command's rows begin to go to its session, as many as are taken there (session.listing); it ends with
 * them.
 */
void listing_certificates(const struct command *c);
void listing_history(const struct command *c);
/* The session took one more message of rows. */
void listing_taken(struct engine *e, uint32_t session);
/* NULL is fine. */
void listing_free(struct listing *l);

/* --- report.c --- */

/* The JSON object of a certificate; `whole` adds what only `show` has. New reference, NULL where it is longer
 * than a message. */
json_t *report_certificate(struct engine *e, const struct certificate *c, bool whole);
json_t *report_history(const struct history_record *h);
/* What happens next to a certificate and why, in words; in `a` or static. */
const char *report_next(struct engine *e, const struct certificate *c, const struct wish *w, struct arena *a);
/* `o`: what the CA says of it just now, NULL where it was not asked. */
json_t *report_account(
    const struct authority *a, const struct authority_record *r, const struct account_object *o);

/* --- history.c --- */

/* Entries older than that are deleted from now on, a few at a time (by a daemon). */
void history_keep(struct engine *e, int64_t seconds);
/* Append to the history; `detail` (taken, may be NULL) is a JSON object. */
void history_add(struct engine *e, const char *name, const char *event, const char *text, json_t *detail);

/* --- the engine --- */

struct token;         /* challenges.c */
struct placed;        /* placed.h */
struct solver_waiter; /* solver.c */
struct outbox_item;
struct rebuild; /* rebuild.c */
struct storage; /* storage.c */

/* Names that were handed over since wishes_begin or grants_begin. */
struct feed {
    struct arena *arena; /* NULL: none is under way */
    struct feed_name *names;
    size_t n;
};

struct engine {
    struct process process;
    struct channel *parent, *keeper, *responder, *solver;
    struct store *store;
    char *state_path; /* for reports; nothing is opened by it */
    struct authority *authorities;
    struct job *jobs;
    size_t job_n;
    size_t orders_max;         /* in flight, but for what a command forces; 0 before the configuration came */
    uint64_t turn;             /* given so far */
    struct wall expiring_look; /* when those are looked for again whose end is near; 0: not begun */
    struct wall issue_look;    /* when the queues are looked at again; 0: when something happens */
    struct deployment *deployments;
    size_t deployment_n, parked_n; /* all; those of them that wait for their batch */
    struct event *batch_timer;
    bool batch_ripe; /* they have waited long enough */
    struct event *consumers_timer;
    bool consumers_ripe; /* those that are to tell consumers have */
    struct around *arounds;
    size_t told_n; /* commands of events that run, and alerts */
    struct alert_target *alerts;
    struct event *alert_timer;
    struct lookup *lookup;  /* made at the first look or check */
    bool lookup_stale;      /* the servers it asks are those of an earlier configuration */
    size_t check_n;         /* checks under way, which use it */
    const char **resolvers; /* in resolver_arena */
    size_t resolver_n;
    struct arena *resolver_arena;
    struct renewal_poll_request *polls;     /* renewal information asked for */
    struct renewal_poll_request *polls_due; /* to be asked for in this turn */
    size_t poll_n;
    struct order_actions *actions; /* of the step under way; large, so there is one */
    struct token *tokens;
    struct placed *placed; /* answers that others show */
    uint32_t placed_handle;
    size_t removals;      /* of them, those that are being taken down */
    int64_t sweep_wait_s; /* of the next try for what could not be; 0: there is none */
    struct event *sweep_timer;
    struct solver_waiter *solver_waiters;
    bool responder_asked[CHALLENGE_END_]; /* the parent is being asked to listen for that kind */
    struct outbox_item *outbox, **outbox_last;
    uint64_t request_n;     /* signed so far */
    bool stopping;          /* nothing new is begun */
    bool parked;            /* ... and jobs are no longer waited for */
    struct mono stop_until; /* how long the step of the end that goes on may take */
    struct event *stop_timer;
    struct session *sessions;
    struct event *due_timer, *commit_timer;
    struct clock_state *clock;
    struct event *history_timer;
    int64_t history_keep_s;
    bool pass_asked; /* a pass has asked for all renewal information that was due as it began */
    bool schedule;   /* do what is due by itself (a daemon), not only by command */
    bool due_stale;  /* due times changed in this turn */
    bool commit_failed;
    bool swept; /* what the life before left is being removed */
    struct feed grants;
    char *offered;           /* the last name of the configuration's that was offered; NULL: none are */
    bool offers_lost;        /* the store could not be read for some of them: nothing is released */
    struct storage *storage; /* made at the first look */
    struct rebuild *rebuild; /* rows are being made of what is live; NULL: they are not */
    bool unclaimed;          /* some of them were found without a wish, and people have not heard of it */
    bool unable;             /* the store is damaged and the parent knows: nothing is done any more */
    bool containers;         /* they are watched: the parent is asked whom to tell, and told of changes */
    bool certificates_stale; /* rows changed since it was told */
};

#endif
