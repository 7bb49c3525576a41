/* Whom a job asks, with what order, and what it tries next when that failed. */
#include "processes/engine/job_priv.h"

#include "acme/problem.h"
#include "base/log.h"
#include "os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the order's parameters --- */

static bool is_omitted(const struct job *j, const char *name)
{
    for (size_t i = 0; i < j->omitted_n; i++)
        if (strcmp(j->omitted[i], name) == 0)
            return true;
    return false;
}

const struct str *job_names(struct job *j, size_t *n)
{
    struct str *names = arena_array(j->arena, j->wish.domain_n, sizeof *names);
    *n = 0;
    for (size_t i = 0; i < j->wish.domain_n; i++)
        if (!is_omitted(j, j->wish.domains[i]))
            names[(*n)++] = str_c(j->wish.domains[i]);
    return names;
}

/* What to ask for, best first, without what this CA does not offer. */
static void choose_profiles(struct job *j, struct order_params *p)
{
    const struct directory *d = &j->authority->directory;
    struct str *profiles = arena_array(j->arena, j->wish.preferred_profile_n + 1, sizeof *profiles);
    size_t n = 0;
    if (j->wish.profile[0] != '\0' && directory_has_profile(d, str_c(j->wish.profile)))
        profiles[n++] = str_c(j->wish.profile);
    for (size_t i = 0; j->wish.profile[0] == '\0' && i < j->wish.preferred_profile_n; i++)
        if (directory_has_profile(d, str_c(j->wish.preferred_profiles[i])))
            profiles[n++] = str_c(j->wish.preferred_profiles[i]);
    p->profiles = profiles;
    p->profile_n = n;
    p->profile_required = j->wish.profile[0] != '\0';
}

/* Nothing is ordered where the profile that must be is not offered; the reader learns which there are. */
static int check_profile(const struct job *j, struct err *err)
{
    const struct directory *d = &j->authority->directory;
    struct buf offered ATTR_CLEANUP(buf_free) = buf_new(ERR_TEXT_MAX);
    if (j->wish.profile[0] == '\0' || directory_has_profile(d, str_c(j->wish.profile)))
        return 0;
    for (size_t i = 0; i < d->profile_n; i++)
        buf_printf(&offered, "%s%.*s", i > 0 ? ", " : "", STR_ARG(d->profiles[i].name));
    return err_set(err, ERR_ACME, "%s does not offer the profile %s, which is required here; it offers %s",
        j->authority->name, j->wish.profile, offered.n > 0 ? buf_c(&offered) : "none");
}

static void choose_challenges(struct job *j, struct order_params *p)
{
    enum acme_challenge *list = arena_array(j->arena, j->wish.challenge_n, sizeof *list);
    for (size_t i = 0; i < j->wish.challenge_n; i++)
        if ((list[p->challenge_n] = acme_challenge_parse(str_c(j->wish.challenges[i]))) != CHALLENGE_END_)
            p->challenge_n++;
    p->challenges = list;
    p->avoid = j->avoid;
    p->avoid_n = j->avoid_n;
}

static bool has_order(const struct job *j)
{
    return j->record.order_url[0] != '\0' && strcmp(j->record.order_authority, j->authority->id) == 0;
}

/* The key that was made for the order under way, or for a rehearsal of this job just now. */
static void find_key(struct job *j, bool resume)
{
    const struct certificate *c = &j->record;
    int64_t taken = c->order_generation > c->generation ? c->order_generation : c->generation;
    if (j->has_key && !resume)
        return;
    j->generation = resume ? c->order_generation : taken + 1;
    j->has_key = resume && store_key_get(j->engine->store, str_c(c->name), j->generation, j->arena,
                               &j->sealed_key, NULL) == 0;
}

