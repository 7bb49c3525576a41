#include "http/client.h"

#include "base/buf.h"
#include "http/internal.h"
#include "loop.h"
#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAY_S = 86400, HEADERS_MAX = 4096, BODY_MAX = 10000, PARALLEL = 40 };

/* Shared by all tests: certificates take time. */
static struct tls_identity good, wrong_name, expired, stranger;
static struct tls_server server, server_wrong_name, server_expired, server_old_tls;

struct fixture {
    struct event_base *base;
    struct http_client *client;
};

/* What one request came to. */
struct result {
    unsigned calls;
    int status;
    struct err err;
    struct buf head, body; /* head as "name=value\n" */
};

static int start_servers(void **state)
{
    static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy"};
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++)
        unsetenv(proxies[i]);
    tls_identity_make(&good, "DNS:localhost,IP:127.0.0.1", -DAY_S, DAY_S);
    tls_identity_make(&wrong_name, "DNS:other.example", -DAY_S, DAY_S);
    tls_identity_make(&expired, "IP:127.0.0.1", -2 * DAY_S, -DAY_S);
    tls_identity_make(&stranger, "IP:127.0.0.1", -DAY_S, DAY_S);
    tls_server_start(&server, &good, 0);
    tls_server_start(&server_wrong_name, &wrong_name, 0);
    tls_server_start(&server_expired, &expired, 0);
    tls_server_start(&server_old_tls, &good, TLS1_1_VERSION);
    return 0;
}

static int stop_servers(void **state)
{
    tls_server_stop(&server);
    tls_server_stop(&server_wrong_name);
    tls_server_stop(&server_expired);
    tls_server_stop(&server_old_tls);
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->base = event_base_new();
    struct buf pem = buf_new(10000);
    buf_printf(&pem, "%s%s%s", good.cert, wrong_name.cert, expired.cert);
    struct err err;
    assert_int_equal(http_client_new(f->base, buf_str(&pem), "evercert/test", &f->client, &err), 0);
    http_client_set_times(f->client, 20000, 20000, 20);
    buf_free(&pem);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_client_free(f->client);
    event_base_free(f->base);
    free(f);
    return 0;
}

static void result_free(struct result *r)
{
    buf_free(&r->head);
    buf_free(&r->body);
}

static void on_done(const struct http_response *response, const struct err *err, void *arg)
{
    struct result *r = arg;
    r->calls++;
    assert_true((response == NULL) != (err == NULL));
    r->head = buf_new(HEADERS_MAX * 2);
    r->body = buf_new(BODY_MAX);
    if (err != NULL) {
        assert_true(err->code < 0);
        r->err = *err;
        return;
    }
    r->status = response->status;
    for (size_t i = 0; i < response->header_n; i++)
        buf_printf(
            &r->head, "%.*s=%.*s\n", STR_ARG(response->headers[i].name), STR_ARG(response->headers[i].value));
    buf_put_str(&r->body, response->body);
}

static bool is_called(void *arg)
{
    return ((struct result *)arg)->calls > 0;
}

/* Valid until the next call. */
static const char *url_of(int port, const char *path)
{
    static char url[256];
    snprintf(url, sizeof url, "https://127.0.0.1:%d%s", port, path);
    return url;
}

static struct http_spec spec_of(const char *url)
{
    return (struct http_spec){
        .method = HTTP_GET, .url = url, .headers_max = HEADERS_MAX, .body_max = BODY_MAX};
}

/* Runs one request to its end. */
static void run(struct fixture *f, const struct http_spec *spec, struct result *r)
{
    struct http_request *request = NULL;
    struct err err;
    *r = (struct result){0};
    assert_int_equal(http_request_start(f->client, spec, on_done, r, &request, &err), 0);
    assert_non_null(request);
    assert_int_equal(r->calls, 0);
    loop_until(f->base, is_called, r);
    loop_rounds(f->base);
    assert_int_equal(r->calls, 1);
    assert_false(http_client_busy(f->client));
}

