/* The order object, from newOrder to the chain: what is believed, what is refused, how it is taken up again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

#include "acme/limits.h"
#include "base/attr.h"

#include <string.h>

static const char *const one[] = {"a.test", NULL};
static const char *const two[] = {"a.test", "b.test", NULL};

#define ORDERED                           \
    {                                     \
        START, .says = "new-order /order" \
    }
#define ISSUING                                                  \
    {START, .says = "read /o/1"},                                \
    {                                                            \
        ANSWER, "read /o/1", 200, ORDER("processing"), "wait 60" \
    }
#define ISSUED                                                \
    {START, .says = "read /o/1"},                             \
    {                                                         \
        ANSWER, "read /o/1", 200, ORDER_VALID, "read /cert/1" \
    }
#define READY                                                       \
    {START, .says = "read /o/1"},                                   \
    {                                                               \
        ANSWER, "read /o/1", 200, ORDER("ready"), "finalize /fin/1" \
    }

/* Fails one order by one answer to newOrder. */
static void refuse_new(const char *const *names, const struct line *answer, int code, const char *text)
{
    struct transcript t;
    transcript_new(&t, names, "", true, false);
    PLAY(&t, ORDERED);
    transcript_play(&t, answer, 1);
    assert_true(t.failed);
    assert_int_equal(t.err.code, code);
    if (strstr(t.err.text, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, t.err.text);
    transcript_free(&t);
}

#define REFUSE_NEW(names, code, text, ...) refuse_new(names, &(struct line){__VA_ARGS__}, code, text)

static void test_new_order_refused(void **state)
{
    struct transcript t;
    transcript_new(&t, two, "", true, false);
    PLAY(&t, ORDERED,
        {ANSWER, "new-order /order", 429,
            "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many\\u001b]0;x\\u0007\"}",
            "failed", .retry_after = "7200"});
    transcript_failed(&t, ERR_ACME, false, "too many?]0;x? (rateLimited)");
    assert_string_equal(t.err.problem, "rateLimited");
    assert_int_equal(t.err.retry_at_s, 1800000000 + 7200);
    assert_true(str_eq_c(order_url(t.order), ""));
    transcript_free(&t);

    transcript_new(&t, two, "", true, false);
    PLAY(&t, ORDERED,
        {ANSWER, "new-order /order", 400,
            "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"some names\","
            "\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":"
            "\"blocked\","
            "\"identifier\":{\"type\":\"dns\",\"value\":\"b.test\"}}]}",
            "failed"});
    transcript_failed(&t, ERR_ACME, false, "some names: b.test: blocked (rejectedIdentifier)");
    transcript_free(&t);

    REFUSE_NEW(one, ERR_ACME, "(HTTP status 502)", ANSWER, "new-order /order", 502, "<html>", "failed");
    REFUSE_NEW(one, ERR_ACME, "(HTTP status 302)", ANSWER, "new-order /order", 302, "", "failed");
    REFUSE_NEW(one, ERR_NETWORK, "it broke", LOST, "new-order /order", .says = "failed");
}

static void test_new_order_without_location(void **state)
{
    static const char *const bad[] = {"", "/o/1", "http://ca.test/o/1", "https://other.test/o/1",
        "https://x@ca.test/o/1", "https://ca.test:444/o/1", "https://ca.test/o/1#f"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSE_NEW(one, ERR_INPUT, "the CA's answer to the new order: ", ANSWER, "new-order /order", 201,
            ORDER("pending"), "failed", .location = bad[i]);
}

static void test_bad_order_objects(void **state)
{
    static const char *const bad[] = {"", "<html>", "{", "[]", "{}", ORDER("pending") "x",
        "\xef\xbb\xbf" ORDER("pending"), "{\"status\":\"pending\",\"status\":\"valid\"}",
        "{\"status\":\"pending\",\"identifiers\":{},\"authorizations\":[]}",
        ORDER_OF("pending", DNS("a.test"), "7", ""), ORDER_OF("pending", DNS("a.test"), "\"\"", ""),
        ORDER_OF("pending", DNS("a.test"), "\"http://ca.test/az/1\"", ""),
        ORDER_OF("pending", DNS("a.test"), "\"https://evil.test/az/1\"", ""),
        ORDER_OF("pending", DNS("a.test"), "\"https://ca.test@evil.test/az/1\"", ""),
        ORDER_OF("pending", DNS("a.test"), URL("/az/1"), ",\"certificate\":\"file:///etc/passwd\""),
        ORDER_OF("pending", DNS("a.test"), URL("/az/1"), ",\"certificate\":7"),
        ORDER_OF("pending", DNS("a.test") ",{\"type\":\"ip\",\"value\":\"10.0.0.x\"}", URL("/az/1"), ""),
        ORDER_OF("pending", DNS("a.test\\ud800"), URL("/az/1"), ""),
        "{\"status\":\"ready\",\"identifiers\":[" DNS("a.test") "],\"authorizations\":[],\"finalize\":"
                                                                "\"http://ca.test/\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSE_NEW(one, ERR_INPUT, "the CA's order: ", ANSWER, "new-order /order", 201, bad[i], "failed");

    static char deep[100001];
    memset(deep, '[', sizeof deep - 1);
    REFUSE_NEW(one, ERR_LIMIT, "the CA's order: ", ANSWER, "new-order /order", 201, deep, "failed");
}

/* Identifiers are ours, as a set: in any order and case, none more and none less. */
static void test_other_identifiers(void **state)
{
    static const char *const bad[] = {ORDER_OF("pending", DNS("a.test"), URL("/az/1"), ""),
        ORDER_OF("pending", DNS("a.test") "," DNS("c.test"), URL("/az/1"), ""),
        ORDER_OF("pending", DNS("a.test") "," DNS("b.test") "," DNS("c.test"), URL("/az/1"), ""),
        ORDER_OF("pending", "", URL("/az/1"), "")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSE_NEW(two, ERR_INPUT, "not for the names that were ordered", ANSWER, "new-order /order", 201,
            bad[i], "failed");
    struct transcript t;
    transcript_new(&t, two, "", true, false);
    PLAY(&t, ORDERED,
        {ANSWER, "new-order /order", 201,
            ORDER_OF("ready", DNS("B.TEST") "," DNS("a.test") "," DNS("A.test"), "", ""), "finalize /fin/1"});
    transcript_free(&t);
}

static void test_changes_between_reads(void **state)
{
    static const struct {
        const char *body, *text;
    } cases[] = {
        {ORDER_OF("pending", DNS("b.test"), URL("/az/1"), ""), "not for the names"},
        {ORDER_OF("pending", DNS("a.test"), URL("/az/2"), ""), "changed the authorizations"},
        {ORDER_OF("pending", DNS("a.test"), "", ""), "changed the authorizations"},
        {ORDER_OF("valid", DNS("a.test"), URL("/az/1") "," URL("/az/2"), ""), "changed the authorizations"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct transcript t;
        transcript_new(&t, one, CA "/o/1", true, false);
        PLAY(&t, ISSUING, {TICK, .ms = 60, .says = "read /o/1"},
            {ANSWER, "read /o/1", 200, cases[i].body, "failed"});
        transcript_failed(&t, ERR_INPUT, true, cases[i].text);
        transcript_free(&t);
    }
}

/* An order without authorizations, and one of a status from the future: asked again until it is ready. */
static void test_odd_but_fine(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, true);
    PLAY(&t, ORDERED,
        {ANSWER, "new-order /order", 201, ORDER_OF("pending", DNS("a.test"), "", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER_OF("novel", DNS("a.test"), "", ""), "wait 90"},
        {TICK, .ms = 90, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER_OF("ready", DNS("a.test"), "", ""), "finalize /fin/1"});
    transcript_free(&t);
}

static void test_key_lost(void **state)
{
    static const char *const bodies[] = {ORDER("processing"), ORDER_VALID};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct transcript t;
        transcript_new(&t, one, CA "/o/1", false, false);
        PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, bodies[i], "failed"});
        transcript_failed(&t, ERR_NOT_FOUND, true, "the key of this order is lost");
        transcript_free(&t);
        /* newOrder gives back an old order of somebody with our account. */
        transcript_new(&t, one, "", false, false);
        PLAY(&t, ORDERED, {ANSWER, "new-order /order", 201, bodies[i], "failed"});
        transcript_failed(&t, ERR_NOT_FOUND, true, "the key of this order is lost");
        transcript_free(&t);
    }
}

/* Taken up again in every state. */
static void test_resume(void **state)
{
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("pending"), "read /az/1"});
    transcript_free(&t);

    transcript_new(&t, one, CA "/o/1", false, false);
    PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("ready"), "key"},
        {KEY_MADE, .says = "finalize /fin/1"});
    transcript_free(&t);

    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, READY);
    transcript_free(&t);

    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, ISSUING, {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER_VALID, "read /cert/1"},
        {ANSWER, "read /cert/1", 200, CHAIN, "publish"}, {PUBLISHED, .says = "done"});
    transcript_free(&t);

    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "publish"}, {PUBLISHED, .says = "done"});
    assert_true(str_eq_c(order_url(t.order), CA "/o/1"));
    assert_int_equal(t.requests, 2);
    transcript_free(&t);
}

