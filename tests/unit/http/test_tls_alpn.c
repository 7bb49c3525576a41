#include "http/tls_alpn.h"

#include "base/buf.h"
#include "http/hello.h"
#include "http/internal.h"
#include "loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACME \
    "\x0a"   \
    "acme-tls/1"

enum { CROWD = 6 };

struct fixture {
    struct event_base *base;
    struct tls_alpn *answerer;
    int listening, port;
    unsigned hits;
    char hit_token[300], hit_peer[100];
};

static void on_hit(struct str token, const char *peer, void *arg)
{
    struct fixture *f = arg;
    f->hits++;
    snprintf(f->hit_token, sizeof f->hit_token, "%.*s", STR_ARG(token));
    snprintf(f->hit_peer, sizeof f->hit_peer, "%s", peer);
}

static void put(struct fixture *f, const char *identifier, const char *token)
{
    assert_int_equal(
        tls_alpn_put(f->answerer, str_c(identifier), str_c(token), STR("key.authorization"), NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    signal(SIGPIPE, SIG_IGN);
    f->base = event_base_new();
    assert_int_equal(tls_alpn_new(f->base, on_hit, f, &f->answerer, NULL), 0);
    f->listening = loop_listen(&f->port);
    assert_int_equal(tls_alpn_listen(f->answerer, f->listening, NULL), 0);
    put(f, "a.example", "live");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tls_alpn_free(f->answerer);
    event_base_free(f->base);
    free(f);
    return 0;
}

static bool nobody_connected(void *arg)
{
    struct fixture *f = arg;
    return tls_alpn_connections(f->answerer) == 0;
}

/* --- a client that shakes hands --- */

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    bool shaken; /* the handshake is complete, then nothing but the end may come */
    bool over;
    int alert;     /* that the answerer sent before the handshake was complete, 0: none */
    bool notified; /* it said that it closes */
};

struct asked {
    const char *name;     /* NULL: no SNI */
    struct str protocols; /* empty: no ALPN */
    int version;          /* 0: the newest */
};

static struct client client_new(struct fixture *f, struct asked ask)
{
    struct client c = {.fd = loop_dial(f->port), .ctx = SSL_CTX_new(TLS_client_method())};
    SSL_CTX_set_security_level(c.ctx, 0); /* the old versions are to be refused by the other side */
    assert_int_equal(SSL_CTX_set_min_proto_version(c.ctx, ask.version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(c.ctx, ask.version), 1);
    c.ssl = SSL_new(c.ctx);
    SSL_set_fd(c.ssl, c.fd);
    if (ask.name != NULL)
        assert_int_equal(SSL_set_tlsext_host_name(c.ssl, ask.name), 1);
    if (ask.protocols.n > 0) {
        const unsigned char *p = (const unsigned char *)ask.protocols.p;
        assert_int_equal(SSL_set_alpn_protos(c.ssl, p, (unsigned)ask.protocols.n), 0);
    }
    return c;
}

static void client_free(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static bool client_is_over(void *arg)
{
    struct client *c = arg;
    char in[100];
    ERR_clear_error();
    int r = c->shaken ? SSL_read(c->ssl, in, sizeof in) : SSL_connect(c->ssl);
    int e = SSL_get_error(c->ssl, r);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        return false;
    if (r == 1 && !c->shaken) {
        c->shaken = true;
        return false;
    }
    assert_true(r <= 0); /* no data, ever */
    c->over = true;
    c->notified = e == SSL_ERROR_ZERO_RETURN;
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    c->alert = e == SSL_ERROR_SSL && reason > SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET : 0;
    return true;
}

static bool client_has_shaken(void *arg)
{
    struct client *c = arg;
    return client_is_over(c) || c->shaken;
}

/* Asks, and expects the certificate of that identifier, in that version. */
static void expect_shown(struct fixture *f, struct asked ask, const char *identifier, int version)
{
    struct client c = client_new(f, ask);
    loop_until(f->base, client_is_over, &c);
    assert_true(c.shaken);
    assert_true(c.notified);
    assert_int_equal(SSL_version(c.ssl), version);
    const unsigned char *chosen;
    unsigned n;
    SSL_get0_alpn_selected(c.ssl, &chosen, &n);
    assert_int_equal(n, 10);
    assert_memory_equal(chosen, "acme-tls/1", 10);
    X509 *x = SSL_get0_peer_certificate(c.ssl);
    assert_non_null(x);
    assert_true(X509_check_host(x, identifier, 0, 0, NULL) == 1 || X509_check_ip_asc(x, identifier, 0) == 1);
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(c.ssl)), 1);
    client_free(&c);
    loop_until(f->base, nobody_connected, f);
}

static void expect_refused(struct fixture *f, struct asked ask, int alert)
{
    struct client c = client_new(f, ask);
    loop_until(f->base, client_is_over, &c);
    assert_false(c.shaken);
    assert_int_equal(c.alert, alert);
    assert_null(SSL_get0_peer_certificate(c.ssl));
    client_free(&c);
    loop_until(f->base, nobody_connected, f);
    assert_int_equal(f->hits, 0);
}

static void test_live_name(void **state)
{
    struct fixture *f = *state;
    expect_shown(f, (struct asked){"a.example", STR(ACME), TLS1_3_VERSION}, "a.example", TLS1_3_VERSION);
    assert_int_equal(f->hits, 1);
    assert_string_equal(f->hit_token, "live");
    assert_string_equal(f->hit_peer, "127.0.0.1");
    expect_shown(f, (struct asked){"A.Example", STR(ACME), TLS1_2_VERSION}, "a.example", TLS1_2_VERSION);
    assert_int_equal(f->hits, 2);
    expect_shown(f, (struct asked){"a.example", STR(ACME), 0}, "a.example", TLS1_3_VERSION);
}

static void test_addresses(void **state)
{
    struct fixture *f = *state;
    put(f, "192.0.2.7", "four");
    put(f, "2001:db8::7", "six");
    expect_shown(f, (struct asked){"7.2.0.192.in-addr.arpa", STR(ACME), 0}, "192.0.2.7", TLS1_3_VERSION);
    assert_string_equal(f->hit_token, "four");
    expect_shown(f,
        (struct asked){
            "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", STR(ACME), 0},
        "2001:db8::7", TLS1_3_VERSION);
    assert_string_equal(f->hit_token, "six");
}

static void test_the_newest_is_shown(void **state)
{
    struct fixture *f = *state;
    const struct asked ask = {"a.example", STR(ACME), 0};
    put(f, "a.example", "newer");
    expect_shown(f, ask, "a.example", TLS1_3_VERSION);
    assert_string_equal(f->hit_token, "newer");
    tls_alpn_remove(f->answerer, STR("a.example"), STR("newer"));
    expect_shown(f, ask, "a.example", TLS1_3_VERSION);
    assert_string_equal(f->hit_token, "live");
    f->hits = 0;
    tls_alpn_clear(f->answerer);
    expect_refused(f, ask, SSL_AD_UNRECOGNIZED_NAME);
}

static void test_other_protocols(void **state)
{
    struct fixture *f = *state;
    const int alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    expect_refused(f, (struct asked){"a.example", STR(""), 0}, alert);
    expect_refused(f, (struct asked){"a.example", STR(""), TLS1_2_VERSION}, alert);
    expect_refused(f, (struct asked){"a.example", STR("\x02h2\x08http/1.1"), 0}, alert);
    expect_refused(f, (struct asked){"a.example", STR("\x02h2" ACME), 0}, alert);
    expect_refused(f, (struct asked){"a.example", STR(ACME "\x02h2"), TLS1_2_VERSION}, alert);
    /* Whether the name is live or not makes no difference. */
    expect_refused(f, (struct asked){"b.example", STR("\x02h2"), 0}, alert);
    expect_refused(f, (struct asked){NULL, STR(""), 0}, alert);
}

static void test_other_names(void **state)
{
    struct fixture *f = *state;
    const int alert = SSL_AD_UNRECOGNIZED_NAME;
    expect_refused(f, (struct asked){"b.example", STR(ACME), 0}, alert);
    expect_refused(f, (struct asked){"b.example", STR(ACME), TLS1_2_VERSION}, alert);
    expect_refused(f, (struct asked){"x.a.example", STR(ACME), 0}, alert);
    expect_refused(f, (struct asked){"warm-up.invalid", STR(ACME), 0}, alert);
    expect_refused(f, (struct asked){NULL, STR(ACME), 0}, alert);
}

static void test_old_versions(void **state)
{
    struct fixture *f = *state;
    const int alert = SSL_AD_PROTOCOL_VERSION;
    expect_refused(f, (struct asked){"a.example", STR(ACME), TLS1_1_VERSION}, alert);
    expect_refused(f, (struct asked){"a.example", STR(ACME), TLS1_VERSION}, alert);
}

static void test_no_session_is_kept(void **state)
{
    struct fixture *f = *state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct client c = client_new(f, (struct asked){"a.example", STR(ACME), version});
        loop_until(f->base, client_is_over, &c);
        assert_true(c.shaken);
        SSL_SESSION *s = SSL_get0_session(c.ssl);
        unsigned n;
        SSL_SESSION_get_id(s, &n);
        assert_false(SSL_SESSION_has_ticket(s));
        assert_true(version == TLS1_3_VERSION || n == 0);
        client_free(&c);
    }
}

