/* What an order is asked to do besides being one: profiles, replacement, other challenges, authorizations
 * beforehand, addresses, chains; and what it leaves behind: rejections, notes, what was given up. */
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
static const enum acme_challenge http_first[] = {CHALLENGE_HTTP_01, CHALLENGE_TLS_ALPN_01};
static const enum acme_challenge alpn_first[] = {CHALLENGE_TLS_ALPN_01, CHALLENGE_HTTP_01};

#define ORDER_2(status) ORDER_OF(status, DNS("a.test") "," DNS("b.test"), URL("/az/1") "," URL("/az/2"), "")
#define BOTH(n, name, status) \
    AUTHORIZATION(name, status, HTTP_01(n, "pending", "") "," TLS_ALPN_01(n, "pending", ""), "")
#define SUB(type, name, detail)                                              \
    "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" detail \
    "\",\"identifier\":" DNS(name) "}"
#define COMPOUND(type, subs)                                                                                 \
    "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"some names\",\"subproblems\":[" subs "]" \
    "}"

static void expect_note(const struct transcript *t, const char *text)
{
    size_t n;
    const char *const *notes = order_notes(t->order, &n);
    for (size_t i = 0; i < n; i++)
        if (strstr(notes[i], text) != NULL)
            return;
    fail_msg("no note holds \"%s\"; the last of %zu is \"%s\"", text, n, n > 0 ? notes[n - 1] : "");
}

static void expect_notes(const struct transcript *t, size_t expected)
{
    size_t n;
    (void)order_notes(t->order, &n);
    assert_int_equal(n, expected);
}

static void expect_rejection(const struct transcript *t, size_t i, const char *name, const char *type,
    enum acme_challenge challenge, bool other)
{
    size_t n;
    const struct order_rejection *r = order_rejections(t->order, &n);
    assert_true(i < n);
    assert_string_equal(r[i].name, name);
    assert_string_equal(r[i].type, type);
    assert_true(r[i].detail[0] != '\0');
    assert_int_equal(r[i].challenge, challenge);
    assert_int_equal(r[i].other_challenge, other);
}

static void expect_rejections(const struct transcript *t, size_t expected)
{
    size_t n;
    (void)order_rejections(t->order, &n);
    assert_int_equal(n, expected);
}

/* --- profiles and replacement --- */

static const struct str profiles[] = {{"short", 5}, {"tls", 3}};

static void test_profile(void **state)
{
    struct transcript t;
    transcript_of(&t, one,
        (struct order_params){.profiles = profiles,
            .profile_n = 2,
            .replaces = true,
            .has_key = true,
            .profile_required = true});
    PLAY(&t, {START, .says = "new-order /order profile=short replaces"},
        {ANSWER, "new-order /order profile=short replaces", 201,
            ORDER_OF("ready", DNS("a.test"), URL("/az/1"), ",\"profile\":\"short\",\"replaces\":\"x.y\""),
            "finalize /fin/1"});
    assert_true(str_eq_c(order_profile(t.order), "short"));
    assert_true(order_replaced(t.order));
    expect_notes(&t, 0);
    transcript_free(&t);

    transcript_new(&t, one, "", true, false); /* the CA says which one it takes by default */
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201,
            ORDER_OF("ready", DNS("a.test"), URL("/az/1"), ",\"profile\":\"classic\""), "finalize /fin/1"});
    assert_true(str_eq_c(order_profile(t.order), "classic"));
    assert_false(order_replaced(t.order));
    transcript_free(&t);
}

