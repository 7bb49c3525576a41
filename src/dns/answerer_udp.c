#include "dns/answerer_priv.h"

#include "base/time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    UDP_PER_TURN = 64,       /* then the loop looks at others */
    UDP_QUESTION_MAX = 1024, /* octets; a name, EDNS and its options are below */
};

struct udp_socket {
    struct udp_socket *next;
    struct answerer *answerer;
    struct event *event;
    int fd;
};

/* What a datagram came with: the address it was sent to is the one that has to answer. */
struct datagram {
    struct sockaddr_storage from;
    socklen_t from_n;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))]; /* the larger one */
    size_t control_n;
    char octets[UDP_QUESTION_MAX];
};

/* Keeps the local address alone: the way back is for the routes to say. */
static void keep_local(struct msghdr *m, struct datagram *d)
{
    d->control_n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *info = (struct in_pktinfo *)(void *)CMSG_DATA(c);
            info->ipi_ifindex = 0;
            info->ipi_spec_dst = info->ipi_addr;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo *info = (struct in6_pktinfo *)(void *)CMSG_DATA(c);
            if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
                info->ipi6_ifindex = 0;
        } else {
            continue;
        }
        size_t n = c->cmsg_len;
        memmove(d->control, c, n);
        d->control_n = n;
        return;
    }
}

/* Octets that came, 0 for what is not worth an answer, -1 where nothing is left. */
static ssize_t take(int fd, struct datagram *d)
{
    struct iovec part = {d->octets, sizeof d->octets};
    struct msghdr m = {.msg_name = &d->from,
        .msg_namelen = sizeof d->from,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = d->control,
        .msg_controllen = sizeof d->control};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : 0;
    d->from_n = m.msg_namelen;
    keep_local(&m, d);
    bool inet = d->from.ss_family == AF_INET || d->from.ss_family == AF_INET6;
    return inet && (m.msg_flags & MSG_TRUNC) == 0 ? n : 0;
}

static void give(int fd, struct datagram *d, struct str octets)
{
    struct iovec part = {(void *)(uintptr_t)octets.p, octets.n};
    struct msghdr m = {.msg_name = &d->from,
        .msg_namelen = d->from_n,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = d->control_n > 0 ? d->control : NULL,
        .msg_controllen = d->control_n};
    /* One that cannot be sent now is asked for again. */
    (void)!sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct udp_socket *s = arg;
    struct buf out = buf_new(ANSWERER_UDP_MAX);
    struct datagram d;
    ssize_t n;
    for (int i = 0; i < UDP_PER_TURN && (n = take(fd, &d)) >= 0; i++) {
        struct str message = {d.octets, (size_t)n};
        buf_clear(&out);
        if (answerer_respond(s->answerer, message, ANSWERER_UDP_MAX, false, &out) == 0)
            continue;
        enum rate_verdict verdict =
            rate_ask(s->answerer->rate, (struct sockaddr *)&d.from, clock_mono(&system_clock).ms);
        if (verdict == RATE_DROP)
            continue;
        if (verdict == RATE_CUT) {
            buf_clear(&out);
            answerer_respond(s->answerer, message, ANSWERER_UDP_MAX, true, &out);
        }
        give(fd, &d, buf_str(&out));
    }
    buf_free(&out);
}

int udp_listen(struct answerer *a, int fd, struct err *err)
{
    int on = 1;
    struct udp_socket *s = calloc(1, sizeof *s);
    if (s == NULL || (s->event = event_new(a->base, fd, EV_READ | EV_PERSIST, on_readable, s)) == NULL) {
        free(s);
        close(fd);
        return err_set(err, ERR_MEMORY, "out of memory for a DNS socket");
    }
    /* Each family knows one of the two; without, answers go out with the address of the route. */
    (void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    s->fd = fd;
    s->answerer = a;
    s->next = a->udp;
    a->udp = s;
    event_add(s->event, NULL);
    return 0;
}

void udp_unlisten(struct answerer *a)
{
    while (a->udp != NULL) {
        struct udp_socket *s = a->udp;
        a->udp = s->next;
        event_free(s->event);
        close(s->fd);
        free(s);
    }
}
