#include "processes/primitive/primitive.h"

#include "base/attr.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

enum { SIGNATURE_MAX = 2048, FIELD_MAX = 66 }; /* of RSA with 16384 bits; octets of a number of P-521 */

static const EVP_MD *md_of(const char *alg)
{
    static const char *const names[] = {"sha256", "sha1", "md5", "sha3-256", "sha384", "sha512"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(alg, names[i]) == 0)
            return EVP_get_digestbyname(alg);
    return NULL;
}

static int unknown(const char *alg, struct err *err)
{
    return err_set(err, ERR_USAGE, "%s is no digest that is known here", alg);
}

int crypto_digest(const char *alg, struct str in, struct buf *out, struct err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    if (md_of(alg) == NULL)
        return unknown(alg, err);
    if (EVP_Digest(in.p != NULL ? in.p : "", in.n, digest, &n, md_of(alg), NULL) != 1)
        return err_set(err, ERR_CRYPTO, "%s failed", alg);
    buf_put(out, digest, n);
    return 0;
}

int crypto_hmac(const char *alg, struct str key, struct str in, struct buf *out, struct err *err)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n;
    if (md_of(alg) == NULL)
        return unknown(alg, err);
    if (HMAC(md_of(alg), key.p != NULL ? key.p : "", (int)key.n,
            (const unsigned char *)(in.p != NULL ? in.p : ""), in.n, mac, &n) == NULL)
        return err_set(err, ERR_CRYPTO, "HMAC with %s failed", alg);
    buf_put(out, mac, n);
    return 0;
}

static int no_password(char *buf, int size, int rwflag, void *arg)
{
    return -1;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *key = f != NULL ? PEM_read_PrivateKey(f, NULL, no_password, NULL) : NULL;
    if (f != NULL)
        fclose(f);
    return key;
}

bool crypto_is_rsa(const char *path)
{
    EVP_PKEY *key = read_key(path);
    bool rsa = key != NULL && EVP_PKEY_is_a(key, "RSA");
    EVP_PKEY_free(key);
    return rsa;
}

/* r and s, each as long as the curve's numbers are. */
static bool put_numbers(const unsigned char *der, size_t n, int bits, struct buf *out)
{
    unsigned char number[FIELD_MAX];
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    int size = (bits + 7) / 8;
    bool ok = sig != NULL && size <= FIELD_MAX && BN_bn2binpad(ECDSA_SIG_get0_r(sig), number, size) == size;
    if (ok)
        buf_put(out, number, (size_t)size);
    ok = ok && BN_bn2binpad(ECDSA_SIG_get0_s(sig), number, size) == size;
    if (ok)
        buf_put(out, number, (size_t)size);
    ECDSA_SIG_free(sig);
    return ok;
}

static bool sign(EVP_PKEY *key, const char *alg, struct str in, struct buf *out)
{
    unsigned char signature[SIGNATURE_MAX];
    size_t n = sizeof signature;
    bool rsa = EVP_PKEY_is_a(key, "RSA"), ec = EVP_PKEY_is_a(key, "EC");
    int bits = EVP_PKEY_get_bits(key);
    const EVP_MD *md = rsa           ? md_of(alg)
                       : bits <= 256 ? EVP_sha256()
                       : bits <= 384 ? EVP_sha384()
                                     : EVP_sha512();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok =
        (rsa || ec) && md != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
        EVP_DigestSign(ctx, signature, &n, (const unsigned char *)(in.p != NULL ? in.p : ""), in.n) == 1;
    EVP_MD_CTX_free(ctx);
    if (ok && rsa)
        buf_put(out, signature, n);
    else if (ok)
        ok = put_numbers(signature, n, bits, out);
    return ok;
}

int crypto_sign(const char *path, const char *alg, struct str in, struct buf *out, struct err *err)
{
    EVP_PKEY *key = read_key(path);
    int r = 0;
    if (key == NULL)
        r = err_set(err, ERR_INPUT, "%s holds no private key in PEM without a password", path);
    else if (!sign(key, alg, in, out))
        r = err_set(err, ERR_CRYPTO, "the key in %s cannot sign with %s", path, alg);
    EVP_PKEY_free(key);
    return r;
}
