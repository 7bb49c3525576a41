/* Lookups at a DNS server of our own on the same loop. */
#include "dns/lookup.h"

#include "base/attr.h"
#include "dns/internal.h"
#include "dns_server.h"
#include "loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

struct test {
    struct event_base *base;
    struct dns_server server;
    struct lookup *lookup;
    /* what came: calls, addresses and aliases with a blank behind each */
    int calls;
    char addresses[LOOKUP_ADDRESSES_MAX * 48], aliases[512];
    size_t n;
    enum lookup_state v4, v6;
    struct err v4_err, v6_err, err;
    struct lookup_query *other; /* cancelled by the callback */
    bool inside;
};

static int set_up(void **state)
{
    static struct test t;
    t = (struct test){.base = event_base_new()};
    dns_server_start(&t.server, t.base);
    const char *servers[] = {t.server.address};
    t.lookup = lookup_new(t.base, servers, 1, &t.err);
    assert_non_null(t.lookup);
    *state = &t;
    return 0;
}

static int tear_down(void **state)
{
    struct test *t = *state;
    lookup_free(t->lookup);
    dns_server_stop(&t->server);
    event_base_free(t->base);
    return 0;
}

static void on_result(const struct lookup_result *r, void *arg)
{
    struct test *t = arg;
    size_t at = 0;
    assert_false(t->inside);
    t->calls++;
    t->n = r->n;
    t->addresses[0] = t->aliases[0] = '\0';
    for (size_t i = 0; i < r->n; i++)
        at += (size_t)snprintf(t->addresses + at, sizeof t->addresses - at, "%s ", r->addresses[i].text);
    at = 0;
    for (size_t i = 0; i < r->alias_n; i++)
        at += (size_t)snprintf(t->aliases + at, sizeof t->aliases - at, "%s ", r->aliases[i]);
    for (size_t i = 0; i < r->n; i++)
        assert_int_equal(
            r->addresses[i].addr.ss_family, strchr(r->addresses[i].text, ':') != NULL ? AF_INET6 : AF_INET);
    t->v4 = r->v4.state;
    t->v6 = r->v6.state;
    t->v4_err = r->v4.err;
    t->v6_err = r->v6.err;
    if (r->n == 0)
        lookup_error(r, &t->err);
    lookup_cancel(t->other);
    t->other = NULL;
}

static struct lookup_query *begin(struct test *t, const char *host)
{
    t->inside = true;
    struct lookup_query *q = lookup_addresses(t->lookup, host, on_result, t);
    t->inside = false;
    assert_non_null(q);
    return q;
}

static bool is_called(void *arg)
{
    return ((struct test *)arg)->calls > 0;
}

static void ask(struct test *t, const char *host)
{
    t->calls = 0;
    begin(t, host);
    loop_until(t->base, is_called, t);
    loop_rounds(t->base);
    assert_int_equal(t->calls, 1);
}

static void test_families(void **state)
{
    static const struct {
        const char *host, *addresses;
        enum lookup_state v4, v6;
        int v4_code, v6_code;
    } cases[] = {
        {"both.example", "192.0.2.1 192.0.2.2 2001:db8::1 ", LOOKUP_FOUND, LOOKUP_FOUND, 0, 0},
        {"four.example", "192.0.2.1 ", LOOKUP_FOUND, LOOKUP_NONE, 0, ERR_NOT_FOUND},
        {"six.example.", "2001:db8::1 ", LOOKUP_NONE, LOOKUP_FOUND, ERR_NOT_FOUND, 0},
        {"none.example", "", LOOKUP_NONE, LOOKUP_NONE, ERR_NOT_FOUND, ERR_NOT_FOUND},
        {"half.example", "192.0.2.1 ", LOOKUP_FOUND, LOOKUP_FAILED, 0, ERR_NETWORK},
        {"fail.example", "", LOOKUP_FAILED, LOOKUP_FAILED, ERR_NETWORK, ERR_NETWORK},
        {"nobody.example", "", LOOKUP_NO_NAME, LOOKUP_NO_NAME, ERR_NOT_FOUND, ERR_NOT_FOUND},
        {"twice.example", "192.0.2.1 ", LOOKUP_FOUND, LOOKUP_NONE, 0, ERR_NOT_FOUND},
        {"odd.example", "", LOOKUP_FAILED, LOOKUP_FAILED, ERR_NETWORK, ERR_NETWORK},
    };
    struct test *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ask(t, cases[i].host);
        assert_string_equal(t->addresses, cases[i].addresses);
        assert_int_equal(t->v4, cases[i].v4);
        assert_int_equal(t->v6, cases[i].v6);
        assert_int_equal(t->v4_err.code, cases[i].v4_code);
        assert_int_equal(t->v6_err.code, cases[i].v6_code);
    }
}

static void test_what_an_error_says(void **state)
{
    struct test *t = *state;
    ask(t, "none.example");
    assert_string_equal(t->err.text, "none.example has no address (neither A nor AAAA record)");
    ask(t, "nobody.example");
    assert_non_null(strstr(t->err.text, "no name nobody.example"));
    ask(t, "fail.example");
    assert_int_equal(t->err.code, ERR_NETWORK);
}

static void test_aliases(void **state)
{
    struct test *t = *state;
    ask(t, "alias.example");
    assert_string_equal(t->addresses, "192.0.2.1 ");
    assert_string_equal(t->aliases, "first.example second.example ");
}

