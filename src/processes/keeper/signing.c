/*
 * One signed request. The engine names an intent; header and payload are built here, the URL must be of the
 * origin of the account's directory, an order holds the permit's names, a CSR the same names and our key (or
 * is the operator's own), and what cannot be undone needs a ticket.
 */
#include "processes/keeper/keeper.h"

#include "acme/identifier.h"
#include "acme/payload.h"
#include "acme/url.h"
#include "base/time.h"
#include "crypto/csr.h"
#include "crypto/jws.h"

#include <string.h>

enum {
    CSR_MAX = 64 * 1024,
    INNER_MAX = 64 * 1024,     /* a JWS inside the payload: two public keys of RSA-4096 and URLs */
    REASON_KEY_COMPROMISE = 1, /* RFC 5280 5.3.1 */
};

struct signing {
    struct keeper *k;
    const struct msg_sign *m;
    struct keeper_account *account;
    struct arena *arena;
    const struct key *by;               /* who signs; the account's key where nothing else is said */
    struct certificate_key certificate; /* owned */
};

static int wish_of(const struct signing *s, struct wish *w, struct err *err)
{
    return permit_wish(s->k, s->m->permit, s->m->variant, s->arena, w, err);
}

/* --- accounts --- */

/* RFC 8555 7.3.4 */
static int put_binding(const struct signing *s, struct buf *out, struct err *err)
{
    const struct keeper_account *a = s->account;
    struct buf jwk ATTR_CLEANUP(buf_free) = buf_new(INNER_MAX);
    if (a->eab_kid[0] == '\0')
        return 0;
    if (a->eab_wrong.code != 0)
        return err_set(err, ERR_CONFIG, "%s", arena_dup_c(s->arena, a->eab_wrong.text));
    int r = jwk_public(a->key, &jwk, err);
    return r < 0 ? r
                 : jws_sign_hmac(&a->eab_key, str_c(a->eab_algorithm[0] != '\0' ? a->eab_algorithm : "HS256"),
                       str_c(a->eab_kid), str_c(s->m->url), buf_str(&jwk), out, err);
}

static int new_account(struct signing *s, struct buf *out, struct err *err)
{
    struct buf binding ATTR_CLEANUP(buf_free) = buf_new(INNER_MAX);
    int r = put_binding(s, &binding, err);
    if (r == 0)
        payload_new_account(out, str_c(s->account->email), s->account->agree_tos, buf_str(&binding));
    return r;
}

static int find_account(struct signing *s, struct buf *out, struct err *err)
{
    (void)s, (void)err;
    payload_find_account(out);
    return 0;
}

static int update_account(struct signing *s, struct buf *out, struct err *err)
{
    (void)err;
    payload_update_account(out, str_c(s->account->email));
    return 0;
}

static int check_pending(const struct signing *s, struct err *err)
{
    return s->account->pending != NULL
               ? 0
               : err_set(err, ERR_REFUSED, "no change of the key of %s was begun", s->account->id);
}

static int find_pending(struct signing *s, struct buf *out, struct err *err)
{
    int r = check_pending(s, err);
    s->by = s->account->pending;
    return r < 0 ? r : find_account(s, out, err);
}

/* RFC 8555 7.3.5: signed by the new key, about the old one, for the same URL and without a nonce. */
static int key_change(struct signing *s, struct buf *out, struct err *err)
{
    struct buf old ATTR_CLEANUP(buf_free) = buf_new(INNER_MAX);
    struct buf inner ATTR_CLEANUP(buf_free) = buf_new(INNER_MAX);
    int r;
    if ((r = check_pending(s, err)) < 0 || (r = jwk_public(s->account->key, &old, err)) < 0)
        return r;
    payload_key_change(&inner, str_c(s->m->kid), buf_str(&old));
    if (buf_failed(&inner))
        return err_set(err, ERR_LIMIT, "the request is too large");
    return jws_sign(s->account->pending, STR(""), STR(""), str_c(s->m->url), buf_str(&inner), out, err);
}

static int deactivate_account(struct signing *s, struct buf *out, struct err *err)
{
    int r = ticket_open(s->k, s->m->ticket, ACME_REQUEST_DEACTIVATE_ACCOUNT, s->account->id, NULL, err);
    if (r < 0)
        return r;
    if (strcmp(s->m->url, s->m->kid) != 0)
        return err_set(err, ERR_REFUSED, "an account is deactivated at its own URL");
    payload_deactivate(out);
    return 0;
}

/* --- orders --- */

static bool profile_permitted(const struct wish *w, const char *profile)
{
    bool found = profile[0] == '\0' || strcmp(profile, w->profile) == 0;
    for (size_t i = 0; i < w->preferred_profile_n; i++)
        found = found || strcmp(profile, w->preferred_profiles[i]) == 0;
    return found;
}

