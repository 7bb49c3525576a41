/* The kinds of challenge that this client answers (RFC 8555 8), in one table. */
#ifndef EVERCERT_ACME_CHALLENGE_H
#define EVERCERT_ACME_CHALLENGE_H

#include "base/str.h"

#include <stdbool.h>

/* id, the registered name, whether it proves control of wildcards, and of IP addresses, and whether the
 * answer is a record in the DNS */
#define ACME_CHALLENGES(X)                                                                                \
    X(CHALLENGE_HTTP_01, "http-01", false, true, false)         /* RFC 8555 8.3; addresses: RFC 8738 4 */ \
    X(CHALLENGE_TLS_ALPN_01, "tls-alpn-01", false, true, false) /* RFC 8737 3; addresses: RFC 8738 5 */   \
    X(CHALLENGE_DNS_01, "dns-01", true, false, true)            /* RFC 8555 8.4 */                        \
    X(CHALLENGE_DNS_ACCOUNT_01, "dns-account-01", true, false, true)                                      \
    /* draft-ietf-acme-dns-account-label */                                                               \
    X(CHALLENGE_DNS_PERSIST_01, "dns-persist-01", true, false, true) /* draft-ietf-acme-dns-persist */

enum acme_challenge {
#define ACME_CHALLENGE_ENUM(id, text, wildcards, addresses, in_dns) id,
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

/* Whether it is answered by a record in the DNS instead of a server of ours. False for CHALLENGE_END_. */
bool acme_challenge_in_dns(enum acme_challenge c);

#endif
