#include "crypto/sign.h"

#include "crypto/jws_priv.h"
#include "crypto/key_priv.h"
#include "crypto/ossl.h"

enum { SIGNATURE_MAX = KEY_RSA_BITS_MAX / 8, WIDTH_MAX = 66 /* of P-521 */ };

static int sign(
    const char *digest, const struct key *key, bool rsa, struct str text, struct buf *out, struct err *err)
{
    unsigned char sig[SIGNATURE_MAX], raw[2 * WIDTH_MAX];
    size_t n = sizeof sig, width = (size_t)(EVP_PKEY_get_bits(key->pkey) + 7) / 8;
    ATTR_CLEANUP(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (EVP_PKEY_is_a(key->pkey, rsa ? "RSA" : "EC") != 1)
        return err_set(err, ERR_INPUT, "the key is no %s key", rsa ? "RSA" : "ECDSA");
    if (ctx == NULL || EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, key->pkey, NULL) != 1 ||
        EVP_DigestSign(ctx, sig, &n, (const unsigned char *)text.p, text.n) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot sign");
    if (rsa) {
        buf_put(out, sig, n);
    } else {
        int r = width <= WIDTH_MAX ? jws_ecdsa_raw((struct str){(const char *)sig, n}, width, raw, err)
                                   : err_set(err, ERR_INPUT, "a curve of that size is not used here");
        if (r < 0)
            return r;
        buf_put(out, raw, 2 * width);
    }
    return buf_failed(out) ? err_set(err, ERR_LIMIT, "no room for a signature") : 0;
}

int sign_pem(const char *digest, struct str pem, bool rsa, struct str text, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(key_freep) struct key *key = NULL;
    int r = key_from_pem(pem, &key, err);
    return r < 0 ? r : sign(digest, key, rsa, text, out, err);
}