static void test_profile_refused(void **state)
{
    struct transcript t;
    transcript_of(&t, one, (struct order_params){.profiles = profiles, .profile_n = 2, .has_key = true});
    PLAY(&t, {START, .says = "new-order /order profile=short"},
        {ANSWER, "new-order /order profile=short", 400, PROBLEM("invalidProfile", "no such"),
            "new-order /order profile=tls"},
        {ANSWER, "new-order /order profile=tls", 403, PROBLEM("unauthorized", "not for you"),
            "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("ready"), "finalize /fin/1"});
    assert_int_equal(order_profile(t.order).n, 0);
    expect_note(&t, "refuses the profile short: no such");
    expect_note(&t, "refuses the profile tls: not for you");
    transcript_free(&t);

    transcript_of(&t, one,
        (struct order_params){
            .profiles = profiles, .profile_n = 2, .profile_required = true, .has_key = true});
    PLAY(&t, {START, .says = "new-order /order profile=short"},
        {ANSWER, "new-order /order profile=short", 400, PROBLEM("invalidProfile", "no such"),
            "new-order /order profile=tls"},
        {ANSWER, "new-order /order profile=tls", 400, PROBLEM("invalidProfile", "nor this"), "failed"});
    transcript_failed(&t, ERR_ACME, false, "the CA refuses the profile tls, which is required: nor this");
    assert_string_equal(t.err.problem, "invalidProfile");
    transcript_free(&t);

    transcript_of(&t, one, (struct order_params){.profile_required = true});
    PLAY(&t, {START, .says = "failed"});
    transcript_failed(&t, ERR_ACME, false, "no profile that is required");
    transcript_free(&t);
}

/* Another profile than the one that was asked for; in a required one's place, before a challenge is answered.
 */
static void test_profile_reflected(void **state)
{
    const char *other = ORDER_OF("pending", DNS("a.test"), URL("/az/1"), ",\"profile\":\"cla\\u001bssic\"");
    struct transcript t;
    transcript_of(&t, one, (struct order_params){.profiles = profiles, .profile_n = 1, .has_key = true});
    PLAY(&t, {START, .says = "new-order /order profile=short"},
        {ANSWER, "new-order /order profile=short", 201, other, "read /az/1"});
    assert_true(str_eq_c(order_profile(t.order), "cla?ssic"));
    expect_note(&t, "the profile cla?ssic instead of short");
    transcript_free(&t);

    transcript_of(&t, one,
        (struct order_params){
            .profiles = profiles, .profile_n = 1, .profile_required = true, .has_key = true});
    PLAY(&t, {START, .says = "new-order /order profile=short"},
        {ANSWER, "new-order /order profile=short", 201, other, "failed"});
    transcript_failed(&t, ERR_ACME, true, "instead of short, which is required");
    transcript_free(&t);

    transcript_of(&t, one, (struct order_params){.profiles = profiles, .profile_n = 1, .has_key = true});
    PLAY(&t, {START, .says = "new-order /order profile=short"},
        {ANSWER, "new-order /order profile=short", 201, ORDER("pending"), "read /az/1"});
    assert_true(str_eq_c(order_profile(t.order), "short"));
    expect_note(&t, "does not say whether");
    transcript_free(&t);

    /* An order of an earlier run, from before the profile was asked for. */
    transcript_of(&t, one,
        (struct order_params){
            .profiles = profiles, .profile_n = 2, .profile_required = true, .resume_url = STR(CA "/o/1")});
    PLAY(&t, {START, .says = "read /o/1"}, {ANSWER, "read /o/1", 200, other, "failed"});
    transcript_failed(&t, ERR_ACME, true, "which is required");
    transcript_free(&t);
}

static void test_already_replaced(void **state)
{
    struct transcript t;
    transcript_of(&t, one, (struct order_params){.replaces = true, .has_key = true});
    PLAY(&t, {START, .says = "new-order /order replaces"},
        {ANSWER, "new-order /order replaces", 409, PROBLEM("alreadyReplaced", "by 17"), "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER("ready"), "finalize /fin/1"});
    assert_false(order_replaced(t.order));
    expect_note(&t, "by 17");
    transcript_free(&t);

    transcript_of(&t, one, (struct order_params){.replaces = true}); /* once is enough */
    PLAY(&t, {START, .says = "new-order /order replaces"},
        {ANSWER, "new-order /order replaces", 409, PROBLEM("alreadyReplaced", "by 17"), "new-order /order"},
        {ANSWER, "new-order /order", 409, PROBLEM("alreadyReplaced", "by 17"), "failed"});
    transcript_failed(&t, ERR_ACME, false, "(alreadyReplaced)");
    transcript_free(&t);

    transcript_of(&t, one, (struct order_params){.replaces = true}); /* a CA that lost what it issued */
    PLAY(&t, {START, .says = "new-order /order replaces"},
        {ANSWER, "new-order /order replaces", 404, PROBLEM("malformed", "no such certificate"),
            "new-order /order"});
    expect_note(&t, "no such certificate");
    transcript_free(&t);

    transcript_of(&t, one, (struct order_params){.replaces = true}); /* what else there is stays as it is */
    PLAY(&t, {START, .says = "new-order /order replaces"},
        {ANSWER, "new-order /order replaces", 403, PROBLEM("userActionRequired", "new terms"), "failed"});
    transcript_failed(&t, ERR_ACME, false, "new terms");
    transcript_free(&t);
}

/* A short pause at newOrder is waited for, a few times. */
static void test_new_order_busy(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 503, PROBLEM("rateLimited", "busy"), "wait 2000", .retry_after = "2"},
        {TICK, .ms = 2000, .says = "new-order /order"},
        {ANSWER, "new-order /order", 503, "<html>", "wait 3000", .retry_after = "3"},
        {TICK, .ms = 3000, .says = "new-order /order"},
        {ANSWER, "new-order /order", 503, "<html>", "wait 4000", .retry_after = "0"},
        {TICK, .ms = 4000, .says = "new-order /order"},
        {ANSWER, "new-order /order", 503, "<html>", "failed", .retry_after = "5"});
    transcript_failed(&t, ERR_ACME, false, "(HTTP status 503)");
    assert_int_equal(t.err.retry_at_s, t.wall.s + 5);
    transcript_free(&t);

    static const char *const ends[] = {"<html>", PROBLEM("rateLimited", "too many orders"),
        PROBLEM("rateLimited", "a.test is paused. Visit https://ca.test/unpause?jwt=x")};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        transcript_new(&t, one, "", true, false);
        PLAY(&t, {START, .says = "new-order /order"},
            {ANSWER, "new-order /order", 429, ends[i], "failed", .retry_after = i < 2 ? "3600" : "1"});
        transcript_failed(&t, ERR_ACME, false, "");
        assert_true(str_eq_c(order_pause_link(t.order), i < 2 ? "" : "https://ca.test/unpause?jwt=x"));
        transcript_free(&t);
    }
}

/* --- rejections --- */

static void test_rejected_by_new_order(void **state)
{
    static const char *const names[] = {"a.test", "b.test", "*.c.test", "192.0.2.1", NULL};
    struct transcript t;
    transcript_new(&t, names, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 400,
            COMPOUND("compound", SUB("caa", "c.test", "CAA forbids") "," SUB(
                                     "rejectedIdentifier", "A.TEST", "blocked") "," SUB("dns", "other.test",
                                     "not ours") "," SUB("dns", "a.test", "twice") ",7"),
            "failed"});
    transcript_failed(&t, ERR_ACME, false, "CAA forbids");
    expect_rejections(&t, 2);
    expect_rejection(&t, 0, "a.test", "rejectedIdentifier", CHALLENGE_END_, false);
    expect_rejection(&t, 1, "*.c.test", "caa", CHALLENGE_END_, false);
    transcript_free(&t);

    transcript_new(&t, one, "", true, false); /* no sub-problems, and no question who is meant */
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 400, PROBLEM("rejectedIdentifier", "blocked"), "failed"});
    expect_rejections(&t, 1);
    expect_rejection(&t, 0, "a.test", "rejectedIdentifier", CHALLENGE_END_, false);
    transcript_free(&t);

    transcript_new(&t, two, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 400, PROBLEM("rejectedIdentifier", "one of them"), "failed"});
    expect_rejections(&t, 0);
    transcript_free(&t);

    transcript_new(&t, two, "", true, false); /* the one it writes between quotes, as Boulder does */
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 400,
            PROBLEM("rejectedIdentifier", "not \\\"B.test\\\", nor a.test, \\\"x\\\""), "failed"});
    expect_rejections(&t, 1);
    expect_rejection(&t, 0, "b.test", "rejectedIdentifier", CHALLENGE_END_, false);
    transcript_free(&t);

    transcript_new(&t, two, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 400,
            PROBLEM("rejectedIdentifier", "either \\\"b.test\\\" or \\\"a.test\\\""), "failed"});
    expect_rejections(&t, 0);
    transcript_free(&t);

    transcript_new(&t, one, "", true, false); /* nothing against the name */
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 403, PROBLEM("userActionRequired", "new terms"), "failed"});
    expect_rejections(&t, 0);
    transcript_free(&t);
}