static void place_order(struct job *j)
{
    struct order_event ev;
    struct wall may_at;
    const char *reason;
    struct err err = ERR_INIT;
    bool resume = !j->rehearsal && has_order(j);
    struct order_params p = {.thumbprint = str_c(j->authority->thumbprint),
        .directory_url = str_c(j->authority->directory_url),
        .new_order = j->authority->directory.new_order,
        .resume_url = resume ? str_c(j->record.order_url) : STR(""),
        .finalize_early = j->authority->finalize_early,
        .new_authz = j->authority->pre_authorize ? j->authority->directory.new_authz : STR(""),
        .replaces = !j->rehearsal && renewal_info_replaces(&j->record, j->authority),
        .choose_chain = j->wish.preferred_chain_n > 0};
    if (!resume && check_profile(j, &err) < 0) {
        job_attempt_failed(j, &err, false);
        return;
    }
    p.names = job_names(j, &p.name_n);
    choose_profiles(j, &p);
    choose_challenges(j, &p);
    find_key(j, resume);
    p.has_key = j->has_key;
    j->kind = ledger_kind_of(
        &j->record, &j->wish, j->omitted, j->omitted_n, j->authority, p.replaces, engine_now(j->engine));
    j->takes = false; /* from here on the ledger knows */
    if (!resume && !ledger_may_order(j->authority, p.names, p.name_n, j->kind, &may_at, &reason, j->arena)) {
        job_postpone(j, may_at, reason);
        return;
    }
    if (!resume) {
        ledger_note_order(j->authority, p.names, p.name_n, j->kind);
        j->orders++;
    }
    j->shown = ORDER_PHASE_DONE; /* none of the first ones */
    j->finalized = false;
    j->order = order_new(&p);
    job_event(&ev, ORDER_EVENT_START, 0);
    job_step(j, &ev);
}

/* --- whom to ask --- */

/* No account is to be had at the staging directory, as where it wants a binding of its own: that tells
 * nothing of the real one, which is asked now. */
static void skip_rehearsal(struct job *j, const struct err *why)
{
    const char *text = arena_printf(
        j->arena, "nothing is tried at the staging directory %s: %s", j->authority->name, why->text);
    log_info("%s: %s", j->record.name, text);
    history_add(j->engine, j->record.name, "note", text, NULL);
    j->attempts[j->which].staged = true;
    job_wait(j, 0);
}

/* What a request of the account's own, or for the directory, says of the CA. */
static enum job_heard by_account(const struct authority *a, const struct err *err)
{
    bool lost = err->code == ERR_NETWORK || err->code == ERR_TIMEOUT || err->code == ERR_TLS;
    bool later = strcmp(err->problem, "serverInternal") == 0 || strcmp(err->problem, "rateLimited") == 0;
    if (lost || later || a->account_lost)
        return HEARD_NOTHING;
    return err->code == ERR_ACME ? HEARD_ANSWER : HEARD_UNASKED;
}

static void on_authority(struct engine *e, const struct err *err, void *arg)
{
    struct job *j = arg;
    (void)e;
    if (err != NULL)
        j->heard = by_account(j->authority, err);
    if (err == NULL)
        place_order(j);
    else if (err->code == ERR_IPC && j->interruptions++ < INTERRUPTIONS_MAX)
        job_wait(j, KEEPER_RETRY_MS);
    else if (j->rehearsal && !err_is_temporary(err->code) && err->retry_at_s == 0)
        skip_rehearsal(j, err);
    else
        job_attempt_failed(j, err, false);
}

static void ask(struct job *j)
{
    struct authority *issuer = j->issuers[j->which];
    struct authority *staging =
        issuer->staging[0] != '\0' ? authority_of_account(j->engine, issuer->staging) : NULL;
    j->authority = j->place = issuer;
    j->heard = HEARD_UNASKED;
    j->act_lost = false;
    j->rehearsal = staging != NULL && !has_order(j) && failover_staging_first(&j->attempts[j->which]);
    if (j->rehearsal) {
        j->authority = staging;
        log_info("%s: tried at %s first, as the last attempt failed", j->record.name, staging->name);
    }
    job_show(j, "asking the authority");
    authority_need(j->authority, true, on_authority, j);
}

