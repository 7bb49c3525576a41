#include "crypto/dns_text.h"

#include "base/b64.h"
#include "crypto/digest.h"

enum {
    LABEL_OCTETS = 10,
    DOMAIN_MAX = 253,
    HASHED_MAX = 8 * 1024, /* a URL has at most 4 kB */
};

/* RFC 4648 6, whole groups of five octets only, so without padding. */
static void base32(const unsigned char *octets, size_t n, char *to)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (size_t i = 0; i < n; i += 5) {
        uint64_t bits = 0;
        for (size_t j = 0; j < 5; j++)
            bits = bits << 8 | octets[i + j];
        for (int shift = 35; shift >= 0; shift -= 5)
            *to++ = alphabet[bits >> shift & 31];
    }
    *to = '\0';
}
_Static_assert(LABEL_OCTETS % 5 == 0, "base32 takes whole groups");
_Static_assert(1 + LABEL_OCTETS / 5 * 8 + 1 == DNS_ACCOUNT_LABEL_LEN, "the label has its length");

int dns_account_label(struct str account_url, char out[DNS_ACCOUNT_LABEL_LEN], struct err *err)
{
    unsigned char hash[SHA256_LEN];
    if (account_url.n == 0)
        return err_set(err, ERR_INPUT, "an account without URL has no label");
    int r = digest_sha256(account_url, hash, err);
    if (r < 0)
        return r;
    out[0] = '_';
    base32(hash, LABEL_OCTETS, out + 1);
    return 0;
}

int dns_persist_account_uri(struct str prefix, struct str domain, struct str thumbprint,
    struct str account_url, struct buf *out, struct err *err)
{
    unsigned char hash[SHA256_LEN];
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(HASHED_MAX);
    if (str_starts(domain, STR("*.")))
        domain = (struct str){domain.p + 2, domain.n - 2};
    if (domain.n == 0 || domain.n > DOMAIN_MAX)
        return err_set(err, ERR_INPUT, "a domain has 1 to %d octets", DOMAIN_MAX);
    if (thumbprint.n == 0 || account_url.n == 0)
        return err_set(err, ERR_INPUT, "an account without key or URL stands in no record");
    buf_put_char(&text, (char)domain.n);
    buf_put_str(&text, domain);
    buf_put_str(&text, thumbprint);
    buf_put_str(&text, account_url);
    if (buf_failed(&text))
        return err_set(err, ERR_INPUT, "the account's URL is too long");
    int r = digest_sha256(buf_str(&text), hash, err);
    if (r < 0)
        return r;
    buf_put_str(out, prefix);
    buf_put_c(out, "sha-256/");
    b64url_encode(out, (struct str){(const char *)hash, sizeof hash});
    return buf_failed(out) ? err_set(err, ERR_LIMIT, "no room for an account URI") : 0;
}