static void test_resume_gone(void **state)
{
    static const struct line answers[] = {
        {ANSWER, "read /o/1", 404, PROBLEM("malformed", "no such order"), "failed"},
        {ANSWER, "read /o/1", 404, "", "failed"}, {ANSWER, "read /o/1", 410, "", "failed"},
        {ANSWER, "read /o/1", 400, PROBLEM("malformed", "no such order"), "failed"},
        {ANSWER, "read /o/1", 403, PROBLEM("unauthorized", "not your order"), "failed"}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct transcript t;
        transcript_new(&t, one, CA "/o/1", true, false);
        PLAY(&t, {START, .says = "read /o/1"});
        transcript_play(&t, &answers[i], 1);
        transcript_failed(&t, ERR_ACME, true, "");
        transcript_free(&t);
    }
    /* What is about the account or the network says nothing about the order. */
    static const struct line alive[] = {
        {ANSWER, "read /o/1", 400, PROBLEM("accountDoesNotExist", "who?"), "failed"},
        {ANSWER, "read /o/1", 403, PROBLEM("userActionRequired", "new terms"), "failed"},
        {ANSWER, "read /o/1", 403, "<html>proxy", "failed"}};
    for (size_t i = 0; i < ARRAY_LEN(alive); i++) {
        struct transcript t;
        transcript_new(&t, one, CA "/o/1", true, false);
        PLAY(&t, {START, .says = "read /o/1"});
        transcript_play(&t, &alive[i], 1);
        transcript_failed(&t, ERR_ACME, false, "");
        transcript_free(&t);
    }
    struct transcript t;
    transcript_new(&t, one, "https://other.test/o/1", true, false);
    PLAY(&t, {START, .says = "failed"});
    transcript_failed(&t, ERR_INPUT, true, "the stored order: ");
    transcript_free(&t);
}

