/*
 * What another client had becomes ours without a request to any CA: the URL of an account, and certificates
 * whose keys the keeper has sealed. The keeper judges each chain as one that was just issued and makes it
 * live as generation 1; only then there is a row. Whoever is told about new certificates is not told of
 * these: servers use them already.
 */
#include "processes/engine/engine.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "os/random.h"

#include <stdlib.h>
#include <string.h>

enum {
    IMPORT_GENERATION = 1,
    /* The CA's word on when to renew is asked for in the hours that follow, not for a thousand certificates
     * at once; what is due by its dates does not wait for it. */
    RENEWAL_INFO_SPREAD_S = 6 * 3600,
};

/* A certificate that the keeper is looking at. */
struct taking {
    struct engine *engine;
    struct arena *arena;
    uint32_t session;
    struct wish wish; /* of its first variant */
    const char *text, *account, *chain;
    struct str permit;
};

void import_begin(const struct command *c)
{
    c->s->waiting++; /* until import_over */
}

void import_over(struct engine *e, uint32_t session)
{
    struct session *s = session_find(e, session);
    if (s != NULL && s->waiting > 0)
        s->waiting--;
}

/* One more that the session waits for. */
static void expect(struct engine *e, uint32_t session)
{
    struct session *s = session_find(e, session);
    if (s != NULL)
        s->waiting++;
}

void import_account(struct engine *e, const struct msg_account_take *m)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority *a = authority_of_account(e, m->account);
    struct err err = ERR_INIT;
    expect(e, m->session);
    if (a == NULL) {
        err_set(&err, ERR_NOT_FOUND, "no authority is configured for the account at %s", m->account);
        session_part_done(e, m->session, m->account, "failed", &err);
        return;
    }
    struct authority_record r = authority_record_load(a, arena);
    const char *step = "account was here already";
    if (r.account_url[0] == '\0') {
        step = "account is used on";
        r.account_url = m->url;
        r.account_status = m->url[0] != '\0' ? "valid" : "";
        authority_record_save(a, &r);
        history_add(e, "", "account",
            arena_printf(arena, "account %s%sat %s came from another client", m->url,
                m->url[0] != '\0' ? " " : "", a->name),
            NULL);
    }
    session_part_done(e, m->session, a->name, step, NULL);
}

/* --- certificates --- */

static void end(struct taking *t, const char *step, const struct err *err)
{
    if (err != NULL)
        log_certificate(t->wish.name, LOG_LEVEL_INFO, "%s: not carried over: %s", t->wish.name, err->text);
    session_part_done(t->engine, t->session, t->wish.name, step, err);
    arena_free(t->arena);
    free(t);
}

static const char *joined(struct arena *a, const char *const *list, size_t n, char between)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(STORE_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_put_char(&text, between);
        buf_put_c(&text, list[i]);
    }
    return arena_dup(a, buf_str(&text));
}

/* The row that is there, or a fresh one. ERR_EXISTS where there is a certificate already. */
static int load(struct taking *t, struct certificate *out, struct err *err)
{
    struct engine *e = t->engine;
    struct err unknown = ERR_INIT;
    int r = store_certificate_get(e->store, str_c(t->wish.name), t->arena, out, &unknown);
    if (r == ERR_NOT_FOUND) {
        certificate_fresh(out, t->wish.name, 0);
        return 0;
    }
    if (r < 0) {
        *err = unknown;
        return r;
    }
    if (out->generation > 0)
        return err_set(err, ERR_EXISTS, "it is here already, and stays as it is");
    if (out->order_url[0] != '\0' || job_find(e, t->wish.name) != NULL)
        return err_set(err, ERR_EXISTS, "it is being issued just now, and comes from there");
    return 0;
}

