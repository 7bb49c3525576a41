#include "crypto/jwk.h"

#include "base/b64.h"
#include "crypto/key_priv.h"
#include "crypto/ossl.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

/* Longest member: the modulus of the longest RSA key that is taken. */
enum { MEMBER_MAX = KEY_RSA_BITS_MAX / 8 + 8 };
/* "P-256" and so on: the rows for public numbers of a point. */
enum { POINT_MAX = 1 + 2 * 66 };

enum { NUMBERS_MAX = 8 }; /* of an RSA key */

OSSL_FREEP(params_freep, OSSL_PARAM, OSSL_PARAM_free)

/* Parameters being put together, and the numbers that have to live until they are. */
struct parts {
    OSSL_PARAM_BLD *bld;
    BIGNUM *numbers[NUMBERS_MAX];
    size_t n;
};

static void parts_free(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        BN_clear_free(p->numbers[i]);
    OSSL_PARAM_BLD_free(p->bld);
}

static int decode(struct str member, const char *name, struct buf *out, struct err *err)
{
    buf_clear(out);
    if (member.n == 0 || b64url_decode(out, member) < 0 || out->n == 0)
        return err_set(err, ERR_INPUT, "the key has no member \"%s\" in base64url", name);
    return 0;
}

static int push_number(
    struct parts *p, const char *param, struct str member, const char *name, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf octets = buf_new_sensitive(MEMBER_MAX);
    int r = decode(member, name, &octets, err);
    if (r < 0)
        return r;
    BIGNUM *number = BN_secure_new();
    if (number != NULL && p->n < NUMBERS_MAX)
        p->numbers[p->n++] = number;
    if (number == NULL || BN_bin2bn((const unsigned char *)octets.p, (int)octets.n, number) == NULL ||
        OSSL_PARAM_BLD_push_BN(p->bld, param, number) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot put a key together");
    return 0;
}

static int push_rsa(struct parts *p, const struct jwk_text *jwk, struct err *err)
{
    const struct {
        const char *param, *name;
        struct str member;
    } numbers[NUMBERS_MAX] = {
        {OSSL_PKEY_PARAM_RSA_N, "n", jwk->n},
        {OSSL_PKEY_PARAM_RSA_E, "e", jwk->e},
        {OSSL_PKEY_PARAM_RSA_D, "d", jwk->d},
        {OSSL_PKEY_PARAM_RSA_FACTOR1, "p", jwk->p},
        {OSSL_PKEY_PARAM_RSA_FACTOR2, "q", jwk->q},
        {OSSL_PKEY_PARAM_RSA_EXPONENT1, "dp", jwk->dp},
        {OSSL_PKEY_PARAM_RSA_EXPONENT2, "dq", jwk->dq},
        {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "qi", jwk->qi},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++)
        r = push_number(p, numbers[i].param, numbers[i].member, numbers[i].name, err);
    return r;
}

/* The group by its JWK name, and the public point as an uncompressed one. `point` lives until the key is
 * made. */
static int push_ec(struct parts *p, const struct jwk_text *jwk, struct buf *point, struct err *err)
{
    static const struct {
        const char *crv, *group;
    } curves[] = {{"P-256", "prime256v1"}, {"P-384", "secp384r1"}, {"P-521", "secp521r1"}};
    ATTR_CLEANUP(buf_free) struct buf x = buf_new(MEMBER_MAX), y = buf_new(MEMBER_MAX);
    const char *group = NULL;
    int r;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (str_eq_c(jwk->crv, curves[i].crv))
            group = curves[i].group;
    if (group == NULL)
        return err_set(err, ERR_INPUT, "a key on a curve that is not known");
    if ((r = decode(jwk->x, "x", &x, err)) < 0 || (r = decode(jwk->y, "y", &y, err)) < 0)
        return r;
    buf_put_char(point, '\x04');
    buf_put_str(point, buf_str(&x));
    buf_put_str(point, buf_str(&y));
    if (buf_failed(point) ||
        OSSL_PARAM_BLD_push_utf8_string(p->bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(p->bld, OSSL_PKEY_PARAM_PUB_KEY, point->p, point->n) != 1)
        return ossl_fail(err, ERR_INPUT, "the public half of the key is no point");
    return push_number(p, OSSL_PKEY_PARAM_PRIV_KEY, jwk->d, "d", err);
}

static int push_okp(struct parts *p, const struct jwk_text *jwk, struct buf *public_half,
    struct buf *private_half, struct err *err)
{
    int r;
    if (!str_eq_c(jwk->crv, "Ed25519"))
        return err_set(err, ERR_INPUT, "a key on a curve that is not known");
    if ((r = decode(jwk->x, "x", public_half, err)) < 0 || (r = decode(jwk->d, "d", private_half, err)) < 0)
        return r;
    if (OSSL_PARAM_BLD_push_octet_string(p->bld, OSSL_PKEY_PARAM_PUB_KEY, public_half->p, public_half->n) !=
            1 ||
        OSSL_PARAM_BLD_push_octet_string(
            p->bld, OSSL_PKEY_PARAM_PRIV_KEY, private_half->p, private_half->n) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot put a key together");
    return 0;
}

static int make(const char *algorithm, OSSL_PARAM_BLD *bld, struct key **out, struct err *err)
{
    EVP_PKEY *pkey = NULL;
    ATTR_CLEANUP(params_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    ATTR_CLEANUP(pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        return ossl_fail(err, ERR_INPUT, "the numbers of the key do not make one");
    return key_adopt_foreign(pkey, out, err);
}

int key_from_jwk(const struct jwk_text *jwk, struct key **out, struct err *err)
{
    ATTR_CLEANUP(parts_free) struct parts p = {.bld = OSSL_PARAM_BLD_new()};
    ATTR_CLEANUP(buf_free) struct buf public_half = buf_new(POINT_MAX);
    ATTR_CLEANUP(buf_free) struct buf private_half = buf_new_sensitive(MEMBER_MAX);
    const char *algorithm;
    int r;
    if (p.bld == NULL)
        return ossl_fail(err, ERR_MEMORY, "no memory for a key");
    if (str_eq_c(jwk->kty, "RSA")) {
        algorithm = "RSA";
        r = push_rsa(&p, jwk, err);
    } else if (str_eq_c(jwk->kty, "EC")) {
        algorithm = "EC";
        r = push_ec(&p, jwk, &public_half, err);
    } else if (str_eq_c(jwk->kty, "OKP")) {
        algorithm = "ED25519";
        r = push_okp(&p, jwk, &public_half, &private_half, err);
    } else {
        return err_set(err, ERR_INPUT, "not a private key as JSON Web Key");
    }
    return r < 0 ? r : make(algorithm, p.bld, out, err);
}
