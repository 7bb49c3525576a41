#include "http/responder.h"

#include "base/buf.h"
#include "base/time.h"
#include "http/internal.h"
#include "http/request.h"
#include "http/server.h"
#include "http/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    REQUESTS_MAX = 100, /* on one connection: a proxy opens another, a flooder must shake hands again */
    ANSWER_MAX = 1024,  /* one answer: about 250 octets of head and a value of 512 */
    DATE_MAX = 40,
};

/* One connection. What it needs beyond this struct it holds only while bytes wait: an idle one has no
 * buffers. */
struct conn {
    struct server_conn conn;
    struct buf in, out; /* a head that is not complete; answers the socket would not take yet */
    size_t scanned;     /* of `in`, for request_parse */
    unsigned requests;
    bool last;      /* no more requests: close once `out` is empty */
    bool unread;    /* octets may follow the last request: linger, lest a reset eats the answer */
    bool lingering; /* our side is shut; waits for the peer's end */
};

struct responder {
    struct server server;
    responder_hit_fn *hit;
    void *arg;
    struct tokens tokens;
    struct buf out; /* the answers of this turn */
    int64_t date_s; /* the second that `date` shows */
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
    struct responder *r = c->conn.server->owner;
    c->requests++;
    c->last = !q->keep_alive || c->requests >= REQUESTS_MAX;
    c->unread = q->status != 0 || q->body;
    struct str value = q->token.n > 0 ? tokens_find(&r->tokens, q->token) : (struct str){NULL, 0};
    int status = q->status != 0 ? q->status : value.p != NULL ? 200 : 404;
    put_answer(r, status, value, q->head, c->last);
    return status == 200 && !q->head;
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

/* Everything is answered and sent. Closes, or shuts our side and waits (until the deadline that runs) for the
 * peer to close: a close with unread octets would make the kernel send a reset, which can overtake the
 * answer. */
static void finish(struct conn *c)
{
    if (!c->unread || shutdown(c->conn.fd, SHUT_WR) < 0) {
        server_close(&c->conn);
        return;
    }
    c->lingering = true;
    buf_free(&c->in);
    buf_free(&c->out);
    server_wait_for(&c->conn, EV_READ);
}

/* All answers so far have left: the span starts anew for the next request. */
static void renew(struct conn *c)
{
    server_renew(&c->conn);
    server_wait_for(&c->conn, EV_READ);
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
    struct responder *r = c->conn.server->owner;
    struct str hits[REQUESTS_MAX];
    size_t hit_n = 0;
    buf_clear(&r->out);
    size_t used = answer_all(c, in, hits, &hit_n);
    struct str out = buf_str(&r->out);
    ssize_t sent = send_some(c->conn.fd, out);
    if (sent < 0 || buf_failed(&r->out)) {
        server_close(&c->conn);
        return;
    }
    char text[INET6_ADDRSTRLEN];
    for (size_t i = 0; i < hit_n; i++)
        if (r->hit != NULL)
            r->hit(hits[i], server_peer(&c->conn, text), r->arg);

    if ((size_t)sent < out.n)
        buf_put(&c->out, out.p + sent, out.n - (size_t)sent);
    if (c->in.n > 0)
        buf_consume(&c->in, used);
    else if (!c->last && used < in.n)
        buf_put(&c->in, in.p + used, in.n - used);
    if (buf_failed(&c->in) || buf_failed(&c->out)) {
        server_close(&c->conn);
        return;
    }
    if (c->in.n == 0)
        buf_free(&c->in);
    if (c->out.n > 0)
        server_wait_for(&c->conn, EV_WRITE);
    else if (c->last)
        finish(c);
    else if (used > 0)
        renew(c);
}

static void readable(struct conn *c)
{
    struct responder *r = c->conn.server->owner;
    ssize_t n = recv(c->conn.fd, r->in, sizeof r->in - c->in.n, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        server_close(&c->conn);
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
        server_close(&c->conn);
    else
        take(c, buf_str(&c->in));
}

static void writable(struct conn *c)
{
    ssize_t n = send_some(c->conn.fd, buf_str(&c->out));
    if (n < 0) {
        server_close(&c->conn);
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

static void ready(struct server_conn *sc)
{
    struct conn *c = (struct conn *)sc;
    if (sc->waits_for == EV_WRITE)
        writable(c);
    else
        readable(c);
}

static void opened(struct server_conn *sc)
{
    struct conn *c = (struct conn *)sc;
    c->in = buf_new(REQUEST_HEAD_MAX);
    c->out = buf_new((size_t)REQUESTS_MAX * ANSWER_MAX);
}

static void closing(struct server_conn *sc)
{
    struct conn *c = (struct conn *)sc;
    buf_free(&c->in);
    buf_free(&c->out);
}

static const struct server_protocol http_01 = {sizeof(struct conn), opened, ready, closing};

/* --- the whole --- */

int responder_listen(struct responder *r, int fd, struct err *err)
{
    return server_listen(&r->server, fd, err);
}

void responder_unlisten(struct responder *r)
{
    server_unlisten(&r->server);
}

struct responder *responder_new(struct event_base *base, responder_hit_fn *hit, void *arg)
{
    struct responder *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    server_init(
        &r->server, base, &http_01, r, RESPONDER_CONNECTIONS_MAX, RESPONDER_DEADLINE_S * (int64_t)1000);
    r->hit = hit;
    r->arg = arg;
    r->out = buf_new((size_t)REQUESTS_MAX * ANSWER_MAX);
    return r;
}

void responder_free(struct responder *r)
{
    if (r == NULL)
        return;
    server_end(&r->server);
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
    r->server.span_ms = deadline_ms;
    r->server.conn_max = connections_max;
}

size_t responder_connections(const struct responder *r)
{
    return r->server.conn_n;
}
