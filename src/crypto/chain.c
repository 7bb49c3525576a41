#include "crypto/chain_priv.h"

#include "base/b64.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/key_priv.h"
#include "crypto/pem.h"
#include "crypto/san.h"

#include <openssl/pem.h>
#include <string.h>

/* Octets of a key identifier that go into an ARI name; real ones have 20. */
enum { KEY_ID_MAX = 64 };

void certs_freep(STACK_OF(X509) * *certs)
{
    sk_X509_pop_free(*certs, X509_free);
}

static int add_cert(STACK_OF(X509) * certs, struct str der, size_t line, struct err *err)
{
    const unsigned char *p = (const unsigned char *)der.p, *end = p + der.n;
    X509 *x = d2i_X509(NULL, &p, (long)der.n);
    if (x == NULL)
        return ossl_fail(err, ERR_INPUT, "the block that ends in line %zu is no certificate", line);
    int r = 0;
    if (p != end)
        r = err_set(err, ERR_INPUT, "the block that ends in line %zu holds more than a certificate", line);
    else if (sk_X509_push(certs, x) <= 0)
        r = ossl_fail(err, ERR_MEMORY, "no memory for a certificate");
    if (r < 0)
        X509_free(x);
    return r;
}

int chain_load(struct str pem, size_t max_certs, STACK_OF(X509) * *out, struct err *err)
{
    if (pem.n > CHAIN_PEM_MAX)
        return err_set(err, ERR_LIMIT, "a chain of %zu bytes; at most %d are taken", pem.n, CHAIN_PEM_MAX);
    ATTR_CLEANUP(certs_freep) STACK_OF(X509) *certs = sk_X509_new_null();
    if (certs == NULL)
        return ossl_fail(err, ERR_MEMORY, "no memory for certificates");
    ATTR_CLEANUP(buf_free) struct buf der = buf_new(CHAIN_CERT_DER_MAX);
    struct pem_reader reader = pem_reader_new(PEM_CERTIFICATE, pem);
    int r;
    while ((r = pem_next(&reader, &der, err)) > 0) {
        if ((size_t)sk_X509_num(certs) >= max_certs)
            return err_set(err, ERR_LIMIT, "more than %zu certificates in the chain", max_certs);
        if ((r = add_cert(certs, buf_str(&der), reader.line, err)) < 0)
            return r;
    }
    if (r == 0 && sk_X509_num(certs) == 0)
        r = err_set(err, ERR_INPUT, "there is no certificate in the text");
    if (r == 0) {
        *out = certs;
        certs = NULL;
    }
    return r;
}

int chain_alt_names(const X509 *x, GENERAL_NAMES **out, struct err *err)
{
    int critical = 0;
    *out = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
    if (*out == NULL && critical != -1)
        return ossl_fail(err, ERR_INPUT, "the certificate's subjectAltName is malformed");
    return 0;
}

static const char *cleaned(struct arena *a, struct str s)
{
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(2 * TEXT_FOREIGN_MAX);
    text_clean(&text, s, TEXT_FOREIGN_MAX);
    return arena_dup(a, buf_str(&text));
}

/* A distinguished name in one line (RFC 4514), UTF-8 left readable. */
static const char *name_line(struct arena *a, const X509_NAME *name)
{
    ATTR_CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    if (bio == NULL ||
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0)
        return "?";
    long n = BIO_get_mem_data(bio, &p);
    return n < 0 ? "?" : cleaned(a, (struct str){p, (size_t)n});
}

/* Counts from an epoch with OpenSSL's own calendar: timegm() would make the C library open /etc/localtime,
 * which a sandbox answers with death. */
static int read_time(const ASN1_TIME *t, const char *which, struct wall *out, struct err *err)
{
    ATTR_CLEANUP(asn1_time_freep) ASN1_TIME *epoch = ASN1_TIME_new();
    int days = 0, seconds = 0;
    if (epoch == NULL || ASN1_TIME_set_string(epoch, "19700101000000Z") != 1 ||
        ASN1_TIME_diff(&days, &seconds, epoch, t) != 1)
        return ossl_fail(err, ERR_INPUT, "the certificate's %s is malformed", which);
    out->s = (int64_t)days * 86400 + seconds;
    return 0;
}

