/* Where challenge answers are shown: at the responder, or as files that the parent writes into a webroot. */
#include "processes/engine/engine.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* One live answer. */
struct token {
    struct token *next;
    struct job *job;
    char *token, *value;
    unsigned tag;
    bool file;    /* in the webroot, else at the responder */
    bool awaited; /* the order waits to hear that it can be seen */
};

static void token_free(struct token *t)
{
    free(t->token);
    free(t->value);
    free(t);
}

static void settle(struct token *t, const struct err *err)
{
    if (!t->awaited)
        return;
    t->awaited = false;
    challenge_presented(t->job, t->tag, err);
}

/* --- files in a webroot --- */

static bool is_shown(const struct engine *e, const char *certificate, const char *token)
{
    for (const struct token *t = e->tokens; t != NULL; t = t->next)
        if (t->file && strcmp(t->token, token) == 0 && strcmp(t->job->record.name, certificate) == 0)
            return true;
    return false;
}

/* A file's removal outlives its job: the record in the store goes when the file has gone. */
struct removal {
    struct engine *engine;
    char *certificate, *token;
};

static void on_removed(const void *msg, const struct err *why, void *arg)
{
    struct removal *r = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int failed = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    /* The same order may show it again by now (after a restart): then its record is needed again. */
    if (failed == 0 && !is_shown(r->engine, r->certificate, r->token))
        failed = store_challenge_delete(
            r->engine->store, &(struct challenge_record){r->certificate, r->token}, &err);
    if (failed < 0) /* the record stays, so the next start tries again */
        log_warning("%s: a challenge file could not be removed: %s", r->certificate, err.text);
    free(r->certificate);
    free(r->token);
    free(r);
}

static void remove_file(struct engine *e, const char *certificate, const char *token, struct str permit)
{
    struct removal *r = calloc(1, sizeof *r);
    if (r == NULL || (r->certificate = strdup(certificate)) == NULL || (r->token = strdup(token)) == NULL)
        abort();
    r->engine = e;
    struct msg_webroot_remove m = {permit, token};
    struct err err = ERR_INIT;
    if (channel_request(e->parent, MSG_webroot_remove, &m, MSG_done, on_removed, r, &err) < 0)
        on_removed(NULL, &err, r);
}

static int sweep_one(const struct challenge_record *c, void *arg)
{
    struct engine *e = arg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate record;
    if (store_certificate_get(e->store, str_c(c->certificate), a, &record, NULL) == 0)
        remove_file(e, c->certificate, c->token, record.permit);
    return 0;
}

void challenges_sweep(struct engine *e)
{
    struct err err = ERR_INIT;
    if (store_challenge_each(e->store, sweep_one, e, &err) < 0)
        log_error("%s", err.text);
}

/* --- at the responder --- */

static void on_answer(const void *msg, const struct err *why, void *arg)
{
    struct token *t = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL && !t->file)
        return; /* a new responder is on its way; it is told again */
    settle(t, r < 0 ? &err : NULL);
}

static void put_at_responder(struct token *t)
{
    struct engine *e = t->job->engine;
    struct msg_token_put m = {t->token, t->value};
    struct err err = ERR_INIT;
    if (channel_request(e->responder, MSG_token_put, &m, MSG_done, on_answer, t, &err) < 0)
        settle(t, &err);
}

static void on_responder(const void *msg, const struct err *why, void *arg)
{
    struct engine *e = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    e->responder_asked = false;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    /* Well: its channel comes by itself, and challenges_replay with it. */
    for (struct token *t = e->tokens; r < 0 && t != NULL; t = t->next)
        if (!t->file && !t->job->over)
            settle(t, &err);
}

static void need_responder(struct engine *e)
{
    struct msg_responder_need m = {0};
    struct err err = ERR_INIT;
    if (e->responder_asked)
        return;
    e->responder_asked = true;
    if (channel_request(e->parent, MSG_responder_need, &m, MSG_done, on_responder, e, &err) < 0)
        on_responder(NULL, &err, e);
}

void challenges_replay(struct engine *e)
{
    for (struct token *t = e->tokens; t != NULL; t = t->next)
        if (!t->file)
            put_at_responder(t);
}

void challenges_hit(struct engine *e, struct str token)
{
    for (struct token *t = e->tokens; t != NULL; t = t->next)
        if (str_eq_c(token, t->token)) {
            job_hit(t->job, token);
            return;
        }
}

/* --- what a job asks for --- */

static struct token **find(struct engine *e, const struct job *j, const char *token)
{
    struct token **at = &e->tokens;
    while (*at != NULL && ((*at)->job != j || strcmp((*at)->token, token) != 0))
        at = &(*at)->next;
    return at;
}

void challenge_prepare(struct job *j, const struct order_action *a)
{
    struct engine *e = j->engine;
    struct err err = ERR_INIT;
    struct token *t = calloc(1, sizeof *t);
    if (t == NULL || (t->token = strdup(a->token)) == NULL ||
        (t->value = strdup(a->key_authorization)) == NULL)
        abort();
    t->job = j;
    t->tag = a->tag;
    t->file = j->wish.webroot[0] != '\0';
    t->awaited = true;
    t->next = e->tokens;
    e->tokens = t;
    if (t->file &&
        store_challenge_put(e->store, &(struct challenge_record){j->record.name, t->token}, &err) < 0)
        log_error("%s: %s", j->record.name, err.text);
}

void challenge_present(struct job *j, const struct order_action *a)
{
    struct engine *e = j->engine;
    struct token *t = *find(e, j, a->token);
    struct err err = ERR_INIT;
    if (t == NULL)
        return;
    if (!t->file && e->responder == NULL) {
        need_responder(e);
    } else if (!t->file) {
        put_at_responder(t);
    } else {
        struct msg_webroot_put m = {j->record.permit, t->token, t->value};
        if (channel_request(e->parent, MSG_webroot_put, &m, MSG_done, on_answer, t, &err) < 0)
            settle(t, &err);
    }
}

static void take_down(struct engine *e, struct token **at)
{
    struct token *t = *at;
    *at = t->next;
    if (t->file) {
        channel_forget(e->parent, t);
        remove_file(e, t->job->record.name, t->token, t->job->record.permit);
    } else if (e->responder != NULL) {
        channel_forget(e->responder, t);
        (void)channel_send(e->responder, MSG_token_remove, 0, &(struct msg_token_remove){t->token}, -1, NULL);
    }
    token_free(t);
}

void challenge_withdraw(struct job *j, const struct order_action *a)
{
    struct token **at = find(j->engine, j, a->token);
    if (*at != NULL)
        take_down(j->engine, at);
}

void challenges_forget_job(struct engine *e, const struct job *j)
{
    for (struct token **at = &e->tokens; *at != NULL;) {
        if ((*at)->job == j)
            take_down(e, at);
        else
            at = &(*at)->next;
    }
}
