#include "crypto/chain_priv.h"

#include "base/text.h"
#include "crypto/key_priv.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* What is being judged, and by what. */
struct trial {
    const STACK_OF(X509) * certs;
    X509 *leaf;
    const struct key *key;
    const struct str *names;
    size_t name_n;
    struct wall now;
    struct arena *a;
    const struct chain *seen;
};

static int check_key(const struct trial *t, struct err *err)
{
    const EVP_PKEY *pkey = X509_get0_pubkey(t->leaf);
    if (pkey == NULL)
        return err_set(err, ERR_VERIFY, "the certificate's public key cannot be read");
    if (EVP_PKEY_eq(pkey, t->key->pkey) != 1)
        return err_set(err, ERR_VERIFY,
            "the certificate (key %s) is for another key than the one it was asked for", t->seen->key_type);
    return 0;
}

/* What a certificate may name besides DNS names. */
static const char *const other_kinds[] = {
    [GEN_EMAIL] = "an e-mail address",
    [GEN_URI] = "a URI",
    [GEN_IPADD] = "an IP address",
    [GEN_DIRNAME] = "a directory name",
};

static const char *kind_text(int type)
{
    size_t i = (size_t)type;
    return i < ARRAY_LEN(other_kinds) && other_kinds[i] != NULL ? other_kinds[i]
                                                                : "a name of an unknown kind";
}

static int by_bytes(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int d = n > 0 ? memcmp(x->p, y->p, n) : 0;
    return d != 0 ? d : (x->n > y->n) - (x->n < y->n);
}

static struct str lower_copy(struct arena *a, struct str s)
{
    char *p = arena_dup(a, s);
    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] - 'A' + 'a');
    return (struct str){p, s.n};
}

/* Sorts and drops what stands twice; returns how many are left. */
static size_t to_set(struct str *names, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(names, n, sizeof *names, by_bytes);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !str_eq(names[kept - 1], names[i]))
            names[kept++] = names[i];
    return kept;
}

static int name_difference(struct str name, bool missing, struct err *err)
{
    enum { SHOWN_MAX = 256 };
    ATTR_CLEANUP(buf_free) struct buf shown = buf_new(4 * SHOWN_MAX);
    text_clean(&shown, name, SHOWN_MAX);
    return err_set(err, ERR_VERIFY,
        missing ? "the certificate lacks the name %s"
                : "the certificate is also for %s, which was not asked for",
        buf_c(&shown));
}

/* Both sorted, nothing twice. Compares bytes, so a NUL inside a name hides nothing. */
static int compare_sets(
    const struct str *wanted, size_t wanted_n, const struct str *found, size_t found_n, struct err *err)
{
    for (size_t i = 0, j = 0; i < wanted_n || j < found_n; i++, j++) {
        int d = i == wanted_n ? 1 : j == found_n ? -1 : by_bytes(&wanted[i], &found[j]);
        if (d != 0)
            return name_difference(d < 0 ? wanted[i] : found[j], d < 0, err);
    }
    return 0;
}

static int check_names(const struct trial *t, struct err *err)
{
    GENERAL_NAMES *read = NULL;
    int r = chain_alt_names(t->leaf, &read, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(general_names_freep) GENERAL_NAMES *san = read;
    int n = san != NULL ? sk_GENERAL_NAME_num(san) : 0;
    struct str *found = arena_array(t->a, (size_t)n, sizeof *found);
    for (int i = 0; i < n; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(san, i);
        if (g->type != GEN_DNS)
            return err_set(err, ERR_VERIFY, "the certificate is also for %s, which was not asked for",
                kind_text(g->type));
        const ASN1_STRING *name = g->d.dNSName;
        found[i] = lower_copy(
            t->a, (struct str){(const char *)ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name)});
    }
    struct str *wanted = arena_array(t->a, t->name_n, sizeof *wanted);
    for (size_t i = 0; i < t->name_n; i++)
        wanted[i] = lower_copy(t->a, t->names[i]);
    return compare_sets(wanted, to_set(wanted, t->name_n), found, to_set(found, (size_t)n), err);
}

static int check_dates(const struct trial *t, struct err *err)
{
    char at[TIME_TEXT_MAX], now[TIME_TEXT_MAX];
    if (t->seen->not_before.s - CHAIN_CLOCK_SKEW_S > t->now.s)
        return err_set(err, ERR_VERIFY,
            "the certificate is not valid before %s and it is %s here; is this machine's clock right?",
            wall_format(t->seen->not_before, at), wall_format(t->now, now));
    if (t->seen->not_after.s <= t->now.s)
        return err_set(err, ERR_VERIFY,
            "the certificate expired at %s and it is %s here; is this machine's clock right?",
            wall_format(t->seen->not_after, at), wall_format(t->now, now));
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

int chain_verify(struct str pem, size_t max_certs, const struct key *key, const struct str *names, size_t n,
    struct wall now, struct arena *a, struct chain *out, struct err *err)
{
    STACK_OF(X509) *loaded = NULL;
    struct chain seen;
    int r = chain_load(pem, max_certs, &loaded, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(certs_freep) STACK_OF(X509) *certs = loaded;
    if ((r = chain_describe(certs, a, &seen, err)) < 0)
        return r;
    const struct trial t = {certs, sk_X509_value(certs, 0), key, names, n, now, a, &seen};
    for (size_t i = 0; i < ARRAY_LEN(rules) && r == 0; i++)
        r = rules[i](&t, err);
    /* The rules have words of their own; OpenSSL's must not turn up with the next failure. */
    ERR_clear_error();
    if (r == 0)
        *out = seen;
    return r;
}
