#include "keeper_ca.h"

#include "base/b64.h"
#include "crypto/key_priv.h"
#include "os/file.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WISH "{\"name\":\"shop\",\"domains\":[\"a.example\",\"b.example\"]"

static void publishes(struct keeper *k, struct arena *a, const struct msg_publish *m, struct chain *out)
{
    struct err err = ERR_INIT;
    if (publish(k, a, m, out, &err) != 0)
        fail_msg("%s", err.text);
}

static void refused(
    struct keeper *k, struct arena *a, const struct msg_publish *m, int code, const char *words)
{
    struct chain c = {.n = 0};
    struct err err = ERR_INIT;
    int r = publish(k, a, m, &c, &err);
    if (r != code || strstr(err.text, words) == NULL)
        fail_msg("%d \"%s\" instead of %d \"%s\"", r, err.text, code, words);
}

static void a_rehearsal_writes_nothing(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    struct msg_publish m =
        prepared(k, a, &ca, keeper_permit(k, a, WISH "}"), 1, STR(""), "DNS:a.example,DNS:b.example");
    m.rehearsal = true;
    publishes(k, a, &m, &c);
    assert_string_equal(c.issuer, "CN=Root");
    assert_int_equal(strlen(c.key_hash), 64);
    assert_string_equal(c.ari_id, "AQIDBAU.Cgs");
    assert_false(keeper_has("live/shop"));
    assert_false(keeper_has("live/.generations"));
    m.rehearsal = false;
    publishes(k, a, &m, &c);
    assert_true(keeper_has("live/shop/privkey.pem"));
    assert_true(keeper_has("live/shop/combined.pem"));
    assert_string_equal(keeper_file(a, "live/shop/fullchain.pem"), m.chain.p);
    ca_free(&ca);
    arena_free(a);
}

static void a_chain_that_is_not_ours_leaves_the_live_one(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    struct str permit = keeper_permit(k, a, WISH "}");
    struct msg_publish m = prepared(k, a, &ca, permit, 1, STR(""), "DNS:a.example,DNS:b.example");
    publishes(k, a, &m, &c);
    const char *live = keeper_file(a, "live/shop/fullchain.pem");
    struct msg_publish other = prepared(k, a, &ca, permit, 2, m.sealed_key, "DNS:a.example");
    refused(k, a, &other, ERR_VERIFY, "lacks the name b.example");
    other = prepared(k, a, &ca, permit, 2, m.sealed_key, "DNS:a.example,DNS:b.example,DNS:evil.example");
    refused(k, a, &other, ERR_VERIFY, "also for evil.example");
    other.chain = m.chain;
    refused(k, a, &other, ERR_VERIFY, "for another key");
    other.chain = STR("");
    refused(k, a, &other, ERR_INPUT, "no certificate");
    assert_string_equal(keeper_file(a, "live/shop/fullchain.pem"), live);
    ca_free(&ca);
    arena_free(a);
}

static void names_are_missing_only_where_that_is_permitted(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    static const char *const b[] = {"b.example"};
    struct msg_publish m = prepared(k, a, &ca, keeper_permit(k, a, WISH "}"), 1, STR(""), "DNS:a.example");
    m.omitted = (struct msg_list){b, 1};
    refused(k, a, &m, ERR_REFUSED, "no name may be left out");
    m.permit = keeper_permit(k, a, WISH ",\"on-rejected-name\":\"issue-without\"}");
    publishes(k, a, &m, &c);
    m.omitted = (struct msg_list){NULL, 0};
    refused(k, a, &m, ERR_VERIFY, "lacks the name b.example");
    ca_free(&ca);
    arena_free(a);
}

static int revoke(struct keeper *k, struct arena *a, enum acme_request request, const struct msg_publish *p,
    struct str ticket, const char **header, const char **payload, struct err *err)
{
    const struct msg_sign m = {.account = DIRECTORY,
        .request = request,
        .kid = request == ACME_REQUEST_REVOKE ? ACCOUNT_URL : "",
        .nonce = "n",
        .url = "https://ca.example/revoke",
        .permit = p->permit,
        .variant = p->variant,
        .generation = p->generation,
        .sealed_key = request == ACME_REQUEST_REVOKE ? STR("") : p->sealed_key,
        .ticket = ticket,
        .profile = "",
        .identifier = ""};
    struct buf out = buf_new(2 * MSG_WISH);
    int r = signing_sign(k, &m, &out, err);
    if (r == 0) {
        struct jws_parts parts = keeper_take_apart(a, buf_str(&out));
        *header = parts.header;
        *payload = parts.payload;
    }
    buf_free(&out);
    return r;
}

