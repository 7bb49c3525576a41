#include "crypto/csr.h"

#include "crypto/key_priv.h"
#include "crypto/ossl.h"
#include "crypto/san.h"
#include "crypto/san_set.h"

static int check_names(const struct str *names, size_t n, struct err *err)
{
    unsigned char address[SAN_ADDRESS_MAX];
    if (n == 0)
        return err_set(err, ERR_INPUT, "a certificate request without a name");
    if (n > CSR_NAMES_MAX)
        return err_set(err, ERR_LIMIT, "a certificate request with %zu names; at most %d", n, CSR_NAMES_MAX);
    for (size_t i = 0; i < n; i++)
        if (san_address(names[i], address) == 0 && !san_is_host(names[i]))
            return err_set(err, ERR_INPUT,
                "name %zu of the certificate request is neither a host name nor an IP address", i + 1);
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct san_set set = san_set_wanted(names, n, a);
    struct str twice = san_set_twice(&set);
    return twice.n == 0
               ? 0
               : err_set(err, ERR_INPUT, "%.*s stands twice in the certificate request", STR_ARG(twice));
}

/* Adds to the list, which is made where there is none yet. */
static bool add_staple(STACK_OF(X509_EXTENSION) * *to)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_tlsfeature, "status_request");
    bool ok = e != NULL && X509v3_add_ext(to, e, -1) != NULL;
    X509_EXTENSION_free(e);
    return ok;
}

static bool add_extensions(X509_REQ *req, const struct csr_content *content)
{
    ATTR_CLEANUP(general_names_freep) GENERAL_NAMES *san = GENERAL_NAMES_new();
    bool ok = san != NULL;
    for (size_t i = 0; i < content->name_n && ok; i++)
        ok = san_add(san, content->names[i]);
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    ok = ok && X509V3_add1_i2d(&extensions, NID_subject_alt_name, san, 1, X509V3_ADD_DEFAULT) == 1 &&
         (!content->must_staple || add_staple(&extensions)) && X509_REQ_add_extensions(req, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

int csr_build(const struct key *k, const struct csr_content *content, struct buf *out, struct err *err)
{
    const struct key_kind *kind = key_kind_of(k->pkey);
    if (kind == NULL || kind->digest == NULL)
        return err_set(err, ERR_CRYPTO, "no certificate request with this kind of key");
    int r = check_names(content->names, content->name_n, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(x509_req_freep) X509_REQ *req = X509_REQ_new();
    ATTR_CLEANUP(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (req == NULL || ctx == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(req, k->pkey) != 1 || !add_extensions(req, content))
        return ossl_fail(err, ERR_CRYPTO, "cannot compose a certificate request");
    if (EVP_DigestSignInit_ex(ctx, NULL, kind->digest, NULL, NULL, k->pkey, NULL) != 1 ||
        X509_REQ_sign_ctx(req, ctx) <= 0)
        return ossl_fail(err, ERR_CRYPTO, "cannot sign a certificate request");
    unsigned char *der = NULL;
    int der_n = i2d_X509_REQ(req, &der);
    return ossl_put_der(out, der, der_n, "a certificate request", err);
}
