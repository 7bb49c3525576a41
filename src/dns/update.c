#include "dns/update.h"

#include "base/time.h"
#include "dns/internal.h"
#include "dns/update_message.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct dns_update {
    struct update_message message;
    struct bufferevent *connection;
    struct event *timer, *soon; /* the deadline; a failure that was known at once */
    struct err err;             /* for `soon` */
    bool connected;
    dns_update_fn *fn;
    void *arg;
};

void dns_update_cancel(struct dns_update *u)
{
    if (u == NULL)
        return;
    if (u->connection != NULL)
        bufferevent_free(u->connection);
    if (u->timer != NULL)
        event_free(u->timer);
    if (u->soon != NULL)
        event_free(u->soon);
    update_message_free(&u->message);
    free(u);
}

static void finish(struct dns_update *u, const struct err *err)
{
    dns_update_fn *fn = u->fn;
    void *arg = u->arg;
    dns_update_cancel(u);
    fn(err, arg);
}

static void on_readable(struct bufferevent *connection, void *arg)
{
    struct dns_update *u = arg;
    struct evbuffer *in = bufferevent_get_input(connection);
    unsigned char octets[2 + UPDATE_REPLY_MAX];
    struct err err = ERR_INIT;
    ev_ssize_t n = evbuffer_copyout(in, octets, sizeof octets);
    if (n < 2)
        return;
    size_t size = (size_t)octets[0] << 8 | octets[1];
    if (size > UPDATE_REPLY_MAX) {
        err_set(&err, ERR_NETWORK, "%s answered the update of %s with more than %d octets", u->message.server,
            u->message.zone, UPDATE_REPLY_MAX);
        finish(u, &err);
        return;
    }
    if ((size_t)n < 2 + size)
        return;
    int r = update_message_judge(
        &u->message, (struct str){(const char *)octets + 2, size}, clock_wall(&system_clock).s, &err);
    finish(u, r < 0 ? &err : NULL);
}

static void on_event(struct bufferevent *connection, short what, void *arg)
{
    struct dns_update *u = arg;
    struct err err = ERR_INIT;
    const struct update_message *m = &u->message;
    int error = EVUTIL_SOCKET_ERROR();
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        u->connected = true;
        return;
    }
    if (!u->connected)
        err_set(&err, ERR_NETWORK, "cannot connect to %s by TCP for the update of %s: %s", m->server, m->zone,
            evutil_socket_error_to_string(error));
    else if ((what & BEV_EVENT_ERROR) != 0)
        err_set(&err, ERR_NETWORK, "the connection to %s broke during the update of %s: %s", m->server,
            m->zone, evutil_socket_error_to_string(error));
    else
        err_set(&err, ERR_NETWORK, "%s closed the connection without an answer to the update of %s",
            m->server, m->zone);
    finish(u, &err);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct dns_update *u = arg;
    struct err err = ERR_INIT;
    err_set(&err, ERR_TIMEOUT, "%s did not %s in %d s, for the update of %s", u->message.server,
        u->connected ? "answer" : "take a connection by TCP", DNS_UPDATE_TIME_MS / 1000, u->message.zone);
    finish(u, &err);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    struct dns_update *u = arg;
    struct err err = u->err;
    finish(u, &err);
}

static int parse_server(const char *text, struct sockaddr_storage *out, int *n, struct err *err)
{
    enum { DNS_PORT = 53 };
    *n = sizeof *out;
    memset(out, 0, sizeof *out);
    if (evutil_parse_sockaddr_port(text, (struct sockaddr *)out, n) != 0)
        return err_set(err, ERR_INPUT,
            "the server \"%s\" is no address: it has the form 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53",
            text);
    in_port_t *port = out->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)out)->sin6_port
                                                 : &((struct sockaddr_in *)out)->sin_port;
    if (*port == 0)
        *port = htons(DNS_PORT);
    return 0;
}

void dns_update_set_time(struct dns_update *u, int ms)
{
    struct timeval wait = {ms / 1000, ms % 1000 * 1000};
    event_add(u->timer, &wait);
}

static int begin(
    struct dns_update *u, struct event_base *base, struct sockaddr_storage *to, int n, struct err *err)
{
    u->timer = evtimer_new(base, on_time, u);
    u->soon = evtimer_new(base, on_soon, u);
    u->connection = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (u->timer == NULL || u->soon == NULL || u->connection == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for an update of %s", u->message.zone);
    dns_update_set_time(u, DNS_UPDATE_TIME_MS);
    bufferevent_setcb(u->connection, on_readable, NULL, on_event, u);
    /* No more than an answer is ever taken from the server. */
    bufferevent_setwatermark(u->connection, EV_READ, 0, 2 + UPDATE_REPLY_MAX);
    bufferevent_enable(u->connection, EV_READ | EV_WRITE);
    if (bufferevent_write(u->connection, u->message.octets.p, u->message.octets.n) != 0)
        return err_set(err, ERR_MEMORY, "out of memory for an update of %s", u->message.zone);
    if (bufferevent_socket_connect(u->connection, (struct sockaddr *)to, n) != 0) {
        err_set(&u->err, ERR_NETWORK, "cannot connect to %s by TCP for the update of %s: %s",
            u->message.server, u->message.zone, evutil_socket_error_to_string(errno));
        bufferevent_free(u->connection);
        u->connection = NULL;
        event_active(u->soon, EV_TIMEOUT, 0);
    }
    return 0;
}

int dns_update_start(struct event_base *base, const struct dns_update_spec *spec, dns_update_fn *fn,
    void *arg, struct dns_update **out, struct err *err)
{
    struct sockaddr_storage to;
    int n, r;
    if ((r = parse_server(spec->server, &to, &n, err)) < 0)
        return r;
    struct dns_update *u = calloc(1, sizeof *u);
    if (u == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for an update of %s", spec->zone);
    u->fn = fn;
    u->arg = arg;
    if ((r = update_message_build(spec, &u->message, err)) < 0 || (r = begin(u, base, &to, n, err)) < 0) {
        dns_update_cancel(u);
        return r;
    }
    *out = u;
    return 0;
}