static void get(struct fixture *f, const char *path, struct result *r)
{
    struct http_spec spec = spec_of(url_of(server.port, path));
    run(f, &spec, r);
}

static void assert_has(const struct buf *text, const char *part)
{
    if (strstr(buf_c(text), part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, buf_c(text));
}

static void assert_failed(const struct result *r, int code, const char *part)
{
    if (r->err.code != code || strstr(r->err.text, part) == NULL)
        fail_msg("%s \"%s\" in place of %s \"%s\"", err_name(r->err.code), r->err.text, err_name(code), part);
}

static void test_get(void **state)
{
    struct result r;
    get(*state, "/hello", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(buf_c(&r.body), "hello");
    assert_string_equal(
        buf_c(&r.head), "Content-Length=5\nReplay-Nonce=n-1\nX-Twice=a\nx-twice=b\nX-Empty=\n");
    result_free(&r);
}

static void test_get_sends(void **state)
{
    struct result r;
    get(*state, "/echo?q=1", &r);
    char expected[200];
    snprintf(expected, sizeof expected,
        "GET /echo?q=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: evercert/test\r\n\r\n", server.port);
    assert_string_equal(buf_c(&r.body), expected);
    result_free(&r);
}

static void test_post(void **state)
{
    struct result r;
    char body[] = "{\"a\":1}";
    struct http_spec spec = spec_of(url_of(server.port, "/echo"));
    spec.method = HTTP_POST;
    spec.content_type = "application/jose+json";
    spec.accept = "application/pem-certificate-chain";
    spec.body = STR("{\"a\":1}");
    spec.body.p = body;
    struct fixture *f = *state;
    r = (struct result){0};
    assert_int_equal(http_request_start(f->client, &spec, on_done, &r, NULL, NULL), 0);
    memset(body, 'x', sizeof body); /* it was copied */
    loop_until(f->base, is_called, &r);
    assert_int_equal(r.status, 200);
    assert_true(str_starts(buf_str(&r.body), STR("POST /echo HTTP/1.1\r\n")));
    assert_has(&r.body, "\r\nContent-Type: application/jose+json\r\n");
    assert_has(&r.body, "\r\nAccept: application/pem-certificate-chain\r\n");
    assert_has(&r.body, "\r\nContent-Length: 7\r\n");
    assert_true(str_ends(buf_str(&r.body), STR("\r\n\r\n{\"a\":1}")));
    assert_null(strstr(buf_c(&r.body), "Expect"));
    assert_null(strstr(buf_c(&r.body), "Accept-Encoding"));
    result_free(&r);
}

static void test_post_empty(void **state)
{
    struct result r;
    struct http_spec spec = spec_of(url_of(server.port, "/echo"));
    spec.method = HTTP_POST;
    run(*state, &spec, &r);
    assert_has(&r.body, "\r\nContent-Length: 0\r\n");
    assert_null(strstr(buf_c(&r.body), "Content-Type"));
    assert_null(strstr(buf_c(&r.body), "Accept"));
    result_free(&r);
}

static void test_head(void **state)
{
    struct result r;
    struct http_spec spec = spec_of(url_of(server.port, "/nonce"));
    spec.method = HTTP_HEAD;
    run(*state, &spec, &r);
    assert_int_equal(r.status, 200);
    assert_has(&r.head, "Replay-Nonce=n-2\n");
    assert_int_equal(r.body.n, 0);
    result_free(&r);
}

static void test_error_status_is_an_answer(void **state)
{
    struct result r;
    get(*state, "/problem", &r);
    assert_int_equal(r.status, 403);
    assert_string_equal(buf_c(&r.body), "{}");
    result_free(&r);
}

/* The pool and the connection are used again, and a request leaves nothing behind for the next. */
static void test_connection_is_reused(void **state)
{
    struct result first, r;
    get(*state, "/pid", &first);
    test_post(state);
    test_head(state);
    test_get_sends(state);
    get(*state, "/pid", &r);
    assert_string_equal(buf_c(&r.body), buf_c(&first.body));
    result_free(&first);
    result_free(&r);
}

/* A POST whose connection ends without an answer may have been acted upon: nobody but its owner sends it
 * again. */
static void test_lost_post_is_not_repeated(void **state)
{
    struct result first, r;
    get(*state, "/pid", &first);
    struct http_spec spec = spec_of(url_of(server.port, "/nothing-more"));
    spec.method = HTTP_POST;
    spec.content_type = "application/jose+json";
    spec.body = STR("{\"a\":1}");
    run(*state, &spec, &r);
    assert_failed(&r, ERR_NETWORK, "the connection was closed without an answer");
    result_free(&r);
    /* Asked for anew it has a connection of its own. */
    run(*state, &spec, &r);
    assert_int_equal(r.status, 200);
    result_free(&first);
    result_free(&r);
}

static void test_early_hints(void **state)
{
    struct result r;
    get(*state, "/early-hints", &r);
    assert_int_equal(r.status, 200);
    assert_null(strstr(buf_c(&r.head), "X-Early"));
    assert_has(&r.head, "Replay-Nonce=n-1\n");
    result_free(&r);
}

static void test_trailer(void **state)
{
    struct result r;
    get(*state, "/trailer", &r);
    assert_string_equal(buf_c(&r.body), "abc");
    assert_has(&r.head, "X-Head=1\n");
    assert_null(strstr(buf_c(&r.head), "X-Trailer"));
    result_free(&r);
}

static void test_head_limit(void **state)
{
    struct result r;
    get(*state, "/big-head", &r);
    assert_failed(&r, ERR_LIMIT, "the header of the answer is larger than 4096 bytes");
    assert_failed(&r, ERR_LIMIT, "127.0.0.1");
    result_free(&r);
    get(*state, "/interim-flood", &r);
    assert_failed(&r, ERR_LIMIT, "the header of the answer");
    result_free(&r);
    get(*state, "/hello", &r);
    assert_int_equal(r.status, 200);
    result_free(&r);
}

static void test_body_limit(void **state)
{
    struct result r;
    get(*state, "/promise", &r);
    assert_failed(&r, ERR_LIMIT, "the answer is larger than 10000 bytes");
    result_free(&r);
    get(*state, "/endless", &r);
    assert_failed(&r, ERR_LIMIT, "the answer is larger than 10000 bytes");
    result_free(&r);
}

/* A limit is the most that is accepted, not the least that is refused. */
static void test_exact_limits(void **state)
{
    struct result r;
    struct http_spec spec = spec_of(url_of(server.port, "/problem"));
    static const char head[] =
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n";
    spec.body_max = 2;
    spec.headers_max = sizeof head - 1;
    run(*state, &spec, &r);
    assert_int_equal(r.status, 403);
    result_free(&r);
    spec.headers_max--;
    run(*state, &spec, &r);
    assert_failed(&r, ERR_LIMIT, "header");
    result_free(&r);
    spec.headers_max++;
    spec.body_max--;
    run(*state, &spec, &r);
    assert_failed(&r, ERR_LIMIT, "larger than 1 bytes");
    result_free(&r);
    spec.body_max = 0;
    run(*state, &spec, &r);
    assert_failed(&r, ERR_LIMIT, "larger than 0 bytes");
    result_free(&r);
}

static void test_broken_answers(void **state)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"/cut", "the answer was cut short"},
        {"/cut-head", "the answer was cut short"},
        {"/nothing", "closed without an answer"},
        {"/garbage", "127.0.0.1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct result r;
        get(*state, cases[i].path, &r);
        assert_failed(&r, ERR_NETWORK, cases[i].text);
        result_free(&r);
    }
}

