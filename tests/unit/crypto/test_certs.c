#include "test_certs.h"

#include "crypto/key_priv.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct key *test_key(void)
{
    struct key *k = NULL;
    assert_int_equal(key_generate(KEY_ECDSA_P256, &k, NULL), 0);
    return k;
}

static void add(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    if (value == NULL)
        return;
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void add_key_id(X509 *x, const char *hex)
{
    if (hex == NULL)
        return;
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    long n = 0;
    unsigned char *bytes = OPENSSL_hexstr2buf(hex, &n);
    id->keyid = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(id->keyid, bytes, (int)n), 1);
    assert_int_equal(X509_add1_ext_i2d(x, NID_authority_key_identifier, id, 0, X509V3_ADD_DEFAULT), 1);
    OPENSSL_free(bytes);
    AUTHORITY_KEYID_free(id);
}

static void set_serial(X509 *x, const char *hex)
{
    BIGNUM *bn = NULL;
    assert_int_not_equal(BN_hex2bn(&bn, hex != NULL ? hex : "1"), 0);
    assert_non_null(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)));
    BN_free(bn);
}

struct test_cert test_cert_make(const struct cert_spec *spec, struct key *key, const struct test_cert *issuer)
{
    X509 *x = X509_new();
    struct test_cert self = {x, key};
    bool dated = spec->from_s != 0 || spec->to_s != 0;
    if (issuer == NULL)
        issuer = &self;
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    set_serial(x, spec->serial);
    if (spec->cn != NULL) {
        X509_NAME *name = X509_get_subject_name(x);
        assert_int_equal(
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->cn, -1, -1, 0),
            1);
    }
    assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(issuer->x)), 1);
    ASN1_TIME_set(X509_getm_notBefore(x), TEST_NOW_S + (dated ? spec->from_s : -TEST_DAY_S));
    ASN1_TIME_set(X509_getm_notAfter(x), TEST_NOW_S + (dated ? spec->to_s : 89 * TEST_DAY_S));
    assert_int_equal(X509_set_pubkey(x, key->pkey), 1);
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer->x, x, NULL, NULL, 0);
    add(x, &ctx, NID_subject_alt_name, spec->san);
    add(x, &ctx, NID_basic_constraints, spec->ca);
    add(x, &ctx, NID_key_usage, spec->key_usage);
    add(x, &ctx, NID_ext_key_usage, spec->eku);
    add_key_id(x, spec->key_id);
    assert_true(X509_sign(x, issuer->key->pkey, EVP_sha256()) > 0);
    return self;
}

const char *test_cert_pem(struct arena *a, X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    long n = BIO_get_mem_data(bio, &p);
    const char *pem = arena_dup(a, (struct str){p, (size_t)n});
    BIO_free(bio);
    return pem;
}
