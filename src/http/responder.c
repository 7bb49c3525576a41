#include "http/responder.h"

#include "base/buf.h"
#include "base/time.h"
#include "http/internal.h"
#include "http/request.h"
#include "http/tokens.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REQUESTS_MAX = 100,    /* on one connection: a proxy opens another, a flooder must shake hands again */
    ACCEPTS_PER_TURN = 64, /* then the loop looks at the open connections again */
    ACCEPT_PAUSE_MS = 100, /* without descriptors; long enough for the deadline to free some */
    ANSWER_MAX = 1024,     /* one answer: about 250 octets of head and a value of 512 */
    DATE_MAX = 40,
};

/* One connection. What it needs beyond this struct it holds only while bytes wait: an idle one has no
 * buffers. */
struct conn {
    struct conn *older, *newer; /* in the order of deadlines, which is the order of their last renewal */
    struct responder *responder;
    struct event event;
    int64_t deadline_ms;
    struct in6_addr peer; /* IPv4 as mapped */
    struct buf in, out;   /* a head that is not complete; answers the socket would not take yet */
    size_t scanned;       /* of `in`, for request_parse */
    int fd;
    unsigned requests;
    short waits_for; /* EV_READ or EV_WRITE */
    bool inet;       /* `peer` is known */
    bool last;       /* no more requests: close once `out` is empty */
    bool unread;     /* octets may follow the last request: linger, lest a reset eats the answer */
    bool lingering;  /* our side is shut; waits for the peer's end */
};

struct listener {
    struct listener *next;
    struct event event;
    int fd;
};

struct responder {
    struct event_base *base;
    responder_hit_fn *hit;
    void *arg;
    struct tokens tokens;
    struct listener *listeners;
    struct conn *oldest, *newest;
    size_t conn_n, conn_max;
    int64_t span_ms;
    struct event timer; /* for the oldest connection's deadline */
    struct event pause; /* accepting starts again */
    struct buf out;     /* the answers of this turn */
    int64_t date_s;     /* the second that `date` shows */
    char date[DATE_MAX];
    char in[REQUEST_HEAD_MAX];
};

static const struct answer {
    int status;
    const char *reason, *fields, *body;
} answers[] = {
    {200, "OK", "", ""},
    {404, "Not Found", "", "no such challenge\n"},
    {400, "Bad Request", "", "bad request\n"},
    {405, "Method Not Allowed", "Allow: GET, HEAD\r\n", "only GET and HEAD\n"},
    {414, "URI Too Long", "", "the target is too long\n"},
    {431, "Request Header Fields Too Large", "", "the request is too large\n"},
    {505, "HTTP Version Not Supported", "", "only HTTP/1.x\n"},
};

static const struct answer *answer_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (answers[i].status == status)
            return &answers[i];
    return &answers[2];
}

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

static void conn_unlink(struct responder *r, struct conn *c)
{
    if (c == r->oldest)
        r->oldest = c->newer;
    else
        c->older->newer = c->newer;
    if (c == r->newest)
        r->newest = c->older;
    else
        c->newer->older = c->older;
}

/* Puts c last with a full span before it. The timer is only ever started, never moved: when it fires early
 * for a connection that was renewed or closed, it is set again for the one that is oldest then. */
static void conn_link(struct conn *c)
{
    struct responder *r = c->responder;
    c->deadline_ms = now_ms() + r->span_ms;
    c->newer = NULL;
    c->older = r->newest;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = c;
    r->newest = c;
    if (!event_pending(&r->timer, EV_TIMEOUT, NULL))
        timer_set(&r->timer, r->span_ms);
}

static void conn_free(struct responder *r, struct conn *c)
{
    conn_unlink(r, c);
    r->conn_n--;
    event_del(&c->event);
    close(c->fd);
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
}

static void conn_close(struct conn *c)
{
    conn_free(c->responder, c);
}

static void close_oldest(struct responder *r)
{
    conn_free(r, r->oldest);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct responder *r = arg;
    int64_t now = now_ms();
    while (r->oldest != NULL && r->oldest->deadline_ms <= now)
        close_oldest(r);
    if (r->oldest != NULL)
        timer_set(&r->timer, r->oldest->deadline_ms - now);
}

/* --- answers --- */

/* IMF-fixdate (RFC 9110 6.6.1 wants Date) without gmtime_r, which may open the zone file. */
static const char *date_now(struct responder *r)
{
    static const char days[] = "ThuFriSatSunMonTueWed", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct wall now = clock_wall(&system_clock);
    if (now.s == r->date_s || now.s <= 0)
        return r->date;
    char t[TIME_TEXT_MAX]; /* 2026-11-21T22:12:00Z */
    wall_format(now, t);
    int month = (t[5] - '0') * 10 + t[6] - '0';
    snprintf(r->date, sizeof r->date, "%.3s, %.2s %.3s %.4s %.8s GMT", days + (now.s / 86400 % 7) * 3, t + 8,
        months + (size_t)(month - 1) * 3, t, t + 11);
    r->date_s = now.s;
    return r->date;
}

