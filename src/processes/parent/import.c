/*
 * `evercert import`: what another client had comes over the control connection piece by piece, at most
 * IMPORT_WINDOW pieces at a time. Keys go to the keeper, which gives back what the engine may hold; nobody
 * else sees them and nobody keeps them.
 *
 * With the option look=true nothing is taken: of each account it is told whether the keeper has its key.
 */
#include "base/attr.h"
#include "processes/parent/control_priv.h"

#include <stdlib.h>
#include <string.h>

struct import {
    struct arena *arena;
    struct settings settings; /* the configuration as it is on disk now */
    size_t flying;            /* pieces that are with the keeper */
    bool look, ended, failed;
};

/* One account or certificate. Its session is found again by number: the client may be gone by the time the
 * keeper answers. */
struct piece {
    struct parent *p;
    uint32_t session;
    unsigned life; /* of the engine that heard of the command */
    struct arena *arena;
    const char *name; /* for the client */
    const char *account, *url, *wish;
    char *key; /* wiped at the end */
    struct str permit, chain;
};

void import_free(struct session *s)
{
    if (s->import != NULL)
        arena_free(s->import->arena);
    free(s->import);
    s->import = NULL;
}

static void settle(struct session *s)
{
    struct import *i = s->import;
    struct channel *engine = member_channel(s->p, MEMBER_ENGINE);
    struct err err = ERR_INIT;
    if (!i->ended || i->flying > 0 || s->over)
        return;
    if (i->look)
        control_end(s, i->failed ? EXIT_FAILED : EXIT_DONE, NULL);
    else if (engine != NULL &&
             channel_send(engine, MSG_import_over, 0, &(struct msg_import_over){s->id}, -1, &err) < 0)
        control_fail(s, &err);
}

static struct piece *piece_new(struct session *s, const char *key)
{
    struct piece *q = calloc(1, sizeof *q);
    if (q == NULL)
        abort();
    *q = (struct piece){
        .p = s->p, .session = s->id, .life = s->p->engine_life, .arena = arena_new(), .name = "?"};
    q->key = arena_dup_c(q->arena, key);
    s->import->flying++;
    return q;
}

/* It is over for the keeper; an error is told here, all else by the engine. */
static void piece_end(struct piece *q, const struct err *err)
{
    struct session *s = control_session(q->p, q->session);
    explicit_bzero(q->key, strlen(q->key));
    if (s != NULL && s->import != NULL) {
        s->import->flying--;
        s->import->failed = s->import->failed || err != NULL;
        if (err != NULL && !s->over)
            control_progress(q->p, &(struct msg_progress){s->id, q->name, "failed", true, msg_error_of(err)});
        settle(s);
    }
    arena_free(q->arena);
    free(q);
}

static int ask_keeper(struct piece *q, enum msg_type t, const void *msg, enum msg_type answer,
    channel_reply_fn *reply, struct err *err)
{
    struct channel *keeper = member_channel(q->p, MEMBER_KEEPER);
    return keeper == NULL ? err_set(err, ERR_IPC, "the keeper is not running")
                          : channel_request(keeper, t, msg, answer, reply, q, err);
}

static int tell_engine(struct piece *q, enum msg_type t, const void *msg, struct err *err)
{
    struct channel *engine = member_channel(q->p, MEMBER_ENGINE);
    return engine == NULL || q->life != q->p->engine_life
               ? err_set(err, ERR_IPC, "the engine ended unexpectedly; import again to go on")
               : channel_send(engine, t, 0, msg, -1, err);
}

/* --- accounts --- */

static void on_account(const void *msg, const struct err *why, void *arg)
{
    struct piece *q = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0)
        r = tell_engine(
            q, MSG_account_take, &(struct msg_account_take){q->session, q->account, q->url}, &err);
    piece_end(q, r < 0 ? &err : NULL);
}

/* The answer is as short as what it is about: an authority's name and one of three words. */
static void on_looked(const void *msg, const struct err *why, void *arg)
{
    struct piece *q = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    const char *word = m == NULL ? NULL : r == 0 ? "same" : r == ERR_NOT_FOUND ? "none" : "other";
    if (word != NULL) {
        const char *row = arena_printf(q->arena, "{\"key\":\"%s\"}", word);
        control_row(q->p, &(struct msg_row){q->session, row});
    }
    piece_end(q, word == NULL ? &err : NULL);
}

static bool may_send(struct session *s)
{
    struct err err = ERR_INIT;
    if (s->over)
        return false;
    if (s->import->flying < IMPORT_WINDOW && !s->import->ended)
        return true;
    err_set(&err, ERR_LIMIT, "more at once than an import may send");
    channel_end(s->channel, &err);
    return false;
}

