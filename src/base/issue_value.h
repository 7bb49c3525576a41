/*
 * The grammar of RFC 8659 4.2 that CAA records and the standing records of dns-persist-01 share:
 *
 *   ca.example; accounturi=https://ca.example/acct/1; policy=wildcard
 */
#ifndef EVERCERT_BASE_ISSUE_VALUE_H
#define EVERCERT_BASE_ISSUE_VALUE_H

#include "base/str.h"

struct issue_value {
    struct str issuer; /* a domain name as it was written; "": nobody */
    struct str rest;   /* what issue_value_next has not read */
};

/* False where it begins with something else than the name of an issuer, or nothing. Views of `text`. */
bool issue_value_begin(struct str text, struct issue_value *out);
/* The next parameter: 1; 0 behind the last one (a semicolon at the end is none), -1 for what is none. */
int issue_value_next(struct issue_value *v, struct str *tag, struct str *value);

#endif
