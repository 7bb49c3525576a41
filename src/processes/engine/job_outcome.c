/* How a job ends: what is recorded, when it is tried again or renewed, and who is told. */
#include "processes/engine/job_priv.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "os/random.h"
#include "policy/schedule.h"

#include <stdio.h>
#include <string.h>

/* Names that were left out are asked for again after as long as after the fourth failure in a row: a day. */
enum { OMITTED_RETRY = 4 };

/* When it can be tried again: what is due at a CA that does not answer waits for that. */
static struct wall after_rest(const struct job *j)
{
    const struct authority *a = j->issuer_n == 1 ? j->issuers[0] : NULL;
    bool waits = a != NULL && authority_rests(a) && j->record.due_at.s < a->outage.until.s;
    return waits ? a->outage.until : j->record.due_at;
}

/* What the reader can expect next, appended to the error. */
static void add_outlook(struct job *j, bool kept, struct err *err)
{
    char when[TIME_TEXT_MAX], in[DURATION_TEXT_MAX];
    size_t n = strlen(err->text);
    struct wall again = after_rest(j);
    if (!kept)
        snprintf(err->text + n, sizeof err->text - n,
            "; nothing was kept, so mend the cause and give the command again");
    else if (j->record.pause_link[0] != '\0')
        snprintf(err->text + n, sizeof err->text - n,
            "; it is left alone until that is done and evercert renew --force %s is given", j->record.name);
    else
        snprintf(err->text + n, sizeof err->text - n, "; %s %s (in %s)",
            j->engine->schedule ? "it is tried again at" : "evercert renew tries again after",
            wall_format(again, when), duration_about(again.s - engine_now(j->engine).s, in));
}

/* A first issue by command that the CA refused is an answer to the operator, not a thing to keep trying. */
static bool worth_keeping(const struct job *j, const struct err *err)
{
    if (j->record.source != SOURCE_COMMAND || j->record.generation > 0)
        return true;
    return err_is_temporary(err->code) || err->retry_at_s > 0;
}

/* Takes the exchange along, which the history keeps. */
static json_t *detail_of(struct job *j, json_t *detail)
{
    json_object_set(detail, "exchange", j->exchange);
    return detail;
}

static json_t *failure_detail(struct job *j, const struct err *err)
{
    return detail_of(
        j, json_pack("{s:s, s:s, s:s, s:s}", "code", err_name(err->code), "problem", err->problem, "order",
               j->record.order_url, "authority", j->authority != NULL ? j->authority->name : ""));
}

/* Who gave the command that this is for hears it from there; a daemon's log has it all the same. */
static void log_failure(const struct job *j, const struct err *err)
{
    const char *name = j->record.name;
    size_t n = strlen(name);
    bool told = j->watches != NULL && !j->engine->schedule;
    bool named = strncmp(err->text, name, n) == 0 && err->text[n] == ':';
    job_log(j, err->code == ERR_WAIT ? "waiting" : "failed", told ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
        "%s%s%s", named ? "" : name, named ? "" : ": ", err->text);
}

static void tell_failure(struct job *j, const struct err *err)
{
    log_failure(j, err);
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_part_done(j->engine, w->session, j->record.name, "failed", err);
}

/* The attempts as they are now, and when the next one is. */
static void save_attempts(struct job *j)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(ATTEMPTS_TEXT_MAX);
    struct wall now = engine_now(j->engine);
    size_t which;
    attempts_save(j->attempts, j->issuer_n, &text);
    j->record.attempts = arena_dup(j->arena, buf_str(&text));
    if (j->issuer_n == 0) /* none of them is known */
        j->record.due_at = schedule_retry_at(now, j->record.failures, j->wish.retry_s, 0, 0, random_u64());
    else if (j->issuer_n == 1 && j->attempts[0].due_at.s > now.s)
        j->record.due_at = j->attempts[0].due_at;
    else if (j->issuer_n == 1 || job_choose(j, &which, &j->record.due_at))
        j->record.due_at = (struct wall){now.s + 1};
}

static void save_or_drop(struct job *j, bool kept)
{
    job_refresh(j);
    if (kept)
        job_save(j);
    else if (certificate_drop(j->engine, j->record.name, NULL) < 0)
        job_log(j, "", LOG_LEVEL_ERROR, "%s: the record could not be removed", j->record.name);
}

