/*
 * Where a request may connect to. A CA on the public Internet has no business sending us to a machine of our
 * own network: by a redirect, or by a name that suddenly leads there (DNS rebinding).
 */
#ifndef EVERCERT_HTTP_ADDRESS_H
#define EVERCERT_HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Whether nobody on the public Internet can have this address (RFC 6890 and the registries it began):
 * loopback, private, link-local, shared (carriers' NAT), unique local, multicast, unspecified and reserved
 * ones, and IPv6 forms that hold such an IPv4 address (mapped, NAT64). True for anything but IPv4 and IPv6.
 */
bool address_is_private(const struct sockaddr *address);

/* The kind of network that the first connection went to, which was for the directory. */
enum address_home { ADDRESS_HOME_UNKNOWN, ADDRESS_HOME_PUBLIC, ADDRESS_HOME_PRIVATE };

/* Whether a connection to `address` is in order, and notes the first one in *home: whoever began on the
 * public Internet stays there; a private CA may be anywhere. */
bool address_is_allowed(enum address_home *home, const struct sockaddr *address);

#endif
