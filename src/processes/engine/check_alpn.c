/* tls-alpn-01 (RFC 8737): a certificate is shown at the responder, and every address of the name is connected
 * to at port 443 as a CA does. What answers is a validator's partner only where it agrees on "acme-tls/1". */
#include "processes/engine/check_priv.h"

#include "acme/identifier.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALPN_PORT = 443,
    /* A responder that was started for http-01 alone is started again, which takes a moment. */
    ALPN_RETRY_MS = 100,
    ALPN_RETRIES_MAX = 50,
    SNI_MAX = 128, /* 32 nibbles with dots, and "ip6.arpa" */
};

static void put_at_responder(struct check *c);

/* --- the looks --- */

static const char *remedy_for(struct check *c, const struct tls_seen *seen)
{
    if (seen->no_route)
        return "this machine has no way to that address: see from elsewhere, or take the address out of the "
               "DNS";
    if (seen->err.code != ERR_TLS)
        return arena_printf(c->arena,
            "nothing answers at %s: open port 443 in the firewall, let evercert listen there "
            "(tls-alpn-01.listen), or "
            "take the address out of the DNS",
            seen->address);
    return arena_printf(c->arena,
        "another server answers at %s: have it pass connections with the ALPN acme-tls/1 on to evercert "
        "(examples/nginx "
        "shows how), or prove the name by http-01 or dns-01",
        seen->address);
}

static void on_seen(const struct tls_seen *seen, size_t n, const struct err *why, void *arg)
{
    struct check *c = arg;
    c->probe = NULL;
    if (why != NULL)
        check_find(c, false, why->text, "give the name an A or AAAA record that leads to this server", NULL);
    for (size_t i = 0; why == NULL && i < n; i++) {
        if (seen[i].err.code == 0)
            check_find(c, true,
                arena_printf(c->arena, "the CA's connection would reach us at %s", seen[i].address), NULL,
                NULL);
        else
            check_find(c, false,
                arena_printf(
                    c->arena, "the CA's connection to %s would fail: %s", seen[i].address, seen[i].err.text),
                remedy_for(c, &seen[i]), NULL);
    }
    check_name_done(c);
}

static void look(struct check *c)
{
    struct buf sni ATTR_CLEANUP(buf_free) = buf_new(SNI_MAX);
    const char *name = check_identifier(c);
    identifier_reverse_name(str_c(name), &sni);
    const struct tls_probe_spec spec = {
        .host = name, .port = ALPN_PORT, .server_name = sni.n > 0 ? buf_c(&sni) : name, .acme = true};
    c->probe = tls_probe_start(c->engine->process.base, c->engine->lookup, &spec, on_seen, c);
}

/* --- what is shown --- */

static void fail(struct check *c, const struct err *err)
{
    check_find(c, false, err->text, "mend that first: no challenge could be answered", NULL);
    check_name_done(c);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    put_at_responder(arg);
}

static void on_put(const void *msg, const struct err *why, void *arg)
{
    struct check *c = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (r == 0)
        look(c);
    else if (r != ERR_IPC || c->retries++ >= ALPN_RETRIES_MAX ||
             event_base_once(c->engine->process.base, -1, EV_TIMEOUT, on_retry, c,
                 &(struct timeval){0, ALPN_RETRY_MS * 1000}) != 0)
        fail(c, &err);
}

static void put_at_responder(struct check *c)
{
    struct channel *to = c->engine->responder;
    struct msg_alpn_put m = {check_identifier(c), c->token, c->value};
    struct err err = ERR_INIT;
    if (to == NULL || channel_request(to, MSG_alpn_put, &m, MSG_done, on_put, c, &err) < 0) {
        err_set(&err, ERR_IPC, "the responder is not running");
        on_put(NULL, &err, c);
    }
}

static void on_listening(const void *msg, const struct err *why, void *arg)
{
    struct check *c = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0)
        fail(c, &err);
    else
        put_at_responder(c);
}

void check_alpn(struct check *c)
{
    struct msg_responder_need m = {CHALLENGE_TLS_ALPN_01};
    struct err err = ERR_INIT;
    c->retries = 0;
    c->token = placed_token(c->arena);
    c->value = arena_printf(c->arena, "%s.%s", c->token, placed_token(c->arena));
    if (channel_request(c->engine->parent, MSG_responder_need, &m, MSG_done, on_listening, c, &err) < 0)
        fail(c, &err);
}

void check_alpn_remove(struct check *c)
{
    struct msg_alpn_remove m = {check_identifier(c), c->token};
    if (c->engine->responder != NULL)
        (void)channel_send(c->engine->responder, MSG_alpn_remove, 0, &m, -1, NULL);
}
