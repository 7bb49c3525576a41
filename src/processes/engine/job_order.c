/* The order machine's events and actions, joined to the processes that do the work. */
#include "processes/engine/job_priv.h"

#include "acme/problem.h"
#include "base/crash_point.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* A request under way for a job, so that it can be abandoned with it. */
struct job_post {
    struct job_post *next;
    struct job *job;
    struct post *post;
    unsigned tag;
    bool reads;
};

void job_drop_posts(struct job *j)
{
    while (j->posts != NULL) {
        struct job_post *p = j->posts;
        j->posts = p->next;
        post_abandon(p->post);
        free(p);
    }
}

/* --- what the machine asks for --- */

void job_event(struct order_event *ev, enum order_event_type type, unsigned tag)
{
    *ev = (struct order_event){
        .type = type, .tag = tag, .wall = clock_wall(&system_clock), .mono = clock_mono(&system_clock)};
}

static void tell_failed(struct job *j, unsigned tag, const struct err *err)
{
    struct order_event ev;
    job_event(&ev, ORDER_EVENT_FAILED, tag);
    ev.err = err;
    job_step(j, &ev);
}

static void take_post(struct job_post *p)
{
    for (struct job_post **at = &p->job->posts; *at != NULL; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            return;
        }
}

static enum job_heard heard_in(struct job *j, const struct acme_response *r, const struct err *err)
{
    struct problem problem;
    if (r == NULL)
        return err->code == ERR_IPC || err->code == ERR_REFUSED ? j->heard : HEARD_NOTHING;
    if (r->status < 500)
        return HEARD_ANSWER;
    problem_read(r, j->arena, &problem);
    bool says_nothing = problem.type[0] == '\0' || strcmp(problem.type, "serverInternal") == 0;
    return says_nothing ? HEARD_NOTHING : HEARD_ANSWER;
}

static void on_answer(struct engine *e, const struct acme_response *r, const struct err *err, void *arg)
{
    struct job_post *p = arg;
    struct job *j = p->job;
    struct order_event ev;
    (void)e;
    take_post(p);
    j->request = post_number(p->post);
    enum job_heard heard = heard_in(j, r, err);
    /* A CA that shows an order and cannot act on it is out of order: only an act that was answered tells. */
    if (!p->reads)
        j->act_lost = heard == HEARD_NOTHING;
    j->heard = j->act_lost ? HEARD_NOTHING : heard;
    job_event(&ev, r != NULL ? ORDER_EVENT_RESPONSE : ORDER_EVENT_FAILED, p->tag);
    ev.response = r;
    ev.err = err;
    free(p);
    job_step(j, &ev);
}

static void act_request(struct job *j, const struct order_action *a)
{
    struct job_post *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    *p = (struct job_post){
        .next = j->posts, .job = j, .tag = a->tag, .reads = a->request == ACME_REQUEST_READ};
    j->posts = p;
    bool finalize = a->request == ACME_REQUEST_FINALIZE;
    bool permitted = finalize || a->request == ACME_REQUEST_NEW_ORDER || a->request == ACME_REQUEST_NEW_AUTHZ;
    struct post_spec spec = {.request = a->request,
        .url = a->url,
        .permit = permitted ? j->record.permit : STR(""),
        .variant = (uint32_t)j->record.variant,
        .sealed_key = finalize ? j->sealed_key : STR(""),
        .generation = j->generation,
        .omitted = permitted ? (struct msg_list){j->omitted, j->omitted_n} : (struct msg_list){NULL, 0},
        .profile = a->profile,
        .replaces = a->replaces,
        .identifier = a->request == ACME_REQUEST_NEW_AUTHZ ? a->domain : NULL,
        .certificate = j->record.name,
        .order = j->order_known,
        .exchange = j->exchange};
    j->finalized = j->finalized || finalize;
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
        j->has_key = true;
        r = store_key_put(j->engine->store, str_c(j->record.name), j->generation, j->sealed_key, &err);
    }
    if (r < 0) {
        tell_failed(j, j->key_tag, &err);
        return;
    }
    crash_point(engine_key_noted);
    job_event(&ev, ORDER_EVENT_KEY_MADE, j->key_tag);
    job_step(j, &ev);
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
    struct msg_key_make m = {.permit = j->record.permit,
        .variant = (uint32_t)j->record.variant,
        .generation = j->generation,
        .previous_generation = j->record.generation};
    struct err err = ERR_INIT;
    if (j->wish.reuse_key && j->record.generation > 0 && !j->record.compromised)
        (void)store_key_get(j->engine->store, str_c(j->record.name), j->record.generation, j->arena,
            &m.previous, NULL); /* without it a new one is made */
    j->key_tag = a->tag;
    if (ask_keeper(j, MSG_key_make, &m, MSG_key_made, on_key, &err) < 0)
        tell_failed(j, a->tag, &err);
}