/* RFC 9773 5: only what is live under that very name can be replaced; where there is nothing, nothing is
 * said. */
static const char *replaced(const struct signing *s, const struct wish *w)
{
    struct chain live;
    return publish_live(s->k, w->name, s->arena, &live, NULL) == 0 ? live.ari_id : "";
}

static struct wall after(int64_t duration_s)
{
    struct wall t = {0};
    if (duration_s != 0)
        t.s = clock_wall(&system_clock).s + duration_s;
    return t;
}

static int new_order(struct signing *s, struct buf *out, struct err *err)
{
    struct wish w;
    struct str *names = NULL;
    struct payload_order o = {.profile = str_c(s->m->profile)};
    int r = wish_of(s, &w, err);
    if (r < 0 || (r = permit_names(&w, &s->m->omitted, s->arena, &names, &o.n, err)) < 0)
        return r;
    if (!profile_permitted(&w, s->m->profile))
        return err_set(err, ERR_REFUSED, "%s: the profile %s is none of its own", w.name, s->m->profile);
    o.names = names;
    o.replaces = str_c(s->m->replaces ? replaced(s, &w) : "");
    o.not_before = after(w.not_before_s);
    o.not_after = after(w.not_after_s);
    payload_new_order(out, &o);
    return 0;
}

static int new_authz(struct signing *s, struct buf *out, struct err *err)
{
    struct wish w;
    struct str name = str_c(s->m->identifier), *names = NULL;
    size_t n = 0;
    int r = wish_of(s, &w, err);
    if (r < 0 || (r = permit_names(&w, &(struct msg_list){NULL, 0}, s->arena, &names, &n, err)) < 0)
        return r;
    if (identifier_is_wildcard(name))
        return err_set(err, ERR_REFUSED, "%s: a wildcard cannot be authorized ahead", s->m->identifier);
    for (size_t i = 0; i < n; i++)
        if (str_eq(names[i], name)) {
            payload_new_authz(out, name);
            return 0;
        }
    return err_set(err, ERR_REFUSED, "%s: %s is none of its names", w.name, s->m->identifier);
}

static int read_anything(struct signing *s, struct buf *out, struct err *err)
{
    (void)s, (void)out, (void)err;
    return 0;
}

static int challenge(struct signing *s, struct buf *out, struct err *err)
{
    (void)s, (void)err;
    buf_put_c(out, "{}");
    return 0;
}

static int own_request(const struct signing *s, const struct wish *w, struct buf *out, struct err *err)
{
    struct csr csr;
    int r = permit_csr(s->k, w, s->arena, &csr, err);
    if (r < 0)
        return r;
    if (strcmp(csr.key_hash, s->certificate.hash) != 0)
        return err_set(err, ERR_REFUSED, "%s: the csr is another one than when this was begun", w->name);
    payload_finalize(out, csr.der);
    return 0;
}

static int finalize(struct signing *s, struct buf *out, struct err *err)
{
    struct wish w;
    struct csr_content content = {NULL};
    struct str *names = NULL;
    struct buf csr ATTR_CLEANUP(buf_free) = buf_new(CSR_MAX);
    int r;
    if ((r = wish_of(s, &w, err)) < 0 ||
        (r = permit_names(&w, &s->m->omitted, s->arena, &names, &content.name_n, err)) < 0 ||
        (r = sealed_key_open(s->k, &w, s->m->generation, s->m->sealed_key, &s->certificate, err)) < 0)
        return r;
    if (s->certificate.key == NULL)
        return own_request(s, &w, out, err);
    content.names = names;
    content.must_staple = w.must_staple;
    if ((r = csr_build(s->certificate.key, &content, &csr, err)) == 0)
        payload_finalize(out, buf_str(&csr));
    return r;
}

/* The same words sent to the account's own URL would deactivate the account, and a CA may well know that URL
 * in more than one writing. Nobody keeps authorizations and accounts in one place, so what lies beside the
 * account is refused, too. */
static int give_up(struct signing *s, struct buf *out, struct err *err)
{
    if (urls_beside(str_c(s->m->url), str_c(s->m->kid)))
        return err_set(err, ERR_REFUSED, "an account is deactivated by an operator's command only");
    payload_deactivate(out);
    return 0;
}

/* --- revocations (RFC 8555 7.6) --- */

/* A command about a certificate's own name is about its other key types, too; one about a variant's only
 * about that.
 */
static int open_ticket(const struct signing *s, const struct wish *w, uint32_t *reason, struct err *err)
{
    struct wish whole;
    if (s->m->variant > 0 && permit_wish(s->k, s->m->permit, 0, s->arena, &whole, NULL) == 0 &&
        ticket_open(s->k, s->m->ticket, ACME_REQUEST_REVOKE, whole.name, reason, NULL) == 0)
        return 0;
    return ticket_open(s->k, s->m->ticket, ACME_REQUEST_REVOKE, w->name, reason, err);
}