void job_fail(struct job *j, const struct err *why)
{
    struct engine *e = j->engine;
    struct err err = *why;
    struct certificate *c = &j->record;
    bool kept = worth_keeping(j, &err);
    c->failures = c->failures < INT64_MAX ? c->failures + 1 : INT64_MAX;
    c->pause_link = j->order != NULL ? arena_dup(j->arena, order_pause_link(j->order)) : "";
    save_attempts(j);
    if (c->pause_link[0] != '\0')
        c->due_at = (struct wall){0};
    bool limited = err.retry_at_s > 0 && strcmp(err.problem, "rateLimited") == 0;
    c->wait_until = (struct wall){limited ? err.retry_at_s : 0};
    c->wait_reason = limited ? arena_dup_c(j->arena, err.text) : "";
    c->last_error = arena_dup_c(j->arena, err.text);
    c->last_problem = arena_dup_c(j->arena, err.problem);
    c->last_error_at = engine_now(e);
    j->ended = JOB_FAILED;
    history_add(e, c->name, "failed", err.text, failure_detail(j, &err));
    save_or_drop(j, kept);
    happen(e, c, &j->wish, DEPLOY_FAILING, err.text);
    add_outlook(j, kept, &err);
    tell_failure(j, &err);
    job_over(j);
}

void job_postpone(struct job *j, struct wall until, const char *reason)
{
    struct engine *e = j->engine;
    struct certificate *c = &j->record;
    struct wall due_at;
    size_t which;
    failover_wait(&j->attempts[j->which], until);
    if (job_choose(j, &which, &due_at) && (j->tried & (1U << which)) == 0) { /* another authority is free */
        j->which = which;
        j->tried |= 1U << which;
        job_wait(j, 0);
        return;
    }
    save_attempts(j);
    c->wait_until = until;
    c->wait_reason = arena_dup_c(j->arena, reason);
    history_add(e, c->name, "waiting", reason, NULL);
    job_refresh(j);
    job_save(j);
    struct err err = ERR_INIT;
    err_set(&err, ERR_WAIT, "%s: %s", c->name, reason);
    err.retry_at_s = until.s;
    add_outlook(j, true, &err);
    tell_failure(j, &err);
    job_over(j);
}

void job_hold(struct job *j, const struct err *why)
{
    struct engine *e = j->engine;
    struct certificate *c = &j->record;
    bool news = c->wait_until.s == 0;
    struct err err = *why;
    c->due_at = c->wait_until = (struct wall){engine_now(e).s + STORAGE_RETRY_S};
    c->wait_reason = arena_dup_c(j->arena, why->text);
    if (news) /* not once a minute */
        history_add(e, c->name, "waiting", why->text, NULL);
    job_refresh(j);
    job_save(j);
    err_prefix(&err, "%s", c->name);
    add_outlook(j, true, &err);
    if (news)
        log_failure(j, &err);
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_part_done(e, w->session, c->name, "failed", &err);
    job_over(j);
}

/* The CA may take the names that it rejected another time. */
static struct wall ask_again_at(const struct job *j)
{
    struct wall now = engine_now(j->engine), renewal = schedule_due(j->engine, &j->record, &j->wish);
    struct wall again = schedule_retry_at(now, OMITTED_RETRY, j->wish.retry_s, 0, 0, random_u64());
    return renewal.s < again.s ? renewal : again;
}

void job_keep(struct job *j, const struct err *why)
{
    struct engine *e = j->engine;
    struct certificate *c = &j->record;
    c->due_at = ask_again_at(j);
    c->last_error = arena_dup_c(j->arena, why->text);
    c->last_problem = arena_dup_c(j->arena, why->problem);
    c->last_error_at = engine_now(e);
    history_add(e, c->name, "still-rejected", why->text, failure_detail(j, why));
    job_refresh(j);
    job_save(j);
    job_log(j, "", LOG_LEVEL_WARNING, "%s: goes on without %s: %s", c->name, c->omitted, why->text);
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_part_done(e, w->session, c->name, "kept as it is", NULL);
    job_over(j);
}

/* The names that the certificate has, and those of the wish that it lacks. */
static void note_names(struct job *j)
{
    struct buf names ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    struct buf omitted ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    for (size_t i = 0; i < j->wish.domain_n; i++) {
        bool lacks = false;
        for (size_t k = 0; k < j->omitted_n && !lacks; k++)
            lacks = strcmp(j->omitted[k], j->wish.domains[i]) == 0;
        struct buf *to = lacks ? &omitted : &names;
        buf_printf(to, "%s%s", to->n > 0 ? " " : "", j->wish.domains[i]);
    }
    j->record.issued_wish_domains = arena_dup(j->arena, buf_str(&names));
    j->record.omitted = arena_dup(j->arena, buf_str(&omitted));
}

