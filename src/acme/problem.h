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
    /* Where the reader is to go, "" for nowhere: the first https URL of the "help" Link, `instance` and the
     * detail; for a paused name (problem_is_paused) the one of the detail, which is what lifts the pause. As
     * the CA wrote it, at most ACME_URL_MAX octets of printable ASCII. */
    const char *link;
    bool paused;          /* see problem_is_paused */
    struct wall retry_at; /* "retry after DATE TIME UTC" in the detail of a rateLimited; s == 0: not there */
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

/* Whether the CA has paused the name and wants a person to lift that: no retry will help, and each counts. No
 * type says so (Let's Encrypt is the only CA that does it), so this is the one place that looks at words: a
 * rateLimited whose detail has an https URL, and says "paused" in it or has "unpause" in the URL. */
bool problem_is_paused(const struct problem *p);

/* How long to leave the CA alone, in seconds from now, 0..max_s: Retry-After of the answer (which may be
 * NULL), else the time that the detail of a rateLimited names. False where neither says anything. */
bool problem_retry_after(
    const struct problem *p, const struct acme_response *r, struct wall now, int64_t max_s, int64_t *out_s);

/* Fills err with ERR_ACME: detail, type, each sub-problem with its identifier (as many as fit, and how many
 * more there are), what the reader can do, the instance link and the "help" link of the answer where present,
 * and retry_at_s as problem_retry_after (capped by ACME_RETRY_AFTER_MAX_S). `r` may be NULL. Returns
 * ERR_ACME. */
int problem_to_err(const struct problem *p, const struct acme_response *r, struct wall now, struct err *err);

#endif
