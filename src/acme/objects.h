/*
 * The order, authorization and challenge objects (RFC 8555 7.1.3, 7.1.4, 7.1.5, 8) as plain data: what they
 * say, in types, checked one by one. What they mean for an order under way, and whether they are what was
 * asked for, is the business of the order machine. Used inside this folder.
 */
#ifndef EVERCERT_ACME_OBJECTS_H
#define EVERCERT_ACME_OBJECTS_H

#include "acme/problem.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* RFC 8555 7.1.6: the statuses of all three kinds of object. One that is not listed is STATUS_UNKNOWN; it is
 * treated as pending, by callers whose patience is bounded. */
#define ACME_STATUSES(X)                 \
    X(STATUS_PENDING, "pending")         \
    X(STATUS_READY, "ready")             \
    X(STATUS_PROCESSING, "processing")   \
    X(STATUS_VALID, "valid")             \
    X(STATUS_INVALID, "invalid")         \
    X(STATUS_DEACTIVATED, "deactivated") \
    X(STATUS_EXPIRED, "expired")         \
    X(STATUS_REVOKED, "revoked")         \
    X(STATUS_UNKNOWN, "of an unknown status")

enum acme_status {
#define ACME_STATUS_ENUM(id, text) id,
    ACME_STATUSES(ACME_STATUS_ENUM)
#undef ACME_STATUS_ENUM
};

const char *acme_status_text(enum acme_status s);

struct order_object {
    enum acme_status status;
    /* DNS names in lower case, and addresses in their canonical form, which no DNS name has. */
    const struct str *identifiers;
    size_t identifier_n;
    const char *const *authorizations; /* URLs */
    size_t authorization_n;
    const char *finalize, *certificate; /* URLs, NULL where absent */
    const char *profile;                /* cleaned; NULL where absent */
    bool replaces;                      /* it says that it replaces a certificate (RFC 9773 5) */
    const struct problem *error;        /* NULL where absent */
};

struct challenge_object {
    const char *type; /* cleaned, for display and comparison */
    enum acme_status status;
    /* As the CA wrote them, unchecked: challenges of unknown types may hold anything. NULL where absent. */
    const char *url, *token;
    /* Of dns-persist-01: whom a record may name, in lower case; none where the list is absent or unsound. */
    const char *const *issuers;
    size_t issuer_n;
    bool hashed; /* its records name the account by a hash (acme/limits.h: the forms of the draft) */
    const struct problem *error; /* NULL where absent */
};

struct authorization_object {
    enum acme_status status;
    struct str identifier; /* as in an order; of a wildcard the name without "*." */
    bool wildcard;
    const struct challenge_object *challenges;
    size_t challenge_n;
};

/* Each parses one answer into `a`. ERR_INPUT for what is malformed, ERR_LIMIT for what is too much
 * (acme/limits.h). URLs other than those of challenges have passed acme_url_check_from(`directory`). */
int order_object_parse(
    struct str json, struct str directory, struct arena *a, struct order_object *out, struct err *err);
int authorization_object_parse(
    struct str json, struct arena *a, struct authorization_object *out, struct err *err);
int challenge_object_parse(struct str json, struct arena *a, struct challenge_object *out, struct err *err);

#endif
