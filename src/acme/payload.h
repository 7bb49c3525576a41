/*
 * What a client POSTs, built from meanings (the keeper calls these, so that the process that talks to the CA
 * cannot choose the bytes that are signed). Each appends JSON to `out`.
 */
#ifndef EVERCERT_ACME_PAYLOAD_H
#define EVERCERT_ACME_PAYLOAD_H

#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

/* One row per signed request: the intent, its name in messages and logs. */
#define ACME_REQUESTS(X)                                                                                     \
    X(ACME_REQUEST_NEW_ACCOUNT, "new-account")           /* jwk header; contact, terms agreed */             \
    X(ACME_REQUEST_FIND_ACCOUNT, "find-account")         /* jwk header; onlyReturnExisting */                \
    X(ACME_REQUEST_UPDATE_ACCOUNT, "update-account")     /* contact */                                       \
    X(ACME_REQUEST_NEW_ORDER, "new-order")               /* the permit's identifiers */                      \
    X(ACME_REQUEST_READ, "read")                         /* POST-as-GET: payload "" */                       \
    X(ACME_REQUEST_CHALLENGE, "challenge")               /* {} */                                            \
    X(ACME_REQUEST_FINALIZE, "finalize")                 /* the CSR of the permit and the sealed key */      \
    X(ACME_REQUEST_GIVE_UP, "give-up")                   /* {"status":"deactivated"} to an authorization */  \
    X(ACME_REQUEST_REVOKE, "revoke")                     /* needs an operator's ticket */                    \
    X(ACME_REQUEST_NEW_AUTHZ, "new-authz")               /* one of the permit's identifiers (7.4.1) */       \
    X(ACME_REQUEST_KEY_CHANGE, "key-change")             /* by the old key, around one by the new (7.3.5) */ \
    X(ACME_REQUEST_FIND_PENDING, "find-pending-account") /* as find-account, by the new key of a rollover */ \
    X(ACME_REQUEST_DEACTIVATE_ACCOUNT, "deactivate-account") /* needs an operator's ticket (7.3.6) */        \
    X(ACME_REQUEST_REVOKE_BY_KEY, "revoke-by-key") /* as revoke; jwk header, the certificate's key */

enum acme_request {
#define ACME_REQUEST_ENUM(id, text) id,
    ACME_REQUESTS(ACME_REQUEST_ENUM)
#undef ACME_REQUEST_ENUM
        ACME_REQUEST_END_
};

const char *acme_request_name(enum acme_request r);

/* RFC 8555 7.3. `email` may be empty: no contact then. `eab` is the JSON text of the inner JWS that binds the
 * account to a customer of the CA (7.3.4), put in as it is, or "". */
void payload_new_account(struct buf *out, struct str email, bool terms_agreed, struct str eab);
/* RFC 8555 7.3.1 */
void payload_find_account(struct buf *out);
/* RFC 8555 7.3.2. An empty email clears the contact. */
void payload_update_account(struct buf *out, struct str email);
/* RFC 8555 7.3.5: the payload that the new key signs. `old_jwk` is the old public key as JSON text. */
void payload_key_change(struct buf *out, struct str account_url, struct str old_jwk);

/* What a new order says. Times with s == 0 and empty texts are left out. */
struct payload_order {
    const struct str *names; /* checked (acme/identifier.h); addresses are sent with type "ip" (RFC 8738 3) */
    size_t n;
    struct str profile;                /* draft-ietf-acme-profiles 4 */
    struct str replaces;               /* RFC 9773 5: the identifier of the certificate that is renewed */
    struct wall not_before, not_after; /* RFC 8555 7.4; few CAs take them */
};
/* RFC 8555 7.4 */
void payload_new_order(struct buf *out, const struct payload_order *o);
/* RFC 8555 7.4.1. `name` as in an order, but no wildcard. */
void payload_new_authz(struct buf *out, struct str name);
/* RFC 8555 7.4, csr is DER. */
void payload_finalize(struct buf *out, struct str csr);
/* RFC 8555 7.5.2 for an authorization, 7.3.6 for an account */
void payload_deactivate(struct buf *out);
/* RFC 8555 7.6, certificate is DER; reason is a CRLReason code (RFC 5280 5.3.1). */
void payload_revoke(struct buf *out, struct str certificate, int reason);

#endif
