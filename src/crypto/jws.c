#include "crypto/jws.h"

#include "base/b64.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/jws_priv.h"
#include "crypto/key_priv.h"
#include "crypto/ossl.h"

#include <limits.h>
#include <openssl/core_names.h>

/* The widest curve and the longest modulus in the table of keys. */
enum { EC_WIDTH_MAX = 48, RSA_WIDTH_MAX = 512, OKP_WIDTH_MAX = 32 };

static int not_ours(struct err *err)
{
    return err_set(err, ERR_CRYPTO,
        "this kind of key cannot sign for ACME here; use ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, "
        "rsa-4096 or ed25519");
}

/* One member `"name":"base64url(number)"`; width 0 stands for minimal length. */
static int put_number(
    struct buf *out, const struct key *k, const char *param, const char *name, size_t width, struct err *err)
{
    BIGNUM *read = NULL;
    int ok = EVP_PKEY_get_bn_param(k->pkey, param, &read);
    ATTR_CLEANUP(bn_freep) BIGNUM *bn = read;
    unsigned char bytes[RSA_WIDTH_MAX];
    if (ok == 1 && width == 0)
        width = (size_t)BN_num_bytes(bn);
    if (ok != 1 || width > sizeof bytes || BN_bn2binpad(bn, bytes, (int)width) < 0)
        return ossl_fail(err, ERR_CRYPTO, "cannot read the public key's number %s", name);
    buf_printf(out, "\"%s\":\"", name);
    b64url_encode(out, (struct str){(const char *)bytes, width});
    buf_put_c(out, "\"");
    return 0;
}

static int put_ec(struct buf *out, const struct key *k, const struct key_kind *kind, struct err *err)
{
    buf_printf(out, "{\"crv\":\"%s\",\"kty\":\"EC\",", kind->crv);
    int r = put_number(out, k, OSSL_PKEY_PARAM_EC_PUB_X, "x", kind->width, err);
    buf_put_c(out, ",");
    return r < 0 ? r : put_number(out, k, OSSL_PKEY_PARAM_EC_PUB_Y, "y", kind->width, err);
}

static int put_rsa(struct buf *out, const struct key *k, struct err *err)
{
    buf_put_c(out, "{");
    int r = put_number(out, k, OSSL_PKEY_PARAM_RSA_E, "e", 0, err);
    buf_put_c(out, ",\"kty\":\"RSA\",");
    return r < 0 ? r : put_number(out, k, OSSL_PKEY_PARAM_RSA_N, "n", 0, err);
}

