/* Names of certificates compared as sets; private to this folder. */
#ifndef EVERCERT_CRYPTO_SAN_SET_H
#define EVERCERT_CRYPTO_SAN_SET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <openssl/x509v3.h>
#include <stddef.h>

/* Sorted. The first octet of each says of which kind it is, so that a dNSName that looks like an address is
 * none; the rest is the canonical text. */
struct san_set {
    struct str *items;
    size_t n;
};

/* Of names as we write them, host names in any case and addresses in any form; a name that stands twice is
 * there twice. In `a`. */
struct san_set san_set_wanted(const struct str *names, size_t n, struct arena *a);
/* Of names in a certificate or request, NULL for none; what stands twice is there once. ERR_VERIFY when one
 * of them is of another kind; `what` ("the certificate") is for the text. */
int san_set_found(
    const GENERAL_NAMES *names, const char *what, struct arena *a, struct san_set *out, struct err *err);
/* Whether both hold the same names; compares octets, so a NUL inside a name hides nothing. ERR_VERIFY with
 * the first difference. */
int san_set_same(
    const struct san_set *wanted, const struct san_set *found, const char *what, struct err *err);
/* The first name that stands twice; the empty view where none does. */
struct str san_set_twice(const struct san_set *set);

#endif
