/*
 * Would it work? For each name that http-01 would prove: a token is placed where a challenge would be,
 * fetched over the very path that a CA takes (every address, redirects followed), and taken away again. And
 * the parent says which hooks, copies and directories it could not use.
 */
#include "processes/engine/engine.h"

#include "acme/identifier.h"
#include "base/b64.h"
#include "base/log.h"
#include "dns/lookup.h"
#include "http/visit.h"
#include "os/random.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHECK_ADDRESSES_MAX = 8, /* of one name; CAs try two */
    CHECK_TOKEN_OCTETS = 32,
    CHECK_VALUE_MAX = 256,
};

/* One certificate to check: in the order in which they are found. */
struct subject {
    struct subject *next;
    const char *name; /* "" for names of the command line that are no certificate */
    const char *wish;
    struct str permit;
    uint32_t variant;
    bool stored;
};

struct check {
    struct engine *engine;
    struct arena *arena;
    uint32_t session;
    struct subject *subjects, **last;
    struct wish wish;  /* of the first subject */
    size_t at;         /* its name that is checked */
    size_t found, bad; /* findings, and those of them that would fail */
    /* the name under way */
    const char *token, *value;
    bool by_webroot;
    char addresses[CHECK_ADDRESSES_MAX][INET6_ADDRSTRLEN];
    size_t address_n, address_at, good_n;
    struct visit *visit;
};

static void next_name(struct check *c);

/* Nobody waits for that answer. */
static void ignore(const void *msg, const struct err *why, void *arg)
{
    (void)msg, (void)why, (void)arg;
}

static const char *identifier(const struct check *c)
{
    return c->wish.domains[c->at];
}

/* --- findings --- */

static json_t *hops_of(const struct visit_result *v)
{
    json_t *hops = json_array();
    for (size_t i = 0; v != NULL && i < v->hop_n; i++)
        json_array_append_new(
            hops, json_pack("{s:s, s:s, s:i, s:s}", "url", v->hops[i].url, "address", v->hops[i].address,
                      "status", v->hops[i].status, "location", v->hops[i].location));
    return hops;
}

static void find(struct check *c, const char *what, bool ok, const char *text, const char *remedy,
    const struct visit_result *v)
{
    c->found++;
    c->bad += !ok;
    session_row(c->engine, c->session,
        json_pack("{s:s, s:o, s:s, s:b, s:s, s:o, s:o}", "certificate", c->subjects->name, "identifier",
            strcmp(what, "http-01") == 0 ? json_string(identifier(c)) : json_null(), "check", what, "ok", ok,
            "text", text, "remedy", remedy != NULL ? json_string(remedy) : json_null(), "hops", hops_of(v)));
}

static void end(struct check *c)
{
    struct session *s = session_find(c->engine, c->session);
    struct err err = ERR_INIT;
    if (s != NULL)
        s->waiting--;
    if (s != NULL && c->bad > 0) {
        err_set(&err, ERR_FAILED, "%zu of %zu checks failed", c->bad, c->found);
        session_fail(c->engine, c->session, &err);
    }
    visit_cancel(c->visit);
    c->engine->check_n--;
    arena_free(c->arena);
    free(c);
}

/* --- one name --- */

static void take_away(struct check *c)
{
    struct engine *e = c->engine;
    if (c->token == NULL)
        return;
    if (c->by_webroot) {
        struct msg_webroot_remove m = {c->subjects->permit, identifier(c), c->token};
        (void)channel_request(e->parent, MSG_webroot_remove, &m, MSG_done, ignore, NULL, NULL);
        if (c->subjects->stored)
            (void)store_challenge_delete(e->store, c->subjects->name, c->token, NULL);
    } else if (e->responder != NULL) {
        (void)channel_send(e->responder, MSG_token_remove, 0, &(struct msg_token_remove){c->token}, -1, NULL);
    }
    c->token = NULL;
}

static void name_done(struct check *c)
{
    take_away(c);
    c->at++;
    next_name(c);
}

static bool holds_value(const struct check *c, struct str body)
{
    return str_eq_c(str_trim(body), c->value);
}

