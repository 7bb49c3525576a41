/* Private keys as other programs write them: PEM, JWK, DER in base64. */
#include "crypto/key_priv.h"

#include "base/buf.h"
#include "crypto/jwk.h"
#include "crypto/ossl.h"

#include <jansson.h>
#include <string.h>

static void json_freep(json_t **j)
{
    json_decref(*j);
}

/* The parser's copy. */
static void wipe(struct str text)
{
    union {
        const char *from;
        char *to;
    } bytes = {text.p};
    if (text.n > 0)
        explicit_bzero(bytes.to, text.n);
}

static int from_jwk(struct str text, struct key **out, struct err *err)
{
    ATTR_CLEANUP(json_freep) json_t *o = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    struct jwk_text jwk = {.kty = {NULL, 0}};
    const struct {
        const char *name;
        struct str *to;
    } members[] = {{"kty", &jwk.kty}, {"crv", &jwk.crv}, {"d", &jwk.d}, {"x", &jwk.x}, {"y", &jwk.y},
        {"n", &jwk.n}, {"e", &jwk.e}, {"p", &jwk.p}, {"q", &jwk.q}, {"dp", &jwk.dp}, {"dq", &jwk.dq},
        {"qi", &jwk.qi}};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        *members[i].to = str_c(json_string_value(json_object_get(o, members[i].name)));
    int r = key_from_jwk(&jwk, out, err);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        wipe(*members[i].to);
    return r;
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
