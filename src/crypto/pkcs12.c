#include "crypto/pkcs12.h"

#include "base/text.h"
#include "crypto/chain_priv.h"
#include "crypto/digest.h"
#include "crypto/key_priv.h"
#include "crypto/ossl.h"

#include <openssl/pkcs12.h>
#include <string.h>

enum {
    SALT_LEN = 16,
    IV_LEN = 16,     /* AES's block */
    KEY_ID_LEN = 20, /* of localKeyID, which only has to be the same at key and leaf; what others write */
    KEY_DER_MAX = 16 * 1024,
};

static void safebags_freep(STACK_OF(PKCS12_SAFEBAG) * *bags)
{
    sk_PKCS12_SAFEBAG_pop_free(*bags, PKCS12_SAFEBAG_free);
}

static void safes_freep(STACK_OF(PKCS7) * *safes)
{
    sk_PKCS7_pop_free(*safes, PKCS7_free);
}

OSSL_FREEP(algor_freep, X509_ALGOR, X509_ALGOR_free)
OSSL_FREEP(pkcs12_freep, PKCS12, PKCS12_free)
OSSL_FREEP(pkcs7_freep, PKCS7, PKCS7_free)
OSSL_FREEP(safebag_freep, PKCS12_SAFEBAG, PKCS12_SAFEBAG_free)

/* What goes in, and what chance is made of. */
struct content {
    const struct key *key;
    const STACK_OF(X509) * certs;
    const char *name, *password;
    int password_n;
    unsigned char key_id[KEY_ID_LEN];
    unsigned char secret[SHA256_LEN]; /* known to who knows the key and the rest alone */
};

/* --- salts --- */

static void put_part(struct buf *out, struct str part)
{
    buf_printf(out, "%zu:", part.n);
    buf_put_str(out, part);
}

static int make_secret(struct content *c, struct str chain_pem, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf der = buf_new_sensitive(KEY_DER_MAX);
    ATTR_CLEANUP(buf_free) struct buf all = buf_new_sensitive(CHAIN_PEM_MAX + 2 * KEY_DER_MAX);
    int r = key_to_der(c->key, &der, err);
    if (r < 0)
        return r;
    put_part(&all, STR("evercert pkcs12"));
    put_part(&all, buf_str(&der));
    put_part(&all, str_c(c->name));
    put_part(&all, str_c(c->password));
    put_part(&all, chain_pem);
    if (buf_failed(&all))
        return err_set(err, ERR_LIMIT, "too much for a PKCS #12");
    return digest_sha256(buf_str(&all), c->secret, err);
}

/* A salt and an initialization vector for each use. */
static bool chance(const struct content *c, const char *use, unsigned char out[SALT_LEN + IV_LEN])
{
    size_t n = 0;
    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, c->secret, sizeof c->secret,
               (const unsigned char *)use, strlen(use), out, SALT_LEN + IV_LEN, &n) != NULL &&
           n == SALT_LEN + IV_LEN;
}

/* PBES2 with PBKDF2, HMAC-SHA-256 and AES-256-CBC. */
static X509_ALGOR *encryption(const struct content *c, const char *use)
{
    unsigned char random[SALT_LEN + IV_LEN];
    if (!chance(c, use, random))
        return NULL;
    return PKCS5_pbe2_set_iv(
        EVP_aes_256_cbc(), PKCS12_ROUNDS, random, SALT_LEN, random + SALT_LEN, NID_hmacWithSHA256);
}

/* --- what is in it --- */

static bool mark(const struct content *c, PKCS12_SAFEBAG *bag)
{
    unsigned char id[KEY_ID_LEN];
    memcpy(id, c->key_id, sizeof id);
    return PKCS12_add_friendlyname_utf8(bag, c->name, (int)strlen(c->name)) == 1 &&
           PKCS12_add_localkeyid(bag, id, sizeof id) == 1;
}

/* The certificates, encrypted. */
static PKCS7 *certificates(const struct content *c)
{
    ATTR_CLEANUP(safebags_freep) STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    for (int i = 0; i < sk_X509_num(c->certs); i++) {
        PKCS12_SAFEBAG *bag = PKCS12_add_cert(&bags, sk_X509_value(c->certs, i));
        if (bag == NULL || (i == 0 && !mark(c, bag)))
            return NULL;
    }
    ATTR_CLEANUP(algor_freep) X509_ALGOR *by = encryption(c, "certificates");
    ATTR_CLEANUP(pkcs7_freep) PKCS7 *p7 = PKCS7_new();
    if (by == NULL || p7 == NULL || PKCS7_set_type(p7, NID_pkcs7_encrypted) != 1)
        return NULL;
    ASN1_OCTET_STRING *bytes =
        PKCS12_item_i2d_encrypt(by, ASN1_ITEM_rptr(PKCS12_SAFEBAGS), c->password, c->password_n, bags, 1);
    if (bytes == NULL)
        return NULL;
    PKCS7_ENC_CONTENT *content = p7->d.encrypted->enc_data;
    X509_ALGOR_free(content->algorithm);
    ASN1_OCTET_STRING_free(content->enc_data);
    content->algorithm = by;
    content->enc_data = bytes;
    PKCS7 *done = p7;
    by = NULL;
    p7 = NULL;
    return done;
}

