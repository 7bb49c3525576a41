/*
 * A small authoritative DNS server for a delegated zone that holds nothing but challenges: TXT, SOA, NS and
 * CAA, UDP and TCP, no recursion, no transfers, one question a message. Names are compared without case and
 * given back as asked (RFC 4343); EDNS (RFC 6891) up to 1,232 octets, truncation beyond. Answers to one
 * source network are limited (response rate limiting: slipped answers are truncated, so that a real client
 * comes back by TCP).
 */
#ifndef EVERCERT_DNS_ANSWERER_H
#define EVERCERT_DNS_ANSWERER_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ANSWERER_ZONES_MAX = 64,
    ANSWERER_VALUES_MAX = 10000, /* TXT values altogether */
    ANSWERER_TCP_MAX = 64,       /* connections at once, 8 of one address; the oldest idle one gives way */
    ANSWERER_TCP_IDLE_S = 5,
    ANSWERER_RATE = 50, /* UDP answers a second to one /24 or /56 */
    ANSWERER_TTL_S = 1, /* of values: nobody is to keep them */
};

struct answerer;

struct answerer_zone {
    const char *zone;               /* "auth.example.org" */
    const char *const *nameservers; /* of the NS records; the first is the SOA's; at least one */
    size_t nameserver_n;
    const char *contact; /* of the SOA: "hostmaster.example.org"; "": hostmaster.ZONE */
};

struct answerer *answerer_new(struct event_base *base);
void answerer_free(struct answerer *a);
/* Takes over the descriptor, also where it fails: a bound UDP socket or a listening TCP one, non-blocking.
 * ERR_MEMORY. */
int answerer_listen(struct answerer *a, int fd, bool udp, struct err *err);
void answerer_unlisten(struct answerer *a);
/* Adds a zone, or changes what is said of it; texts are copied. ERR_INPUT, also for a name server within the
 * zone, whose address nobody could ask for; ERR_LIMIT. */
int answerer_zone(struct answerer *a, const struct answerer_zone *z, struct err *err);
/* Values stay, for zones that come back. */
void answerer_clear_zones(struct answerer *a);
/* A TXT value at that name, which must lie in a zone (ERR_NOT_FOUND); one that is there is counted twice.
 * ERR_INPUT, ERR_LIMIT: also where the values of the name would not fit into an answer any more, about 1,000
 * of a challenge's. */
int answerer_put(struct answerer *a, const char *name, const char *value, struct err *err);
void answerer_remove(struct answerer *a, const char *name, const char *value);
/* The answer to one message, as a pure function of what is held, for tests and the fuzz target: octets
 * appended to `out`, at most `max`; 0 where nothing is to be answered. A `max` of 1,232 or less is that of
 * UDP, where what the message says of its own limit counts too. */
struct buf;
size_t answerer_answer(struct answerer *a, struct str message, size_t max, struct buf *out);

#endif
