/*
 * The HTTPS client: libcurl's multi interface on a libevent base, with hard limits. One per trust file. https
 * only, TLS 1.2 or newer, always verified; HTTP/2 multiplexed on few connections; no redirects for POST, at
 * most three (https) for GET; no content coding; a total deadline for each request.
 */
#ifndef EVERCERT_HTTP_CLIENT_H
#define EVERCERT_HTTP_CLIENT_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_CONNECT_TIMEOUT_S = 15,
    HTTP_TOTAL_TIMEOUT_S =
        60, /* one request; a CA that validates inside the request may take half a minute */
    HTTP_STALL_TIMEOUT_S = 30, /* under one byte a second for this long */
    HTTP_GET_REDIRECTS_MAX = 3,
    HTTP_CONNECTIONS_PER_HOST = 2,
    HTTP_STREAMS_MAX = 64,
};

struct http_client;  /* opaque */
struct http_request; /* opaque: one in flight */

struct http_header {
    struct str name, value;
};

struct http_response {
    int status;
    const struct http_header *headers;
    size_t header_n;
    struct str body;
};

struct http_spec {
    enum { HTTP_GET, HTTP_HEAD, HTTP_POST } method;
    const char *url;
    const char *content_type; /* for POST */
    const char *accept;       /* NULL: none sent */
    struct str body;          /* copied */
    size_t headers_max, body_max;
};

/* Exactly one of the two is given; both live for the call. Never called from inside http_request_start. */
typedef void http_done_fn(const struct http_response *response, const struct err *err, void *arg);

/* `ca_pem`: the only roots to trust (PEM, copied), or empty for the system's. `user_agent` is copied. */
int http_client_new(struct event_base *base, struct str ca_pem, const char *user_agent,
    struct http_client **out, struct err *err);
/* Cancels what is in flight without calling back. */
void http_client_free(struct http_client *c);

/* ERR_INPUT for a URL that is not https or does not parse. Errors that arrive later are ERR_NETWORK (with the
 * host and what failed: lookup, connect, ...), ERR_TLS (with the reason, and that ca-file can name another
 * root), ERR_TIMEOUT, ERR_LIMIT. */
int http_request_start(struct http_client *c, const struct http_spec *spec, http_done_fn *done, void *arg,
    struct http_request **out, struct err *err);
/* No call back after this. */
void http_request_cancel(struct http_request *r);

#endif
