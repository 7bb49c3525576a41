#include "keeper_fixture.h"

#include "../crypto/test_certs.h"
#include "base/b64.h"
#include "base/time.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WISH "{\"name\":\"shop\",\"domains\":[\"a.example\",\"b.example\",\"192.0.2.1\"]"

/* Signs and takes apart; asserts that it works. */
static struct jws_parts signed_parts(struct keeper *k, struct arena *a, const struct msg_sign *m)
{
    struct buf out = buf_new(2 * MSG_WISH);
    struct err err = ERR_INIT;
    if (signing_sign(k, m, &out, &err) != 0)
        fail_msg("%s", err.text);
    struct jws_parts p = keeper_take_apart(a, buf_str(&out));
    buf_free(&out);
    return p;
}

static void refused(struct keeper *k, const struct msg_sign *m, int code, const char *words)
{
    struct buf out = buf_new(2 * MSG_WISH);
    struct err err = ERR_INIT;
    int r = signing_sign(k, m, &out, &err);
    if (r != code || strstr(err.text, words) == NULL || out.n != 0)
        fail_msg("%d \"%s\" instead of %d \"%s\"", r, err.text, code, words);
    buf_free(&out);
}

/* A request of the kind, complete as far as every kind needs it. */
static struct msg_sign request(enum acme_request kind, struct str permit)
{
    return (struct msg_sign){.account = DIRECTORY,
        .request = kind,
        .kid = ACCOUNT_URL,
        .nonce = "n",
        .url = "https://ca.example/x",
        .permit = permit,
        .sealed_key = STR(""),
        .ticket = STR(""),
        .profile = "",
        .identifier = ""};
}

static void an_order_holds_the_permits_names(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct msg_sign m = request(ACME_REQUEST_NEW_ORDER, keeper_permit(k, a, WISH "}"));
    assert_string_equal(signed_parts(k, a, &m).payload,
        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"},{\"type\":\"dns\",\"value\":\"b."
        "example\"},"
        "{\"type\":\"ip\",\"value\":\"192.0.2.1\"}]}");
    /* nothing is live that could be replaced */
    m.replaces = true;
    assert_null(strstr(signed_parts(k, a, &m).payload, "replaces"));
    static const char *const one[] = {"a.example"};
    m.omitted = (struct msg_list){one, 1};
    refused(k, &m, ERR_REFUSED, "no name may be left out");
    m = request(ACME_REQUEST_NEW_ORDER, STR("rubbish that is long enough to be a sealed thing"));
    refused(k, &m, ERR_CRYPTO, "this permit was not sealed");
    arena_free(a);
}

static void names_are_left_out_where_that_is_permitted(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct msg_sign m =
        request(ACME_REQUEST_NEW_ORDER, keeper_permit(k, a, WISH ",\"on-rejected-name\":\"issue-without\"}"));
    static const char *const two[] = {"192.0.2.1", "a.example"};
    static const char *const all[] = {"192.0.2.1", "a.example", "b.example"};
    static const char *const foreign[] = {"evil.example"};
    m.omitted = (struct msg_list){two, 2};
    assert_string_equal(
        signed_parts(k, a, &m).payload, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"b.example\"}]}");
    m.omitted = (struct msg_list){all, 3};
    refused(k, &m, ERR_REFUSED, "no name would be left");
    m.omitted = (struct msg_list){foreign, 1};
    refused(k, &m, ERR_REFUSED, "evil.example is none of its names");
    arena_free(a);
}

static void profiles_are_the_permits(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct msg_sign m =
        request(ACME_REQUEST_NEW_ORDER, keeper_permit(k, a, WISH ",\"profile\":\"classic\"}"));
    m.profile = "classic";
    assert_non_null(strstr(signed_parts(k, a, &m).payload, "\"profile\":\"classic\""));
    m.profile = "other";
    refused(k, &m, ERR_REFUSED, "the profile other is none of its own");
    m.permit = keeper_permit(k, a, WISH ",\"preferred-profile\":[\"short\",\"other\"]}");
    assert_non_null(strstr(signed_parts(k, a, &m).payload, "\"profile\":\"other\""));
    m.profile = "";
    assert_null(strstr(signed_parts(k, a, &m).payload, "profile"));
    arena_free(a);
}

static void dates_are_counted_from_now(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct msg_sign m = request(
        ACME_REQUEST_NEW_ORDER, keeper_permit(k, a, WISH ",\"not-before\":\"1h\",\"not-after\":\"10d\"}"));
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    int64_t before = time(NULL);
    const char *payload = signed_parts(k, a, &m).payload;
    bool found = false;
    for (int64_t now = before; now <= (int64_t)time(NULL); now++)
        found = found || strstr(payload, arena_printf(a, "\"notBefore\":\"%s\",\"notAfter\":\"%s\"",
                                             wall_format((struct wall){now + 3600}, from),
                                             wall_format((struct wall){now + 10 * 86400}, to))) != NULL;
    if (!found)
        fail_msg("%s", payload);
    arena_free(a);
}

