/* One certificate being got: the order machine's events and actions, joined to the processes that do the
 * work. */
#include "processes/engine/engine.h"

#include "acme/problem.h"
#include "base/log.h"
#include "os/random.h"
#include "policy/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request under way for a job, so that it can be abandoned with it. */
struct job_post {
    struct job_post *next;
    struct job *job;
    struct post *post;
    unsigned tag;
};

static void step(struct job *j, struct order_event *ev);
static void begin(struct job *j);

struct job *job_find(struct engine *e, const char *name)
{
    for (struct job *j = e->jobs; j != NULL; j = j->next)
        if (!j->over && strcmp(j->record.name, name) == 0)
            return j;
    return NULL;
}

void job_watch(struct job *j, uint32_t session)
{
    struct session *s = session_find(j->engine, session);
    if (s == NULL)
        return;
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        if (w->session == session)
            return;
    struct job_watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    *w = (struct job_watch){j->watches, session};
    j->watches = w;
    s->waiting++;
}

/* What happened to the certificate since the job began is not the job's to undo. */
static void refresh(struct job *j)
{
    struct certificate now;
    if (store_certificate_get(j->engine->store, str_c(j->record.name), j->arena, &now, NULL) < 0)
        return;
    j->record.revoked = now.revoked;
    j->record.deploy_due_at = now.deploy_due_at;
    j->record.deploy_failures = now.deploy_failures;
    j->record.deploy_error = now.deploy_error;
    j->record.deploy_event = now.deploy_event;
}

static void save(struct job *j)
{
    struct err err = ERR_INIT;
    if (store_certificate_put(j->engine->store, &j->record, &err) < 0)
        log_error("%s: %s", j->record.name, err.text);
}

static void show(struct job *j, const char *text)
{
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_progress(j->engine, w->session, j->record.name, text);
}

/* --- the end
 * ------------------------------------------------------------------------------------------------------- */

static void drop_posts(struct job *j)
{
    while (j->posts != NULL) {
        struct job_post *p = j->posts;
        j->posts = p->next;
        post_abandon(p->post);
        free(p);
    }
}

static void detach(struct job *j)
{
    drop_posts(j);
    if (j->engine->keeper != NULL)
        channel_forget(j->engine->keeper, j);
    if (j->authority != NULL)
        authority_forget_waiter(j->authority, j);
    if (j->timer != NULL)
        event_del(j->timer);
}

void job_free(struct job *j)
{
    detach(j);
    outbox_forget(j->engine, j);
    challenges_forget_job(j->engine, j);
    order_free(j->order);
    if (j->timer != NULL)
        event_free(j->timer);
    for (struct job_watch *w = j->watches, *next; w != NULL; w = next) {
        next = w->next;
        free(w);
    }
    arena_free(j->arena);
    free(j);
}

void jobs_reap(struct engine *e)
{
    for (struct job **at = &e->jobs; *at != NULL;) {
        struct job *j = *at;
        if (!j->over || j->introducing) { /* an answer on its way still points here */
            at = &j->next;
            continue;
        }
        *at = j->next;
        e->job_n--;
        job_free(j);
    }
}

static void over(struct job *j)
{
    detach(j);
    j->over = true;
    j->engine->due_stale = true;
}

void job_cancel(struct job *j, const char *why)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_CANCELLED, "cancelled: %s", why);
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_part_done(j->engine, w->session, j->record.name, "cancelled", &err);
    challenges_forget_job(j->engine, j);
    over(j);
}

void job_restart(struct job *j)
{
    struct engine *e = j->engine;
    struct job_watch *watches = j->watches;
    struct err err = ERR_INIT;
    j->watches = NULL;
    challenges_forget_job(e, j);
    over(j);
    struct job *again = job_start(e, j->record.name, &err);
    while (watches != NULL) {
        struct job_watch *w = watches;
        watches = w->next;
        if (again == NULL) {
            session_part_done(e, w->session, j->record.name, "failed", &err);
            free(w);
            continue;
        }
        w->next = again->watches;
        again->watches = w;
    }
}

static void forget_order(struct job *j)
{
    j->record.order_url = "";
    j->record.order_authority = "";
    j->record.order_generation = 0;
}

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

