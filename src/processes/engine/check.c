/*
 * Would it work? For each name: a token is placed where a challenge would be, looked at as a CA would look,
 * and taken away again. And the parent says which hooks, copies and directories it could not use.
 */
#include "processes/engine/check_priv.h"

#include "acme/identifier.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static void next_name(struct check *c);

const char *check_identifier(const struct check *c)
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

/* Why a finding matters, by what was looked at; all others are challenges. */
static const struct {
    const char *what, *why;
} reasons[] = {
    {"clock", "certificates would look as if they were not valid yet or any more, and be renewed at the "
              "wrong time"},
    {"authority", "nothing is issued or renewed while the CA cannot be asked"},
    {"permissions", "others could read or replace what must be ours alone, or evercert cannot use its own "
                    "files at its next start"},
    {"storage", "nothing is issued while it could not be kept"},
    {"steps",
        "a renewal would be issued, but servers would go on with the certificate of before until it expires"},
    {"caa", "a CA must not issue for a name whose CAA records do not allow it (RFC 8659)"},
    {"tls-alpn-01", "the CA connects there to see that the name is yours; without it nothing is issued"},
    {"http-01", "the CA fetches that file to see that the name is yours; without it nothing is issued"},
};

static const char *reason_of(const char *what)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (strcmp(what, reasons[i].what) == 0)
            return reasons[i].why;
    return "the CA reads that record to see that the name is yours; without it nothing is issued";
}

static void put_row(struct check *c, const char *certificate, const char *name, const char *what, bool ok,
    const char *text, const char *remedy, const struct visit_result *v)
{
    c->found++;
    c->bad += !ok;
    session_row(c->engine, c->session,
        json_pack("{s:s, s:o, s:s, s:b, s:s, s:o, s:o, s:o}", "certificate", certificate, "identifier",
            name != NULL ? json_string(name) : json_null(), "check", what, "ok", ok, "text", text, "why",
            ok ? json_null() : json_string(reason_of(what)), "remedy",
            remedy != NULL ? json_string(remedy) : json_null(), "hops", hops_of(v)));
}

void check_find(struct check *c, bool ok, const char *text, const char *remedy, const struct visit_result *v)
{
    put_row(c, c->subjects->name, check_identifier(c), acme_challenge_text(c->kind), ok, text, remedy, v);
}

void check_find_caa(struct check *c, bool ok, const char *text, const char *remedy)
{
    put_row(c, c->subjects->name, check_identifier(c), "caa", ok, text, remedy, NULL);
}

void check_find_system(struct check *c, const char *what, bool ok, const char *text, const char *remedy)
{
    put_row(c, "", NULL, what, ok, text, remedy, NULL);
}

const char *check_split(struct check *c, const char *problem, const char **remedy)
{
    struct str text, rest;
    *remedy = NULL;
    if (!str_cut(str_c(problem), '\n', &text, &rest))
        return problem;
    *remedy = arena_dup(c->arena, rest);
    return arena_dup(c->arena, text);
}

/* About hooks, copies and directories. */
static void find(struct check *c, bool ok, const char *text, const char *remedy)
{
    put_row(c, c->subjects->name, NULL, "steps", ok, text, remedy, NULL);
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
    tls_probe_cancel(c->probe);
    dns_cancel(c->question);
    dns_client_free(c->dns);
    c->engine->check_n--;
    arena_free(c->arena);
    free(c);
}

/* --- one name --- */

void check_place(struct check *c, placed_step_fn *step, placed_shown_fn *shown)
{
    const char *identifier = identifier_base(str_c(check_identifier(c))).p;
    const struct placed_trial trial = {.kind = c->kind,
        .certificate = c->wish.name,
        .identifier = identifier,
        .label = "",
        .permit = c->subjects->permit};
    c->began = clock_mono(&system_clock);
    c->placed = placed_try(c->engine, &trial, step, shown, c);
    c->token = placed_record(c->placed)->token;
    c->value = placed_record(c->placed)->key_authorization;
}

void check_name_done(struct check *c)
{
    if (c->placed != NULL)
        placed_remove(c->placed, NULL, NULL);
    else if (c->token != NULL && c->kind == CHALLENGE_TLS_ALPN_01)
        check_alpn_remove(c);
    else if (c->token != NULL && c->engine->responder != NULL)
        (void)channel_send(
            c->engine->responder, MSG_token_remove, 0, &(struct msg_token_remove){c->token}, -1, NULL);
    c->placed = NULL;
    c->token = NULL;
    c->at++;
    next_name(c);
}

/* --- one certificate --- */

