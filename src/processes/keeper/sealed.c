/* The keys of certificates, as they leave the keeper and come back. */
#include "processes/keeper/keeper.h"

#include "base/log.h"
#include "crypto/seal.h"

#include <string.h>

enum { KEY_DER_MAX = 16 * 1024 };

void certificate_key_free(struct certificate_key *c)
{
    key_freep(&c->key);
}

/* With an operator's own request nothing is kept but what its key is known by; the two kinds cannot be taken
 * for one another. */
static struct str context_of(struct arena *a, const struct wish *w, int64_t generation)
{
    const char *kind = w->csr[0] != '\0' ? "key hash" : "key";
    return str_c(arena_printf(a, "%s\n%s\n%lld", kind, w->name, (long long)generation));
}

static int seal_key(struct keeper *k, const struct wish *w, int64_t generation, const struct key *key,
    struct arena *a, struct buf *out, struct err *err)
{
    struct buf der ATTR_CLEANUP(buf_free) = buf_new_sensitive(KEY_DER_MAX);
    int r = key_to_der(key, &der, err);
    if (r < 0)
        return r;
    shelf_put(k, buf_str(&der), key);
    return seal(&k->seal_key, context_of(a, w, generation), buf_str(&der), out, err);
}

static int open_hash(
    struct keeper *k, struct str context, struct str sealed, struct certificate_key *out, struct err *err)
{
    struct buf hash ATTR_CLEANUP(buf_free) = buf_new(SHA256_HEX_LEN);
    int r = unseal(&k->seal_key, context, sealed, &hash, err);
    if (r < 0)
        return r;
    if (hash.n != SHA256_HEX_LEN - 1)
        return err_set(err, ERR_CRYPTO, "what was sealed is no hash of a key");
    memcpy(out->hash, hash.p, SHA256_HEX_LEN);
    return 0;
}

static int open_key(
    struct keeper *k, struct str context, struct str sealed, struct certificate_key *out, struct err *err)
{
    struct buf der ATTR_CLEANUP(buf_free) = buf_new_sensitive(KEY_DER_MAX);
    int r = unseal(&k->seal_key, context, sealed, &der, err);
    if (r < 0)
        return r;
    if (!shelf_find(k, buf_str(&der), &out->key)) {
        if ((r = key_from_der(buf_str(&der), &out->key, err)) < 0)
            return r;
        shelf_put(k, buf_str(&der), out->key);
    }
    return key_spki_sha256(out->key, out->hash, err);
}

int sealed_key_open_any(struct keeper *k, const struct wish *w, int64_t generation, struct str sealed,
    struct certificate_key *out, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct str context = context_of(a, w, generation);
    *out = (struct certificate_key){NULL};
    int r =
        w->csr[0] != '\0' ? open_hash(k, context, sealed, out, err) : open_key(k, context, sealed, out, err);
    if (r < 0)
        certificate_key_free(out);
    return r;
}

int sealed_key_open(struct keeper *k, const struct wish *w, int64_t generation, struct str sealed,
    struct certificate_key *out, struct err *err)
{
    int r = sealed_key_open_any(k, w, generation, sealed, out, err);
    if (r == 0 && burnt_has(k, out->hash))
        r = err_set(err, ERR_REFUSED,
            "%s: this key was revoked as compromised and is never used again; order with a new one", w->name);
    if (r < 0)
        certificate_key_free(out);
    return r;
}

/* The key of the generation before, where the operator wants it to go on and nothing speaks against it. */
static bool reused(
    struct keeper *k, const struct wish *w, const struct msg_key_make *m, struct certificate_key *out)
{
    struct err why = ERR_INIT;
    enum key_type type = KEY_TYPE_END_;
    if (!w->reuse_key || m->previous.n == 0)
        return false;
    if (sealed_key_open(k, w, m->previous_generation, m->previous, out, &why) < 0) {
        log_certificate(w->name, LOG_LEVEL_INFO, "%s: a new key is made: %s", w->name, why.text);
        return false;
    }
    if (key_type_of(out->key, &type) && type == w->key_type)
        return true;
    certificate_key_free(out);
    return false;
}

int sealed_key_make(struct keeper *k, const struct wish *w, const struct msg_key_make *m, struct arena *a,
    struct buf *out, struct err *err)
{
    struct certificate_key key ATTR_CLEANUP(certificate_key_free) = {NULL};
    int r;
    if (w->csr[0] != '\0') {
        struct csr csr;
        r = permit_csr(k, w, a, &csr, err);
        return r < 0 ? r : seal(&k->seal_key, context_of(a, w, m->generation), str_c(csr.key_hash), out, err);
    }
    if (!reused(k, w, m, &key) && (r = key_generate(w->key_type, &key.key, err)) < 0)
        return r;
    return seal_key(k, w, m->generation, key.key, a, out, err);
}

int sealed_key_import(struct keeper *k, const struct wish *w, const struct msg_key_import *m, struct arena *a,
    struct buf *out, struct err *err)
{
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    char hash[SHA256_HEX_LEN];
    int r = key_from_text(str_c(m->key), &key, err);
    if (r < 0 || (r = key_spki_sha256(key, hash, err)) < 0)
        return err_prefix(err, "%s: its key", w->name);
    if (w->csr[0] != '\0')
        return err_set(err, ERR_REFUSED, "%s: its request has a key of the operator's own", w->name);
    if (burnt_has(k, hash))
        return err_set(err, ERR_REFUSED,
            "%s: its key was revoked as compromised and is never used again; it gets a new one", w->name);
    if (accounts_hold(k, hash)) /* RFC 8555 11.1 */
        return err_set(err, ERR_REFUSED, "%s: its key is an account's; it gets one of its own", w->name);
    return seal_key(k, w, m->generation, key, a, out, err);
}
