/* The responder: live challenges and the public, nothing else. No file, no connection of its own making. */
#include "acme/challenge.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "http/responder.h"
#include "http/tls_alpn.h"
#include "processes/process.h"

#include <unistd.h>

struct member {
    struct process process;
    struct channel *parent, *engine;
    struct responder *responder;
    struct tls_alpn *tls_alpn; /* NULL: started for http-01 alone, without OpenSSL's memory */
};

/* --- from the engine --- */

static void reply(struct channel *c, uint32_t id, const struct err *why)
{
    struct err err = ERR_INIT;
    if (channel_send(c, MSG_done, id, &(struct msg_done){msg_error_of(why)}, -1, &err) < 0)
        log_warning("%s", err.text);
}

static void on_token_put(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_token_put *m = msg;
    struct member *me = arg;
    struct err err = ERR_INIT;
    (void)fd;
    responder_token_put(me->responder, str_c(m->token), str_c(m->value), &err);
    crash_point(responder_token_shown);
    reply(c, id, &err);
}

static void on_token_remove(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_token_remove *m = msg;
    struct member *me = arg;
    (void)c, (void)id, (void)fd;
    responder_token_remove(me->responder, str_c(m->token));
}

static void on_alpn_put(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_alpn_put *m = msg;
    struct member *me = arg;
    struct err err = ERR_INIT;
    (void)fd;
    if (me->tls_alpn == NULL)
        err_set(&err, ERR_IPC, "this responder does not answer tls-alpn-01");
    else
        tls_alpn_put(me->tls_alpn, str_c(m->identifier), str_c(m->token), str_c(m->key_authorization), &err);
    reply(c, id, &err);
}

static void on_alpn_remove(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_alpn_remove *m = msg;
    struct member *me = arg;
    (void)c, (void)id, (void)fd;
    if (me->tls_alpn != NULL)
        tls_alpn_remove(me->tls_alpn, str_c(m->identifier), str_c(m->token));
}

static const struct channel_rule engine_rules[] = {
    {MSG_token_put, CHANNEL_STATE_ANY, on_token_put},
    {MSG_token_remove, CHANNEL_STATE_ANY, on_token_remove},
    {MSG_alpn_put, CHANNEL_STATE_ANY, on_alpn_put},
    {MSG_alpn_remove, CHANNEL_STATE_ANY, on_alpn_remove},
};

static void engine_gone(struct channel *c, const struct err *why, void *arg)
{
    struct member *me = arg;
    log_debug("%s", why->text);
    channel_free(c);
    me->engine = NULL;
}

static void on_hit(struct str token, const char *peer, void *arg)
{
    struct member *me = arg;
    char text[512];
    struct err err = ERR_INIT;
    log_debug("%s saw the answer to %.*s", peer, STR_ARG(token));
    if (me->engine == NULL || token.n >= sizeof text)
        return;
    for (size_t i = 0; i < token.n; i++)
        text[i] = token.p[i];
    text[token.n] = '\0';
    if (channel_send(me->engine, MSG_hit, 0, &(struct msg_hit){text, peer}, -1, &err) < 0)
        log_warning("%s", err.text);
}

/* --- from the parent --- */

static void on_peer(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *me = arg;
    (void)c, (void)id, (void)msg;
    channel_free(me->engine);
    responder_tokens_clear(me->responder); /* a new engine says which are live */
    if (me->tls_alpn != NULL)
        tls_alpn_clear(me->tls_alpn);
    me->engine = channel_new(
        me->process.base, fd, "responder-engine", engine_rules, ARRAY_LEN(engine_rules), engine_gone, me);
}

static void on_listen(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_listen *m = msg;
    struct member *me = arg;
    struct err err = ERR_INIT;
    int r;
    (void)c, (void)id;
    if (m->challenge == CHALLENGE_HTTP_01)
        r = responder_listen(me->responder, fd, &err);
    else if (m->challenge == CHALLENGE_TLS_ALPN_01 && me->tls_alpn != NULL)
        r = tls_alpn_listen(me->tls_alpn, fd, &err);
    else
        r = err_set(
            &err, ERR_INPUT, "this responder does not answer challenge number %u", (unsigned)m->challenge);
    if (r == 0) {
        log_info("answering %s challenges on %s", acme_challenge_text((enum acme_challenge)m->challenge),
            m->address);
        return;
    }
    close(fd);
    log_error("%s: %s", m->address, err.text);
}

static void on_unlisten(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *me = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    responder_unlisten(me->responder);
    if (me->tls_alpn != NULL)
        tls_alpn_unlisten(me->tls_alpn);
}

static void on_stop(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *me = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    process_stop(&me->process);
}

static const struct channel_rule parent_rules[] = {
    {MSG_peer, CHANNEL_STATE_ANY, on_peer},
    {MSG_listen, CHANNEL_STATE_ANY, on_listen},
    {MSG_unlisten, CHANNEL_STATE_ANY, on_unlisten},
    {MSG_stop, CHANNEL_STATE_ANY, on_stop},
    PROCESS_PING_RULE,
};

static int start(struct member *me, struct err *err)
{
    struct sandbox sandbox = {
        .kind = SANDBOX_ALLOW_LIST,
        .groups = SANDBOX_BASE | SANDBOX_IO | SANDBOX_EVENTS | SANDBOX_MESSAGES | SANDBOX_ACCEPT,
    };
    int r = process_become(&me->process, err);
    close(PROCESS_STATE_FD);
    if (r == 0 && me->process.tls_alpn)
        r = tls_alpn_new(me->process.base, on_hit, me, &me->tls_alpn, err);
    return r < 0 ? r : process_confine(&me->process, &sandbox, err);
}

int main(int argc, char **argv)
{
    struct member me = {0};
    struct err err = ERR_INIT;
    process_init(&me.process, "responder", argc, argv);
    me.responder = responder_new(me.process.base, on_hit, &me);
    if (start(&me, &err) < 0)
        return process_unable(&me.process, &err);
    me.parent = channel_new(me.process.base, PROCESS_PARENT_FD, "responder-parent", parent_rules,
        ARRAY_LEN(parent_rules), process_parent_gone, &me);
    process_run(&me.process, NULL, NULL);
    return 0;
}