/* One of a hundred fails: its name, its challenge, and that another was on offer; the pending ones are given
 * up, each once, whatever the CA says to that. */
static void test_rejected_by_authorization(void **state)
{
    struct transcript t;
    transcript_of(
        &t, two, (struct order_params){.challenges = http_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER_2("pending"), "read /az/1; read /az/2"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), ""},
        {ANSWER, "read /az/2", 200, BOTH("2", "b.test", "pending"),
            "present a.test tok-1; present b.test tok-2"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"}, {PRESENTED, "tok-2", .says = "challenge /ch/2"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), ""},
        {ANSWER, "challenge /ch/2", 200, HTTP_01("2", "pending", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER_2("invalid"), "read /az/1; read /az/2"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "wait 60"},
        {ANSWER, "read /az/2", 200,
            AUTHORIZATION("b.test", "invalid",
                HTTP_01("2", "invalid", ",\"error\":" PROBLEM("connection", "refused")), ""),
            "withdraw b.test tok-2"},
        /* The CA does not come to a verdict on the other. */
        {TICK, .ms = 10000, .says = "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "withdraw a.test tok-1; give-up /az/1"});
    expect_rejections(&t, 1);
    expect_rejection(&t, 0, "b.test", "connection", CHALLENGE_HTTP_01, true);
    PLAY(&t, {LOST, "give-up /az/1", .says = "failed"});
    transcript_failed(&t, ERR_ACME, true, "b.test: refused (connection)");
    transcript_free(&t);
}

static void test_rejected_by_finalize(void **state)
{
    struct transcript t;
    transcript_new(&t, two, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER_2("ready"), "finalize /fin/1"},
        {ANSWER, "finalize /fin/1", 403, COMPOUND("caa", SUB("caa", "b.test", "rechecked")), "failed"});
    transcript_failed(&t, ERR_ACME, true, "b.test: rechecked");
    expect_rejections(&t, 1);
    expect_rejection(&t, 0, "b.test", "caa", CHALLENGE_END_, false);
    transcript_free(&t);
}

/* --- which challenge --- */

#define BEGUN                                                           \
    {START, .says = "new-order /order"},                                \
    {                                                                   \
        ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1" \
    }

static void test_preference(void **state)
{
    struct transcript t;
    transcript_of(
        &t, one, (struct order_params){.challenges = alpn_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN,
        {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present tls-alpn-01 a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /alpn/1"},
        {ANSWER, "challenge /alpn/1", 200, TLS_ALPN_01("1", "valid", ""),
            "withdraw tls-alpn-01 a.test tok-1; finalize /fin/1"});
    transcript_free(&t);

    /* Broken, incomplete and unknown ones are passed over. */
    transcript_of(
        &t, one, (struct order_params){.challenges = alpn_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN,
        {ANSWER, "read /az/1", 200,
            AUTHORIZATION("a.test", "pending",
                "{\"type\":\"tls-alpn-01\",\"url\":" URL(
                    "/x") ",\"token\":\"../../x\"},"
                          "{\"type\":\"tls-alpn-01\",\"url\":\"http://x/\",\"token\":\"" TOKEN(
                              "3") "\"},"
                                   "{\"type\":\"dns-persist-01\",\"url\":" URL("/y") "}," HTTP_01(
                                       "1", "pending", ""),
                ""),
            "present a.test tok-1"});
    transcript_free(&t);

    /* One that failed before is not used in this order. */
    const struct order_avoid avoid[] = {
        {STR("a.test"), CHALLENGE_TLS_ALPN_01}, {STR("b.test"), CHALLENGE_HTTP_01}};
    transcript_of(&t, one,
        (struct order_params){
            .challenges = alpn_first, .challenge_n = 2, .avoid = avoid, .avoid_n = 2, .has_key = true});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present a.test tok-1"});
    transcript_free(&t);
    transcript_of(&t, one,
        (struct order_params){.challenges = alpn_first, .challenge_n = 1, .avoid = avoid, .avoid_n = 2});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "failed"});
    transcript_failed(
        &t, ERR_ACME, false, "wanted: tls-alpn-01 (failed before); offered: http-01, tls-alpn-01");
    transcript_free(&t);

    /* What an earlier run of ours has answered goes first. */
    transcript_of(
        &t, one, (struct order_params){.challenges = alpn_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN,
        {ANSWER, "read /az/1", 200,
            AUTHORIZATION(
                "a.test", "pending", TLS_ALPN_01("1", "pending", "") "," HTTP_01("1", "processing", ""), ""),
            "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "wait 60"});
    transcript_free(&t);
}

static void test_next_after_presenting(void **state)
{
    struct transcript t;
    transcript_of(
        &t, one, (struct order_params){.challenges = http_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present a.test tok-1"},
        {UNPRESENTED, "tok-1", ERR_IO, .says = "withdraw a.test tok-1; present tls-alpn-01 a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /alpn/1"});
    expect_note(&t, "tls-alpn-01 instead of http-01, which could not be prepared: it broke");
    transcript_free(&t);

    transcript_of(
        &t, one, (struct order_params){.challenges = http_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present a.test tok-1"},
        {UNPRESENTED, "tok-1", ERR_IO, .says = "withdraw a.test tok-1; present tls-alpn-01 a.test tok-1"},
        {UNPRESENTED, "tok-1", ERR_PERMISSION, .says = "withdraw tls-alpn-01 a.test tok-1; failed"});
    transcript_failed(&t, ERR_PERMISSION, false, "a.test: it broke");
    transcript_free(&t);

    /* A process of ours that went away is no reason. */
    transcript_of(
        &t, one, (struct order_params){.challenges = http_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present a.test tok-1"},
        {UNPRESENTED, "tok-1", ERR_IPC, .says = "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_IPC, false, "a.test");
    transcript_free(&t);
}

/* The CA says no to one and leaves the authorization open for the other. */
static void test_next_after_failing(void **state)
{
#define FAILED_HTTP HTTP_01("1", "invalid", ",\"error\":" PROBLEM("connection", "refused"))
    struct transcript t;
    transcript_of(
        &t, one, (struct order_params){.challenges = http_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, FAILED_HTTP, "read /az/1"},
        {ANSWER, "read /az/1", 200,
            AUTHORIZATION("a.test", "pending", FAILED_HTTP "," TLS_ALPN_01("1", "pending", ""), ""),
            "withdraw a.test tok-1; present tls-alpn-01 a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /alpn/1"},
        {ANSWER, "challenge /alpn/1", 200, TLS_ALPN_01("1", "invalid", ""),
            "withdraw tls-alpn-01 a.test tok-1; failed"});
    transcript_failed(&t, ERR_ACME, true, "a.test: ");
    expect_rejections(&t, 1);
    expect_rejection(&t, 0, "a.test", "connection", CHALLENGE_HTTP_01, false);
    transcript_free(&t);

    /* The authorization is lost with it, as at most CAs. */
    transcript_of(
        &t, one, (struct order_params){.challenges = http_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, FAILED_HTTP, "read /az/1"},
        {ANSWER, "read /az/1", 200, AUTHORIZATION("a.test", "invalid", FAILED_HTTP, ""),
            "withdraw a.test tok-1; failed"});
    expect_rejection(&t, 0, "a.test", "connection", CHALLENGE_HTTP_01, true);
    transcript_free(&t);

    /* Without a word in the order: found by looking at the authorization after a while. */
    transcript_of(
        &t, one, (struct order_params){.challenges = http_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "processing", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 20000", .retry_after = "20"},
        {TICK, .ms = 20000, .says = "read /az/1"},
        {ANSWER, "read /az/1", 200,
            AUTHORIZATION("a.test", "pending", FAILED_HTTP "," TLS_ALPN_01("1", "pending", ""), ""),
            "withdraw a.test tok-1; present tls-alpn-01 a.test tok-1"});
    transcript_free(&t);

    /* Refused outright. */
    transcript_of(
        &t, one, (struct order_params){.challenges = http_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 400, PROBLEM("malformed", "not this"), "read /az/1"},
        {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"),
            "withdraw a.test tok-1; present tls-alpn-01 a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /alpn/1"},
        {ANSWER, "challenge /alpn/1", 400, PROBLEM("malformed", "nor that"), "read /az/1"},
        {ANSWER, "read /az/1", 200, BOTH("1", "a.test", "pending"),
            "withdraw tls-alpn-01 a.test tok-1; failed"});
    transcript_failed(&t, ERR_ACME, false, "nor that");
    transcript_free(&t);
}

/* An authorization that died while its order stays pending. */
static void test_invalid_without_a_word(void **state)
{
    struct transcript t;
    transcript_new(&t, one, "", true, false);
    PLAY(&t, BEGUN, {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 16000", .retry_after = "16"},
        {TICK, .ms = 16000, .says = "read /az/1"},
        {ANSWER, "read /az/1", 200, AUTHORIZATION("a.test", "invalid", FAILED_HTTP, ""),
            "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_ACME, true, "a.test: refused (connection)");
    transcript_free(&t);
}

/* A look that brings nothing changes nothing. */
static void test_fruitless_look(void **state)
{
    static const struct line pending[] = {BEGUN,
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "present a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"},
        {ANSWER, "read /o/1", 200, ORDER("pending"), "wait 16000", .retry_after = "16"},
        {TICK, .ms = 16000, .says = "read /az/1"}};
    static const struct line looks[] = {{LOST, "read /az/1", .says = "read /o/1"},
        {ANSWER, "read /az/1", 404, "", "read /o/1"}, {ANSWER, "read /az/1", 503, "", "read /o/1"},
        {ANSWER, "read /az/1", 200, AUTHORIZATION("a.test", "pending", "", ""), "read /o/1"}};
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        struct transcript t;
        transcript_new(&t, one, "", true, false);
        transcript_play(&t, pending, ARRAY_LEN(pending));
        transcript_play(&t, &looks[i], 1);
        PLAY(&t, {ANSWER, "read /o/1", 200, ORDER("ready"), "withdraw a.test tok-1; finalize /fin/1"});
        transcript_free(&t);
    }
}

/* --- addresses (RFC 8738) --- */

#define IP(text) "{\"type\":\"ip\",\"value\":\"" text "\"}"
#define AZ_IP(n, text)                                                              \
    "{\"status\":\"pending\",\"identifier\":" IP(text) ",\"challenges\":[" HTTP_01( \
        n, "pending", "") "," TLS_ALPN_01(n, "pending", "") "]}"

static void test_addresses(void **state)
{
    static const char *const names[] = {"192.0.2.1", "2001:db8::1", NULL};
    struct transcript t;
    transcript_new(&t, names, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201,
            ORDER_OF("pending", IP("2001:0DB8:0:0:0:0:0:1") "," IP("192.0.2.1"),
                URL("/az/1") "," URL("/az/2"), ""),
            "read /az/1; read /az/2"},
        {ANSWER, "read /az/1", 200, AZ_IP("1", "2001:DB8::1"), ""},
        {ANSWER, "read /az/2", 200, AZ_IP("2", "192.0.2.1"),
            "present 2001:db8::1 tok-1; present 192.0.2.1 tok-2"});
    transcript_free(&t);

    /* The same text of another type is another identifier. */
    transcript_new(&t, names, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201,
            ORDER_OF("pending", IP("2001:db8::1") "," DNS("192.0.2.1"), URL("/az/1"), ""), "failed"});
    transcript_failed(&t, ERR_INPUT, false, "of type dns holds an IP address");
    transcript_free(&t);
}

/* --- authorizations beforehand (7.4.1) --- */

#define AUTHZ(n) "new-authz /authz " n

static void test_preauthorized(void **state)
{
    static const char *const names[] = {"a.test", "*.b.test", "c.test", NULL};
    struct transcript t;
    transcript_of(&t, names, (struct order_params){.new_authz = STR(CA "/authz"), .has_key = true});
    PLAY(&t, {START, .says = AUTHZ("a.test") "; " AUTHZ("c.test")},
        {ANSWER, AUTHZ("c.test"), 201, AZ("3", "c.test", "valid"), "", .location = CA "/az/3"},
        {ANSWER, AUTHZ("a.test"), 201, AZ("1", "a.test", "pending"), "present a.test tok-1",
            .location = CA "/az/1"});
    assert_int_equal(order_url(t.order).n, 0);
    PLAY(&t, {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "processing", ""), "wait 60"},
        {TICK, .ms = 60, .says = "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "pending"), "wait 90"},
        {TICK, .ms = 90, .says = "read /az/1"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "valid"), "withdraw a.test tok-1; new-order /order"},
        {ANSWER, "new-order /order", 201,
            ORDER_OF("pending", DNS("a.test") "," DNS("*.b.test") "," DNS("c.test"),
                URL("/az/1") "," URL("/az/2") "," URL("/az/3"), ""),
            "read /az/2"},
        {ANSWER, "read /az/2", 200, AUTHORIZATION("b.test", "valid", "", ",\"wildcard\":true"),
            "finalize /fin/1"});
    transcript_free(&t);
}

static void test_preauthorization_refused(void **state)
{
    struct transcript t;
    transcript_of(&t, two, (struct order_params){.new_authz = STR(CA "/authz"), .has_key = true});
    PLAY(&t, {START, .says = AUTHZ("a.test") "; " AUTHZ("b.test")},
        {ANSWER, AUTHZ("a.test"), 403, PROBLEM("unauthorized", "not here"), "new-order /order"},
        {ANSWER, AUTHZ("b.test"), 201, AZ("2", "b.test", "pending"), "", .location = CA "/az/2"},
        {ANSWER, "new-order /order", 201, ORDER_2("pending"), "read /az/1; read /az/2"});
    transcript_free(&t);

    transcript_of(&t, one, (struct order_params){.new_authz = STR(CA "/authz"), .has_key = true});
    PLAY(&t, {START, .says = AUTHZ("a.test")}, {ANSWER, AUTHZ("a.test"), 503, "", "wait 1000"},
        {TICK, .ms = 1000, .says = AUTHZ("a.test")}, {LOST, AUTHZ("a.test"), .says = "wait 1000"},
        {TICK, .ms = 1000, .says = AUTHZ("a.test")},
        {ANSWER, AUTHZ("a.test"), 201, "{}", "failed", .location = CA "/az/1"});
    transcript_failed(&t, ERR_INPUT, false, "an authorization of the CA");
    transcript_free(&t);

    /* No order is placed for a name that fails. */
    transcript_of(&t, two, (struct order_params){.new_authz = STR(CA "/authz"), .has_key = true});
    PLAY(&t, {START, .says = AUTHZ("a.test") "; " AUTHZ("b.test")},
        {ANSWER, AUTHZ("a.test"), 201, AZ("1", "a.test", "pending"), "", .location = CA "/az/1"},
        {ANSWER, AUTHZ("b.test"), 201, AZ("2", "b.test", "pending"),
            "present a.test tok-1; present b.test tok-2", .location = CA "/az/2"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, FAILED_HTTP,
            "withdraw a.test tok-1; withdraw b.test tok-2; read /az/2"},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "pending"), "give-up /az/2"},
        {ANSWER, "give-up /az/2", 200, AZ("2", "b.test", "deactivated"), "failed"});
    transcript_failed(&t, ERR_ACME, true, "a.test: refused");
    expect_rejection(&t, 0, "a.test", "connection", CHALLENGE_HTTP_01, false);
    transcript_free(&t);

    /* Validated by nobody: the deadline holds here too. */
    transcript_of(&t, one, (struct order_params){.new_authz = STR(CA "/authz"), .has_key = true});
    PLAY(&t, {START, .says = AUTHZ("a.test")},
        {ANSWER, AUTHZ("a.test"), 201, AZ("1", "a.test", "pending"), "present a.test tok-1",
            .location = CA "/az/1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, HTTP_01("1", "pending", ""), "wait 60"},
        {TICK, .ms = (int64_t)ACME_VALIDATION_DEADLINE_S * 1000, .says = "withdraw a.test tok-1; failed"});
    transcript_failed(&t, ERR_TIMEOUT, false, "within 15 minutes");
    transcript_free(&t);
}

/* --- giving up --- */

static void test_abandoned(void **state)
{
    struct order_actions actions;
    struct transcript t;
    transcript_new(&t, two, "", true, false);
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER_2("pending"), "read /az/1; read /az/2"},
        {ANSWER, "read /az/1", 200, AZ("1", "a.test", "valid"), ""},
        {ANSWER, "read /az/2", 200, AZ("2", "b.test", "pending"), "present b.test tok-2"});
    order_abandon(t.order, &actions);
    assert_int_equal(actions.n, 2);
    assert_int_equal(actions.list[0].type, ORDER_DO_WITHDRAW);
    assert_int_equal(actions.list[1].type, ORDER_DO_REQUEST);
    assert_int_equal(actions.list[1].request, ACME_REQUEST_GIVE_UP);
    assert_string_equal(actions.list[1].url, CA "/az/2");
    PLAY(&t, {PRESENTED, "tok-2", .says = ""}, {START, .says = ""});
    order_abandon(t.order, &actions);
    assert_int_equal(actions.n, 0);
    transcript_free(&t);
}

/* --- chains (7.4.2) --- */

#define ISSUED                                                                \
    {START, .says = "new-order /order"},                                      \
        {ANSWER, "new-order /order", 201, ORDER("ready"), "finalize /fin/1"}, \
    {                                                                         \
        ANSWER, "finalize /fin/1", 200, ORDER_VALID, "read /cert/1"           \
    }
#define ALTERNATE(path) "<" CA path ">;rel=\"alternate\""

static void test_default_chain_is_best(void **state)
{
    struct transcript t;
    transcript_of(&t, one, (struct order_params){.choose_chain = true, .has_key = true});
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "judge", .link = ALTERNATE("/cert/1/1")},
        {JUDGED, "leaf", 0, .says = "publish"}, {PUBLISHED, .says = "done"});
    expect_notes(&t, 0);
    transcript_free(&t);

    transcript_of(&t, one, (struct order_params){.choose_chain = true, .has_key = true});
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "judge"}, {JUDGED, "leaf", -1, .says = "publish"});
    expect_note(&t, "none of the preferred chains");
    transcript_free(&t);

    transcript_of(&t, one, (struct order_params){.choose_chain = true, .has_key = true});
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "judge"},
        {UNJUDGED, NULL, ERR_VERIFY, .says = "publish"});
    transcript_free(&t);
    transcript_of(&t, one, (struct order_params){.choose_chain = true, .has_key = true});
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "judge"},
        {UNJUDGED, NULL, ERR_IPC, .says = "failed"});
    transcript_failed(&t, ERR_IPC, false, "it broke");
    transcript_free(&t);
}