static void test_redirects(void **state)
{
    struct result r;
    get(*state, "/redirect", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(buf_c(&r.body), "hello");
    assert_null(strstr(buf_c(&r.head), "X-First"));
    result_free(&r);
    get(*state, "/loop", &r);
    assert_failed(&r, ERR_NETWORK, "redirects too many times");
    result_free(&r);
}

static void test_redirect_is_not_followed(void **state)
{
    struct result r;
    struct http_spec spec = spec_of(url_of(server.port, "/redirect"));
    spec.method = HTTP_POST;
    spec.body = STR("x");
    run(*state, &spec, &r);
    assert_int_equal(r.status, 302);
    assert_has(&r.head, "Location=/hello\n");
    result_free(&r);
    spec.method = HTTP_HEAD;
    spec.url = url_of(server.port, "/loop");
    run(*state, &spec, &r);
    assert_int_equal(r.status, 302);
    result_free(&r);
}

static void test_redirect_off_https(void **state)
{
    struct result r;
    get(*state, "/downgrade", &r);
    assert_failed(&r, ERR_NETWORK, "not https");
    result_free(&r);
    get(*state, "/file", &r);
    assert_failed(&r, ERR_NETWORK, "not https");
    result_free(&r);
}

/* A public CA that sends us, by a redirect or in the DNS, to where its own users are. */
static void test_private_address(void **state)
{
    struct fixture *f = *state;
    struct result r;
    http_client_set_home(f->client, ADDRESS_HOME_PUBLIC);
    get(f, "/hello", &r);
    assert_failed(&r, ERR_REFUSED, "leads to a private address");
    result_free(&r);
    http_client_set_home(f->client, ADDRESS_HOME_UNKNOWN);
    get(f, "/hello", &r);
    assert_int_equal(r.status, 200);
    result_free(&r);
}

static void test_unknown_root(void **state)
{
    struct fixture *f = *state;
    struct fixture other = {.base = f->base};
    struct result r;
    assert_int_equal(http_client_new(f->base, str_c(stranger.cert), "t", &other.client, NULL), 0);
    get(&other, "/hello", &r);
    assert_failed(&r, ERR_TLS, "its certificate is not trusted");
    assert_failed(&r, ERR_TLS, "ca-file");
    result_free(&r);
    http_client_free(other.client);
}

static void test_certificate_of_another_name(void **state)
{
    struct result r;
    struct http_spec spec = spec_of(url_of(server_wrong_name.port, "/hello"));
    run(*state, &spec, &r);
    assert_failed(&r, ERR_TLS, "its certificate is not trusted");
    assert_null(strstr(r.err.text, "ca-file")); /* would not help */
    result_free(&r);
}

static void test_expired_certificate(void **state)
{
    struct result r;
    struct http_spec spec = spec_of(url_of(server_expired.port, "/hello"));
    run(*state, &spec, &r);
    assert_failed(&r, ERR_TLS, "clock");
    result_free(&r);
}

static void test_old_tls(void **state)
{
    struct result r;
    struct http_spec spec = spec_of(url_of(server_old_tls.port, "/hello"));
    run(*state, &spec, &r);
    assert_failed(&r, ERR_TLS, "TLS handshake");
    result_free(&r);
}

static void test_connection_refused(void **state)
{
    struct result r;
    int port;
    close(loop_listen(&port));
    struct http_spec spec = spec_of(url_of(port, "/"));
    run(*state, &spec, &r);
    char expected[100];
    snprintf(expected, sizeof expected, "127.0.0.1:%d: cannot connect: Connection refused", port);
    assert_failed(&r, ERR_NETWORK, expected);
    result_free(&r);
}

static void test_timeouts(void **state)
{
    struct fixture *f = *state;
    struct result r;
    http_client_set_times(f->client, 20000, 300, 20);
    get(f, "/silence", &r);
    assert_failed(&r, ERR_TIMEOUT, "no answer in time");
    result_free(&r);

    int port, fd = loop_listen(&port); /* takes the connection and never says a word of TLS */
    http_client_set_times(f->client, 300, 20000, 20);
    struct http_spec spec = spec_of(url_of(port, "/"));
    run(f, &spec, &r);
    assert_failed(&r, ERR_TIMEOUT, "no answer in time");
    result_free(&r);
    close(fd);

    http_client_set_times(f->client, 20000, 20000, 1);
    get(f, "/silence", &r);
    assert_failed(&r, ERR_TIMEOUT, "no answer in time");
    result_free(&r);
}

static void test_bad_requests(void **state)
{
    struct fixture *f = *state;
    static const char *const urls[] = {"http://127.0.0.1/", "ftp://a/", "file:///etc/passwd", "127.0.0.1/",
        "", "https://", "https://user:secret@127.0.0.1/", "https://a b/", "https://a/\r\nX: y",
        "https://a:99999/"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct err err = ERR_INIT;
        struct http_spec spec = spec_of(urls[i]);
        assert_int_equal(http_request_start(f->client, &spec, on_done, NULL, NULL, &err), ERR_INPUT);
        assert_int_equal(err.code, ERR_INPUT);
        assert_false(http_client_busy(f->client));
    }
    struct err err = ERR_INIT;
    struct http_spec spec = spec_of("https://127.0.0.1/");
    spec.accept = "a\r\nX: y";
    assert_int_equal(http_request_start(f->client, &spec, on_done, NULL, NULL, &err), ERR_INPUT);
    assert_false(http_client_busy(f->client));
}

/* Cancelled before anything was sent. */
static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct result r = {0}, other;
    struct http_request *request;
    struct http_spec spec = spec_of(url_of(server.port, "/hello"));
    assert_int_equal(http_request_start(f->client, &spec, on_done, &r, &request, NULL), 0);
    http_request_cancel(request);
    get(f, "/hello", &other);
    assert_int_equal(r.calls, 0);
    result_free(&other);
}

