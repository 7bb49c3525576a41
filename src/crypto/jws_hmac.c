#include "crypto/jws.h"

#include "base/b64.h"
#include "crypto/digest.h"
#include "crypto/jws_priv.h"

#include <string.h>

/* RFC 7518 3.2 */
static const struct mac {
    const char *alg, *digest;
} macs[] = {
    {"HS256", "SHA256"},
    {"HS384", "SHA384"},
    {"HS512", "SHA512"},
};

/* Two characters of each alphabet are its own. */
static bool is_base64(struct str s)
{
    return memchr(s.p, '+', s.n) != NULL || memchr(s.p, '/', s.n) != NULL;
}

/* The same in the alphabet of base64url and without its padding. */
static void to_base64url(struct str s, struct buf *out)
{
    bool plain = is_base64(s);
    s.n -= s.n % 4 != 0 ? 0 : str_ends(s, STR("==")) ? 2 : str_ends(s, STR("=")) ? 1 : 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (plain)
            c = (char)(c == '+' ? '-' : c == '/' ? '_' : c == '-' || c == '_' ? '?' : c);
        buf_put_char(out, c);
    }
}

int jws_mac_key(struct str text, struct secret *out, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf url = buf_new_sensitive(2 * SECRET_MAX);
    ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(SECRET_MAX);
    to_base64url(str_trim(text), &url);
    if (buf_failed(&url))
        return err_set(err, ERR_INPUT, "the key is longer than the %d bytes that are taken", SECRET_MAX);
    if (url.n == 0)
        return err_set(err, ERR_INPUT, "the key is empty");
    int r = b64url_decode(&key, buf_str(&url));
    if (r == ERR_LIMIT)
        return err_set(err, ERR_INPUT, "the key is longer than the %d bytes that are taken", SECRET_MAX);
    if (r < 0)
        return err_set(err, ERR_INPUT,
            "the key is neither base64url nor base64; take it as the CA shows it, whole and without quotes");
    memcpy(out->bytes, key.p, key.n);
    out->n = key.n;
    return 0;
}

struct hmac {
    const struct secret *key;
    const struct mac *mac;
};

static int put_hmac(struct buf *out, const void *by, struct str text, struct err *err)
{
    const struct hmac *h = by;
    struct str key = {(const char *)h->key->bytes, h->key->n};
    unsigned char tag[DIGEST_MAX];
    size_t n = 0;
    int r = digest_hmac(h->mac->digest, key, text, tag, &n, err);
    if (r < 0)
        return r;
    b64url_encode(out, (struct str){(const char *)tag, n});
    return 0;
}

int jws_sign_hmac(const struct secret *key, struct str alg, struct str kid, struct str url,
    struct str payload, struct buf *out, struct err *err)
{
    struct hmac by = {key, NULL};
    for (size_t i = 0; i < ARRAY_LEN(macs); i++)
        if (str_eq_c(alg, macs[i].alg))
            by.mac = &macs[i];
    if (by.mac == NULL)
        return err_set(err, ERR_INPUT, "the algorithm of an account binding is HS256, HS384 or HS512");
    if (kid.n == 0 || key->n == 0)
        return err_set(err, ERR_INPUT, "an account binding needs the CA's key identifier and its key");
    ATTR_CLEANUP(buf_free) struct buf header = buf_new(JWS_HEADER_MAX);
    buf_printf(&header, "{\"alg\":\"%s\"", by.mac->alg);
    int r;
    if ((r = jws_put_member(&header, "kid", kid, err)) < 0 ||
        (r = jws_put_member(&header, "url", url, err)) < 0)
        return r;
    buf_put_c(&header, "}");
    return jws_put(&header, payload, put_hmac, &by, out, err);
}