/* Of itself, of another host, of a broken URL, twice: none of them is fetched. */
static void test_alternates(void **state)
{
    const char *links = ALTERNATE("/cert/1") "," ALTERNATE(
        "/c/1") ",<https://other.test/c>;rel=alternate,"
                "<http://ca.test/c>;rel=alternate," ALTERNATE("/c/1") "," ALTERNATE(
                    "/c/2") ","
                            "<" CA "/index>;rel=\"index\"," ALTERNATE("/c/3") "," ALTERNATE(
                                "/c/4") "," ALTERNATE("/c/5") "," ALTERNATE("/c/6");
    struct transcript t;
    transcript_of(&t, one, (struct order_params){.choose_chain = true, .has_key = true});
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "judge", .link = links},
        {JUDGED, "leaf", -1, .says = "read /c/1"}, {ANSWER, "read /c/1", 200, CHAIN_OF("BBBB"), "judge BBBB"},
        {JUDGED, "another leaf", 0, .says = "read /c/2"}, /* is another certificate */
        {ANSWER, "read /c/2", 200, CHAIN_OF("CCCC"), "judge CCCC"}, {JUDGED, "leaf", 2, .says = "read /c/3"},
        {ANSWER, "read /c/3", 404, "", "read /c/4"},
        {ANSWER, "read /c/4", 200, CHAIN_OF("DDDD"), "read /c/5", .content_type = "text/html"},
        {LOST, "read /c/5", .says = "read /c/6"}, {ANSWER, "read /c/6", 200, CHAIN_OF("EEEE"), "judge EEEE"},
        {JUDGED, "leaf", 3, .says = "publish CCCC"}, {PUBLISHED, .says = "done"});
    expect_notes(&t, 0);
    transcript_free(&t);

    transcript_of(
        &t, one, (struct order_params){.choose_chain = true, .has_key = true}); /* the first that is best */
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "judge", .link = links},
        {JUDGED, "leaf", 1, .says = "read /c/1"}, {ANSWER, "read /c/1", 200, CHAIN_OF("BBBB"), "judge BBBB"},
        {UNJUDGED, NULL, ERR_INPUT, .says = "read /c/2"},
        {ANSWER, "read /c/2", 200, CHAIN_OF("CCCC"), "judge CCCC"},
        {JUDGED, "leaf", 0, .says = "publish CCCC"});
    transcript_free(&t);
}

