/* The directory object (RFC 8555 7.1.1). */
#ifndef EVERCERT_ACME_DIRECTORY_H
#define EVERCERT_ACME_DIRECTORY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct directory {
    struct str new_nonce, new_account, new_order, revoke_cert, key_change; /* key_change may be empty */
    struct str terms_of_service; /* any scheme, display only; "" where absent */
    struct str website;
    bool external_account_required;
};

/* Parses and checks; every URL must be of the origin of `url`, the directory's own. Unknown members and a
 * missing, null or empty meta are fine; a missing newNonce, newAccount or newOrder is ERR_INPUT. Strings live
 * in `a`. */
int directory_parse(struct str json, struct str url, struct arena *a, struct directory *out, struct err *err);

#endif
