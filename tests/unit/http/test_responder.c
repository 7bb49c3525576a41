#include "http/responder.h"

#include "base/buf.h"
#include "base/time.h"
#include "http/internal.h"
#include "loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATH      "/.well-known/acme-challenge/"
#define ASK(what) what " HTTP/1.1\r\nHost: a.example\r\n"
#define GET_CLOSE ASK("GET " PATH "live") "Connection: close\r\n\r\n"
#define GET_KEEP  ASK("GET " PATH "live") "\r\n"
#define VALUE     "live.key-thumbprint"

enum { READ_MAX = 1 << 20, DRIPS_MAX = 2000 };

struct fixture {
    struct event_base *base;
    struct responder *responder;
    int listening, port;
    unsigned hits;
    char hit_token[300], hit_peer[100];
};

/* A client's end of a connection. */
struct peer {
    int fd;
    struct buf got;
    bool over;        /* the other side has closed */
    size_t want;      /* answers waited for */
    const char *drip; /* sent octet by octet, again and again */
    size_t dripped;
};

static void on_hit(struct str token, const char *peer, void *arg)
{
    struct fixture *f = arg;
    f->hits++;
    snprintf(f->hit_token, sizeof f->hit_token, "%.*s", STR_ARG(token));
    snprintf(f->hit_peer, sizeof f->hit_peer, "%s", peer);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->base = event_base_new();
    f->responder = responder_new(f->base, on_hit, f);
    f->listening = loop_listen(&f->port);
    assert_int_equal(responder_listen(f->responder, f->listening, NULL), 0);
    assert_int_equal(responder_token_put(f->responder, STR("live"), STR(VALUE), NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    responder_free(f->responder);
    event_base_free(f->base);
    free(f);
    return 0;
}

static struct peer peer_new(struct fixture *f)
{
    return (struct peer){.fd = loop_dial(f->port), .got = buf_new(READ_MAX)};
}

static void peer_free(struct peer *p)
{
    close(p->fd);
    buf_free(&p->got);
}

static void say(struct peer *p, struct str s)
{
    assert_int_equal(send(p->fd, s.p, s.n, MSG_NOSIGNAL), s.n);
}

static void read_some(struct peer *p)
{
    ssize_t n;
    char in[4096];
    while ((n = recv(p->fd, in, sizeof in, 0)) > 0)
        buf_put(&p->got, in, (size_t)n);
    p->over = p->over || n == 0 || (errno != EAGAIN && errno != EINTR);
}

static size_t answers(const struct peer *p)
{
    size_t n = 0;
    for (const char *s = buf_c(&p->got); (s = strstr(s, "HTTP/1.1 ")) != NULL; s++)
        n++;
    return n;
}

static bool is_over(void *arg)
{
    struct peer *p = arg;
    read_some(p);
    return p->over;
}

/* All wanted answers have come; each ends with VALUE. */
static bool has_answers(void *arg)
{
    struct peer *p = arg;
    read_some(p);
    return answers(p) >= p->want && str_ends(buf_str(&p->got), STR(VALUE));
}

static bool nobody_connected(void *arg)
{
    struct fixture *f = arg;
    return responder_connections(f->responder) == 0;
}

/* Sends `ask`, waits until the responder closes, checks the status and (if not NULL) the body. */
static void expect(struct fixture *f, struct str ask, const char *status, const char *body)
{
    struct peer p = peer_new(f);
    say(&p, ask);
    loop_until(f->base, is_over, &p);
    char line[64];
    snprintf(line, sizeof line, "HTTP/1.1 %s\r\n", status);
    assert_true(str_starts(buf_str(&p.got), str_c(line)));
    assert_int_equal(answers(&p), 1);
    assert_non_null(strstr(buf_c(&p.got), "\r\nCache-Control: no-store\r\n"));
    assert_non_null(strstr(buf_c(&p.got), "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(buf_c(&p.got), "\r\nConnection: close\r\n"));
    const char *end = strstr(buf_c(&p.got), "\r\n\r\n");
    assert_non_null(end);
    if (body != NULL)
        assert_string_equal(end + 4, body);
    peer_free(&p);
    loop_until(f->base, nobody_connected, f);
}

static void test_live_token(void **state)
{
    struct fixture *f = *state;
    expect(f, STR(GET_CLOSE), "200 OK", VALUE);
    assert_int_equal(f->hits, 1);
    assert_string_equal(f->hit_token, "live");
    assert_string_equal(f->hit_peer, "127.0.0.1");
    expect(f, STR("GET " PATH "live HTTP/1.0\r\n\r\n"), "200 OK", VALUE);
    expect(f, STR("GET http://other.example" PATH "live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        "200 OK", VALUE);
    assert_int_equal(f->hits, 3);
}

static void test_head_lines(void **state)
{
    struct fixture *f = *state;
    struct peer p = peer_new(f);
    say(&p, STR(GET_CLOSE));
    loop_until(f->base, is_over, &p);
    assert_non_null(strstr(buf_c(&p.got), "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(buf_c(&p.got), "\r\nContent-Length: 19\r\n"));
    const char *date = strstr(buf_c(&p.got), "\r\nDate: ");
    assert_non_null(date);
    struct wall t;
    date += 8;
    assert_int_equal(wall_parse_http_date((struct str){date, strcspn(date, "\r")}, &t), 0);
    assert_true(t.s > 0);
    peer_free(&p);
}

static void test_head_method(void **state)
{
    struct fixture *f = *state;
    expect(f, STR(ASK("HEAD " PATH "live") "Connection: close\r\n\r\n"), "200 OK", "");
    assert_int_equal(f->hits, 0);
}

static void test_unknown(void **state)
{
    struct fixture *f = *state;
    expect(
        f, STR(ASK("GET " PATH "dead") "Connection: close\r\n\r\n"), "404 Not Found", "no such challenge\n");
    expect(f, STR(ASK("GET /") "Connection: close\r\n\r\n"), "404 Not Found", "no such challenge\n");
    expect(f, STR(ASK("GET " PATH "live?") "Connection: close\r\n\r\n"), "404 Not Found", NULL);
    expect(f, STR(ASK("GET " PATH "liv%65") "Connection: close\r\n\r\n"), "404 Not Found", NULL);
    responder_token_remove(f->responder, STR("live"));
    expect(f, STR(GET_CLOSE), "404 Not Found", NULL);
    assert_int_equal(f->hits, 0);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    expect(f, STR("nonsense\r\n\r\n"), "400 Bad Request", NULL);
    expect(f, STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "400 Bad Request", NULL);
    expect(f, STR("GET / HTTP/2.0\r\n\r\n"), "505 HTTP Version Not Supported", NULL);
    static char flood[20000];
    memset(flood, 'a', sizeof flood);
    memcpy(flood, "GET /", 5);
    expect(f, (struct str){flood, sizeof flood}, "414 URI Too Long", NULL);
    memcpy(flood, "GET / HTTP/1.1\r\nX: ", 19);
    expect(f, (struct str){flood, sizeof flood}, "431 Request Header Fields Too Large", NULL);
    assert_int_equal(f->hits, 0);
}

/* The body that is not read must not cost the client the answer. */
static void test_post(void **state)
{
    struct fixture *f = *state;
    static char post[60000] = ASK("POST " PATH "live") "Content-Length: 200000\r\n\r\n";
    struct peer p = peer_new(f);
    say(&p, (struct str){post, sizeof post});
    loop_until(f->base, is_over, &p);
    assert_true(str_starts(buf_str(&p.got), STR("HTTP/1.1 405 Method Not Allowed\r\n")));
    assert_non_null(strstr(buf_c(&p.got), "\r\nAllow: GET, HEAD\r\n"));
    assert_true(str_ends(buf_str(&p.got), STR("only GET and HEAD\n")));
    peer_free(&p);
    loop_until(f->base, nobody_connected, f);
}

static void test_keep_alive(void **state)
{
    struct fixture *f = *state;
    struct peer p = peer_new(f);
    for (p.want = 1; p.want <= 3; p.want++) {
        say(&p, STR(GET_KEEP));
        loop_until(f->base, has_answers, &p);
        assert_false(p.over);
    }
    assert_null(strstr(buf_c(&p.got), "Connection: close"));
    assert_int_equal(f->hits, 3);
    peer_free(&p);
    loop_until(f->base, nobody_connected, f);
}

static void test_pipelined(void **state)
{
    struct fixture *f = *state;
    struct peer p = peer_new(f);
    p.want = 4;
    say(&p, STR(GET_KEEP GET_KEEP "\r\n" GET_KEEP "GET " PATH "li"));
    p.want = 3;
    loop_until(f->base, has_answers, &p);
    say(&p, STR("ve HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" GET_KEEP));
    loop_until(f->base, is_over, &p);
    assert_int_equal(answers(&p), 4); /* nothing after the request that closes */
    assert_int_equal(f->hits, 4);
    peer_free(&p);
}

/* Many requests at once to a client that does not read: the answers wait, and the 101st request is not
 * served. */
static void test_backpressure_and_request_limit(void **state)
{
    struct fixture *f = *state;
    int small = 1;
    assert_int_equal(setsockopt(f->listening, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    struct peer p = peer_new(f);
    assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    struct buf many = buf_new(READ_MAX);
    for (int i = 0; i < 120; i++)
        buf_put_c(&many, GET_KEEP);
    say(&p, buf_str(&many));
    loop_rounds(f->base);
    loop_until(f->base, is_over, &p);
    assert_int_equal(answers(&p), 100);
    assert_int_equal(f->hits, 100);
    const char *last = strstr(buf_c(&p.got), "Connection: close\r\n");
    assert_non_null(last);
    assert_null(strstr(last, "HTTP/1.1"));
    assert_true(str_ends(buf_str(&p.got), STR(VALUE)));
    buf_free(&many);
    peer_free(&p);
}

static bool drip_until_cut(void *arg)
{
    struct peer *p = arg;
    bool more = !p->over && p->dripped < DRIPS_MAX; /* a head that is too long would be refused instead */
    if (more && send(p->fd, p->drip + p->dripped % strlen(p->drip), 1, MSG_NOSIGNAL) == 1)
        p->dripped++;
    read_some(p);
    return p->over;
}

static void test_dripping_head_is_cut(void **state)
{
    struct fixture *f = *state;
    responder_set_limits(f->responder, 300, 10);
    struct peer p = peer_new(f);
    say(&p, STR("GET / HTTP/1.1\r\nX: "));
    p.drip = "a";
    loop_until(f->base, drip_until_cut, &p);
    assert_true(p.dripped > 0);
    assert_int_equal(p.got.n, 0);
    assert_int_equal(responder_connections(f->responder), 0);
    peer_free(&p);
}

static void test_silent_is_cut(void **state)
{
    struct fixture *f = *state;
    responder_set_limits(f->responder, 100, 10);
    struct peer first = peer_new(f), second = peer_new(f);
    say(&second, STR(GET_KEEP));
    second.want = 1;
    loop_until(f->base, has_answers, &second);
    loop_until(f->base, is_over, &first);
    loop_until(f->base, is_over, &second);
    assert_int_equal(responder_connections(f->responder), 0);
    peer_free(&first);
    peer_free(&second);
}

/* A refused client that goes on sending is cut as well. */
static void test_lingering_is_cut(void **state)
{
    struct fixture *f = *state;
    responder_set_limits(f->responder, 300, 10);
    struct peer p = peer_new(f);
    say(&p, STR(ASK("POST /") "Content-Length: 100000\r\n\r\n"));
    loop_until(f->base, is_over, &p);
    assert_int_equal(answers(&p), 1);
    loop_until(f->base, nobody_connected, f);
    peer_free(&p);
}

/* One that never reads its answers is cut. */
static void test_not_reading_is_cut(void **state)
{
    struct fixture *f = *state;
    responder_set_limits(f->responder, 300, 10);
    int small = 1;
    assert_int_equal(setsockopt(f->listening, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    struct peer p = peer_new(f);
    assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    for (int i = 0; i < 90; i++)
        say(&p, STR(GET_KEEP));
    loop_rounds(f->base);
    assert_int_equal(responder_connections(f->responder), 1);
    loop_until(f->base, nobody_connected, f);
    peer_free(&p);
}

struct crowd {
    struct fixture *f;
    struct peer peers[6];
};

static bool first_two_are_over(void *arg)
{
    struct crowd *c = arg;
    for (size_t i = 0; i < 6; i++)
        read_some(&c->peers[i]);
    return c->peers[0].over && c->peers[1].over;
}

static void test_connection_cap(void **state)
{
    struct crowd c = {.f = *state};
    struct fixture *f = *state;
    responder_set_limits(f->responder, 60000, 4);
    for (size_t i = 0; i < 6; i++)
        c.peers[i] = peer_new(f);
    loop_until(f->base, first_two_are_over, &c);
    assert_int_equal(responder_connections(f->responder), 4);
    for (size_t i = 2; i < 6; i++) {
        assert_false(c.peers[i].over);
        c.peers[i].want = 1;
        say(&c.peers[i], STR(GET_KEEP));
        loop_until(f->base, has_answers, &c.peers[i]);
    }
    for (size_t i = 0; i < 6; i++)
        peer_free(&c.peers[i]);
}

static void test_without_descriptors(void **state)
{
    struct fixture *f = *state;
    struct peer first = peer_new(f);
    first.want = 1;
    say(&first, STR(GET_KEEP));
    loop_until(f->base, has_answers, &first);

    struct peer second = peer_new(f);
    struct rlimit was, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    loop_rounds(f->base);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(responder_connections(f->responder), 0); /* the oldest made room, nobody came in */

    say(&second, STR(GET_CLOSE));
    loop_until(f->base, is_over, &second);
    assert_true(str_starts(buf_str(&second.got), STR("HTTP/1.1 200 ")));
    assert_true(is_over(&first));
    peer_free(&first);
    peer_free(&second);
}

/* With many connections open, a limit on descriptors below the cap is a lower cap: who comes is let in. */
static void test_with_fewer_descriptors_than_connections(void **state)
{
    enum { OPEN = 70 };
    struct fixture *f = *state;
    struct peer open[OPEN];
    for (size_t i = 0; i < OPEN; i++) {
        open[i] = peer_new(f);
        loop_rounds(f->base);
    }
    assert_int_equal(responder_connections(f->responder), OPEN);

    struct peer late = peer_new(f);
    struct rlimit was, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    int next = fcntl(late.fd, F_DUPFD, 0);
    close(next);
    none.rlim_cur = (rlim_t)next; /* not one more */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    say(&late, STR(GET_CLOSE));
    loop_until(f->base, is_over, &late);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_true(str_starts(buf_str(&late.got), STR("HTTP/1.1 200 ")));
    /* One made room for it, and one more leaves a descriptor for the next: nothing had to pause. */
    assert_int_equal(responder_connections(f->responder), OPEN - 2);
    peer_free(&late);
    for (size_t i = 0; i < OPEN; i++)
        peer_free(&open[i]);
}

static void test_unlisten(void **state)
{
    struct fixture *f = *state;
    struct peer p = peer_new(f);
    p.want = 1;
    say(&p, STR(GET_KEEP));
    loop_until(f->base, has_answers, &p);
    responder_unlisten(f->responder);
    assert_int_equal(fcntl(f->listening, F_GETFD), -1);
    say(&p, STR(GET_KEEP));
    p.want = 2;
    loop_until(f->base, has_answers, &p);
    peer_free(&p);
    int again = loop_listen(&f->port);
    assert_int_equal(responder_listen(f->responder, again, NULL), 0);
    expect(f, STR(GET_CLOSE), "200 OK", VALUE);
}

/* Freed with connections in every state. */
static void test_free_busy(void **state)
{
    struct fixture *f = *state;
    struct peer a = peer_new(f), b = peer_new(f), c = peer_new(f);
    say(&b, STR("GET / HT"));
    say(&c, STR(ASK("POST /") "\r\nxx"));
    loop_rounds(f->base);
    assert_int_equal(responder_connections(f->responder), 3);
    peer_free(&a);
    peer_free(&b);
    peer_free(&c);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_live_token),
        WITH_FIXTURE(test_head_lines),
        WITH_FIXTURE(test_head_method),
        WITH_FIXTURE(test_unknown),
        WITH_FIXTURE(test_refusals),
        WITH_FIXTURE(test_post),
        WITH_FIXTURE(test_keep_alive),
        WITH_FIXTURE(test_pipelined),
        WITH_FIXTURE(test_backpressure_and_request_limit),
        WITH_FIXTURE(test_dripping_head_is_cut),
        WITH_FIXTURE(test_silent_is_cut),
        WITH_FIXTURE(test_lingering_is_cut),
        WITH_FIXTURE(test_not_reading_is_cut),
        WITH_FIXTURE(test_connection_cap),
        WITH_FIXTURE(test_without_descriptors),
        WITH_FIXTURE(test_with_fewer_descriptors_than_connections),
        WITH_FIXTURE(test_unlisten),
        WITH_FIXTURE(test_free_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
