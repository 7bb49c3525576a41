#include "crypto/key_priv.h"

#include "crypto/digest.h"
#include "crypto/ossl.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

static const struct key_kind kinds[] = {
    {KEY_ECDSA_P256, "EC", "prime256v1", "EC", "P-256", 32, "SHA256", "ES256"},
    {KEY_ECDSA_P384, "EC", "secp384r1", "EC", "P-384", 48, "SHA384", "ES384"},
    {KEY_RSA_2048, "RSA", NULL, "RSA", NULL, 256, "SHA256", "RS256"},
    {KEY_RSA_3072, "RSA", NULL, "RSA", NULL, 384, "SHA256", "RS256"},
    {KEY_RSA_4096, "RSA", NULL, "RSA", NULL, 512, "SHA256", "RS256"},
    {KEY_ED25519, "ED25519", NULL, "OKP", "Ed25519", 32, NULL, "EdDSA"},
};

const struct key_kind *key_kind_of(const EVP_PKEY *pkey)
{
    char group[64] = "";
    if (EVP_PKEY_is_a(pkey, "EC") == 1 && EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1)
        return NULL; /* explicit parameters: a curve without a name */
    int bits = EVP_PKEY_get_bits(pkey);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct key_kind *k = &kinds[i];
        if (EVP_PKEY_is_a(pkey, k->algorithm) != 1)
            continue;
        if (k->group != NULL ? strcmp(k->group, group) == 0
                             : k->crv != NULL || (bits >= 0 && (size_t)bits == k->width * 8))
            return k;
    }
    return NULL;
}

int key_adopt(EVP_PKEY *pkey, struct key **out, struct err *err)
{
    struct key *k = calloc(1, sizeof *k);
    if (k == NULL) {
        EVP_PKEY_free(pkey);
        return err_set(err, ERR_MEMORY, "no memory for a key");
    }
    k->pkey = pkey;
    *out = k;
    return 0;
}

int key_generate(enum key_type type, struct key **out, struct err *err)
{
    const struct key_kind *kind = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].type == type)
            kind = &kinds[i];
    if (kind == NULL)
        return err_set(err, ERR_CRYPTO, "no such type of key: %d", (int)type);
    EVP_PKEY *pkey = kind->group != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, kind->algorithm, kind->group)
                     : kind->crv != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, kind->algorithm)
                                         : EVP_PKEY_Q_keygen(NULL, NULL, kind->algorithm, kind->width * 8);
    if (pkey == NULL)
        return ossl_fail(err, ERR_CRYPTO, "cannot generate a key of type %s", key_type_name(type));
    return key_adopt(pkey, out, err);
}

int key_share(const struct key *k, struct key **out, struct err *err)
{
    if (EVP_PKEY_up_ref(k->pkey) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot share a key");
    return key_adopt(k->pkey, out, err);
}

void key_free(struct key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->pkey); /* wipes the private numbers, with the last that shares them */
    free(k);
}

void key_freep(struct key **k)
{
    key_free(*k);
    *k = NULL;
}

int key_to_der(const struct key *k, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(pkcs8_freep) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(k->pkey);
    unsigned char *der = NULL;
    int n = p8 != NULL ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : -1;
    return ossl_put_der(out, der, n, "the key", err);
}

/* EC keys have more than one writing. A curve written out as parameters is nothing that any CA takes (RFC
 * 5480 2.1.1); a compressed point would give another SubjectPublicKeyInfo than the same key generated here.
 */
static int normalize(EVP_PKEY *pkey, struct err *err)
{
    int written_out = 0;
    if (EVP_PKEY_is_a(pkey, "EC") != 1)
        return 0;
    if (EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &written_out) == 1 &&
        written_out != 0)
        return err_set(
            err, ERR_INPUT, "the key has its curve written out as parameters; only named curves are of use");
    if (EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
            OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot set the point format of the key");
    return 0;
}

