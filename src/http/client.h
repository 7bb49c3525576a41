/*
 * The HTTPS client: libcurl's multi interface on a libevent base, with hard limits. One per trust file. https
 * only, TLS 1.2 or newer, always verified; HTTP/2 multiplexed on few connections; no redirects for POST, at
 * most three (https) for GET; no content coding; a total deadline for each request. A client whose first
 * connection went to the public Internet never connects to a private address (http/address.h; ERR_REFUSED).
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

/* Exactly one of the two is given; both live for the call. Never called from inside http_request_start. The
 * request is over when this is called: its pointer must not be used after it. May start and cancel requests
 * and free the client. */
typedef void http_done_fn(const struct http_response *response, const struct err *err, void *arg);

/*
 * `ca_pem`: the only roots to trust (PEM, not kept), or empty for the system's; ERR_INPUT when it holds no
 * certificate. An intermediate or a server's own certificate works as a root too. `user_agent` is copied.
 *
 * Call it before a sandbox is entered: it starts libcurl and OpenSSL, which read their configuration. What
 * must stay possible inside: opening http_trust_file() (the system's roots are read at the first request and
 * again when the file changes; where that fails later, those that were read stay in force), sockets, and what
 * the resolver of libc needs, which runs in short-lived threads of libcurl.
 */
int http_client_new(struct event_base *base, struct str ca_pem, const char *user_agent,
    struct http_client **out, struct err *err);
/* Cancels what is in flight without calling back. */
void http_client_free(struct http_client *c);

/* The file with the system's roots: $SSL_CERT_FILE, else libcurl's default, else the first of the usual
 * places that exists. Static storage. */
const char *http_trust_file(void);

/* ERR_INPUT for a URL that is not https, holds a user or does not parse, and for control characters in a
 * header; ERR_TLS when the system's roots can't be read. Errors that arrive later are ERR_NETWORK (with the
 * host and what failed: lookup, connect, ...), ERR_TLS (with the reason, and that ca-file can name another
 * root), ERR_TIMEOUT, ERR_LIMIT. */
int http_request_start(struct http_client *c, const struct http_spec *spec, http_done_fn *done, void *arg,
    struct http_request **out, struct err *err);
/* No call back after this. */
void http_request_cancel(struct http_request *r);

#endif