static void fail(struct job *j, const struct err *why, bool dead)
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
        forget_order(j);
    refresh(j);
    if (kept)
        save(j);
    else if (store_certificate_delete(e->store, str_c(j->record.name), NULL) < 0)
        log_error("%s: the record could not be removed", j->record.name);
    add_outlook(j, kept, &err);
    log_failure(j, &err);
    for (struct job_watch *w = j->watches; w != NULL; w = w->next)
        session_part_done(e, w->session, j->record.name, "failed", &err);
    over(j);
}

static void succeed(struct job *j)
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
    forget_order(j);
    bool hooks = j->wish.deploy_n > 0 || j->wish.key_group[0] != '\0';
    c->deploy_due_at = hooks ? engine_now(e) : (struct wall){0};
    c->deploy_failures = 0;
    c->deploy_error = "";
    c->deploy_event = event;
    save(j);
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
    over(j);
}

/* --- what the machine asks for
 * ------------------------------------------------------------------------------------- */

static void event_of(struct order_event *ev, enum order_event_type type, unsigned tag)
{
    *ev = (struct order_event){
        .type = type, .tag = tag, .wall = clock_wall(&system_clock), .mono = clock_mono(&system_clock)};
}

static void tell_failed(struct job *j, unsigned tag, const struct err *err)
{
    struct order_event ev;
    event_of(&ev, ORDER_EVENT_FAILED, tag);
    ev.err = err;
    step(j, &ev);
}

static void take_post(struct job_post *p)
{
    for (struct job_post **at = &p->job->posts; *at != NULL; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            return;
        }
}

static void on_answer(struct engine *e, const struct acme_response *r, const struct err *err, void *arg)
{
    struct job_post *p = arg;
    struct job *j = p->job;
    struct order_event ev;
    (void)e;
    take_post(p);
    event_of(&ev, r != NULL ? ORDER_EVENT_RESPONSE : ORDER_EVENT_FAILED, p->tag);
    ev.response = r;
    ev.err = err;
    free(p);
    step(j, &ev);
}

static void act_request(struct job *j, const struct order_action *a)
{
    struct job_post *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    *p = (struct job_post){.next = j->posts, .job = j, .tag = a->tag};
    j->posts = p;
    struct post_spec spec = {.request = a->request,
        .url = a->url,
        .permit = a->request == ACME_REQUEST_NEW_ORDER || a->request == ACME_REQUEST_FINALIZE
                      ? j->record.permit
                      : STR(""),
        .sealed_key = a->request == ACME_REQUEST_FINALIZE ? j->sealed_key : STR(""),
        .generation = j->generation};
    p->post = post_start(j->authority, &spec, on_answer, p);
}

static void on_key(const void *msg, const struct err *why, void *arg)
{
    struct job *j = arg;
    const struct msg_key_made *m = msg;
    struct err err = ERR_INIT;
    struct order_event ev;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0) {
        j->sealed_key = arena_str(j->arena, m->sealed_key);
        r = store_key_put(j->engine->store, str_c(j->record.name), j->generation, j->sealed_key, &err);
    }
    if (r < 0) {
        tell_failed(j, j->key_tag, &err);
        return;
    }
    event_of(&ev, ORDER_EVENT_KEY_MADE, j->key_tag);
    step(j, &ev);
}

static int ask_keeper(struct job *j, enum msg_type t, const void *m, enum msg_type answer,
    channel_reply_fn *fn, struct err *err)
{
    struct channel *keeper = j->engine->keeper;
    if (keeper == NULL)
        return err_set(err, ERR_IPC, "the keeper is not running");
    return channel_request(keeper, t, m, answer, fn, j, err);
}

static void act_make_key(struct job *j, const struct order_action *a)
{
    struct msg_key_make m = {j->record.permit, j->generation};
    struct err err = ERR_INIT;
    j->key_tag = a->tag;
    if (ask_keeper(j, MSG_key_make, &m, MSG_key_made, on_key, &err) < 0)
        tell_failed(j, a->tag, &err);
}

static void on_published(const void *msg, const struct err *why, void *arg)
{
    struct job *j = arg;
    const struct msg_published *m = msg;
    struct err err = ERR_INIT;
    struct order_event ev;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL || r < 0) {
        tell_failed(j, j->publish_tag, &err);
        return;
    }
    j->published.fingerprint = arena_dup_c(j->arena, m->fingerprint);
    j->published.serial = arena_dup_c(j->arena, m->serial);
    j->published.issuer = arena_dup_c(j->arena, m->issuer);
    j->published.not_before = (struct wall){m->not_before};
    j->published.not_after = (struct wall){m->not_after};
    event_of(&ev, ORDER_EVENT_PUBLISHED, j->publish_tag);
    step(j, &ev);
}

