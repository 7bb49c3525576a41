/* Questions that are given up, at a server that says nothing and one that does; what they answer is judged by
 * the tests of messages and at real servers. */
#include "dns/client.h"

#include "dns/caa.h"
#include "dns/propagation.h"
#include "dns_server.h"
#include "loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct test {
    struct event_base *base;
    struct dns_server server;
    struct dns_client *client;
    struct dns_question *other; /* cancelled by the callback */
    int calls;
    enum dns_state state;
    struct err err;
    bool inside, frees; /* the callback frees the client */
};

static int set_up(void **state)
{
    static struct test t;
    t = (struct test){.base = event_base_new()};
    dns_server_start(&t.server, t.base);
    const char *servers[] = {t.server.address};
    t.client = dns_client_new(t.base, servers, 1, &t.err);
    assert_non_null(t.client);
    *state = &t;
    return 0;
}

static int tear_down(void **state)
{
    struct test *t = *state;
    dns_client_free(t->client);
    dns_server_stop(&t->server);
    event_base_free(t->base);
    return 0;
}

static void called(struct test *t)
{
    assert_false(t->inside);
    t->calls++;
    dns_cancel(t->other);
    t->other = NULL;
    if (t->frees) {
        dns_client_free(t->client);
        t->client = NULL;
    }
}

static void on_answer(const struct dns_answer *a, void *arg)
{
    struct test *t = arg;
    t->state = a->state;
    t->err = a->err;
    called(t);
}

static void on_place(const struct dns_place *p, const struct err *err, void *arg)
{
    called(arg);
}

static void on_caa(const struct caa_result *r, const struct err *err, void *arg)
{
    called(arg);
}

static void on_spread(const struct propagation_result *r, const struct err *err, void *arg)
{
    called(arg);
}

static bool is_called(void *arg)
{
    return ((struct test *)arg)->calls > 0;
}

static bool is_asked(void *arg)
{
    return ((struct test *)arg)->server.questions >= 4;
}

static void test_answers(void **state)
{
    static const struct {
        const char *name;
        enum dns_state state;
    } cases[] = {{"none.example", DNS_NO_DATA}, {"nobody.example", DNS_NO_NAME}, {"fail.example", DNS_FAILED},
        {"odd.example", DNS_FAILED}, {"a..b", DNS_FAILED}};
    struct test *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        t->calls = 0;
        t->inside = true;
        dns_ask(t->client, cases[i].name, DNS_TXT, on_answer, t);
        t->inside = false;
        loop_until(t->base, is_called, t);
        assert_int_equal(t->state, cases[i].state);
    }
}

static struct propagation_watch *watch_for(struct test *t, const char *name, int timeout_ms, bool of_zone)
{
    const char *servers[] = {t->server.address, "127.0.0.1:1"};
    struct propagation_spec spec = {.name = name,
        .zone = "none.example", /* has no name servers: that is the end at once */
        .value = "value",
        .authoritative = true,
        .timeout_ms = timeout_ms,
        .nameservers = servers,
        .nameserver_n = of_zone ? 0 : 2};
    t->inside = true;
    struct propagation_watch *w = propagation_start(t->client, &spec, on_spread, t);
    t->inside = false;
    return w;
}

static struct propagation_watch *watch(struct test *t, const char *name)
{
    return watch_for(t, name, 60000, false);
}

/* All of it on the way; then each is given up. */
static void begin_all(struct test *t, struct dns_question *questions[3], struct propagation_watch **w)
{
    static const struct caa_wish wish = {.account = "", .method = ""};
    questions[0] = dns_ask(t->client, "mute.one.example", DNS_TXT, on_answer, t);
    questions[1] = dns_locate(t->client, "mute.two.example", on_place, t);
    questions[2] = caa_look(t->client, "mute.three.example", &wish, on_caa, t);
    *w = watch(t, "mute.four.example");
    loop_until(t->base, is_asked, t);
}

