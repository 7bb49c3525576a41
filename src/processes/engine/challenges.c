/* Where challenge answers are shown: at the responder, for http-01 and tls-alpn-01, or by others (placed.h):
 * as files in a webroot and records in the DNS. Of dns-persist-01 nothing is shown; what stands there is
 * looked at. */
#include "processes/engine/job_priv.h"
#include "processes/engine/placed.h"

#include "base/log.h"
#include "crypto/dns_text.h"

#include <stdlib.h>
#include <string.h>

enum stage {
    STAGE_PREPARED, /* what it depends on is not durable yet */
    STAGE_WAITING,  /* tls-alpn-01: another order's certificate is shown for that name */
    STAGE_ASKED,    /* the parent is asked to listen for that kind */
    STAGE_SHOWN,    /* said to whoever shows it, and said again to a new responder */
    STAGE_REFUSED,  /* it cannot be shown */
};

/* One live answer. */
struct token {
    struct token *next;
    struct job *job;
    char *token, *value;
    char *identifier; /* tls-alpn-01: the name or address whose certificate holds the value */
    unsigned tag;
    enum acme_challenge challenge;
    enum stage stage;
    bool wildcard;
    struct placed *placed;     /* by others; NULL: at the responder, or nowhere */
    struct persist_look *look; /* dns-persist-01: the look at what stands there */
    bool awaited;              /* the order waits to hear that it can be seen */
};

static void token_free(struct token *t)
{
    free(t->token);
    free(t->value);
    free(t->identifier);
    free(t);
}

static void settle(struct token *t, const struct err *err)
{
    if (!t->awaited)
        return;
    t->awaited = false;
    challenge_presented(t->job, t->tag, err);
}

/* Whether the responder shows it. */
static bool is_ours(const struct token *t)
{
    return t->placed == NULL && !acme_challenge_in_dns(t->challenge);
}

/* --- at the responder --- */

static void on_answer(const void *msg, const struct err *why, void *arg)
{
    struct token *t = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m == NULL)
        return; /* a new responder is on its way; it is told again */
    settle(t, r < 0 ? &err : NULL);
}

static void put_at_responder(struct token *t)
{
    struct channel *c = t->job->engine->responder;
    struct msg_token_put http = {t->token, t->value};
    struct msg_alpn_put alpn = {t->identifier, t->token, t->value};
    bool tls = t->challenge == CHALLENGE_TLS_ALPN_01;
    struct err err = ERR_INIT;
    if (channel_request(c, tls ? MSG_alpn_put : MSG_token_put, tls ? (const void *)&alpn : &http, MSG_done,
            on_answer, t, &err) < 0 &&
        err.code != ERR_IPC) /* that one is about to be replaced */
        settle(t, &err);
}

static void remove_from_responder(struct token *t)
{
    struct channel *c = t->job->engine->responder;
    struct msg_token_remove http = {t->token};
    struct msg_alpn_remove alpn = {t->identifier, t->token};
    channel_forget(c, t);
    if (t->challenge == CHALLENGE_TLS_ALPN_01)
        (void)channel_send(c, MSG_alpn_remove, 0, &alpn, -1, NULL);
    else
        (void)channel_send(c, MSG_token_remove, 0, &http, -1, NULL);
}

/* The parent is asked to have a responder listen for one kind of challenge. */
struct need {
    struct engine *engine;
    enum acme_challenge challenge;
};

/* Always from the start: what is told of one token can take others down. */
static struct token *first_asked(struct engine *e, enum acme_challenge challenge)
{
    struct token *t = e->tokens;
    while (t != NULL && (t->stage != STAGE_ASKED || t->challenge != challenge))
        t = t->next;
    return t;
}

static void on_listening(const void *msg, const struct err *why, void *arg)
{
    struct need need = *(struct need *)arg;
    struct engine *e = need.engine;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    struct token *t;
    free(arg);
    e->responder_asked[need.challenge] = false;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    while ((t = first_asked(e, need.challenge)) != NULL) {
        t->stage = r < 0 ? STAGE_REFUSED : STAGE_SHOWN;
        if (r < 0)
            settle(t, &err);
        else if (e->responder != NULL) /* else its channel comes by itself, and challenges_replay with it */
            put_at_responder(t);
    }
}

/* Whether the name's one certificate is that of another order, as with two key types side by side. An order
 * takes all its names in one go and each name goes to whoever came first, so no order waits for one that
 * waits for it. */
static bool is_occupied(const struct token *t)
{
    if (t->challenge != CHALLENGE_TLS_ALPN_01)
        return false;
    for (const struct token *o = t->job->engine->tokens; o != NULL; o = o->next)
        if (o != t && o->challenge == t->challenge && (o->stage == STAGE_ASKED || o->stage == STAGE_SHOWN) &&
            strcmp(o->identifier, t->identifier) == 0)
            return true;
    return false;
}

/* Asked for every time: which ports are open is the parent's to know, and a reload may have closed some. */
static void show_at_responder(struct token *t)
{
    struct engine *e = t->job->engine;
    struct msg_responder_need m = {t->challenge};
    struct err err = ERR_INIT;
    t->stage = is_occupied(t) ? STAGE_WAITING : STAGE_ASKED;
    if (t->stage == STAGE_WAITING || e->responder_asked[t->challenge])
        return;
    struct need *need = calloc(1, sizeof *need);
    if (need == NULL)
        abort();
    *need = (struct need){e, t->challenge};
    e->responder_asked[t->challenge] = true;
    if (channel_request(e->parent, MSG_responder_need, &m, MSG_done, on_listening, need, &err) == 0)
        return;
    log_error("%s", err.text); /* the parent is gone, and soon so are we */
    e->responder_asked[t->challenge] = false;
    free(need);
}

