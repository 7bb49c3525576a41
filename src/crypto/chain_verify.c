#include "crypto/chain_priv.h"

#include "crypto/key_priv.h"
#include "crypto/san_set.h"

#include <openssl/err.h>
#include <string.h>

/* What is being judged, and by what. */
struct trial {
    const STACK_OF(X509) * certs;
    X509 *leaf;
    const struct chain_rule *rule;
    struct arena *a;
    const struct chain *seen;
};

static int check_key(const struct trial *t, struct err *err)
{
    const EVP_PKEY *pkey = X509_get0_pubkey(t->leaf);
    if (pkey == NULL)
        return err_set(err, ERR_VERIFY, "the certificate's public key cannot be read");
    if (t->rule->key != NULL ? EVP_PKEY_eq(pkey, t->rule->key->pkey) != 1
                             : strcmp(t->seen->key_hash, t->rule->key_hash) != 0)
        return err_set(err, ERR_VERIFY,
            "the certificate (key %s) is for another key than the one it was asked for", t->seen->key_type);
    return 0;
}

static int check_names(const struct trial *t, struct err *err)
{
    static const char what[] = "the certificate";
    GENERAL_NAMES *read = NULL;
    int r = chain_alt_names(t->leaf, &read, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(general_names_freep) GENERAL_NAMES *san = read;
    struct san_set wanted = san_set_wanted(t->rule->names, t->rule->name_n, t->a), found;
    r = san_set_found(san, what, t->a, &found, err);
    return r < 0 ? r : san_set_same(&wanted, &found, what, err);
}

static int check_dates(const struct trial *t, struct err *err)
{
    char at[TIME_TEXT_MAX], now[TIME_TEXT_MAX];
    if (t->seen->not_before.s - CHAIN_CLOCK_SKEW_S > t->rule->now.s)
        return err_set(err, ERR_VERIFY,
            "the certificate is not valid before %s and it is %s here; is this machine's clock right?",
            wall_format(t->seen->not_before, at), wall_format(t->rule->now, now));
    if (t->seen->not_after.s <= t->rule->now.s)
        return err_set(err, ERR_VERIFY,
            "the certificate expired at %s and it is %s here; is this machine's clock right?",
            wall_format(t->seen->not_after, at), wall_format(t->rule->now, now));
    return 0;
}

static int check_purpose(const struct trial *t, struct err *err)
{
    uint32_t flags = X509_get_extension_flags(t->leaf);
    if ((flags & EXFLAG_INVALID) != 0)
        return err_set(err, ERR_VERIFY, "an extension of the certificate is malformed");
    if ((flags & EXFLAG_CA) != 0)
        return err_set(err, ERR_VERIFY, "the certificate is that of a CA (CA:TRUE)");
    if ((flags & EXFLAG_XKUSAGE) != 0 &&
        (X509_get_extended_key_usage(t->leaf) & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
        return err_set(
            err, ERR_VERIFY, "the certificate is not for servers (no serverAuth in its extended key usage)");
    return 0;
}

static int check_twice(const struct trial *t, struct err *err)
{
    int n = sk_X509_num(t->certs);
    for (int i = 1; i < n; i++)
        for (int j = 0; j < i; j++)
            if (X509_cmp(sk_X509_value(t->certs, i), sk_X509_value(t->certs, j)) == 0)
                return err_set(err, ERR_VERIFY,
                    "certificate %d of the chain is the same as certificate %d (%s)", i + 1, j + 1,
                    t->seen->subjects[i]);
    return 0;
}

/* Whether certificate i + 1 of the chain issued certificate i. */
static int check_link(const struct trial *t, int i, struct err *err)
{
    X509 *x = sk_X509_value(t->certs, i), *issuer = sk_X509_value(t->certs, i + 1);
    const char *subject = t->seen->subjects[i], *by = t->seen->subjects[i + 1];
    if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(issuer)) != 0)
        return err_set(err, ERR_VERIFY,
            "certificate %d of the chain (%s) was not issued by the next one (%s)", i + 1, subject, by);
    uint32_t flags = X509_get_extension_flags(issuer);
    if ((flags & EXFLAG_INVALID) != 0 || (flags & EXFLAG_CA) == 0)
        return err_set(err, ERR_VERIFY,
            "certificate %d of the chain (%s) is no CA's and cannot issue another", i + 2, by);
    if ((flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(issuer) & KU_KEY_CERT_SIGN) == 0)
        return err_set(err, ERR_VERIFY,
            "certificate %d of the chain (%s) may not sign certificates (no keyCertSign in its key usage)",
            i + 2, by);
    EVP_PKEY *pkey = X509_get0_pubkey(issuer);
    if (pkey == NULL || X509_verify(x, pkey) != 1)
        return err_set(err, ERR_VERIFY,
            "certificate %d of the chain (%s) does not bear the signature of the next one (%s)", i + 1,
            subject, by);
    return 0;
}

static int check_links(const struct trial *t, struct err *err)
{
    int r = 0;
    for (int i = 0; i + 1 < sk_X509_num(t->certs) && r == 0; i++)
        r = check_link(t, i, err);
    return r;
}

/* In the order in which a failure tells most; signatures, the costly ones, last. */
static int (*const rules[])(const struct trial *, struct err *) = {
    check_key, check_names, check_dates, check_purpose, check_twice, check_links};

int chain_verify(
    struct str pem, const struct chain_rule *rule, struct arena *a, struct chain *out, struct err *err)
{
    STACK_OF(X509) *loaded = NULL;
    struct chain seen;
    int r = chain_load(pem, rule->max_certs, &loaded, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(certs_freep) STACK_OF(X509) *certs = loaded;
    if ((r = chain_describe(certs, a, &seen, err)) < 0)
        return r;
    const struct trial t = {certs, sk_X509_value(certs, 0), rule, a, &seen};
    for (size_t i = 0; i < ARRAY_LEN(rules) && r == 0; i++)
        r = rules[i](&t, err);
    /* The rules have words of their own; OpenSSL's must not turn up with the next failure. */
    ERR_clear_error();
    if (r == 0)
        *out = seen;
    return r;
}

/* 64 hex digits in lower case, without colons; false for what is no fingerprint. */
static bool fingerprint_of(struct str text, char out[SHA256_HEX_LEN])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == ':')
            continue;
        c = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || n == SHA256_HEX_LEN - 1)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return n == SHA256_HEX_LEN - 1;
}

static bool fits(const struct chain *chain, struct str preferred)
{
    char fingerprint[SHA256_HEX_LEN];
    bool is_fingerprint = fingerprint_of(preferred, fingerprint);
    for (size_t i = 0; i < chain->n; i++) {
        const struct chain_link *link = &chain->links[i];
        if ((is_fingerprint && strcmp(link->fingerprint, fingerprint) == 0) ||
            (preferred.n > 0 && str_eq(link->issuer_name, preferred)))
            return true;
    }
    return false;
}

uint32_t chain_rank(const struct chain *chain, const char *const *preferred, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fits(chain, str_c(preferred[i])))
            return (uint32_t)i;
    return UINT32_MAX;
}
