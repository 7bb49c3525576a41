/*
 * What the tls-alpn-01 answerer has to show: for the name that a validator says in SNI (RFC 8737 3, RFC 8738
 * 6), certificates. Several orders may want the same name at once: the newest shows until it is removed, then
 * the one before shows again. A balanced tree, as http/tokens.h.
 */
#ifndef EVERCERT_HTTP_ALPN_NAMES_H
#define EVERCERT_HTTP_ALPN_NAMES_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

enum {
    /* Certificates at once, a few kB each: thirty orders of a hundred names are 3000. */
    ALPN_NAMES_MAX = 8192,
    ALPN_KEY_AUTHORIZATION_MAX = 512, /* octets, as TOKENS_VALUE_MAX */
};

struct alpn_certificate;

struct alpn_names {
    void *tree; /* of tsearch(3) */
    size_t n;   /* certificates */
};

/* One certificate that is shown; valid until the next change of the table. */
struct alpn_shown {
    struct str token;
    const struct alpn_certificate *certificate; /* NULL: nothing for that name */
};

/* Makes the certificate for a name or address (acme/identifier.h; no wildcard) and shows it, in front of what
 * is there; what that token has for that identifier is replaced. ERR_INPUT for an identifier that cannot be
 * ordered, a token or a key authorization out of the rules of responder_token_put; ERR_LIMIT beyond
 * ALPN_NAMES_MAX, ERR_CRYPTO, ERR_MEMORY. The table is unchanged then. */
int alpn_names_put(struct alpn_names *t, struct str identifier, struct str token,
    struct str key_authorization, struct err *err);
/* Nothing happens where it is not there. */
void alpn_names_remove(struct alpn_names *t, struct str identifier, struct str token);
/* By what stands in SNI, lower case. */
struct alpn_shown alpn_names_find(const struct alpn_names *t, struct str sni);
/* Empties the table. */
void alpn_names_clear(struct alpn_names *t);

#endif
