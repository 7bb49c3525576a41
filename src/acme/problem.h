/* Problem documents (RFC 7807 as RFC 8555 6.7 uses it) and what a client does about each type. */
#ifndef EVERCERT_ACME_PROBLEM_H
#define EVERCERT_ACME_PROBLEM_H

#include "acme/response.h"
#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct json_t; /* jansson's, see acme/json.h */

struct subproblem {
    const char *type, *detail, *identifier; /* never NULL; type without the URN prefix */
};

struct problem {
    const char *type;     /* without "urn:ietf:params:acme:error:"; "" where the answer was no ACME problem */
    const char *detail;   /* cleaned of control characters, capped; never NULL, never empty */
    const char *instance; /* for userActionRequired and paused names; "" where absent */
    int status;           /* of the answer; of an `error` member its own "status", 0 where it has none */
    const struct subproblem *sub;
    size_t sub_n;
};

/* What one error type asks of the client, one row per type of the registry in problem.c. */
enum problem_class {
    PROBLEM_RETRY_NONCE, /* badNonce: again at once with the fresh nonce */
    PROBLEM_TEMPORARY,   /* serverInternal, rateLimited, 5xx: later */
    PROBLEM_IDENTIFIER,  /* a name failed: caa, dns, connection, ... : long backoff */
    PROBLEM_ACCOUNT,     /* accountDoesNotExist: forget the account URL and look again, once */
    PROBLEM_ORDER,       /* orderNotReady: read the order and act on its status */
    PROBLEM_PERMANENT,   /* until somebody changes something */
};

/* Reads the body of an answer with status >= 400. Never fails: anything that is no ACME problem (HTML from a
 * proxy, rubbish, nothing) gives type "" and a detail of our own. */
void problem_read(const struct acme_response *r, struct arena *a, struct problem *out);
/* The `error` member of a challenge or order, given as JSON text. Same guarantees. */
void problem_read_json(struct str json, struct arena *a, struct problem *out);
/* The same, already parsed; for this folder. */
void problem_read_member(const struct json_t *j, struct arena *a, struct problem *out);

/* By the type; by the status (429 and 5xx are temporary) where the type says nothing. */
enum problem_class problem_classify(const struct problem *p);

/* Fills err with ERR_ACME: detail, type, each sub-problem with its identifier (as many as fit, and how many
 * more there are), what the reader can do, the instance link and the "help" link of the answer where present,
 * and retry_at_s from Retry-After (capped by ACME_RETRY_AFTER_MAX_S). `r` may be NULL. Returns ERR_ACME. */
int problem_to_err(const struct problem *p, const struct acme_response *r, struct wall now, struct err *err);

#endif