/* RFC 8037 2 */
static int put_okp(struct buf *out, const struct key *k, const struct key_kind *kind, struct err *err)
{
    unsigned char bytes[OKP_WIDTH_MAX];
    size_t n = sizeof bytes;
    if (EVP_PKEY_get_raw_public_key(k->pkey, bytes, &n) != 1 || n != kind->width)
        return ossl_fail(err, ERR_CRYPTO, "cannot read the public key");
    buf_printf(out, "{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"", kind->crv);
    b64url_encode(out, (struct str){(const char *)bytes, n});
    buf_put_c(out, "\"");
    return 0;
}

int jwk_public(const struct key *k, struct buf *out, struct err *err)
{
    const struct key_kind *kind = key_kind_of(k->pkey);
    if (kind == NULL)
        return not_ours(err);
    ATTR_CLEANUP(buf_free) struct buf jwk = buf_new(JWS_HEADER_MAX);
    int r = kind->group != NULL ? put_ec(&jwk, k, kind, err)
            : kind->crv != NULL ? put_okp(&jwk, k, kind, err)
                                : put_rsa(&jwk, k, err);
    if (r < 0)
        return r;
    buf_put_c(&jwk, "}");
    if (!buf_failed(&jwk))
        buf_put_str(out, buf_str(&jwk));
    if (buf_failed(&jwk) || buf_failed(out))
        return err_set(err, ERR_LIMIT, "no room for the public key as JSON");
    return 0;
}

int jwk_thumbprint(const struct key *k, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf jwk = buf_new(JWS_HEADER_MAX);
    unsigned char hash[SHA256_LEN];
    int r = jwk_public(k, &jwk, err);
    if (r < 0 || (r = digest_sha256(buf_str(&jwk), hash, err)) < 0)
        return r;
    b64url_encode(out, (struct str){(const char *)hash, sizeof hash});
    return buf_failed(out) ? err_set(err, ERR_LIMIT, "no room for the thumbprint") : 0;
}

const char *jws_alg(const struct key *k)
{
    const struct key_kind *kind = key_kind_of(k->pkey);
    return kind != NULL ? kind->jws_alg : NULL;
}

int jws_ecdsa_raw(struct str der, size_t width, unsigned char *out, struct err *err)
{
    const unsigned char *p = (const unsigned char *)der.p, *end = p + der.n;
    ATTR_CLEANUP(ecdsa_sig_freep)
    ECDSA_SIG *sig = der.n <= INT_MAX ? d2i_ECDSA_SIG(NULL, &p, (long)der.n) : NULL;
    if (sig == NULL || p != end)
        return ossl_fail(err, ERR_CRYPTO, "not an ECDSA signature in DER");
    const BIGNUM *numbers[] = {ECDSA_SIG_get0_r(sig), ECDSA_SIG_get0_s(sig)};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (BN_is_negative(numbers[i]) || BN_bn2binpad(numbers[i], out + i * width, (int)width) < 0)
            return ossl_fail(err, ERR_CRYPTO, "a number of the ECDSA signature is not %zu octets", width);
    return 0;
}

/* Appends base64url of the signature over `text` to `out`. */
static int put_signature(struct buf *out, const void *by, struct str text, struct err *err)
{
    const struct key *k = by;
    const struct key_kind *kind = key_kind_of(k->pkey);
    unsigned char sig[RSA_WIDTH_MAX], raw[2 * EC_WIDTH_MAX];
    size_t n = sizeof sig;
    ATTR_CLEANUP(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestSignInit_ex(ctx, NULL, kind->digest, NULL, NULL, k->pkey, NULL) != 1 ||
        EVP_DigestSign(ctx, sig, &n, (const unsigned char *)text.p, text.n) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot sign");
    if (kind->group == NULL) {
        b64url_encode(out, (struct str){(const char *)sig, n});
        return 0;
    }
    int r = jws_ecdsa_raw((struct str){(const char *)sig, n}, kind->width, raw, err);
    if (r == 0)
        b64url_encode(out, (struct str){(const char *)raw, 2 * kind->width});
    return r;
}

int jws_put_member(struct buf *out, const char *name, struct str value, struct err *err)
{
    if (!text_is_utf8(value))
        return err_set(err, ERR_INPUT, "the value for \"%s\" is not UTF-8", name);
    buf_printf(out, ",\"%s\":\"", name);
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return err_set(err, ERR_INPUT, "the value for \"%s\" holds a control character", name);
        if (c == '"' || c == '\\')
            buf_put_char(out, '\\');
        buf_put_char(out, c);
    }
    buf_put_c(out, "\"");
    return 0;
}

static int put_header(struct buf *out, const struct key *k, const struct key_kind *kind, struct str kid,
    struct str nonce, struct str url, struct err *err)
{
    int r = 0;
    buf_printf(out, "{\"alg\":\"%s\"", kind->jws_alg);
    if (kid.n > 0) {
        r = jws_put_member(out, "kid", kid, err);
    } else {
        buf_put_c(out, ",\"jwk\":");
        r = jwk_public(k, out, err);
    }
    if (r < 0 || (nonce.n > 0 && (r = jws_put_member(out, "nonce", nonce, err)) < 0) ||
        (r = jws_put_member(out, "url", url, err)) < 0)
        return r;
    buf_put_c(out, "}");
    return 0;
}

int jws_put(const struct buf *header, struct str payload, jws_signer *sign, const void *by, struct buf *out,
    struct err *err)
{
    if (buf_failed(header))
        return err_set(err, ERR_LIMIT, "the header is longer than %d bytes", JWS_HEADER_MAX);
    /* All pieces end up in `out`, so what does not fit there is not worth building. */
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(out->max);
    ATTR_CLEANUP(buf_free) struct buf sig = buf_new(out->max);
    b64url_encode(&text, buf_str(header));
    size_t header_n = buf_str(&text).n;
    buf_put_c(&text, ".");
    b64url_encode(&text, payload);
    if (buf_failed(&text))
        return err_set(err, ERR_LIMIT, "no room for a request with %zu bytes of payload", payload.n);
    int r = sign(&sig, by, buf_str(&text), err);
    if (r < 0)
        return r;
    struct str whole = buf_str(&text);
    struct str payload64 = {whole.p + header_n + 1, whole.n - header_n - 1};
    ATTR_CLEANUP(buf_free) struct buf jws = buf_new(out->max);
    buf_put_c(&jws, "{\"protected\":\"");
    buf_put_str(&jws, (struct str){whole.p, header_n});
    buf_put_c(&jws, "\",\"payload\":\"");
    buf_put_str(&jws, payload64);
    buf_put_c(&jws, "\",\"signature\":\"");
    buf_put_str(&jws, buf_str(&sig));
    buf_put_c(&jws, "\"}");
    bool whole_fits = !buf_failed(&sig) && !buf_failed(&jws);
    if (whole_fits)
        buf_put_str(out, buf_str(&jws));
    if (!whole_fits || buf_failed(out))
        return err_set(err, ERR_LIMIT, "no room for a request with %zu bytes of payload", payload.n);
    return 0;
}

int jws_sign(const struct key *k, struct str kid, struct str nonce, struct str url, struct str payload,
    struct buf *out, struct err *err)
{
    const struct key_kind *kind = key_kind_of(k->pkey);
    if (kind == NULL)
        return not_ours(err);
    ATTR_CLEANUP(buf_free) struct buf header = buf_new(JWS_HEADER_MAX);
    int r = put_header(&header, k, kind, kid, nonce, url, err);
    return r < 0 ? r : jws_put(&header, payload, put_signature, k, out, err);
}
