/* Whole orders, time, and events that come when nobody waits for them. */
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

/* An asynchronous CA whose responder hits are seen: six requests. */
static void test_asynchronous(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", false, true);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"});
    assert_true(str_eq_c(order_url(t.order), CA "/o/1"));
    assert_int_equal(order_phase(t.order), ORDER_PHASE_PRESENT);
    PLAY(&t, {PRESENTED, "tok-1", .says = "challenge /ch/1; key"}, {KEY_MADE, .says = ""},
        {HIT, "tok-1", .ms = 2}, {HIT, "tok-1", .ms = 1},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 24", .ms = 1},
        {HIT, "tok-1", .ms = 10, .says = "wait 25"}, {TICK, .ms = 24, .says = ""});
    assert_int_equal(order_phase(t.order), ORDER_PHASE_VALIDATE);
    PLAY(&t, {TICK, .ms = 1, .says = "finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 200, ORDER("processing"), "withdraw a.test tok-1; wait 60"});
    assert_int_equal(order_phase(t.order), ORDER_PHASE_ISSUE);
    PLAY(&t, {TICK, .ms = 60, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER_VALID, "read /cert/1"},
        {ANSWER, "read /cert/1", 200, CHAIN, "publish"}, {PUBLISHED, .says = "done"});
    assert_int_equal(t.requests, 6);
    assert_int_equal(order_phase(t.order), ORDER_PHASE_DONE);
    assert_false(order_was_too_early(t.order));
    assert_int_equal(t.visible, 0);
    transcript_free(&t);
}

/* A CA that validates and issues inside the requests: five. */
static void test_synchronous(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", false, true);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1; key"}, {HIT, "tok-1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "valid", ""), "withdraw a.test tok-1"},
        {KEY_MADE, .says = "finalize /fin/1"}, {ANSWER, "finalize /fin/1", 200, ORDER_VALID, "read /cert/1"},
        {ANSWER, "read /cert/1", 200, CHAIN, "publish",
            .content_type = "Application/PEM-certificate-chain ; charset=utf-8"},
        {PUBLISHED, .says = "done"});
    assert_int_equal(t.requests, 5);
    transcript_free(&t);
}

/* The same without hits (a web root): polls of the order, one for all names. */
static void test_without_hits(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", false, true);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1; key"}, {KEY_MADE},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "processing", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 90"},
        {TICK, .ms = 90, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 135"},
        {TICK, .ms = 135, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("ready"), "withdraw a.test tok-1; finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 200, ORDER_VALID, "read /cert/1"},
        {ANSWER, "read /cert/1", 200, CHAIN, "publish"}, {PUBLISHED, .says = "done"});
    transcript_free(&t);
}

/* Authorizations that are still good: the order is born ready. Three requests, four at an asynchronous CA. */
static void test_born_ready(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", false, false);
    PLAY(&t, {START, .says = "new-order /order"}, {ANSWER, "new-order /order", 201, ORDER("ready"), "key"},
        {KEY_MADE, .says = "finalize /fin/1"}, {ANSWER, "finalize /fin/1", 200, ORDER_VALID, "read /cert/1"},
        {ANSWER, "read /cert/1", 200, CHAIN, "publish"}, {PUBLISHED, .says = "done"});
    assert_int_equal(t.requests, 3);
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("ready"), "finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 200, ORDER("processing"), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER_VALID, "read /cert/1"},
        {ANSWER, "read /cert/1", 200, CHAIN, "publish"}, {PUBLISHED, .says = "done"});
    assert_int_equal(t.requests, 4);
    transcript_free(&t);
}

/* Without a word about ready: each authorization was valid already. */
static void test_pending_but_all_valid(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "valid"), "finalize /fin/1"});
    assert_int_equal(t.visible, 0);
    transcript_free(&t);
}

