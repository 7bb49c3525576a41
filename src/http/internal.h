/* What the tests of this folder turn and see, and nobody else. */
#ifndef EVERCERT_HTTP_INTERNAL_H
#define EVERCERT_HTTP_INTERNAL_H

#include "http/address.h"
#include "http/client.h"
#include "http/responder.h"
#include "http/tls_alpn.h"

#include <stdbool.h>

/* In place of HTTP_CONNECT_TIMEOUT_S, HTTP_TOTAL_TIMEOUT_S and HTTP_STALL_TIMEOUT_S, for requests started
 * later.
 */
void http_client_set_times(struct http_client *c, long connect_ms, long total_ms, long stall_s);
/* As if the first connection had gone there. */
void http_client_set_home(struct http_client *c, enum address_home home);
/* Whether requests are in flight. */
bool http_client_busy(const struct http_client *c);

/* In place of RESPONDER_DEADLINE_S and RESPONDER_CONNECTIONS_MAX; for a responder without connections. */
void responder_set_limits(struct responder *r, int64_t deadline_ms, size_t connections_max);
/* Open connections. */
size_t responder_connections(const struct responder *r);
/* The same for tls-alpn-01. */
void tls_alpn_set_limits(struct tls_alpn *a, int64_t deadline_ms, size_t connections_max);
size_t tls_alpn_connections(const struct tls_alpn *a);

#endif
