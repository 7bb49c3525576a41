#include "http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define PATH     "/.well-known/acme-challenge/"
#define HOST     "Host: a.example\r\n"
#define ONE(l)   l " HTTP/1.1\r\n" HOST "\r\n"
#define GET(t)   ONE("GET " t)
#define FIELD(f) "GET " PATH "tok HTTP/1.1\r\n" HOST f "\r\n\r\n"

static const struct {
    const char *in;
    int status;
    const char *token;
    bool keep_alive;
} cases[] = {
    /* what is answered */
    {GET(PATH "tok-EN_9"), 0, "tok-EN_9", true},
    {GET("http://a.example" PATH "tok"), 0, "tok", true},
    {GET("HTTPS://a.example:8443" PATH "tok"), 0, "tok", true},
    {"\r\n" GET(PATH "tok"), 0, "tok", true},
    {"GET " PATH "tok HTTP/1.0\r\n\r\n", 0, "tok", false},
    {"GET " PATH "tok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0, "tok", false},
    {"GET " PATH "tok HTTP/1.7\r\n" HOST "\r\n", 0, "tok", true},
    {FIELD("Connection: close"), 0, "tok", false},
    {FIELD("connection: Foo , CLOSE"), 0, "tok", false},
    {FIELD("Connection: closed"), 0, "tok", true},
    {FIELD("Content-Length: 0"), 0, "tok", true},
    {FIELD("Content-Length: 5"), 0, "tok", false},
    {FIELD("Content-Length: 0\r\nContent-Length: 7"), 0, "tok", false},
    {FIELD("Transfer-Encoding: chunked"), 0, "tok", false},
    {FIELD("X:\t\x80\xff caf\xc3\xa9 "), 0, "tok", true},
    {FIELD("X:"), 0, "tok", true},
    {"GET " PATH "tok HTTP/1.1\r\nhost:\r\n\r\n", 0, "tok", true},
    /* well formed, another path */
    {GET("/"), 0, "", true},
    {GET(PATH), 0, "", true},
    {GET(PATH "tok?x=1"), 0, "", true},
    {GET(PATH "tok/"), 0, "", true},
    {GET(PATH "tok%41"), 0, "", true},
    {GET(PATH "../acme-challenge/tok"), 0, "", true},
    {GET("//.well-known/acme-challenge/tok"), 0, "", true},
    {GET("/.Well-Known/acme-challenge/tok"), 0, "", true},
    {GET("http://a.example"), 0, "", true},
    /* other methods */
    {ONE("POST " PATH "tok"), 405, "", false},
    {ONE("OPTIONS *"), 405, "", false},
    {ONE("CONNECT a.example:443"), 405, "", false},
    {ONE("get " PATH "tok"), 405, "", false},
    /* malformed request lines */
    {"\x16\x03\x01", 400, "", false},
    {" GET / HTTP/1.1\r\n", 400, "", false},
    {"\r\n\r\n", 400, "", false},
    {"\rG", 400, "", false},
    {"GET / HTTP/1.1\n", 400, "", false},
    {"GET\r\n\r\n", 400, "", false},
    {"GET /\r\n\r\n", 400, "", false},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400, "", false},
    {"GET /  HTTP/1.1\r\n" HOST "\r\n", 400, "", false},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400, "", false},
    {"GET / http/1.1\r\n" HOST "\r\n", 400, "", false},
    {"GET / HTTP/11\r\n" HOST "\r\n", 400, "", false},
    {"GET / HTTP/1.10\r\n" HOST "\r\n", 400, "", false},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505, "", false},
    {"G(T / HTTP/1.1\r\n" HOST "\r\n", 400, "", false},
    {GET("a.example:443"), 400, "", false},
    {GET("*"), 400, "", false},
    {GET("ftp://a.example/"), 400, "", false},
    {GET("http:///" PATH "tok"), 400, "", false},
    {GET("/\x01"), 400, "", false},
    {GET("/\xc3\xa9"), 400, "", false},
    /* malformed fields */
    {"GET / HTTP/1.1\r\n\r\n", 400, "", false},
    {FIELD(HOST "X: y"), 400, "", false},
    {FIELD("X : y"), 400, "", false},
    {FIELD(": y"), 400, "", false},
    {FIELD("no colon"), 400, "", false},
    {FIELD(" folded: x"), 400, "", false},
    {FIELD("X: a\rb"), 400, "", false},
    {FIELD("X: a\x7f"), 400, "", false},
    {FIELD("X: a\nY: b"), 400, "", false},
};

static void check(struct str in, size_t i)
{
    size_t scanned = 0;
    struct request q;
    assert_true(request_parse(in, &scanned, &q));
    assert_int_equal(q.status, cases[i].status);
    assert_int_equal(q.size, in.n);
    assert_true(str_eq_c(q.token, cases[i].token));
    assert_int_equal(q.keep_alive, cases[i].keep_alive);
}