/* What would mend it: by how far the CA's request came. */
static const char *remedy_for(const struct check *c, const struct visit_result *v)
{
    const struct visit_hop *last = &v->hops[v->hop_n - 1];
    const char *form = c->by_webroot ? "webroot" : "proxy";
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
    if (c->by_webroot)
        return arena_printf(c->arena,
            "the server at %s does not serve /.well-known/acme-challenge/ out of %s: evercert snippet nginx "
            "--form webroot shows how",
            last->address, wish_webroot(&c->wish, identifier(c)));
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
        find(c, "http-01", false,
            arena_printf(
                c->arena, "the CA's request would fail at %s: %s: %s", address, path_of(c, v), v->err.text),
            remedy_for(c, v), v);
    else if (!holds_value(c, v->body))
        find(c, "http-01", false,
            arena_printf(
                c->arena, "something else than the challenge is served at %s: %s", address, path_of(c, v)),
            remedy_for(c, v), v);
    else
        find(c, "http-01", true,
            arena_printf(c->arena, "the CA's request would reach us at %s%s", address,
                v->hop_n > 1 ? ", by a redirect" : ""),
            NULL, v);
    c->address_at++;
    visit_next(c);
}

static void visit_next(struct check *c)
{
    if (c->address_at == c->address_n) {
        name_done(c);
        return;
    }
    bool v6_literal = strchr(identifier(c), ':') != NULL;
    const char *url = arena_printf(c->arena, "http://%s%s%s/.well-known/acme-challenge/%s",
        v6_literal ? "[" : "", identifier(c), v6_literal ? "]" : "", c->token);
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
        find(c, "http-01", false, err.text, "give the name an A or AAAA record that leads to this server",
            NULL);
    } else if (r->v6.state == LOOKUP_FAILED || r->v4.state == LOOKUP_FAILED) {
        /* CAs take a failing answer for an error even where the other family is there. */
        const struct lookup_family *f = r->v6.state == LOOKUP_FAILED ? &r->v6 : &r->v4;
        find(c, "http-01", false, f->err.text,
            "mend the DNS servers of the zone: a CA takes that for an error", NULL);
    }
    visit_next(c);
}

static void on_placed(const void *msg, const struct err *why, void *arg)
{
    struct check *c = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0) {
        find(c, "http-01", false, err.text, "mend that first: no challenge could be answered", NULL);
        name_done(c);
        return;
    }
    (void)lookup_addresses(c->engine->lookup, identifier(c), on_addresses, c);
}

static void place_at_responder(struct check *c)
{
    struct msg_token_put m = {c->token, c->value};
    struct err err = ERR_INIT;
    if (c->engine->responder == NULL)
        err_set(&err, ERR_IPC, "the responder is not running");
    if (err.code != 0 ||
        channel_request(c->engine->responder, MSG_token_put, &m, MSG_done, on_placed, c, &err) < 0)
        on_placed(NULL, &err, c);
}

static void on_listening(const void *msg, const struct err *why, void *arg)
{
    struct check *c = arg;
    const struct msg_done *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0)
        on_placed(NULL, &err, c);
    else
        place_at_responder(c);
}

static void place(struct check *c)
{
    struct engine *e = c->engine;
    unsigned char bytes[CHECK_TOKEN_OCTETS];
    struct buf token ATTR_CLEANUP(buf_free) = buf_new(CHECK_VALUE_MAX);
    struct err err = ERR_INIT;
    int r;
    random_bytes(bytes, sizeof bytes);
    b64url_encode(&token, (struct str){(const char *)bytes, sizeof bytes});
    c->token = arena_dup(c->arena, buf_str(&token));
    c->value = arena_printf(c->arena, "%s.evercert-check", c->token);
    c->by_webroot = wish_webroot(&c->wish, identifier(c))[0] != '\0';
    if (c->by_webroot) {
        struct msg_webroot_put m = {c->subjects->permit, identifier(c), c->token, c->value};
        if (c->subjects->stored)
            (void)store_challenge_put(
                e->store, &(struct challenge_record){c->subjects->name, c->token}, NULL);
        r = channel_request(e->parent, MSG_webroot_put, &m, MSG_done, on_placed, c, &err);
    } else {
        struct msg_responder_need m = {CHALLENGE_HTTP_01};
        r = channel_request(e->parent, MSG_responder_need, &m, MSG_done, on_listening, c, &err);
    }
    if (r < 0)
        on_placed(NULL, &err, c);
}

/* --- one certificate --- */

static void next_subject(struct check *c);

