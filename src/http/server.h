/*
 * What the answerers of challenges share, whatever they speak: listening sockets, a bounded table of open
 * connections, and an absolute deadline for each of them. Beyond the cap the connection whose deadline is
 * next makes room for a new one, so that who connects and waits keeps nobody out.
 *
 * After server_init it opens nothing and, beside memory and the clock, calls just accept4, close and what the
 * event base calls.
 */
#ifndef EVERCERT_HTTP_SERVER_H
#define EVERCERT_HTTP_SERVER_H

#include "base/err.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

/* One connection: the first member of what a protocol keeps of it. */
struct server_conn {
    struct server_conn *older,
        *newer; /* in the order of deadlines, which is the order of their last renewal */
    struct server *server;
    struct event event;
    int64_t deadline_ms;
    struct in6_addr peer; /* IPv4 as mapped */
    int fd;
    short waits_for; /* EV_READ or EV_WRITE */
    bool inet;       /* `peer` is known */
};

/* A protocol. */
struct server_protocol {
    size_t conn_size; /* of the struct that begins with a server_conn */
    /* A connection came; all of it but the server_conn is zero. */
    void (*opened)(struct server_conn *c);
    /* It can be read or written, as waits_for says. */
    void (*ready)(struct server_conn *c);
    /* It ends, for whatever reason; its descriptor is still open. */
    void (*closing)(struct server_conn *c);
};

struct server_listener;

struct server {
    struct event_base *base;
    const struct server_protocol *protocol;
    void *owner;
    struct server_listener *listeners;
    struct server_conn *oldest, *newest;
    size_t conn_n, conn_max;
    int64_t span_ms;
    bool crowded;       /* there were many connections since there was none */
    struct event timer; /* for the oldest connection's deadline */
    struct event pause; /* accepting starts again */
};

/* `owner` is for the protocol's functions. At most conn_max connections, each for span_ms from its start or
 * its last renewal. */
void server_init(struct server *s, struct event_base *base, const struct server_protocol *protocol,
    void *owner, size_t conn_max, int64_t span_ms);
/* Closes everything. */
void server_end(struct server *s);
/* Takes over a listening, non-blocking socket (on failure it stays the caller's). Any number. */
int server_listen(struct server *s, int fd, struct err *err);
/* Closes all listening sockets; connections that are open go on. */
void server_unlisten(struct server *s);

/* From now on waits to be read (EV_READ, as at first) or written (EV_WRITE). */
void server_wait_for(struct server_conn *c, short what);
/* The span starts anew. */
void server_renew(struct server_conn *c);
/* Ends the connection and frees it. */
void server_close(struct server_conn *c);
/* The peer's address as text, in `out` or static. */
const char *server_peer(const struct server_conn *c, char out[INET6_ADDRSTRLEN]);

#endif
