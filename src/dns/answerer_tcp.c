/* Questions by TCP (RFC 7766): each with its length before it, any number on one connection, answered one
 * after the other; who does not take the answers is not asked for more. */
#include "dns/answerer_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TCP_QUESTION_MAX = 1024, /* octets; as by UDP */
    TCP_PER_TURN = 16,       /* connections; then the loop looks at others */
    TCP_OF_ADDRESS = 8,      /* connections of one address */
    TCP_PAUSE_MS = 100,      /* without descriptors; long enough for the deadline to free some */
};

struct connection {
    struct tcp *tcp;
    size_t place;  /* in its list */
    uint64_t turn; /* of the last question that was whole: the lowest is the oldest */
    struct bufferevent *stream;
    struct event *timer; /* of the next question, and of taking the answer */
    struct sockaddr_storage peer;
    bool ended; /* nothing more will come; what has come is answered still */
};

struct listener {
    struct listener *next;
    struct tcp *tcp;
    struct event *event, *pause;
    int fd;
};

struct tcp {
    struct answerer *answerer;
    struct listener *listeners;
    struct connection *all[ANSWERER_TCP_MAX]; /* NULL: a free place */
    uint64_t turn;
};

static void close_connection(struct connection *c)
{
    c->tcp->all[c->place] = NULL;
    bufferevent_free(c->stream);
    event_free(c->timer);
    free(c);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    close_connection(arg);
}

static void renew(struct connection *c)
{
    struct timeval idle = {.tv_sec = ANSWERER_TCP_IDLE_S};
    event_add(c->timer, &idle);
    c->turn = ++c->tcp->turn;
}

/* False where what came is no question, or memory is short. */
static bool answer_one(struct connection *c, const unsigned char *octets, size_t n)
{
    struct buf out = buf_new(WIRE_MESSAGE_MAX);
    size_t size = answerer_respond(
        c->tcp->answerer, (struct str){(const char *)octets, n}, WIRE_MESSAGE_MAX, false, &out);
    unsigned char length[2] = {(unsigned char)(size >> 8), (unsigned char)size};
    bool ok = size > 0 && bufferevent_write(c->stream, length, sizeof length) == 0 &&
              bufferevent_write(c->stream, out.p, size) == 0;
    buf_free(&out);
    if (ok)
        renew(c);
    return ok;
}

/* Answers the first question that is there whole. False where there is none (yet), or the connection is gone:
 * then *c is NULL. */
static bool answer_next(struct connection **c)
{
    struct evbuffer *in = bufferevent_get_input((*c)->stream);
    unsigned char octets[2 + TCP_QUESTION_MAX];
    ev_ssize_t n = evbuffer_copyout(in, octets, sizeof octets);
    size_t size = n < 2 ? 0 : (size_t)octets[0] << 8 | octets[1];
    if (n < 2 || (size <= TCP_QUESTION_MAX && (size_t)n < 2 + size))
        return false;
    if (size <= TCP_QUESTION_MAX && evbuffer_drain(in, 2 + size) == 0 && answer_one(*c, octets + 2, size))
        return true;
    close_connection(*c);
    *c = NULL;
    return false;
}

/* Something has come, or all was taken. What is answered first has to be taken before the next is looked at.
 */
static void on_ready(struct bufferevent *stream, void *arg)
{
    struct connection *c = arg;
    struct evbuffer *out = bufferevent_get_output(stream);
    while (evbuffer_get_length(out) == 0 && answer_next(&c))
        ;
    if (c != NULL && c->ended && evbuffer_get_length(out) == 0)
        close_connection(c);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    struct connection *c = arg;
    if ((what & BEV_EVENT_EOF) != 0) {
        c->ended = true;
        on_ready(stream, c);
    } else {
        close_connection(c);
    }
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;
    if (a->ss_family != b->ss_family)
        return false;
    return a->ss_family == AF_INET ? a4->sin_addr.s_addr == b4->sin_addr.s_addr
                                   : memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
}

/* A place for one of that address, or -1. The oldest one makes room where there are too many altogether. */
static int place_for(struct tcp *t, const struct sockaddr_storage *peer)
{
    int same = 0, best = 0;
    for (int i = 0; i < ANSWERER_TCP_MAX; i++) {
        if (t->all[i] != NULL)
            same += same_address(&t->all[i]->peer, peer);
        if (t->all[best] != NULL && (t->all[i] == NULL || t->all[i]->turn < t->all[best]->turn))
            best = i;
    }
    if (same >= TCP_OF_ADDRESS)
        return -1;
    if (t->all[best] != NULL)
        close_connection(t->all[best]);
    return best;
}

/* Takes over the descriptor. */
static void begin_connection(struct tcp *t, int fd, const struct sockaddr_storage *peer)
{
    int place = place_for(t, peer);
    struct connection *c = place >= 0 ? calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        close(fd);
        return;
    }
    c->tcp = t;
    c->place = (size_t)place;
    c->peer = *peer;
    c->timer = evtimer_new(t->answerer->base, on_idle, c);
    c->stream = bufferevent_socket_new(t->answerer->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (c->timer == NULL || c->stream == NULL) {
        if (c->timer != NULL)
            event_free(c->timer);
        if (c->stream != NULL)
            bufferevent_free(c->stream);
        else
            close(fd);
        free(c);
        return;
    }
    t->all[c->place] = c;
    renew(c);
    bufferevent_setcb(c->stream, on_ready, on_ready, on_event, c);
    bufferevent_setwatermark(c->stream, EV_READ, 0, 2 + TCP_QUESTION_MAX);
    bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    event_add(l->event, NULL);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    for (int i = 0; i < TCP_PER_TURN; i++) {
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t n = sizeof peer;
        int client = accept4(fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            begin_connection(l->tcp, client, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            struct timeval pause = {.tv_usec = TCP_PAUSE_MS * 1000};
            event_del(l->event);
            event_add(l->pause, &pause);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
    }
}

int tcp_listen(struct answerer *a, int fd, struct err *err)
{
    struct tcp *t = a->tcp;
    struct listener *l = calloc(1, sizeof *l);
    if (t == NULL)
        t = a->tcp = calloc(1, sizeof *t);
    if (l != NULL) {
        l->event = event_new(a->base, fd, EV_READ | EV_PERSIST, on_accept, l);
        l->pause = evtimer_new(a->base, on_pause, l);
    }
    if (t == NULL || l == NULL || l->event == NULL || l->pause == NULL) {
        if (l != NULL && l->event != NULL)
            event_free(l->event);
        if (l != NULL && l->pause != NULL)
            event_free(l->pause);
        free(l);
        close(fd);
        return err_set(err, ERR_MEMORY, "out of memory for a DNS socket");
    }
    t->answerer = a;
    l->tcp = t;
    l->fd = fd;
    l->next = t->listeners;
    t->listeners = l;
    event_add(l->event, NULL);
    return 0;
}

void tcp_unlisten(struct answerer *a)
{
    struct tcp *t = a->tcp;
    if (t == NULL)
        return;
    for (size_t i = 0; i < ANSWERER_TCP_MAX; i++)
        if (t->all[i] != NULL)
            close_connection(t->all[i]);
    while (t->listeners != NULL) {
        struct listener *l = t->listeners;
        t->listeners = l->next;
        event_free(l->event);
        event_free(l->pause);
        close(l->fd);
        free(l);
    }
    free(t);
    a->tcp = NULL;
}