/* The key, encrypted by itself. */
static PKCS7 *private_key(const struct content *c)
{
    ATTR_CLEANUP(safebags_freep) STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
    ATTR_CLEANUP(pkcs8_freep) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(c->key->pkey);
    X509_ALGOR *by = encryption(c, "key");
    X509_SIG *shrouded =
        bags != NULL && p8 != NULL && by != NULL ? PKCS8_set0_pbe(c->password, c->password_n, p8, by) : NULL;
    if (shrouded == NULL) {
        X509_ALGOR_free(by);
        return NULL;
    }
    ATTR_CLEANUP(safebag_freep) PKCS12_SAFEBAG *bag = PKCS12_SAFEBAG_create0_pkcs8(shrouded);
    if (bag == NULL) {
        X509_SIG_free(shrouded);
        return NULL;
    }
    if (!mark(c, bag) || sk_PKCS12_SAFEBAG_push(bags, bag) <= 0)
        return NULL;
    bag = NULL;
    return PKCS12_pack_p7data(bags);
}

static bool add(STACK_OF(PKCS7) * safes, PKCS7 *p7)
{
    if (p7 != NULL && sk_PKCS7_push(safes, p7) > 0)
        return true;
    PKCS7_free(p7);
    return false;
}

static PKCS12 *assemble(const struct content *c)
{
    unsigned char random[SALT_LEN + IV_LEN];
    ATTR_CLEANUP(safes_freep) STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
    ATTR_CLEANUP(pkcs12_freep) PKCS12 *p12 = PKCS12_init(NID_pkcs7_data);
    if (safes == NULL || p12 == NULL || !add(safes, certificates(c)) || !add(safes, private_key(c)) ||
        PKCS12_pack_authsafes(p12, safes) != 1 || !chance(c, "mac", random) ||
        PKCS12_set_mac(p12, c->password, c->password_n, random, SALT_LEN, PKCS12_ROUNDS, EVP_sha256()) != 1)
        return NULL;
    PKCS12 *done = p12;
    p12 = NULL;
    return done;
}

/* --- all of it --- */

static int write_all(const struct content *c, struct buf *out, struct err *err)
{
    unsigned char *der = NULL;
    ATTR_CLEANUP(pkcs12_freep) PKCS12 *p12 = assemble(c);
    if (p12 == NULL)
        return ossl_fail(err, ERR_CRYPTO, "cannot make a PKCS #12");
    int n = i2d_PKCS12(p12, &der);
    return ossl_put_der(out, der, n, "the PKCS #12", err);
}

static int check_password(const char *password, struct err *err)
{
    size_t n = strlen(password);
    if (n > PKCS12_PASSWORD_MAX)
        return err_set(
            err, ERR_LIMIT, "a password of %zu octets; at most %d are taken", n, PKCS12_PASSWORD_MAX);
    if (!text_is_utf8(str_c(password)))
        return err_set(err, ERR_INPUT, "the password is no UTF-8 text");
    return 0;
}

int pkcs12_make(const struct key *key, struct str chain_pem, size_t max_certs, const char *name,
    const char *password, struct buf *out, struct err *err)
{
    STACK_OF(X509) *loaded = NULL;
    unsigned char id[SHA256_LEN];
    struct chain chain = {.n = 0};
    ATTR_CLEANUP(arena_freep) struct arena *a = arena_new();
    int r = check_password(password, err);
    if (r < 0 || (r = chain_load(chain_pem, max_certs, &loaded, err)) < 0)
        return r;
    ATTR_CLEANUP(certs_freep) STACK_OF(X509) *certs = loaded;
    struct content c = {
        .key = key, .certs = certs, .name = name, .password = password, .password_n = (int)strlen(password)};
    if ((r = chain_describe(certs, a, &chain, err)) < 0 || (r = digest_sha256(chain.leaf_der, id, err)) < 0 ||
        (r = make_secret(&c, chain_pem, err)) < 0)
        return r;
    memcpy(c.key_id, id, sizeof c.key_id);
    r = write_all(&c, out, err);
    OPENSSL_cleanse(c.secret, sizeof c.secret);
    return r;
}