static bool resumes_at(const struct job *j, size_t *which)
{
    for (*which = 0; *which < j->issuer_n; (*which)++)
        if (j->record.order_url[0] != '\0' && strcmp(j->issuers[*which]->id, j->record.order_authority) == 0)
            return true;
    return false;
}

/* All authorities of the wish are known. */
static void load_attempts(struct job *j)
{
    struct str ids[ATTEMPTS_MAX];
    for (size_t i = 0; i < j->issuer_n; i++)
        ids[i] = str_c(j->issuers[i]->id);
    (void)attempts_load(str_c(j->record.attempts), ids, j->issuer_n, j->attempts);
    for (size_t i = 0; j->forced && i < j->issuer_n; i++)
        j->attempts[i].due_at = (struct wall){0};
}

bool job_choose(const struct job *j, size_t *which, struct wall *due_at)
{
    struct attempt list[ATTEMPTS_MAX];
    memcpy(list, j->attempts, j->issuer_n * sizeof *list);
    for (size_t i = 0; !j->forced && i < j->issuer_n; i++)
        if (authority_rests(j->issuers[i]))
            failover_wait(&list[i], authority_after_rest(j->issuers[i]));
    return failover_choose(list, j->issuer_n, engine_now(j->engine), which, due_at);
}

/* A rest that began since the job was given its place. */
static bool postponed_by_rest(struct job *j)
{
    struct authority *a = j->issuers[j->which];
    if (j->forced || !authority_rests(a))
        return false;
    job_postpone(j, a->outage.until, authority_rest_text(a, j->arena));
    return true;
}

static void choose(struct job *j)
{
    struct wall due_at;
    load_attempts(j);
    if (!resumes_at(j, &j->which) && !job_choose(j, &j->which, &due_at))
        j->which = 0; /* it was said to be due, so somebody is to be asked */
    j->tried |= 1U << j->which;
    if (!postponed_by_rest(j))
        ask(j);
}

static bool find_issuers(struct job *j, const char **missing)
{
    j->issuer_n = 0;
    for (size_t i = 0; i < j->wish.authority_n && i < ATTEMPTS_MAX; i++) {
        struct authority *a = authority_find(j->engine, j->wish.authorities[i]);
        if (a == NULL) {
            *missing = j->wish.authorities[i];
            return false;
        }
        j->issuers[j->issuer_n++] = a;
    }
    return j->issuer_n > 0;
}

static void on_introduced(struct engine *e, const struct err *why, void *arg)
{
    struct job *j = arg;
    struct err err = ERR_INIT;
    const char *missing = "";
    (void)e;
    j->introducing = false;
    if (j->over)
        return;
    if (find_issuers(j, &missing)) {
        choose(j);
        return;
    }
    err_set(&err, ERR_CONFIG,
        "authority %s is not configured (any more): name it under authorities, or give the certificate "
        "another",
        missing);
    job_fail(j, why != NULL ? why : &err);
}

void job_begin(struct job *j)
{
    const char *missing;
    if (!around_enter(j))
        return;
    if (j->issuer_n > 0) { /* taken up again: where it was */
        ask(j);
    } else if (find_issuers(j, &missing)) {
        choose(j);
    } else {
        j->introducing = true;
        authority_introduce(j->engine, j->record.permit, on_introduced, j);
    }
}

void job_rehearsed(struct job *j)
{
    j->attempts[j->which].staged = true;
    j->rehearsal = false;
    job_drop_order(j);
    history_add(j->engine, j->record.name, "rehearsed",
        arena_printf(j->arena, "%s issued; now %s is asked", j->authority->name, j->issuers[j->which]->name),
        NULL);
    job_wait(j, 0);
}

/* --- what to try next --- */

/* Which kind of failure this is to the other authorities of the list (policy/failover.h). Before there is an
 * order nothing was validated, so what the CA refused is our account with it. */
