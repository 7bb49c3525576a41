/*
 * Conversations with the order machine as tables: one row per event, and the actions it must lead to, written
 * as text. URLs are shown without the CA's origin, tokens by their first five letters:
 *
 *   new-order /order | read /az/1 | challenge /ch/1 | finalize /fin/1 | present a.test tok-1
 *   withdraw a.test tok-1 | key | publish | wait 60 | done | failed
 *   new-order /order profile=short replaces | new-authz /authz a.test | present tls-alpn-01 a.test tok-1
 *   present dns-01 *.a.test tok-1 | present dns-persist-01 a.test ca.test hashed (without a token)
 *   give-up /az/1 | judge AAAA | publish BBBB (chains by their text, where it is not CHAIN)
 *
 * The actions of one step are joined by "; ". An answer names the action it belongs to by that text.
 */
#ifndef EVERCERT_TESTS_TRANSCRIPT_H
#define EVERCERT_TESTS_TRANSCRIPT_H

#include "acme/order.h"

#include <stddef.h>
#include <stdint.h>

#define CA             "https://ca.test"
#define THUMBPRINT     "thumbthumbthumbthumbthumbthumbthumbthumbthu"
#define CHAIN_OF(text) "-----BEGIN CERTIFICATE-----\n" text "\n-----END CERTIFICATE-----\n"
#define CHAIN          CHAIN_OF("AAAA")
/* Of the five letters that the tables show, made long enough. */
#define TOKEN(n) "tok-" n "_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* JSON. `more` is "" or members with a comma in front. */
#define DNS(name) "{\"type\":\"dns\",\"value\":\"" name "\"}"
#define URL(path) "\"" CA path "\""
#define ORDER_OF(status, identifiers, authorizations, more)         \
    "{\"status\":\"" status "\",\"identifiers\":[" identifiers "]," \
    "\"authorizations\":[" authorizations "],\"finalize\":" URL("/fin/1") more "}"
#define ORDER(status) ORDER_OF(status, DNS("a.test"), URL("/az/1"), "")
#define ORDER_VALID   ORDER_OF("valid", DNS("a.test"), URL("/az/1"), ",\"certificate\":" URL("/cert/1"))
#define HTTP_01(n, status, more)                 \
    "{\"type\":\"http-01\",\"status\":\"" status \
    "\",\"url\":" URL("/ch/" n) ",\"token\":\"" TOKEN(n) "\"" more "}"
#define TLS_ALPN_01(n, status, more)                 \
    "{\"type\":\"tls-alpn-01\",\"status\":\"" status \
    "\",\"url\":" URL("/alpn/" n) ",\"token\":\"" TOKEN(n) "\"" more "}"
#define AUTHORIZATION(name, status, challenges, more) \
    "{\"status\":\"" status "\",\"identifier\":" DNS(name) ",\"challenges\":[" challenges "]" more "}"
#define AZ(n, name, status)   AUTHORIZATION(name, status, HTTP_01(n, "pending", ""), "")
#define PROBLEM(type, detail) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" detail "\"}"

enum line_kind {
    START,
    ANSWER,
    LOST,
    PRESENTED,
    UNPRESENTED,
    HIT,
    KEY_MADE,
    KEYLESS,
    PUBLISHED,
    UNPUBLISHED,
    TICK,
    JUDGED,
    UNJUDGED
};

struct line {
    enum line_kind kind;
    const char *what; /* ANSWER, LOST: the request as shown; PRESENTED, HIT: the token's five letters; JUDGED:
                       * the leaf */
    int status;       /* of the answer; of LOST and UN-: the error code; of JUDGED: the rank, -1 for none */
    const char *body;
    const char *says; /* the actions that must follow, "" for none */
    const char *location, *retry_after, *content_type, *link;
    int64_t ms; /* time that passes before the event; TICK: the wait runs out if it has by then */
};

struct pending {
    unsigned tag;
    char text[256];
};

struct transcript {
    struct order *order;
    struct order_actions actions;
    struct wall wall;
    struct mono mono;
    struct pending pending[256];
    size_t pending_n;
    unsigned wait_tag;
    int64_t wait_until;
    size_t requests, keys, visible;
    struct err err; /* of the FAILED action */
    bool failed, done;
};

/* `names` ends with NULL. */
void transcript_new(
    struct transcript *t, const char *const *names, const char *resume, bool has_key, bool early);
/* With parameters of the test's own; what is missing in them is filled in. */
void transcript_of(struct transcript *t, const char *const *names, struct order_params p);
void transcript_free(struct transcript *t);
/* Plays the table; fails the test, naming the row, where the actions are not those that are written. */
void transcript_play(struct transcript *t, const struct line *lines, size_t n);
#define PLAY(t, ...)                                                    \
    do {                                                                \
        const struct line lines_[] = {__VA_ARGS__};                     \
        transcript_play((t), lines_, sizeof lines_ / sizeof lines_[0]); \
    } while (0)
/* One event by hand, for what tables cannot say. */
void transcript_event(struct transcript *t, struct order_event e);
/* The order failed with this code, a text that holds `text`, and is dead or not; nothing is visible any
 * more. */
void transcript_failed(const struct transcript *t, int code, bool dead, const char *text);

#endif
