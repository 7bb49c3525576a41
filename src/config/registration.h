/*
 * A new account at a provider that makes them itself: what `LIBEXEC/solver --register` printed, and what the
 * operator is to do with it.
 *
 * {"settings": {"accounts": "..."}, "cname": "8e57.auth.example"}     or     {"error": "..."}
 *
 * The settings are the provider's, each with its whole new value; what _acme-challenge of a name has to lead
 * to is `cname`, which may be missing.
 */
#ifndef EVERCERT_CONFIG_REGISTRATION_H
#define EVERCERT_CONFIG_REGISTRATION_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/dns.h"
#include "config/provider.h"

#include <stddef.h>

enum {
    REGISTRATION_INPUT_MAX = 2 * DNS_SETTINGS_MAX, /* octets of what --register is asked */
    REGISTRATION_MAX = 256 * 1024,      /* of its answer: LUA_REGISTERED_MAX, each octet escaped in JSON */
    REGISTRATION_TEXT_MAX = 128 * 1024, /* of the text for people */
};

struct registered_setting {
    const struct provider_setting *of;
    const char *value; /* one line with nothing that a terminal would obey; often a secret */
};

struct registration {
    const struct registered_setting *settings; /* one at least */
    size_t n;
    const char *cname; /* "" where none is needed */
};

/* Texts in `a`. ERR_FAILED with the provider's words where it gave none; ERR_INPUT where that is no settings
 * of `p`. No text of an error holds a value. */
int registration_parse(
    struct str json, const struct provider *p, struct arena *a, struct registration *out, struct err *err);

/* What to write, where, and what to set in the DNS, for people. Secrets go into files: those that `e` names
 * already, or new ones. */
void registration_show(
    const struct registration *r, const struct provider *p, const struct dns_entry *e, struct buf *out);

/* `e` without its files of secrets that are not there yet, which a new account is to fill. In `a`. */
struct dns_entry registration_entry(const struct dns_entry *e, const struct provider *p, struct arena *a);

#endif
