#include "crypto/csr.h"

#include "crypto/key_priv.h"
#include "crypto/ossl.h"

#include <stdlib.h>
#include <string.h>

/* RFC 1035 2.3.4 */
enum { NAME_MAX_N = 253, LABEL_MAX_N = 63 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool label_ok(struct str label)
{
    if (label.n == 0 || label.n > LABEL_MAX_N || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!letter(label.p[i]) && !digit(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
            return false;
    return true;
}

/* A host name, its first label possibly "*". The last label may not be all digits: that is an IPv4 address.
 */
static bool name_ok(struct str name)
{
    struct str rest = name, label = {"", 0};
    if (name.n > NAME_MAX_N)
        return false;
    if (str_starts(rest, STR("*.")))
        rest = (struct str){rest.p + 2, rest.n - 2};
    for (bool more = true; more;) {
        more = str_cut(rest, '.', &label, &rest);
        if (!label_ok(label))
            return false;
    }
    for (size_t i = 0; i < label.n; i++)
        if (!digit(label.p[i]))
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int d = strncasecmp(x->p, y->p, n);
    return d != 0 ? d : (x->n > y->n) - (x->n < y->n);
}

static int check_names(const struct str *names, size_t n, struct err *err)
{
    if (n == 0)
        return err_set(err, ERR_INPUT, "a certificate request without a name");
    if (n > CSR_NAMES_MAX)
        return err_set(err, ERR_LIMIT, "a certificate request with %zu names; at most %d", n, CSR_NAMES_MAX);
    for (size_t i = 0; i < n; i++)
        if (!name_ok(names[i]))
            return err_set(err, ERR_INPUT, "name %zu of the certificate request is no host name", i + 1);
    struct str *sorted = malloc(n * sizeof *sorted);
    if (sorted == NULL)
        return err_set(err, ERR_MEMORY, "no memory for a certificate request");
    memcpy(sorted, names, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_name);
    int r = 0;
    for (size_t i = 1; i < n && r == 0; i++)
        if (by_name(&sorted[i - 1], &sorted[i]) == 0)
            r = err_set(err, ERR_INPUT, "%.*s stands twice in the certificate request", STR_ARG(sorted[i]));
    free(sorted);
    return r;
}

static bool add_name(GENERAL_NAMES *to, struct str name)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (g == NULL || text == NULL || ASN1_STRING_set(text, name.p, (int)name.n) != 1) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(g);
        return false;
    }
    GENERAL_NAME_set0_value(g, GEN_DNS, text);
    if (sk_GENERAL_NAME_push(to, g) <= 0) {
        GENERAL_NAME_free(g);
        return false;
    }
    return true;
}

static bool add_extension(X509_REQ *req, const struct str *names, size_t n)
{
    ATTR_CLEANUP(general_names_freep) GENERAL_NAMES *san = GENERAL_NAMES_new();
    bool ok = san != NULL;
    for (size_t i = 0; i < n && ok; i++)
        ok = add_name(san, names[i]);
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    ok = ok && X509V3_add1_i2d(&extensions, NID_subject_alt_name, san, 1, X509V3_ADD_DEFAULT) == 1 &&
         X509_REQ_add_extensions(req, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

int csr_build(const struct key *k, const struct str *names, size_t n, struct buf *out, struct err *err)
{
    const struct key_kind *kind = key_kind_of(k->pkey);
    if (kind == NULL)
        return err_set(err, ERR_CRYPTO, "no certificate request with this kind of key");
    int r = check_names(names, n, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(x509_req_freep) X509_REQ *req = X509_REQ_new();
    ATTR_CLEANUP(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (req == NULL || ctx == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(req, k->pkey) != 1 || !add_extension(req, names, n))
        return ossl_fail(err, ERR_CRYPTO, "cannot compose a certificate request");
    if (EVP_DigestSignInit_ex(ctx, NULL, kind->digest, NULL, NULL, k->pkey, NULL) != 1 ||
        X509_REQ_sign_ctx(req, ctx) <= 0)
        return ossl_fail(err, ERR_CRYPTO, "cannot sign a certificate request");
    unsigned char *der = NULL;
    int der_n = i2d_X509_REQ(req, &der);
    return ossl_put_der(out, der, der_n, "a certificate request", err);
}
