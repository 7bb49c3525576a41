/* The operator's commands about accounts, and the texts that stand in the DNS for one. */
#include "processes/engine/engine.h"

#include "acme/identifier.h"
#include "acme/problem.h"
#include "crypto/dns_text.h"

#include <stdlib.h>
#include <string.h>

/* A command on its way. */
struct errand {
    struct engine *e;
    uint32_t session;
    struct arena *arena;
    struct authority *authority;
    struct str ticket;
    /* of dns record */
    const char *name, *issuer;
    struct dns_texts *texts;
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
    *d = (struct errand){
        .e = c->e, .session = c->s->id, .arena = arena_new(), .authority = a, .name = "", .issuer = ""};
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

/* 0 for an answer that is no refusal; else why not, in *err. */
static int take_answer(
    struct errand *d, const struct acme_response *r, const struct err *why, struct err *err)
{
    struct problem p;
    if (r == NULL) {
        *err = *why;
        return err->code;
    }
    if (acme_response_ok(r))
        return 0;
    problem_read(r, d->arena, &p);
    return problem_to_err(&p, r, engine_now(d->e), err);
}

/* --- show, register, update --- */

/* The row, after the CA's own word on the account. */
static void on_read(struct engine *e, const struct acme_response *r, const struct err *why, void *arg)
{
    struct errand *d = arg;
    struct account_object object = {.status = ""};
    struct err err = ERR_INIT;
    if (take_answer(d, r, why, &err) == 0 && account_object_parse(r->body, d->arena, &object, &err) == 0) {
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
    if (take_answer(d, r, why, &err) == 0) {
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
    bool *wildcards;    /* whether there is one of that name */
    size_t name_n;
    const char *methods;
    bool other_issuers;
};

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
    for (size_t k = 0; (issuer = authority_caa_name(t->errand->authority, k, t->errand->arena)) != NULL;
         k++) {
        json_array_append_new(caa,
            json_sprintf("0 issue \"%s; accounturi=%s; validationmethods=%s\"", issuer, account, t->methods));
        put_persist(persist, "01", name, issuer, account, t->wildcards[i]);
        if (uri[0] != '\0')
            put_persist(persist, "02", name, issuer, uri, t->wildcards[i]);
    }
    const char *note =
        json_array_size(caa) == 0 ? "the CA's directory does not say by which names it goes in CAA records"
        : t->other_issuers ? "the certificate may come from other authorities, too: add the records of each, "
                             "which --authority shows"
                           : "";
    return json_pack("{s:s, s:o, s:o, s:s, s:s, s:s}", "name", name, "caa", caa, "persist", persist,
        "account_label", label, "account", account, "note", note);
}

/* A row for each name. */
static int put_records(struct errand *d, struct err *err)
{
    const struct dns_texts *t = d->texts;
    const struct authority *a = d->authority;
    char label[DNS_ACCOUNT_LABEL_LEN];
    int r = dns_account_label(str_c(a->account_url), label, err);
    for (size_t i = 0; r == 0 && i < t->name_n; i++) {
        struct buf uri ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
        if (a->directory.account_hash_prefix.n > 0)
            r = dns_persist_account_uri(a->directory.account_hash_prefix, str_c(t->names[i]),
                str_c(a->thumbprint), str_c(a->account_url), &uri, err);
        if (r == 0)
            session_row(d->e, d->session, record_of(t, i, buf_c(&uri), label, a->account_url));
    }
    return r;
}

static struct dns_texts *texts_of(struct errand *d, const struct wish *w)
{
    struct dns_texts *t = arena_alloc(d->arena, sizeof *t);
    struct buf methods ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    *t = (struct dns_texts){.errand = d, .other_issuers = w->authority_n > 1};
    t->names = arena_array(d->arena, w->domain_n, sizeof *t->names);
    t->wildcards = arena_array(d->arena, w->domain_n, sizeof *t->wildcards);
    for (size_t i = 0; i < w->domain_n; i++) {
        struct str name = identifier_base(str_c(w->domains[i]));
        size_t k = 0;
        if (identifier_is_ip(name)) /* which has no records */
            continue;
        while (k < t->name_n && !str_eq_c(name, t->names[k]))
            k++;
        if (k == t->name_n)
            t->names[t->name_n++] = arena_dup(d->arena, name);
        t->wildcards[k] = t->wildcards[k] || identifier_is_wildcard(str_c(w->domains[i]));
    }
    for (size_t i = 0; i < w->challenge_n; i++)
        buf_printf(&methods, "%s%s", i > 0 ? "," : "", w->challenges[i]);
    t->methods = arena_dup(d->arena, buf_str(&methods));
    return t;
}

/* The wish of the certificate that is asked for; *out_authority is who issued it, or who would. */
static bool certificate_wish(
    struct errand *d, struct wish *out, const char **out_authority, struct str *permit)
{
    struct certificate c;
    if (store_certificate_get(d->e->store, str_c(d->name), d->arena, &c, NULL) < 0 ||
        wish_decode(str_c(c.wish), d->arena, out, NULL) < 0)
        return false;
    *out_authority = c.generation > 0 ? c.authority : out->authorities[0];
    *permit = c.permit;
    return true;
}

/* What the settings ask for a name that no certificate has. A wildcard is only ever validated in the DNS. */
static int name_wish(struct errand *d, const char *text, struct wish *out, struct err *err)
{
    static const char *const wildcard_challenge[] = {"dns-01"};
    if (text[0] == '\0' || wish_decode(str_c(text), d->arena, out, NULL) < 0 || out->domain_n == 0)
        return err_set(err, ERR_USAGE,
            "%s is no certificate (evercert list shows all), and no name that one could be for", d->name);
    out->authority_n = 1;
    if (!identifier_is_wildcard(str_c(d->name)))
        return 0;
    const char **domains = arena_array(d->arena, 1, sizeof *domains);
    domains[0] = arena_printf(d->arena, "*.%s", out->domains[0]);
    out->domains = domains;
    out->challenges = wildcard_challenge;
    out->challenge_n = ARRAY_LEN(wildcard_challenge);
    return 0;
}

static void on_ready_for_dns(struct engine *e, const struct err *why, void *arg)
{
    struct errand *d = arg;
    struct err err = ERR_INIT;
    (void)e;
    if (why == NULL && put_records(d, &err) < 0)
        why = &err;
    errand_end(d, why);
}

static void need_for_dns(struct errand *d)
{
    authority_need(d->authority, false, on_ready_for_dns, d);
}

/* The authority of a certificate that was issued by command is known by now. */
static void on_introduced(struct engine *e, const struct err *why, void *arg)
{
    struct errand *d = arg;
    struct err err = ERR_INIT;
    struct authority *a = authority_find(e, d->issuer);
    if (a != NULL) {
        d->authority = a;
        need_for_dns(d);
        return;
    }
    err_set(&err, ERR_CONFIG, "%s: its authority %s is not configured (any more): name one with --authority",
        d->name, d->issuer);
    errand_end(d, why != NULL ? why : &err);
}

void dns_record(const struct command *c)
{
    const char *id = command_word(c, "account");
    struct err err = ERR_INIT;
    struct wish w;
    struct str permit;
    struct errand *d = errand_new(c, id != NULL ? authority_of_account(c->e, id) : NULL);
    d->name = arena_dup_c(d->arena, c->m->names.p[0]);
    bool managed = certificate_wish(d, &w, &d->issuer, &permit);
    if (!managed && name_wish(d, c->m->wish, &w, &err) < 0) {
        errand_end(d, &err);
        return;
    }
    d->texts = texts_of(d, &w);
    if (managed && command_word(c, "authority") == NULL)
        d->authority = authority_find(c->e, d->issuer);
    if (d->texts->name_n == 0) {
        err_set(&err, ERR_USAGE, "%s: an address has no records in the DNS", d->name);
        errand_end(d, &err);
    } else if (d->authority == NULL && managed) {
        authority_introduce(c->e, permit, on_introduced, d);
    } else if (d->authority == NULL) {
        err_set(&err, ERR_USAGE, "name the authority with --authority");
        errand_end(d, &err);
    } else {
        need_for_dns(d);
    }
}
