#include "processes/importer/material.h"

#include "crypto/chain.h"
#include "crypto/jwk.h"
#include "crypto/key.h"
#include "processes/importer/json_file.h"

#include <openssl/evp.h>
#include <string.h>

/* A DER key as PEM: four octets for three, and the lines around. */
enum { DER_PEM_MAX = 2 * KEY_PEM_MAX };

static int normal(const struct key *k, struct buf *out, struct err *err)
{
    buf_clear(out);
    return key_to_pem(k, out, err);
}

int material_key(struct str pem, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(key_freep) struct key *k = NULL;
    int r = key_from_pem(pem, &k, err);
    return r < 0 ? r : normal(k, out, err);
}

int material_key_der(struct str der, struct buf *out, struct err *err)
{
    static const char *const labels[] = {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"};
    if (der.n == 0 || der.n > KEY_PEM_MAX / 2)
        return err_set(err, ERR_INPUT, "%zu octets are no private key", der.n);
    ATTR_CLEANUP(buf_free) struct buf text = buf_new_sensitive(DER_PEM_MAX);
    ATTR_CLEANUP(buf_free) struct buf pem = buf_new_sensitive(DER_PEM_MAX);
    char *room = buf_room(&text, 4 * ((der.n + 2) / 3) + 1);
    if (room == NULL)
        return err_set(err, ERR_MEMORY, "no memory for a key");
    buf_added(
        &text, (size_t)EVP_EncodeBlock((unsigned char *)room, (const unsigned char *)der.p, (int)der.n));
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        enum { LINE = 64 };
        buf_clear(&pem);
        buf_printf(&pem, "-----BEGIN %s-----\n", labels[i]);
        for (size_t at = 0; at < text.n; at += LINE) {
            buf_put(&pem, text.p + at, text.n - at < LINE ? text.n - at : LINE);
            buf_put_char(&pem, '\n');
        }
        buf_printf(&pem, "-----END %s-----\n", labels[i]);
        if (material_key(buf_str(&pem), out, NULL) == 0)
            return 0;
    }
    return err_set(err, ERR_INPUT, "no private key in DER");
}

int material_key_jwk(const json_t *jwk, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(key_freep) struct key *k = NULL;
    struct jwk_text t = {
        .kty = json_file_text(jwk, "kty"),
        .crv = json_file_text(jwk, "crv"),
        .d = json_file_text(jwk, "d"),
        .x = json_file_text(jwk, "x"),
        .y = json_file_text(jwk, "y"),
        .n = json_file_text(jwk, "n"),
        .e = json_file_text(jwk, "e"),
        .p = json_file_text(jwk, "p"),
        .q = json_file_text(jwk, "q"),
        .dp = json_file_text(jwk, "dp"),
        .dq = json_file_text(jwk, "dq"),
        .qi = json_file_text(jwk, "qi"),
    };
    if (t.kty.n == 0 && t.n.n > 0) /* josepy writes it, others may not */
        t.kty = STR("RSA");
    int r = key_from_jwk(&t, &k, err);
    return r < 0 ? r : normal(k, out, err);
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
    struct chain parsed;
    if (read_chain(f, chain, &parsed, err) < 0 || read_fitting(key, &parsed, &c->key, err) < 0)
        return false;
    take_chain(f, c, &parsed);
    return true;
}

void material_set(struct found *f, struct found_certificate *c, struct str key, const char *key_from,
    struct str chain, const char *chain_from)
{
    struct chain parsed;
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
