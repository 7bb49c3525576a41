/* The operator's commands, one function each, in a table by verb. */
#include "processes/engine/engine.h"

#include "acme/problem.h"
#include "base/log.h"
#include "processes/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
    struct engine *e;
    struct session *s;
    const struct msg_engine_command *m;
};

static const char *option(const struct command *c, const char *word)
{
    return command_option(c->m->options.p, c->m->options.n, word);
}

static void fail(const struct command *c, const struct err *err)
{
    session_fail(c->e, c->s->id, err);
}

static int get(
    const struct command *c, const char *name, struct arena *a, struct certificate *out, struct err *err)
{
    int r = store_certificate_get(c->e->store, str_c(name), a, out, err);
    return r == ERR_NOT_FOUND ? err_set(err, r, "there is no certificate %s; evercert list shows all", name)
                              : r;
}

static void start_job(const struct command *c, const char *name)
{
    struct err err = ERR_INIT;
    struct job *j = job_start(c->e, name, &err);
    if (j == NULL)
        fail(c, &err);
    else
        job_watch(j, c->s->id);
}

/* A part that is over before it began. */
static void nothing_to_do(const struct command *c, const struct certificate *cert)
{
    char until[TIME_TEXT_MAX], next[TIME_TEXT_MAX], text[400];
    wall_format(cert->due_at, next);
    if (cert->revoked)
        snprintf(text, sizeof text, "revoked, evercert renew --force %s gets a new one", cert->name);
    else if (cert->failures > 0)
        snprintf(text, sizeof text,
            "failed last time, not due before %s, evercert renew --force %s tries now", next, cert->name);
    else
        snprintf(
            text, sizeof text, "valid to %s, not due before %s", wall_format(cert->not_after, until), next);
    c->s->waiting++;
    session_part_done(c->e, c->s->id, cert->name, text, NULL);
}

/* --- issue, renew --- */

static void issue(const struct command *c)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct wish w;
    struct certificate cert;
    bool changed;
    if (wish_decode(str_c(c->m->wish), a, &w, &err) < 0 ||
        wish_accept(c->e, c->m->wish, c->m->permit, SOURCE_COMMAND, &changed, &err) < 0 ||
        get(c, w.name, a, &cert, &err) < 0) {
        fail(c, &err);
        return;
    }
    c->s->issues = true;
    c->s->name = strdup(w.name);
    bool due = cert.due_at.s > 0 && cert.due_at.s <= engine_now(c->e).s;
    if (changed || cert.generation == 0 || cert.failures > 0 || cert.revoked || due)
        start_job(c, w.name);
    else
        nothing_to_do(c, &cert);
}

static void renew_one(const struct command *c, const char *name, bool force)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct certificate cert;
    int64_t now = engine_now(c->e).s;
    if (get(c, name, a, &cert, &err) < 0) {
        fail(c, &err);
        return;
    }
    if (cert.released) {
        err_set(&err, ERR_FAILED,
            "%s is no longer in the configuration: put it back there, or issue it by command", name);
        fail(c, &err);
    } else if (force || (cert.due_at.s > 0 && cert.due_at.s <= now)) {
        start_job(c, name);
    } else if (cert.deploy_due_at.s > 0 && !deploying(c->e, name)) {
        struct job_watch *w = calloc(1, sizeof *w);
        if (w == NULL)
            abort();
        w->session = c->s->id;
        c->s->waiting++;
        deploy_start(c->e, name, w);
    } else {
        nothing_to_do(c, &cert);
    }
}

static void renew(const struct command *c)
{
    bool force = option(c, "force") != NULL;
    for (size_t i = 0; i < c->m->names.n; i++)
        renew_one(c, c->m->names.p[i], force);
    if (c->m->names.n > 0)
        return;
    c->s->pass = true;
    c->s->waiting++;
    for (struct job *j = c->e->jobs; j != NULL; j = j->next)
        if (!j->over)
            job_watch(j, c->s->id);
    c->e->due_stale = true;
}

/* --- list, show, log --- */

static int list_one(const struct certificate *cert, void *arg)
{
    const struct command *c = arg;
    session_row(c->e, c->s->id, report_certificate(c->e, cert, false));
    return 0;
}

static void list(const struct command *c)
{
    struct err err = ERR_INIT;
    struct command copy = *c;
    if (store_certificate_each(c->e->store, list_one, &copy, &err) < 0)
        fail(c, &err);
}

