/* The path that a CA takes to the token of http-01: every address, redirects followed as it follows them. */
#include "processes/engine/check_priv.h"

#include "base/log.h"
#include "dns/lookup.h"

#include <string.h>

static bool holds_value(const struct check *c, struct str body)
{
    return str_eq_c(str_trim(body), c->value);
}

/* What would mend it: by how far the CA's request came. */
static const char *remedy_for(const struct check *c, const struct visit_result *v)
{
    const struct visit_hop *last = &v->hops[v->hop_n - 1];
    const char *form = (c->placed != NULL) ? "webroot" : "proxy";
    bool unfollowed = v->err.code == ERR_REFUSED || v->err.code == ERR_LIMIT;
    if (last->address[0] == '\0' && !unfollowed)
        return "the name that the redirect leads to has no address: mend the redirect, or the DNS record";
    if (v->hop_n == 1 && last->status == 0)
        return arena_printf(c->arena,
            "nothing answers at port 80 of %s: open it in the firewall, let a server listen there "
            "(evercert's "
            "own does while it gets a certificate), or take the address out of the DNS",
            last->address);
    if (v->hop_n > 1 && (last->status == 0 || unfollowed))
        return "exempt /.well-known/acme-challenge/ from the redirect: evercert snippet nginx --form "
               "redirect";
    if (v->hop_n > 1)
        return arena_printf(c->arena,
            "exempt /.well-known/acme-challenge/ from the redirect (evercert snippet nginx --form redirect), "
            "or "
            "serve it where the redirect leads to (evercert snippet nginx --form %s)",
            form);
    if ((c->placed != NULL))
        return arena_printf(c->arena,
            "the server at %s does not serve /.well-known/acme-challenge/ out of %s: evercert snippet nginx "
            "--form webroot shows how",
            last->address, wish_webroot(&c->wish, check_identifier(c)));
    return arena_printf(c->arena,
        "another server answers at %s and does not pass /.well-known/acme-challenge/ on: evercert snippet "
        "nginx "
        "--form proxy shows how",
        last->address);
}

static const char *path_of(const struct check *c, const struct visit_result *v)
{
    const char *text = "";
    for (size_t i = 0; i < v->hop_n; i++)
        text = arena_printf(c->arena, "%s%s%s (%s)", text, i > 0 ? " -> " : "", v->hops[i].url,
            v->hops[i].status > 0 ? arena_printf(c->arena, "%d", v->hops[i].status) : "no answer");
    return text;
}

static void visit_next(struct check *c);

static void on_visited(const struct visit_result *v, void *arg)
{
    struct check *c = arg;
    const char *address = c->addresses[c->address_at];
    c->visit = NULL;
    if (v->err.code != 0)
        check_find(c, false,
            arena_printf(
                c->arena, "the CA's request would fail at %s: %s: %s", address, path_of(c, v), v->err.text),
            remedy_for(c, v), v);
    else if (!holds_value(c, v->body))
        check_find(c, false,
            arena_printf(
                c->arena, "something else than the challenge is served at %s: %s", address, path_of(c, v)),
            remedy_for(c, v), v);
    else
        check_find(c, true,
            arena_printf(c->arena, "the CA's request would reach us at %s%s", address,
                v->hop_n > 1 ? ", by a redirect" : ""),
            NULL, v);
    c->address_at++;
    visit_next(c);
}

static void visit_next(struct check *c)
{
    if (c->address_at == c->address_n) {
        check_name_done(c);
        return;
    }
    bool v6_literal = strchr(check_identifier(c), ':') != NULL;
    const char *url = arena_printf(c->arena, "http://%s%s%s/.well-known/acme-challenge/%s",
        v6_literal ? "[" : "", check_identifier(c), v6_literal ? "]" : "", c->token);
    c->visit = visit_start(
        c->engine->process.base, c->engine->lookup, url, c->addresses[c->address_at], on_visited, c);
}

static void on_addresses(const struct lookup_result *r, void *arg)
{
    struct check *c = arg;
    struct err err = ERR_INIT;
    c->address_n = r->n < CHECK_ADDRESSES_MAX ? r->n : CHECK_ADDRESSES_MAX;
    c->address_at = 0;
    for (size_t i = 0; i < c->address_n; i++)
        memcpy(c->addresses[i], r->addresses[i].text, sizeof c->addresses[i]);
    if (r->n == 0) {
        (void)lookup_error(r, &err);
        check_find(c, false, err.text, "give the name an A or AAAA record that leads to this server", NULL);
    } else if (r->v6.state == LOOKUP_FAILED || r->v4.state == LOOKUP_FAILED) {
        /* CAs take a failing answer for an error even where the other family is there. */
        const struct lookup_family *f = r->v6.state == LOOKUP_FAILED ? &r->v6 : &r->v4;
        check_find(
            c, false, f->err.text, "mend the DNS servers of the zone: a CA takes that for an error", NULL);
    }
    visit_next(c);
}

static void on_shown(const struct err *err, void *arg)
{
    struct check *c = arg;
    if (err != NULL) {
        check_find(c, false, err->text, "mend that first: no challenge could be answered", NULL);
        check_name_done(c);
        return;
    }
    (void)lookup_addresses(c->engine->lookup, check_identifier(c), on_addresses, c);
}

static void on_put(const void *msg, const struct err *why, void *arg)
{
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    on_shown(r < 0 ? &err : NULL, arg);
}

static void place_at_responder(struct check *c)
{
    c->token = placed_token(c->arena);
    c->value = arena_printf(c->arena, "%s.%s", c->token, placed_token(c->arena));
    struct msg_token_put m = {c->token, c->value};
    struct err err = ERR_INIT;
    if (c->engine->responder == NULL)
        err_set(&err, ERR_IPC, "the responder is not running");
    if (err.code != 0 ||
        channel_request(c->engine->responder, MSG_token_put, &m, MSG_done, on_put, c, &err) < 0)
        on_shown(&err, c);
}

static void on_listening(const void *msg, const struct err *why, void *arg)
{
    struct check *c = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0)
        on_shown(&err, c);
    else
        place_at_responder(c);
}

void check_http(struct check *c)
{
    struct msg_responder_need m = {CHALLENGE_HTTP_01};
    struct err err = ERR_INIT;
    if (wish_webroot(&c->wish, check_identifier(c))[0] != '\0')
        check_place(c, NULL, on_shown);
    else if (channel_request(c->engine->parent, MSG_responder_need, &m, MSG_done, on_listening, c, &err) < 0)
        on_shown(&err, c);
}