/* Reads are repeated three times, with longer and longer waits. */
static void test_read_lost(void **state)
{
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, {START, .says = "read /o/1"}, {LOST, "read /o/1", .says = "wait 1000"},
        {TICK, .ms = 1000, .says = "read /o/1"}, {LOST, "read /o/1", .says = "wait 2000"},
        {TICK, .ms = 2000, .says = "read /o/1"}, {LOST, "read /o/1", .says = "wait 4000"},
        {TICK, .ms = 4000, .says = "read /o/1"}, {LOST, "read /o/1", ERR_TLS, .says = "failed"});
    transcript_failed(&t, ERR_TLS, false, "it broke");
    transcript_free(&t);

    /* A CA that is down is left for later when it is only about taking an order up. */
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 503, "", "wait 1000"},
        {TICK, .ms = 1000, .says = "read /o/1"}, {ANSWER, "read /o/1", 503, "", "wait 2000"},
        {TICK, .ms = 2000, .says = "read /o/1"}, {ANSWER, "read /o/1", 503, "", "wait 4000"},
        {TICK, .ms = 4000, .says = "read /o/1"},
        {ANSWER, "read /o/1", 503, "", "failed", .retry_after = "30"});
    transcript_failed(&t, ERR_ACME, false, "(HTTP status 503)");
    assert_int_equal(t.err.retry_at_s, t.wall.s + 30);
    transcript_free(&t);
}

