/* Looks at servers that behave, and at many that do not. */
#include "tls/probe.h"

#include "base/arena.h"
#include "base/attr.h"
#include "dns_server.h"
#include "loop.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { SHORT_MS = 300, LONG_MS = 20 * 1000, SEEN_MAX = 4 };

static struct identity id;

struct test {
    struct event_base *base;
    struct dns_server dns;
    struct lookup *lookup;
    struct server server;
    int calls;
    bool inside;
    size_t n;
    struct tls_seen seen[SEEN_MAX];
    struct tls_cert chain[TLS_CHAIN_MAX]; /* of the first address */
    struct err why;
};

static int set_up(void **state)
{
    static struct test t;
    t = (struct test){.base = event_base_new()};
    dns_server_start(&t.dns, t.base);
    const char *servers[] = {t.dns.address};
    t.lookup = lookup_new(t.base, servers, 1, NULL);
    assert_non_null(t.lookup);
    *state = &t;
    return 0;
}

static int tear_down(void **state)
{
    struct test *t = *state;
    server_stop(&t->server);
    lookup_free(t->lookup);
    dns_server_stop(&t->dns);
    event_base_free(t->base);
    return 0;
}

static void on_seen(const struct tls_seen *seen, size_t n, const struct err *why, void *arg)
{
    struct test *t = arg;
    assert_false(t->inside);
    assert_true(n <= SEEN_MAX);
    t->calls++;
    t->n = n;
    for (size_t i = 0; i < n; i++)
        t->seen[i] = seen[i];
    for (size_t i = 0; n > 0 && i < seen[0].chain_n; i++)
        t->chain[i] = seen[0].chain[i];
    t->why = why != NULL ? *why : (struct err)ERR_INIT;
}

static bool is_called(void *arg)
{
    return ((struct test *)arg)->calls > 0;
}

static struct tls_probe *begin(struct test *t, struct tls_probe_spec spec)
{
    spec.host = spec.host != NULL ? spec.host : "127.0.0.1";
    spec.server_name = spec.server_name != NULL ? spec.server_name : "";
    spec.port = spec.port != 0 ? spec.port : (uint16_t)t->server.port;
    t->calls = 0;
    t->inside = true;
    struct tls_probe *p = tls_probe_start(t->base, t->lookup, &spec, on_seen, t);
    t->inside = false;
    return p;
}

/* One look at that one server. */
static void look(struct test *t, behaviour *how, struct tls_probe_spec spec)
{
    if (how != NULL) {
        server_stop(&t->server);
        server_start(&t->server, how, &id);
    }
    begin(t, spec);
    loop_until(t->base, is_called, t);
    loop_rounds(t->base);
    assert_int_equal(t->calls, 1);
}

static void expect_chain(const struct test *t, size_t n)
{
    if (t->seen[0].err.code != 0)
        fail_msg("%s", t->seen[0].err.text);
    assert_int_equal(t->n, 1);
    assert_int_equal(t->seen[0].chain_n, n);
    assert_string_equal(t->chain[0].sha256, fingerprint(id.leaf));
    assert_string_equal(t->chain[0].subject, "CN=www.example.org");
    assert_string_equal(t->chain[0].issuer, "CN=test issuer");
    assert_int_equal(t->seen[0].not_after.s - t->seen[0].not_before.s, 30 * 86400 + 3600);
    if (n > 1)
        assert_string_equal(t->chain[1].sha256, fingerprint(id.issuer));
}

static void test_chains(void **state)
{
    struct test *t = *state;
    char address[64];
    look(t, serve_chain, (struct tls_probe_spec){.timeout_ms = LONG_MS});
    expect_chain(t, 2);
    snprintf(address, sizeof address, "127.0.0.1:%d", t->server.port);
    assert_string_equal(t->seen[0].address, address);
    look(t, serve_leaf_only, (struct tls_probe_spec){.host = "[127.0.0.1]"});
    expect_chain(t, 1);
    look(t, serve_tls1, (struct tls_probe_spec){0});
    expect_chain(t, 1);
    look(t, serve_no_goodbye, (struct tls_probe_spec){0});
    expect_chain(t, 1);
}

static void test_server_name(void **state)
{
    struct test *t = *state;
    look(t, serve_by_name, (struct tls_probe_spec){.server_name = "www.example.org"});
    expect_chain(t, 1);
    look(t, NULL, (struct tls_probe_spec){.server_name = "shop.example.org"});
    assert_int_equal(t->seen[0].err.code, ERR_TLS);
    assert_string_equal(
        t->seen[0].err.text, "knows no server by the name shop.example.org (unrecognized_name)");
}

