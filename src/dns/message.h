/*
 * DNS messages as octets (RFC 1035 4): a question is built, an answer is read. Pure, and for strangers'
 * octets. Private to this folder and its tests.
 */
#ifndef EVERCERT_DNS_MESSAGE_H
#define EVERCERT_DNS_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "dns/client.h"
#include "dns/wire.h"

enum {
    MESSAGE_UDP_MAX = 1232, /* octets of an answer by UDP (DNS Flag Day 2020: what is never fragmented) */
    MESSAGE_QUERY_MAX = WIRE_HEAD + WIRE_NAME_MAX + 4 + 11, /* head, name, type and class, OPT record */
    MESSAGE_RECORDS_MAX = 1024, /* that are kept of an answer; larger sets of TXT records are nobody's */
    MESSAGE_ERROR_MAX = 200,    /* octets of a server's own words that are kept */
    MESSAGE_OPT_SIZE = 11,      /* of the OPT record without options; it stands last */
};

/* Response codes (RFC 1035 4.1.1). */
enum {
    RCODE_NOERROR,
    RCODE_FORMERR,
    RCODE_SERVFAIL,
    RCODE_NXDOMAIN,
    RCODE_NOTIMP,
    RCODE_REFUSED,
    RCODE_NOTAUTH = 9
};

enum message_flags {
    MESSAGE_RECURSE = 1, /* RD: the server is to ask others */
    MESSAGE_UNCHECKED =
        2,             /* CD and DO: data that do not verify are welcome (RFC 4035 3.2.2), with signatures */
    MESSAGE_PLAIN = 4, /* no EDNS */
};

enum message_section { MESSAGE_ANSWER, MESSAGE_AUTHORITY, MESSAGE_ADDITIONAL };

struct message_record {
    const char *owner; /* as all names here: in lower case, no dot at the end, odd octets as \DDD */
    enum message_section section;
    enum dns_type type; /* DNS_TYPE_END_: a signature, whose signer is value.text */
    struct dns_record value;
};

struct message {
    unsigned rcode; /* with the upper bits of EDNS */
    bool authoritative, truncated, has_edns;
    int error;                            /* INFO-CODE of an Extended DNS Error (RFC 8914), or -1 */
    const char *error_text;               /* the server's own words for it, cleaned; "" */
    const struct message_record *records; /* of types of enum dns_type, and signatures, class IN */
    size_t n;
};

/* The octets of a question; `flags` of enum message_flags. Returns how many. ERR_INPUT for a text that is no
 * name of DNS. */
int message_query(unsigned char out[MESSAGE_QUERY_MAX], unsigned id, const char *name, enum dns_type type,
    unsigned flags, struct err *err);
/* Reads an answer into `m`, all of it in `arena`. ERR_INPUT where it is no whole message: nothing of such a
 * one is used. */
int message_read(struct str octets, struct arena *arena, struct message *m, struct err *err);

/* Records of one type that a question for `name` is answered by, along the CNAMEs of the same answer
 * (which may stand in any order). *owner is the end of them. At most DNS_RECORDS_MAX. ERR_LIMIT for a chain
 * without an end. */
int message_follow(const struct message *m, struct arena *arena, const char *name, enum dns_type type,
    const char **owner, const struct dns_record **records, size_t *n, struct err *err);
/* The zone that a negative answer for `name` comes from: owner of the authority section's SOA record, where
 * that is `name` or above it; else NULL. */
const char *message_zone(const struct message *m, const char *name);

/* "SERVFAIL", ...; static storage. An unknown one is "an unknown error". */
const char *message_rcode_text(unsigned rcode);
/* "DNSSEC Bogus", ... (RFC 8914 4); NULL for one that is not known. */
const char *message_error_text(int error);
/* Whether that Extended DNS Error says that DNSSEC does not verify. */
bool message_error_is_dnssec(int error);

/* Whether `name` is `zone` or below it; names as above. Everything is below the root, "". */
bool name_is_at_or_below(const char *name, const char *zone);
/* The name without its first label; "" of a single label and of the root. */
const char *name_parent(const char *name);
/* The type's name: "TXT", ... */
const char *dns_type_text(enum dns_type type);

#endif
