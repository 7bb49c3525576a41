/* What the files of the client share. Private to this folder. */
#ifndef EVERCERT_DNS_CLIENT_PRIV_H
#define EVERCERT_DNS_CLIENT_PRIV_H

#include "dns/client.h"
#include "dns/exchange.h"
#include "dns/lookup.h"
#include "dns/resolv_conf.h"

enum { RESOLVER_TEXT_MAX = INET6_ADDRSTRLEN + 10 };

/* The first member of everything that goes on. */
struct dns_question {
    struct dns_client *owner;
    struct dns_question *next;
    void (*drop)(struct dns_question *q); /* takes it out of the list and frees it, without a call */
};

/* The name belongs to the zone, until then. */
struct known_zone {
    char *name, *zone;
    int64_t until_ms;
};

struct dns_client {
    struct event_base *base;
    struct exchanger *exchanger;
    struct lookup *lookup; /* addresses of name servers */
    struct dns_question *questions;
    bool own; /* servers were given; else they are those of resolv.conf as of `stamp` */
    struct resolv_stamp stamp;
    char servers[LOOKUP_SERVERS_MAX][RESOLVER_TEXT_MAX];
    size_t server_n;
    struct known_zone zones[DNS_ZONES_MAX]; /* a ring */
    size_t zone_next;
    struct known_servers *known_servers; /* of zones; dns/authority.c's */
};

void question_begin(struct dns_client *c, struct dns_question *q, void (*drop)(struct dns_question *));
void question_end(struct dns_question *q);

/* An answer with what it says beside its records. */
struct dns_told {
    struct dns_answer answer;
    const char *zone; /* that a negative one comes from, or NULL */
};

typedef void dns_told_fn(const struct dns_told *told, void *arg);
/* As dns_ask. */
struct dns_question *ask_told(
    struct dns_client *c, const char *name, enum dns_type type, dns_told_fn *fn, void *arg);

/* Frees what is known of zones. */
void zones_forget(struct dns_client *c);

#endif