/* Certificates of ours are not given, but it showed its own by then. */
static void test_who_asks_for_a_certificate(void **state)
{
    struct test *t = *state;
    look(t, serve_tls12_asks, (struct tls_probe_spec){0});
    expect_chain(t, 1);
    look(t, serve_tls13_asks, (struct tls_probe_spec){0});
    expect_chain(t, 1);
}

static void test_kinds_of_keys(void **state)
{
    struct test *t = *state;
    look(t, serve_both_kinds, (struct tls_probe_spec){.key = TLS_PROBE_KEY_ECDSA});
    expect_chain(t, 1);
    look(t, NULL, (struct tls_probe_spec){.key = TLS_PROBE_KEY_RSA});
    assert_int_equal(t->seen[0].err.code, 0);
    assert_string_equal(t->chain[0].sha256, fingerprint(id.rsa_leaf));
    look(t, serve_leaf_only, (struct tls_probe_spec){.key = TLS_PROBE_KEY_RSA});
    assert_int_equal(t->seen[0].err.code, ERR_TLS);
}

static void test_starttls(void **state)
{
    struct test *t = *state;
    look(t, serve_smtp, (struct tls_probe_spec){.starttls = STARTTLS_SMTP});
    expect_chain(t, 2);
    look(t, serve_injection, (struct tls_probe_spec){.starttls = STARTTLS_SMTP});
    assert_true(t->seen[0].err.code < 0); /* in one piece or in two, it ends no better */
    assert_int_equal(t->seen[0].chain_n, 0);
}

static void test_what_is_wrong(void **state)
{
    static const struct {
        behaviour *how;
        enum starttls starttls;
        int timeout_ms, code;
        const char *text;
    } cases[] = {
        {serve_nothing, STARTTLS_NONE, SHORT_MS, ERR_TIMEOUT,
            "waited in vain for its part of the TLS handshake, 300 ms"},
        {serve_nothing, STARTTLS_SMTP, SHORT_MS, ERR_TIMEOUT, "waited in vain for its greeting, 300 ms"},
        {serve_nothing, STARTTLS_LDAP, SHORT_MS, ERR_TIMEOUT, "waited in vain for its answer to StartTLS"},
        {serve_greeting, STARTTLS_SMTP, SHORT_MS, ERR_TIMEOUT, "waited in vain for its answer to EHLO"},
        {serve_close, STARTTLS_NONE, LONG_MS, ERR_TLS, "closes the connection instead of answering in TLS"},
        {serve_close, STARTTLS_IMAP, LONG_MS, ERR_TLS, "closes the connection before its greeting"},
        {serve_half, STARTTLS_NONE, LONG_MS, ERR_TLS,
            "closes the connection in the middle of the TLS handshake"},
        {serve_greeting, STARTTLS_NONE, LONG_MS, ERR_TLS,
            "does not speak TLS there but begins with \"220 mail.example ESMTP ?[2Jready\"; STARTTLS is for "
            "that"},
        {serve_http, STARTTLS_NONE, LONG_MS, ERR_TLS,
            "does not speak TLS there but begins with \"HTTP/1.1 400 Bad Request\"; it speaks plain HTTP"},
        {serve_greeting, STARTTLS_IMAP, LONG_MS, ERR_INPUT,
            "does not answer as an IMAP server: \"220 mail.example"},
        {serve_lines, STARTTLS_FTP, LONG_MS, ERR_LIMIT, "more than 16384 octets before TLS"},
        {serve_lines, STARTTLS_NONE, LONG_MS, ERR_TLS, "does not speak TLS"},
        {serve_records, STARTTLS_NONE, LONG_MS, ERR_TLS, "the TLS handshake failed"},
        {serve_many, STARTTLS_NONE, LONG_MS, ERR_LIMIT, "sends 17 certificates; at most 16 are looked at"},
    };
    struct test *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        look(t, cases[i].how,
            (struct tls_probe_spec){.starttls = cases[i].starttls, .timeout_ms = cases[i].timeout_ms});
        assert_int_equal(t->n, 1);
        if (strstr(t->seen[0].err.text, cases[i].text) == NULL || t->seen[0].err.code != cases[i].code)
            fail_msg("%zu: %s: %s", i, err_name(t->seen[0].err.code), t->seen[0].err.text);
        assert_int_equal(t->seen[0].chain_n, 0);
    }
    look(t, serve_reset, (struct tls_probe_spec){0});
    assert_true(t->seen[0].err.code == ERR_NETWORK || t->seen[0].err.code == ERR_TLS);
}

static void test_nobody_there(void **state)
{
    struct test *t = *state;
    server_start(&t->server, serve_close, &id);
    server_stop(&t->server);
    look(t, NULL, (struct tls_probe_spec){0});
    assert_int_equal(t->seen[0].err.code, ERR_NETWORK);
    assert_string_equal(t->seen[0].err.text, "cannot connect: Connection refused");
    assert_false(t->seen[0].no_route);
}