static void variants_lie_side_by_side(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    struct str permit = keeper_permit(k, a, WISH ",\"key-type\":[\"ecdsa-p256\",\"rsa-2048\"]}");
    struct msg_publish m = prepared(k, a, &ca, permit, 1, STR(""), "DNS:a.example,DNS:b.example");
    publishes(k, a, &m, &c);
    m.variant = 1;
    refused(k, a, &m, ERR_CRYPTO, "does not unseal");
    struct wish w;
    struct buf sealed = buf_new(MSG_SMALL);
    const struct msg_key_make make = {.permit = permit, .variant = 1, .generation = 1, .previous = STR("")};
    assert_int_equal(permit_wish(k, permit, 1, a, &w, NULL), 0);
    assert_string_equal(w.name, "shop-rsa");
    assert_int_equal(sealed_key_make(k, &w, &make, a, &sealed, NULL), 0);
    struct certificate_key key = {NULL};
    assert_int_equal(sealed_key_open(k, &w, 1, buf_str(&sealed), &key, NULL), 0);
    struct str names[] = {STR("a.example"), STR("b.example")};
    struct buf der = buf_new(10000);
    assert_int_equal(csr_build(key.key, &(struct csr_content){names, 2, false}, &der, NULL), 0);
    const unsigned char *p = (const unsigned char *)der.p;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
    m.chain = issued(a, &ca, req, "DNS:a.example,DNS:b.example");
    m.sealed_key = buf_str(&sealed);
    publishes(k, a, &m, &c);
    assert_string_equal(c.key_type, "rsa-2048");
    assert_true(keeper_has("live/shop/cert.pem"));
    assert_true(keeper_has("live/shop-rsa/cert.pem"));
    /* a command about the whole is about each; one about a variant about that alone */
    const char *header = "", *payload = "";
    const struct str whole = keeper_ticket(k, a, ACME_REQUEST_REVOKE, "shop", 0);
    const struct str rsa = keeper_ticket(k, a, ACME_REQUEST_REVOKE, "shop-rsa", 0);
    assert_int_equal(revoke(k, a, ACME_REQUEST_REVOKE, &m, whole, &header, &payload, NULL), 0);
    assert_int_equal(revoke(k, a, ACME_REQUEST_REVOKE, &m, rsa, &header, &payload, NULL), 0);
    m.variant = 0;
    assert_int_equal(revoke(k, a, ACME_REQUEST_REVOKE, &m, whole, &header, &payload, NULL), 0);
    assert_int_equal(revoke(k, a, ACME_REQUEST_REVOKE, &m, rsa, &header, &payload, NULL), ERR_REFUSED);
    /* forgetting the whole takes both away, and what only has such a name stays */
    assert_string_equal(keeper_file(a, "live/.generations/shop-rsa/.variant"), "shop");
    assert_false(keeper_has("live/.generations/shop/.variant"));
    assert_int_equal(publish_forget(k, "sho", NULL), 0);
    assert_true(keeper_has("live/shop-rsa/cert.pem"));
    assert_int_equal(publish_forget(k, "shop", NULL), 0);
    assert_false(keeper_has("live/shop") || keeper_has("live/shop-rsa"));
    assert_true(keeper_has("archive/shop/1/cert.pem") && keeper_has("archive/shop-rsa/1/cert.pem"));
    X509_REQ_free(req);
    certificate_key_free(&key);
    buf_free(&der);
    buf_free(&sealed);
    ca_free(&ca);
    arena_free(a);
}