static bool uses_http01(const struct wish *w)
{
    for (size_t i = 0; i < w->challenge_n; i++)
        if (strcmp(w->challenges[i], "http-01") == 0)
            return true;
    return false;
}

static void next_name(struct check *c)
{
    while (
        c->at < c->wish.domain_n && (!uses_http01(&c->wish) || identifier_is_wildcard(str_c(identifier(c)))))
        c->at++;
    if (c->at < c->wish.domain_n) {
        place(c);
        return;
    }
    c->subjects = c->subjects->next;
    next_subject(c);
}

/* The row says whose it is. */
static const char *without_name(const struct check *c, const char *problem)
{
    size_t n = strlen(c->wish.name);
    return strncmp(problem, c->wish.name, n) == 0 && strncmp(problem + n, ": ", 2) == 0 ? problem + n + 2
                                                                                        : problem;
}

static void on_steps(const void *msg, const struct err *why, void *arg)
{
    struct check *c = arg;
    const struct msg_steps_checked *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0 || m == NULL)
        find(c, "steps", false, err.text, "the log has more", NULL);
    for (size_t i = 0; m != NULL && i < m->problems.n; i++)
        find(c, "steps", false, without_name(c, m->problems.p[i]), NULL, NULL);
    if (m != NULL && err.code == 0 && m->problems.n == 0 &&
        (deploy_is_wanted(&c->wish) || c->wish.webroot[0] != '\0'))
        find(c, "steps", true, "hooks, copies and directories can be used", NULL, NULL);
    next_name(c);
}

static void next_subject(struct check *c)
{
    struct err err = ERR_INIT;
    struct subject *s = c->subjects;
    if (s == NULL) {
        end(c);
        return;
    }
    c->at = 0;
    if (wish_decode(str_c(s->wish), c->arena, &c->wish, &err) < 0 ||
        wish_select(&c->wish, s->variant, c->arena, &err) < 0) {
        find(c, "steps", false, err.text, "give the certificate another wish", NULL);
        c->subjects = s->next;
        next_subject(c);
        return;
    }
    struct msg_steps_check m = {s->permit, s->variant};
    if (channel_request(c->engine->parent, MSG_steps_check, &m, MSG_steps_checked, on_steps, c, &err) < 0)
        on_steps(NULL, &err, c);
}

/* --- the command --- */

static void add(
    struct check *c, const char *name, const char *wish, struct str permit, uint32_t variant, bool stored)
{
    struct subject *s = arena_alloc(c->arena, sizeof *s);
    *s = (struct subject){NULL, arena_dup_c(c->arena, name), arena_dup_c(c->arena, wish),
        arena_str(c->arena, permit), variant, stored};
    *c->last = s;
    c->last = &s->next;
}

/* The second of two key types has the same names and steps as the first. */
static int add_each(const struct certificate *cert, void *arg)
{
    if (cert->variant == 0 && !cert->released)
        add(arg, cert->name, cert->wish, cert->permit, 0, true);
    return 0;
}

static int collect(const struct command *c, struct check *k, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate cert;
    for (size_t i = 0; i < c->m->names.n; i++) {
        int r = store_certificate_get(c->e->store, str_c(c->m->names.p[i]), a, &cert, err);
        if (r < 0)
            return r == ERR_NOT_FOUND ? err_set(err, r, "there is no certificate %s; evercert list shows all",
                                            c->m->names.p[i])
                                      : r;
        add(k, cert.name, cert.wish, cert.permit, (uint32_t)cert.variant, true);
    }
    if (c->m->wish[0] != '\0')
        add(k, "", c->m->wish, c->m->permit, 0, false);
    else if (c->m->names.n == 0)
        return store_certificate_each(c->e->store, add_each, k, err);
    return 0;
}

void check_certificates(const struct command *c)
{
    struct check *k = calloc(1, sizeof *k);
    struct err err = ERR_INIT;
    if (k == NULL)
        abort();
    *k = (struct check){.engine = c->e, .arena = arena_new(), .session = c->s->id};
    k->last = &k->subjects;
    c->s->waiting++;
    int r = look_need_lookup(c->e, &err);
    c->e->check_n++;
    if (r == 0)
        r = collect(c, k, &err);
    if (r < 0) {
        command_fail(c, &err);
        k->subjects = NULL;
    }
    next_subject(k);
}