/* Later it is waited for, as long as it wants and the deadline allows. */
static void test_poll_refused(void **state)
{
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, ISSUING, {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 503, "<html>", "wait 1000"}, {TICK, .ms = 1000, .says = "read /o/1"},
        {ANSWER, "read /o/1", 429, PROBLEM("rateLimited", "slower"), "wait 120000", .retry_after = "120"},
        {TICK, .ms = 120000, .says = "read /o/1"},
        {ANSWER, "read /o/1", 400, PROBLEM("badNonce", "again"), "wait 4000"},
        {TICK, .ms = 4000, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("processing"), "wait 5000"},
        {TICK, .ms = 5000, .says = "read /o/1"},
        {ANSWER, "read /o/1", 503, "", "failed", .retry_after = "86400"});
    transcript_failed(&t, ERR_ACME, false, "(HTTP status 503)");
    assert_int_equal(t.err.retry_at_s, t.wall.s + 86400);
    transcript_free(&t);

    /* A CA that takes no nonce at all is not asked until the deadline. */
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, ISSUING, {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 400, PROBLEM("badNonce", "again"), "wait 1000"},
        {TICK, .ms = 1000, .says = "read /o/1"},
        {ANSWER, "read /o/1", 400, PROBLEM("badNonce", "again"), "failed"});
    transcript_failed(&t, ERR_ACME, false, "badNonce");
    transcript_free(&t);
}

static void test_finalize_refused(void **state)
{
    static const struct {
        const char *type;
        bool dead;
    } cases[] = {{"badCSR", true}, {"malformed", true}, {"caa", true}, {"userActionRequired", false},
        {"accountDoesNotExist", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct transcript t;
        char body[256];
        snprintf(body, sizeof body, PROBLEM("%s", "no"), cases[i].type);
        transcript_new(&t, one, CA "/o/1", true, false);
        PLAY(&t, READY, {ANSWER, "finalize /fin/1", 400, body, "failed"});
        transcript_failed(&t, ERR_ACME, cases[i].dead, cases[i].type);
        assert_string_equal(t.err.problem, cases[i].type);
        transcript_free(&t);
    }
}

/* Whether a finalize without an answer arrived is asked of the order. */
static void test_finalize_lost(void **state)
{
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, READY, {LOST, "finalize /fin/1", .says = "wait 1000"}, {TICK, .ms = 1000, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER_VALID, "read /cert/1"});
    transcript_free(&t);

    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, READY, {ANSWER, "finalize /fin/1", 500, "", "wait 5000", .retry_after = "5"},
        {TICK, .ms = 5000, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("ready"), "finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 200, "what?", "wait 60"}, {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("processing"), "wait 90"});
    transcript_free(&t);
}

/* A CA that takes finalize and stays ready is not sent it for ever. */
static void test_finalize_ignored(void **state)
{
    static const struct line round[] = {{ANSWER, "finalize /fin/1", 200, ORDER("ready"), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("ready"), "finalize /fin/1"}};
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, READY);
    for (int i = 0; i < 4; i++)
        transcript_play(&t, round, ARRAY_LEN(round));
    PLAY(&t, {ANSWER, "finalize /fin/1", 200, ORDER("ready"), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("ready"), "failed"});
    transcript_failed(&t, ERR_ACME, false, "did not act on finalize");
    transcript_free(&t);
}

/* A finalize reply that makes the order invalid (CAA checked again): its own error, when all is valid. */
static void test_finalize_invalid(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, ORDERED, {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "valid"), "finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 200,
            ORDER_OF("invalid", DNS("a.test"), URL("/az/1"), ",\"error\":" PROBLEM("caa", "CAA changed")),
            "failed"});
    transcript_failed(&t, ERR_ACME, true, "CAA changed (caa)");
    transcript_free(&t);
}