static void names_are_authorized_ahead(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct msg_sign m = request(ACME_REQUEST_NEW_AUTHZ, keeper_permit(k, a, WISH "}"));
    m.identifier = "192.0.2.1";
    assert_string_equal(
        signed_parts(k, a, &m).payload, "{\"identifier\":{\"type\":\"ip\",\"value\":\"192.0.2.1\"}}");
    m.identifier = "*.b.example";
    refused(k, &m, ERR_REFUSED, "a wildcard");
    m.identifier = "d.example";
    refused(k, &m, ERR_REFUSED, "none of its names");
    m.identifier = "";
    refused(k, &m, ERR_REFUSED, "none of its names");
    arena_free(a);
}

static void headers_and_urls_are_checked(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct str permit = keeper_permit(k, a, WISH "}");
    for (uint32_t i = 0; i < ACME_REQUEST_END_; i++) {
        bool jwk = i == ACME_REQUEST_NEW_ACCOUNT || i == ACME_REQUEST_FIND_ACCOUNT ||
                   i == ACME_REQUEST_FIND_PENDING || i == ACME_REQUEST_REVOKE_BY_KEY;
        struct msg_sign m = request((enum acme_request)i, permit);
        m.kid = jwk ? ACCOUNT_URL : "";
        refused(k, &m, ERR_REFUSED, "by its key or by its URL");
        m.kid = jwk ? "" : ACCOUNT_URL;
        m.url = "https://evil.example/x";
        refused(k, &m, ERR_INPUT, "");
        m.url = "https://ca.example/x";
        m.account = DIRECTORY "#other";
        refused(k, &m, ERR_REFUSED, "no account is configured");
    }
    struct msg_sign m = request(ACME_REQUEST_END_, permit);
    refused(k, &m, ERR_REFUSED, "no request number");
    m = request(ACME_REQUEST_READ, STR(""));
    assert_string_equal(signed_parts(k, a, &m).payload, "");
    m.request = ACME_REQUEST_CHALLENGE;
    assert_string_equal(signed_parts(k, a, &m).payload, "{}");
    arena_free(a);
}

/* Deactivating an authorization and an account are the same words: only the URL tells them apart. */
static void giving_up_never_hits_the_account(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct msg_sign m = request(ACME_REQUEST_GIVE_UP, STR(""));
    m.url = "https://ca.example/authz/7";
    assert_string_equal(signed_parts(k, a, &m).payload, "{\"status\":\"deactivated\"}");
    m.url = "https://ca.example/acct/7/authz/9";
    assert_string_equal(signed_parts(k, a, &m).payload, "{\"status\":\"deactivated\"}");
    static const char *const tricks[] = {ACCOUNT_URL, ACCOUNT_URL "/", ACCOUNT_URL "?x=1",
        "https://CA.example/acct/7", "https://ca.example//acct/7", "https://ca.example/x/../acct/./7",
        "https://ca.example/%61cct/7", "https://ca.example/acct/%37", "https://ca.example/ACCT/7",
        "https://ca.example:443/acct/7", "https://ca.example/acct/07", "https://ca.example/acct%2f7"};
    for (size_t i = 0; i < ARRAY_LEN(tricks); i++) {
        m.url = tricks[i];
        refused(k, &m, ERR_REFUSED, "by an operator's command only");
    }
    arena_free(a);
}

static void an_account_is_deactivated_by_ticket(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct msg_sign m = request(ACME_REQUEST_DEACTIVATE_ACCOUNT, STR(""));
    m.url = ACCOUNT_URL;
    refused(k, &m, ERR_REFUSED, "needs an operator's command");
    m.ticket = keeper_ticket(k, a, ACME_REQUEST_DEACTIVATE_ACCOUNT, DIRECTORY "#other", 0);
    refused(k, &m, ERR_REFUSED, "this command is to deactivate " DIRECTORY "#other");
    m.ticket = keeper_ticket(k, a, ACME_REQUEST_KEY_CHANGE, DIRECTORY, 0);
    refused(k, &m, ERR_REFUSED, "this command is to change-key");
    m.ticket = keeper_ticket(k, a, ACME_REQUEST_DEACTIVATE_ACCOUNT, DIRECTORY, 0);
    assert_string_equal(signed_parts(k, a, &m).payload, "{\"status\":\"deactivated\"}");
    m.url = "https://ca.example/acct/8";
    refused(k, &m, ERR_REFUSED, "at its own URL");
    arena_free(a);
}