static void record(struct taking *t, struct certificate *c, const struct msg_published *m)
{
    struct engine *e = t->engine;
    struct wall now = engine_now(e);
    certificate_fresh(c, t->wish.name, 0);
    c->wish = t->text;
    c->permit = t->permit;
    c->source = SOURCE_CONFIG;
    c->generation = IMPORT_GENERATION;
    c->authority = t->account;
    c->fingerprint = m->fingerprint;
    c->serial = m->serial;
    c->issuer = m->issuer;
    c->subjects = joined(t->arena, m->subjects.p, m->subjects.n, '\n');
    c->not_before = (struct wall){m->not_before};
    c->not_after = (struct wall){m->not_after};
    c->chain = t->chain;
    c->issued_wish_domains = joined(t->arena, t->wish.domains, t->wish.domain_n, ' ');
    c->profile = t->wish.profile;
    c->key_hash = m->key_hash;
    c->ari_id = m->ari_id;
    if (m->ari_id[0] != '\0')
        c->ari_due_at.s = now.s + 1 + (int64_t)(random_u64() % RENEWAL_INFO_SPREAD_S);
    c->due_at = schedule_due(e, c, &t->wish);
}

static int keep(struct taking *t, const struct msg_published *m, struct err *err)
{
    struct engine *e = t->engine;
    struct certificate c;
    char until[TIME_TEXT_MAX], next[TIME_TEXT_MAX];
    int r = load(t, &c, err);
    if (r < 0)
        return r;
    record(t, &c, m);
    if ((r = certificate_save(e, &c, err)) < 0)
        return r;
    crash_point(engine_import_noted);
    e->due_stale = true;
    const char *text = arena_printf(t->arena, "imported, valid to %s, renewal at %s",
        wall_format(c.not_after, until), wall_format(c.due_at, next));
    log_certificate(c.name, LOG_LEVEL_INFO, "%s: %s", c.name, text);
    history_add(e, c.name, "imported", text,
        json_pack("{s:s, s:s, s:I, s:s}", "fingerprint", c.fingerprint, "serial", c.serial, "generation",
            (json_int_t)c.generation, "account", t->account));
    return 0;
}

static void on_published(const void *msg, const struct err *why, void *arg)
{
    struct taking *t = arg;
    const struct msg_published *m = msg;
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    if (m != NULL && r == 0)
        r = keep(t, m, &err);
    end(t, r < 0 ? "failed" : "imported", r < 0 ? &err : NULL);
}

static int take(struct taking *t, const struct msg_certificate_take *m, struct err *err)
{
    struct engine *e = t->engine;
    struct certificate c;
    int r = wish_decode(str_c(m->wish), t->arena, &t->wish, err);
    if (r < 0 || (r = wish_select(&t->wish, 0, t->arena, err)) < 0 || (r = load(t, &c, err)) < 0)
        return r;
    if (authority_of_account(e, m->account) == NULL)
        return err_set(err, ERR_NOT_FOUND, "no authority is configured for its account at %s", m->account);
    if (e->keeper == NULL)
        return err_set(err, ERR_IPC, "the keeper is not running");
    r = store_key_put(e->store, str_c(t->wish.name), IMPORT_GENERATION, m->sealed_key, err);
    if (r < 0)
        return r;
    t->text = arena_dup_c(t->arena, m->wish);
    t->permit = arena_str(t->arena, m->permit);
    t->account = arena_dup_c(t->arena, m->account);
    t->chain = arena_dup(t->arena, m->chain);
    struct msg_publish_together p = {m->permit, IMPORT_GENERATION, m->sealed_key, m->chain, m->account};
    return channel_request(e->keeper, MSG_publish_together, &p, MSG_published, on_published, t, err);
}

void import_certificate(struct engine *e, const struct msg_certificate_take *m)
{
    struct taking *t = calloc(1, sizeof *t);
    struct err err = ERR_INIT;
    if (t == NULL)
        abort();
    *t = (struct taking){.engine = e, .arena = arena_new(), .session = m->session};
    t->wish.name = "?";
    expect(e, m->session);
    if (take(t, m, &err) < 0)
        end(t, "failed", &err);
}
