/* Authorizations and challenges: which are taken, in what order, and what is said when one goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

#include "acme/limits.h"
#include "base/attr.h"
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

static const char *const one[] = {"a.test", NULL};
static const char *const two[] = {"a.test", "b.test", NULL};

#define ORDER_2(status) \
    ORDER_OF(status, DNS("b.test") "," DNS("A.Test"), URL("/az/1") "," URL("/az/2") "," URL("/az/1"), "")
#define DNS_01 \
    "{\"type\":\"dns-01\",\"status\":\"pending\",\"url\":" URL("/ch/9") ",\"token\":\"" TOKEN("9") "\"}"
#define BEGUN                                                           \
    {START, .says = "new-order /order"},                                \
    {                                                                   \
        ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1" \
    }
#define BEGUN_2                                                                       \
    {START, .says = "new-order /order"},                                              \
    {                                                                                 \
        ANSWER, "new-order /order", 201, ORDER_2("pending"), "read /az/1; read /az/2" \
    }

/* Nothing is shown before all authorizations are read; one that is valid is passed over. */
static void test_parallel(void **state)
{
    struct transcript t;
    transcript_new(&t, two, "", false, true);
    PLAY(&t, BEGUN_2, {ANSWER, "read /az/2", 200, AZ("2", "B.TEST", "pending"), ""});
    assert_int_equal(order_phase(t.order), ORDER_PHASE_AUTHORIZE);
    PLAY(&t,
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"),
            "present a.test tok-1; present b.test tok-2"},
        {PRESENTED, "tok-2", .says = "challenge /ch/2"}, {PRESENTED, "tok-1", .says = "challenge /ch/1; key"},
        {HIT, "tok-2"}, {HIT, "tok-2"}, {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), ""},
        {KEY_MADE}, {ANSWER, "challenge /ch/2", 200, HTTP_01("2", "pending", ""), "wait 60"},
        {HIT, "tok-1", .ms = 5, .says = "wait 25"}, /* now each was seen */
        {TICK, .ms = 25, .says = "finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 200, ORDER_2("processing"),
            "withdraw a.test tok-1; withdraw b.test tok-2; wait 60"});
    transcript_free(&t);

    transcript_new(&t, two, "", false, false);
    PLAY(&t, BEGUN_2, {ANSWER, "read /az/2", 200, AZ("2", "b.test", "valid"), ""},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1; key"}, {KEY_MADE},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "valid", ""),
            "withdraw a.test tok-1; finalize /fin/1"});
    transcript_free(&t);
}

enum { HUNDRED = 100 };

/* "n0.test" to "n99.test", and the order for them. */
static void order_hundred(const char *list[HUNDRED + 1], struct buf *order)
{
    static char names[HUNDRED][16];
    buf_put_c(order, "{\"status\":\"pending\",\"finalize\":" URL("/fin/1") ",\"identifiers\":[");
    for (int i = 0; i < HUNDRED; i++) {
        snprintf(names[i], sizeof names[i], "n%d.test", i);
        list[i] = names[i];
        buf_printf(order, "%s{\"type\":\"dns\",\"value\":\"%s\"}", i > 0 ? "," : "", names[i]);
    }
    list[HUNDRED] = NULL;
    buf_put_c(order, "],\"authorizations\":[");
    for (int i = 0; i < HUNDRED; i++)
        buf_printf(order, "%s\"" CA "/az/%d\"", i > 0 ? "," : "", i);
    buf_put_c(order, "]}");
}

/* Answers a read, a challenge or a presentation as a good CA and a good responder do. */
static void answer_well(struct transcript *t, const struct order_action *a)
{
    char body[512] = "{\"type\":\"http-01\",\"status\":\"valid\"}";
    unsigned n;
    if (a->type == ORDER_DO_PRESENT) {
        transcript_event(t, (struct order_event){.type = ORDER_EVENT_PRESENTED, .tag = a->tag});
        return;
    }
    if (a->request == ACME_REQUEST_READ) {
        assert_int_equal(sscanf(a->url, CA "/az/%u", &n), 1);
        snprintf(body, sizeof body, AUTHORIZATION("n%u.test", "pending", HTTP_01("%u", "pending", ""), ""), n,
            n, n);
    } else {
        assert_int_equal(a->request, ACME_REQUEST_CHALLENGE);
    }
    const struct acme_response r = {200, NULL, 0, str_c(body)};
    transcript_event(t, (struct order_event){.type = ORDER_EVENT_RESPONSE, .tag = a->tag, .response = &r});
}

