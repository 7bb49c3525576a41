/*
 * One signed request. The engine names an intent; header and payload are built here, the URL must be of the
 * origin of the account's directory, an order holds exactly the permit's names, a CSR the permit's names and
 * our key.
 */
#include "processes/keeper/keeper.h"

#include "acme/payload.h"
#include "acme/url.h"
#include "crypto/csr.h"
#include "crypto/jws.h"

#include <string.h>

struct signing {
    struct keeper *k;
    const struct msg_sign *m;
    const struct keeper_account *account;
    struct arena *arena;
};

static const struct str *names_of(const struct signing *s, const struct wish *w)
{
    struct str *names = arena_array(s->arena, w->domain_n, sizeof *names);
    for (size_t i = 0; i < w->domain_n; i++)
        names[i] = str_c(w->domains[i]);
    return names;
}

static int payload_of_order(const struct signing *s, struct buf *out, struct err *err)
{
    struct wish w;
    int r = permit_wish(s->k, s->m->permit, s->arena, &w, err);
    if (r < 0)
        return r;
    payload_new_order(out, &(struct payload_order){.names = names_of(s, &w), .n = w.domain_n});
    return 0;
}

static int payload_of_csr(const struct signing *s, struct buf *out, struct err *err)
{
    struct wish w;
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    struct buf csr ATTR_CLEANUP(buf_free) = buf_new(64 * 1024);
    int r;
    if ((r = permit_wish(s->k, s->m->permit, s->arena, &w, err)) < 0 ||
        (r = sealed_key_open(s->k, &w, s->m->generation, s->m->sealed_key, &key, err)) < 0 ||
        (r = csr_build(key, names_of(s, &w), w.domain_n, &csr, err)) < 0)
        return r;
    payload_finalize(out, buf_str(&csr));
    return 0;
}

static int payload_of_revocation(const struct signing *s, struct buf *out, struct err *err)
{
    struct wish w;
    uint32_t reason;
    struct str leaf;
    int r;
    if ((r = permit_wish(s->k, s->m->permit, s->arena, &w, err)) < 0 ||
        (r = ticket_open(s->k, s->m->ticket, w.name, &reason, err)) < 0 ||
        (r = publish_live_leaf(s->k, w.name, s->arena, &leaf, err)) < 0)
        return r;
    payload_revoke(out, leaf, (int)reason);
    return 0;
}

/* Which key header a request must have is part of its meaning (RFC 8555 6.2). */
static bool wants_jwk(uint32_t request)
{
    return request == ACME_REQUEST_NEW_ACCOUNT || request == ACME_REQUEST_FIND_ACCOUNT;
}

static int payload_of(const struct signing *s, struct buf *out, struct err *err)
{
    switch ((enum acme_request)s->m->request) {
    case ACME_REQUEST_NEW_ACCOUNT:
        payload_new_account(out, str_c(s->account->email), s->account->agree_tos, STR(""));
        return 0;
    case ACME_REQUEST_FIND_ACCOUNT:
        payload_find_account(out);
        return 0;
    case ACME_REQUEST_UPDATE_ACCOUNT:
        payload_update_account(out, str_c(s->account->email));
        return 0;
    case ACME_REQUEST_NEW_ORDER:
        return payload_of_order(s, out, err);
    case ACME_REQUEST_READ:
        return 0;
    case ACME_REQUEST_CHALLENGE:
        buf_put_c(out, "{}");
        return 0;
    case ACME_REQUEST_FINALIZE:
        return payload_of_csr(s, out, err);
    case ACME_REQUEST_GIVE_UP:
        /* The same words sent to the account's own URL would deactivate the account. */
        if (strcmp(s->m->url, s->m->kid) == 0)
            return err_set(err, ERR_REFUSED, "an account is deactivated by an operator's command only");
        payload_deactivate(out);
        return 0;
    case ACME_REQUEST_REVOKE:
        return payload_of_revocation(s, out, err);
    case ACME_REQUEST_NEW_AUTHZ:
    case ACME_REQUEST_KEY_CHANGE:
    case ACME_REQUEST_FIND_PENDING:
    case ACME_REQUEST_DEACTIVATE_ACCOUNT:
    case ACME_REQUEST_REVOKE_BY_KEY:
    case ACME_REQUEST_END_:
        break;
    }
    return err_set(err, ERR_REFUSED, "there is no request number %u", (unsigned)s->m->request);
}

int signing_sign(struct keeper *k, const struct msg_sign *m, struct buf *out, struct err *err)
{
    struct keeper_account *account = secrets_account(k, m->account);
    if (account == NULL || !account->configured || account->key == NULL)
        return err_set(err, ERR_REFUSED, "no account is configured at %s", m->account);
    int r = acme_url_check_from(str_c(m->url), acme_account_directory(str_c(m->account)), err);
    if (r < 0)
        return r;
    if (wants_jwk(m->request) != (m->kid[0] == '\0'))
        return err_set(
            err, ERR_REFUSED, "a request must name its account by its key or by its URL, as its kind asks");
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf payload ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    struct signing s = {k, m, account, arena};
    if ((r = payload_of(&s, &payload, err)) < 0)
        return r;
    if (buf_failed(&payload))
        return err_set(err, ERR_LIMIT, "the request is too large");
    return jws_sign(account->key, str_c(m->kid), str_c(m->nonce), str_c(m->url), buf_str(&payload), out, err);
}
