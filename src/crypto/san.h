/* The names a certificate or a request is for: dNSName and iPAddress (RFC 5280 4.2.1.6); private to this
 * folder.
 */
#ifndef EVERCERT_CRYPTO_SAN_H
#define EVERCERT_CRYPTO_SAN_H

#include "base/err.h"
#include "base/str.h"

#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    SAN_ADDRESS_MAX = 16, /* octets of an IPv6 address */
    SAN_TEXT_MAX = 256,   /* the longest host name (253 octets) or address as text, terminator included */
};

/* A host name in A-label form, upper case allowed, its first label possibly "*"; no IPv4 address. */
bool san_is_host(struct str name);
/* The octets of an address as people write it (inet_pton: no zone, no prefix length, no brackets); 4 or 16,
 * and 0 for what is none. */
size_t san_address(struct str text, unsigned char out[SAN_ADDRESS_MAX]);
/* Adds the one as iPAddress, the other as dNSName. False without memory, and for what is neither. */
bool san_add(GENERAL_NAMES *to, struct str name);
/* The canonical text of a name: a dNSName in lower case, as it stands there (it may hold anything, a NUL
 * too), an iPAddress as RFC 5952 4 has it. *n octets at `out`, terminated. False for a name of another kind,
 * an address of another length, and a text that is too long. */
bool san_text(const GENERAL_NAME *name, char out[SAN_TEXT_MAX], size_t *n);
/* The text of `n` octets, 4 or 16, as san_text gives it. Returns `out`. */
const char *san_address_text(const unsigned char *octets, size_t n, char out[SAN_TEXT_MAX]);
/* "an e-mail address": what kind of name that is. Static storage. */
const char *san_kind(const GENERAL_NAME *name);

#endif