/* As when the second key type was removed and somebody took its name. */
static void a_certificate_of_its_own_is_no_variant(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    struct str permit = keeper_permit(k, a, "{\"name\":\"shop-rsa\",\"domains\":[\"a.example\"]}");
    struct msg_publish m = prepared(k, a, &ca, permit, 1, STR(""), "DNS:a.example");
    publishes(k, a, &m, &c);
    int all ATTR_CLEANUP(fd_close) = -1, dir ATTR_CLEANUP(fd_close) = -1;
    assert_int_equal(dir_make(k->live, ".generations", 0755, &all, NULL), 0);
    assert_int_equal(dir_make(all, "shop-rsa", 0755, &dir, NULL), 0);
    assert_int_equal(file_write_new(dir, ".variant", 0644, STR("shop"), NULL), 0);
    m = prepared(k, a, &ca, permit, 2, STR(""), "DNS:a.example");
    publishes(k, a, &m, &c);
    assert_false(keeper_has("live/.generations/shop-rsa/.variant"));
    assert_int_equal(publish_forget(k, "shop", NULL), 0);
    assert_true(keeper_has("live/shop-rsa/cert.pem"));
    ca_free(&ca);
    arena_free(a);
}

static void without_our_key_none_is_written(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    struct key *key = test_key();
    const struct str names[] = {STR("a.example")};
    struct buf der = buf_new(10000), text = buf_new(10000);
    assert_int_equal(csr_build(key, &(struct csr_content){names, 1, false}, &der, NULL), 0);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    assert_true(PEM_write_bio(bio, "CERTIFICATE REQUEST", "", (const unsigned char *)der.p, (long)der.n) > 0);
    long pem_n = BIO_get_mem_data(bio, &pem);
    for (long i = 0; i < pem_n; i++)
        buf_printf(&text, pem[i] == '\n' ? "\\n" : "%c", pem[i]);
    struct str permit = keeper_permit(
        k, a, arena_printf(a, "{\"name\":\"own\",\"domains\":[\"a.example\"],\"csr\":\"%s\"}", buf_c(&text)));
    struct msg_publish m = prepared(k, a, &ca, permit, 1, STR(""), "DNS:a.example");
    publishes(k, a, &m, &c);
    assert_true(keeper_has("live/own/cert.pem"));
    assert_true(keeper_has("live/own/chain.pem"));
    assert_string_equal(keeper_file(a, "live/own/fullchain.pem"), m.chain.p);
    assert_false(keeper_has("live/own/privkey.pem"));
    assert_false(keeper_has("live/own/combined.pem"));
    struct key *other = test_key();
    X509_REQ *req = X509_REQ_new();
    X509_REQ_set_pubkey(req, other->pkey);
    m.chain = issued(a, &ca, req, "DNS:a.example");
    refused(k, a, &m, ERR_VERIFY, "for another key");
    X509_REQ_free(req);
    key_free(other);
    key_free(key);
    BIO_free(bio);
    buf_free(&der);
    buf_free(&text);
    ca_free(&ca);
    arena_free(a);
}

static void an_order_replaces_what_is_live(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    struct str permit = keeper_permit(k, a, WISH "}");
    struct msg_publish m = prepared(k, a, &ca, permit, 1, STR(""), "DNS:a.example,DNS:b.example");
    publishes(k, a, &m, &c);
    const struct msg_sign order = {.account = DIRECTORY,
        .request = ACME_REQUEST_NEW_ORDER,
        .kid = ACCOUNT_URL,
        .nonce = "n",
        .url = "https://ca.example/x",
        .permit = permit,
        .profile = "",
        .identifier = "",
        .replaces = true};
    struct buf out = buf_new(2 * MSG_WISH);
    assert_int_equal(signing_sign(k, &order, &out, NULL), 0);
    assert_non_null(strstr(keeper_take_apart(a, buf_str(&out)).payload, ",\"replaces\":\"AQIDBAU.Cgs\"}"));
    buf_free(&out);
    ca_free(&ca);
    arena_free(a);
}