static void test_ready_without_finalize_url(void **state)
{
    REFUSE_NEW(one, ERR_INPUT, "no finalize URL", ANSWER, "new-order /order", 201,
        "{\"status\":\"ready\",\"identifiers\":[" DNS("a.test") "],\"authorizations\":[]}", "failed");
    REFUSE_NEW(
        one, ERR_INPUT, "names no certificate", ANSWER, "new-order /order", 201, ORDER("valid"), "failed");
}

static void test_key_fails(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", false, false);
    PLAY(&t, ORDERED, {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1; key"},
        {KEYLESS, .status = ERR_CRYPTO, .says = "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_CRYPTO, false, "it broke");
    transcript_free(&t);
}

static void test_download(void **state)
{
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, ISSUED, {LOST, "read /cert/1", .says = "wait 1000"}, {TICK, .ms = 1000, .says = "read /cert/1"},
        {ANSWER, "read /cert/1", 404, "", "wait 2000"}, {TICK, .ms = 2000, .says = "read /cert/1"},
        {ANSWER, "read /cert/1", 500, "", "wait 4000"}, {TICK, .ms = 4000, .says = "read /cert/1"},
        {ANSWER, "read /cert/1", 200, CHAIN, "publish"});
    transcript_free(&t);

    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 404, "", "wait 1000"},
        {TICK, .ms = 1000, .says = "read /cert/1"}, {ANSWER, "read /cert/1", 404, "", "wait 2000"},
        {TICK, .ms = 2000, .says = "read /cert/1"}, {ANSWER, "read /cert/1", 404, "", "wait 4000"},
        {TICK, .ms = 4000, .says = "read /cert/1"}, {ANSWER, "read /cert/1", 404, "", "failed"});
    transcript_failed(&t, ERR_ACME, true, "(HTTP status 404)");
    transcript_free(&t);

    static const char *const types[] = {
        "text/html", "", "application/pem-certificate-chainx", "application/pkix-cert\x1b[1m"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        transcript_new(&t, one, CA "/o/1", true, false);
        PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "failed", .content_type = types[i]});
        transcript_failed(&t, ERR_INPUT, false, "application/pem-certificate-chain was expected");
        assert_null(strchr(t.err.text, 0x1b));
        transcript_free(&t);
    }
}

static void test_chain_too_long(void **state)
{
    static char chain[ACME_CHAIN_MAX + 2];
    memset(chain, 'A', sizeof chain - 1);
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, ISSUED,
        {ANSWER, "read /cert/1", 200, chain, "failed", .content_type = "application/pem-certificate-chain"});
    transcript_failed(&t, ERR_LIMIT, false, "more than 1048576 octets");
    transcript_free(&t);
}

static void test_publish_fails(void **state)
{
    static const struct {
        int code;
        bool dead;
    } cases[] = {{ERR_VERIFY, true}, {ERR_SPACE, false}, {ERR_REFUSED, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct transcript t;
        transcript_new(&t, one, CA "/o/1", true, false);
        PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "publish"},
            {UNPUBLISHED, .status = cases[i].code, .says = "failed"});
        transcript_failed(&t, cases[i].code, cases[i].dead, "it broke");
        transcript_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_order_refused),
        cmocka_unit_test(test_new_order_without_location),
        cmocka_unit_test(test_bad_order_objects),
        cmocka_unit_test(test_other_identifiers),
        cmocka_unit_test(test_changes_between_reads),
        cmocka_unit_test(test_odd_but_fine),
        cmocka_unit_test(test_key_lost),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_gone),
        cmocka_unit_test(test_read_lost),
        cmocka_unit_test(test_poll_refused),
        cmocka_unit_test(test_finalize_refused),
        cmocka_unit_test(test_finalize_lost),
        cmocka_unit_test(test_finalize_ignored),
        cmocka_unit_test(test_finalize_invalid),
        cmocka_unit_test(test_ready_without_finalize_url),
        cmocka_unit_test(test_key_fails),
        cmocka_unit_test(test_download),
        cmocka_unit_test(test_chain_too_long),
        cmocka_unit_test(test_publish_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