/* What is live under the name, with the operator's reason. A key that is no longer trusted burns before
 * anybody hears of it. */
static int revocation(const struct signing *s, const struct wish *w, struct chain *live, bool burn,
    struct buf *out, struct err *err)
{
    uint32_t reason = 0;
    int r;
    if ((r = open_ticket(s, w, &reason, err)) < 0 ||
        (r = publish_live(s->k, w->name, s->arena, live, err)) < 0 ||
        ((burn || reason == REASON_KEY_COMPROMISE) && (r = burnt_add(s->k, live->key_hash, err)) < 0))
        return r;
    payload_revoke(out, live->leaf_der, (int)reason);
    return 0;
}

static int revoke(struct signing *s, struct buf *out, struct err *err)
{
    struct wish w;
    struct chain live;
    int r = wish_of(s, &w, err);
    return r < 0 ? r : revocation(s, &w, &live, false, out, err);
}

/* By the certificate's own key. CAs take that as the word that the key is compromised, whatever the reason
 * says. */
static int revoke_by_key(struct signing *s, struct buf *out, struct err *err)
{
    struct wish w;
    struct chain live;
    int r;
    if ((r = wish_of(s, &w, err)) < 0 ||
        (r = sealed_key_open_any(s->k, &w, s->m->generation, s->m->sealed_key, &s->certificate, err)) < 0 ||
        (r = publish_live(s->k, w.name, s->arena, &live, err)) < 0)
        return r;
    if (s->certificate.key == NULL)
        return err_set(
            err, ERR_REFUSED, "%s: its key is the operator's own; revoke it by the account", w.name);
    if (strcmp(live.key_hash, s->certificate.hash) != 0)
        return err_set(err, ERR_REFUSED, "%s: what is live has another key", w.name);
    s->by = s->certificate.key;
    return revocation(s, &w, &live, true, out, err);
}

/* --- the requests --- */

/* Which of the two key headers a request has is part of its meaning (RFC 8555 6.2). */
static const struct {
    bool jwk;
    int (*payload)(struct signing *s, struct buf *out, struct err *err);
} requests[ACME_REQUEST_END_] = {
    [ACME_REQUEST_NEW_ACCOUNT] = {true, new_account},
    [ACME_REQUEST_FIND_ACCOUNT] = {true, find_account},
    [ACME_REQUEST_UPDATE_ACCOUNT] = {false, update_account},
    [ACME_REQUEST_NEW_ORDER] = {false, new_order},
    [ACME_REQUEST_READ] = {false, read_anything},
    [ACME_REQUEST_CHALLENGE] = {false, challenge},
    [ACME_REQUEST_FINALIZE] = {false, finalize},
    [ACME_REQUEST_GIVE_UP] = {false, give_up},
    [ACME_REQUEST_REVOKE] = {false, revoke},
    [ACME_REQUEST_NEW_AUTHZ] = {false, new_authz},
    [ACME_REQUEST_KEY_CHANGE] = {false, key_change},
    [ACME_REQUEST_FIND_PENDING] = {true, find_pending},
    [ACME_REQUEST_DEACTIVATE_ACCOUNT] = {false, deactivate_account},
    [ACME_REQUEST_REVOKE_BY_KEY] = {true, revoke_by_key},
};

static int sign(struct signing *s, struct buf *out, struct err *err)
{
    const struct msg_sign *m = s->m;
    struct buf payload ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    int r = requests[m->request].payload(s, &payload, err);
    if (r < 0)
        return r;
    if (buf_failed(&payload))
        return err_set(err, ERR_LIMIT, "the request is too large");
    return jws_sign(s->by, str_c(m->kid), str_c(m->nonce), str_c(m->url), buf_str(&payload), out, err);
}

int signing_sign(struct keeper *k, const struct msg_sign *m, struct buf *out, struct err *err)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct signing s = {.k = k, .m = m, .arena = arena};
    int r = accounts_configured(k, m->account, &s.account, err);
    if (r < 0)
        return r;
    if (s.account->key == NULL && m->request != ACME_REQUEST_REVOKE_BY_KEY)
        return err_set(err, ERR_REFUSED, "there is no account key for %s yet", m->account);
    if (m->request >= ACME_REQUEST_END_)
        return err_set(err, ERR_REFUSED, "there is no request number %u", (unsigned)m->request);
    if ((r = acme_url_check_from(str_c(m->url), acme_account_directory(str_c(m->account)), err)) < 0)
        return r;
    if (requests[m->request].jwk != (m->kid[0] == '\0'))
        return err_set(
            err, ERR_REFUSED, "a request must name its account by its key or by its URL, as its kind asks");
    s.by = s.account->key;
    r = sign(&s, out, err);
    certificate_key_free(&s.certificate);
    return r;
}