static void only_an_operator_revokes(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    const char *header = "", *payload = "";
    struct msg_publish m =
        prepared(k, a, &ca, keeper_permit(k, a, WISH "}"), 1, STR(""), "DNS:a.example,DNS:b.example");
    struct str ticket = keeper_ticket(k, a, ACME_REQUEST_REVOKE, "shop", 4);
    for (int by_key = 0; by_key <= 1; by_key++) {
        enum acme_request r = by_key ? ACME_REQUEST_REVOKE_BY_KEY : ACME_REQUEST_REVOKE;
        struct err err = ERR_INIT;
        if (by_key == 0) { /* nothing is live */
            assert_int_equal(revoke(k, a, r, &m, ticket, &header, &payload, &err), ERR_NOT_FOUND);
            publishes(k, a, &m, &c);
        }
        assert_int_equal(revoke(k, a, r, &m, STR(""), &header, &payload, &err), ERR_REFUSED);
        assert_int_equal(revoke(k, a, r, &m, keeper_ticket(k, a, ACME_REQUEST_REVOKE, "other", 4), &header,
                             &payload, &err),
            ERR_REFUSED);
        assert_int_equal(revoke(k, a, r, &m, keeper_ticket(k, a, ACME_REQUEST_KEY_CHANGE, "shop", 4), &header,
                             &payload, &err),
            ERR_REFUSED);
        assert_int_equal(k->burnt_n, 0); /* nobody burns a key without a command */
    }
    assert_int_equal(revoke(k, a, ACME_REQUEST_REVOKE, &m, ticket, &header, &payload, NULL), 0);
    struct buf want = buf_new(10000);
    buf_put_c(&want, "{\"certificate\":\"");
    b64url_encode(&want, c.leaf_der);
    buf_put_c(&want, "\",\"reason\":4}");
    assert_string_equal(payload, buf_c(&want));
    assert_non_null(strstr(header, "\"kid\":\"" ACCOUNT_URL "\""));
    assert_false(burnt_has(k, c.key_hash));
    buf_free(&want);
    ca_free(&ca);
    arena_free(a);
}

static void a_compromised_key_burns_before_it_is_told(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    const char *header = "", *payload = "";
    struct str permit = keeper_permit(k, a, WISH ",\"reuse-key\":\"true\"}");
    struct msg_publish m = prepared(k, a, &ca, permit, 1, STR(""), "DNS:a.example,DNS:b.example");
    publishes(k, a, &m, &c);
    struct str ticket = keeper_ticket(k, a, ACME_REQUEST_REVOKE, "shop", 1);
    assert_int_equal(revoke(k, a, ACME_REQUEST_REVOKE, &m, ticket, &header, &payload, NULL), 0);
    assert_true(burnt_has(k, c.key_hash));
    assert_string_equal(keeper_file(a, "burnt-keys"), arena_printf(a, "%s\n", c.key_hash));
    refused(k, a, &m, ERR_REFUSED, "revoked as compromised");
    /* by its own key it can be revoked still, and again when the answer got lost */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(revoke(k, a, ACME_REQUEST_REVOKE_BY_KEY, &m, ticket, &header, &payload, NULL), 0);
        assert_non_null(strstr(header, "\"jwk\":{"));
        assert_null(strstr(header, "\"kid\""));
    }
    struct certificate_key next = {NULL};
    struct wish w;
    assert_int_equal(permit_wish(k, permit, 0, a, &w, NULL), 0);
    assert_int_equal(sealed_key_open(k, &w, 2, keeper_sealed(k, a, permit, 2, m.sealed_key), &next, NULL), 0);
    assert_string_not_equal(next.hash, c.key_hash);
    certificate_key_free(&next);
    ca_free(&ca);
    arena_free(a);
}

static void by_key_means_the_live_ones_key(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c = {.n = 0};
    const char *header = "", *payload = "";
    struct str permit = keeper_permit(k, a, WISH "}");
    struct msg_publish m = prepared(k, a, &ca, permit, 1, STR(""), "DNS:a.example,DNS:b.example");
    publishes(k, a, &m, &c);
    struct str ticket = keeper_ticket(k, a, ACME_REQUEST_REVOKE_BY_KEY, "shop", 0);
    struct msg_publish next = {
        .permit = permit, .generation = 2, .sealed_key = keeper_sealed(k, a, permit, 2, STR(""))};
    struct err err = ERR_INIT;
    assert_int_equal(
        revoke(k, a, ACME_REQUEST_REVOKE_BY_KEY, &next, ticket, &header, &payload, &err), ERR_REFUSED);
    assert_non_null(strstr(err.text, "what is live has another key"));
    assert_int_equal(k->burnt_n, 0);
    /* a CA that is told so by the key takes it for compromised */
    assert_int_equal(revoke(k, a, ACME_REQUEST_REVOKE_BY_KEY, &m, ticket, &header, &payload, NULL), 0);
    assert_true(burnt_has(k, c.key_hash));
    ca_free(&ca);
    arena_free(a);
}

