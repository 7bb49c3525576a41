/* Whether what servers serve is what they should: pure, over what tls/probe.h saw. */
#ifndef EVERCERT_TLS_SERVED_H
#define EVERCERT_TLS_SERVED_H

#include "base/err.h"
#include "tls/probe.h"

#include <stddef.h>

struct served_rule {
    const char *fingerprint; /* SHA-256 of the leaf that has to be there, lower-case hex */
    /* SHA-256 of what has to be sent with it, as tls_chain_read gives it: the leaf (which is passed over) and
     * the issuers that are no roots. */
    const char *const *chain_sha256;
    const char *const *chain_subjects; /* their names for the error, in the same order; NULL: not known */
    size_t chain_n;
    const char *const *previous; /* fingerprints of leaves of ours that are older */
    size_t previous_n;
    struct wall now; /* to tell whether another certificate has expired; not set: nothing is said of it */
};

/* 0 when every address that could be tried serves that leaf with all of its chain, in any order and with
 * whatever besides. Addresses without a route from here are passed over, unless there is no other. Else the
 * error tells of the first that does not, by address: ERR_NETWORK or ERR_TIMEOUT where it was not reached,
 * ERR_TLS where TLS failed, ERR_VERIFY where it serves something else. */
int served_judge(const struct tls_seen *seen, size_t n, const struct served_rule *rule, struct err *err);

#endif