/* Hits after a long silence bring the next look forward, with and without the early finalize. */
static void test_late_hits(void **state)
{
    static const struct line silence[] = {{START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 20000", .retry_after = "20"}};
    struct transcript t;
    transcript_new(&t, one, "", true, true);
    transcript_play(&t, silence, ARRAY_LEN(silence));
    PLAY(&t, {HIT, "tok-1", .ms = 1000, .says = "wait 25"}, {TICK, .ms = 25, .says = "finalize /fin/1"});
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    transcript_play(&t, silence, ARRAY_LEN(silence));
    PLAY(&t, {HIT, "tok-1", .ms = 1000, .says = ""}, /* Retry-After is a floor for polls */
        {TICK, .ms = 19000, .says = "read /az/1"},   /* it is time to look at more than the order */
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 90"});
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    transcript_play(&t, silence, ARRAY_LEN(silence) - 1);
    PLAY(&t, {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 90"}, {TICK, .ms = 90, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 135"}, {HIT, "tok-1", .ms = 5, .says = "wait 60"},
        {HIT, "tok-1", .ms = 5, .says = "wait 60"}, {TICK, .ms = 60, .says = "read /o/1"});
    transcript_free(&t);
}

/* Somebody who fetches for ever does not hold the order up. */
static void test_endless_hits(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, true);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 60"});
    int finalized_at = -1;
    for (int ms = 0; ms < 5000 && finalized_at < 0; ms += 10) {
        t.mono.ms += 10;
        transcript_event(&t, (struct order_event){.type = ORDER_EVENT_HIT, .token = STR(TOKEN("1"))});
        for (size_t i = 0; i < t.actions.n; i++)
            if (t.actions.list[i].type == ORDER_DO_REQUEST)
                finalized_at = ms;
    }
    assert_in_range(finalized_at, 900, 1200);
    transcript_free(&t);
}

static void test_too_early(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, true);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"}, {HIT, "tok-1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 25"},
        {TICK, .ms = 25, .says = "finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 403, PROBLEM("orderNotReady", "not yet"), "wait 60"},
        {HIT, "tok-1", .ms = 10, .says = "wait 60"}); /* no second try; the poll starts from the last hit */
    assert_true(order_was_too_early(t.order));
    assert_int_equal(t.visible, 1);
    PLAY(&t, {TICK, .ms = 60, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 90"},
        {TICK, .ms = 90, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("ready"), "withdraw a.test tok-1; finalize /fin/1"});
    transcript_free(&t);
}

/* All challenge replies say valid and the CA is not ready all the same: ask the order, do not repeat. */
static void test_not_ready_although_valid(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "valid", ""), "withdraw a.test tok-1; finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 403, PROBLEM("orderNotReady", "wait"), "wait 2000", .retry_after = "2"},
        {TICK, .ms = 2000, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 90"},
        {TICK, .ms = 90, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("ready"), "finalize /fin/1"});
    assert_false(order_was_too_early(t.order));
    transcript_free(&t);
}

static void test_retry_after_forms(void **state)
{
    static const struct {
        const char *value, *says;
    } cases[] = {{"0", "wait 90"}, {"1", "wait 1000"}, {"-1", "wait 90"}, {"1e18", "wait 90"},
        {"1000000000000000000", "wait 60000"}, {"99999999999999999999999999", "wait 60000"},
        {"soon", "wait 90"}, {"", "wait 90"}, {"Thu, 01 Jan 2015 00:00:00 GMT", "wait 90"},
        {"Fri, 15 Jan 2027 08:00:30 GMT", "wait 30000"}, /* 1800000000 is 08:00:00 of that day */
        {"Fri, 31 Dec 9999 23:59:59 GMT", "wait 60000"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct transcript t;
        transcript_new(&t, one, CA "/o/1", true, false);
        PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("processing"), "wait 60"},
            {TICK, .ms = 60, .says = "read /o/1"},
            {ANSWER, "read /o/1", 200, ORDER("processing"), cases[i].says, .retry_after = cases[i].value});
        transcript_free(&t);
    }
}