/* A name is free again: whoever has waited longest is next, and stands last in the list. */
static void show_next(struct engine *e, enum acme_challenge challenge, const char *identifier)
{
    struct token *next = NULL;
    for (struct token *t = e->tokens; t != NULL; t = t->next)
        if (t->stage == STAGE_WAITING && t->challenge == challenge && strcmp(t->identifier, identifier) == 0)
            next = t;
    if (next != NULL)
        show_at_responder(next);
}

void challenges_replay(struct engine *e)
{
    for (struct token *t = e->tokens, *next; t != NULL; t = next) {
        next = t->next;
        if (is_ours(t) && t->stage == STAGE_SHOWN)
            put_at_responder(t);
    }
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

/* A CA may give the same token to all challenges of an authorization; one of dns-persist-01 has none. */
static struct token **find(const struct job *j, const struct order_action *a)
{
    struct token **at = &j->engine->tokens;
    while (*at != NULL &&
           ((*at)->job != j || (*at)->challenge != a->challenge || strcmp((*at)->token, a->token) != 0 ||
               strcmp((*at)->identifier, a->domain) != 0 || (*at)->wildcard != a->wildcard))
        at = &(*at)->next;
    return at;
}

/* By others, and so in the store first. */
static bool is_placed(const struct job *j, const struct order_action *a)
{
    if (a->challenge == CHALLENGE_HTTP_01)
        return wish_webroot(&j->wish, a->domain)[0] != '\0';
    return a->challenge == CHALLENGE_DNS_01 || a->challenge == CHALLENGE_DNS_ACCOUNT_01;
}

static struct placed *place(struct job *j, const struct order_action *a)
{
    char label[DNS_ACCOUNT_LABEL_LEN] = "";
    struct challenge_record c = {.certificate = j->record.name,
        .token = a->token,
        .kind = a->challenge,
        .identifier = a->domain,
        .label = label,
        .key_authorization = a->key_authorization,
        .note = "",
        .permit = j->record.permit};
    if (a->challenge == CHALLENGE_DNS_ACCOUNT_01) /* an empty URL is no account's; the solver refuses it */
        (void)dns_account_label(str_c(j->authority->account_url), label, NULL);
    return placed_new(j->engine, &c);
}

void challenge_prepare(struct job *j, const struct order_action *a)
{
    struct engine *e = j->engine;
    struct token *t = calloc(1, sizeof *t);
    if (t == NULL || (t->token = strdup(a->token)) == NULL ||
        (t->value = strdup(a->key_authorization)) == NULL || (t->identifier = strdup(a->domain)) == NULL)
        abort();
    t->job = j;
    t->tag = a->tag;
    t->challenge = a->challenge;
    t->wildcard = a->wildcard;
    t->placed = is_placed(j, a) ? place(j, a) : NULL;
    t->awaited = true;
    t->next = e->tokens;
    e->tokens = t;
}

static void on_step(const char *step, void *arg)
{
    struct token *t = arg;
    job_show(t->job, step);
}

static void on_shown(const struct err *err, void *arg)
{
    settle(arg, err);
}

static void on_persist(struct wall until, const struct err *err, void *arg)
{
    struct token *t = arg;
    t->look = NULL;
    settle(t, err);
}

static void look_at_record(struct token *t, const struct order_action *a)
{
    const struct persist_spec spec = {.authority = t->job->authority,
        .permit = t->job->record.permit,
        .identifier = a->domain,
        .wildcard = a->wildcard,
        .issuers = a->issuers,
        .issuer_n = a->issuer_n,
        .hashed = a->hashed};
    t->look = persist_look(t->job->engine, &spec, on_persist, t);
}

void challenge_present(struct job *j, const struct order_action *a)
{
    struct token *t = *find(j, a);
    if (t == NULL)
        return;
    if (is_ours(t)) {
        show_at_responder(t);
        return;
    }
    t->stage = STAGE_SHOWN;
    if (t->placed != NULL)
        placed_show(t->placed, on_step, on_shown, t);
    else
        look_at_record(t, a);
}

static void take_down(struct engine *e, struct token **at)
{
    struct token *t = *at;
    bool ours = is_ours(t);
    *at = t->next;
    if (t->placed != NULL)
        placed_remove(t->placed, NULL, NULL);
    persist_cancel(t->look);
    if (ours) {
        if (e->responder != NULL && t->stage == STAGE_SHOWN)
            remove_from_responder(t);
        show_next(e, t->challenge, t->identifier);
    }
    token_free(t);
}

void challenge_withdraw(struct job *j, const struct order_action *a)
{
    struct token **at = find(j, a);
    if (*at != NULL)
        take_down(j->engine, at);
}

void challenges_leave_job(struct engine *e, const struct job *j)
{
    for (struct token **at = &e->tokens; *at != NULL;) {
        struct token *t = *at;
        if (t->job != j || t->placed == NULL) {
            at = &t->next;
            continue;
        }
        placed_leave(t->placed);
        *at = t->next;
        token_free(t);
    }
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
