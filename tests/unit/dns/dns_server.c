#include "dns_server.h"

#include "base/attr.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    HEAD = 12,
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_AAAA = 28,
    SERVFAIL = 2,
    NXDOMAIN = 3,
    UDP_MAX = 512,
    MANY = 200
};

struct answer {
    struct buf records;
    unsigned count;
    int rcode;
    bool mute, cut;
};

static void put16(struct buf *out, unsigned v)
{
    char p[2] = {(char)(v >> 8), (char)v};
    buf_put(out, p, sizeof p);
}

/* A record of the name at `owner`, a pointer into the message. */
static void record(struct answer *a, unsigned owner, unsigned type, const void *data, size_t n)
{
    put16(&a->records, 0xc000U | owner);
    put16(&a->records, type);
    put16(&a->records, 1);
    put16(&a->records, 0);
    put16(&a->records, 60);
    put16(&a->records, (unsigned)n);
    buf_put(&a->records, data, n);
    a->count++;
}

static void address(struct answer *a, unsigned owner, unsigned type, unsigned number)
{
    unsigned char v4[4] = {192, 0, 2, (unsigned char)number};
    unsigned char v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = (unsigned char)number};
    if (type == TYPE_A)
        record(a, owner, type, v4, sizeof v4);
    else
        record(a, owner, type, v6, sizeof v6);
}

static void answer_alias(struct answer *a, unsigned type, size_t question_n)
{
    static const char first[] = "\x05"
                                "first\x07"
                                "example",
                      second[] = "\x06"
                                 "second\x07"
                                 "example";
    unsigned at = HEAD + (unsigned)question_n + 12; /* where the first record's data begins */
    record(a, HEAD, TYPE_CNAME, first, sizeof first);
    record(a, at, TYPE_CNAME, second, sizeof second);
    if (type == TYPE_A)
        address(a, at + sizeof first + 12, type, 1);
}

/* Where a test's own servers are. */
static void answer_here(struct answer *a, unsigned type)
{
    static const unsigned char first[4] = {127, 0, 0, 1}, second[4] = {127, 0, 0, 2};
    if (type == TYPE_A) {
        record(a, HEAD, type, first, sizeof first);
        record(a, HEAD, type, second, sizeof second);
    }
}

/* A zone whose server's name nobody tells the addresses of. */
static void answer_zone(struct answer *a, unsigned type)
{
    static const char server[] = "\x04"
                                 "mute\x07"
                                 "example";
    static const unsigned char soa[22] = {0};
    if (type == TYPE_NS)
        record(a, HEAD, type, server, sizeof server);
    else if (type == TYPE_SOA)
        record(a, HEAD, type, soa, sizeof soa);
}

static void answer_name(struct answer *a, const char *name, unsigned type, size_t question_n)
{
    char word[16] = "";
    bool v4 = type == TYPE_A;
    sscanf(name, "%15[a-z]", word);
    if (strcmp(word, "both") == 0) {
        address(a, HEAD, type, 1);
        if (v4)
            address(a, HEAD, type, 2);
    } else if (strcmp(word, "four") == 0 || strcmp(word, "six") == 0 || strcmp(word, "half") == 0) {
        if (v4 == (strcmp(word, "six") != 0))
            address(a, HEAD, type, 1);
        else if (strcmp(word, "half") == 0)
            a->rcode = SERVFAIL;
    } else if (strcmp(word, "many") == 0) {
        for (unsigned i = 0; i < MANY; i++)
            address(a, HEAD, type, i);
    } else if (strcmp(word, "twice") == 0) {
        for (int i = 0; i < 3 && v4; i++)
            address(a, HEAD, type, 1);
    } else if (strcmp(word, "alias") == 0) {
        answer_alias(a, type, question_n);
    } else if (strcmp(word, "odd") == 0) {
        address(a, HEAD, type, 1);
        a->cut = true;
    } else if (strcmp(word, "here") == 0) {
        answer_here(a, type);
    } else if (strcmp(word, "zone") == 0) {
        answer_zone(a, type);
    } else if (strcmp(word, "mute") == 0) {
        a->mute = true;
    } else if (strcmp(word, "fail") == 0) {
        a->rcode = SERVFAIL;
    } else if (strcmp(word, "none") != 0) {
        a->rcode = NXDOMAIN;
    }
}

