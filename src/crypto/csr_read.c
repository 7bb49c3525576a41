/* A request that an operator hands in: everything in it is judged before anything is done with it. */
#include "crypto/csr.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/key_priv.h"
#include "crypto/ossl.h"
#include "crypto/pem.h"
#include "crypto/san.h"
#include "crypto/san_set.h"

#include <openssl/err.h>

static const char what[] = "the certificate request";
static const char pem_mark[] = "-----BEGIN ";

/* The DER inside a PEM text, or the text itself where it is none. */
static int to_der(struct str text, struct buf *der, struct err *err)
{
    struct str trimmed = str_trim(text);
    if (text.n > CSR_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "%zu bytes are too many for a certificate request; at most %d", text.n,
            CSR_TEXT_MAX);
    if (text.n == 0 || text.p[0] == 0x30) {
        buf_put_str(der, text);
        return 0;
    }
    bool is_new = str_starts(trimmed, STR("-----BEGIN NEW "));
    struct pem_reader reader =
        pem_reader_new(is_new ? PEM_NEW_CERTIFICATE_REQUEST : PEM_CERTIFICATE_REQUEST, text);
    int r = pem_next(&reader, der, err);
    if (r == 0 || (r < 0 && !str_starts(trimmed, str_c(pem_mark))))
        return err_set(err, ERR_INPUT,
            "there is no certificate request; it begins with \"-----BEGIN CERTIFICATE REQUEST-----\"");
    if (r < 0)
        return r;
    ATTR_CLEANUP(buf_free) struct buf more = buf_new(CSR_TEXT_MAX);
    r = pem_next(&reader, &more, err);
    return r > 0 ? err_set(err, ERR_INPUT, "there is more than one certificate request in the text") : r;
}

/* The caller frees *out, whatever the result. */
static int parse(struct str der, X509_REQ **out, struct err *err)
{
    const unsigned char *p = (const unsigned char *)der.p, *end = p + der.n;
    *out = der.n > 0 ? d2i_X509_REQ(NULL, &p, (long)der.n) : NULL;
    if (*out == NULL)
        return ossl_fail(err, ERR_INPUT, "this is no certificate request (PKCS#10)");
    return p == end ? 0 : err_set(err, ERR_INPUT, "bytes stand behind the certificate request");
}

static int read_key(X509_REQ *req, struct csr *out, struct err *err)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    unsigned char *der = NULL;
    if (key == NULL)
        return ossl_fail(err, ERR_INPUT, "the public key of %s cannot be read", what);
    if (EVP_PKEY_get_bits(key) > KEY_RSA_BITS_MAX)
        return err_set(err, ERR_INPUT, "a key of %d bits; the longest that is taken has %d",
            EVP_PKEY_get_bits(key), KEY_RSA_BITS_MAX);
    if (X509_REQ_verify(req, key) != 1)
        return ossl_fail(err, ERR_INPUT, "%s is not signed by its own key", what);
    int n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &der);
    if (n < 0)
        return ossl_fail(err, ERR_CRYPTO, "cannot write the public key");
    int r = digest_sha256_hex((struct str){(const char *)der, (size_t)n}, out->key_hash, err);
    OPENSSL_free(der);
    const struct key_kind *kind = key_kind_of(key);
    out->key_type = kind != NULL ? key_type_name(kind->type) : "?";
    return r;
}

/* Whether every name is one that can be ordered: the set holds what stood there, and that may be anything. */
static int check_hosts(const struct san_set *set, struct err *err)
{
    for (size_t i = 0; i < set->n; i++) {
        struct str text = {set->items[i].p + 1, set->items[i].n - 1};
        if (set->items[i].p[0] == 'D' && !san_is_host(text)) {
            ATTR_CLEANUP(buf_free) struct buf shown = buf_new(4 * SAN_TEXT_MAX);
            text_clean(&shown, text, SAN_TEXT_MAX);
            return err_set(err, ERR_INPUT, "\"%s\" in %s is no host name", buf_c(&shown), what);
        }
    }
    return 0;
}

