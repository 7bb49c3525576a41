/* Private keys as other programs write them: PEM, JWK, DER in base64. */
#include "crypto/key_priv.h"

#include "base/b64.h"
#include "base/buf.h"
#include "crypto/ossl.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

enum {
    NUMBER_MAX = KEY_RSA_BITS_MAX / 8, /* octets of a number of a JWK */
    NUMBERS = 8,                       /* of an RSA key */
    OKP_LEN = 32,                      /* octets of an Ed25519 key */
};

OSSL_FREEP(param_bld_freep, OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
OSSL_FREEP(params_freep, OSSL_PARAM, OSSL_PARAM_free)

static void json_freep(json_t **j)
{
    json_decref(*j);
}

static int not_jwk(struct err *err, const char *what)
{
    return err_set(err, ERR_INPUT, "a JWK without a good %s", what);
}

static int member(const json_t *jwk, const char *name, struct buf *out, struct err *err)
{
    const char *text = json_string_value(json_object_get(jwk, name));
    return text == NULL || b64url_decode(out, str_c(text)) < 0 || out->n == 0 ? not_jwk(err, name) : 0;
}

/* Takes what the builder has, and gives the key. */
static int from_params(const char *algorithm, OSSL_PARAM_BLD *bld, struct key **out, struct err *err)
{
    ATTR_CLEANUP(params_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    ATTR_CLEANUP(pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    EVP_PKEY *pkey = NULL;
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        return ossl_fail(err, ERR_INPUT, "a JWK that is no private key");
    return key_adopt_foreign(pkey, out, err);
}

/* RFC 7518 6.3 */
static int from_rsa(const json_t *jwk, struct key **out, struct err *err)
{
    static const struct {
        const char *name, *param;
    } numbers[NUMBERS] = {
        {"n", OSSL_PKEY_PARAM_RSA_N},
        {"e", OSSL_PKEY_PARAM_RSA_E},
        {"d", OSSL_PKEY_PARAM_RSA_D},
        {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
        {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
        {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
        {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
        {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
    };
    ATTR_CLEANUP(param_bld_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *bn[NUMBERS] = {NULL}; /* the builder only points at them */
    int r = bld != NULL ? 0 : err_set(err, ERR_MEMORY, "no memory for a key");
    for (size_t i = 0; r == 0 && i < NUMBERS; i++) {
        struct buf bytes ATTR_CLEANUP(buf_free) = buf_new_sensitive(NUMBER_MAX);
        if ((r = member(jwk, numbers[i].name, &bytes, err)) < 0)
            break;
        bn[i] = BN_bin2bn((const unsigned char *)bytes.p, (int)bytes.n, NULL);
        if (bn[i] == NULL || OSSL_PARAM_BLD_push_BN(bld, numbers[i].param, bn[i]) != 1)
            r = ossl_fail(err, ERR_CRYPTO, "cannot read a number of the key");
    }
    if (r == 0)
        r = from_params("RSA", bld, out, err);
    for (size_t i = 0; i < NUMBERS; i++)
        BN_clear_free(bn[i]);
    return r;
}

/* RFC 7518 6.2: coordinates have the width of the curve; fewer octets would be another point. */
static int from_ec(const json_t *jwk, struct key **out, struct err *err)
{
    static const struct {
        const char *crv, *group;
        size_t width;
    } curves[] = {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};
    const char *crv = json_string_value(json_object_get(jwk, "crv"));
    struct buf point ATTR_CLEANUP(buf_free) = buf_new(NUMBER_MAX);
    struct buf d ATTR_CLEANUP(buf_free) = buf_new_sensitive(NUMBER_MAX);
    size_t which = 0;
    while (which < ARRAY_LEN(curves) && (crv == NULL || strcmp(crv, curves[which].crv) != 0))
        which++;
    if (which == ARRAY_LEN(curves))
        return not_jwk(err, "crv");
    buf_put_char(&point, '\x04');
    int r = member(jwk, "x", &point, err);
    if (r < 0 || (r = member(jwk, "y", &point, err)) < 0 || (r = member(jwk, "d", &d, err)) < 0)
        return r;
    if (point.n != 1 + 2 * curves[which].width)
        return not_jwk(err, "point");
    ATTR_CLEANUP(param_bld_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *number = BN_bin2bn((const unsigned char *)d.p, (int)d.n, NULL);
    if (bld == NULL || number == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curves[which].group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) != 1 ||
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, number) != 1)
        r = ossl_fail(err, ERR_CRYPTO, "cannot read the key");
    else
        r = from_params("EC", bld, out, err);
    BN_clear_free(number);
    return r;
}

/* RFC 8037 2 */
static int from_okp(const json_t *jwk, struct key **out, struct err *err)
{
    const char *crv = json_string_value(json_object_get(jwk, "crv"));
    struct buf d ATTR_CLEANUP(buf_free) = buf_new_sensitive(OKP_LEN);
    if (crv == NULL || strcmp(crv, "Ed25519") != 0)
        return not_jwk(err, "crv");
    int r = member(jwk, "d", &d, err);
    if (r < 0)
        return r;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, (const unsigned char *)d.p, d.n);
    return pkey == NULL ? ossl_fail(err, ERR_INPUT, "a JWK that is no private key")
                        : key_adopt(pkey, out, err);
}

static int from_jwk(struct str text, struct key **out, struct err *err)
{
    ATTR_CLEANUP(json_freep) json_t *jwk = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    if (kty == NULL)
        return err_set(err, ERR_INPUT, "neither PEM nor a JWK");
    if (strcmp(kty, "RSA") == 0)
        return from_rsa(jwk, out, err);
    if (strcmp(kty, "EC") == 0)
        return from_ec(jwk, out, err);
    return strcmp(kty, "OKP") == 0 ? from_okp(jwk, out, err) : not_jwk(err, "kty");
}

static int from_base64(struct str text, struct key **out, struct err *err)
{
    struct buf plain ATTR_CLEANUP(buf_free) = buf_new_sensitive(KEY_PEM_MAX);
    struct buf der ATTR_CLEANUP(buf_free) = buf_new_sensitive(KEY_PEM_MAX);
    size_t padding = 0;
    for (size_t i = 0; i < text.n; i++)
        if (strchr(" \t\r\n", text.p[i]) == NULL || text.p[i] == '\0') {
            buf_put_char(&plain, text.p[i]);
            padding += text.p[i] == '=';
        }
    char *room = plain.n > 0 ? buf_room(&der, plain.n) : NULL;
    int n = room != NULL && plain.n % 4 == 0 && padding <= 2
                ? EVP_DecodeBlock((unsigned char *)room, (const unsigned char *)plain.p, (int)plain.n)
                : -1;
    if (n < 0 || (size_t)n < padding)
        return err_set(err, ERR_INPUT, "no private key in PEM, as a JWK or in base64");
    buf_added(&der, (size_t)n - padding);
    const unsigned char *p = (const unsigned char *)der.p;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
    if (pkey == NULL || p != (const unsigned char *)der.p + der.n) {
        EVP_PKEY_free(pkey);
        return ossl_fail(err, ERR_INPUT, "no private key in base64");
    }
    return key_adopt_foreign(pkey, out, err);
}

int key_from_text(struct str text, struct key **out, struct err *err)
{
    struct str trimmed = str_trim(text);
    if (text.n > KEY_PEM_MAX)
        return err_set(err, ERR_LIMIT, "%zu bytes are too many for a private key", text.n);
    if (trimmed.n == 0)
        return err_set(err, ERR_INPUT, "there is no key");
    if (trimmed.p[0] == '{')
        return from_jwk(trimmed, out, err);
    if (memmem(trimmed.p, trimmed.n, "-----BEGIN ", 11) != NULL)
        return key_from_pem(trimmed, out, err);
    return from_base64(trimmed, out, err);
}