/* Appends the answer to one question to `out`; nothing where there is none. */
static void answer(struct dns_server *s, struct str in, size_t max, struct buf *out)
{
    struct answer a = {.records = buf_new(16384)};
    size_t at = HEAD, n = 0;
    assert_true(in.n > HEAD + 5);
    while (in.p[at] != 0) {
        size_t label = (unsigned char)in.p[at];
        memcpy(s->last + n, in.p + at + 1, label);
        n += label;
        s->last[n++] = '.';
        at += label + 1;
        assert_true(at < in.n - 4 && n < sizeof s->last - 64);
    }
    s->last[n > 0 ? n - 1 : 0] = '\0';
    s->questions++;
    size_t question_n = at + 5 - HEAD;
    answer_name(&a, s->last, (unsigned char)in.p[at + 2], question_n);
    bool truncated = HEAD + question_n + a.records.n > max;
    if (!a.mute) {
        buf_put(out, in.p, 2);
        put16(out, 0x8180U | (truncated ? 0x0200U : 0) | (unsigned)a.rcode);
        put16(out, 1);
        put16(out, truncated ? 0 : a.count);
        put16(out, 0);
        put16(out, 0);
        buf_put(out, in.p + HEAD, question_n);
        if (!truncated)
            buf_put(out, a.records.p != NULL ? a.records.p : "", a.records.n - (a.cut ? 2 : 0));
    }
    buf_free(&a.records);
}

static void on_udp(evutil_socket_t fd, short what, void *arg)
{
    char in[UDP_MAX];
    struct sockaddr_storage from;
    socklen_t from_n = sizeof from;
    ATTR_CLEANUP(buf_free) struct buf out = buf_new(65536);
    ssize_t n = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&from, &from_n);
    if (n <= 0)
        return;
    answer(arg, (struct str){in, (size_t)n}, UDP_MAX, &out);
    if (out.n > 0)
        assert_true(sendto(fd, out.p, out.n, 0, (struct sockaddr *)&from, from_n) > 0);
}

/* One question a connection, which came in one piece. */
static void on_connection(evutil_socket_t fd, short what, void *arg)
{
    char in[2 + UDP_MAX];
    ATTR_CLEANUP(buf_free) struct buf out = buf_new(65536), all = buf_new(65536);
    ssize_t n = recv(fd, in, sizeof in, MSG_DONTWAIT);
    if (n > 2) {
        answer(arg, (struct str){in + 2, (size_t)n - 2}, 65000, &out);
        put16(&all, (unsigned)out.n);
        buf_put(&all, out.p, out.n);
        assert_true(send(fd, all.p, all.n, MSG_NOSIGNAL) > 0);
    }
    close(fd);
}

static void on_tcp(evutil_socket_t fd, short what, void *arg)
{
    struct dns_server *s = arg;
    int conn = accept(fd, NULL, NULL);
    assert_true(conn >= 0);
    event_base_once(event_get_base(s->on_tcp), conn, EV_READ, on_connection, s, NULL);
}

void dns_server_start(struct dns_server *s, struct event_base *base)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    *s = (struct dns_server){.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(s->tcp, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(s->tcp, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(listen(s->tcp, 100), 0);
    assert_int_equal(bind(s->udp, (struct sockaddr *)&a, sizeof a), 0);
    s->port = ntohs(a.sin_port);
    snprintf(s->address, sizeof s->address, "127.0.0.1:%d", s->port);
    s->on_udp = event_new(base, s->udp, EV_READ | EV_PERSIST, on_udp, s);
    s->on_tcp = event_new(base, s->tcp, EV_READ | EV_PERSIST, on_tcp, s);
    event_add(s->on_udp, NULL);
    event_add(s->on_tcp, NULL);
}

void dns_server_stop(struct dns_server *s)
{
    event_free(s->on_udp);
    event_free(s->on_tcp);
    close(s->udp);
    close(s->tcp);
}
