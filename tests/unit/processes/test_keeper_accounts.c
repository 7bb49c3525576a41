#include "keeper_fixture.h"

#include "crypto/jws.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct keeper_account *account(struct keeper *k)
{
    struct keeper_account *a = accounts_find(k, DIRECTORY);
    assert_non_null(a);
    return a;
}

static const char *hash_of(struct arena *a, const struct key *key)
{
    char hash[SHA256_HEX_LEN];
    assert_int_equal(key_spki_sha256(key, hash, NULL), 0);
    return arena_dup_c(a, hash);
}

static void restart(struct keeper *k)
{
    struct err err = ERR_INIT;
    if (keeper_restart(k, &err) != 0)
        fail_msg("%s", err.text);
    accounts_configure(k, &(struct msg_keeper_account){.account = DIRECTORY});
}

static void files_are_private(void **state)
{
    (void)state;
    static const char *const names[] = {"seal.key", "account-key", "burnt-keys"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct stat st;
        assert_int_equal(fstatat(PROCESS_STATE_FD, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
}

static void a_key_is_of_the_configured_type_and_stays(void **state)
{
    struct keeper *k = *state;
    static const char *const types[] = {"", "ecdsa-p384", "ed25519", "no-such"};
    static const enum key_type want[] = {KEY_ECDSA_P256, KEY_ECDSA_P384, KEY_ED25519, KEY_ECDSA_P256};
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const char *id = arena_printf(a, DIRECTORY "#%zu", i);
        const struct msg_keeper_account m = {.account = id, .key_type = types[i]};
        struct keeper_account *one = NULL;
        enum key_type type = KEY_TYPE_END_;
        accounts_configure(k, &m);
        assert_int_equal(accounts_configured(k, id, &one, NULL), 0);
        assert_int_equal(accounts_make_key(k, one, NULL), 0);
        assert_true(one->key_is_new);
        assert_true(key_type_of(one->key, &type));
        assert_int_equal(type, want[i]);
    }
    const char *hash = hash_of(a, accounts_find(k, DIRECTORY "#1")->key);
    restart(k);
    struct keeper_account *one = NULL;
    assert_int_equal(accounts_configured(k, DIRECTORY "#1", &one, NULL), ERR_REFUSED);
    const struct msg_keeper_account other = {.account = DIRECTORY "#1", .key_type = "rsa-2048"};
    accounts_configure(k, &other);
    assert_int_equal(accounts_configured(k, DIRECTORY "#1", &one, NULL), 0);
    assert_int_equal(accounts_make_key(k, one, NULL), 0);
    assert_string_equal(hash_of(a, one->key), hash);
    assert_false(one->key_is_new);
    arena_free(a);
}

/* For a CA that does not take keys of its type: in its place comes one of the configured type, if that is
 * another. */
static void a_key_that_the_ca_refused_is_replaced(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct keeper_account *one = NULL;
    enum key_type type = KEY_TYPE_END_;
    accounts_configure(k, &(struct msg_keeper_account){.account = DIRECTORY "#old", .key_type = "ed25519"});
    assert_int_equal(accounts_configured(k, DIRECTORY "#old", &one, NULL), 0);
    assert_int_equal(accounts_make_key(k, one, NULL), 0);
    const char *hash = hash_of(a, one->key);
    assert_int_equal(accounts_replace_key(k, one, NULL), 0);
    assert_string_equal(hash_of(a, one->key), hash);
    accounts_configure(
        k, &(struct msg_keeper_account){.account = DIRECTORY "#old", .key_type = "ecdsa-p384"});
    assert_int_equal(accounts_replace_key(k, one, NULL), 0);
    assert_true(key_type_of(one->key, &type));
    assert_int_equal(type, KEY_ECDSA_P384);
    assert_true(one->key_is_new);
    hash = hash_of(a, one->key);
    restart(k);
    accounts_configure(
        k, &(struct msg_keeper_account){.account = DIRECTORY "#old", .key_type = "ecdsa-p384"});
    assert_int_equal(accounts_configured(k, DIRECTORY "#old", &one, NULL), 0);
    assert_string_equal(hash_of(a, one->key), hash);
    arena_free(a);
}

static struct str change_ticket(struct keeper *k, struct arena *a)
{
    return keeper_ticket(k, a, ACME_REQUEST_KEY_CHANGE, DIRECTORY, 0);
}

static void a_rollover_is_durable_and_ends_either_way(void **state)
{
    struct keeper *k = *state;
    for (int commit = 0; commit <= 1; commit++) {
        struct arena *a = arena_new();
        const char *old = hash_of(a, account(k)->key);
        assert_int_equal(accounts_rollover_begin(k, account(k), change_ticket(k, a), NULL), 0);
        const char *next = hash_of(a, account(k)->pending);
        assert_string_not_equal(old, next);
        assert_string_equal(hash_of(a, account(k)->key), old);
        /* begun already: no third key */
        assert_int_equal(accounts_rollover_begin(k, account(k), change_ticket(k, a), NULL), 0);
        assert_string_equal(hash_of(a, account(k)->pending), next);
        restart(k);
        assert_string_equal(hash_of(a, account(k)->key), old);
        assert_string_equal(hash_of(a, account(k)->pending), next);
        assert_true(accounts_hold(k, old));
        assert_true(accounts_hold(k, next));
        assert_int_equal(accounts_rollover_end(k, account(k), commit, NULL), 0);
        for (int again = 0; again <= 1; again++) {
            assert_null(account(k)->pending);
            assert_string_equal(hash_of(a, account(k)->key), commit ? next : old);
            assert_false(account(k)->key_is_new);
            assert_int_equal(accounts_rollover_end(k, account(k), !commit, NULL), 0); /* nothing is pending */
            restart(k);
        }
        arena_free(a);
    }
}

/* Nothing ever leaves the ring, and a reader that knows no marks finds the keys in force. */
static void the_ring_only_grows(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    const char *before = keeper_file(a, "account-key");
    assert_int_equal(accounts_rollover_begin(k, account(k), change_ticket(k, a), NULL), 0);
    assert_int_equal(accounts_rollover_end(k, account(k), false, NULL), 0);
    assert_int_equal(accounts_rollover_begin(k, account(k), change_ticket(k, a), NULL), 0);
    assert_int_equal(accounts_rollover_end(k, account(k), true, NULL), 0);
    const char *text = keeper_file(a, "account-key");
    assert_int_equal(strncmp(text, before, strlen(before)), 0);
    static const char *const heads[] = {"directory " DIRECTORY "\n", "directory " DIRECTORY " (pending)\n",
        "directory " DIRECTORY " (dropped)\n", "directory " DIRECTORY " (pending)\n",
        "directory " DIRECTORY "\n"};
    const char *at = text;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        if (strncmp(at, heads[i], strlen(heads[i])) != 0)
            fail_msg("entry %zu is %.60s", i, at);
        at = strstr(at, "-----END PRIVATE KEY-----\n") + strlen("-----END PRIVATE KEY-----\n");
    }
    assert_string_equal(at, "");
    arena_free(a);
}

static void rollover_needs_its_ticket(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    const struct str bad[] = {STR(""), STR("rubbish that is long enough to be a sealed thing"),
        keeper_ticket(k, a, ACME_REQUEST_KEY_CHANGE, DIRECTORY "#other", 0),
        keeper_ticket(k, a, ACME_REQUEST_DEACTIVATE_ACCOUNT, DIRECTORY, 0),
        keeper_ticket(k, a, ACME_REQUEST_REVOKE, DIRECTORY, 0)};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(accounts_rollover_begin(k, account(k), bad[i], NULL), ERR_REFUSED);
    assert_null(account(k)->pending);
    struct buf out = buf_new(MSG_SMALL);
    assert_int_equal(ticket_make(k, ACME_REQUEST_NEW_ORDER, DIRECTORY, 0, &out, NULL), ERR_REFUSED);
    assert_int_equal(ticket_make(k, (enum acme_request)99, DIRECTORY, 0, &out, NULL), ERR_REFUSED);
    assert_int_equal(out.n, 0);
    arena_free(a);
}

static void an_entry_that_was_cut_short_goes(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    const char *whole = keeper_file(a, "account-key"), *hash = hash_of(a, account(k)->key);
    keeper_file_append(
        "account-key", "directory " DIRECTORY "\n-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49");
    keeper_file_append("burnt-keys", "0123456789abcdef");
    restart(k);
    assert_string_equal(hash_of(a, account(k)->key), hash);
    assert_string_equal(keeper_file(a, "account-key"), whole);
    assert_string_equal(keeper_file(a, "burnt-keys"), "");
    arena_free(a);
}

static void marks_of_later_versions_are_left_alone(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    const char *hash = hash_of(a, account(k)->key);
    struct key *key = NULL;
    struct buf pem = buf_new_sensitive(1000);
    assert_int_equal(key_generate(KEY_ECDSA_P256, &key, NULL), 0);
    assert_int_equal(key_to_pem(key, &pem, NULL), 0);
    keeper_file_append("account-key", "directory " DIRECTORY " (some day)\n");
    keeper_file_append("account-key", buf_c(&pem));
    restart(k);
    assert_string_equal(hash_of(a, account(k)->key), hash);
    assert_null(account(k)->pending);
    keeper_file_append("account-key", "rubbish\n");
    keeper_file_append("account-key", buf_c(&pem));
    struct err err = ERR_INIT;
    assert_int_equal(keeper_restart(k, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "account-key"));
    buf_free(&pem);
    key_free(key);
    arena_free(a);
}

static void burnt_keys_are_remembered(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    char hash[SHA256_HEX_LEN] = {0};
    memset(hash, 'a', SHA256_HEX_LEN - 1);
    assert_false(burnt_has(k, hash));
    for (int i = 0; i < 40; i++) {
        hash[0] = (char)('0' + i % 10);
        hash[1] = (char)('0' + i / 10 % 10);
        assert_int_equal(burnt_add(k, hash, NULL), 0);
        assert_int_equal(burnt_add(k, hash, NULL), 0);
    }
    restart(k);
    assert_true(burnt_has(k, hash));
    assert_int_equal(k->burnt_n, 40);
    assert_int_equal(strlen(keeper_file(a, "burnt-keys")), 40 * 65);
    hash[63] = 'b';
    assert_false(burnt_has(k, hash));
    keeper_file_append("burnt-keys", "not a hash\n");
    struct err err = ERR_INIT;
    assert_int_equal(keeper_restart(k, &err), ERR_INPUT);
    assert_string_equal(err.text, "burnt-keys: line 41 is no hash of a key");
    arena_free(a);
}

static int sign(
    struct keeper *k, enum acme_request request, const char *kid, struct buf *out, struct err *err)
{
    const struct msg_sign m = {.account = DIRECTORY,
        .request = request,
        .kid = kid,
        .nonce = "n",
        .url = "https://ca.example/x",
        .permit = STR(""),
        .sealed_key = STR(""),
        .ticket = STR(""),
        .profile = "",
        .identifier = ""};
    return signing_sign(k, &m, out, err);
}

static void an_account_is_bound_to_a_customer(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct buf out = buf_new(MSG_WISH), jwk = buf_new(1000), inner = buf_new(10000), want = buf_new(20000);
    const struct msg_keeper_account m = {.account = DIRECTORY,
        .email = "ops@example.com",
        .agree_tos = true,
        .eab_kid = "kid-1",
        .eab_algorithm = "HS384",
        .eab_hmac =
            "+/+/CzBVep/E6Q4zWH2ix+wRNluApcrvFDleg6jN8hc8YYar0PUaP2SJrtP4HUJnjLHW+yBFao+02f4jSG2Stw=="};
    accounts_configure(k, &m);
    assert_int_equal(jwk_public(account(k)->key, &jwk, NULL), 0);
    assert_int_equal(jws_sign_hmac(&account(k)->eab_key, STR("HS384"), STR("kid-1"),
                         STR("https://ca.example/x"), buf_str(&jwk), &inner, NULL),
        0);
    assert_int_equal(sign(k, ACME_REQUEST_NEW_ACCOUNT, "", &out, NULL), 0);
    buf_printf(&want,
        "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:ops@example.com\"],\"externalAccountBinding\":%"
        "s}",
        buf_c(&inner));
    assert_string_equal(keeper_take_apart(a, buf_str(&out)).payload, buf_c(&want));
    /* asking for what exists binds nothing */
    buf_clear(&out);
    assert_int_equal(sign(k, ACME_REQUEST_FIND_ACCOUNT, "", &out, NULL), 0);
    assert_string_equal(keeper_take_apart(a, buf_str(&out)).payload, "{\"onlyReturnExisting\":true}");
    /* a key that is none is told of when it is needed */
    const struct msg_keeper_account wrong = {.account = DIRECTORY, .eab_kid = "kid-1", .eab_hmac = "%%%"};
    struct err err = ERR_INIT;
    accounts_configure(k, &wrong);
    buf_clear(&out);
    assert_int_equal(sign(k, ACME_REQUEST_NEW_ACCOUNT, "", &out, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "external account binding of " DIRECTORY));
    assert_int_equal(sign(k, ACME_REQUEST_FIND_ACCOUNT, "", &out, NULL), 0);
    buf_free(&out);
    buf_free(&jwk);
    buf_free(&inner);
    buf_free(&want);
    arena_free(a);
}

static void a_key_change_is_signed_by_both(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct buf out = buf_new(MSG_WISH), old = buf_new(1000), next = buf_new(1000);
    assert_int_equal(sign(k, ACME_REQUEST_KEY_CHANGE, ACCOUNT_URL, &out, NULL), ERR_REFUSED);
    assert_int_equal(sign(k, ACME_REQUEST_FIND_PENDING, "", &out, NULL), ERR_REFUSED);
    assert_int_equal(accounts_rollover_begin(k, account(k), change_ticket(k, a), NULL), 0);
    jwk_public(account(k)->key, &old, NULL);
    jwk_public(account(k)->pending, &next, NULL);
    assert_int_equal(sign(k, ACME_REQUEST_KEY_CHANGE, ACCOUNT_URL, &out, NULL), 0);
    struct jws_parts outer = keeper_take_apart(a, buf_str(&out));
    assert_string_equal(outer.header,
        "{\"alg\":\"ES256\",\"kid\":\"" ACCOUNT_URL "\",\"nonce\":\"n\",\"url\":\"https://ca.example/x\"}");
    struct jws_parts inner = keeper_take_apart(a, str_c(outer.payload));
    assert_string_equal(inner.header,
        arena_printf(a, "{\"alg\":\"ES256\",\"jwk\":%s,\"url\":\"https://ca.example/x\"}", buf_c(&next)));
    assert_string_equal(
        inner.payload, arena_printf(a, "{\"account\":\"" ACCOUNT_URL "\",\"oldKey\":%s}", buf_c(&old)));
    buf_clear(&out);
    assert_int_equal(sign(k, ACME_REQUEST_FIND_PENDING, "", &out, NULL), 0);
    struct jws_parts find = keeper_take_apart(a, buf_str(&out));
    assert_string_equal(find.payload, "{\"onlyReturnExisting\":true}");
    assert_non_null(strstr(find.header, buf_c(&next)));
    buf_clear(&out);
    assert_int_equal(sign(k, ACME_REQUEST_FIND_ACCOUNT, "", &out, NULL), 0);
    assert_non_null(strstr(keeper_take_apart(a, buf_str(&out)).header, buf_c(&old)));
    buf_free(&out);
    buf_free(&old);
    buf_free(&next);
    arena_free(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, keeper_set_up, keeper_tear_down)

/* --- accounts of other clients --- */

#define FOREIGN                                                          \
    "-----BEGIN EC PRIVATE KEY-----\n"                                   \
    "MHcCAQEEIGTthFTMU4VtMNNU5ga49tyjhvPtaeW6iDZvoP9ZM5OeoAoGCCqGSM49\n" \
    "AwEHoUQDQgAE585n4Ag5nfFBuQXZCOZT3Zpun+o8M8cDAKZLE8CYuT1TFeuzkysF\n" \
    "QtLCED8s296E6BUf6mW/liM6/uf6HL7IfA==\n"                             \
    "-----END EC PRIVATE KEY-----\n"
#define FOREIGN_HASH "98c5a9eb97fec115a24436764d576d3cd42344d5d9c07dc84c135ff41baf0054"

static void another_clients_key_comes_into_force_once(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    const struct msg_keeper_account m = {.account = DIRECTORY "#moved"};
    struct keeper_account *one = NULL;
    assert_int_equal(accounts_look(k, DIRECTORY "#moved", STR(FOREIGN), NULL), ERR_NOT_FOUND);
    accounts_configure(k, &m);
    assert_int_equal(accounts_configured(k, DIRECTORY "#moved", &one, NULL), 0);
    assert_int_equal(accounts_import(k, one, STR("nonsense"), &err), ERR_INPUT);
    assert_null(one->key);
    assert_int_equal(accounts_import(k, one, STR(FOREIGN), NULL), 0);
    assert_false(one->key_is_new);
    const char *ring = keeper_file(a, "account-key");
    assert_int_equal(accounts_import(k, one, STR(FOREIGN), NULL), 0); /* again: nothing to do */
    assert_string_equal(keeper_file(a, "account-key"), ring);
    restart(k);
    assert_int_equal(accounts_look(k, DIRECTORY "#moved", STR(FOREIGN), NULL), 0);
    assert_string_equal(hash_of(a, accounts_find(k, DIRECTORY "#moved")->key), FOREIGN_HASH);
    arena_free(a);
}

static void it_takes_the_place_of_no_other(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct keeper_account *one = account(k);
    assert_int_equal(accounts_make_key(k, one, NULL), 0);
    const char *hash = hash_of(a, one->key);
    assert_int_equal(accounts_look(k, one->id, STR(FOREIGN), NULL), ERR_EXISTS);
    assert_int_equal(accounts_import(k, one, STR(FOREIGN), &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, "account: LABEL"));
    assert_string_equal(hash_of(a, one->key), hash);
    const struct msg_keeper_account m = {.account = DIRECTORY "#burnt"};
    accounts_configure(k, &m);
    assert_int_equal(accounts_configured(k, DIRECTORY "#burnt", &one, NULL), 0);
    assert_int_equal(burnt_add(k, FOREIGN_HASH, NULL), 0);
    assert_int_equal(accounts_import(k, one, STR(FOREIGN), &err), ERR_REFUSED);
    assert_null(one->key);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_private),
        TEST(another_clients_key_comes_into_force_once),
        TEST(it_takes_the_place_of_no_other),
        TEST(a_key_is_of_the_configured_type_and_stays),
        TEST(a_key_that_the_ca_refused_is_replaced),
        TEST(a_rollover_is_durable_and_ends_either_way),
        TEST(the_ring_only_grows),
        TEST(rollover_needs_its_ticket),
        TEST(an_entry_that_was_cut_short_goes),
        TEST(marks_of_later_versions_are_left_alone),
        TEST(burnt_keys_are_remembered),
        TEST(an_account_is_bound_to_a_customer),
        TEST(a_key_change_is_signed_by_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