/* Polls get rarer up to a ceiling, and end with the deadline. */
static void poll_until_the_end(struct transcript *t, const char *body, int64_t end_ms)
{
    int64_t begun = t->mono.ms, last = 0;
    size_t polls = 0, looks = 0;
    while (!t->failed) {
        assert_true(t->wait_tag != 0);
        int64_t wait = t->wait_until - t->mono.ms;
        assert_true(wait > 0 && wait <= ACME_POLL_CEILING_MS);
        assert_true(wait >= last || t->wait_until - begun >= end_ms);
        last = wait;
        t->mono.ms = t->wait_until;
        unsigned tag = t->wait_tag;
        t->wait_tag = 0;
        transcript_event(t, (struct order_event){.type = ORDER_EVENT_TIMER, .tag = tag});
        for (size_t i = 0; i < t->actions.n; i++)
            if (t->actions.list[i].type == ORDER_DO_FAILED) {
                t->err = *t->actions.list[i].err;
                t->failed = true;
            } else if (t->actions.list[i].type == ORDER_DO_WITHDRAW) {
                t->visible--;
            }
        if (t->failed)
            break;
        assert_int_equal(t->actions.n, 1);
        while (t->actions.list[0].type == ORDER_DO_REQUEST) {
            assert_int_equal(t->actions.list[0].request, ACME_REQUEST_READ);
            bool of_order = strcmp(t->actions.list[0].url, CA "/o/1") == 0;
            polls += of_order;
            looks += !of_order;
            struct acme_response r = {200, NULL, 0, str_c(of_order ? body : AZ("1", "a.test", "pending"))};
            transcript_event(
                t, (struct order_event){
                       .type = ORDER_EVENT_RESPONSE, .tag = t->actions.list[0].tag, .response = &r});
            assert_int_equal(t->actions.n, 1);
        }
        assert_int_equal(t->actions.list[0].type, ORDER_DO_WAIT);
        t->wait_tag = t->actions.list[0].tag;
        t->wait_until = t->mono.ms + t->actions.list[0].wait_ms;
    }
    assert_in_range(t->mono.ms - begun, end_ms - 10, end_ms);
    assert_in_range(looks, 0, 6); /* ever rarer */
    assert_in_range(polls, end_ms / ACME_POLL_CEILING_MS, end_ms / ACME_POLL_CEILING_MS + 20);
}

static void test_deadlines(void **state)
{
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER("processing"), "wait 60"});
    poll_until_the_end(&t, ORDER("processing"), (int64_t)ACME_ISSUANCE_DEADLINE_S * 1000);
    transcript_failed(&t, ERR_TIMEOUT, false, "no certificate after 60 minutes");
    transcript_free(&t);

    transcript_new(&t, one, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 60"});
    poll_until_the_end(&t, ORDER("confused"), (int64_t)ACME_VALIDATION_DEADLINE_S * 1000);
    transcript_failed(&t, ERR_TIMEOUT, false, "did not validate the names within 15 minutes");
    transcript_free(&t);

    /* What the CA complained about while it went on trying is the better reason. */
    transcript_new(&t, one, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200,
            HTTP_01("1", "processing", ",\"error\":" PROBLEM("dns", "no address")), "wait 60"});
    poll_until_the_end(&t, ORDER("pending"), (int64_t)ACME_VALIDATION_DEADLINE_S * 1000);
    transcript_failed(&t, ERR_ACME, false, "a.test: no address (dns)");
    assert_string_equal(t.err.problem, "dns");
    transcript_free(&t);
}

/* A CA that has the certificate and will not give it: asked ever more rarely, and the end says what it said.
 */