static void show(const struct command *c)
{
    for (size_t i = 0; i < c->m->names.n; i++) {
        struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
        struct err err = ERR_INIT;
        struct certificate cert;
        if (get(c, c->m->names.p[i], a, &cert, &err) < 0)
            fail(c, &err);
        else
            session_row(c->e, c->s->id, report_certificate(c->e, &cert, true));
    }
}

static int log_one(const struct history_record *h, void *arg)
{
    const struct command *c = arg;
    session_row(c->e, c->s->id, report_history(h));
    return 0;
}

static void show_log(const struct command *c)
{
    struct err err = ERR_INIT;
    struct command copy = *c;
    const char *name = c->m->names.n > 0 ? c->m->names.p[0] : "";
    if (store_history_each(c->e->store, str_c(name), 0, LOG_MAX, log_one, &copy, &err) < 0)
        fail(c, &err);
    /* Without a daemon nothing can happen that is not a command's own, and waiting for it would keep the lock
     * that the daemon needs. */
    if (option(c, "follow") == NULL || !c->e->schedule)
        return;
    c->s->follow = true;
    c->s->waiting++;
    c->s->name = strdup(name);
}

/* --- revoke, forget --- */

struct revocation {
    struct engine *e;
    struct arena *arena;
    uint32_t session;
    struct certificate cert;
    struct authority *authority;
    struct str ticket;
};

static void revocation_end(struct revocation *v, const struct err *err)
{
    session_part_done(v->e, v->session, v->cert.name, "revoked", err);
    arena_free(v->arena);
    free(v);
}

static void record_revocation(struct revocation *v, struct err *err)
{
    struct certificate c;
    if (store_certificate_get(v->e->store, str_c(v->cert.name), v->arena, &c, err) < 0)
        return;
    c.revoked = true;
    c.due_at = (struct wall){0};
    c.deploy_due_at = (struct wall){0};
    (void)store_certificate_put(v->e->store, &c, err);
    history_add(v->e, c.name, "revoked",
        arena_printf(v->arena, "serial %s revoked at %s", c.serial, v->authority->name),
        json_pack("{s:s}", "serial", c.serial));
    v->e->due_stale = true;
}

static void on_revoked(struct engine *e, const struct acme_response *r, const struct err *why, void *arg)
{
    struct revocation *v = arg;
    struct err err = ERR_INIT;
    if (r == NULL) {
        err = *why;
    } else if (r->status >= 400) {
        struct problem p;
        problem_read(r, v->arena, &p);
        if (strcmp(p.type, "alreadyRevoked") != 0)
            problem_to_err(&p, r, engine_now(e), &err);
    }
    if (err.code == 0)
        record_revocation(v, &err);
    revocation_end(v, err.code != 0 ? &err : NULL);
}

static void on_revocation_authority(struct engine *e, const struct err *why, void *arg)
{
    struct revocation *v = arg;
    struct err err = ERR_INIT;
    (void)e;
    if (why != NULL) {
        revocation_end(v, why);
        return;
    }
    if (v->authority->directory.revoke_cert.n == 0) {
        err_set(&err, ERR_FAILED, "%s does not offer to revoke certificates", v->authority->name);
        revocation_end(v, &err);
        return;
    }
    struct post_spec spec = {.request = ACME_REQUEST_REVOKE,
        .url = arena_dup(v->arena, v->authority->directory.revoke_cert),
        .permit = v->cert.permit,
        .ticket = v->ticket};
    post_start(v->authority, &spec, on_revoked, v);
}

static void find_issuer(struct engine *e, const struct err *why, void *arg)
{
    struct revocation *v = arg;
    struct err err = ERR_INIT;
    v->authority = authority_of_directory(e, v->cert.authority);
    if (v->authority != NULL) {
        authority_need(v->authority, false, on_revocation_authority, v);
        return;
    }
    err_set(&err, ERR_CONFIG,
        "it was issued by %s, which is not configured any more: name it under authorities",
        v->cert.authority);
    revocation_end(v, why != NULL ? why : &err);
}