/* One line each. */
static const char *joined(struct arena *a, const struct msg_list *l)
{
    struct buf b ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    for (size_t i = 0; i < l->n; i++)
        buf_printf(&b, "%s%s", i > 0 ? "\n" : "", l->p[i]);
    return arena_dup(a, buf_str(&b));
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
    crash_point(engine_publish_answered);
    j->published.fingerprint = arena_dup_c(j->arena, m->fingerprint);
    j->published.serial = arena_dup_c(j->arena, m->serial);
    j->published.issuer = arena_dup_c(j->arena, m->issuer);
    j->published.subjects = joined(j->arena, &m->subjects);
    j->published.ari_id = arena_dup_c(j->arena, m->ari_id);
    j->published.key_hash = arena_dup_c(j->arena, m->key_hash);
    j->published.not_before = (struct wall){m->not_before};
    j->published.not_after = (struct wall){m->not_after};
    job_event(&ev, ORDER_EVENT_PUBLISHED, j->publish_tag);
    job_step(j, &ev);
}

static void act_publish(struct job *j, const struct order_action *a)
{
    struct msg_publish m = {.permit = j->record.permit,
        .variant = (uint32_t)j->record.variant,
        .generation = j->generation,
        .sealed_key = j->sealed_key,
        .chain = a->chain,
        .omitted = {j->omitted, j->omitted_n},
        .rehearsal = j->rehearsal,
        .account = j->authority->id,
        .source = j->record.source};
    struct err err = ERR_INIT;
    crash_point(engine_publish_asked);
    j->publish_tag = a->tag;
    j->published.chain = a->chain;
    if (ask_keeper(j, MSG_publish, &m, MSG_published, on_published, &err) < 0)
        tell_failed(j, a->tag, &err);
}

static void on_judged(const void *msg, const struct err *why, void *arg)
{
    struct job *j = arg;
    const struct msg_chain_judged *m = msg;
    struct err err = ERR_INIT;
    struct order_event ev;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL || r < 0) {
        tell_failed(j, j->judge_tag, &err);
        return;
    }
    job_event(&ev, ORDER_EVENT_JUDGED, j->judge_tag);
    ev.rank = m->rank;
    ev.leaf = str_c(m->leaf);
    job_step(j, &ev);
}

static void act_judge(struct job *j, const struct order_action *a)
{
    struct msg_chain_judge m = {.permit = j->record.permit, .chain = a->chain};
    struct err err = ERR_INIT;
    j->judge_tag = a->tag;
    if (ask_keeper(j, MSG_chain_judge, &m, MSG_chain_judged, on_judged, &err) < 0)
        tell_failed(j, a->tag, &err);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct job *j = arg;
    struct order_event ev;
    (void)fd, (void)what;
    if (j->over)
        return;
    if (j->order == NULL) { /* taken up again, or the next order of the same job */
        job_begin(j);
        return;
    }
    job_event(&ev, ORDER_EVENT_TIMER, j->timer_tag);
    job_step(j, &ev);
}