/* A hundred names: never more than eight requests in flight, and all get done. */
static void test_hundred(void **state)
{
    const char *names[HUNDRED + 1];
    struct buf order = buf_new(1 << 16);
    struct transcript t;
    order_hundred(names, &order);
    transcript_new(&t, names, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, buf_c(&order),
            "read /az/0; read /az/1; read /az/2; read /az/3; read /az/4; read /az/5; read /az/6; read "
            "/az/7"});
    struct order_action queue[512];
    size_t first = 0, end = t.actions.n, in_flight = end, most = end, presents = 0;
    memcpy(queue, t.actions.list, end * sizeof *queue);
    while (first < end && queue[first].request != ACME_REQUEST_FINALIZE) {
        const struct order_action a = queue[first++];
        presents += a.type == ORDER_DO_PRESENT;
        in_flight -= a.type == ORDER_DO_REQUEST;
        answer_well(&t, &a);
        for (size_t i = 0; i < t.actions.n; i++)
            if (t.actions.list[i].type == ORDER_DO_REQUEST || t.actions.list[i].type == ORDER_DO_PRESENT) {
                in_flight += t.actions.list[i].type == ORDER_DO_REQUEST;
                queue[end++] = t.actions.list[i];
            }
        most = in_flight > most ? in_flight : most;
    }
    assert_int_equal(first, end - 1); /* finalize is the last */
    assert_int_equal(presents, HUNDRED);
    assert_int_equal(most, 8);
    buf_free(&order);
    transcript_free(&t);
}

/* Unknown kinds of challenges, with whatever is in them, and an http-01 without a token are passed over. */
static void test_other_challenges(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN,
        {ANSWER, "read /az/1", 200,
            AUTHORIZATION("a.test", "pending",
                "{\"type\":\"dns-persist-01\",\"token\":7,\"url\":[],\"status\":{},\"issuer-domain-names\":["
                "1]},"
                "{\"type\":\"http-01\",\"status\":\"pending\",\"url\":" URL("/ch/8") "}," DNS_01 "," HTTP_01(
                    "1", "pending", ""),
                ",\"wildcard\":false,\"expires\":null"),
            "present a.test tok-1"});
    transcript_free(&t);
}

static void test_no_usable_challenge(void **state)
{
    static const struct {
        const char *body, *text;
    } cases[] = {
        {AUTHORIZATION("a.test", "pending", DNS_01 ",{\"type\":\"odd\\u001b[1m-01\"}", ""),
            "a.test: the CA does not offer a challenge that can be answered (wanted: http-01; offered: "
            "dns-01, odd?[1m-01)"},
        {AUTHORIZATION("a.test", "pending", "", ""), "offered: nothing)"},
        {AUTHORIZATION("a.test", "pending", "{\"type\":\"http-01\",\"url\":" URL("/ch/1") "}", ""),
            "offered: http-01 (incomplete))"},
        {AUTHORIZATION("a.test", "pending", "{\"type\":\"http-01\",\"token\":\"" TOKEN("1") "\"}", ""),
            "offered: http-01 (incomplete))"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct transcript t;
        transcript_new(&t, one, "", true, false);
        PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, cases[i].body, "failed"});
        transcript_failed(&t, ERR_ACME, false, cases[i].text);
        transcript_free(&t);
    }
}