/* Cancelled while it waits for an answer. */
static void test_cancel_waiting(void **state)
{
    struct fixture *f = *state;
    struct result silent = {0}, other = {0};
    struct http_request *request;
    struct http_spec spec = spec_of(url_of(server.port, "/silence"));
    assert_int_equal(http_request_start(f->client, &spec, on_done, &silent, &request, NULL), 0);
    struct http_spec hello = spec_of(url_of(server.port, "/hello"));
    assert_int_equal(http_request_start(f->client, &hello, on_done, &other, NULL, NULL), 0);
    loop_until(f->base, is_called, &other);
    assert_int_equal(other.status, 200);
    assert_true(http_client_busy(f->client));
    http_request_cancel(request);
    assert_false(http_client_busy(f->client));
    result_free(&other);
    get(f, "/hello", &other);
    assert_int_equal(silent.calls, 0);
    result_free(&other);
}

/* A done function that goes on: starts the next, cancels another, or frees the client. */
struct chain {
    struct fixture *f;
    unsigned left, done;
    struct http_request *victim;
    bool free_client;
    struct result never;
};

static void start_next(struct chain *c);

static void on_chain(const struct http_response *response, const struct err *err, void *arg)
{
    struct chain *c = arg;
    assert_non_null(response);
    c->done++;
    if (c->victim != NULL)
        http_request_cancel(c->victim);
    c->victim = NULL;
    if (--c->left > 0) {
        start_next(c);
    } else if (c->free_client) {
        http_client_free(c->f->client);
        c->f->client = NULL;
    }
}