static enum attempt_failure failure_of(
    const struct err *err, const struct order_rejection *r, size_t n, bool placed)
{
    static const char *const validation[] = {"dns", "connection", "tls", "incorrectResponse", "unauthorized"};
    struct problem p = {.type = err->problem, .detail = "", .instance = "", .link = ""};
    for (size_t i = 0; i < n; i++)
        if (r[i].challenge != CHALLENGE_END_)
            return ATTEMPT_EVERYWHERE;
    if (err_is_temporary(err->code) || err->retry_at_s > 0)
        return ATTEMPT_TEMPORARY;
    if (err->problem[0] != '\0' && problem_classify(&p) == PROBLEM_TEMPORARY)
        return ATTEMPT_TEMPORARY;
    for (size_t i = 0; placed && i < ARRAY_LEN(validation); i++)
        if (strcmp(err->problem, validation[i]) == 0)
            return ATTEMPT_EVERYWHERE;
    /* The CA's own word or nonsense, or what it wants and we have not got. */
    if (err->code == ERR_ACME || err->code == ERR_INPUT || err->code == ERR_LIMIT ||
        err->code == ERR_VERIFY || err->code == ERR_CONFIG)
        return ATTEMPT_REFUSED;
    return ATTEMPT_EVERYWHERE;
}

/* Another kind of challenge for the names that failed, where each of them has one, and failed by one: who was
 * turned away for something else would come to the same end with any. */
static bool use_other_challenges(struct job *j, const struct order_rejection *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!r[i].other_challenge || r[i].challenge == CHALLENGE_END_)
            return false;
    struct order_avoid *avoid = arena_array(j->arena, j->avoid_n + n, sizeof *avoid);
    if (j->avoid_n > 0)
        memcpy(avoid, j->avoid, j->avoid_n * sizeof *avoid);
    for (size_t i = 0; i < n; i++) {
        avoid[j->avoid_n + i] = (struct order_avoid){str_c(arena_dup_c(j->arena, r[i].name)), r[i].challenge};
        log_warning("%s: %s was not validated by %s (%s); another challenge is tried", j->record.name,
            r[i].name, acme_challenge_text(r[i].challenge), r[i].detail);
    }
    j->avoid = avoid;
    j->avoid_n += n;
    return n > 0;
}

/* on-rejected-name: issue-without. Never without all of them. */
static bool leave_out(struct job *j, const struct order_rejection *r, size_t n)
{
    if (!j->wish.issue_without || n == 0 || j->omitted_n + n >= j->wish.domain_n)
        return false;
    const char **omitted = arena_array(j->arena, j->omitted_n + n, sizeof *omitted);
    if (j->omitted_n > 0)
        memcpy(omitted, j->omitted, j->omitted_n * sizeof *omitted);
    for (size_t i = 0; i < n; i++) {
        omitted[j->omitted_n + i] = arena_dup_c(j->arena, r[i].name);
        const char *text = arena_printf(j->arena, "%s is left out: %s", r[i].name, r[i].detail);
        log_warning("%s: %s", j->record.name, text);
        history_add(j->engine, j->record.name, "name-rejected", text, NULL);
    }
    j->omitted = omitted;
    j->omitted_n += n;
    return true;
}

/* Whether the certificate that is live has just what could be had now, so that there is nothing to gain. */
static bool is_no_better(const struct job *j)
{
    const struct certificate *c = &j->record;
    return c->generation > 0 && !c->revoked && c->omitted[0] != '\0' &&
           ledger_same_names(c, &j->wish, j->omitted, j->omitted_n) &&
           schedule_due(j->engine, c, &j->wish).s > engine_now(j->engine).s;
}

static void note_failures(struct job *j, const struct order_rejection *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (r[i].challenge != CHALLENGE_END_)
            ledger_note_failure(j->authority, r[i].name);
}

static void again(struct job *j)
{
    job_drop_order(j);
    j->has_key = false; /* a key belongs to one order */
    job_wait(j, 0);
}