/* "*.x" has the identifier x and says wildcard; http-01 is no answer for it, whatever the CA offers. */
static void test_wildcards(void **state)
{
    static const char *const both[] = {"*.a.test", "a.test", NULL};
    const char *order =
        ORDER_OF("pending", DNS("*.a.test") "," DNS("a.test"), URL("/az/1") "," URL("/az/2"), "");
    struct transcript t;
    transcript_new(&t, both, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, order, "read /az/1; read /az/2"},
        {ANSWER, "read /az/2", 200, AUTHORIZATION("a.test", "valid", "", ",\"wildcard\":true"), ""},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"});
    transcript_free(&t);

    transcript_new(&t, both, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, order, "read /az/1; read /az/2"},
        {ANSWER, "read /az/2", 200,
            AUTHORIZATION("a.test", "pending", DNS_01 "," HTTP_01("2", "pending", ""), ",\"wildcard\":true"),
            "failed"});
    transcript_failed(&t, ERR_CONFIG, false, "*.a.test: a wildcard is not validated by http-01");
    assert_non_null(strstr(t.err.text, "(offered: dns-01, http-01)"));
    transcript_free(&t);

    /* A wildcard authorization for a name that was ordered without. */
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN,
        {ANSWER, "read /az/1", 200,
            AUTHORIZATION("a.test", "pending", HTTP_01("1", "pending", ""), ",\"wildcard\":true"), "failed"});
    transcript_failed(&t, ERR_INPUT, true, "the CA wants *.a.test validated, which was not ordered");
    transcript_free(&t);
}

static void test_foreign_authorization(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "evil.test", "pending"), "failed"});
    transcript_failed(&t, ERR_INPUT, true, "the CA wants evil.test validated, which was not ordered");
    transcript_free(&t);
}

/* Part of a path, of a URL and of a file name to be: refused before anything is done with it. */
static void test_bad_tokens(void **state)
{
    static char long_token[10001];
    memset(long_token, 'a', sizeof long_token - 1);
    const char *const tokens[] = {"../../x", "../../../../../../../../etc/passwd", "", long_token,
        "aaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\n", "aaaaaaaaaaaaaaaaaaaaaaaa%2e%2e",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", "aaaaaaaaaaaaaaaaaaaaaaaa$(id)",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\u00e9"};
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct transcript t;
        struct buf body = buf_new(1 << 16);
        buf_printf(&body,
            "{\"status\":\"pending\",\"identifier\":" DNS(
                "a.test") ",\"challenges\":[{\"type\":\"http-01\","
                          "\"url\":" URL("/ch/1") ",\"token\":\"%s\",\"status\":\"pending\"}]}",
            tokens[i]);
        transcript_new(&t, one, "", true, false);
        PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, buf_c(&body), "failed"});
        transcript_failed(&t, ERR_INPUT, true, "a.test: http-01: the CA's token has");
        buf_free(&body);
        transcript_free(&t);
    }
}

static void test_foreign_challenge_url(void **state)
{
    static const char *const urls[] = {"http://ca.test/ch/1", "https://other.test/ch/1",
        "https://ca.test@other.test/", "https://user@ca.test/ch/1", "https://ca.test:8443/ch/1", "/ch/1", "",
        "file:///etc/passwd", "https://ca.test/ch/1#x", "https://ca.test/ ch"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct transcript t;
        char body[1024];
        snprintf(body, sizeof body,
            "{\"status\":\"pending\",\"identifier\":" DNS("a.test") ",\"challenges\":[{\"type\":\"http-01\","
                                                                    "\"url\":\"%s\",\"token\":\"" TOKEN(
                                                                        "1") "\",\"status\":\"pending\"}]}",
            urls[i]);
        transcript_new(&t, one, "", true, false);
        PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, body, "failed"});
        transcript_failed(&t, ERR_INPUT, true, "a.test: http-01: the URL");
        transcript_free(&t);
    }
}

/* Every status but pending and valid ends the order, with what the CA said about it. */
static void test_spent_authorizations(void **state)
{
    static const struct {
        const char *body, *text;
    } cases[] = {
        {AUTHORIZATION("a.test", "invalid",
             HTTP_01("1", "invalid", ",\"error\":" PROBLEM("connection", "Timeout during connect")), ""),
            "the CA could not validate the name: a.test: Timeout during connect (connection)"},
        {AUTHORIZATION("a.test", "deactivated", "", ""), "a.test: its authorization is deactivated"},
        {AUTHORIZATION("a.test", "expired", "", ""), "its authorization is expired"},
        {AUTHORIZATION("a.test", "revoked", "", ""), "its authorization is revoked"},
        {AUTHORIZATION(
             "a.test", "pending", HTTP_01("1", "invalid", ",\"error\":" PROBLEM("unauthorized", "404")), ""),
            "a.test: 404 (unauthorized)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct transcript t;
        transcript_new(&t, one, "", true, false);
        PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, cases[i].body, "failed"});
        transcript_failed(&t, ERR_ACME, true, cases[i].text);
        transcript_free(&t);
    }
}