/* The request inside a finalize, described. */
static struct csr requested(struct arena *a, const char *payload)
{
    struct csr csr;
    char *text = arena_dup_c(a, payload);
    assert_int_equal(strncmp(text, "{\"csr\":\"", 8), 0);
    struct str der64 = {text + 8, strlen(text) - 10};
    struct buf der = buf_new(100000);
    struct err err = ERR_INIT;
    assert_int_equal(b64url_decode(&der, der64), 0);
    if (csr_read(buf_str(&der), a, &csr, &err) != 0)
        fail_msg("%s", err.text);
    buf_free(&der);
    return csr;
}

static void a_finalize_has_our_key_and_names(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct str permit = keeper_permit(k, a,
        WISH ",\"key-type\":[\"ecdsa-p384\",\"rsa-2048\"],\"must-staple\":\"true\","
             "\"on-rejected-name\":\"issue-without\"}");
    struct msg_sign m = request(ACME_REQUEST_FINALIZE, permit);
    m.generation = 3;
    m.sealed_key = keeper_sealed(k, a, permit, 3, STR(""));
    struct csr csr = requested(a, signed_parts(k, a, &m).payload);
    assert_int_equal(csr.name_n, 3);
    assert_string_equal(csr.names[0], "a.example");
    assert_string_equal(csr.names[2], "192.0.2.1");
    assert_string_equal(csr.key_type, "ecdsa-p384");
    assert_true(csr.must_staple);
    static const char *const one[] = {"a.example"};
    m.omitted = (struct msg_list){one, 1};
    csr = requested(a, signed_parts(k, a, &m).payload);
    assert_int_equal(csr.name_n, 2);
    m.omitted = (struct msg_list){NULL, 0};
    /* bound to certificate and generation */
    m.generation = 4;
    refused(k, &m, ERR_CRYPTO, "does not unseal");
    m.generation = 3;
    m.variant = 1;
    refused(k, &m, ERR_CRYPTO, "does not unseal");
    m.variant = 2;
    refused(k, &m, ERR_INPUT, "");
    m.variant = 0;
    assert_int_equal(burnt_add(k, csr.key_hash, NULL), 0);
    refused(k, &m, ERR_REFUSED, "revoked as compromised");
    arena_free(a);
}

static struct csr finalized(
    struct keeper *k, struct arena *a, struct str permit, struct str sealed, int64_t generation)
{
    struct msg_sign m = request(ACME_REQUEST_FINALIZE, permit);
    m.generation = generation;
    m.sealed_key = sealed;
    return requested(a, signed_parts(k, a, &m).payload);
}

static void a_key_is_used_again_where_that_is_wished(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct str once = keeper_permit(k, a, WISH "}"),
               reuse = keeper_permit(k, a, WISH ",\"reuse-key\":\"true\"}");
    struct str other_type = keeper_permit(k, a, WISH ",\"reuse-key\":\"true\",\"key-type\":\"ecdsa-p384\"}");
    struct str first = keeper_sealed(k, a, once, 1, STR(""));
    struct csr one = finalized(k, a, once, first, 1);
    struct csr two = finalized(k, a, once, keeper_sealed(k, a, once, 2, first), 2);
    assert_string_not_equal(two.key_hash, one.key_hash);
    struct str again = keeper_sealed(k, a, reuse, 2, first);
    assert_string_equal(finalized(k, a, reuse, again, 2).key_hash, one.key_hash);
    assert_string_equal(
        finalized(k, a, reuse, keeper_sealed(k, a, reuse, 3, again), 3).key_hash, one.key_hash);
    assert_string_equal(
        finalized(k, a, other_type, keeper_sealed(k, a, other_type, 2, first), 2).key_type, "ecdsa-p384");
    /* one that does not open (another generation), and one that burnt: a new one */
    assert_string_not_equal(
        finalized(k, a, reuse, keeper_sealed(k, a, reuse, 5, first), 5).key_hash, one.key_hash);
    assert_int_equal(burnt_add(k, one.key_hash, NULL), 0);
    assert_string_not_equal(
        finalized(k, a, reuse, keeper_sealed(k, a, reuse, 2, first), 2).key_hash, one.key_hash);
    arena_free(a);
}

/* A wish (JSON) with this request. */
static const char *wish_with_csr(
    struct arena *a, const struct key *key, const char *names, const struct str *in_csr, size_t n)
{
    struct buf der = buf_new(10000), text = buf_new(10000);
    assert_int_equal(csr_build(key, &(struct csr_content){in_csr, n}, &der, NULL), 0);
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    assert_true(PEM_write_bio(bio, "CERTIFICATE REQUEST", "", (const unsigned char *)der.p, (long)der.n) > 0);
    long pem_n = BIO_get_mem_data(bio, &p);
    for (long i = 0; i < pem_n; i++)
        if (p[i] == '\n')
            buf_put_c(&text, "\\n");
        else
            buf_put_char(&text, p[i]);
    const char *wish =
        arena_printf(a, "{\"name\":\"own\",\"domains\":%s,\"csr\":\"%s\"}", names, buf_c(&text));
    BIO_free(bio);
    buf_free(&der);
    buf_free(&text);
    return wish;
}

