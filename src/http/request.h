/*
 * The request head of the http-01 answerer: an HTTP/1 parser (RFC 9112) that knows just what the answerer
 * needs and refuses what is ambiguous. Pure: bytes in, a verdict out.
 */
#ifndef EVERCERT_HTTP_REQUEST_H
#define EVERCERT_HTTP_REQUEST_H

#include "base/str.h"
#include "http/responder.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    /* Longest head that is read: with its terminator a buffer of this takes exactly RESPONDER_REQUEST_MAX. */
    REQUEST_HEAD_MAX = RESPONDER_REQUEST_MAX - 1,
};

struct request {
    int status;       /* 0 for a GET or HEAD that is well formed, else the HTTP status that refuses it */
    bool head;        /* HEAD */
    bool keep_alive;  /* another request may follow (never after a refusal or where there is a body) */
    bool body;        /* the client announced a body, which is not read */
    struct str token; /* what follows the well-known path, of token characters; empty for any other target */
    size_t size;      /* octets of `in` that this request took */
};

/*
 * Look for one whole request head at the start of `in`. False: more octets are needed. True: *out is filled;
 * its token is a view into `in`. A head that can't become valid, or is longer than REQUEST_HEAD_MAX, is
 * refused as soon as that is seen; then size is in.n. `*scanned` (0 for a new request) remembers how far
 * earlier calls looked, so that a head that drips in is not read again and again.
 *
 * Lines end with CR LF. One empty line before the request line is passed over (RFC 9112 2.2). HTTP/1.x only
 * (505 otherwise; a minor version above 1 counts as 1.1); HTTP/1.0 never keeps the connection. Exactly one
 * Host where the version is 1.1, with any value. Methods other than GET and HEAD give 405. Targets:
 * origin-form and absolute-form (http, https), compared as they are: nothing is decoded or normalised.
 */
bool request_parse(struct str in, size_t *scanned, struct request *out);

/* Whether s is a challenge token that is answered: [A-Za-z0-9_-], 1 to REQUEST_TOKEN_MAX octets. */
bool request_token_ok(struct str s);
enum { REQUEST_TOKEN_MAX = 256 };

#endif