/* The challenge is taken down in the middle of a handshake. */
static void test_removed_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct client c = client_new(f, (struct asked){"a.example", STR(ACME), TLS1_2_VERSION});
    assert_false(client_is_over(&c)); /* the ClientHello is on its way */
    loop_rounds(f->base);
    tls_alpn_clear(f->answerer);
    loop_until(f->base, client_is_over, &c);
    assert_true(c.shaken);
    client_free(&c);
    loop_until(f->base, nobody_connected, f);
    assert_int_equal(f->hits, 1);
}

/* A client that goes without an end of its handshake was no validation. */
static void test_unfinished_is_no_hit(void **state)
{
    struct fixture *f = *state;
    struct client c = client_new(f, (struct asked){"a.example", STR(ACME), TLS1_2_VERSION});
    assert_false(client_is_over(&c));
    loop_rounds(f->base);
    client_free(&c);
    loop_until(f->base, nobody_connected, f);
    assert_int_equal(f->hits, 0);
}

/* --- peers that do not --- */

struct peer {
    int fd;
    bool over;
    struct str drip; /* sent octet by octet */
    size_t dripped;
};

static struct peer peer_new(struct fixture *f)
{
    return (struct peer){.fd = loop_dial(f->port)};
}

static void say(struct peer *p, struct str s)
{
    assert_int_equal(send(p->fd, s.p, s.n, MSG_NOSIGNAL), s.n);
}