static void put_answer(struct responder *r, int status, struct str body, bool head, bool close_after)
{
    const struct answer *a = answer_of(status);
    if (status != 200)
        body = str_c(a->body);
    buf_printf(&r->out,
        "HTTP/1.1 %d %s\r\n"
        "Date: %s\r\n"
        "Content-Type: text/plain\r\n"
        "Content-Length: %zu\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "%s%s\r\n",
        a->status, a->reason, date_now(r), body.n, a->fields, close_after ? "Connection: close\r\n" : "");
    if (!head)
        buf_put_str(&r->out, body);
}

/* Writes the answer to one request; whether it was a hit (the value of a live token was given out). */
static bool answer(struct conn *c, const struct request *q)
{
    struct responder *r = c->responder;
    c->requests++;
    c->last = !q->keep_alive || c->requests >= REQUESTS_MAX;
    c->unread = q->status != 0 || q->body;
    struct str value = q->token.n > 0 ? tokens_find(&r->tokens, q->token) : (struct str){NULL, 0};
    int status = q->status != 0 ? q->status : value.p != NULL ? 200 : 404;
    put_answer(r, status, value, q->head, c->last);
    return status == 200 && !q->head;
}

static const char *peer_text(const struct conn *c, char out[INET6_ADDRSTRLEN])
{
    if (!c->inet)
        return "local socket";
    if (IN6_IS_ADDR_V4MAPPED(&c->peer))
        return inet_ntop(AF_INET, &c->peer.s6_addr[12], out, INET6_ADDRSTRLEN);
    return inet_ntop(AF_INET6, &c->peer, out, INET6_ADDRSTRLEN);
}

/* Sends what fits; octets sent, or -1 when the connection is dead. */
static ssize_t send_some(int fd, struct str s)
{
    if (s.n == 0)
        return 0;
    ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

/* --- the life of a connection --- */

static void on_conn(evutil_socket_t fd, short what, void *arg);

static void wait_for(struct conn *c, short what)
{
    if (c->waits_for == what)
        return;
    event_del(&c->event);
    event_assign(&c->event, c->responder->base, c->fd, (short)(what | EV_PERSIST), on_conn, c);
    event_add(&c->event, NULL);
    c->waits_for = what;
}

/* Everything is answered and sent. Closes, or shuts our side and waits (until the deadline that runs) for the
 * peer to close: a close with unread octets would make the kernel send a reset, which can overtake the
 * answer. */
static void finish(struct conn *c)
{
    if (!c->unread || shutdown(c->fd, SHUT_WR) < 0) {
        conn_close(c);
        return;
    }
    c->lingering = true;
    buf_free(&c->in);
    buf_free(&c->out);
    wait_for(c, EV_READ);
}

/* All answers so far have left: the span starts anew for the next request. */
static void renew(struct conn *c)
{
    conn_unlink(c->responder, c);
    conn_link(c);
    wait_for(c, EV_READ);
}

/* Answers the whole requests at the start of `in`, as many as came; returns the octets they took. The tokens
 * that were hit go to hits[] as views into `in`. */
static size_t answer_all(struct conn *c, struct str in, struct str hits[REQUESTS_MAX], size_t *hit_n)
{
    size_t done = 0;
    struct request q;
    while (!c->last && request_parse((struct str){in.p + done, in.n - done}, &c->scanned, &q)) {
        if (answer(c, &q))
            hits[(*hit_n)++] = q.token;
        done += q.size;
        c->scanned = 0;
    }
    if (c->last && done < in.n)
        c->unread = true;
    return done;
}

/* `in` is what has arrived and is not answered; it is c->in or the responder's own buffer. */
static void take(struct conn *c, struct str in)
{
    struct responder *r = c->responder;
    struct str hits[REQUESTS_MAX];
    size_t hit_n = 0;
    buf_clear(&r->out);
    size_t used = answer_all(c, in, hits, &hit_n);
    struct str out = buf_str(&r->out);
    ssize_t sent = send_some(c->fd, out);
    if (sent < 0 || buf_failed(&r->out)) {
        conn_close(c);
        return;
    }
    char text[INET6_ADDRSTRLEN];
    for (size_t i = 0; i < hit_n; i++)
        if (r->hit != NULL)
            r->hit(hits[i], peer_text(c, text), r->arg);

    if ((size_t)sent < out.n)
        buf_put(&c->out, out.p + sent, out.n - (size_t)sent);
    if (c->in.n > 0)
        buf_consume(&c->in, used);
    else if (!c->last && used < in.n)
        buf_put(&c->in, in.p + used, in.n - used);
    if (buf_failed(&c->in) || buf_failed(&c->out)) {
        conn_close(c);
        return;
    }
    if (c->in.n == 0)
        buf_free(&c->in);
    if (c->out.n > 0)
        wait_for(c, EV_WRITE);
    else if (c->last)
        finish(c);
    else if (used > 0)
        renew(c);
}

static void readable(struct conn *c)
{
    struct responder *r = c->responder;
    ssize_t n = recv(c->fd, r->in, sizeof r->in - c->in.n, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        conn_close(c);
        return;
    }
    if (c->lingering)
        return;
    if (c->in.n == 0) {
        take(c, (struct str){r->in, (size_t)n});
        return;
    }
    buf_put(&c->in, r->in, (size_t)n);
    if (buf_failed(&c->in))
        conn_close(c);
    else
        take(c, buf_str(&c->in));
}

static void writable(struct conn *c)
{
    ssize_t n = send_some(c->fd, buf_str(&c->out));
    if (n < 0) {
        conn_close(c);
        return;
    }
    buf_consume(&c->out, (size_t)n);
    if (c->out.n > 0)
        return;
    buf_free(&c->out);
    if (c->last)
        finish(c);
    else
        renew(c);
}

static void on_conn(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    if (c->waits_for == EV_WRITE)
        writable(c);
    else
        readable(c);
}

static void keep_peer(struct conn *c, const struct sockaddr_storage *from)
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

static void conn_new(struct responder *r, int fd, const struct sockaddr_storage *from)
{
    if (r->conn_n >= r->conn_max && r->oldest != NULL)
        close_oldest(r);
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        close(fd);
        return;
    }
    c->responder = r;
    c->fd = fd;
    c->in = buf_new(REQUEST_HEAD_MAX);
    c->out = buf_new((size_t)REQUESTS_MAX * ANSWER_MAX);
    c->waits_for = EV_READ;
    keep_peer(c, from);
    event_assign(&c->event, r->base, fd, EV_READ | EV_PERSIST, on_conn, c);
    if (event_add(&c->event, NULL) < 0) {
        close(fd);
        free(c);
        return;
    }
    r->conn_n++;
    conn_link(c);
}