/* By TCP; of both families there is something. */
static void test_many(void **state)
{
    struct test *t = *state;
    ask(t, "many.example");
    assert_int_equal(t->n, LOOKUP_ADDRESSES_MAX);
    assert_int_equal(t->v4, LOOKUP_FOUND);
    assert_int_equal(t->v6, LOOKUP_FOUND);
    assert_non_null(strstr(t->addresses, "192.0.2.31 2001:db8:: "));
}

static void test_literals(void **state)
{
    static const struct {
        const char *host, *text;
    } cases[] = {{"192.0.2.9", "192.0.2.9 "}, {"2001:DB8:0::9", "2001:db8::9 "},
        {"[2001:db8::9]", "2001:db8::9 "}, {"[192.0.2.9]", "192.0.2.9 "}};
    struct test *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ask(t, cases[i].host);
        assert_string_equal(t->addresses, cases[i].text);
    }
    assert_int_equal(t->v4, LOOKUP_FOUND);
    assert_int_equal(t->v6, LOOKUP_NONE);
    assert_int_equal(t->server.questions, 0);
}

static void test_no_names(void **state)
{
    static const char *const hosts[] = {"", ".", "a..example", "-\n.example", "a b.example", "[192.0.2.9",
        "192.0.2.9]",
        "b\xc3\xbc"
        "cher.example",
        "http://a.example/", "*.a.example", "a.example:443", "[]", "a\033[2J.example"};
    struct test *t = *state;
    char longest[300];
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        ask(t, hosts[i]);
        assert_int_equal(t->v4, LOOKUP_NO_NAME);
        assert_int_equal(t->err.code, ERR_NOT_FOUND);
        assert_null(strchr(t->err.text, '\033'));
    }
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    ask(t, longest);
    assert_int_equal(t->v6, LOOKUP_NO_NAME);
    longest[200] = '\0';
    ask(t, longest); /* a label of more than 63 octets */
    assert_int_equal(t->v6, LOOKUP_NO_NAME);
    assert_int_equal(t->server.questions, 0);
}

/* It stands in /etc/hosts, or is known without (RFC 6761 6.3). */
static void test_localhost(void **state)
{
    struct test *t = *state;
    ask(t, "localhost");
    assert_true(t->n > 0);
    assert_non_null(strstr(t->addresses, "127.0.0.1 "));
    assert_int_equal(t->server.questions, 0);
}

static void test_silence(void **state)
{
    struct test *t = *state;
    lookup_set_time(t->lookup, 100);
    ask(t, "mute.example");
    assert_int_equal(t->v4, LOOKUP_FAILED);
    assert_int_equal(t->err.code, ERR_TIMEOUT);
    assert_true(t->server.questions > 0);
    ask(t, "both.example"); /* another one is not held up */
    assert_int_equal(t->n, 3);
}

static bool is_asked(void *arg)
{
    return ((struct test *)arg)->server.questions > 0;
}

static void test_cancel(void **state)
{
    struct test *t = *state;
    lookup_cancel(begin(t, "both.example"));
    lookup_cancel(begin(t, "192.0.2.1"));
    lookup_cancel(NULL);
    struct lookup_query *q = begin(t, "both.example");
    loop_until(t->base, is_asked, t);
    lookup_cancel(q);
    t->other = begin(t, "mute.example");
    ask(t, "four.example"); /* whose callback cancels the other */
    assert_null(t->other);
    begin(t, "mute.example"); /* is there when all is freed */
    loop_rounds(t->base);
    assert_int_equal(t->calls, 1);
}

static bool are_called(void *arg)
{
    return ((struct test *)arg)->calls == 100;
}

static void test_side_by_side(void **state)
{
    struct test *t = *state;
    for (int i = 0; i < 100; i++)
        begin(t, i % 2 == 0 ? "both.example" : "nobody.example");
    loop_until(t->base, are_called, t);
}

static void test_servers(void **state)
{
    static const char *const good[] = {
        "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:53"};
    static const char *const bad[] = {"", "dns.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
        "192.0.2.1:x", "[2001:db8::1", "[2001:db8::1]53", "[192.0.2.1]:53", "192.0.2.1,192.0.2.2", "192.0.2"};
    struct test *t = *state;
    struct err err = ERR_INIT;
    struct lookup *l = lookup_new(t->base, good, ARRAY_LEN(good), &err);
    assert_non_null(l);
    lookup_free(l);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_null(lookup_new(t->base, &bad[i], 1, &err));
        assert_int_equal(err.code, ERR_INPUT);
    }
    const char *many[LOOKUP_SERVERS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = good[0];
    assert_null(lookup_new(t->base, many, ARRAY_LEN(many), &err));
    lookup_free(NULL);
}

/* The next server is asked where one has nothing to say. */
static void test_second_server(void **state)
{
    struct test *t = *state;
    const char *servers[] = {"127.0.0.1:1", t->server.address};
    lookup_free(t->lookup);
    t->lookup = lookup_new(t->base, servers, 2, &t->err);
    ask(t, "four.example");
    assert_string_equal(t->addresses, "192.0.2.1 ");
}

static void test_system(void **state)
{
    struct test *t = *state;
    lookup_free(t->lookup);
    t->lookup = lookup_new(t->base, NULL, 0, &t->err);
    assert_non_null(t->lookup);
    ask(t, "localhost");
    assert_true(t->n > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_families),
        TEST(test_what_an_error_says),
        TEST(test_aliases),
        TEST(test_many),
        TEST(test_literals),
        TEST(test_no_names),
        TEST(test_localhost),
        TEST(test_silence),
        TEST(test_cancel),
        TEST(test_side_by_side),
        TEST(test_servers),
        TEST(test_second_server),
        TEST(test_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