void job_wait(struct job *j, int64_t wait_ms)
{
    if (j->timer == NULL)
        j->timer = evtimer_new(j->engine->process.base, on_timer, j);
    if (j->timer == NULL)
        abort();
    if (wait_ms < 0)
        wait_ms = 0;
    j->wakes_at = (struct mono){clock_mono(&system_clock).ms + wait_ms};
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
    case ORDER_DO_JUDGE:
        act_judge(j, a);
        break;
    case ORDER_DO_WAIT:
        j->timer_tag = a->tag;
        job_wait(j, a->wait_ms);
        break;
    case ORDER_DO_DONE:
    case ORDER_DO_FAILED:
        break; /* seen to in the step that gave them */
    }
}

/* --- driving the machine --- */

void job_drop_order(struct job *j)
{
    job_drop_posts(j);
    if (j->engine->keeper != NULL)
        channel_forget(j->engine->keeper, j);
    outbox_forget(j->engine, j);
    challenges_forget_job(j->engine, j);
    order_free(j->order);
    j->order = NULL;
}

void job_abandon_order(struct job *j)
{
    struct order_actions *actions = j->engine->actions;
    if (j->order == NULL)
        return;
    order_abandon(j->order, actions);
    for (size_t i = 0; i < actions->n; i++) {
        const struct order_action *a = &actions->list[i];
        struct post_spec spec = {.request = a->request, .url = a->url};
        if (a->type == ORDER_DO_REQUEST)
            post_start(j->authority, &spec, NULL, NULL);
    }
    job_drop_order(j);
}

/* The keeper or the responder went in the middle: what is stored is enough to go on, so this is no failure.
 */
static bool interrupted(struct job *j, const struct err *err)
{
    if (err->code != ERR_IPC || j->interruptions >= INTERRUPTIONS_MAX)
        return false;
    j->interruptions++;
    job_drop_order(j);
    job_wait(j, KEEPER_RETRY_MS);
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
        job_forget_order(j);
        job_drop_order(j);
        job_wait(j, 0);
        return;
    }
    job_attempt_failed(j, &why, dead);
}

static void done(struct job *j)
{
    size_t n;
    const char *const *notes = order_notes(j->order, &n);
    if (order_was_too_early(j->order))
        j->authority->finalize_early = false;
    for (size_t i = 0; i < n; i++) {
        job_log(j, "", LOG_LEVEL_WARNING, "%s: %s", j->record.name, notes[i]);
        history_add(j->engine, j->record.name, "note", notes[i], NULL);
    }
    if (j->rehearsal)
        job_rehearsed(j);
    else
        job_succeed(j);
}

static void note_order(struct job *j)
{
    struct str url = order_url(j->order);
    if (url.n > 0 && (j->order_known == NULL || !str_eq_c(url, j->order_known)))
        j->order_known = arena_dup(j->arena, url);
    if (url.n == 0 || j->rehearsal || str_eq_c(url, j->record.order_url))
        return;
    j->record.order_url = arena_dup(j->arena, url);
    j->record.order_authority = j->authority->id;
    j->record.order_generation = j->generation;
    /* Due now, also where an operator wanted it early: whoever starts next goes on with it. Left until its
     * old date, the order would be finished then, with a certificate of today. */
    struct wall now = engine_now(j->engine);
    if (j->record.due_at.s == 0 || j->record.due_at.s > now.s)
        j->record.due_at = now;
    job_refresh(j);
    job_save(j);
    crash_point(engine_order_noted);
}

void job_step(struct job *j, struct order_event *ev)
{
    struct order_actions *actions = j->engine->actions;
    if (j->over || j->order == NULL)
        return;
    order_step(j->order, ev, actions);
    note_order(j);
    if (order_phase(j->order) != j->shown) {
        j->shown = order_phase(j->order);
        job_show(j, order_phase_text(j->shown));
    }
    for (size_t i = 0; i < actions->n; i++) {
        const struct order_action *a = &actions->list[i];
        if (a->type == ORDER_DO_DONE) {
            done(j);
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
    job_event(&ev, ORDER_EVENT_PRESENTED, tag);
    job_step(j, &ev);
}

void job_hit(struct job *j, struct str token)
{
    struct order_event ev;
    job_event(&ev, ORDER_EVENT_HIT, 0);
    ev.token = token;
    job_step(j, &ev);
}