static void test_names(void **state)
{
    struct test *t = *state;
    look(t, serve_chain, (struct tls_probe_spec){.host = "here.example"}); /* 127.0.0.1 and 127.0.0.2 */
    assert_int_equal(t->n, 2);
    assert_int_equal(t->seen[0].err.code, 0);
    assert_string_equal(t->chain[0].sha256, fingerprint(id.leaf));
    assert_string_equal(t->seen[1].err.text, "cannot connect: Connection refused");
    look(t, NULL, (struct tls_probe_spec){.host = "nobody.example"});
    assert_int_equal(t->n, 0);
    assert_int_equal(t->why.code, ERR_NOT_FOUND);
    look(t, NULL, (struct tls_probe_spec){.host = "mute.example", .timeout_ms = SHORT_MS});
    assert_int_equal(t->n, 0);
    assert_int_equal(t->why.code, ERR_TIMEOUT);
    assert_string_equal(t->why.text, "the addresses of mute.example could not be looked up within 300 ms");
}

static bool is_asked(void *arg)
{
    return ((struct test *)arg)->dns.questions > 0;
}

static void test_cancel(void **state)
{
    struct test *t = *state;
    server_start(&t->server, serve_nothing, &id);
    tls_probe_cancel(begin(t, (struct tls_probe_spec){0}));
    struct tls_probe *p = begin(t, (struct tls_probe_spec){.host = "mute.example"});
    loop_until(t->base, is_asked, t);
    tls_probe_cancel(p);
    p = begin(t, (struct tls_probe_spec){0});
    for (int i = 0; i < 10; i++)
        loop_rounds(t->base);
    tls_probe_cancel(p);
    tls_probe_cancel(NULL);
    loop_rounds(t->base);
    assert_int_equal(t->calls, 0);
}

static bool are_called(void *arg)
{
    return ((struct test *)arg)->calls == 50;
}

static void test_side_by_side(void **state)
{
    struct test *t = *state;
    server_start(&t->server, serve_chain, &id);
    for (int i = 0; i < 50; i++)
        begin(t, (struct tls_probe_spec){.timeout_ms = LONG_MS});
    loop_until(t->base, are_called, t);
    expect_chain(t, 2);
}

static void test_chain_of_pem(void **state)
{
    struct arena *a = arena_new();
    const struct tls_cert *chain = NULL;
    size_t n = 0;
    struct err err = ERR_INIT;
    assert_int_equal(tls_chain_read(str_c(id.pem), a, &chain, &n, &err), 0);
    assert_int_equal(n, 2); /* the root is not sent */
    assert_string_equal(chain[0].sha256, fingerprint(id.leaf));
    assert_string_equal(chain[1].sha256, fingerprint(id.issuer));
    assert_string_equal(chain[1].subject, "CN=test issuer");
    const char *root = strstr(strstr(id.pem + 1, "-----BEGIN") + 1, "-----BEGIN");
    assert_int_equal(tls_chain_read(str_c(root), a, &chain, &n, &err), 0);
    assert_int_equal(n, 1); /* a leaf that is self-signed */
    assert_int_equal(tls_chain_read(STR(""), a, &chain, &n, &err), ERR_INPUT);
    assert_int_equal(tls_chain_read(STR("certificate"), a, &chain, &n, &err), ERR_INPUT);
    assert_int_equal(tls_chain_read((struct str){id.pem, 200}, a, &chain, &n, &err), ERR_INPUT);
    static char long_pem[TLS_CHAIN_PEM_MAX + 1];
    assert_int_equal(tls_chain_read((struct str){long_pem, sizeof long_pem}, a, &chain, &n, &err), ERR_LIMIT);
    long_pem[0] = '\0';
    size_t each = (size_t)(root - id.pem), at = 0;
    for (int i = 0; i < TLS_CHAIN_MAX; i++, at += each)
        memcpy(long_pem + at, id.pem, each);
    assert_int_equal(tls_chain_read((struct str){long_pem, at}, a, &chain, &n, &err), ERR_LIMIT);
    arena_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_chains),
        TEST(test_server_name),
        TEST(test_who_asks_for_a_certificate),
        TEST(test_kinds_of_keys),
        TEST(test_starttls),
        TEST(test_what_is_wrong),
        TEST(test_nobody_there),
        TEST(test_names),
        TEST(test_cancel),
        TEST(test_side_by_side),
        TEST(test_chain_of_pem),
    };
    identity_make(&id);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    identity_free(&id);
    return failed;
}
