#include "tls/probe.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "tls/handshake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OUT_MAX = 64 * 1024, /* octets of ours that wait: a ClientHello has 0.5 kB */
    READ_MAX = 16 * 1024,
    /* After the goodbye: a connection that is closed with something unread is reset, which servers log as an
       error. */
    LINGER_MS = 300,
    LINGER_READS = 8, /* of what still comes */
    /* For a connection that probably leads nowhere (is_local_only), so that it does not hold up what is
       known. */
    LOCAL_ONLY_S = 3,
};

struct target;

/* What is done with a connection at its next event. */
typedef void step_fn(struct target *t);

struct target {
    struct tls_probe *probe;
    struct tls_seen *seen;
    int fd; /* -1: over */
    struct event *event;
    step_fn *step;
    const char *awaits; /* for when time is up; NULL: the conversation before TLS says it */
    size_t in_n;        /* octets that came */
    bool known;         /* nothing more is expected but the end */
    bool
        local_only; /* see is_local_only; a connection that does not come about is no fault of the server's */
    unsigned linger_n;
    struct buf out; /* not yet sent */
    struct starttls_talk talk;
    struct handshake handshake;
};

struct tls_probe {
    struct event_base *base;
    struct arena *arena;
    struct lookup_query *query;
    tls_probe_fn *fn;
    void *arg;
    struct event *timer; /* the deadline; or now, when all is seen */
    SSL_CTX *context;
    struct tls_probe_spec spec;
    struct target *targets;
    struct tls_seen *seen;
    size_t n, open;
    struct err why;
};

/* --- the life of a connection --- */

static void target_close(struct target *t)
{
    if (t->fd < 0)
        return;
    event_free(t->event);
    close(t->fd);
    t->fd = -1;
    starttls_end(&t->talk);
    handshake_end(&t->handshake);
    buf_free(&t->out);
}

static void done_soon(struct tls_probe *p)
{
    static const struct timeval now = {0, 0};
    if (p->open == 0)
        event_add(p->timer, &now);
}

/* err: NULL, or why it ends. */
static void target_end(struct target *t, const struct err *err)
{
    if (err != NULL)
        t->seen->err = *err;
    target_close(t);
    t->probe->open--;
    done_soon(t->probe);
}

static void not_connected(struct target *t, int e)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_NETWORK, "cannot connect: %s", strerror(e));
    target_end(t, &err);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct target *t = arg;
    if ((what & EV_TIMEOUT) == 0) {
        t->step(t);
        return;
    }
    t->seen->no_route = true; /* only local_only has a time of its own */
    not_connected(t, ETIMEDOUT);
}

static void wait_for(struct target *t, short what, step_fn *step)
{
    t->step = step;
    event_del(t->event);
    event_assign(t->event, t->probe->base, t->fd, what, on_event, t);
    event_add(t->event, NULL);
}

/* Sends what it can. False when the connection is over, and this target is ended. */
static bool flush(struct target *t)
{
    while (t->out.n > 0) {
        ssize_t n = send(t->fd, t->out.p, t->out.n, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n < 0) {
            struct err err = ERR_INIT;
            err_set(&err, ERR_NETWORK, "the connection broke: %s", strerror(errno));
            target_end(t, &err);
            return false;
        }
        buf_consume(&t->out, (size_t)n);
    }
    return true;
}

/* One read. What came is in `room`; none: `closed` says whether the server has ended. False where this target
 * is ended. */
static bool receive(struct target *t, char room[READ_MAX], struct str *in, bool *closed)
{
    struct err err = ERR_INIT;
    ssize_t n = recv(t->fd, room, READ_MAX, 0);
    *in = (struct str){room, n > 0 ? (size_t)n : 0};
    *closed = n == 0 || (n < 0 && errno == ECONNRESET);
    if (n < 0 && !*closed && errno != EAGAIN && errno != EINTR)
        err_set(&err, ERR_NETWORK, "the connection broke: %s", strerror(errno));
    t->in_n += in->n;
    if (t->in_n > TLS_PROBE_BYTES_MAX)
        err_set(&err, ERR_LIMIT, "sends more than %d octets", TLS_PROBE_BYTES_MAX);
    if (err.code != 0)
        target_end(t, &err);
    return err.code == 0;
}

/* --- the handshake --- */

static void on_linger(evutil_socket_t fd, short what, void *arg)
{
    char room[READ_MAX];
    struct target *t = arg;
    ssize_t n = (what & EV_TIMEOUT) != 0 ? 0 : recv(t->fd, room, sizeof room, 0);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        t->linger_n++;
    else
        t->linger_n = LINGER_READS;
    if (t->linger_n >= LINGER_READS)
        target_end(t, NULL);
}

