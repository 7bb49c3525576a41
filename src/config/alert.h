/*
 * Who is told when certificates fail or come near their end, besides hooks: people by mail, programs by a
 * webhook. Entries of `alerts` by name.
 */
#ifndef EVERCERT_CONFIG_ALERT_H
#define EVERCERT_CONFIG_ALERT_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    ALERTS_MAX = 32,           /* one for each team and channel */
    ALERT_RECIPIENTS_MAX = 50, /* of one mail; more is what mailing lists are for */
    ALERT_SECRET_MAX = 1024,   /* octets of a password or token */
};

/* `mail` or `webhook` says which it is. No text is NULL. */
struct alert {
    const char *name;
    const char *const *mail; /* addresses */
    size_t mail_n;
    const char *smtp; /* smtp://host:port or smtps://host:port */
    const char *from; /* "": evercert@ and the name of this machine */
    /* The password is a secret, and shown to a server only over TLS that was verified. */
    const char *user, *password, *password_file;
    const char *webhook;            /* http:// or https:// */
    const char *token, *token_file; /* sent as Authorization: Bearer; a secret */
    const char *ca_file;            /* "": the system's roots */
    const char *const *on;          /* events: "failing", "expiring"; none: both */
    size_t on_n;
};

struct settings;
struct setting;
struct reader;
struct node;
struct where;

/* The entry of that name; NULL where there is none. */
const struct alert *alert_find(const struct settings *s, const char *name);
/* Whether it is for that event. */
bool alert_is_for(const struct alert *x, const char *event);

/* For struct section (config/schema.h). */
void alert_init(void *element, const struct settings *defaults);
void alert_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element);
const char *alert_misplaced(const struct setting *row, const void *element);

#endif
