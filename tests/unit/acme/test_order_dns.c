/* Challenges that are answered in the DNS: wildcards, values that share a name, records that stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

#include "acme/limits.h"
#include "base/attr.h"

#include <stdio.h>

static const char *const one[] = {"a.test", NULL};
static const char *const both[] = {"a.test", "*.a.test", NULL};
static const enum acme_challenge dns[] = {CHALLENGE_DNS_01};
static const enum acme_challenge account_first[] = {CHALLENGE_DNS_ACCOUNT_01, CHALLENGE_DNS_01};
static const enum acme_challenge persist_first[] = {CHALLENGE_DNS_PERSIST_01, CHALLENGE_DNS_01};

#define DNS_01(type, n, status) \
    "{\"type\":\"" type "\",\"status\":\"" status "\",\"url\":" URL("/ch/" n) ",\"token\":\"" TOKEN(n) "\"}"
#define PERSIST(n, member, list) \
    "{\"type\":\"dns-persist-01\",\"status\":\"pending\",\"url\":" URL("/p/" n) ",\"" member "\":" list "}"
#define OFFER(challenges) AUTHORIZATION("a.test", "pending", challenges, "")
#define ORDER_BOTH(status) \
    ORDER_OF(status, DNS("a.test") "," DNS("*.a.test"), URL("/az/1") "," URL("/az/2"), "")
#define START_ONE                                                       \
    {START, .says = "new-order /order"},                                \
    {                                                                   \
        ANSWER, "new-order /order", 201, ORDER("pending"), "read /az/1" \
    }

static void test_wildcard_beside_its_base(void **state)
{
    struct transcript t;
    transcript_of(&t, both, (struct order_params){.challenges = dns, .challenge_n = 1, .has_key = true});
    PLAY(&t, {START, .says = "new-order /order"},
        {ANSWER, "new-order /order", 201, ORDER_BOTH("pending"), "read /az/1; read /az/2"},
        {ANSWER, "read /az/1", 200, OFFER(DNS_01("dns-01", "1", "pending")), ""},
        {ANSWER, "read /az/2", 200,
            AUTHORIZATION("a.test", "pending", DNS_01("dns-01", "2", "pending"), ",\"wildcard\":true"),
            "present dns-01 a.test tok-1; present dns-01 *.a.test tok-2"},
        /* the CA looks for none before all are there: it would keep what it found */
        {PRESENTED, "tok-2", .says = ""}, {PRESENTED, "tok-1", .says = "challenge /ch/1; challenge /ch/2"},
        {ANSWER, "challenge /ch/2", 200, DNS_01("dns-01", "2", "valid"), "withdraw dns-01 *.a.test tok-2"},
        {ANSWER, "challenge /ch/1", 200, DNS_01("dns-01", "1", "valid"),
            "withdraw dns-01 a.test tok-1; finalize /fin/1"});
    transcript_free(&t);
}

/* However long a record takes to spread: the time of order and validation begins when it can be seen. */
static void test_spreading_takes_its_time(void **state)
{
    struct transcript t;
    const int64_t hour_ms = (int64_t)ACME_ISSUANCE_DEADLINE_S * 1000;
    transcript_of(&t, one, (struct order_params){.challenges = dns, .challenge_n = 1, .has_key = true});
    PLAY(&t, START_ONE,
        {ANSWER, "read /az/1", 200, OFFER(DNS_01("dns-01", "1", "pending")), "present dns-01 a.test tok-1"},
        {TICK, .ms = 2 * hour_ms, .says = ""}, {PRESENTED, "tok-1", .says = "challenge /ch/1"},
        {ANSWER, "challenge /ch/1", 200, DNS_01("dns-01", "1", "processing"), "wait 60"},
        {TICK, .ms = 60, .says = "read /o/1"});
    transcript_free(&t);
}

/* What could not be shown may stand there in part. */
static void test_other_kind_when_it_cannot_be_shown(void **state)
{
    struct transcript t;
    transcript_of(
        &t, one, (struct order_params){.challenges = account_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, START_ONE,
        {ANSWER, "read /az/1", 200,
            OFFER(DNS_01("dns-01", "1", "pending") "," DNS_01("dns-account-01", "2", "pending")),
            "present dns-account-01 a.test tok-2"},
        {UNPRESENTED, "tok-2", ERR_REFUSED,
            .says = "withdraw dns-account-01 a.test tok-2; present dns-01 a.test tok-1"},
        {PRESENTED, "tok-1", .says = "challenge /ch/1"});
    transcript_free(&t);
}

static void test_standing_record(void **state)
{
    struct transcript t;
    transcript_of(
        &t, one, (struct order_params){.challenges = persist_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, START_ONE,
        {ANSWER, "read /az/1", 200,
            OFFER(DNS_01("dns-01", "1", "pending") "," PERSIST(
                "1", "issuer-domain-names", "[\"CA.test\",\"other.test\"]")),
            "present dns-persist-01 a.test ca.test other.test"},
        {PRESENTED, "other.test", .says = "challenge /p/1"},
        {ANSWER, "challenge /p/1", 200, PERSIST("1", "issuer-domain-names", "[\"ca.test\"]"), "wait 60"});
    transcript_free(&t);

    /* the later form; without a record the next kind is taken */
    transcript_of(
        &t, one, (struct order_params){.challenges = persist_first, .challenge_n = 2, .has_key = true});
    PLAY(&t, START_ONE,
        {ANSWER, "read /az/1", 200,
            OFFER(DNS_01("dns-01", "1", "pending") "," PERSIST("1", "issuerDomainNames", "[\"ca.test\"]")),
            "present dns-persist-01 a.test ca.test hashed"},
        {UNPRESENTED, "hashed", ERR_NOT_FOUND,
            .says = "withdraw dns-persist-01 a.test; present dns-01 a.test tok-1"});
    transcript_free(&t);
}

/* The draft: one to ten names, each a host name. */
static void test_unsound_issuers(void **state)
{
    static const char *const lists[] = {"[]", "\"ca.test\"", "[\"ca.test\",7]", "[\"*.ca.test\"]",
        "[\"192.0.2.1\"]", "[\"a b\"]",
        "[\"a.t\",\"b.t\",\"c.t\",\"d.t\",\"e.t\",\"f.t\",\"g.t\",\"h.t\",\"i.t\",\"j.t\",\"k.t\"]"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct transcript t;
        char body[1024];
        snprintf(body, sizeof body,
            "{\"status\":\"pending\",\"identifier\":" DNS(
                "a.test") ",\"challenges\":["
                          "{\"type\":\"dns-persist-01\",\"status\":\"pending\",\"url\":" URL(
                              "/p/1") ",\"issuer-domain-names\":%s}]}",
            lists[i]);
        transcript_of(
            &t, one, (struct order_params){.challenges = persist_first, .challenge_n = 1, .has_key = true});
        PLAY(&t, START_ONE, {ANSWER, "read /az/1", 200, body, "failed"});
        transcript_failed(&t, ERR_ACME, false, "offered: dns-persist-01 (incomplete)");
        transcript_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wildcard_beside_its_base),
        cmocka_unit_test(test_spreading_takes_its_time),
        cmocka_unit_test(test_other_kind_when_it_cannot_be_shown),
        cmocka_unit_test(test_standing_record),
        cmocka_unit_test(test_unsound_issuers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