/* The challenge reply says invalid (a synchronous CA): one name needs no further question, of two the other
 * is asked about as well. */
static void test_challenge_invalid(void **state)
{
    const char *invalid = HTTP_01("1", "invalid", ",\"error\":" PROBLEM("dns", "NXDOMAIN"));
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, invalid, "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_ACME, true, "the CA could not validate the name: a.test: NXDOMAIN (dns)");
    assert_string_equal(t.err.problem, "dns");
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "invalid", ""), "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_ACME, true, "a.test: the CA gave no reason");
    transcript_free(&t);

    transcript_new(&t, two, "", true, false);
    PLAY(&t, BEGUN_2, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), ""},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "pending"),
            "present a.test tok-1; present b.test tok-2"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"}, {PRESENTED, "tok-2", .says = "challenge /ch/2"},
        {ANSWER, "challenge /ch/1", 200, invalid, "withdraw a.test tok-1; read /az/2"},
        {ANSWER, "challenge /ch/2", 200, HTTP_01("2", "valid", ""), ""}, /* too late to matter */
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "valid"), "withdraw b.test tok-2; failed"});
    transcript_failed(&t, ERR_ACME, true, "the CA could not validate 1 of 2 names: a.test: NXDOMAIN (dns)");
    transcript_free(&t);

    /* What the CA may be looking at stays until there is a verdict: it must not fail for the other's sake. */
    transcript_new(&t, two, "", true, false);
    PLAY(&t, BEGUN_2, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), ""},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "pending"),
            "present a.test tok-1; present b.test tok-2"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"}, {PRESENTED, "tok-2", .says = "challenge /ch/2"},
        {ANSWER, "challenge /ch/2", 200, HTTP_01("2", "processing", ""), ""},
        {ANSWER, "challenge /ch/1", 200, invalid, "withdraw a.test tok-1; read /az/2"},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "pending"), "wait 60"},
        {TICK, .ms = 60, .says = "read /az/2"},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "pending"), "wait 90"},
        {TICK, .ms = 90, .says = "read /az/2"},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "valid"), "withdraw b.test tok-2; failed"});
    transcript_failed(&t, ERR_ACME, true, "the CA could not validate 1 of 2 names: a.test: NXDOMAIN (dns)");
    transcript_free(&t);
}

/* The order turns invalid: each authorization that was not valid is read for its reason; what can't be read
 * is left out. */
static void test_order_invalid(void **state)
{
    static const char *const three[] = {"a.test", "b.test", "c.test", NULL};
    const char *order = ORDER_OF("pending", DNS("a.test") "," DNS("b.test") "," DNS("c.test"),
        URL("/az/1") "," URL("/az/2") "," URL("/az/3"), "");
    const char *invalid = ORDER_OF("invalid", DNS("a.test") "," DNS("b.test") "," DNS("c.test"),
        URL("/az/1") "," URL("/az/2") "," URL("/az/3"), "");
    struct transcript t;
    transcript_new(&t, three, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, order, "read /az/1; read /az/2; read /az/3"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), ""},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "pending"), ""},
        {ANSWER, "read /az/3", 200, AZ("3", "c.test", "valid"), "present a.test tok-1; present b.test tok-2"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"}, {PRESENTED, "tok-2", .says = "challenge /ch/2"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), ""},
        {ANSWER, "challenge /ch/2", 200, HTTP_01("2", "pending", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, invalid, "read /az/1; read /az/2"},
        {ANSWER, "read /az/2", 200,
            AUTHORIZATION("b.test", "invalid",
                DNS_01 "," HTTP_01("2", "invalid", ",\"error\":" PROBLEM("caa", "CAA forbids")), ""),
            "withdraw b.test tok-2"},
        {ANSWER, "read /az/1", 200,
            AUTHORIZATION("a.test", "invalid",
                HTTP_01("1", "invalid", ",\"error\":" PROBLEM("connection", "refused\\u001b[2J")), ""),
            "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_ACME, true,
        "the CA could not validate 2 of 3 names: a.test: refused?[2J (connection); b.test: CAA forbids "
        "(caa)");
    assert_null(strstr(t.err.text, "c.test"));
    assert_string_equal(t.err.problem, "connection");
    transcript_free(&t);

    /* Nothing can be read: the order's own error, and without one plain words. */
    const char *ends[][2] = {
        {ORDER_OF("invalid", DNS("a.test"), URL("/az/1"), ",\"error\":" PROBLEM("caa", "CAA again")),
            "CAA again (caa)"},
        {ORDER("invalid"), "gave no reason"},
        {ORDER("expired"), "gave no reason"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        transcript_new(&t, one, CA "/o/1", false, false);
        PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ends[i][0], "read /az/1"},
            {LOST, "read /az/1", ERR_TIMEOUT, .says = "failed"});
        transcript_failed(&t, ERR_ACME, true, ends[i][1]);
        transcript_free(&t);
        transcript_new(&t, one, CA "/o/1", false, false);
        PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ends[i][0], "read /az/1"},
            {ANSWER, "read /az/1", 404, "", "failed"});
        transcript_failed(&t, ERR_ACME, true, ends[i][1]);
        transcript_free(&t);
    }
}

