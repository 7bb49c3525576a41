#include "processes/importer/material.h"

#include "crypto/chain.h"
#include "crypto/key.h"

#include <string.h>

static int normal(const struct key *k, struct buf *out, struct err *err)
{
    buf_clear(out);
    return key_to_pem(k, out, err);
}

int material_key(struct str text, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(key_freep) struct key *k = NULL;
    int r = key_from_text(text, &k, err);
    return r < 0 ? r : normal(k, out, err);
}

int material_key_file(const struct tree *t, const char *path, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf text = buf_new_sensitive(TREE_FILE_MAX);
    int r = tree_read(t, path, TREE_FILE_MAX, &text, err);
    if (r == 0 && (r = material_key(buf_str(&text), out, err)) < 0)
        err_prefix(err, "%s", tree_absolute(t, path));
    return r;
}

/* --- chains --- */

/* Only the certificates of a text: what stands between them (openssl's description, a comment) goes. */
static void only_certificates(struct str text, struct buf *out)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    const char *p = text.p, *stop = text.p + text.n;
    while (p < stop) {
        const char *from = memmem(p, (size_t)(stop - p), begin, sizeof begin - 1);
        const char *to = from != NULL ? memmem(from, (size_t)(stop - from), end, sizeof end - 1) : NULL;
        if (to == NULL)
            break;
        buf_put(out, from, (size_t)(to - from) + sizeof end - 1);
        buf_put_char(out, '\n');
        p = to + sizeof end - 1;
    }
}

static int read_chain(struct found *f, struct str text, struct chain *out, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf pem = buf_new(CHAIN_PEM_MAX);
    only_certificates(text, &pem);
    if (buf_failed(&pem))
        return err_set(err, ERR_LIMIT, "a chain of %zu bytes is too long", text.n);
    return chain_parse(buf_str(&pem), MATERIAL_CERTS_MAX, f->a, out, err);
}

static void take_chain(struct found *f, struct found_certificate *c, const struct chain *chain)
{
    const char *text = arena_printf(f->a, "%.*s%.*s", STR_ARG(chain->leaf_pem), STR_ARG(chain->issuers_pem));
    c->chain = str_c(text);
    c->not_after_s = chain->not_after.s;
    c->issuer = chain->issuer;
    for (size_t i = 0; i < chain->name_n; i++)
        found_domain_add(f, c, str_c(chain->names[i]));
    if (c->key_type[0] == '\0')
        c->key_type = material_key_type(str_c(chain->key_type));
}

/* The key in `out` where it is that of the leaf. */
static int read_fitting(struct str text, const struct chain *chain, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(key_freep) struct key *k = NULL;
    char hash[SHA256_HEX_LEN];
    int r;
    if ((r = key_from_pem(text, &k, err)) < 0 || (r = key_spki_sha256(k, hash, err)) < 0)
        return r;
    if (strcmp(hash, chain->key_hash) != 0)
        return err_set(err, ERR_VERIFY, "the key is not that of the certificate");
    return normal(k, out, err);
}

bool material_pair(
    struct found *f, struct found_certificate *c, struct str key, struct str chain, struct err *err)
{
    struct chain parsed = {0};
    if (read_chain(f, chain, &parsed, err) < 0 || read_fitting(key, &parsed, &c->key, err) < 0)
        return false;
    take_chain(f, c, &parsed);
    return true;
}

void material_set(struct found *f, struct found_certificate *c, struct str key, const char *key_from,
    struct str chain, const char *chain_from)
{
    struct chain parsed = {0};
    struct err err = ERR_INIT;
    bool chained = false;
    if (chain.n > 0) {
        chained = read_chain(f, chain, &parsed, &err) == 0;
        if (chained)
            take_chain(f, c, &parsed);
        else
            found_warn(f, c, "%s holds no certificate that can be used: %s", chain_from, err.text);
    }
    if (key.n == 0)
        return;
    if ((chained ? read_fitting(key, &parsed, &c->key, &err) : material_key(key, &c->key, &err)) < 0) {
        buf_clear(&c->key);
        found_warn(f, c, "%s is not used: %s", key_from, err.text);
    }
}

static void read_or_warn(struct found *f, struct found_certificate *c, const char *path, struct buf *out)
{
    struct err err = ERR_INIT;
    if (path == NULL || tree_read(f->tree, path, TREE_FILE_MAX, out, &err) == 0)
        return;
    buf_clear(out);
    found_warn(f, c, "%s", err.text);
}

void material_files(
    struct found *f, struct found_certificate *c, const char *key, const char *chain, const char *more)
{
    ATTR_CLEANUP(buf_free) struct buf key_text = buf_new_sensitive(TREE_FILE_MAX);
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(2 * TREE_FILE_MAX + 1), rest = buf_new(TREE_FILE_MAX);
    read_or_warn(f, c, key, &key_text);
    read_or_warn(f, c, chain, &text);
    read_or_warn(f, c, more, &rest);
    if (text.n > 0) {
        buf_put_char(&text, '\n');
        buf_put_str(&text, buf_str(&rest));
    }
    material_set(f, c, buf_str(&key_text), key != NULL ? tree_absolute(f->tree, key) : "", buf_str(&text),
        chain != NULL ? tree_absolute(f->tree, chain) : "");
}

/* --- words --- */

const char *material_key_type(struct str words)
{
    static const struct {
        const char *word, *type;
    } types[] = {
        {"ecdsa-p256", "ecdsa-p256"},
        {"ec-256", "ecdsa-p256"},
        {"ec256", "ecdsa-p256"},
        {"p256", "ecdsa-p256"},
        {"p-256", "ecdsa-p256"},
        {"secp256r1", "ecdsa-p256"},
        {"prime256v1", "ecdsa-p256"},
        {"ecdsa-p384", "ecdsa-p384"},
        {"ec-384", "ecdsa-p384"},
        {"ec384", "ecdsa-p384"},
        {"p384", "ecdsa-p384"},
        {"p-384", "ecdsa-p384"},
        {"secp384r1", "ecdsa-p384"},
        {"rsa-2048", "rsa-2048"},
        {"rsa2048", "rsa-2048"},
        {"2048", "rsa-2048"},
        {"rsa-3072", "rsa-3072"},
        {"rsa3072", "rsa-3072"},
        {"3072", "rsa-3072"},
        {"rsa-4096", "rsa-4096"},
        {"rsa4096", "rsa-4096"},
        {"4096", "rsa-4096"},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq_nocase(words, str_c(types[i].word)))
            return types[i].type;
    return "";
}