static void revoke(const struct command *c)
{
    struct err err = ERR_INIT;
    struct revocation *v = calloc(1, sizeof *v);
    if (v == NULL)
        abort();
    *v = (struct revocation){.e = c->e, .arena = arena_new(), .session = c->s->id};
    const char *name = c->m->names.p[0];
    int r = get(c, name, v->arena, &v->cert, &err);
    if (r == 0 && v->cert.generation == 0)
        r = err_set(&err, ERR_FAILED, "%s was never issued: there is nothing to revoke", name);
    if (r < 0) {
        fail(c, &err);
        arena_free(v->arena);
        free(v);
        return;
    }
    v->ticket = arena_str(v->arena, c->m->ticket);
    c->s->waiting++;
    if (authority_of_directory(c->e, v->cert.authority) != NULL)
        find_issuer(c->e, NULL, v);
    else
        authority_introduce(c->e, v->cert.permit, find_issuer, v);
}

static void forget(const struct command *c)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct certificate cert;
    const char *name = c->m->names.p[0];
    if (get(c, name, a, &cert, &err) < 0) {
        fail(c, &err);
        return;
    }
    struct job *j = job_find(c->e, name);
    if (j != NULL)
        job_cancel(j, "it was forgotten meanwhile");
    if (store_certificate_delete(c->e->store, str_c(name), &err) < 0) {
        fail(c, &err);
        return;
    }
    history_add(c->e, name, "forgotten", "no longer managed; its files are in the archive", NULL);
    c->s->waiting++;
    session_part_done(c->e, c->s->id, name, "forgotten", NULL);
}

/* --- accounts --- */

struct account_errand {
    struct engine *e;
    uint32_t session;
    struct authority *authority;
};

static void account_row(struct engine *e, uint32_t session, const struct authority *a)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority_record r;
    if (store_authority_get(e->store, str_c(a->directory_url), arena, &r, NULL) == 0 &&
        r.account_url[0] != '\0')
        session_row(e, session, report_account(a, &r));
}

static void on_account(struct engine *e, const struct err *err, void *arg)
{
    struct account_errand *errand = arg;
    struct session *s = session_find(e, errand->session);
    if (err != NULL)
        session_fail(e, errand->session, err);
    else
        account_row(e, errand->session, errand->authority);
    if (s != NULL)
        s->waiting--;
    free(errand);
}

static void account_need(const struct command *c, bool may_register)
{
    struct err err = ERR_INIT;
    struct authority *a = c->m->names.n > 0 ? authority_of_directory(c->e, c->m->names.p[0]) : NULL;
    if (a == NULL) {
        err_set(&err, ERR_USAGE, "name the authority with --authority");
        fail(c, &err);
        return;
    }
    struct account_errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL)
        abort();
    *errand = (struct account_errand){c->e, c->s->id, a};
    c->s->waiting++;
    authority_need(a, may_register, on_account, errand);
}

static void account_show(const struct command *c)
{
    if (c->m->names.n > 0) {
        account_need(c, false);
        return;
    }
    for (const struct authority *a = c->e->authorities; a != NULL; a = a->next)
        account_row(c->e, c->s->id, a);
}

static void account_register(const struct command *c)
{
    account_need(c, true);
}

static void account_update(const struct command *c)
{
    account_need(c, false);
}

static const struct {
    void (*run)(const struct command *c);
    size_t names_min;
    bool asks; /* changes nothing */
} verbs[] = {
    [VERB_ISSUE] = {issue, 0, false},
    [VERB_RENEW] = {renew, 0, false},
    [VERB_LIST] = {list, 0, true},
    [VERB_SHOW] = {show, 1, true},
    [VERB_REVOKE] = {revoke, 1, false},
    [VERB_FORGET] = {forget, 1, false},
    [VERB_LOG] = {show_log, 0, true},
    [VERB_ACCOUNT_SHOW] = {account_show, 0, false}, /* looks at the CA, and notes what it finds */
    [VERB_ACCOUNT_REGISTER] = {account_register, 0, false},
    [VERB_ACCOUNT_UPDATE] = {account_update, 0, false},
};

void command_run(struct engine *e, const struct msg_engine_command *m)
{
    struct command c = {e, session_new(e, m->session), m};
    struct err err = ERR_INIT;
    if (m->verb >= ARRAY_LEN(verbs) || verbs[m->verb].run == NULL) {
        err_set(&err, ERR_USAGE, "this engine has no command %s", command_verb_text(m->verb));
        fail(&c, &err);
        return;
    }
    if (m->names.n < verbs[m->verb].names_min) {
        err_set(&err, ERR_USAGE, "%s needs the name of a certificate", command_verb_text(m->verb));
        fail(&c, &err);
        return;
    }
    c.s->asks = verbs[m->verb].asks;
    log_debug("session %u: %s", (unsigned)m->session, command_verb_text(m->verb));
    verbs[m->verb].run(&c);
}