static int read_names(
    const STACK_OF(X509_EXTENSION) * extensions, struct arena *a, struct csr *out, struct err *err)
{
    int critical = -1;
    ATTR_CLEANUP(general_names_freep)
    GENERAL_NAMES *san =
        extensions != NULL ? X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL) : NULL;
    if (san == NULL && critical != -1)
        return ossl_fail(err, ERR_INPUT, "the subjectAltName of %s is malformed or stands there twice", what);
    if (san == NULL || sk_GENERAL_NAME_num(san) == 0)
        return err_set(err, ERR_INPUT,
            "%s has no subjectAltName; a common name alone has not been enough for many years", what);
    if (sk_GENERAL_NAME_num(san) > CSR_NAMES_MAX)
        return err_set(err, ERR_LIMIT, "%s has more than %d names", what, CSR_NAMES_MAX);
    struct san_set set;
    struct err why = ERR_INIT;
    if (san_set_found(san, what, a, &set, &why) < 0)
        return err_set(err, ERR_INPUT, "%s", why.text);
    int r = check_hosts(&set, err);
    const char **names = arena_array(a, set.n, sizeof *names);
    for (size_t i = 0; i < set.n; i++)
        names[i] = set.items[i].p + 1;
    out->names = names;
    out->name_n = set.n;
    return r;
}

static bool has_name(const struct csr *csr, struct str name)
{
    for (size_t i = 0; i < csr->name_n; i++)
        if (str_eq_nocase(name, str_c(csr->names[i])))
            return true;
    return false;
}

/* A CA refuses a common name that is not among the names, or adds it to them. */
static int check_common_name(const X509_REQ *req, const struct csr *csr, struct err *err)
{
    const X509_NAME *subject = X509_REQ_get_subject_name(req);
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
        unsigned char *text = NULL;
        int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        bool ok = n == 0 || (n > 0 && has_name(csr, (struct str){(const char *)text, (size_t)n}));
        OPENSSL_free(text);
        if (!ok)
            return err_set(err, ERR_INPUT, "the common name of %s is not among its subjectAltNames", what);
    }
    return 0;
}

static void extensions_freep(STACK_OF(X509_EXTENSION) * *list)
{
    sk_X509_EXTENSION_pop_free(*list, X509_EXTENSION_free);
}

static int read_all(X509_REQ *req, struct arena *a, struct csr *out, struct err *err)
{
    ATTR_CLEANUP(extensions_freep) STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    int r;
    if ((r = read_names(extensions, a, out, err)) < 0 || (r = check_common_name(req, out, err)) < 0 ||
        (r = read_key(req, out, err)) < 0)
        return r;
    out->must_staple = X509v3_get_ext_by_NID(extensions, NID_tlsfeature, -1) >= 0;
    return 0;
}

int csr_read(struct str text, struct arena *a, struct csr *out, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf der = buf_new(CSR_TEXT_MAX);
    int r = to_der(text, &der, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(x509_req_freep) X509_REQ *req = NULL;
    if ((r = parse(buf_str(&der), &req, err)) < 0)
        return r;
    struct csr csr = {.der = arena_str(a, buf_str(&der))};
    r = read_all(req, a, &csr, err);
    /* What was judged with our own words must not turn up with the next failure. */
    ERR_clear_error();
    if (r == 0)
        *out = csr;
    return r;
}

int csr_check_names(
    const struct csr *csr, const struct str *names, size_t n, struct arena *a, struct err *err)
{
    struct str *texts = arena_array(a, csr->name_n, sizeof *texts);
    for (size_t i = 0; i < csr->name_n; i++)
        texts[i] = str_c(csr->names[i]);
    struct san_set wanted = san_set_wanted(names, n, a), found = san_set_wanted(texts, csr->name_n, a);
    return san_set_same(&wanted, &found, what, err);
}
