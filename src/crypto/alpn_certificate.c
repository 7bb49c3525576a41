#include "crypto/alpn_certificate.h"

#include "crypto/digest.h"
#include "crypto/ossl.h"
#include "crypto/san.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

struct alpn_certificate {
    X509 *x509;
    EVP_PKEY *key;
};

/* id-pe-acmeIdentifier (RFC 8737 6.1) */
static const char acme_identifier[] = "1.3.6.1.5.5.7.1.31";
/* An issuer may not be nameless (RFC 5280 4.1.2.4); what it is called matters to nobody. */
static const char common_name[] = "ACME tls-alpn-01 challenge";

/* A positive number of 63 random bits with the highest of them set, so that it never is 0. */
static bool set_serial(X509 *x)
{
    unsigned char bytes[8];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    ATTR_CLEANUP(bn_freep) BIGNUM *bn = BN_bin2bn(bytes, sizeof bytes, NULL);
    return bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
}

static bool add_names(X509 *x, struct str identifier)
{
    ATTR_CLEANUP(general_names_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
    return names != NULL && san_add(names, identifier) &&
           X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
}

/* Authorization ::= OCTET STRING (SIZE (32)), inside the octet string of every extension. */
static bool add_authorization(X509 *x, const unsigned char digest[SHA256_LEN])
{
    unsigned char der[2 + SHA256_LEN] = {V_ASN1_OCTET_STRING, SHA256_LEN};
    memcpy(der + 2, digest, SHA256_LEN);
    ASN1_OBJECT *oid = OBJ_txt2obj(acme_identifier, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e = NULL;
    bool ok = oid != NULL && value != NULL && ASN1_OCTET_STRING_set(value, der, sizeof der) == 1 &&
              (e = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value)) != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return ok;
}

static bool fill(X509 *x, EVP_PKEY *key, struct str identifier, const unsigned char digest[SHA256_LEN])
{
    X509_NAME *name = X509_get_subject_name(x);
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
           X509_NAME_add_entry_by_txt(
               name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, name) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x), -(long)ALPN_BACKDATED_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(x), ALPN_LASTS_S) != NULL && X509_set_pubkey(x, key) == 1 &&
           add_names(x, identifier) && add_authorization(x, digest) && X509_sign(x, key, EVP_sha256()) > 0;
}

int alpn_certificate_make(
    struct str identifier, struct str key_authorization, struct alpn_certificate **out, struct err *err)
{
    unsigned char address[SAN_ADDRESS_MAX], digest[SHA256_LEN];
    if (san_address(identifier, address) == 0 &&
        (!san_is_host(identifier) || str_starts(identifier, STR("*."))))
        return err_set(err, ERR_INPUT, "tls-alpn-01 is for host names and IP addresses");
    if (key_authorization.n == 0)
        return err_set(err, ERR_INPUT, "a challenge without key authorization");
    int r = digest_sha256(key_authorization, digest, err);
    if (r < 0)
        return r;
    struct alpn_certificate *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_MEMORY, "no memory for a certificate");
    c->x509 = X509_new();
    c->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "prime256v1");
    if (c->x509 == NULL || c->key == NULL || !fill(c->x509, c->key, identifier, digest)) {
        alpn_certificate_free(c);
        return ossl_fail(err, ERR_CRYPTO, "cannot make the certificate of a tls-alpn-01 challenge");
    }
    *out = c;
    return 0;
}

X509 *alpn_certificate_x509(const struct alpn_certificate *c)
{
    return c->x509;
}

EVP_PKEY *alpn_certificate_key(const struct alpn_certificate *c)
{
    return c->key;
}

void alpn_certificate_free(struct alpn_certificate *c)
{
    if (c == NULL)
        return;
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    free(c);
}
