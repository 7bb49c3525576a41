/* LDAP and PostgreSQL: what is said in octets. */
#include "base/attr.h"
#include "tls/starttls_priv.h"

#include <stdint.h>
#include <stdio.h>

/* --- LDAP (RFC 4511), in BER with the restrictions of its section 5.1 --- */

/* LDAPMessage { messageID 1, ExtendedRequest { requestName 1.3.6.1.4.1.1466.20037 } } */
#define START_TLS "1.3.6.1.4.1.1466.20037"
static const char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" START_TLS;
_Static_assert(sizeof START_TLS - 1 == 0x16 && sizeof request - 1 == 0x1d + 2, "the lengths in it");

enum {
    TAG_INTEGER = 0x02,
    TAG_OCTETS = 0x04,
    TAG_ENUMERATED = 0x0a,
    TAG_SEQUENCE = 0x30,
    TAG_EXTENDED = 0x78
};
enum { LDAP_SUCCESS = 0 };

/* Result codes that StartTLS may come to (RFC 4511 4.1.9, 4.14.1), for servers that say nothing else. */
static const struct {
    unsigned code;
    const char *text;
} results[] = {
    {1, "operationsError"},
    {2, "protocolError; StartTLS is not known to it, or TLS is not set up in it"},
    {8, "strongerAuthRequired"},
    {10, "referral"},
    {13, "confidentialityRequired"},
    {51, "busy"},
    {52, "unavailable"},
    {53, "unwillingToPerform"},
    {80, "other"},
};

void starttls_ldap_begin(struct starttls_talk *t, struct buf *out)
{
    buf_put(out, request, sizeof request - 1);
}

enum ber { BER_BAD = -1, BER_SHORT = 0, BER_DONE = 1 };

/* The head of one element: its length is definite (5.1), and no longer than what we would take. *head is the
 * octets of tag and length. */
static enum ber ber_head(struct str in, unsigned tag, size_t *head, size_t *content)
{
    const unsigned char *p = (const unsigned char *)in.p;
    if (in.n > 0 && p[0] != tag)
        return BER_BAD;
    if (in.n < 2)
        return BER_SHORT;
    size_t more = p[1] < 0x80 ? 0 : p[1] & 0x7fU, n = more == 0 ? p[1] : 0;
    if (p[1] == 0x80 || more > sizeof(uint32_t))
        return BER_BAD;
    if (in.n < 2 + more)
        return BER_SHORT;
    for (size_t i = 0; i < more; i++)
        n = n << 8 | p[2 + i];
    if (n > STARTTLS_IN_MAX)
        return BER_BAD;
    *head = 2 + more;
    *content = n;
    return BER_DONE;
}

/* The element that `in` begins with, all of which is there; takes it off. */
static bool ber_take(struct str *in, unsigned tag, struct str *out)
{
    size_t head, n;
    if (ber_head(*in, tag, &head, &n) != BER_DONE || in->n - head < n)
        return false;
    *out = (struct str){in->p + head, n};
    in->p += head + n;
    in->n -= head + n;
    return true;
}

/* A small number without a sign. */
static bool ber_number(struct str *in, unsigned tag, unsigned *out)
{
    struct str s;
    if (!ber_take(in, tag, &s) || s.n == 0 || s.n > 2 || (unsigned char)s.p[0] > 0x7f)
        return false;
    *out = 0;
    for (size_t i = 0; i < s.n; i++)
        *out = *out << 8 | (unsigned char)s.p[i];
    return true;
}

static int ldap_refused(unsigned code, struct str words, struct err *err)
{
    char what[128];
    const char *name = "";
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        if (results[i].code == code)
            name = results[i].text;
    snprintf(what, sizeof what, "refuses StartTLS with result %u%s%s%s", code, name[0] != '\0' ? " (" : "",
        name, name[0] != '\0' ? ")" : "");
    return starttls_refused(what, words, err);
}

static int ldap_message(const struct starttls_talk *t, struct str message, struct err *err)
{
    struct str all = message, response, name, words;
    unsigned id, code;
    if (!ber_number(&message, TAG_INTEGER, &id) || !ber_take(&message, TAG_EXTENDED, &response) ||
        !ber_number(&response, TAG_ENUMERATED, &code) || !ber_take(&response, TAG_OCTETS, &name) ||
        !ber_take(&response, TAG_OCTETS, &words))
        return starttls_odd(t, all, err);
    if (id == 0) /* a notice of disconnection (4.4.1) */
        return starttls_refused("turns us away", words, err);
    if (id != 1)
        return starttls_odd(t, all, err);
    return code == LDAP_SUCCESS ? STARTTLS_UPGRADE : ldap_refused(code, words, err);
}

int starttls_ldap(struct starttls_talk *t, struct buf *out, struct err *err)
{
    size_t head, n;
    enum ber r = ber_head(buf_str(&t->in), TAG_SEQUENCE, &head, &n);
    if (r == BER_BAD)
        return starttls_odd(t, buf_str(&t->in), err);
    if (r == BER_SHORT || t->in.n - head < n)
        return STARTTLS_MORE;
    int done = ldap_message(t, (struct str){t->in.p + head, n}, err);
    buf_consume(&t->in, head + n);
    return done;
}

/* --- PostgreSQL: SSLRequest --- */

/* Length 8 and the number 80877103, in network order. */
static const char ssl_request[] = "\x00\x00\x00\x08\x04\xd2\x16\x2f";

void starttls_postgres_begin(struct starttls_talk *t, struct buf *out)
{
    buf_put(out, ssl_request, sizeof ssl_request - 1);
}

int starttls_postgres(struct starttls_talk *t, struct buf *out, struct err *err)
{
    if (t->in.n == 0)
        return STARTTLS_MORE;
    char answer = t->in.p[0];
    struct str all = buf_str(&t->in);
    switch (answer) {
    case 'S':
        buf_consume(&t->in, 1);
        return STARTTLS_UPGRADE;
    case 'N':
        return starttls_refused("has no TLS; it is turned on by ssl = on in postgresql.conf", STR(""), err);
    case 'E': /* of a server that does not know the request, or has no room; its words may be anybody's */
        return starttls_refused("answers the request for TLS with an error", STR(""), err);
    default:
        return starttls_odd(t, all, err);
    }
}
