/* The kinds of challenge that this client answers (RFC 8555 8), in one table. */
#ifndef EVERCERT_ACME_CHALLENGE_H
#define EVERCERT_ACME_CHALLENGE_H

#include "base/str.h"

#include <stdbool.h>

/* id, the registered name, whether it proves control of wildcards, and of IP addresses */
#define ACME_CHALLENGES(X)                                                                         \
    X(CHALLENGE_HTTP_01, "http-01", false, true)         /* RFC 8555 8.3; addresses: RFC 8738 4 */ \
    X(CHALLENGE_TLS_ALPN_01, "tls-alpn-01", false, true) /* RFC 8737 3; addresses: RFC 8738 5, 6 */

enum acme_challenge {
#define ACME_CHALLENGE_ENUM(id, text, wildcards, addresses) id,
    ACME_CHALLENGES(ACME_CHALLENGE_ENUM)
#undef ACME_CHALLENGE_ENUM
        CHALLENGE_END_
};

/* "http-01"; "none" for CHALLENGE_END_ and whatever else is no kind. Static storage. */
const char *acme_challenge_text(enum acme_challenge c);

/* The kind of that name, byte for byte as it is registered; CHALLENGE_END_ for one that is not answered here.
 */
enum acme_challenge acme_challenge_parse(struct str text);

/* Whether this kind can prove control of `name` (a DNS name, a wildcard, or an address in its canonical
 * form). False for CHALLENGE_END_. */
bool acme_challenge_proves(enum acme_challenge c, struct str name);

#endif