static void test_too_many_alternates(void **state)
{
    struct buf links = buf_new(1 << 16);
    for (int i = 0; i < 100; i++)
        buf_printf(&links, "%s<" CA "/c/%d>;rel=alternate", i > 0 ? "," : "", i);
    struct transcript t;
    transcript_of(&t, one, (struct order_params){.choose_chain = true, .has_key = true});
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "judge", .link = buf_c(&links)},
        {JUDGED, "leaf", -1, .says = "read /c/0"});
    for (int i = 0; i < ACME_ALTERNATES_MAX; i++) {
        char request[32], next[32];
        snprintf(request, sizeof request, "read /c/%d", i);
        snprintf(next, sizeof next, "read /c/%d", i + 1);
        PLAY(&t, {ANSWER, request, 500, "", i + 1 < ACME_ALTERNATES_MAX ? next : "publish"});
    }
    expect_note(&t, "none of the preferred chains");
    transcript_free(&t);
    buf_free(&links);

    /* Time is up: what is there is published. */
    transcript_of(&t, one, (struct order_params){.choose_chain = true, .has_key = true});
    PLAY(&t, ISSUED, {ANSWER, "read /cert/1", 200, CHAIN, "judge", .link = ALTERNATE("/c/1")},
        {JUDGED, "leaf", 1, .says = "read /c/1"},
        {ANSWER, "read /c/1", 404, "", "publish", .ms = (int64_t)ACME_ISSUANCE_DEADLINE_S * 1000});
    transcript_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_profile_refused),
        cmocka_unit_test(test_profile_reflected),
        cmocka_unit_test(test_already_replaced),
        cmocka_unit_test(test_new_order_busy),
        cmocka_unit_test(test_rejected_by_new_order),
        cmocka_unit_test(test_rejected_by_authorization),
        cmocka_unit_test(test_rejected_by_finalize),
        cmocka_unit_test(test_preference),
        cmocka_unit_test(test_next_after_presenting),
        cmocka_unit_test(test_next_after_failing),
        cmocka_unit_test(test_invalid_without_a_word),
        cmocka_unit_test(test_fruitless_look),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_preauthorized),
        cmocka_unit_test(test_preauthorization_refused),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_default_chain_is_best),
        cmocka_unit_test(test_alternates),
        cmocka_unit_test(test_too_many_alternates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