static void test_busy_for_ever(void **state)
{
    struct transcript t;
    transcript_new(&t, one, CA "/o/1", true, false);
    PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, ORDER_VALID, "read /cert/1"});
    size_t requests = 0;
    unsigned tag = t.actions.list[0].tag;
    while (!t.failed) {
        struct acme_response r = {503, NULL, 0, STR(PROBLEM("serverInternal", "busy"))};
        transcript_event(&t, (struct order_event){.type = ORDER_EVENT_RESPONSE, .tag = tag, .response = &r});
        assert_int_equal(t.actions.n, 1);
        assert_int_equal(t.actions.list[0].type, ORDER_DO_WAIT);
        assert_in_range(t.actions.list[0].wait_ms, 1, 60 * 1000);
        t.mono.ms += t.actions.list[0].wait_ms;
        transcript_event(&t, (struct order_event){.type = ORDER_EVENT_TIMER, .tag = t.actions.list[0].tag});
        assert_int_equal(t.actions.n, 1);
        tag = t.actions.list[0].tag;
        t.failed = t.actions.list[0].type == ORDER_DO_FAILED;
        if (t.failed)
            t.err = *t.actions.list[0].err;
        requests++;
    }
    assert_in_range(requests, 60, 70);
    transcript_failed(&t, ERR_TIMEOUT, false, "(downloading; the CA said: busy (serverInternal))");
    transcript_free(&t);
}

/* Tags that nobody waits for, of any kind, at any time. */
static void test_late_and_unknown(void **state)
{
    struct transcript t;
    struct err err;
    err_set(&err, ERR_NETWORK, "late");
    struct acme_response r = {200, NULL, 0, STR(ORDER_VALID)};
    transcript_new(&t, one, "", true, false);
    transcript_event(&t, (struct order_event){.type = ORDER_EVENT_HIT, .token = STR(TOKEN("1"))});
    assert_int_equal(t.actions.n, 0);
    PLAY(&t, {START, .says = "new-order /order"}, {START, .says = ""});
    for (unsigned type = ORDER_EVENT_RESPONSE; type <= ORDER_EVENT_TIMER; type++)
        for (unsigned tag = 0; tag < 9; tag++) {
            if (tag == 1 && (type == ORDER_EVENT_RESPONSE || type == ORDER_EVENT_FAILED))
                continue; /* the one that is awaited */
            transcript_event(&t, (struct order_event){.type = (enum order_event_type)type,
                                     .tag = tag,
                                     .response = &r,
                                     .err = &err,
                                     .token = STR("")});
            assert_int_equal(t.actions.n, 0);
        }
    PLAY(&t, {ANSWER, "new-order /order", 400, PROBLEM("malformed", "no"), "failed"}, {START, .says = ""});
    transcript_event(&t, (struct order_event){.type = ORDER_EVENT_RESPONSE, .tag = 1, .response = &r});
    assert_int_equal(t.actions.n, 0);
    transcript_free(&t);
}

/* The answer to a request that failed the order some other way meanwhile. */
static void test_answers_after_the_end(void **state)
{
    static const char *const names[] = {"a.test", "b.test", NULL};
    struct transcript t;
    transcript_new(&t, names, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201,
            ORDER_OF("pending", DNS("a.test") "," DNS("b.test"), URL("/az/1") "," URL("/az/2"), ""),
            "read /az/1; read /az/2"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), ""},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "pending"),
            "present a.test tok-1; present b.test tok-2"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {UNPRESENTED, "tok-2", ERR_IO, .says = "withdraw b.test tok-2; withdraw a.test tok-1; failed"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "valid", ""), ""}, {HIT, "tok-1"});
    transcript_failed(&t, ERR_IO, false, "b.test: it broke");
    transcript_free(&t);
}

static void test_phase_texts(void **state)
{
    assert_string_equal(order_phase_text(ORDER_PHASE_ORDER), "ordering");
    assert_string_equal(order_phase_text(ORDER_PHASE_FAILED), "failed");
    assert_string_equal(order_phase_text((enum order_phase)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asynchronous),
        cmocka_unit_test(test_synchronous),
        cmocka_unit_test(test_without_hits),
        cmocka_unit_test(test_born_ready),
        cmocka_unit_test(test_pending_but_all_valid),
        cmocka_unit_test(test_late_hits),
        cmocka_unit_test(test_endless_hits),
        cmocka_unit_test(test_too_early),
        cmocka_unit_test(test_not_ready_although_valid),
        cmocka_unit_test(test_retry_after_forms),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_busy_for_ever),
        cmocka_unit_test(test_late_and_unknown),
        cmocka_unit_test(test_answers_after_the_end),
        cmocka_unit_test(test_phase_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
