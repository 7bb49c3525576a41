#include "http/server.h"

#include "base/time.h"

#include <arpa/inet.h>
#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_TURN = 64, /* then the loop looks at the open connections again */
    CROWD = 64,            /* connections at once whose memory is worth giving back to the system */
    CAP_MIN = 64,          /* with fewer connections it is not they that took the descriptors */
    ACCEPT_PAUSE_MS = 100, /* without descriptors; long enough for the deadline to free some */
};

struct server_listener {
    struct server_listener *next;
    struct event event;
    int fd;
};

static int64_t now_ms(void)
{
    return clock_mono(&system_clock).ms;
}

static void timer_set(struct event *timer, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(timer, &tv);
}

/* --- connections in the order of their deadlines --- */

static void conn_unlink(struct server *s, struct server_conn *c)
{
    if (c == s->oldest)
        s->oldest = c->newer;
    else
        c->older->newer = c->newer;
    if (c == s->newest)
        s->newest = c->older;
    else
        c->newer->older = c->older;
}

/* Puts c last with a full span before it. The timer is only ever started, never moved: when it fires early
 * for a connection that was renewed or closed, it is set again for the one that is oldest then. */
static void conn_link(struct server_conn *c)
{
    struct server *s = c->server;
    c->deadline_ms = now_ms() + s->span_ms;
    c->newer = NULL;
    c->older = s->newest;
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = c;
    s->newest = c;
    if (!event_pending(&s->timer, EV_TIMEOUT, NULL))
        timer_set(&s->timer, s->span_ms);
}

/* After a flood: what malloc keeps for the next would stay ours for as long as the process lives. */
static void give_back(struct server *s)
{
    if (s->conn_n > 0 || !s->crowded)
        return;
    s->crowded = false;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void conn_free(struct server *s, struct server_conn *c)
{
    conn_unlink(s, c);
    s->conn_n--;
    s->protocol->closing(c);
    event_del(&c->event);
    close(c->fd);
    free(c);
    give_back(s);
}

void server_close(struct server_conn *c)
{
    conn_free(c->server, c);
}

static void close_oldest(struct server *s)
{
    conn_free(s, s->oldest);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;
    int64_t now = now_ms();
    while (s->oldest != NULL && s->oldest->deadline_ms <= now)
        close_oldest(s);
    if (s->oldest != NULL)
        timer_set(&s->timer, s->oldest->deadline_ms - now);
}

static void on_conn(evutil_socket_t fd, short what, void *arg)
{
    struct server_conn *c = arg;
    c->server->protocol->ready(c);
}

void server_wait_for(struct server_conn *c, short what)
{
    if (c->waits_for == what)
        return;
    event_del(&c->event);
    event_assign(&c->event, c->server->base, c->fd, (short)(what | EV_PERSIST), on_conn, c);
    event_add(&c->event, NULL);
    c->waits_for = what;
}

void server_renew(struct server_conn *c)
{
    conn_unlink(c->server, c);
    conn_link(c);
}

/* --- who it is --- */

static void keep_peer(struct server_conn *c, const struct sockaddr_storage *from)
{
    if (from->ss_family == AF_INET6) {
        c->peer = ((const struct sockaddr_in6 *)from)->sin6_addr;
        c->inet = true;
    } else if (from->ss_family == AF_INET) {
        c->peer.s6_addr[10] = c->peer.s6_addr[11] = 0xff;
        memcpy(&c->peer.s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
        c->inet = true;
    }
}

const char *server_peer(const struct server_conn *c, char out[INET6_ADDRSTRLEN])
{
    if (!c->inet)
        return "local socket";
    if (IN6_IS_ADDR_V4MAPPED(&c->peer))
        return inet_ntop(AF_INET, &c->peer.s6_addr[12], out, INET6_ADDRSTRLEN);
    return inet_ntop(AF_INET6, &c->peer, out, INET6_ADDRSTRLEN);
}

/* --- listening --- */

static void conn_new(struct server *s, int fd, const struct sockaddr_storage *from)
{
    if (s->conn_n >= s->conn_max && s->oldest != NULL)
        close_oldest(s);
    struct server_conn *c = calloc(1, s->protocol->conn_size);
    if (c == NULL) {
        close(fd);
        return;
    }
    c->server = s;
    c->fd = fd;
    c->waits_for = EV_READ;
    keep_peer(c, from);
    event_assign(&c->event, s->base, fd, EV_READ | EV_PERSIST, on_conn, c);
    if (event_add(&c->event, NULL) < 0) {
        close(fd);
        free(c);
        return;
    }
    s->conn_n++;
    s->crowded = s->crowded || s->conn_n > CROWD;
    conn_link(c);
    s->protocol->opened(c);
}

static void pause_accepting(struct server *s)
{
    if (s->oldest != NULL)
        close_oldest(s);
    for (struct server_listener *l = s->listeners; l != NULL; l = l->next)
        event_del(&l->event);
    timer_set(&s->pause, ACCEPT_PAUSE_MS);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;
    for (struct server_listener *l = s->listeners; l != NULL; l = l->next)
        event_add(&l->event, NULL);
}

static bool out_of_resources(int e)
{
    return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

/* The limit on our own descriptors is lower than the cap: then what is open now is the cap, and the oldest
 * makes room at once. Whoever connects and waits keeps nobody out then, either. */
static bool cap_lower(struct server *s)
{
    if (s->conn_n < CAP_MIN)
        return false;
    s->conn_max = s->conn_n - 1; /* one is left for the next */
    close_oldest(s);
    return true;
}

static void on_accept(evutil_socket_t listening, short what, void *arg)
{
    struct server *s = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        int fd = accept4(listening, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE && cap_lower(s))
                continue;
            if (out_of_resources(errno))
                pause_accepting(s);
            return; /* nothing more waits, or the peer is gone already: the event fires again */
        }
        conn_new(s, fd, &from);
    }
}

int server_listen(struct server *s, int fd, struct err *err)
{
    struct server_listener *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for a listening socket");
    l->fd = fd;
    event_assign(&l->event, s->base, fd, EV_READ | EV_PERSIST, on_accept, s);
    if (!event_pending(&s->pause, EV_TIMEOUT, NULL) && event_add(&l->event, NULL) < 0) {
        free(l);
        return err_set(err, ERR_IO, "cannot watch a listening socket");
    }
    l->next = s->listeners;
    s->listeners = l;
    return 0;
}

void server_unlisten(struct server *s)
{
    for (struct server_listener *l = s->listeners, *next; l != NULL; l = next) {
        next = l->next;
        event_del(&l->event);
        close(l->fd);
        free(l);
    }
    s->listeners = NULL;
}

/* --- the whole --- */

void server_init(struct server *s, struct event_base *base, const struct server_protocol *protocol,
    void *owner, size_t conn_max, int64_t span_ms)
{
    *s = (struct server){
        .base = base, .protocol = protocol, .owner = owner, .conn_max = conn_max, .span_ms = span_ms};
    evtimer_assign(&s->timer, base, on_deadline, s);
    evtimer_assign(&s->pause, base, on_pause_over, s);
}

void server_end(struct server *s)
{
    server_unlisten(s);
    while (s->oldest != NULL)
        close_oldest(s);
    event_del(&s->timer);
    event_del(&s->pause);
}