static void act_publish(struct job *j, const struct order_action *a)
{
    struct msg_publish m = {j->record.permit, j->generation, j->sealed_key, a->chain};
    struct err err = ERR_INIT;
    j->publish_tag = a->tag;
    j->published.chain = a->chain;
    if (ask_keeper(j, MSG_publish, &m, MSG_published, on_published, &err) < 0)
        tell_failed(j, a->tag, &err);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct job *j = arg;
    struct order_event ev;
    (void)fd, (void)what;
    if (j->over)
        return;
    if (j->order == NULL) { /* an interrupted job is taken up again */
        begin(j);
        return;
    }
    event_of(&ev, ORDER_EVENT_TIMER, j->timer_tag);
    step(j, &ev);
}

static void set_timer(struct job *j, int64_t wait_ms)
{
    if (j->timer == NULL)
        j->timer = evtimer_new(j->engine->process.base, on_timer, j);
    if (j->timer == NULL)
        abort();
    if (wait_ms < 0)
        wait_ms = 0;
    struct timeval tv = {wait_ms / 1000, (suseconds_t)(wait_ms % 1000) * 1000};
    evtimer_add(j->timer, &tv);
}

void job_act(struct job *j, const struct order_action *a)
{
    switch (a->type) {
    case ORDER_DO_REQUEST:
        act_request(j, a);
        break;
    case ORDER_DO_PRESENT:
        challenge_present(j, a);
        break;
    case ORDER_DO_WITHDRAW:
        challenge_withdraw(j, a);
        break;
    case ORDER_DO_MAKE_KEY:
        act_make_key(j, a);
        break;
    case ORDER_DO_PUBLISH:
        act_publish(j, a);
        break;
    case ORDER_DO_WAIT:
        j->timer_tag = a->tag;
        set_timer(j, a->wait_ms);
        break;
    case ORDER_DO_DONE:
    case ORDER_DO_FAILED:
        break; /* seen to in the step that gave them */
    }
}

/* --- driving the machine
 * -------------------------------------------------------------------------------------------- */

/* The keeper or the responder went in the middle: what is stored is enough to go on, so this is no failure.
 */
static bool interrupted(struct job *j, const struct err *err)
{
    if (err->code != ERR_IPC || j->interruptions >= INTERRUPTIONS_MAX)
        return false;
    j->interruptions++;
    drop_posts(j);
    outbox_forget(j->engine, j);
    challenges_forget_job(j->engine, j);
    order_free(j->order);
    j->order = NULL;
    set_timer(j, KEEPER_RETRY_MS);
    return true;
}

static void failed(struct job *j, const struct err *err)
{
    bool dead = order_is_dead(j->order);
    struct err why = *err;
    if (order_was_too_early(j->order))
        j->authority->finalize_early = false;
    if (interrupted(j, &why))
        return;
    /* The CA lost or never had our account: look for it once more before this counts. */
    if (strcmp(why.problem, "accountDoesNotExist") == 0 && !j->account_retried) {
        j->account_retried = true;
        authority_reset_account(j->authority);
        j->authority->register_allowed = true;
        forget_order(j);
        order_free(j->order);
        j->order = NULL;
        set_timer(j, 0);
        return;
    }
    fail(j, &why, dead);
}

static void note_order(struct job *j)
{
    struct str url = order_url(j->order);
    if (url.n == 0 || str_eq_c(url, j->record.order_url))
        return;
    j->record.order_url = arena_dup(j->arena, url);
    j->record.order_authority = j->authority->directory_url;
    j->record.order_generation = j->generation;
    refresh(j);
    save(j);
}

static void step(struct job *j, struct order_event *ev)
{
    struct order_actions *actions = j->engine->actions;
    if (j->over || j->order == NULL)
        return;
    order_step(j->order, ev, actions);
    note_order(j);
    if (order_phase(j->order) != j->shown) {
        j->shown = order_phase(j->order);
        show(j, order_phase_text(j->shown));
    }
    for (size_t i = 0; i < actions->n; i++) {
        const struct order_action *a = &actions->list[i];
        if (a->type == ORDER_DO_DONE) {
            if (order_was_too_early(j->order))
                j->authority->finalize_early = false;
            succeed(j);
            return;
        }
        if (a->type == ORDER_DO_FAILED) {
            failed(j, a->err);
            return;
        }
        if (a->type == ORDER_DO_PRESENT)
            challenge_prepare(j, a);
        if (a->type == ORDER_DO_WITHDRAW)
            challenge_withdraw(j, a); /* depends on nothing, and the job may end in this very step */
        else
            outbox_put(j, a);
    }
}