static int read_serial(const X509 *x, char out[65], struct err *err)
{
    enum { HEX_MAX = 64 };
    ATTR_CLEANUP(bn_freep) BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = bn != NULL ? BN_bn2hex(bn) : NULL;
    size_t n = hex != NULL ? strlen(hex) : 0;
    int r = 0;
    if (hex == NULL)
        r = ossl_fail(err, ERR_INPUT, "the certificate's serial number is malformed");
    else if (n > HEX_MAX)
        r = err_set(err, ERR_INPUT, "the certificate's serial number has %zu digits", n);
    for (size_t i = 0; r == 0 && hex != NULL && i <= n; i++)
        out[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] - 'A' + 'a' : hex[i]);
    OPENSSL_free(hex);
    return r;
}

/* RFC 9773 4.1: the key identifier and the serial number as DER has it, leading zero octet included. */
static const char *ari_id(const X509 *x, struct arena *a)
{
    ATTR_CLEANUP(key_id_freep)
    AUTHORITY_KEYID *id = X509_get_ext_d2i(x, NID_authority_key_identifier, NULL, NULL);
    unsigned char *der = NULL;
    int n = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &der);
    const char *name = "";
    /* A serial number of at most 32 octets (read_serial) has a length of one octet. */
    if (id != NULL && id->keyid != NULL && ASN1_STRING_length(id->keyid) <= KEY_ID_MAX && n > 2) {
        ATTR_CLEANUP(buf_free) struct buf text = buf_new(4 * KEY_ID_MAX);
        b64url_encode(&text, (struct str){(const char *)ASN1_STRING_get0_data(id->keyid),
                                 (size_t)ASN1_STRING_length(id->keyid)});
        buf_put_c(&text, ".");
        b64url_encode(&text, (struct str){(const char *)der + 2, (size_t)n - 2});
        name = arena_dup(a, buf_str(&text));
    }
    OPENSSL_free(der);
    return name;
}

/* Names of another kind are left out: they are for chain_verify to refuse. */
static int read_names(const X509 *x, struct arena *a, struct chain *out, struct err *err)
{
    GENERAL_NAMES *read = NULL;
    int r = chain_alt_names(x, &read, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(general_names_freep) GENERAL_NAMES *names = read;
    int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    const char **texts = arena_array(a, (size_t)n, sizeof *texts);
    for (int i = 0; i < n; i++) {
        char text[SAN_TEXT_MAX];
        size_t text_n = 0;
        if (san_text(sk_GENERAL_NAME_value(names, i), text, &text_n))
            texts[out->name_n++] = cleaned(a, (struct str){text, text_n});
    }
    out->names = texts;
    return 0;
}

/* The last common name is the most specific one (RFC 4514 2.1 writes it first). */
static struct str common_name(const X509_NAME *name, struct arena *a)
{
    int last = -1;
    for (int at; (at = X509_NAME_get_index_by_NID(name, NID_commonName, last)) >= 0;)
        last = at;
    unsigned char *text = NULL;
    int n =
        last < 0 ? -1 : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    struct str found =
        n > 0 ? arena_str(a, (struct str){(const char *)text, (size_t)n}) : (struct str){"", 0};
    OPENSSL_free(text);
    return found;
}

static int read_links(const STACK_OF(X509) * certs, struct arena *a, struct chain *out, struct err *err)
{
    struct chain_link *links = arena_array(a, out->n, sizeof *links);
    for (size_t i = 0; i < out->n; i++) {
        const X509 *x = sk_X509_value(certs, (int)i);
        unsigned char *der = NULL;
        int n = i2d_X509(x, &der);
        if (n < 0)
            return ossl_fail(err, ERR_CRYPTO, "cannot write a certificate");
        int r = digest_sha256_hex((struct str){(const char *)der, (size_t)n}, links[i].fingerprint, err);
        OPENSSL_free(der);
        if (r < 0)
            return r;
        links[i].issuer_name = common_name(X509_get_issuer_name(x), a);
    }
    out->links = links;
    return 0;
}

static int read_key_hash(const X509 *leaf, struct chain *out, struct err *err)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    if (n < 0)
        return ossl_fail(err, ERR_INPUT, "the certificate's public key cannot be read");
    int r = digest_sha256_hex((struct str){(const char *)der, (size_t)n}, out->key_hash, err);
    OPENSSL_free(der);
    return r;
}