/* Pending with an error: the CA tried and waits to be asked again. */
static void test_challenge_to_be_repeated(void **state)
{
    const char *again = HTTP_01("1", "pending", ",\"error\":" PROBLEM("connection", "connection refused"));
    struct transcript t;
    transcript_new(&t, one, "", true, true);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"}, {HIT, "tok-1"},
        {ANSWER, "challenge /ch/1", 200, again, "wait 1000"}, {TICK, .ms = 1000, .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, again, "wait 2000"}, {TICK, .ms = 2000, .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, again, "wait 4000"}, {TICK, .ms = 4000, .says = "challenge /ch/1"});
    PLAY(&t, {ANSWER, "challenge /ch/1", 200, again, "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_ACME, false, "a.test: connection refused (connection)");
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"}, {ANSWER, "challenge /ch/1", 200, again, "wait 1000"},
        {TICK, .ms = 1000, .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "valid", ""),
            "withdraw a.test tok-1; finalize /fin/1"});
    transcript_free(&t);
}

/* A reply with a body that nobody can read was still an acceptance. */
static void test_challenge_reply_unreadable(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, "<html>", "wait 7000", .retry_after = "7"},
        {TICK, .ms = 7000, .says = "read /o/1"});
    transcript_free(&t);
}

static void test_challenge_refused(void **state)
{
    struct transcript t;
    /* It had become valid meanwhile. */
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 400, PROBLEM("malformed", "not pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "valid"), "withdraw a.test tok-1; finalize /fin/1"});
    transcript_free(&t);
    /* Or not. */
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 400, PROBLEM("malformed", "strange"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_ACME, false, "a.test: strange (malformed)");
    transcript_free(&t);
    /* For now only: as long as the CA wishes. */
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 429, PROBLEM("rateLimited", "busy"), "wait 100000", .retry_after = "100"},
        {TICK, .ms = 100000, .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 503, "<html>", "wait 2000"},
        {TICK, .ms = 2000, .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 429, PROBLEM("rateLimited", "very busy"), "withdraw a.test tok-1; failed",
            .retry_after = "3600"});
    transcript_failed(&t, ERR_ACME, false, "very busy (rateLimited)");
    assert_int_equal(t.err.retry_at_s, t.wall.s + 3600);
    transcript_free(&t);
}