static void test_table(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case %zu\n", i);
        check(str_c(cases[i].in), i);
    }
}

/* A head that comes octet by octet has the same verdict, and never a verdict that is revised. */
static void test_drip(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str in = str_c(cases[i].in);
        size_t scanned = 0;
        struct request q = {0};
        bool over = false;
        for (size_t n = 1; n <= in.n && !over; n++) {
            char *exact = malloc(n); /* so that the sanitizer sees a read beyond what has come */
            memcpy(exact, in.p, n);
            over = request_parse((struct str){exact, n}, &scanned, &q);
            if (over) {
                assert_int_equal(q.status, cases[i].status);
                assert_true(str_eq_c(q.token, cases[i].token));
            }
            free(exact);
        }
        assert_true(over);
    }
}

static void test_methods_and_body(void **state)
{
    size_t scanned = 0;
    struct request q;
    assert_true(request_parse(STR(ONE("HEAD " PATH "tok")), &scanned, &q));
    assert_true(q.head && q.status == 0 && !q.body);
    scanned = 0;
    assert_true(request_parse(STR(FIELD("Content-Length: 1")), &scanned, &q));
    assert_true(q.body && !q.head);
}

/* Of two requests in one view only the first is taken. */
static void test_pipelined(void **state)
{
    struct str in = STR(GET(PATH "first") GET(PATH "second"));
    size_t scanned = 0;
    struct request q;
    assert_true(request_parse(in, &scanned, &q));
    assert_true(str_eq_c(q.token, "first"));
    assert_int_equal(q.size, sizeof(GET(PATH "first")) - 1);
    in = (struct str){in.p + q.size, in.n - q.size};
    scanned = 0;
    assert_true(request_parse(in, &scanned, &q));
    assert_true(str_eq_c(q.token, "second"));
    assert_int_equal(q.size, in.n);
}

/* "GET /aaa... HTTP/1.1" with a target of n octets, and the rest of a head. */
static int status_with_target(size_t n)
{
    char *in = malloc(n + 64);
    size_t scanned = 0;
    struct request q;
    memcpy(in, "GET ", 4);
    memset(in + 4, 'a', n);
    in[4] = '/';
    static const char rest[] = " HTTP/1.1\r\n" HOST "\r\n";
    memcpy(in + 4 + n, rest, sizeof rest - 1);
    int status = request_parse((struct str){in, 4 + n + sizeof rest - 1}, &scanned, &q) ? q.status : -1;
    free(in);
    return status;
}

static void test_target_limit(void **state)
{
    assert_int_equal(status_with_target(RESPONDER_TARGET_MAX), 0);
    assert_int_equal(status_with_target(RESPONDER_TARGET_MAX + 1), 414);
}

/* The verdict on n octets that begin with `start` and go on with 'a'. */
static int status_of_flood(const char *start, size_t n)
{
    char *in = malloc(n);
    size_t scanned = 0;
    struct request q;
    memset(in, 'a', n);
    memcpy(in, start, strlen(start));
    int status = request_parse((struct str){in, n}, &scanned, &q) ? q.status : -1;
    free(in);
    return status;
}

static void test_head_limit(void **state)
{
    assert_int_equal(status_of_flood("GET /", REQUEST_HEAD_MAX - 1), -1);
    assert_int_equal(status_of_flood("GET /", REQUEST_HEAD_MAX), 414);
    assert_int_equal(status_of_flood("\r\nGET /", REQUEST_HEAD_MAX), 414);
    assert_int_equal(status_of_flood("GET / HTTP/1.1\r\nX: ", REQUEST_HEAD_MAX - 1), -1);
    assert_int_equal(status_of_flood("GET / HTTP/1.1\r\nX: ", REQUEST_HEAD_MAX), 431);
}

static void test_token_rules(void **state)
{
    char longest[REQUEST_TOKEN_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(request_token_ok(STR("a")));
    assert_true(request_token_ok(STR("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0")));
    assert_true(request_token_ok((struct str){longest, REQUEST_TOKEN_MAX}));
    assert_false(request_token_ok((struct str){longest, REQUEST_TOKEN_MAX + 1}));
    static const char *const bad[] = {
        "", ".", "a.b", "a/b", "../a", "a b", "a%41", "a=", "a+", "\xc3\xa9", "a\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(request_token_ok(str_c(bad[i])));
    assert_false(request_token_ok((struct str){"a\0b", 3}));
}

/* NUL in a line ends nothing. */
static void test_nul(void **state)
{
    struct str in = STR("GET " PATH "tok HTTP/1.1\r\nHost: a\0b\r\n\r\n");
    size_t scanned = 0;
    struct request q;
    assert_true(request_parse(in, &scanned, &q));
    assert_int_equal(q.status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_drip),
        cmocka_unit_test(test_methods_and_body),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_target_limit),
        cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_token_rules),
        cmocka_unit_test(test_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