void import_on_account(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_import_account *m = msg;
    struct session *s = arg;
    struct err err = ERR_INIT;
    (void)c, (void)id, (void)fd;
    if (!may_send(s))
        return;
    struct piece *q = piece_new(s, m->key);
    const struct authority *a = settings_authority(&s->import->settings, str_c(m->account), q->arena);
    int r = 0;
    q->name = arena_dup_c(q->arena, m->account);
    q->url = arena_dup_c(q->arena, m->url);
    if (s->import->look) /* here an account is named by its id, for there may be no authority yet */
        r = ask_keeper(
            q, MSG_account_look, &(struct msg_account_look){q->name, q->key}, MSG_done, on_looked, &err);
    else if (a == NULL)
        r = err_set(&err, ERR_CONFIG, "there is no authority %s", q->name);
    else {
        q->account = arena_dup_c(q->arena, a->id);
        r = ask_keeper(q, MSG_account_import, &(struct msg_account_import){q->account, q->key}, MSG_done,
            on_account, &err);
    }
    if (r < 0)
        piece_end(q, &err);
}

/* --- certificates --- */

static void on_key(const void *msg, const struct err *why, void *arg)
{
    struct piece *q = arg;
    const struct msg_key_made *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0) {
        struct msg_certificate_take take = {
            q->session, q->wish, q->permit, q->account, m->sealed_key, q->chain};
        r = tell_engine(q, MSG_certificate_take, &take, &err);
    }
    piece_end(q, r < 0 ? &err : NULL);
}

static void on_permit(const void *msg, const struct err *why, void *arg)
{
    struct piece *q = arg;
    const struct msg_permit_made *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0) {
        q->permit = arena_str(q->arena, m->permit);
        struct msg_key_import ask = {q->permit, 0, 1, q->key};
        r = ask_keeper(q, MSG_key_import, &ask, MSG_key_made, on_key, &err);
    }
    if (r < 0)
        piece_end(q, &err);
}

/* Its name for the client, and its account's id. */
static int read_piece(
    struct session *s, struct piece *q, const struct msg_import_certificate *m, struct err *err)
{
    struct wish w;
    int r = wish_decode(str_c(m->wish), q->arena, &w, err);
    if (r < 0)
        return r;
    q->name = w.name;
    const struct authority *a = settings_authority(&s->import->settings, str_c(m->account), q->arena);
    if (a == NULL)
        return err_set(err, ERR_CONFIG, "there is no authority %s", m->account);
    q->account = arena_dup_c(q->arena, a->id);
    q->wish = arena_dup_c(q->arena, m->wish);
    q->chain = arena_str(q->arena, m->chain);
    return 0;
}

void import_on_certificate(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_import_certificate *m = msg;
    struct session *s = arg;
    struct err err = ERR_INIT;
    (void)c, (void)id, (void)fd;
    if (!may_send(s))
        return;
    struct piece *q = piece_new(s, m->key);
    int r = s->import->look ? err_set(&err, ERR_USAGE, "who only looks sends no certificate")
                            : read_piece(s, q, m, &err);
    if (r == 0)
        r = ask_keeper(
            q, MSG_permit_make, &(struct msg_permit_make){q->wish}, MSG_permit_made, on_permit, &err);
    if (r < 0)
        piece_end(q, &err);
}

void import_on_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct session *s = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    if (!may_send(s))
        return;
    s->import->ended = true;
    settle(s);
}

/* --- the command --- */

/* Keeper and engine hear of the authorities that the new file brings; its certificates come after what they
 * are, so that none is asked for. */
static int announce_all(struct session *s, struct err *err)
{
    const struct settings *to = &s->import->settings;
    for (size_t i = 0; i < to->authority_n; i++) {
        const struct authority *a = &to->authorities[i];
        const char *email = a->email[0] != '\0' ? a->email : to->email;
        int r = authority_announce(s->p, a, email, a->agree_tos || to->agree_tos, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int import_begin(struct session *s, struct err *err)
{
    struct import *i = calloc(1, sizeof *i);
    if (i == NULL)
        abort();
    import_free(s); /* asked again, of another engine */
    s->import = i;
    i->arena = arena_new();
    i->look = control_option(s, "look") != NULL;
    if (i->look)
        return 0;
    if (parent_load(s->p, &i->settings, i->arena) < 0)
        return err_set(err, ERR_CONFIG, "%s is not good; the daemon's log says why", s->p->options.config);
    return announce_all(s, err);
}

int import_go(struct session *s, struct err *err)
{
    channel_set_state(s->channel, CONTROL_IMPORTS);
    return channel_send(s->channel, MSG_ready, 0, &(struct msg_ready){true}, -1, err);
}

bool import_is_look(const struct session *s)
{
    return s->import->look;
}

void import_finish(struct session *s, uint32_t *status)
{
    if (s->import->failed && *status == EXIT_DONE)
        *status = EXIT_FAILED;
    if (s->p->options.daemon)
        (void)parent_reload(s->p, NULL);
}