static bool is_over(void *arg)
{
    struct peer *p = arg;
    ssize_t n;
    char in[4096];
    if (p->dripped < p->drip.n && send(p->fd, p->drip.p + p->dripped, 1, MSG_NOSIGNAL) == 1)
        p->dripped++;
    while ((n = recv(p->fd, in, sizeof in, 0)) > 0)
        continue;
    p->over = p->over || n == 0 || (errno != EAGAIN && errno != EINTR);
    return p->over;
}

static void test_no_tls(void **state)
{
    struct fixture *f = *state;
    const struct str said[] = {STR("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), STR("SSH-2.0-OpenSSH_9\r\n"),
        STR("\x16\x03\x01\x40\x00\x01\x01\x00\x00"), /* a ClientHello of 64 kB */
        STR("\x16\x03\x01\x02\x00\x02\x00\x01\xfc"), STR("\x15\x03\x01\x00\x02\x01\x00\x00\x00")};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct peer p = peer_new(f);
        say(&p, said[i]);
        loop_until(f->base, is_over, &p);
        close(p.fd);
        loop_until(f->base, nobody_connected, f);
    }
    assert_int_equal(f->hits, 0);
}

static void test_an_end_before_the_beginning(void **state)
{
    struct fixture *f = *state;
    struct peer none = peer_new(f), some = peer_new(f);
    say(&some, STR("\x16\x03"));
    shutdown(none.fd, SHUT_WR);
    shutdown(some.fd, SHUT_WR);
    loop_until(f->base, is_over, &none);
    loop_until(f->base, is_over, &some);
    loop_until(f->base, nobody_connected, f);
    close(none.fd);
    close(some.fd);
}

/* A ClientHello as a client of OpenSSL writes it. */
static struct buf hello_of(struct asked ask)
{
    struct buf out = buf_new(4096);
    struct fixture nobody;
    nobody.listening = loop_listen(&nobody.port);
    struct client c = client_new(&nobody, ask);
    BIO *bio = BIO_new(BIO_s_mem());
    SSL_set_bio(c.ssl, BIO_new(BIO_s_mem()), bio);
    assert_false(client_is_over(&c));
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    assert_true(n > HELLO_HEAD);
    buf_put(&out, p, (size_t)n);
    client_free(&c);
    close(nobody.listening);
    return out;
}