/* The answer to a challenge got lost: the authorization tells whether the CA got the question. */
static void test_challenge_lost(void **state)
{
    static const struct line lost[] = {BEGUN,
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"}, {LOST, "challenge /ch/1", .says = "wait 1000"},
        {TICK, .ms = 1000, .says = "read /az/1"}};
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    transcript_play(&t, lost, ARRAY_LEN(lost));
    PLAY(&t, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 60"});
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    transcript_play(&t, lost, ARRAY_LEN(lost));
    PLAY(&t, {HIT, "tok-1"}, /* somebody looked, so it did */
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "wait 60"});
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    transcript_play(&t, lost, ARRAY_LEN(lost));
    PLAY(&t, {ANSWER, "read /az/1", 200,
                 AUTHORIZATION("a.test", "pending", HTTP_01("1", "processing", ""), ""), "wait 60"});
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    transcript_play(&t, lost, ARRAY_LEN(lost));
    PLAY(&t, {LOST, "read /az/1", .says = "wait 2000"}, {TICK, .ms = 2000, .says = "read /az/1"},
        {LOST, "read /az/1", .says = "wait 4000"}, {TICK, .ms = 4000, .says = "read /az/1"},
        {LOST, "read /az/1", ERR_TIMEOUT, .says = "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_TIMEOUT, false, "it broke");
    transcript_free(&t);

    /* The CA has another token now. */
    transcript_new(&t, one, "", true, false);
    transcript_play(&t, lost, ARRAY_LEN(lost));
    PLAY(&t,
        {ANSWER, "read /az/1", 200, AZ("2", "a.test", "pending"), "withdraw a.test tok-1; give-up /az/1"},
        {ANSWER, "give-up /az/1", 200, "", "failed"});
    transcript_failed(&t, ERR_INPUT, true, "changed the token");
    transcript_free(&t);
}

static void test_authorization_read_troubles(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {LOST, "read /az/1", .says = "wait 1000"}, {TICK, .ms = 1000, .says = "read /az/1"},
        {ANSWER, "read /az/1", 500, "", "wait 2000"}, {TICK, .ms = 2000, .says = "read /az/1"},
        {ANSWER, "read /az/1", 404, "<html>", "failed"});
    transcript_failed(&t, ERR_ACME, true, "(HTTP status 404)");
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {LOST, "read /az/1", ERR_LIMIT, .says = "failed"}); /* not of the kind that passes */
    transcript_failed(&t, ERR_LIMIT, false, "it broke");
    transcript_free(&t);

    static const char *const bad[] = {"<html><body>Gateway</body></html>", "", "[]", "{}", "null",
        "{\"status\":1}", "{\"status\":\"pending\"}", AUTHORIZATION("a.test", "pending", "\"x\"", ""),
        AUTHORIZATION("a.test", "pending", "{}", ""),
        "{\"status\":\"pending\",\"identifier\":{\"type\":\"ip\",\"value\":\"a.test\"},\"challenges\":[]}",
        "{\"status\":\"pending\",\"identifier\":" DNS("a.test") ",\"challenges\":{}}",
        "{\"status\":\"pending\",\"status\":\"valid\",\"identifier\":" DNS("a.test") ",\"challenges\":[]}",
        AUTHORIZATION("a.test\\u0000", "pending", "", ""), AUTHORIZATION("a.test\\ud800", "pending", "", "")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        transcript_new(&t, one, "", true, false);
        PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, bad[i], "failed"});
        transcript_failed(&t, ERR_INPUT, false, "an authorization of the CA: ");
        transcript_free(&t);
    }
}

static void test_present_fails(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {UNPRESENTED, "tok-1", ERR_PERMISSION, .says = "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_PERMISSION, false, "a.test: it broke");
    transcript_free(&t);
}

/* A challenge that another run of ours has answered is shown again, but not answered again. */
static void test_processing_on_resume(void **state)
{
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AUTHORIZATION("a.test", "pending", HTTP_01("1", "processing", ""), ""),
            "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "wait 60"}, {TICK, .ms = 60, .says = "read /o/1"});
    transcript_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_hundred),
        cmocka_unit_test(test_other_challenges),
        cmocka_unit_test(test_no_usable_challenge),
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_foreign_authorization),
        cmocka_unit_test(test_bad_tokens),
        cmocka_unit_test(test_foreign_challenge_url),
        cmocka_unit_test(test_spent_authorizations),
        cmocka_unit_test(test_challenge_invalid),
        cmocka_unit_test(test_order_invalid),
        cmocka_unit_test(test_challenge_to_be_repeated),
        cmocka_unit_test(test_challenge_reply_unreadable),
        cmocka_unit_test(test_challenge_refused),
        cmocka_unit_test(test_challenge_lost),
        cmocka_unit_test(test_authorization_read_troubles),
        cmocka_unit_test(test_present_fails),
        cmocka_unit_test(test_processing_on_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