static const char *type_of(const X509 *x)
{
    const EVP_PKEY *pkey = X509_get0_pubkey(x);
    const struct key_kind *kind = pkey != NULL ? key_kind_of(pkey) : NULL;
    return kind != NULL ? key_type_name(kind->type) : "?";
}

static int write_pem(
    const STACK_OF(X509) * certs, int first, int end, struct arena *a, struct str *out, struct err *err)
{
    ATTR_CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL;
    for (int i = first; i < end && ok; i++)
        ok = PEM_write_bio_X509(bio, sk_X509_value(certs, i)) == 1;
    char *p = NULL;
    long n = ok ? BIO_get_mem_data(bio, &p) : -1;
    if (n < 0)
        return ossl_fail(err, ERR_CRYPTO, "cannot write a certificate as PEM");
    *out = arena_str(a, (struct str){p, (size_t)n});
    return 0;
}

static int write_leaf(const X509 *leaf, struct arena *a, struct chain *out, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf bytes = buf_new(CHAIN_CERT_DER_MAX);
    unsigned char *der = NULL;
    int n = i2d_X509(leaf, &der);
    int r = ossl_put_der(&bytes, der, n, "the certificate", err);
    if (r < 0)
        return r;
    out->leaf_der = arena_str(a, buf_str(&bytes));
    return digest_sha256_hex(out->leaf_der, out->fingerprint, err);
}

int chain_describe(const STACK_OF(X509) * certs, struct arena *a, struct chain *out, struct err *err)
{
    int n = sk_X509_num(certs);
    const X509 *leaf = sk_X509_value(certs, 0);
    struct chain c = {.n = (size_t)n};
    int r;
    if ((r = write_leaf(leaf, a, &c, err)) < 0 || (r = write_pem(certs, 0, 1, a, &c.leaf_pem, err)) < 0 ||
        (r = write_pem(certs, 1, n, a, &c.issuers_pem, err)) < 0 ||
        (r = read_serial(leaf, c.serial, err)) < 0 ||
        (r = read_time(X509_get0_notBefore(leaf), "notBefore", &c.not_before, err)) < 0 ||
        (r = read_time(X509_get0_notAfter(leaf), "notAfter", &c.not_after, err)) < 0 ||
        (r = read_names(leaf, a, &c, err)) < 0 || (r = read_key_hash(leaf, &c, err)) < 0 ||
        (r = read_links(certs, a, &c, err)) < 0)
        return r;
    const char **subjects = arena_array(a, (size_t)n, sizeof *subjects);
    for (int i = 0; i < n; i++)
        subjects[i] = name_line(a, X509_get_subject_name(sk_X509_value(certs, i)));
    c.subjects = subjects;
    c.issuer = name_line(a, X509_get_issuer_name(leaf));
    c.key_type = type_of(leaf);
    c.ari_id = ari_id(leaf, a);
    *out = c;
    return 0;
}

int chain_parse(struct str pem, size_t max_certs, struct arena *a, struct chain *out, struct err *err)
{
    STACK_OF(X509) *loaded = NULL;
    int r = chain_load(pem, max_certs, &loaded, err);
    if (r < 0)
        return r;
    ATTR_CLEANUP(certs_freep) STACK_OF(X509) *certs = loaded;
    return chain_describe(certs, a, out, err);
}
