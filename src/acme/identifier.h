/*
 * Identifiers: what may stand in an order. DNS names are written as A-labels in lower case, IP addresses
 * (RFC 8738) in their one canonical form: IPv4 as a dotted quad, IPv6 as RFC 5952 4 writes it.
 */
#ifndef EVERCERT_ACME_IDENTIFIER_H
#define EVERCERT_ACME_IDENTIFIER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    IDENTIFIER_MAX = 253,
    IDENTIFIER_IP_OCTETS_MAX = 16,
    IDENTIFIER_IP_TEXT_MAX = 46, /* terminator included */
};

/* Whether `name` can be ordered. Either a DNS name: lower-case LDH labels of 1..63 octets, no leading or
 * trailing hyphen, at most 253 octets, no trailing dot, optionally "*." in front of at least one more label.
 * Or an IP address for which identifier_is_ip holds. ERR_INPUT with the reason otherwise; the reason for an
 * address in another form names the canonical one. */
int identifier_check(struct str name, struct err *err);
bool identifier_is_wildcard(struct str name);
/* "*.example.org" -> "example.org"; other names unchanged. */
struct str identifier_base(struct str name);

/* Whether `name` is an IP address in its canonical form: "192.0.2.1", "2001:db8::1". Not with a zone, a
 * prefix length or brackets, and no IPv4-mapped IPv6 address, which nobody can be certified for. */
bool identifier_is_ip(struct str name);
/* Reads an address in any usual form (inet_pton) and writes the canonical one, NUL-terminated, for comparing
 * and for ordering what people write. False, and *out untouched, for what is no address, and for an
 * IPv4-mapped one. */
bool identifier_ip_canonical(struct str text, char out[IDENTIFIER_IP_TEXT_MAX]);
/* The 4 or 16 octets of an address, in network order, as a certificate holds them (RFC 5280 4.2.1.6). Returns
 * how many; 0, and *out untouched, where identifier_is_ip does not hold. */
size_t identifier_ip_octets(struct str name, unsigned char out[IDENTIFIER_IP_OCTETS_MAX]);
/* Appends the name that stands for an address in TLS's SNI (RFC 8738 6): "1.2.0.192.in-addr.arpa", or 32
 * nibbles and "ip6.arpa". Nothing is appended where identifier_is_ip does not hold. */
void identifier_reverse_name(struct str name, struct buf *out);

#endif
