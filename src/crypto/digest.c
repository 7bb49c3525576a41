#include "crypto/digest.h"

#include "crypto/ossl.h"

#include <openssl/evp.h>

int digest_any(const char *digest, struct str text, unsigned char out[DIGEST_MAX], size_t *n, struct err *err)
{
    if (EVP_Q_digest(NULL, digest, NULL, text.p, text.n, out, n) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot compute %s", digest);
    return 0;
}

int digest_hmac(const char *digest, struct str key, struct str text, unsigned char out[DIGEST_MAX], size_t *n,
    struct err *err)
{
    const char *octets = key.n > 0 ? key.p : ""; /* NULL is no key for OpenSSL */
    if (EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, octets, key.n, (const unsigned char *)text.p, text.n, out,
            DIGEST_MAX, n) == NULL)
        return ossl_fail(err, ERR_CRYPTO, "cannot compute an HMAC with %s", digest);
    return 0;
}

int digest_sha256(struct str s, unsigned char out[SHA256_LEN], struct err *err)
{
    if (EVP_Q_digest(NULL, "SHA256", NULL, s.p, s.n, out, NULL) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot compute SHA-256");
    return 0;
}

static void to_hex(const unsigned char raw[SHA256_LEN], char out[SHA256_HEX_LEN])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_LEN; i++) {
        out[2 * i] = digits[raw[i] >> 4];
        out[2 * i + 1] = digits[raw[i] & 15];
    }
    out[SHA256_HEX_LEN - 1] = '\0';
}

int digest_sha256_hex(struct str s, char out[SHA256_HEX_LEN], struct err *err)
{
    unsigned char raw[SHA256_LEN];
    int r = digest_sha256(s, raw, err);
    if (r == 0)
        to_hex(raw, out);
    return r;
}

int digest_hmac_sha256_hex(struct str key, struct str text, char out[SHA256_HEX_LEN], struct err *err)
{
    unsigned char raw[DIGEST_MAX];
    size_t n;
    int r = digest_hmac("SHA256", key, text, raw, &n, err);
    if (r == 0)
        to_hex(raw, out);
    return r;
}
