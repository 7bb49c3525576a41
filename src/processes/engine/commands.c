/* The operator's commands, one function each, in a table by verb. */
#include "processes/engine/engine.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "processes/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *command_word(const struct command *c, const char *word)
{
    return command_option(c->m->options.p, c->m->options.n, word);
}

void command_fail(const struct command *c, const struct err *err)
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

static void start_job(const struct command *c, const char *name, bool forced)
{
    struct err err = ERR_INIT;
    struct job *j = job_start(c->e, name, forced, &err);
    if (j == NULL)
        command_fail(c, &err);
    else
        job_watch(j, c->s->id);
}

static const char *nothing_to_do_text(const struct certificate *cert, struct arena *a)
{
    char until[TIME_TEXT_MAX], next[TIME_TEXT_MAX];
    wall_format(cert->due_at, next);
    if (cert->revoked)
        return arena_printf(a, "revoked, evercert renew --force %s gets a new one", cert->name);
    if (cert->failures > 0)
        return arena_printf(
            a, "failed last time, not due before %s, evercert renew --force %s tries now", next, cert->name);
    return arena_printf(a, "valid to %s, not due before %s", wall_format(cert->not_after, until), next);
}

/* A part that is over before it began. */
static void nothing_to_do(const struct command *c, const struct certificate *cert)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    c->s->waiting++;
    session_part_done(c->e, c->s->id, cert->name, nothing_to_do_text(cert, a), NULL);
}

typedef void variant_fn(const struct command *c, const char *name);

/* What is done to a certificate is done to all its variants; whoever names one of the others means that one.
 * No error where there is none of that name but what `fn` makes of it. */
static void each_variant(const struct command *c, const char *name, variant_fn *fn)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate cert;
    struct wish w;
    fn(c, name);
    if (store_certificate_get(c->e->store, str_c(name), a, &cert, NULL) < 0 || cert.variant > 0 ||
        wish_decode(str_c(cert.wish), a, &w, NULL) < 0)
        return;
    for (uint32_t v = 1; v < w.key_type_n; v++)
        fn(c, wish_variant_name(&w, v, a));
}

/* --- issue, renew --- */

static void issue_one(const struct command *c, const char *name)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct certificate cert;
    if (get(c, name, a, &cert, &err) < 0) {
        command_fail(c, &err);
        return;
    }
    bool due = cert.due_at.s > 0 && cert.due_at.s <= engine_now(c->e).s;
    if (cert.generation == 0 || cert.failures > 0 || cert.revoked || due)
        start_job(c, name, true);
    else if (cert.look_due_at.s > 0 && cert.look_due_at.s <= engine_now(c->e).s && !deploying(c->e, name))
        deploy_look(c->e, name, nothing_to_do_text(&cert, a),
            session_watch(c->s, NULL)); /* other copies may be wanted now */
    else
        nothing_to_do(c, &cert);
}

static void issue(const struct command *c)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct wish w;
    bool changed; /* what is, is due */
    if (wish_decode(str_c(c->m->wish), a, &w, &err) < 0 ||
        wish_accept(c->e, c->m->wish, c->m->permit, &changed, &err) < 0) {
        command_fail(c, &err);
        return;
    }
    c->s->issues = true;
    c->s->name = strdup(w.name);
    each_variant(c, w.name, issue_one);
}

static void renew_one(const struct command *c, const char *name)
{
    bool force = command_word(c, "force") != NULL;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct certificate cert;
    int64_t now = engine_now(c->e).s;
    if (get(c, name, a, &cert, &err) < 0) {
        command_fail(c, &err);
        return;
    }
    if (cert.released) {
        err_set(&err, ERR_FAILED,
            "%s is no longer in the configuration: put it back there, or issue it by command", name);
        command_fail(c, &err);
    } else if (force || (cert.due_at.s > 0 && cert.due_at.s <= now)) {
        start_job(c, name, force);
    } else if (cert.deploy_due_at.s > 0 && !deploying(c->e, name)) {
        deploy_start(c->e, name, NULL, session_watch(c->s, NULL));
    } else if (cert.look_due_at.s > 0 && !deploying(c->e, name)) {
        deploy_look(c->e, name, nothing_to_do_text(&cert, a), session_watch(c->s, NULL));
    } else {
        nothing_to_do(c, &cert);
    }
}

struct looks {
    struct engine *engine;
    struct wall now;
};

static int look_now(const struct certificate *cert, void *arg)
{
    const struct looks *l = arg;
    struct certificate changed = *cert;
    changed.look_due_at = l->now;
    return certificate_save(l->engine, &changed, NULL);
}

/* Whoever asks for a pass wants to know now whether all is as it should be: what has a date gets that of
 * today. */
