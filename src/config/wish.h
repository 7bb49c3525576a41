/*
 * A wish: what an operator wants done about one certificate. It comes from the configuration or the command
 * line, the keeper seals its JSON text into a permit, and everybody else acts only on a permit's text: the
 * engine reads when and where, the keeper what may be in the CSR, the parent which challenge files and hooks
 * are allowed.
 */
#ifndef EVERCERT_CONFIG_WISH_H
#define EVERCERT_CONFIG_WISH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/deploy.h"
#include "crypto/key_type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WISH_NAME_MAX = 200,      /* octets of a certificate's name */
    WISH_DOMAINS_MAX = 100,   /* identifiers in one order that public CAs take */
    WISH_AUTHORITIES_MAX = 8, /* tried one after the other */
    WISH_CHALLENGES_MAX = 8,  /* there are fewer kinds */
    WISH_KEY_TYPES_MAX = 2,   /* one ECDSA and one RSA: what servers can serve side by side */
    WISH_PREFERENCES_MAX = 8, /* profiles or chains to look for; CAs offer a handful */
    WISH_TERM_MAX = 256,      /* octets of a profile's or an issuer's name */
    WISH_CSR_MAX = 48 * 1024, /* octets of PEM; a hundred long names and a large key take 36 kB */
    /* A wish's JSON: 100 names of 253 octets, the commands with every octet escaped, a request, paths of
     * webroots and copies, and room; whoever makes a wish sees that it is not exceeded. */
    WISH_TEXT_MAX = 224 * 1024,
};

struct wish {
    const char *name;           /* of the certificate; a safe file name (see wish_name_check) */
    const char *const *domains; /* A-labels and IP addresses, no duplicates, in the order written */
    size_t domain_n;
    const char *const
        *authorities; /* entries of settings.authorities, the first is tried first; at least one */
    size_t authority_n;
    const char *const *challenges; /* of acme/challenge.h: the first one that can be done; at least one */
    size_t challenge_n;
    const char *webroot;    /* of http-01: absolute directory, or "" for the responder */
    const struct pair *dns; /* patterns and entries of `dns:` (config/dns.h: dns_choose) */
    size_t dns_n;
    const struct pair *webroots; /* other directories for some of the names; "" there: the responder */
    size_t webroot_n;
    const char *const *key_types; /* one, or one ECDSA and one RSA: a certificate (variant) of each */
    size_t key_type_n;
    enum key_type key_type; /* of the variant that wish_select chose; else of the first */
    const char *profile;    /* "" : none; required where given */
    const char *const
        *preferred_profiles; /* asked for, in this order, where the CA offers it; else none is */
    size_t preferred_profile_n;
    /* Common name of an issuer, or SHA-256 fingerprint in 64 lower-case hex digits of a certificate, of the
     * chain that is taken where the CA offers several; in order of preference. */
    const char *const *preferred_chains;
    size_t preferred_chain_n;
    bool reuse_key;   /* a renewal goes on with the key that is live */
    bool must_staple; /* RFC 7633 */
    const char *csr;  /* "" : made here; else PKCS #10 in PEM whose key the operator keeps to himself */
    int64_t not_before_s, not_after_s; /* from the moment of the order; 0: what the CA gives */
    bool issue_without;                /* names that the CA rejects are left out instead of failing all */
    int64_t renew_before_s;            /* 0: the policy's own rule */
    int64_t retry_s;                   /* 0: the policy's own steps; else the wait after every failure */
    const char *key_group;             /* "" : none */
    unsigned key_mode;                 /* 0600 unless the operator said otherwise; never any bit for others */
    const struct deploy *deploys;
    size_t deploy_n;
    const struct publication *publications;
    size_t publication_n;
};

/* Canonical JSON, the same bytes for the same wish, so texts can be compared. Members are the keys of the
 * configuration with values written as there. `out` is marked failed where a text is not UTF-8. */
void wish_encode(const struct wish *w, struct buf *out);
/* Strings live in `a`. Unknown members are ignored (a newer version wrote them); missing ones get defaults,
 * only `domains` must be there. Everything is checked as if it came from a stranger: at most WISH_TEXT_MAX
 * octets (ERR_LIMIT), and ERR_INPUT for whatever the configuration would not have let through. */
int wish_decode(struct str json, struct arena *a, struct wish *out, struct err *err);

/* A wish with two key types is one text and two certificates. Variant 0 has the wish's own name and
 * key_types[0]; variant 1 has key_types[1] and the name with "-rsa" or "-ecdsa" behind it, whichever that key
 * is. */

/* Sets w->name and w->key_type to those of `variant`, once, on a wish as it was decoded. ERR_INPUT where it
 * has no such variant, and the wish is untouched. The name lives in `a`. */
int wish_select(struct wish *w, uint32_t variant, struct arena *a, struct err *err);
/* The name of a variant, of a wish as it was decoded; NULL where it has no such variant. */
const char *wish_variant_name(const struct wish *w, uint32_t variant, struct arena *a);

/* Whether the name, as an order has it, is one of the wish's. */
bool wish_has_domain(const struct wish *w, const char *domain);

/* Where the challenge file of that identifier goes: its own directory or the wish's; "" for the responder. */
const char *wish_webroot(const struct wish *w, const char *identifier);

/* A certificate's name becomes a file name: letters, digits, '.', '_', '-' and '@', at most 200 octets, not
 * starting with '.' or '-'. */
int wish_name_check(struct str name, struct err *err);

/* A name as a person writes it (UTF-8 or A-label, any case, trailing dot) to the A-label an order takes (UTS
 * 46 via libidn2, non-transitional), in `a`; an IP address (brackets around it are taken off) to the form of
 * RFC 5952. ERR_INPUT with the reason for anything else; an address with a zone, a port or a prefix, one of
 * IPv4 in IPv6, an empty label, a blank, a URL and a bad wildcard each get their own words. */
int name_to_ascii(struct str name, struct arena *a, const char **out, struct err *err);
/* For display: A-labels back to Unicode where that is possible and safe, else as they are. */
const char *name_to_display(const char *ascii, struct arena *a);

#endif