static void note_in_ledger(struct job *j)
{
    size_t n;
    const struct str *names = job_names(j, &n);
    ledger_note_issued(j->authority, names, n, j->kind);
    for (size_t i = 0; i < n; i++)
        ledger_note_success(j->authority, names[i].p);
}

/* What there is to know of the new certificate, for who gave the command: nobody reads a log then. */
static const char *outcome_of(struct job *j, const char *event)
{
    size_t n;
    const char *const *notes = order_notes(j->order, &n);
    const char *text = event;
    if (j->record.omitted[0] != '\0')
        text = arena_printf(j->arena, "%s without %s, which the CA rejected", text, j->record.omitted);
    for (size_t i = 0; i < n; i++)
        text = arena_printf(j->arena, "%s; %s", text, notes[i]);
    return text;
}

static void tell_success(struct job *j, const char *said, bool hooks)
{
    struct job_watch *watches = j->watches;
    if (hooks) {
        j->watches = NULL;
        deploy_start(j->engine, j->record.name, said, watches);
        return;
    }
    for (struct job_watch *w = watches; w != NULL; w = w->next)
        session_part_done(j->engine, w->session, j->record.name, said, NULL);
}

void job_succeed(struct job *j)
{
    struct engine *e = j->engine;
    struct certificate *c = &j->record;
    bool renewal = c->generation > 0;
    const char *event = renewal ? "renewed" : "issued";
    job_refresh(j);
    c->previous = c->fingerprint;
    c->generation = j->generation;
    c->authority = j->authority->id;
    c->fingerprint = j->published.fingerprint;
    c->serial = j->published.serial;
    c->issuer = j->published.issuer;
    c->subjects = j->published.subjects;
    c->not_before = j->published.not_before;
    c->not_after = j->published.not_after;
    c->chain = j->published.chain.p;
    note_names(j);
    c->profile = arena_dup(j->arena, order_profile(j->order));
    c->key_hash = j->published.key_hash;
    c->ari_id = j->published.ari_id;
    renewal_info_reset(e, c, j->authority);
    c->revoked = c->compromised = false;
    c->failures = 0;
    c->attempts = c->wait_reason = c->pause_link = "";
    c->wait_until = (struct wall){0};
    c->last_error = c->last_problem = "";
    c->last_error_at = (struct wall){0};
    if (renewal)
        c->renewed_at = engine_now(e);
    c->due_at = c->omitted[0] != '\0' ? ask_again_at(j) : schedule_due(e, c, &j->wish);
    note_in_ledger(j);
    authority_answered(j->authority);
    job_forget_order(j);
    bool hooks = deploy_is_wanted(e, &j->wish);
    c->deploy_due_at = hooks ? engine_now(e) : (struct wall){0};
    c->deploy_failures = c->deploy_step = c->live_generation = 0;
    c->deploy_error = c->served_error = "";
    c->served_at = c->failing_told_at = c->expiring_told_at = (struct wall){0};
    j->ended = JOB_SUCCEEDED;
    c->deploy_event = event;
    job_save(j);
    if (store_key_delete_below(e->store, str_c(c->name), c->generation, NULL) < 0)
        job_log(j, "", LOG_LEVEL_WARNING,
            "%s: keys of earlier generations could not be removed from the store", c->name);
    char until[TIME_TEXT_MAX], next[TIME_TEXT_MAX];
    const char *text = arena_printf(j->arena, "%s by %s, valid to %s, renewal at %s", event,
        j->authority->name, wall_format(c->not_after, until), wall_format(c->due_at, next));
    job_log(j, event, LOG_LEVEL_INFO, "%s: %s", c->name, text);
    if (c->omitted[0] != '\0')
        job_log(j, "", LOG_LEVEL_WARNING, "%s: without %s, which the CA rejected", c->name, c->omitted);
    history_add(e, c->name, event, text,
        detail_of(j, json_pack("{s:s, s:s, s:I, s:s}", "fingerprint", c->fingerprint, "serial", c->serial,
                         "generation", (json_int_t)c->generation, "authority", j->authority->name)));
    crash_point(engine_issued_noted);
    tell_success(j, outcome_of(j, event), hooks);
    job_over(j);
}