static void start_next(struct chain *c)
{
    struct http_spec spec = spec_of(url_of(server.port, "/hello"));
    unsigned before = c->done;
    assert_int_equal(http_request_start(c->f->client, &spec, on_chain, c, NULL, NULL), 0);
    assert_int_equal(c->done, before);
}

static bool chain_over(void *arg)
{
    return ((struct chain *)arg)->left == 0;
}

static void test_done_may_act(void **state)
{
    struct fixture *f = *state;
    struct chain c = {.f = f, .left = 5, .free_client = true};
    struct http_spec silence = spec_of(url_of(server.port, "/silence"));
    assert_int_equal(http_request_start(f->client, &silence, on_done, &c.never, &c.victim, NULL), 0);
    start_next(&c);
    silence.url = url_of(server.port, "/silence");
    assert_int_equal(http_request_start(f->client, &silence, on_done, &c.never, NULL, NULL), 0);
    loop_until(f->base, chain_over, &c);
    loop_rounds(f->base);
    assert_int_equal(c.done, 5);
    assert_int_equal(c.never.calls, 0);
    assert_null(f->client);
}

static bool all_called(void *arg)
{
    struct result *r = arg;
    unsigned n = 0;
    for (size_t i = 0; i < PARALLEL; i++)
        n += r[i].calls;
    return n == PARALLEL;
}