static void test_slow_handshakes_are_cut(void **state)
{
    struct fixture *f = *state;
    tls_alpn_set_limits(f->answerer, 300, 10);
    struct buf hello = hello_of((struct asked){"a.example", STR(ACME), 0});
    struct peer silent = peer_new(f), begun = peer_new(f), dripping = peer_new(f), waiting = peer_new(f);
    say(&begun, (struct str){hello.p, 5});
    say(&waiting, buf_str(&hello)); /* never goes on */
    dripping.drip = (struct str){hello.p, hello.n - 1};
    loop_until(f->base, is_over, &dripping);
    loop_until(f->base, is_over, &silent);
    loop_until(f->base, is_over, &begun);
    loop_until(f->base, is_over, &waiting);
    assert_true(dripping.dripped > HELLO_HEAD);
    assert_int_equal(tls_alpn_connections(f->answerer), 0);
    assert_int_equal(f->hits, 0);
    close(silent.fd);
    close(begun.fd);
    close(dripping.fd);
    close(waiting.fd);
    buf_free(&hello);
}

/* Slow, but in time. */
static void test_a_dripping_hello_is_answered(void **state)
{
    struct fixture *f = *state;
    struct buf hello = hello_of((struct asked){"b.example", STR(ACME), 0});
    struct peer p = peer_new(f);
    p.drip = buf_str(&hello);
    loop_until(f->base, is_over, &p); /* by the alert for a name that nobody knows */
    assert_int_equal(p.dripped, hello.n);
    close(p.fd);
    buf_free(&hello);
}

struct crowd {
    struct peer peers[CROWD];
};

static bool first_two_are_over(void *arg)
{
    struct crowd *c = arg;
    for (size_t i = 0; i < CROWD; i++)
        is_over(&c->peers[i]);
    return c->peers[0].over && c->peers[1].over;
}

static void test_connection_cap(void **state)
{
    struct fixture *f = *state;
    struct crowd c;
    tls_alpn_set_limits(f->answerer, 60000, CROWD - 2);
    for (size_t i = 0; i < CROWD; i++)
        c.peers[i] = peer_new(f);
    loop_until(f->base, first_two_are_over, &c);
    assert_int_equal(tls_alpn_connections(f->answerer), CROWD - 2);
    for (size_t i = 2; i < CROWD; i++)
        assert_false(c.peers[i].over);
    /* Who comes gets in, however many wait. */
    struct client one = client_new(f, (struct asked){"a.example", STR(ACME), 0});
    loop_until(f->base, client_is_over, &one);
    assert_true(one.shaken);
    client_free(&one);
    for (size_t i = 0; i < CROWD; i++)
        close(c.peers[i].fd);
}

static void test_unlisten(void **state)
{
    struct fixture *f = *state;
    struct client c = client_new(f, (struct asked){"a.example", STR(ACME), TLS1_2_VERSION});
    assert_false(client_is_over(&c));
    loop_rounds(f->base);
    tls_alpn_unlisten(f->answerer);
    assert_int_equal(fcntl(f->listening, F_GETFD), -1);
    loop_until(f->base, client_has_shaken, &c);
    assert_true(c.shaken);
    client_free(&c);
    int again = loop_listen(&f->port);
    assert_int_equal(tls_alpn_listen(f->answerer, again, NULL), 0);
    expect_shown(f, (struct asked){"a.example", STR(ACME), 0}, "a.example", TLS1_3_VERSION);
}

/* Freed with connections in every state. */
static void test_free_busy(void **state)
{
    struct fixture *f = *state;
    struct buf hello = hello_of((struct asked){"a.example", STR(ACME), 0});
    struct peer a = peer_new(f), b = peer_new(f), c = peer_new(f);
    say(&b, (struct str){hello.p, hello.n / 2});
    say(&c, buf_str(&hello));
    loop_rounds(f->base);
    assert_int_equal(tls_alpn_connections(f->answerer), 3);
    close(a.fd);
    close(b.fd);
    close(c.fd);
    buf_free(&hello);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_live_name),
        WITH_FIXTURE(test_addresses),
        WITH_FIXTURE(test_the_newest_is_shown),
        WITH_FIXTURE(test_other_protocols),
        WITH_FIXTURE(test_other_names),
        WITH_FIXTURE(test_old_versions),
        WITH_FIXTURE(test_no_session_is_kept),
        WITH_FIXTURE(test_removed_meanwhile),
        WITH_FIXTURE(test_unfinished_is_no_hit),
        WITH_FIXTURE(test_no_tls),
        WITH_FIXTURE(test_an_end_before_the_beginning),
        WITH_FIXTURE(test_slow_handshakes_are_cut),
        WITH_FIXTURE(test_a_dripping_hello_is_answered),
        WITH_FIXTURE(test_connection_cap),
        WITH_FIXTURE(test_unlisten),
        WITH_FIXTURE(test_free_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
