/*
 * Addresses of host names, by c-ares on an event loop: nothing blocks, and each family tells what became of
 * it, which getaddrinfo does not. /etc/hosts comes first, as it does there: a name that stands in it is not
 * asked for elsewhere. Of nsswitch.conf nothing else is known (no mDNS, no LDAP).
 *
 * A name with a dot in it is asked for as it is; one without goes through the search list of resolv.conf.
 */
#ifndef EVERCERT_DNS_LOOKUP_H
#define EVERCERT_DNS_LOOKUP_H

#include "base/err.h"

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

struct event_base;

enum {
    LOOKUP_TIME_MS = 15 * 1000, /* of one lookup, whatever servers do; a person waits for some of them */
    LOOKUP_TRY_MS = 2 * 1000,   /* until a server that is silent is asked again, or the next one is */
    LOOKUP_TRIES = 3,           /* rounds through the servers */
    LOOKUP_SERVERS_MAX = 8,     /* that a caller may name */
    LOOKUP_NAME_MAX = 253,      /* octets of a host name (RFC 1035 2.3.4) */
    LOOKUP_ADDRESSES_MAX = 64,  /* of one name; what comes beyond is left out */
    LOOKUP_ALIASES_MAX = 16,    /* names of one CNAME chain that are kept; resolvers follow about as many */
};

/* One server or process has one; lookups share its sockets. */
struct lookup;
/* A lookup that goes on. */
struct lookup_query;

struct lookup_address {
    struct sockaddr_storage addr; /* sockaddr_in or sockaddr_in6, port 0 */
    socklen_t len;
    char text[INET6_ADDRSTRLEN]; /* "192.0.2.1", "2001:db8::1" */
};

/* What became of one family. */
enum lookup_state {
    LOOKUP_FOUND,   /* there are addresses of it */
    LOOKUP_NONE,    /* the name is there, but has no address of this family */
    LOOKUP_NO_NAME, /* there is no such name (NXDOMAIN) */
    LOOKUP_FAILED,  /* nobody knows: no server answered, or it answered with an error (SERVFAIL, REFUSED) */
};

struct lookup_family {
    enum lookup_state state;
    struct err
        err; /* code 0 when found; else ERR_NOT_FOUND, ERR_NETWORK or ERR_TIMEOUT with words for people */
};

/* Valid only until the callback returns. */
struct lookup_result {
    const char *host;                       /* as it was given, without brackets */
    const struct lookup_address *addresses; /* IPv4 first, each once, in the server's order */
    size_t n;
    struct lookup_family v4, v6;
    const char *const *aliases; /* the CNAME chain: what `host` leads to, the last one holds the addresses */
    size_t alias_n;
};

/* Called once from the loop, never from within lookup_addresses. May start and cancel lookups. */
typedef void lookup_fn(const struct lookup_result *r, void *arg);

/* servers: "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"; with n == 0 those of
 * /etc/resolv.conf, which is read again at a lookup that finds it changed. ERR_INPUT for a server that is no
 * address, ERR_FAILED where c-ares cannot start. NULL on failure. */
struct lookup *lookup_new(struct event_base *base, const char *const *servers, size_t n, struct err *err);
/* Lookups that go on are dropped, without a call. NULL is fine. Not from within a callback. */
void lookup_free(struct lookup *l);

/* A and AAAA records of `host`, side by side. An IP address (brackets around it are taken off) is its own
 * answer: its family is found and the other has none. A text that is no host name is LOOKUP_NO_NAME of both,
 * with the reason. The handle is valid until the call, or lookup_cancel. */
struct lookup_query *lookup_addresses(struct lookup *l, const char *host, lookup_fn *fn, void *arg);
/* It is not called any more. NULL is fine. */
void lookup_cancel(struct lookup_query *q);

/* One line of why there is no address, for when r->n is 0: of both families where they differ. Returns the
 * code. */
int lookup_error(const struct lookup_result *r, struct err *err);

#endif