static void test_cancel(void **state)
{
    struct test *t = *state;
    struct dns_question *questions[3];
    struct propagation_watch *w;
    begin_all(t, questions, &w);
    for (int i = 0; i < 3; i++)
        dns_cancel(questions[i]);
    propagation_cancel(w);
    dns_cancel(NULL);
    propagation_cancel(NULL);
    /* The servers' channels are as good as before. */
    dns_ask(t->client, "none.example", DNS_TXT, on_answer, t);
    loop_until(t->base, is_called, t);
    loop_rounds(t->base);
    assert_int_equal(t->calls, 1);
}

static void test_cancel_at_once(void **state)
{
    struct test *t = *state;
    dns_cancel(dns_ask(t->client, "none.example", DNS_TXT, on_answer, t));
    dns_cancel(dns_ask(t->client, "a..b", DNS_TXT, on_answer, t));
    propagation_cancel(watch(t, "none.example"));
    loop_rounds(t->base);
    assert_int_equal(t->calls, 0);
}

static void test_cancel_in_callback(void **state)
{
    struct test *t = *state;
    t->other = dns_ask(t->client, "mute.example", DNS_TXT, on_answer, t);
    dns_ask(t->client, "none.example", DNS_TXT, on_answer, t);
    loop_until(t->base, is_called, t);
    loop_rounds(t->base);
    assert_int_equal(t->calls, 1);
}

static bool is_server_looked_up(void *arg)
{
    return strcmp(((struct test *)arg)->server.last, "mute.example") == 0;
}

/* Several wait for the servers of one zone: one of them gives up, and one that comes later; then the client
 * goes. */
static void test_who_waits_for_servers_gives_up(void **state)
{
    struct test *t = *state;
    static const char *const names[] = {"a.zone.example", "_b.zone.example", "c.zone.example"};
    struct dns_question *questions[3];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        questions[i] = i == 1 ? dns_ask_there(t->client, names[i], DNS_TXT, on_answer, t)
                              : dns_locate(t->client, names[i], on_place, t);
    loop_until(t->base, is_server_looked_up, t);
    dns_cancel(questions[1]);
    dns_cancel(dns_locate(t->client, "d.zone.example", on_place, t));
    dns_cancel(questions[0]);
    loop_rounds(t->base);
    assert_int_equal(t->calls, 0);
}

/* The client goes with all of them; nobody is called, nothing stays behind. */
static void test_client_goes(void **state)
{
    struct test *t = *state;
    struct dns_question *questions[3];
    struct propagation_watch *w;
    begin_all(t, questions, &w);
    dns_client_free(t->client);
    t->client = NULL;
    loop_rounds(t->base);
    assert_int_equal(t->calls, 0);
}

/* A callback is the last to need the client, with others still on their way. */
static void test_client_goes_in_callback(void **state)
{
    struct test *t = *state;
    struct dns_question *questions[3];
    struct propagation_watch *w;
    static const struct caa_wish wish = {.account = "", .method = ""};
    const char *servers[] = {t->server.address};
    for (int kind = 0; kind < 5; kind++) {
        if (t->client == NULL)
            t->client = dns_client_new(t->base, servers, 1, &t->err);
        t->frees = false;
        t->calls = 0;
        t->server.questions = 0;
        begin_all(t, questions, &w);
        t->frees = true;
        if (kind == 0)
            dns_ask(t->client, "none.example", DNS_TXT, on_answer, t);
        else if (kind == 1)
            dns_locate(t->client, "fail.example", on_place, t);
        else if (kind == 2)
            caa_look(t->client, "none.example", &wish, on_caa, t);
        else
            watch_for(t, "mute.five.example", kind == 3 ? 1 : 60000, kind == 4);
        loop_until(t->base, is_called, t);
        loop_rounds(t->base);
        assert_int_equal(t->calls, 1);
        assert_null(t->client);
    }
}

static void test_no_servers(void **state)
{
    struct test *t = *state;
    static const char *const bad[] = {"ns.example", "192.0.2.1:x", "[::1", "192.0.2.1:0"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_null(dns_client_new(t->base, &bad[i], 1, &t->err));
        assert_int_equal(t->err.code, ERR_INPUT);
        assert_non_null(strstr(t->err.text, bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_in_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_waits_for_servers_gives_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client_goes_in_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_servers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
