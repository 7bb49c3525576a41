/* How a job ends: what is recorded, when it is tried again or renewed, and who is told. */
#include "processes/engine/job_priv.h"

#include "base/log.h"
#include "os/random.h"
#include "policy/schedule.h"

#include <stdio.h>
#include <string.h>

/* What the reader can expect next, appended to the error. */
static void add_outlook(struct job *j, bool kept, struct err *err)
{
    char when[TIME_TEXT_MAX], in[DURATION_TEXT_MAX];
    size_t n = strlen(err->text);
    if (!kept)
        snprintf(err->text + n, sizeof err->text - n,
            "; nothing was kept, so mend the cause and give the command again");
    else
        snprintf(err->text + n, sizeof err->text - n, "; %s %s (in %s)",
            j->engine->schedule ? "it is tried again at" : "evercert renew tries again after",
            wall_format(j->record.due_at, when),
            duration_about(j->record.due_at.s - engine_now(j->engine).s, in));
}

/* A first issue by command that the CA refused is an answer to the operator, not a thing to keep trying. */
static bool worth_keeping(const struct job *j, const struct err *err)
{
    if (j->record.source == SOURCE_CONFIG || j->record.generation > 0)
        return true;
    return err_is_temporary(err->code) || err->retry_at_s > 0;
}

static json_t *failure_detail(const struct job *j, const struct err *err)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "code", err_name(err->code), "problem", err->problem, "order",
        j->record.order_url, "authority", j->authority != NULL ? j->authority->name : "");
}

/* Who gave the command that this is for hears it from there; a daemon's log has it all the same. */
static void log_failure(const struct job *j, const struct err *err)
{
    const char *name = j->record.name;
    size_t n = strlen(name);
    bool told = j->watches != NULL && !j->engine->schedule;
    bool named = strncmp(err->text, name, n) == 0 && err->text[n] == ':';
    log_line(
        told ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s%s%s", named ? "" : name, named ? "" : ": ", err->text);
}

void job_fail(struct job *j, const struct err *why, bool dead)
{
    struct engine *e = j->engine;
    struct err err = *why;
    struct wall now = engine_now(e);
    int64_t lifetime = j->record.generation > 0 ? j->record.not_after.s - j->record.not_before.s : 0;
    bool kept = worth_keeping(j, &err);
    j->record.failures = j->record.failures < INT64_MAX ? j->record.failures + 1 : INT64_MAX;
    j->record.due_at =
        schedule_retry_at(now, j->record.failures, j->wish.retry_s, lifetime, err.retry_at_s, random_u64());
    j->record.last_error = arena_dup_c(j->arena, err.text);
    j->record.last_problem = arena_dup_c(j->arena, err.problem);
    j->record.last_error_at = now;
    history_add(e, j->record.name, "failed", err.text, failure_detail(j, &err));
    if (dead)
        job_forget_order(j);
    job_refresh(j);
    if (kept)
        job_save(j);
    else if (store_certificate_delete(e->store, str_c(j->record.name), NULL) < 0)
        log_error("%s: the record could not be removed", j->record.name);
    add_outlook(j, kept, &err);
    log_failure(j, &err);
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_part_done(e, w->session, j->record.name, "failed", &err);
    job_over(j);
}

void job_succeed(struct job *j)
{
    struct engine *e = j->engine;
    struct certificate *c = &j->record;
    bool renewal = c->generation > 0;
    const char *event = renewal ? "renewed" : "issued";
    c->generation = j->generation;
    c->authority = j->authority->directory_url;
    c->fingerprint = j->published.fingerprint;
    c->serial = j->published.serial;
    c->issuer = j->published.issuer;
    c->subjects = j->published.subjects;
    c->not_before = j->published.not_before;
    c->not_after = j->published.not_after;
    c->chain = j->published.chain.p;
    struct buf names = buf_new(MSG_WISH);
    for (size_t i = 0; i < j->wish.domain_n; i++)
        buf_printf(&names, "%s%s", i > 0 ? " " : "", j->wish.domains[i]);
    c->issued_wish_domains = arena_dup(j->arena, buf_str(&names));
    buf_free(&names);
    c->revoked = false;
    c->failures = 0;
    c->last_error = c->last_problem = "";
    c->last_error_at = (struct wall){0};
    if (renewal)
        c->renewed_at = engine_now(e);
    c->due_at = schedule_due(e, c, &j->wish);
    job_forget_order(j);
    bool hooks = j->wish.deploy_n > 0 || j->wish.key_group[0] != '\0';
    c->deploy_due_at = hooks ? engine_now(e) : (struct wall){0};
    c->deploy_failures = 0;
    c->deploy_error = "";
    c->deploy_event = event;
    job_save(j);
    if (store_key_delete_below(e->store, str_c(c->name), c->generation, NULL) < 0)
        log_warning("%s: keys of earlier generations could not be removed from the store", c->name);
    char until[TIME_TEXT_MAX], next[TIME_TEXT_MAX];
    const char *text = arena_printf(j->arena, "%s by %s, valid to %s, renewal at %s", event,
        j->authority->name, wall_format(c->not_after, until), wall_format(c->due_at, next));
    log_info("%s: %s", c->name, text);
    history_add(e, c->name, event, text,
        json_pack("{s:s, s:s, s:I}", "fingerprint", c->fingerprint, "serial", c->serial, "generation",
            (json_int_t)c->generation));
    struct job_watch *watches = j->watches;
    if (hooks) {
        j->watches = NULL;
        deploy_start(e, c->name, watches);
    } else {
        for (struct job_watch *w = watches; w != NULL; w = w->next)
            session_part_done(e, w->session, c->name, event, NULL);
    }
    job_over(j);
}