/* Another authority of the list, when this one's failure says nothing about the others. */
static bool next_issuer(struct job *j)
{
    struct wall due_at;
    size_t which;
    if (j->finalized && has_order(j)) /* it may have been issued: this order is gone on with */
        return false;
    if (!job_choose(j, &which, &due_at) || (j->tried & (1U << which)) != 0)
        return false;
    log_warning(
        "%s: %s is tried instead of %s", j->record.name, j->issuers[which]->name, j->issuers[j->which]->name);
    j->which = which;
    j->tried |= 1U << which;
    return true;
}

static void note_attempt(struct job *j, const struct err *err, enum attempt_failure failure)
{
    const struct certificate *c = &j->record;
    struct authority *issuer = j->issuers[j->which];
    int64_t lifetime = c->generation > 0 ? c->not_after.s - c->not_before.s : 0;
    /* The CA's outage is no failure of the certificate's own: it stays due, behind those that were not tried
     * yet, and its queue waits. */
    if (failure == ATTEMPT_TEMPORARY && !j->rehearsal && j->heard == HEARD_NOTHING && authority_rests(issuer))
        failover_wait(&j->attempts[j->which], engine_now(j->engine));
    else
        failover_note(&j->attempts[j->which], failure, engine_now(j->engine), j->wish.retry_s, lifetime,
            err->retry_at_s, random_u64());
}

/* RFC 8555 7.3.6: what a CA says to a new order of an account that somebody has deactivated. */
static void add_advice(struct err *err)
{
    size_t n = strlen(err->text);
    snprintf(err->text + n, sizeof err->text - n, "; if the account was deactivated, " ACCOUNT_ANOTHER);
}

/* What the attempt tells of the CA. A rate limit of new orders may be one of the names; the ledger sees to
 * that. */
static void note_heard(struct job *j, const struct err *err, bool unplaced)
{
    bool limited = strcmp(err->problem, "rateLimited") == 0;
    if (j->rehearsal || j->heard == HEARD_UNASKED || (limited && unplaced))
        return;
    if (j->heard == HEARD_NOTHING || limited)
        authority_failed(j->authority, j->record.name, err);
    else
        authority_answered(j->authority);
}

void job_attempt_failed(struct job *j, const struct err *err, bool dead)
{
    size_t n = 0;
    struct err why = *err;
    const struct order_rejection *r = j->order != NULL ? order_rejections(j->order, &n) : NULL;
    note_failures(j, r, n);
    /* Of the new order: what is said to other requests, or to a new account, is about other limits. */
    bool placed = j->order != NULL && order_url(j->order).n > 0, unplaced = j->order != NULL && !placed;
    if (unplaced && strcmp(err->problem, "rateLimited") == 0) {
        size_t name_n;
        const struct str *names = job_names(j, &name_n);
        ledger_note_refused(j->authority, names, name_n, j->kind, (struct wall){err->retry_at_s});
    }
    note_heard(j, err, unplaced);
    if (unplaced && strcmp(why.problem, "unauthorized") == 0)
        add_advice(&why);
    /* What the keeper refuses (a key that was burnt meanwhile) it will refuse again: the next order gets a
     * new key. */
    if ((dead || err->code == ERR_REFUSED) && !j->rehearsal)
        job_forget_order(j);
    if (j->orders < JOB_ORDERS_MAX && n > 0) {
        if (use_other_challenges(j, r, n)) {
            again(j);
            return;
        }
        if (leave_out(j, r, n)) {
            if (is_no_better(j))
                job_keep(j, &why);
            else
                again(j);
            return;
        }
    }
    if (j->rehearsal)
        err_prefix(&why, "at %s, which is tried first after a failure", j->authority->name);
    enum attempt_failure failure = failure_of(err, r, n, placed);
    /* A staging directory that cannot be reached says nothing about the real one. */
    note_attempt(j, &why, failure);
    if (next_issuer(j)) {
        history_add(j->engine, j->record.name, "failed", why.text, NULL);
        again(j);
        return;
    }
    job_fail(j, &why);
}