static void looks_now(const struct command *c)
{
    struct err err = ERR_INIT;
    struct looks l = {c->e, engine_now(c->e)};
    if (store_look_due(c->e->store, (struct wall){INT64_MAX}, SIZE_MAX, look_now, &l, &err) < 0)
        command_fail(c, &err);
}

static void renew(const struct command *c)
{
    for (size_t i = 0; i < c->m->names.n; i++)
        each_variant(c, c->m->names.p[i], renew_one);
    if (c->m->names.n > 0)
        return;
    c->s->pass = true;
    c->e->pass_asked = false;
    looks_now(c);
    c->s->waiting++;
    for (struct job *j = c->e->jobs; j != NULL; j = j->next)
        if (!j->over)
            job_watch(j, c->s->id);
    c->e->due_stale = true;
}

/* --- show --- */

static void show(const struct command *c)
{
    for (size_t i = 0; i < c->m->names.n; i++) {
        struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
        struct err err = ERR_INIT;
        struct certificate cert;
        if (get(c, c->m->names.p[i], a, &cert, &err) < 0)
            command_fail(c, &err);
        else
            session_row(c->e, c->s->id, report_certificate(c->e, &cert, true));
    }
}

/* --- forget --- */

static void forget_one(const struct command *c, const char *name)
{
    struct err err = ERR_INIT;
    struct job *j = job_find(c->e, name);
    if (j != NULL)
        job_cancel(j, "it was forgotten meanwhile");
    if (certificate_drop(c->e, name, &err) < 0) {
        command_fail(c, &err);
        return;
    }
    history_add(c->e, name, "forgotten", "no longer managed; its files are in the archive", NULL);
    crash_point(engine_forget_noted);
    c->s->waiting++;
    session_part_done(c->e, c->s->id, name, "forgotten", NULL);
}

/* The keeper put the files of both key types away, also of one that the wish does not ask for any more. */
static void forget(const struct command *c)
{
    static const char *const kinds[] = {"rsa", "ecdsa"};
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    struct certificate cert, other;
    struct wish w;
    const char *name = c->m->names.p[0];
    if (get(c, name, a, &cert, &err) < 0) {
        command_fail(c, &err);
        return;
    }
    for (size_t i = 0; cert.variant == 0 && i < ARRAY_LEN(kinds); i++) {
        const char *variant = arena_printf(a, "%s-%s", name, kinds[i]);
        if (store_certificate_get(c->e->store, str_c(variant), a, &other, NULL) == 0 && other.variant > 0 &&
            wish_decode(str_c(other.wish), a, &w, NULL) == 0 && strcmp(w.name, name) == 0)
            forget_one(c, variant);
    }
    forget_one(c, name);
}

static void revoke(const struct command *c)
{
    each_variant(c, c->m->names.p[0], revoke_one);
}

static const struct {
    void (*run)(const struct command *c);
    size_t names_min;
    bool asks; /* changes nothing */
} verbs[] = {
    [VERB_ISSUE] = {issue, 0, false},
    [VERB_RENEW] = {renew, 0, false},
    [VERB_LIST] = {listing_certificates, 0, true},
    [VERB_SHOW] = {show, 1, true},
    [VERB_REVOKE] = {revoke, 1, false},
    [VERB_FORGET] = {forget, 1, false},
    [VERB_LOG] = {listing_history, 0, true},
    [VERB_ACCOUNT_SHOW] = {account_show, 0, false}, /* looks at the CA, and notes what it finds */
    [VERB_ACCOUNT_REGISTER] = {account_register, 0, false},
    [VERB_ACCOUNT_UPDATE] = {account_update, 0, false},
    [VERB_ACCOUNT_ROLLOVER] = {account_change_key, 1, false},
    [VERB_ACCOUNT_DEACTIVATE] = {account_deactivate, 1, false},
    [VERB_DNS_RECORD] = {dns_record, 1, false},
    [VERB_DNS_TEST] = {dns_test, 1, false},
    [VERB_IMPORT] = {import_begin, 0, false},
    [VERB_CHECK] = {check_certificates, 0, false}, /* puts a token where challenges go */
};

void command_run(struct engine *e, const struct msg_engine_command *m)
{
    struct command c = {e, session_new(e, m->session), m};
    struct err err = ERR_INIT;
    if (m->verb >= ARRAY_LEN(verbs) || verbs[m->verb].run == NULL) {
        err_set(&err, ERR_USAGE, "this engine has no command %s", command_verb_text(m->verb));
        command_fail(&c, &err);
        return;
    }
    if (m->names.n < verbs[m->verb].names_min) {
        err_set(&err, ERR_USAGE, "%s needs the name of a certificate", command_verb_text(m->verb));
        command_fail(&c, &err);
        return;
    }
    c.s->asks = verbs[m->verb].asks;
    log_debug("session %u: %s", (unsigned)m->session, command_verb_text(m->verb));
    verbs[m->verb].run(&c);
}
