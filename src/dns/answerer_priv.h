/* The parts of the answerer, for its files and their tests. */
#ifndef EVERCERT_DNS_ANSWERER_PRIV_H
#define EVERCERT_DNS_ANSWERER_PRIV_H

#include "base/buf.h"
#include "dns/answerer.h"
#include "dns/wire.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
    ANSWERER_UDP_MAX = 1232, /* octets of an answer by UDP: no network fragments it (DNS flag day 2020) */
    ANSWERER_UDP_PLAIN_MAX = 512,  /* without EDNS (RFC 1035 4.2.1) */
    ANSWERER_NAMESERVERS_MAX = 16, /* of a zone; the root has 13 */
    ANSWERER_MISSING_S = 0,        /* how long a name may be thought missing: it may be there in a moment */
    ANSWERER_BUCKETS = 4096,       /* of the table of names */
    ANSWERER_NAME_SIZE = 60000, /* octets of the answer with all values of one name, which TCP has to take */
    ANSWERER_VALUE_MAX = 1024,  /* octets of a value; a challenge's has 43 */
};

struct zone {
    struct wire_name name, nameservers[ANSWERER_NAMESERVERS_MAX], contact;
    size_t nameserver_n;
};

struct value {
    struct value *next;
    unsigned count; /* how often it was put */
    size_t n;
    char octets[];
};

/* A name that is there: one with values, or one above such a name (which makes it no NXDOMAIN). */
struct node {
    struct node *next; /* of its bucket */
    unsigned below;    /* values at it and below */
    struct value *values;
    size_t size; /* of the records with the values */
    size_t n;
    unsigned char octets[]; /* the name in lower case */
};

struct udp_socket;
struct tcp;
struct rate;

struct answerer {
    struct event_base *base;
    struct zone *zones;
    size_t zone_n, value_n;
    uint32_t serial; /* of all zones; rises with each change */
    uint64_t seed;   /* of the table, so that nobody outside can choose what falls together */
    struct node *buckets[ANSWERER_BUCKETS];
    struct udp_socket *udp;
    struct tcp *tcp;
    struct rate *rate;
};

/* The longest zone that the name lies in, or NULL. */
const struct zone *answerer_zone_of(const struct answerer *a, const struct wire_name *name);
/* NULL where there is no such name, nor one below. */
const struct node *answerer_node(const struct answerer *a, const struct wire_name *name);

/* As answerer_answer; a `cut` answer says that it is truncated and nothing else. */
size_t answerer_respond(struct answerer *a, struct str message, size_t max, bool cut, struct buf *out);

/* --- answers to one network --- */

enum rate_verdict { RATE_ANSWER, RATE_CUT, RATE_DROP };
struct rate *rate_new(void);
void rate_free(struct rate *r);
/* One more answer to that address, at that time. */
enum rate_verdict rate_ask(struct rate *r, const struct sockaddr *to, int64_t now_ms);

/* --- sockets --- */

int udp_listen(struct answerer *a, int fd, struct err *err);
void udp_unlisten(struct answerer *a);
int tcp_listen(struct answerer *a, int fd, struct err *err);
/* Connections are closed too. */
void tcp_unlisten(struct answerer *a);

#endif
