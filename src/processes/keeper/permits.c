/* Permits: what the operator wished, authenticated when it comes back. */
#include "processes/keeper/keeper.h"

#include "crypto/seal.h"

#include <string.h>

static const struct str permit_context = {"permit", 6};

static struct str *domains_of(const struct wish *w, struct arena *a)
{
    struct str *names = arena_array(a, w->domain_n, sizeof *names);
    for (size_t i = 0; i < w->domain_n; i++)
        names[i] = str_c(w->domains[i]);
    return names;
}

int permit_csr(struct keeper *k, const struct wish *w, struct arena *a, struct csr *out, struct err *err)
{
    int r = csr_read(str_c(w->csr), a, out, err);
    if (r < 0 || (r = csr_check_names(out, domains_of(w, a), w->domain_n, a, err)) < 0)
        return err_prefix(err, "csr of %s", w->name);
    if (burnt_has(k, out->key_hash))
        return err_set(err, ERR_REFUSED,
            "csr of %s: its key was revoked as compromised and is not certified again; make a new key",
            w->name);
    /* RFC 8555 11.1 */
    if (accounts_hold(k, out->key_hash))
        return err_set(
            err, ERR_REFUSED, "csr of %s: its key is an account's; make a key of its own", w->name);
    return 0;
}

int permit_make(struct keeper *k, struct str wish, struct buf *out, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish w;
    struct csr csr;
    int r = wish_decode(wish, a, &w, err);
    if (r < 0 || (w.csr[0] != '\0' && (r = permit_csr(k, &w, a, &csr, err)) < 0))
        return r;
    return seal(&k->seal_key, permit_context, wish, out, err);
}

int permit_open(struct keeper *k, struct str permit, struct buf *out, struct err *err)
{
    int r = unseal(&k->seal_key, permit_context, permit, out, err);
    return r < 0 ? err_prefix(err, "this permit was not sealed by this evercert (was seal.key replaced?)")
                 : 0;
}

int permit_wish(
    struct keeper *k, struct str permit, uint32_t variant, struct arena *a, struct wish *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    int r = permit_open(k, permit, &text, err);
    return r < 0 || (r = wish_decode(buf_str(&text), a, out, err)) < 0 ? r
                                                                       : wish_select(out, variant, a, err);
}

static bool is_in(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_c(name, list[i]))
            return true;
    return false;
}

int permit_names(const struct wish *w, const struct msg_list *omitted, struct arena *a, struct str **out,
    size_t *out_n, struct err *err)
{
    struct str *names = domains_of(w, a);
    size_t n = 0;
    if (omitted->n > 0 && (!w->issue_without || w->csr[0] != '\0'))
        return err_set(err, ERR_REFUSED, "%s: no name may be left out", w->name);
    for (size_t i = 0; i < omitted->n; i++)
        if (!is_in(str_c(omitted->p[i]), w->domains, w->domain_n))
            return err_set(err, ERR_REFUSED, "%s: %s is none of its names", w->name, omitted->p[i]);
    for (size_t i = 0; i < w->domain_n; i++)
        if (!is_in(names[i], omitted->p, omitted->n))
            names[n++] = names[i];
    if (n == 0)
        return err_set(err, ERR_REFUSED, "%s: no name would be left", w->name);
    *out = names;
    *out_n = n;
    return 0;
}