/* The first kind of its list that proves the name and can be tried without a CA; CHALLENGE_END_: none. */
static enum acme_challenge kind_for(const struct wish *w, const char *name)
{
    for (size_t i = 0; i < w->challenge_n; i++) {
        enum acme_challenge k = acme_challenge_parse(str_c(w->challenges[i]));
        if ((k == CHALLENGE_HTTP_01 || k == CHALLENGE_TLS_ALPN_01 || k == CHALLENGE_DNS_01 ||
                k == CHALLENGE_DNS_PERSIST_01) &&
            acme_challenge_proves(k, str_c(name)))
            return k;
    }
    return CHALLENGE_END_;
}

void check_kind(struct check *c)
{
    if (c->kind == CHALLENGE_HTTP_01)
        check_http(c);
    else if (c->kind == CHALLENGE_TLS_ALPN_01)
        check_alpn(c);
    else if (c->kind != CHALLENGE_END_)
        check_dns(c);
    else
        check_name_done(c);
}

static void next_name(struct check *c)
{
    if (c->at == c->wish.domain_n) {
        c->subjects = c->subjects->next;
        check_next_subject(c);
        return;
    }
    c->kind = kind_for(&c->wish, check_identifier(c));
    check_caa(c);
}

/* The row says whose it is. */
static const char *without_name(const struct check *c, const char *problem)
{
    size_t n = strlen(c->wish.name);
    return strncmp(problem, c->wish.name, n) == 0 && strncmp(problem + n, ": ", 2) == 0 ? problem + n + 2
                                                                                        : problem;
}

/* A directory that challenges go into is looked at with the names, too, where they are proven by it; then
 * that says it, and why it matters. */
static bool is_said_by_names(const struct check *c, const char *problem)
{
    return str_starts(str_c(problem), STR("webroot")) && strcmp(c->wish.challenges[0], "http-01") == 0;
}

/* Most texts say it themselves. */
static const char *remedy_of(const char *text, const char *remedy)
{
    return remedy == NULL && str_starts(str_c(text), STR("deploy step "))
               ? "install that program, make it executable, or write the path of the right one in the "
                 "configuration"
               : remedy;
}

static void on_steps(const void *msg, const struct err *why, void *arg)
{
    struct check *c = arg;
    const struct msg_steps_checked *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0 || m == NULL)
        find(c, false, err.text, "the log has more");
    for (size_t i = 0; m != NULL && i < m->problems.n; i++) {
        const char *remedy;
        const char *text = check_split(c, m->problems.p[i], &remedy);
        text = without_name(c, text);
        if (!is_said_by_names(c, text))
            find(c, false, text, remedy_of(text, remedy));
    }
    if (m != NULL && err.code == 0 && m->problems.n == 0 &&
        (deploy_has_steps(&c->wish) || c->wish.webroot[0] != '\0'))
        find(c, true, "hooks, copies and directories can be used", NULL);
    next_name(c);
}

void check_next_subject(struct check *c)
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
        find(c, false, err.text, "give the certificate another wish");
        c->subjects = s->next;
        check_next_subject(c);
        return;
    }
    struct msg_steps_check m = {s->permit, s->variant};
    if (channel_request(c->engine->parent, MSG_steps_check, &m, MSG_steps_checked, on_steps, c, &err) < 0)
        on_steps(NULL, &err, c);
}

/* --- the command --- */

static void add(struct check *c, const char *name, const char *wish, struct str permit, uint32_t variant)
{
    struct subject *s = arena_alloc(c->arena, sizeof *s);
    *s = (struct subject){
        NULL, arena_dup_c(c->arena, name), arena_dup_c(c->arena, wish), arena_str(c->arena, permit), variant};
    *c->last = s;
    c->last = &s->next;
}

/* The second of two key types has the same names and steps as the first. */
static int add_each(const struct certificate *cert, void *arg)
{
    if (cert->variant == 0 && !cert->released)
        add(arg, cert->name, cert->wish, cert->permit, 0);
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
        add(k, cert.name, cert.wish, cert.permit, (uint32_t)cert.variant);
    }
    if (c->m->wish[0] != '\0')
        add(k, "", c->m->wish, c->m->permit, 0);
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
    if (r == 0 &&
        (k->dns = dns_client_new(c->e->process.base, c->e->resolvers, c->e->resolver_n, &err)) == NULL)
        r = err.code;
    c->e->check_n++;
    if (r == 0)
        r = collect(c, k, &err);
    if (r < 0) {
        command_fail(c, &err);
        k->subjects = NULL;
        end(k);
        return;
    }
    check_system(k);
}