static int adopt_normal(EVP_PKEY *pkey, struct key **out, struct err *err)
{
    int r = normalize(pkey, err);
    if (r < 0) {
        EVP_PKEY_free(pkey);
        return r;
    }
    return key_adopt(pkey, out, err);
}

int key_from_der(struct str der, struct key **out, struct err *err)
{
    const unsigned char *p = (const unsigned char *)der.p, *end = p + der.n;
    ATTR_CLEANUP(pkcs8_freep)
    PKCS8_PRIV_KEY_INFO *p8 = der.n <= INT_MAX ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n) : NULL;
    if (p8 == NULL)
        return ossl_fail(err, ERR_INPUT, "not a private key in PKCS#8");
    if (p != end)
        return err_set(err, ERR_INPUT, "%zu bytes too many behind the private key", (size_t)(end - p));
    EVP_PKEY *pkey = EVP_PKCS82PKEY(p8);
    if (pkey == NULL)
        return ossl_fail(err, ERR_INPUT, "not a private key that OpenSSL knows");
    return adopt_normal(pkey, out, err);
}

int key_to_pem(const struct key *k, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());
    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot write the key as PEM");
    return ossl_put_bio(out, bio, "the key", err);
}

/* OpenSSL's own callback would ask on the terminal. */
static int no_passphrase(char *to, int size, int writing, void *arg)
{
    (void)to, (void)size, (void)writing;
    *(bool *)arg = true;
    return -1;
}

/* Whether the private half is there and belongs to the public one. */
static int check_pair(EVP_PKEY *pkey, struct err *err)
{
    if (EVP_PKEY_is_a(pkey, "RSA") == 1 && EVP_PKEY_get_bits(pkey) > KEY_RSA_BITS_MAX)
        return err_set(err, ERR_INPUT, "an RSA key of %d bits; the longest that is taken has %d",
            EVP_PKEY_get_bits(pkey), KEY_RSA_BITS_MAX);
    ATTR_CLEANUP(pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (ctx == NULL)
        return ossl_fail(err, ERR_CRYPTO, "cannot check the key");
    if (EVP_PKEY_pairwise_check(ctx) != 1)
        return ossl_fail(err, ERR_INPUT, "the private and the public half of the key do not fit together");
    return 0;
}

int key_adopt_foreign(EVP_PKEY *pkey, struct key **out, struct err *err)
{
    int r = check_pair(pkey, err);
    if (r < 0) {
        EVP_PKEY_free(pkey);
        return r;
    }
    return adopt_normal(pkey, out, err);
}

int key_from_pem(struct str pem, struct key **out, struct err *err)
{
    if (pem.n > KEY_PEM_MAX)
        return err_set(err, ERR_LIMIT, "%zu bytes are too many for a private key", pem.n);
    ATTR_CLEANUP(bio_freep) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    if (bio == NULL)
        return ossl_fail(err, ERR_CRYPTO, "cannot read the key");
    bool encrypted = false;
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
    if (pkey == NULL && encrypted)
        return ossl_fail(err, ERR_INPUT,
            "the private key is encrypted; write it without a passphrase first (openssl pkey -in FILE)");
    if (pkey == NULL)
        return ossl_fail(err, ERR_INPUT, "no private key in PEM");
    return key_adopt_foreign(pkey, out, err);
}

bool key_type_of(const struct key *k, enum key_type *out)
{
    const struct key_kind *kind = key_kind_of(k->pkey);
    if (kind != NULL)
        *out = kind->type;
    return kind != NULL;
}

int key_spki_sha256(const struct key *k, char hex[65], struct err *err)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(k->pkey, &der);
    if (n < 0)
        return ossl_fail(err, ERR_CRYPTO, "cannot write the public key");
    int r = digest_sha256_hex((struct str){(const char *)der, (size_t)n}, hex, err);
    OPENSSL_free(der);
    return r;
}
