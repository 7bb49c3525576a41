/* Revocation (RFC 8555 7.6): by the account that issued, or by the certificate's own key. */
#include "processes/engine/engine.h"

#include "acme/problem.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "processes/command.h"

#include <stdlib.h>
#include <string.h>

enum { REASON_KEY_COMPROMISE = 1 }; /* RFC 5280 5.3.1 */

struct revocation {
    struct engine *e;
    struct arena *arena;
    uint32_t session, reason;
    bool with_key;
    struct certificate cert;
    struct authority *authority;
    struct str ticket, sealed_key;
};

static void revocation_end(struct revocation *v, const struct err *err)
{
    session_part_done(v->e, v->session, v->cert.name, "revoked", err);
    arena_free(v->arena);
    free(v);
}

/* What was revoked is not renewed by itself; only where its key is in foreign hands a new one, with a new
 * key, is wanted at once. */
static void record_revocation(struct revocation *v, struct err *err)
{
    struct certificate c;
    if (store_certificate_get(v->e->store, str_c(v->cert.name), v->arena, &c, err) < 0)
        return;
    if (c.generation != v->cert.generation) { /* renewed meanwhile: what is live now is another one */
        history_add(v->e, c.name, "revoked",
            arena_printf(v->arena, "serial %s revoked at %s, which was replaced meanwhile", v->cert.serial,
                v->authority->name),
            NULL);
        return;
    }
    c.revoked = true;
    c.compromised = v->reason == REASON_KEY_COMPROMISE;
    c.due_at = c.compromised && !c.released ? engine_now(v->e) : (struct wall){0};
    c.deploy_due_at = c.ari_due_at = c.look_due_at = (struct wall){0};
    if (c.compromised) /* its key may be the one that burnt (reuse-key) */
        c.order_url = c.order_authority = "";
    (void)certificate_save(v->e, &c, err);
    history_add(v->e, c.name, "revoked",
        arena_printf(v->arena, "serial %s revoked at %s%s", c.serial, v->authority->name,
            c.compromised ? ", its key will not be used again" : ""),
        json_pack("{s:s, s:I}", "serial", c.serial, "reason", (json_int_t)v->reason));
    v->e->due_stale = true;
    crash_point(engine_revoked_noted);
    /* Who renews it just now does not know that. */
    struct job *j = job_find(v->e, c.name);
    if (j != NULL && c.compromised)
        job_restart(j);
    else if (j != NULL)
        job_cancel(j, "it was revoked meanwhile");
}

static void on_revoked(struct engine *e, const struct acme_response *r, const struct err *why, void *arg)
{
    struct revocation *v = arg;
    struct err err = ERR_INIT;
    if (r == NULL) {
        err = *why;
    } else if (!acme_response_ok(r)) {
        struct problem p;
        problem_read(r, v->arena, &p);
        if (strcmp(p.type, "alreadyRevoked") != 0)
            problem_to_err(&p, r, engine_now(e), &err);
    }
    if (err.code == 0)
        record_revocation(v, &err);
    revocation_end(v, err.code != 0 ? &err : NULL);
}

static void on_authority(struct engine *e, const struct err *why, void *arg)
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
    struct post_spec spec = {.request = v->with_key ? ACME_REQUEST_REVOKE_BY_KEY : ACME_REQUEST_REVOKE,
        .url = arena_dup(v->arena, v->authority->directory.revoke_cert),
        .without_account = v->with_key,
        .permit = v->cert.permit,
        .variant = (uint32_t)v->cert.variant,
        .sealed_key = v->sealed_key,
        .generation = v->cert.generation,
        .ticket = v->ticket};
    post_start(v->authority, &spec, on_revoked, v);
}

static void find_issuer(struct engine *e, const struct err *why, void *arg)
{
    struct revocation *v = arg;
    struct err err = ERR_INIT;
    v->authority = authority_of_account(e, v->cert.authority);
    if (v->authority != NULL && v->with_key) {
        authority_need_directory(v->authority, on_authority, v); /* no account is needed for that */
        return;
    }
    if (v->authority != NULL) {
        authority_need(v->authority, false, on_authority, v);
        return;
    }
    err_set(&err, ERR_CONFIG,
        "it was issued by %s, which is not configured any more: name it under authorities",
        v->cert.authority);
    revocation_end(v, why != NULL ? why : &err);
}

static int load(const struct command *c, const char *name, struct revocation *v, struct err *err)
{
    const char *reason = command_word(c, "reason");
    int r = store_certificate_get(c->e->store, str_c(name), v->arena, &v->cert, err);
    if (r == ERR_NOT_FOUND)
        return err_set(err, r, "there is no certificate %s; evercert list shows all", name);
    if (r == 0 && v->cert.generation == 0)
        return err_set(err, ERR_FAILED, "%s was never issued: there is nothing to revoke", name);
    if (reason != NULL)
        (void)command_reason_parse(str_c(reason), &v->reason);
    if (r == 0 && v->with_key)
        r = store_key_get(c->e->store, str_c(name), v->cert.generation, v->arena, &v->sealed_key, err);
    return r;
}

void revoke_one(const struct command *c, const char *name)
{
    struct err err = ERR_INIT;
    struct revocation *v = calloc(1, sizeof *v);
    if (v == NULL)
        abort();
    *v = (struct revocation){.e = c->e, .arena = arena_new(), .session = c->s->id};
    v->with_key = command_word(c, "with-key") != NULL;
    if (load(c, name, v, &err) < 0) {
        command_fail(c, &err);
        arena_free(v->arena);
        free(v);
        return;
    }
    v->ticket = arena_str(v->arena, c->m->ticket);
    c->s->waiting++;
    if (authority_of_account(c->e, v->cert.authority) != NULL)
        find_issuer(c->e, NULL, v);
    else
        authority_introduce(c->e, v->cert.permit, find_issuer, v);
}
