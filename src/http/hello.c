#include "http/hello.h"

#include <stddef.h>

enum {
    RECORD_HANDSHAKE = 22,
    RECORD_MAJOR = 3,       /* of every version since SSL 3.0 */
    RECORD_MAX = 16 * 1024, /* octets of an unprotected record (RFC 8446 5.1) */
    HANDSHAKE_HEAD = 4,     /* octets: a type and 24 bits of length */
    HANDSHAKE_CLIENT_HELLO = 1,
    NAME_TYPE_HOST = 0,
};

/* What is left to be read. */
struct reader {
    const unsigned char *p;
    size_t n;
    bool failed;
};

static struct reader reader_of(struct str s)
{
    return (struct reader){(const unsigned char *)s.p, s.n, false};
}

/* A number of `octets` octets; 0 and failed where they are not there. */
static size_t number(struct reader *r, size_t octets)
{
    size_t value = 0;
    if (r->n < octets) {
        r->failed = true;
        return 0;
    }
    for (size_t i = 0; i < octets; i++)
        value = value << 8 | r->p[i];
    r->p += octets;
    r->n -= octets;
    return value;
}

/* A vector that fills the rest, after its length of `octets` octets. */
static void last_vector(struct reader *r, size_t octets)
{
    size_t n = number(r, octets);
    if (n != r->n)
        r->failed = true;
}

bool hello_may_follow(const unsigned char head[HELLO_HEAD])
{
    struct reader r = {head, HELLO_HEAD, false};
    size_t type = number(&r, 1), version = number(&r, 2), record = number(&r, 2);
    size_t message = number(&r, 1), length = number(&r, 3);
    return type == RECORD_HANDSHAKE && version >> 8 == RECORD_MAJOR && record >= HANDSHAKE_HEAD &&
           record <= RECORD_MAX && message == HANDSHAKE_CLIENT_HELLO && length <= HELLO_MAX;
}

bool hello_offers_only(struct str extension, struct str protocol)
{
    struct reader r = reader_of(extension);
    last_vector(&r, 2); /* ProtocolNameList */
    last_vector(&r, 1); /* its one ProtocolName */
    return !r.failed && str_eq((struct str){(const char *)r.p, r.n}, protocol);
}

/* The octet in lower case, or 0 where none of a host name. */
static char name_octet(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    return fine ? (char)c : '\0';
}

bool hello_server_name(struct str extension, char out[HELLO_NAME_MAX + 1])
{
    struct reader r = reader_of(extension);
    last_vector(&r, 2); /* ServerNameList */
    size_t type = number(&r, 1);
    last_vector(&r, 2); /* HostName */
    if (r.failed || type != NAME_TYPE_HOST || r.n == 0 || r.n > HELLO_NAME_MAX)
        return false;
    for (size_t i = 0; i < r.n; i++)
        if (name_octet(r.p[i]) == '\0')
            return false;
    for (size_t i = 0; i < r.n; i++)
        out[i] = name_octet(r.p[i]);
    out[r.n] = '\0';
    return true;
}
