/* What stands in the DNS for an account, beside the digest of a key authorization: the label of
 * dns-account-01, and the account URI of dns-persist-01's later form. Nothing here is secret. */
#ifndef EVERCERT_CRYPTO_DNS_TEXT_H
#define EVERCERT_CRYPTO_DNS_TEXT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* '_', ten octets in base32, terminator. */
enum { DNS_ACCOUNT_LABEL_LEN = 18 };

/* The label in front of "._acme-challenge" (draft-ietf-acme-dns-account-label-02 3.2): "_" and the first ten
 * octets of SHA-256 of the account's URL, byte for byte as the CA gave it, in base32 of lower case. ERR_INPUT
 * for an empty URL. */
int dns_account_label(struct str account_url, char out[DNS_ACCOUNT_LABEL_LEN], struct err *err);

/* Appends the accounturi of a dns-persist-01 record as of draft-ietf-acme-dns-persist-02: `prefix` (the
 * directory's accountHashPrefix), "sha-256/", and base64url of SHA-256 over the length of the domain in one
 * octet, the domain, the key's thumbprint as text and the account's URL. `domain` is a name in lower-case
 * A-labels ("*.x" counts as x, where the record stands) or "*", which gives the one value for all names.
 * ERR_INPUT for an empty or too long domain, thumbprint or URL; ERR_LIMIT when `out` is full. A change of the
 * account's key changes the value. */
int dns_persist_account_uri(struct str prefix, struct str domain, struct str thumbprint,
    struct str account_url, struct buf *out, struct err *err);

#endif
