/* The operator's commands about accounts, and the texts that stand in the DNS for one. */
#include "processes/engine/engine.h"

#include "acme/identifier.h"
#include "acme/problem.h"
#include "config/facts.h"

#include <stdlib.h>
#include <string.h>

/* A command on its way. */
struct errand {
    struct engine *e;
    uint32_t session;
    struct arena *arena;
    struct authority *authority;
    const char *name; /* dns record: which certificate; "" none */
    struct str ticket;
};

static void errand_end(struct errand *d, const struct err *err)
{
    struct session *s = session_find(d->e, d->session);
    if (err != NULL)
        session_fail(d->e, d->session, err);
    if (s != NULL)
        s->waiting--;
    arena_free(d->arena);
    free(d);
}

static struct errand *errand_new(const struct command *c, struct authority *a)
{
    struct errand *d = calloc(1, sizeof *d);
    if (d == NULL)
        abort();
    *d = (struct errand){.e = c->e, .session = c->s->id, .arena = arena_new(), .authority = a, .name = ""};
    d->ticket = arena_str(d->arena, c->m->ticket);
    c->s->waiting++;
    return d;
}

static struct authority *named(const struct command *c)
{
    struct err err = ERR_INIT;
    struct authority *a = c->m->names.n > 0 ? authority_of_account(c->e, c->m->names.p[0]) : NULL;
    if (a != NULL)
        return a;
    err_set(&err, ERR_USAGE, "name the authority with --authority");
    command_fail(c, &err);
    return NULL;
}

/* --- show, register, update --- */

/* The row, after the CA's own word on the account. */
static void on_read(struct engine *e, const struct acme_response *r, const struct err *why, void *arg)
{
    struct errand *d = arg;
    struct account_object object = {.status = ""};
    struct err err = ERR_INIT;
    if (r == NULL) {
        err = *why;
    } else if (!acme_response_ok(r)) {
        struct problem p;
        problem_read(r, d->arena, &p);
        problem_to_err(&p, r, engine_now(e), &err);
    } else if (account_object_parse(r->body, d->arena, &object, &err) == 0) {
        struct authority_record record = authority_record_load(d->authority, d->arena);
        record.account_status = object.status;
        authority_record_save(d->authority, &record);
        session_row(e, d->session, report_account(d->authority, &record, &object));
    }
    errand_end(d, err.code != 0 ? &err : NULL);
}

static void on_ready_to_read(struct engine *e, const struct err *err, void *arg)
{
    struct errand *d = arg;
    struct post_spec spec = {.request = ACME_REQUEST_READ, .url = d->authority->account_url};
    (void)e;
    if (err != NULL)
        errand_end(d, err);
    else
        post_start(d->authority, &spec, on_read, d);
}

/* The row, as the last request left it. */
static void on_ready(struct engine *e, const struct err *err, void *arg)
{
    struct errand *d = arg;
    if (err == NULL) {
        struct authority_record record = authority_record_load(d->authority, d->arena);
        session_row(e, d->session, report_account(d->authority, &record, NULL));
    }
    errand_end(d, err);
}

static void need(const struct command *c, bool may_register, authority_ready_fn *fn)
{
    struct authority *a = named(c);
    if (a != NULL)
        authority_need(a, may_register, fn, errand_new(c, a));
}

void account_show(const struct command *c)
{
    if (c->m->names.n > 0) {
        need(c, false, on_ready_to_read);
        return;
    }
    for (struct authority *a = c->e->authorities; a != NULL; a = a->next) {
        struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
        struct authority_record r = authority_record_load(a, arena);
        if (r.account_url[0] != '\0')
            session_row(c->e, c->s->id, report_account(a, &r, NULL));
    }
}

void account_register(const struct command *c)
{
    need(c, true, on_ready);
}

void account_update(const struct command *c)
{
    need(c, false, on_ready);
}

/* --- rollover, deactivate --- */

void account_change_key(const struct command *c)
{
    struct authority *a = named(c);
    if (a == NULL)
        return;
    struct errand *d = errand_new(c, a);
    account_rollover(a, d->ticket, on_ready, d);
}

static void on_deactivated(struct engine *e, const struct acme_response *r, const struct err *why, void *arg)
{
    struct errand *d = arg;
    struct err err = ERR_INIT;
    if (r == NULL) {
        err = *why;
    } else if (!acme_response_ok(r)) {
        struct problem p;
        problem_read(r, d->arena, &p);
        problem_to_err(&p, r, engine_now(e), &err);
    } else {
        struct authority_record record = authority_record_load(d->authority, d->arena);
        record.account_status = "deactivated";
        authority_record_save(d->authority, &record);
        d->authority->ready = false;
        history_add(e, "", "account",
            arena_printf(d->arena, "account %s at %s deactivated", record.account_url, d->authority->name),
            NULL);
        session_row(e, d->session, report_account(d->authority, &record, NULL));
    }
    errand_end(d, err.code != 0 ? &err : NULL);
}

static void on_ready_to_deactivate(struct engine *e, const struct err *why, void *arg)
{
    struct errand *d = arg;
    struct post_spec spec = {
        .request = ACME_REQUEST_DEACTIVATE_ACCOUNT, .url = d->authority->account_url, .ticket = d->ticket};
    (void)e;
    if (why != NULL)
        errand_end(d, why);
    else
        post_start(d->authority, &spec, on_deactivated, d);
}

void account_deactivate(const struct command *c)
{
    struct authority *a = named(c);
    if (a != NULL)
        authority_need(a, false, on_ready_to_deactivate, errand_new(c, a));
}

