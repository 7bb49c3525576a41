/*
 * What the tls-alpn-01 answerer reads of a TLS ClientHello itself, before OpenSSL is asked to do anything:
 * pure functions over octets of strangers. All numbers are big-endian (RFC 8446 3.3).
 */
#ifndef EVERCERT_HTTP_HELLO_H
#define EVERCERT_HTTP_HELLO_H

#include "base/str.h"

#include <stdbool.h>

enum {
    HELLO_HEAD = 9, /* octets: a record's head, then a handshake message's */
    /* Longest ClientHello taken. With post-quantum key shares they have 2 kB; OpenSSL makes room for what the
     * head announces, up to 128 kB, before a single octet of it came. */
    HELLO_MAX = 16 * 1024,
    HELLO_NAME_MAX = 253, /* octets of a host name (RFC 1035 2.3.4) */
};

/* Whether these HELLO_HEAD octets may begin a connection: a handshake record of TLS (RFC 8446 5.1) that
 * begins with a ClientHello of at most HELLO_MAX octets. */
bool hello_may_follow(const unsigned char head[HELLO_HEAD]);

/* Whether the content of an application_layer_protocol_negotiation extension (RFC 7301 3.1) is a list of
 * exactly this one protocol. */
bool hello_offers_only(struct str extension, struct str protocol);

/* The host name of a server_name extension's content (RFC 6066 3), in lower case, terminated. False, and *out
 * untouched, unless it is a list of one entry, a host name of 1 to HELLO_NAME_MAX octets of letters, digits,
 * '-', '_' and '.'. */
bool hello_server_name(struct str extension, char out[HELLO_NAME_MAX + 1]);

#endif
