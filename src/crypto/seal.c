#include "crypto/seal.h"

#include "crypto/ossl.h"

#include <openssl/rand.h>
#include <string.h>

/* The layout: version, nonce, cipher text, tag. The version is authenticated with the context, so that a
 * later layout cannot be passed off as this one. */
enum { VERSION = 1, NONCE_LEN = 12, TAG_LEN = 16, HEAD_LEN = 1 + NONCE_LEN };
_Static_assert(HEAD_LEN + TAG_LEN == SEAL_OVERHEAD, "the header promises the layout");

/* Both directions up to the point where data flows. */
static EVP_CIPHER_CTX *start(
    bool sealing, const struct secret *key, const unsigned char *head, struct str context)
{
    ATTR_CLEANUP(cipher_freep) EVP_CIPHER *aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    if (aes == NULL || ctx == NULL ||
        EVP_CipherInit_ex2(ctx, aes, key->bytes, head + 1, sealing ? 1 : 0, NULL) != 1 ||
        EVP_CipherUpdate(ctx, NULL, &n, head, 1) != 1 ||
        (context.n > 0 &&
            EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)context.p, (int)context.n) != 1)) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* Runs `in` through to `to`; the tag is checked or made by the caller. */
static bool run(EVP_CIPHER_CTX *ctx, struct str in, unsigned char *to)
{
    int n = 0, last = 0;
    if (in.n > 0 && EVP_CipherUpdate(ctx, to, &n, (const unsigned char *)in.p, (int)in.n) != 1)
        return false;
    return EVP_CipherFinal_ex(ctx, to + n, &last) == 1 && (size_t)n + (size_t)last == in.n;
}

static int check(const struct secret *key, struct str context, size_t plain_n, struct err *err)
{
    if (key->n != SEAL_KEY_LEN)
        return err_set(err, ERR_CRYPTO, "a seal key has %d bytes, this one %zu", SEAL_KEY_LEN, key->n);
    if (plain_n > SEAL_PLAIN_MAX || context.n > SEAL_PLAIN_MAX)
        return err_set(err, ERR_LIMIT, "more than %d bytes to seal", SEAL_PLAIN_MAX);
    return 0;
}

int seal(const struct secret *key, struct str context, struct str plain, struct buf *out, struct err *err)
{
    int r = check(key, context, plain.n, err);
    if (r < 0)
        return r;
    unsigned char *to = (unsigned char *)buf_room(out, plain.n + SEAL_OVERHEAD);
    if (to == NULL)
        return err_set(err, ERR_LIMIT, "no room to seal %zu bytes", plain.n);
    unsigned char head[HEAD_LEN] = {VERSION};
    if (RAND_bytes(head + 1, NONCE_LEN) != 1)
        return ossl_fail(err, ERR_CRYPTO, "no random numbers");
    ATTR_CLEANUP(cipher_ctx_freep) EVP_CIPHER_CTX *ctx = start(true, key, head, context);
    if (ctx == NULL || !run(ctx, plain, to + HEAD_LEN) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, to + HEAD_LEN + plain.n) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot seal");
    memcpy(to, head, sizeof head);
    buf_added(out, plain.n + SEAL_OVERHEAD);
    return 0;
}

int unseal(const struct secret *key, struct str context, struct str sealed, struct buf *out, struct err *err)
{
    if (sealed.n < SEAL_OVERHEAD || sealed.p[0] != VERSION)
        return err_set(err, ERR_CRYPTO, "not something this version of evercert sealed");
    struct str inside = {sealed.p + HEAD_LEN, sealed.n - SEAL_OVERHEAD};
    int r = check(key, context, inside.n, err);
    if (r < 0)
        return r;
    unsigned char tag[TAG_LEN];
    memcpy(tag, inside.p + inside.n, sizeof tag);
    unsigned char *to = (unsigned char *)buf_room(out, inside.n);
    if (to == NULL)
        return err_set(err, ERR_LIMIT, "no room to unseal %zu bytes", inside.n);
    ATTR_CLEANUP(cipher_ctx_freep)
    EVP_CIPHER_CTX *ctx = start(false, key, (const unsigned char *)sealed.p, context);
    if (ctx == NULL || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1)
        return ossl_fail(err, ERR_CRYPTO, "cannot unseal");
    if (!run(ctx, inside, to)) {
        OPENSSL_cleanse(to, inside.n); /* decrypted, but by nobody's authority */
        to[0] = '\0';
        return err_set(err, ERR_CRYPTO,
            "does not unseal: damaged, sealed with another seal key, or meant for another use");
    }
    buf_added(out, inside.n);
    return 0;
}