void challenge_presented(struct job *j, unsigned tag, const struct err *err)
{
    struct order_event ev;
    if (err != NULL) {
        tell_failed(j, tag, err);
        return;
    }
    event_of(&ev, ORDER_EVENT_PRESENTED, tag);
    step(j, &ev);
}

void job_hit(struct job *j, struct str token)
{
    struct order_event ev;
    event_of(&ev, ORDER_EVENT_HIT, 0);
    ev.token = token;
    step(j, &ev);
}

/* --- beginning
 * -----------------------------------------------------------------------------------------------------------
 */

static void on_authority(struct engine *e, const struct err *err, void *arg)
{
    struct job *j = arg;
    struct order_event ev;
    if (err != NULL) {
        if (err->code == ERR_IPC && j->interruptions++ < INTERRUPTIONS_MAX)
            set_timer(j, KEEPER_RETRY_MS);
        else
            fail(j, err, false);
        return;
    }
    struct certificate *c = &j->record;
    bool resume = c->order_url[0] != '\0' && strcmp(c->order_authority, j->authority->directory_url) == 0;
    int64_t taken = c->order_generation > c->generation ? c->order_generation : c->generation;
    j->generation = resume ? c->order_generation : taken + 1;
    bool has_key =
        store_key_get(e->store, str_c(c->name), j->generation, j->arena, &j->sealed_key, NULL) == 0 && resume;
    struct str *names = arena_array(j->arena, j->wish.domain_n, sizeof *names);
    for (size_t i = 0; i < j->wish.domain_n; i++)
        names[i] = str_c(j->wish.domains[i]);
    struct order_params params = {.names = names,
        .name_n = j->wish.domain_n,
        .thumbprint = str_c(j->authority->thumbprint),
        .directory_url = str_c(j->authority->directory_url),
        .new_order = j->authority->directory.new_order,
        .resume_url = resume ? str_c(c->order_url) : STR(""),
        .has_key = has_key,
        .finalize_early = j->authority->finalize_early && j->wish.webroot[0] == '\0'};
    j->order = order_new(&params);
    event_of(&ev, ORDER_EVENT_START, 0);
    step(j, &ev);
}

static void on_introduced(struct engine *e, const struct err *why, void *arg)
{
    struct job *j = arg;
    struct err err = ERR_INIT;
    j->introducing = false;
    if (j->over)
        return;
    j->authority = authority_find(e, j->wish.authority);
    if (j->authority != NULL) {
        begin(j);
        return;
    }
    err_set(&err, ERR_CONFIG,
        "authority %s is not configured (any more): name it under authorities, or give the certificate "
        "another",
        j->wish.authority);
    fail(j, why != NULL ? why : &err, false);
}

static void begin(struct job *j)
{
    show(j, "asking the authority");
    j->authority = authority_find(j->engine, j->wish.authority);
    if (j->authority == NULL) {
        j->introducing = true;
        authority_introduce(j->engine, j->record.permit, on_introduced, j);
        return;
    }
    authority_need(j->authority, true, on_authority, j);
}

static int load(struct job *j, const char *name, struct err *err)
{
    struct engine *e = j->engine;
    int r = store_certificate_get(e->store, str_c(name), j->arena, &j->record, err);
    if (r < 0)
        return r == ERR_NOT_FOUND
                   ? err_set(err, r, "there is no certificate %s; evercert list shows all", name)
                   : r;
    if ((r = wish_decode(str_c(j->record.wish), j->arena, &j->wish, err)) < 0)
        return r;
    return 0;
}

struct job *job_start(struct engine *e, const char *name, struct err *err)
{
    struct job *j = job_find(e, name);
    if (j != NULL)
        return j;
    j = calloc(1, sizeof *j);
    if (j == NULL)
        abort();
    j->engine = e;
    j->arena = arena_new();
    j->shown = ORDER_PHASE_DONE; /* none of the first ones */
    if (load(j, name, err) < 0) {
        job_free(j);
        return NULL;
    }
    j->next = e->jobs;
    e->jobs = j;
    e->job_n++;
    log_info("%s: getting a certificate from %s", name, j->wish.authority);
    begin(j);
    return j;
}