static int write_one(struct keeper *k, struct arena *a, const struct msg_publish *m, const char **target)
{
    struct wish w;
    struct chain c;
    struct certificate_key key = {NULL};
    assert_int_equal(permit_wish(k, m->permit, 0, a, &w, NULL), 0);
    assert_int_equal(sealed_key_open(k, &w, m->generation, m->sealed_key, &key, NULL), 0);
    int r = publish_write(k, &w, m, &key, a, &c, target, NULL);
    certificate_key_free(&key);
    return r;
}

/* Written, it is not live; and what a power loss may have left half is not taken for whole. */
static void what_is_written_is_not_live_yet(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    const char *target = NULL;
    struct msg_publish m =
        prepared(k, a, &ca, keeper_permit(k, a, WISH "}"), 1, STR(""), "DNS:a.example,DNS:b.example");
    assert_int_equal(write_one(k, a, &m, &target), 0);
    assert_string_equal(target, ".generations/shop/1");
    assert_false(keeper_has("live/shop"));
    assert_true(keeper_has("live/.generations/shop/1/combined.pem"));
    const char *key = keeper_file(a, "live/.generations/shop/1/privkey.pem");
    int dir = -1;
    assert_int_equal(dir_open(k->live, ".generations/shop/1", &dir, NULL), 0);
    assert_int_equal(file_replace(dir, "privkey.pem", 0600, STR(""), NULL), 0);
    assert_int_equal(write_one(k, a, &m, &target), 0);
    assert_string_equal(keeper_file(a, "live/.generations/shop/1/privkey.pem"), key);
    assert_int_equal(link_switch_unsynced(k->live, "shop", target, NULL), 0);
    assert_int_equal(write_one(k, a, &m, &target), 0); /* live, and left alone */
    assert_string_equal(keeper_file(a, "live/shop/fullchain.pem"), m.chain.p);
    m.chain = STR("");
    assert_int_equal(write_one(k, a, &m, &target), ERR_INPUT);
    fd_close(&dir);
    ca_free(&ca);
    arena_free(a);
}

/* So does one that is published by itself: its folder may have been written together with others. */
static void what_was_left_half_is_written_again(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct chain c;
    const char *target = NULL;
    struct msg_publish m =
        prepared(k, a, &ca, keeper_permit(k, a, WISH "}"), 1, STR(""), "DNS:a.example,DNS:b.example");
    assert_int_equal(write_one(k, a, &m, &target), 0);
    const char *key = keeper_file(a, "live/.generations/shop/1/privkey.pem");
    int dir = -1;
    assert_int_equal(dir_open(k->live, ".generations/shop/1", &dir, NULL), 0);
    assert_int_equal(file_replace(dir, "privkey.pem", 0600, STR(""), NULL), 0);
    fd_close(&dir);
    assert_int_equal(publish(k, a, &m, &c, NULL), 0);
    assert_string_equal(keeper_file(a, "live/shop/privkey.pem"), key);
    ca_free(&ca);
    arena_free(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, keeper_set_up, keeper_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rehearsal_writes_nothing),
        TEST(a_chain_that_is_not_ours_leaves_the_live_one),
        TEST(names_are_missing_only_where_that_is_permitted),
        TEST(variants_lie_side_by_side),
        TEST(a_certificate_of_its_own_is_no_variant),
        TEST(without_our_key_none_is_written),
        TEST(an_order_replaces_what_is_live),
        TEST(only_an_operator_revokes),
        TEST(a_compromised_key_burns_before_it_is_told),
        TEST(by_key_means_the_live_ones_key),
        TEST(what_is_written_is_not_live_yet),
        TEST(what_was_left_half_is_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