/* --- dns record: what to put into a zone (RFC 8659, RFC 8657, draft-ietf-acme-dns-persist) --- */

struct dns_texts {
    struct errand *errand;
    const char **names; /* those of the records: the certificate's without wildcards' "*." */
    size_t name_n;
    bool wildcard;
    const char *methods;
};

static const char *ca_name(const struct dns_texts *t, size_t i)
{
    const struct directory *d = &t->errand->authority->directory;
    if (i < d->caa_identity_n)
        return arena_dup(t->errand->arena, d->caa_identities[i]);
    return d->caa_identity_n == 0 ? facts_caa_name(str_c(t->errand->authority->directory_url), i) : NULL;
}

static void put_persist(
    json_t *list, const char *draft, const char *name, const char *issuer, const char *uri, bool wildcard)
{
    json_array_append_new(list,
        json_pack("{s:s, s:o, s:o}", "draft", draft, "name", json_sprintf("_validation-persist.%s", name),
            "value", json_sprintf("%s; accounturi=%s%s", issuer, uri, wildcard ? "; policy=wildcard" : "")));
}

static json_t *record_of(
    const struct dns_texts *t, size_t i, const char *uri, const char *label, const char *account)
{
    const char *name = t->names[i], *issuer;
    json_t *caa = json_array(), *persist = json_array();
    for (size_t k = 0; (issuer = ca_name(t, k)) != NULL; k++) {
        json_array_append_new(caa,
            json_sprintf("0 issue \"%s; accounturi=%s; validationmethods=%s\"", issuer, account, t->methods));
        put_persist(persist, "01", name, issuer, account, t->wildcard);
        if (uri[0] != '\0')
            put_persist(persist, "02", name, issuer, uri, t->wildcard);
    }
    const char *note = json_array_size(caa) == 0
                           ? "the CA's directory does not say by which names it goes in CAA records"
                           : "";
    return json_pack("{s:s, s:o, s:o, s:s, s:s, s:s}", "name", name, "caa", caa, "persist", persist,
        "account_label", label, "account", account, "note", note);
}

static void on_texts(const void *msg, const struct err *why, void *arg)
{
    struct dns_texts *t = arg;
    struct errand *d = t->errand;
    const struct msg_dns_texts_made *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0) {
        struct str hash_prefix = d->authority->directory.account_hash_prefix;
        for (size_t i = 0; i < t->name_n && i < m->account_uris.n; i++)
            session_row(d->e, d->session,
                record_of(t, i, hash_prefix.n > 0 ? m->account_uris.p[i] : "", m->label,
                    d->authority->account_url));
    }
    errand_end(d, r < 0 ? &err : NULL);
}

static struct dns_texts *texts_of(struct errand *d, const struct wish *w)
{
    struct dns_texts *t = arena_alloc(d->arena, sizeof *t);
    struct buf methods ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    *t = (struct dns_texts){.errand = d, .names = arena_array(d->arena, w->domain_n, sizeof *t->names)};
    for (size_t i = 0; i < w->domain_n; i++) {
        struct str name = identifier_base(str_c(w->domains[i]));
        bool known = identifier_is_ip(name); /* which has no records */
        t->wildcard = t->wildcard || identifier_is_wildcard(str_c(w->domains[i]));
        for (size_t k = 0; k < t->name_n && !known; k++)
            known = str_eq_c(name, t->names[k]);
        if (!known)
            t->names[t->name_n++] = arena_dup(d->arena, name);
    }
    for (size_t i = 0; i < w->challenge_n; i++)
        buf_printf(&methods, "%s%s", i > 0 ? "," : "", w->challenges[i]);
    t->methods = arena_dup(d->arena, buf_str(&methods));
    return t;
}

/* The wish of the certificate, or one made of the name alone. */
static struct wish wish_of(struct errand *d)
{
    static const char *const challenge[] = {"http-01"};
    struct certificate c;
    struct wish w;
    if (store_certificate_get(d->e->store, str_c(d->name), d->arena, &c, NULL) == 0 &&
        wish_decode(str_c(c.wish), d->arena, &w, NULL) == 0)
        return w;
    const char **domains = arena_array(d->arena, 1, sizeof *domains);
    domains[0] = d->name;
    return (struct wish){.domains = domains, .domain_n = 1, .challenges = challenge, .challenge_n = 1};
}

static void on_ready_for_dns(struct engine *e, const struct err *why, void *arg)
{
    struct errand *d = arg;
    struct err err = ERR_INIT;
    if (why != NULL) {
        errand_end(d, why);
        return;
    }
    struct wish w = wish_of(d);
    struct dns_texts *t = texts_of(d, &w);
    struct msg_dns_texts_make m = {.account = d->authority->id,
        .kid = d->authority->account_url,
        .prefix = arena_dup(d->arena, d->authority->directory.account_hash_prefix),
        .names = {t->names, t->name_n}};
    int r = e->keeper == NULL
                ? err_set(&err, ERR_IPC, "the keeper is not running")
                : channel_request(e->keeper, MSG_dns_texts_make, &m, MSG_dns_texts_made, on_texts, t, &err);
    if (r < 0)
        errand_end(d, &err);
}

void dns_record(const struct command *c)
{
    const char *id = command_word(c, "account");
    struct authority *a = id != NULL ? authority_of_account(c->e, id) : NULL;
    struct err err = ERR_INIT;
    if (a == NULL) {
        err_set(&err, ERR_USAGE, "name the authority with --authority");
        command_fail(c, &err);
        return;
    }
    struct errand *d = errand_new(c, a);
    d->name = arena_dup_c(d->arena, c->m->names.p[0]);
    authority_need(a, false, on_ready_for_dns, d);
}
