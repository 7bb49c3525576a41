#include "crypto/digest.h"

#include "crypto/ossl.h"

#include <openssl/evp.h>

int digest_sha256(struct str s, unsigned char out[SHA256_LEN], struct err *err)
{
    if (EVP_Q_digest(NULL, "SHA256", NULL, s.p, s.n, out, NULL) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot compute SHA-256");
    return 0;
}

int digest_sha256_hex(struct str s, char out[SHA256_HEX_LEN], struct err *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[SHA256_LEN];
    int r = digest_sha256(s, raw, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof raw; i++) {
        out[2 * i] = digits[raw[i] >> 4];
        out[2 * i + 1] = digits[raw[i] & 15];
    }
    out[2 * sizeof raw] = '\0';
    return 0;
}
