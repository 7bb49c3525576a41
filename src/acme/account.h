/*
 * One account at one authority (RFC 8555 7.3) as a pure machine: find it by its key, register it when it is
 * not there and the user agreed to the terms, bring its contact up to date. One request at a time.
 *
 * Terms are never agreed to by itself (7.3.3): userActionRequired ends in an error that names the link. A CA
 * that takes newAccount and does not say where the account is, is asked once more by the key (7.3.1).
 */
#ifndef EVERCERT_ACME_ACCOUNT_H
#define EVERCERT_ACME_ACCOUNT_H

#include "acme/directory.h"
#include "acme/payload.h"
#include "acme/response.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

struct account; /* opaque */

struct account_params {
    struct str directory_url; /* the origin every URL must have */
    struct str new_account;   /* from the directory */
    struct str terms_of_service;
    struct str known_url;        /* account URL from the store; "" where unknown */
    struct str email;            /* the contact wanted; "" for none */
    struct str registered_email; /* the contact the CA was told last, from the store */
    bool agree_tos;
    bool external_account_required;
    bool have_eab;     /* the credentials of a binding to a customer of the CA (7.3.4) are configured */
    bool may_register; /* false: only look (account show) */
    bool key_is_new;   /* just made: looking for its account would be a wasted request */
};

/* What to do about an account that is closed for good, as the end of a sentence. */
#define ACCOUNT_ANOTHER \
    "give this authority another label, as in `account: second`, and a new account is made at its next use"

enum account_action {
    ACCOUNT_REQUEST, /* send `kind` to `url` and hand the answer to account_response; where none came,
                      * account_start begins again, now or later */
    ACCOUNT_READY,   /* account_url() may be used as kid; contact is as wanted */
    ACCOUNT_FAILED,  /* *err says why */
};

struct account_next {
    enum account_action action;
    enum acme_request kind;
    struct str url; /* valid until the next call */
};

/* Copies what it needs. Ends with account_free. */
struct account *account_new(const struct account_params *p);
void account_free(struct account *a);
/* The first thing to do: with a known URL and an unchanged contact ACCOUNT_READY at once, no request.
 * ACCOUNT_FAILED with ERR_CONFIG, before any request, where registering needs consent to terms or a binding
 * that are not there. May be called again at any time. */
void account_start(struct account *a, struct account_next *out, struct err *err);
void account_response(struct account *a, const struct acme_response *r, struct wall now,
    struct account_next *out, struct err *err);
/* The CA said accountDoesNotExist for our kid in some other request: forget the URL, so that account_start
 * looks for the account by its key, and registers it where allowed. When the CA does that twice in a row, the
 * next account_start fails. */
void account_forget_url(struct account *a);
/* Whether the CA does not take keys of that kind (6.2, 6.7), so that another one may do. */
bool account_key_refused(const struct err *err);
/* "" while unknown. Valid until the next call. */
struct str account_url(const struct account *a);

/* The account object (7.1.2), for people. Texts are cleaned and capped, never NULL, "" where absent. */
struct account_object {
    const char *status;
    const char *const *contacts; /* at most ACME_CONTACTS_MAX */
    size_t contact_n;
    const char *orders; /* URL as the CA wrote it; many CAs have none, or one that does not work */
    bool terms_agreed;
};

/* Parses into `a`. Only what is no JSON object is an error (ERR_INPUT, ERR_LIMIT); members of a wrong type
 * count as absent. */
int account_object_parse(struct str json, struct arena *a, struct account_object *out, struct err *err);

#endif
