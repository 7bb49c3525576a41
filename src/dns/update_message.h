/* The octets of a dynamic update and what the answer to it says. Private to this folder and its tests. */
#ifndef EVERCERT_DNS_UPDATE_MESSAGE_H
#define EVERCERT_DNS_UPDATE_MESSAGE_H

#include "base/buf.h"
#include "dns/update.h"
#include "dns/wire.h"

enum {
    UPDATE_REPLY_MAX = 4096,    /* octets: a header, the zone and a signature are below 1 kB */
    UPDATE_VALUES_SIZE = 16384, /* octets of all values of an update; a challenge's has 43 */
    UPDATE_MAC_MAX = 2 + 64,    /* length and octets of the MAC of SHA-512 */
    UPDATE_FUDGE_S = 300,       /* that clocks may differ (RFC 8945 10) */
    UPDATE_KEY_NAME_MAX = 256,  /* of a key's name as text */
};

struct update_message {
    struct buf octets; /* with the two of TCP that say how many follow */
    unsigned id;
    char server[64], *zone, *name;      /* for words */
    char key_name[UPDATE_KEY_NAME_MAX]; /* lower case, no dot at the end; "": not signed */
    const char *algorithm;              /* as ldns wants it; static storage */
    char secret[DNS_TSIG_SECRET_MAX];   /* base64; wiped by update_message_free */
    unsigned char mac[UPDATE_MAC_MAX];  /* of the request, which the answer's signature is about too */
    size_t mac_n;
};

/* Builds and signs. ERR_INPUT, ERR_LIMIT, ERR_MEMORY; `m` is empty then. */
int update_message_build(const struct dns_update_spec *spec, struct update_message *m, struct err *err);
void update_message_free(struct update_message *m);
/* Judges an answer, without TCP's length; `now_s` is Unix time. The codes are those of dns_update_fn. */
int update_message_judge(const struct update_message *m, struct str reply, int64_t now_s, struct err *err);

#endif