/* --- listening --- */

static void pause_accepting(struct responder *r)
{
    if (r->oldest != NULL)
        close_oldest(r);
    for (struct listener *l = r->listeners; l != NULL; l = l->next)
        event_del(&l->event);
    timer_set(&r->pause, ACCEPT_PAUSE_MS);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct responder *r = arg;
    for (struct listener *l = r->listeners; l != NULL; l = l->next)
        event_add(&l->event, NULL);
}

static bool out_of_resources(int e)
{
    return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

static void on_accept(evutil_socket_t listening, short what, void *arg)
{
    struct responder *r = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        int fd = accept4(listening, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (out_of_resources(errno))
                pause_accepting(r);
            return; /* nothing more waits, or the peer is gone already: the event fires again */
        }
        conn_new(r, fd, &from);
    }
}

int responder_listen(struct responder *r, int fd, struct err *err)
{
    struct listener *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for a listening socket");
    l->fd = fd;
    event_assign(&l->event, r->base, fd, EV_READ | EV_PERSIST, on_accept, r);
    if (!event_pending(&r->pause, EV_TIMEOUT, NULL) && event_add(&l->event, NULL) < 0) {
        free(l);
        return err_set(err, ERR_IO, "cannot watch a listening socket");
    }
    l->next = r->listeners;
    r->listeners = l;
    return 0;
}

void responder_unlisten(struct responder *r)
{
    for (struct listener *l = r->listeners, *next; l != NULL; l = next) {
        next = l->next;
        event_del(&l->event);
        close(l->fd);
        free(l);
    }
    r->listeners = NULL;
}

struct responder *responder_new(struct event_base *base, responder_hit_fn *hit, void *arg)
{
    struct responder *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->base = base;
    r->hit = hit;
    r->arg = arg;
    r->out = buf_new((size_t)REQUESTS_MAX * ANSWER_MAX);
    responder_set_limits(r, RESPONDER_DEADLINE_S * (int64_t)1000, RESPONDER_CONNECTIONS_MAX);
    evtimer_assign(&r->timer, base, on_deadline, r);
    evtimer_assign(&r->pause, base, on_pause_over, r);
    return r;
}

void responder_free(struct responder *r)
{
    if (r == NULL)
        return;
    responder_unlisten(r);
    while (r->oldest != NULL)
        close_oldest(r);
    event_del(&r->timer);
    event_del(&r->pause);
    tokens_clear(&r->tokens);
    buf_free(&r->out);
    free(r);
}

int responder_token_put(struct responder *r, struct str token, struct str value, struct err *err)
{
    return tokens_put(&r->tokens, token, value, err);
}

void responder_token_remove(struct responder *r, struct str token)
{
    tokens_remove(&r->tokens, token);
}

void responder_tokens_clear(struct responder *r)
{
    tokens_clear(&r->tokens);
}

void responder_set_limits(struct responder *r, int64_t deadline_ms, size_t connections_max)
{
    r->span_ms = deadline_ms;
    r->conn_max = connections_max;
}

size_t responder_connections(const struct responder *r)
{
    return r->conn_n;
}