static void an_operators_own_request_is_sent(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct key *key = test_key(), *other = test_key();
    const struct str names[] = {STR("a.example"), STR("192.0.2.1")};
    const char *wish = wish_with_csr(a, key, "[\"192.0.2.1\",\"a.example\"]", names, 2);
    struct str permit = keeper_permit(k, a, wish);
    struct str sealed = keeper_sealed(k, a, permit, 1, STR(""));
    char hash[SHA256_HEX_LEN];
    assert_int_equal(key_spki_sha256(key, hash, NULL), 0);
    struct csr sent = finalized(k, a, permit, sealed, 1);
    assert_string_equal(sent.key_hash, hash);
    /* what was begun with one request is not ended with another */
    struct msg_sign m = request(ACME_REQUEST_FINALIZE,
        keeper_permit(k, a, wish_with_csr(a, other, "[\"192.0.2.1\",\"a.example\"]", names, 2)));
    m.generation = 1;
    m.sealed_key = sealed;
    refused(k, &m, ERR_REFUSED, "another one than when this was begun");
    /* nor with a key of ours, and the other way round */
    m.permit = keeper_permit(k, a, "{\"name\":\"own\",\"domains\":[\"a.example\"]}");
    refused(k, &m, ERR_CRYPTO, "does not unseal");
    static const char *const one[] = {"a.example"};
    m.permit = permit;
    m.omitted = (struct msg_list){one, 1};
    refused(k, &m, ERR_REFUSED, "no name may be left out");
    m.omitted = (struct msg_list){NULL, 0};
    assert_int_equal(burnt_add(k, hash, NULL), 0);
    refused(k, &m, ERR_REFUSED, "revoked as compromised");
    key_free(key);
    key_free(other);
    arena_free(a);
}

static void not_permitted(struct keeper *k, const char *wish, int code, const char *words)
{
    struct buf out = buf_new(MSG_WISH);
    struct err err = ERR_INIT;
    int r = permit_make(k, str_c(wish), &out, &err);
    if (r != code || strstr(err.text, words) == NULL || out.n != 0)
        fail_msg("%d \"%s\" instead of %d \"%s\"", r, err.text, code, words);
    buf_free(&out);
}

static void a_request_is_judged_when_it_is_permitted(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct key *key = test_key();
    const struct str names[] = {STR("a.example"), STR("192.0.2.1")};
    not_permitted(k, wish_with_csr(a, key, "[\"a.example\"]", names, 2), ERR_VERIFY,
        "csr of own: the certificate request is also for 192.0.2.1");
    not_permitted(k, wish_with_csr(a, key, "[\"a.example\",\"b.example\",\"192.0.2.1\"]", names, 2),
        ERR_VERIFY, "csr of own: the certificate request lacks the name b.example");
    not_permitted(k,
        wish_with_csr(a, accounts_find(k, DIRECTORY)->key, "[\"a.example\",\"192.0.2.1\"]", names, 2),
        ERR_REFUSED, "its key is an account's");
    const char *good = wish_with_csr(a, key, "[\"a.example\",\"192.0.2.1\"]", names, 2);
    (void)keeper_permit(k, a, good);
    char hash[SHA256_HEX_LEN];
    assert_int_equal(key_spki_sha256(key, hash, NULL), 0);
    assert_int_equal(burnt_add(k, hash, NULL), 0);
    not_permitted(k, good, ERR_REFUSED, "revoked as compromised");
    not_permitted(k,
        "{\"domains\":[\"a.example\"],\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\nAAAA\\n"
        "-----END CERTIFICATE REQUEST-----\\n\"}",
        ERR_INPUT, "csr of a.example: this is no certificate request");
    key_free(key);
    arena_free(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, keeper_set_up, keeper_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_order_holds_the_permits_names),
        TEST(names_are_left_out_where_that_is_permitted),
        TEST(profiles_are_the_permits),
        TEST(dates_are_counted_from_now),
        TEST(names_are_authorized_ahead),
        TEST(headers_and_urls_are_checked),
        TEST(giving_up_never_hits_the_account),
        TEST(an_account_is_deactivated_by_ticket),
        TEST(a_finalize_has_our_key_and_names),
        TEST(a_key_is_used_again_where_that_is_wished),
        TEST(an_operators_own_request_is_sent),
        TEST(a_request_is_judged_when_it_is_permitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
