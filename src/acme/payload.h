/*
 * What a client POSTs, built from meanings (the keeper calls these, so that the process that talks to the CA
 * cannot choose the bytes that are signed). Each appends JSON to `out`.
 */
#ifndef EVERCERT_ACME_PAYLOAD_H
#define EVERCERT_ACME_PAYLOAD_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* One row per signed request: the intent, its name in messages and logs. */
#define ACME_REQUESTS(X)                                                                                \
    X(ACME_REQUEST_NEW_ACCOUNT, "new-account")       /* jwk header; contact, terms agreed */            \
    X(ACME_REQUEST_FIND_ACCOUNT, "find-account")     /* jwk header; onlyReturnExisting */               \
    X(ACME_REQUEST_UPDATE_ACCOUNT, "update-account") /* contact */                                      \
    X(ACME_REQUEST_NEW_ORDER, "new-order")           /* the permit's identifiers */                     \
    X(ACME_REQUEST_READ, "read")                     /* POST-as-GET: payload "" */                      \
    X(ACME_REQUEST_CHALLENGE, "challenge")           /* {} */                                           \
    X(ACME_REQUEST_FINALIZE, "finalize")             /* the CSR of the permit and the sealed key */     \
    X(ACME_REQUEST_GIVE_UP, "give-up")               /* {"status":"deactivated"} to an authorization */ \
    X(ACME_REQUEST_REVOKE, "revoke")                 /* needs an operator's ticket */

enum acme_request {
#define ACME_REQUEST_ENUM(id, text) id,
    ACME_REQUESTS(ACME_REQUEST_ENUM)
#undef ACME_REQUEST_ENUM
        ACME_REQUEST_END_
};

const char *acme_request_name(enum acme_request r);

/* RFC 8555 7.3. `email` may be empty: no contact then. */
void payload_new_account(struct buf *out, struct str email, bool terms_agreed);
/* RFC 8555 7.3.1 */
void payload_find_account(struct buf *out);
/* RFC 8555 7.3.2. An empty email clears the contact. */
void payload_update_account(struct buf *out, struct str email);
/* RFC 8555 7.4 */
void payload_new_order(struct buf *out, const struct str *identifiers, size_t n);
/* RFC 8555 7.4, csr is DER. */
void payload_finalize(struct buf *out, struct str csr);
/* RFC 8555 7.5.2 */
void payload_deactivate(struct buf *out);
/* RFC 8555 7.6, certificate is DER; reason is a CRLReason code (RFC 5280 5.3.1). */
void payload_revoke(struct buf *out, struct str certificate, int reason);

#endif