/* All is known; the server gets its time to say goodbye. */
static void target_seen(struct target *t)
{
    static const struct timeval linger = {0, LINGER_MS * 1000};
    t->known = true;
    while (t->out.n > 0) {
        ssize_t n = send(t->fd, t->out.p, t->out.n, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        buf_consume(&t->out, (size_t)n);
    }
    shutdown(t->fd, SHUT_WR);
    event_del(t->event);
    event_assign(t->event, t->probe->base, t->fd, EV_READ | EV_PERSIST, on_linger, t);
    event_add(t->event, &linger);
}

static void keep_chain(struct target *t)
{
    const struct handshake *h = &t->handshake;
    t->seen->chain = h->chain;
    t->seen->chain_n = h->chain_n;
    if (h->chain_n > 0) {
        t->seen->not_before = h->chain[0].not_before;
        t->seen->not_after = h->chain[0].not_after;
    }
}

/* What the server sends, once all that was for it is on its way; false: not yet (`again` comes then), or the
 * target has ended. */
static bool next_octets(struct target *t, step_fn *again, char room[READ_MAX], struct str *in, bool *closed)
{
    if (!flush(t))
        return false;
    if (t->out.n > 0) {
        wait_for(t, EV_WRITE, again);
        return false;
    }
    return receive(t, room, in, closed);
}

static void on_handshake(struct target *t)
{
    char room[READ_MAX];
    struct str in;
    bool closed;
    struct err err = ERR_INIT;
    if (!next_octets(t, on_handshake, room, &in, &closed))
        return;
    int r = closed ? handshake_closed(&t->handshake, &err) : handshake_feed(&t->handshake, in, &t->out, &err);
    keep_chain(t);
    if (r > 0) {
        target_seen(t);
    } else if (r < 0) {
        ssize_t n = send(t->fd, t->out.p != NULL ? t->out.p : "", t->out.n, MSG_NOSIGNAL); /* an alert */
        (void)n;
        target_end(t, &err);
    } else if (flush(t)) {
        wait_for(t, t->out.n > 0 ? EV_WRITE : EV_READ, on_handshake);
    }
}

static void start_handshake(struct target *t)
{
    struct tls_probe *p = t->probe;
    struct err err = ERR_INIT;
    t->awaits = "its part of the TLS handshake";
    if (handshake_begin(&t->handshake, p->context, p->spec.server_name, p->arena, &t->out, &err) < 0) {
        target_end(t, &err);
        return;
    }
    t->handshake.acme = p->spec.acme;
    if (flush(t))
        wait_for(t, t->out.n > 0 ? EV_WRITE : EV_READ, on_handshake);
}

/* --- before TLS --- */

static void on_plain(struct target *t)
{
    char room[READ_MAX];
    struct str in;
    bool closed;
    struct err err = ERR_INIT;
    if (!next_octets(t, on_plain, room, &in, &closed))
        return;
    int r = closed ? err_set(&err, ERR_TLS, "closes the connection before %s", starttls_awaits(&t->talk))
                   : starttls_feed(&t->talk, in, &t->out, &err);
    if (r < 0)
        target_end(t, &err);
    else if (r == STARTTLS_UPGRADE)
        start_handshake(t);
    else if (flush(t))
        wait_for(t, t->out.n > 0 ? EV_WRITE : EV_READ, on_plain);
}

/* Our own end's address, for EHLO. */
static void own_address(int fd, char out[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    out[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return;
    if (a.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a)->sin6_addr, out, INET6_ADDRSTRLEN);
}

static void start_talk(struct target *t)
{
    const struct tls_probe_spec *spec = &t->probe->spec;
    char self[INET6_ADDRSTRLEN];
    struct err err = ERR_INIT;
    own_address(t->fd, self);
    struct starttls_spec talk = {.kind = spec->starttls,
        .port = spec->port,
        .host = spec->server_name[0] != '\0' ? spec->server_name : spec->host,
        .self = self};
    int r = starttls_begin(&t->talk, &talk, &t->out, &err);
    t->awaits = NULL;
    if (r < 0)
        target_end(t, &err);
    else if (r == STARTTLS_UPGRADE)
        start_handshake(t);
    else if (flush(t))
        wait_for(t, t->out.n > 0 ? EV_WRITE : EV_READ, on_plain);
}

/* --- connecting --- */

/* Of an error that connect() itself gives: it comes from this machine's routes. Those of routers come later.
 */
static bool is_no_route(int e)
{
    return e == ENETUNREACH || e == EHOSTUNREACH || e == EADDRNOTAVAIL || e == EAFNOSUPPORT;
}

/* Whether a public IPv6 address would be spoken to from one that is not (unique local, RFC 4193): as in many
 * containers, which have a route that leads nowhere. */
static bool is_local_only(int fd, const struct sockaddr *to)
{
    struct sockaddr_in6 own = {0};
    socklen_t n = sizeof own;
    if (to->sa_family != AF_INET6 || getsockname(fd, (struct sockaddr *)&own, &n) != 0)
        return false;
    unsigned char there = ((const struct sockaddr_in6 *)to)->sin6_addr.s6_addr[0],
                  here = own.sin6_addr.s6_addr[0];
    return (there & 0xe0) == 0x20 && (here & 0xfe) == 0xfc;
}

static void on_connected(struct target *t)
{
    int e = 0;
    socklen_t n = sizeof e;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
        e = errno;
    t->seen->no_route = t->local_only && is_no_route(e);
    if (e != 0)
        not_connected(t, e);
    else
        start_talk(t);
}

static void target_start(struct target *t, const struct lookup_address *address)
{
    static const struct timeval local_only = {LOCAL_ONLY_S, 0};
    struct sockaddr_storage to = address->addr;
    uint16_t port = t->probe->spec.port;
    if (to.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&to)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&to)->sin_port = htons(port);
    snprintf(t->seen->address, sizeof t->seen->address, to.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u",
        address->text, (unsigned)port);
    t->awaits = "the connection";
    t->out = buf_new(OUT_MAX);
    t->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int e = t->fd < 0 ? errno : 0;
    if (t->fd >= 0 && (t->event = event_new(t->probe->base, t->fd, EV_WRITE, on_event, t)) == NULL) {
        close(t->fd);
        t->fd = -1;
        e = ENOMEM;
    }
    if (e == 0 && connect(t->fd, (struct sockaddr *)&to, address->len) != 0 && errno != EINPROGRESS)
        e = errno;
    t->seen->no_route = is_no_route(e);
    if (e != 0) {
        not_connected(t, e);
        return;
    }
    t->local_only = is_local_only(t->fd, (struct sockaddr *)&to);
    wait_for(t, EV_WRITE, on_connected);
    if (t->local_only)
        event_add(t->event, &local_only);
}

/* --- the whole --- */

static void probe_free(struct tls_probe *p)
{
    lookup_cancel(p->query);
    for (size_t i = 0; i < p->n; i++)
        target_close(&p->targets[i]);
    SSL_CTX_free(p->context);
    event_free(p->timer);
    arena_free(p->arena);
    free(p);
}

static void out_of_time(struct tls_probe *p)
{
    if (p->query != NULL)
        err_set(&p->why, ERR_TIMEOUT, "the addresses of %s could not be looked up within %d ms", p->spec.host,
            p->spec.timeout_ms);
    for (size_t i = 0; i < p->n; i++) {
        struct target *t = &p->targets[i];
        if (t->fd < 0 || t->known)
            continue;
        t->seen->no_route = t->local_only && t->step == on_connected;
        err_set(&t->seen->err, ERR_TIMEOUT, "waited in vain for %s, %d ms in all",
            t->awaits != NULL ? t->awaits : starttls_awaits(&t->talk), p->spec.timeout_ms);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct tls_probe *p = arg;
    out_of_time(p);
    p->fn(p->seen, p->n, p->why.code != 0 ? &p->why : NULL, p->arg);
    probe_free(p);
}

static void on_addresses(const struct lookup_result *r, void *arg)
{
    struct tls_probe *p = arg;
    p->query = NULL;
    p->n = r->n < TLS_PROBE_ADDRESSES_MAX ? r->n : TLS_PROBE_ADDRESSES_MAX;
    p->open = p->n;
    if (p->n == 0)
        lookup_error(r, &p->why);
    p->targets = arena_array(p->arena, p->n, sizeof *p->targets);
    p->seen = arena_array(p->arena, p->n, sizeof *p->seen);
    for (size_t i = 0; i < p->n; i++)
        p->targets[i] = (struct target){.probe = p, .seen = &p->seen[i], .fd = -1};
    for (size_t i = 0; i < p->n; i++)
        target_start(&p->targets[i], &r->addresses[i]);
    done_soon(p);
}

static void set_deadline(struct tls_probe *p)
{
    struct timeval limit = {p->spec.timeout_ms / 1000, p->spec.timeout_ms % 1000 * 1000};
    event_add(p->timer, &limit);
}

struct tls_probe *tls_probe_start(struct event_base *base, struct lookup *lookup,
    const struct tls_probe_spec *spec, tls_probe_fn *fn, void *arg)
{
    struct tls_probe *p = calloc(1, sizeof *p);
    if (p == NULL || (p->timer = evtimer_new(base, on_timer, p)) == NULL)
        abort(); /* small and internal */
    p->base = base;
    p->arena = arena_new();
    p->fn = fn;
    p->arg = arg;
    p->spec = *spec;
    struct str host = str_c(spec->host);
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = (struct str){host.p + 1, host.n - 2};
    p->spec.host = arena_dup(p->arena, host);
    p->spec.server_name = arena_dup_c(p->arena, spec->server_name);
    if (spec->timeout_ms <= 0)
        p->spec.timeout_ms = TLS_PROBE_TIMEOUT_MS;
    p->context = handshake_context(spec->key, &p->why);
    if (p->context != NULL && spec->acme && handshake_ask_acme(p->context, &p->why) < 0) {
        SSL_CTX_free(p->context);
        p->context = NULL;
    }
    if (p->context == NULL) {
        done_soon(p);
        return p;
    }
    set_deadline(p);
    p->query = lookup_addresses(lookup, p->spec.host, on_addresses, p);
    return p;
}

void tls_probe_cancel(struct tls_probe *p)
{
    if (p != NULL)
        probe_free(p);
}
