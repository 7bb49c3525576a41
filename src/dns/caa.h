/*
 * Who may issue for a name (CAA: RFC 8659, with the account and the validation methods of RFC 8657): the
 * records are looked for at the name and up from there, and judged as a CA has to.
 */
#ifndef EVERCERT_DNS_CAA_H
#define EVERCERT_DNS_CAA_H

#include "dns/client.h"

enum { CAA_ISSUERS_MAX = 16 /* names of one CA */ };

/* What is to be done. */
struct caa_wish {
    const char *const
        *issuers; /* the CA's names for this, of its directory (caaIdentities) or documentation */
    size_t issuer_n;
    const char *account; /* its URL; "": none yet, which satisfies no record that names one */
    const char *method;  /* "dns-01", ...; "": not decided, which satisfies every record */
    bool wildcard;       /* for "*." and the name */
};

/* The judgement over the records that count, as a pure function: 0, or ERR_REFUSED with why it is not
 * allowed and what to change. `owner` is where they stand, for the text. No records: allowed. */
int caa_judge(const char *owner, const struct dns_record *records, size_t n, const struct caa_wish *wish,
    struct err *err);

struct caa_result {
    const char *owner; /* where the records that count stand; NULL: there are none up to the top */
    const struct dns_record *records;
    size_t n;
};

/* err NULL: allowed. ERR_REFUSED: not, or DNSSEC fails, which CAs take as a no; ERR_NETWORK, ERR_TIMEOUT: not
 * known, which CAs take as a no as well. Valid until it returns; never called from within caa_look. */
typedef void caa_fn(const struct caa_result *r, const struct err *err, void *arg);
/* name: as of dns_ask; "*." in front makes it a wildcard. `wish` is copied. Ended by dns_cancel. */
struct dns_question *caa_look(
    struct dns_client *c, const char *name, const struct caa_wish *wish, caa_fn *fn, void *arg);

#endif