/* With HTTP/1.1 they queue for the connections that are allowed. */
static void test_parallel(void **state)
{
    struct fixture *f = *state;
    static struct result r[PARALLEL];
    memset(r, 0, sizeof r);
    struct http_spec spec = spec_of(url_of(server.port, "/pid"));
    for (size_t i = 0; i < PARALLEL; i++)
        assert_int_equal(http_request_start(f->client, &spec, on_done, &r[i], NULL, NULL), 0);
    loop_until(f->base, all_called, r);
    const char *pids[HTTP_CONNECTIONS_PER_HOST] = {NULL};
    for (size_t i = 0; i < PARALLEL; i++) {
        assert_int_equal(r[i].calls, 1);
        assert_int_equal(r[i].status, 200);
        size_t k = 0;
        while (k < HTTP_CONNECTIONS_PER_HOST && pids[k] != NULL && strcmp(pids[k], buf_c(&r[i].body)) != 0)
            k++;
        assert_true(k < HTTP_CONNECTIONS_PER_HOST); /* no further connection was made */
        pids[k] = buf_c(&r[i].body);
    }
    for (size_t i = 0; i < PARALLEL; i++)
        result_free(&r[i]);
}

/* https_proxy is honoured: the answerer plays a proxy that refuses. */
static void test_proxy(void **state)
{
    struct fixture *f = *state;
    int port, fd = loop_listen(&port);
    struct responder *proxy = responder_new(f->base, NULL, NULL);
    assert_int_equal(responder_listen(proxy, fd, NULL), 0);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    setenv("https_proxy", url, 1);
    struct result r;
    get(f, "/hello", &r);
    assert_failed(&r, ERR_NETWORK, "405");
    result_free(&r);
    unsetenv("https_proxy");
    responder_free(proxy);
}

static void test_user_roots_are_checked(void **state)
{
    struct fixture *f = *state;
    struct http_client *client = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(http_client_new(f->base, STR("no PEM"), "t", &client, &err), ERR_INPUT);
    assert_int_equal(err.code, ERR_INPUT);
    assert_null(client);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_get),
        WITH_FIXTURE(test_get_sends),
        WITH_FIXTURE(test_post),
        WITH_FIXTURE(test_post_empty),
        WITH_FIXTURE(test_head),
        WITH_FIXTURE(test_error_status_is_an_answer),
        WITH_FIXTURE(test_connection_is_reused),
        WITH_FIXTURE(test_lost_post_is_not_repeated),
        WITH_FIXTURE(test_early_hints),
        WITH_FIXTURE(test_trailer),
        WITH_FIXTURE(test_head_limit),
        WITH_FIXTURE(test_body_limit),
        WITH_FIXTURE(test_exact_limits),
        WITH_FIXTURE(test_broken_answers),
        WITH_FIXTURE(test_redirects),
        WITH_FIXTURE(test_redirect_is_not_followed),
        WITH_FIXTURE(test_redirect_off_https),
        WITH_FIXTURE(test_private_address),
        WITH_FIXTURE(test_unknown_root),
        WITH_FIXTURE(test_certificate_of_another_name),
        WITH_FIXTURE(test_expired_certificate),
        WITH_FIXTURE(test_old_tls),
        WITH_FIXTURE(test_connection_refused),
        WITH_FIXTURE(test_timeouts),
        WITH_FIXTURE(test_bad_requests),
        WITH_FIXTURE(test_cancel),
        WITH_FIXTURE(test_cancel_waiting),
        WITH_FIXTURE(test_done_may_act),
        WITH_FIXTURE(test_parallel),
        WITH_FIXTURE(test_proxy),
        WITH_FIXTURE(test_user_roots_are_checked),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
