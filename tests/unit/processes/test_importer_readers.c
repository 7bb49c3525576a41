/* lego, dehydrated, Caddy, Traefik and Odoo's module. */
#include "importer_fixture.h"

#include "../os/temp.h"

#include "base/b64.h"
#include "crypto/key.h"

#include <openssl/evp.h>

static const char *base64(struct state *s, const char *text)
{
    size_t n = strlen(text);
    char *out = arena_alloc(s->a, 4 * (n / 3 + 1) + 1);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);
    return out;
}

/* --- lego --- */

static void test_lego(void **state)
{
    struct state *s = *state;
    struct key *key = NULL;
    /* version 4 */
    put(s, "accounts/acme-v02.api.letsencrypt.org/x@y.example/account.json",
        "{\"email\":\"x@y.example\",\"registration\":{\"body\":{},\"uri\":"
        "\"https://acme-v02.api.letsencrypt.org/acme/acct/1\"}}");
    put(s, "accounts/acme-v02.api.letsencrypt.org/x@y.example/keys/x@y.example.key", key_text(s, NULL));
    put_pair(
        s, "certificates/_.a.example.key", "certificates/_.a.example.crt", "DNS:*.a.example,DNS:a.example");
    put(s, "certificates/_.a.example.json",
        "{\"domain\":\"*.a.example\",\"certUrl\":\"https://acme-v02.api.letsencrypt.org/acme/cert/1\"}");
    /* version 5 */
    put(s, "accounts/acme.example_14000/main/account.json",
        "{\"id\":\"main\",\"email\":\"\",\"server\":\"https://acme.example:14000/dir\",\"keyType\":\"EC256\","
        "\"registration\":{\"accountURL\":\"https://acme.example:14000/acct/2\"}}");
    put(s, "accounts/acme.example_14000/main/main.key", key_text(s, NULL));
    put(s, "certificates/web.key", key_text(s, &key));
    const char *chain = chain_text(s, key, "DNS:b.example");
    const char *second = strstr(chain + 1, "-----BEGIN");
    put(s, "certificates/web.crt", arena_dup(s->a, (struct str){chain, (size_t)(second - chain)}));
    put(s, "certificates/web.issuer.crt", second);
    key_free(key);
    put(s, "certificates/web.json",
        "{\"id\":\"web\",\"domains\":[\"b.example\"],\"keyType\":\"RSA4096\",\"certUrl\":\"https://"
        "acme.example:14000/c/1\"}");
    /* damaged */
    put(s, "certificates/bad.json", "{");
    put(s, "accounts/acme.example_14000/lost/account.json", "{}");
    read_good(s, "lego", 2);
    assert_int_equal(s->f.account_n, 2);
    struct found_certificate *c = certificate(s, "a.example");
    assert_string_equal(c->directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_string_equal(c->account->email, "x@y.example");
    assert_string_equal(domains(s, c), "*.a.example a.example");
    assert_int_equal(c->challenge, FOUND_DNS_01);
    assert_int_equal(file_at(s, c, "certificates/_.a.example.crt")->format, FOUND_FULLCHAIN);
    c = certificate(s, "web");
    assert_string_equal(c->account->directory, "https://acme.example:14000/dir");
    assert_string_equal(c->account->url, "https://acme.example:14000/acct/2");
    assert_string_equal(c->key_type, "rsa-4096");
    assert_true(c->key.n > 0);
    assert_int_equal(file_at(s, c, "certificates/web.crt")->format, FOUND_CERT);
    assert_non_null(strstr(strstr(c->chain.p, "END"), "BEGIN")); /* with its issuer */
    assert_true(warned(&s->f.warnings, "bad.json"));
    assert_true(warned(&s->f.warnings, "acme.example_14000/lost"));
}

/* --- dehydrated --- */

static void put_dehydrated(struct state *s, const char *base, const char *name, const char *san)
{
    put_pair(s, arena_printf(s->a, "%s/certs/%s/privkey-1.pem", base, name),
        arena_printf(s->a, "%s/certs/%s/fullchain-1.pem", base, name), san);
    put_link(s, arena_printf(s->a, "%s/certs/%s/privkey.pem", base, name), "privkey-1.pem");
    put_link(s, arena_printf(s->a, "%s/certs/%s/fullchain.pem", base, name), "fullchain-1.pem");
}

static void put_dehydrated_account(struct state *s, const char *base)
{
    struct buf name = buf_new(256);
    b64url_encode(&name, STR("https://acme.example/dir\n"));
    const char *folder = arena_printf(s->a, "%s/accounts/%s", base, buf_c(&name));
    buf_free(&name);
    put_mode(s, arena_printf(s->a, "%s/account_key.pem", folder), key_text(s, NULL), 0600);
    put(s, arena_printf(s->a, "%s/registration_info.json", folder), "{\"contact\":[\"mailto:x@y.example\"]}");
    put(s, arena_printf(s->a, "%s/account_id.json", folder), "{\"url\":\"https://acme.example/acct/1\"}");
}

static void test_dehydrated(void **state)
{
    struct state *s = *state;
    put(s, "config",
        arena_printf(s->a,
            "CA=\"https://acme.example/dir\"\nBASEDIR=%s\n"
            "WELLKNOWN=\"${BASEDIR}/www/.well-known/acme-challenge\"\nHOOK=${BASEDIR}/hook.sh\n"
            "KEY_ALGO=rsa\nRENEW_DAYS=\"20\"\nPRIVATE_KEY_RENEW=no\n",
            s->path));
    put(s, "domains.txt", "# mine\nB.example a.example\r\n*.c.example > wild\nlater.example\n../x\n");
    put_dehydrated_account(s, ".");
    put_dehydrated(s, ".", "b.example", "DNS:b.example,DNS:a.example");
    put_dehydrated(s, ".", "wild", "DNS:*.c.example");
    put_dehydrated(s, ".", "left", "DNS:left.example");
    put(s, "certs/wild/config", "CHALLENGETYPE=dns-01\nKEY_ALGO=prime256v1\n");
    read_good(s, "dehydrated", 3);
    assert_int_equal(s->f.account_n, 1);
    struct found_certificate *c = certificate(s, "b.example");
    assert_ptr_equal(c->account, s->f.accounts);
    assert_string_equal(c->account->email, "x@y.example");
    assert_string_equal(c->account->url, "https://acme.example/acct/1");
    assert_string_equal(domains(s, c), "b.example a.example");
    assert_string_equal(c->webroot, arena_printf(s->a, "%s/www", s->path));
    assert_string_equal(c->key_type, "rsa-4096");
    assert_int_equal(c->renew_before_s, 20 * 86400);
    assert_true(c->reuse_key);
    assert_string_equal(c->hooks->command, arena_printf(s->a, "%s/hook.sh", s->path));
    assert_true(c->key.n > 0);
    assert_non_null(file_at(s, c, "certs/b.example/privkey.pem"));
    c = certificate(s, "wild");
    assert_int_equal(c->challenge, FOUND_DNS_01);
    assert_string_equal(c->key_type, "ecdsa-p256");
    c = certificate(s, "later.example");
    assert_int_equal(c->key.n, 0);
    assert_true(warned(&c->warnings, "not issued yet"));
    assert_true(warned(&s->f.warnings, "left: not imported"));
    assert_true(warned(&s->f.warnings, "../x in domains.txt"));
}

/* Debian keeps the settings in one folder and the state in another. */
static void test_dehydrated_apart(void **state)
{
    struct state *s = *state;
    struct err err = ERR_INIT;
    put(s, "etc/config",
        arena_printf(s->a, "BASEDIR=%s/lib\nCONFIG_D=%s/etc/conf.d\nDOMAINS_TXT=\"%s/etc/domains.txt\"\n",
            s->path, s->path, s->path));
    put(s, "etc/conf.d/ca.sh", "CA=https://acme.example/dir\n");
    put(s, "etc/domains.txt", "a.example\n");
    put_dehydrated_account(s, "lib");
    put_dehydrated(s, "lib", "a.example", "DNS:a.example");
    assert_int_equal(read_state(s, "dehydrated", "etc", &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "its config says that they are in"));
    tree_close(&s->tree);
    assert_int_equal(tree_open(arena_printf(s->a, "%s/etc", s->path), s->a, &s->also, NULL), 0);
    assert_int_equal(read_state(s, "dehydrated", "lib", &err), 0);
    struct found_certificate *c = certificate(s, "a.example");
    assert_ptr_equal(c->account, s->f.accounts);
    assert_string_equal(c->directory, "https://acme.example/dir");
    assert_int_equal(s->f.warnings.n, 0);
}

/* The settings in /etc are those of another one. */
static void test_dehydrated_other_settings(void **state)
{
    struct state *s = *state;
    struct err err = ERR_INIT;
    put(s, "etc/config", "BASEDIR=/elsewhere\nCA=https://other.example/dir\n");
    put_dehydrated(s, "lib", "a.example", "DNS:a.example");
    assert_int_equal(tree_open(arena_printf(s->a, "%s/etc", s->path), s->a, &s->also, NULL), 0);
    assert_int_equal(read_state(s, "dehydrated", "lib", &err), 0);
    assert_string_equal(
        certificate(s, "a.example")->directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_true(warned(&s->f.warnings, "lib/config was not found"));
}

/* --- Caddy --- */

static void test_caddy(void **state)
{
    struct state *s = *state;
    put(s, "acme/acme.example-14000-dir/users/x@y.example/x.json",
        "{\"contact\":[\"mailto:x@y.example\"],\"location\":\"https://acme.example:14000/acct/1\"}");
    put(s, "acme/acme.example-14000-dir/users/x@y.example/x.key", key_text(s, NULL));
    put(s, "acme/acme.example-14000-dir/challenge_tokens/a.example.json", "{}");
    put_pair(s, "certificates/acme.example-14000-dir/wildcard_.a.example/wildcard_.a.example.key",
        "certificates/acme.example-14000-dir/wildcard_.a.example/wildcard_.a.example.crt", "DNS:*.a.example");
    put(s, "certificates/acme.example-14000-dir/wildcard_.a.example/wildcard_.a.example.json",
        "{\"sans\":[\"*.a.example\"],\"issuer_data\":{\"ca\":\"https://acme.example:14000/dir\","
        "\"account\":\"https://acme.example:14000/acct/1\"}}");
    put_pair(s, "certificates/local/localhost/localhost.key", "certificates/local/localhost/localhost.crt",
        "DNS:localhost");
    put(s, "certificates/acme.example-14000-dir/gone.example/gone.example.json",
        "{\"sans\":[\"gone.example\"],\"issuer_data\":{\"url\":\"https://acme.example:14000/c/2\"}}");
    read_good(s, "caddy", 2);
    struct found_certificate *c = certificate(s, "a.example");
    assert_string_equal(domains(s, c), "*.a.example");
    assert_ptr_equal(c->account, s->f.accounts);
    assert_string_equal(c->account->directory, "https://acme.example:14000/dir");
    assert_string_equal(c->account->email, "x@y.example");
    assert_true(c->key.n > 0);
    c = certificate(s, "gone.example");
    assert_string_equal(domains(s, c), "gone.example");
    assert_ptr_equal(c->account, s->f.accounts);
    assert_int_equal(c->warnings.n, 2);
}

/* --- Traefik --- */

static const char *traefik_store(struct state *s)
{
    struct key *key = NULL;
    const char *pem = key_text(s, &key), *chain = chain_text(s, key, "DNS:a.example,DNS:www.a.example");
    struct buf der = buf_new_sensitive(65536);
    assert_int_equal(key_to_der(key, &der, NULL), 0);
    char *account = arena_alloc(s->a, der.n * 2 + 8);
    EVP_EncodeBlock((unsigned char *)account, (const unsigned char *)der.p, (int)der.n);
    buf_free(&der);
    key_free(key);
    return arena_printf(s->a,
        "{\"le\":{\"Account\":{\"Email\":\"x@y.example\",\"Registration\":{\"body\":{},\"uri\":"
        "\"https://acme-staging-v02.api.letsencrypt.org/acme/acct/"
        "7\"},\"PrivateKey\":\"%s\",\"KeyType\":\"4096\"},"
        "\"Certificates\":[{\"domain\":{\"main\":\"www.a.example\",\"sans\":[\"a.example\"]},\"certificate\":"
        "\"%s\","
        "\"key\":\"%s\",\"Store\":\"default\"},{\"domain\":{\"main\":\"b.example\",\"sans\":[\"*.b.example\"]"
        "},"
        "\"certificate\":\"!\",\"key\":\"\"},{}]},\"unused\":{\"Account\":null,\"Certificates\":null}}",
        account, base64(s, chain), base64(s, pem));
}

static void check_traefik(struct state *s)
{
    assert_int_equal(s->f.account_n, 1);
    struct found_certificate *c = certificate(s, "www.a.example");
    assert_string_equal(domains(s, c), "www.a.example a.example");
    assert_string_equal(c->directory, "https://acme-staging-v02.api.letsencrypt.org/directory");
    assert_string_equal(c->account->url, "https://acme-staging-v02.api.letsencrypt.org/acme/acct/7");
    assert_true(c->key.n > 0);
    c = certificate(s, "b.example");
    assert_string_equal(domains(s, c), "b.example *.b.example");
    assert_int_equal(c->key.n, 0);
    assert_int_equal(c->challenge, FOUND_DNS_01);
    assert_true(warned(&s->f.warnings, "has no name"));
}

static void test_traefik(void **state)
{
    struct state *s = *state;
    put_mode(s, "acme.json", traefik_store(s), 0600);
    read_good(s, "traefik", 2);
    check_traefik(s);
}

static void test_traefik_file(void **state)
{
    struct state *s = *state;
    struct err err = ERR_INIT;
    put_mode(s, "other.json", traefik_store(s), 0600);
    assert_int_equal(read_state(s, "traefik", "other.json", &err), 0);
    check_traefik(s);
}

/* --- Odoo --- */

static void test_odoo(void **state)
{
    struct state *s = *state;
    put_mode(s, "letsencrypt/account.key", key_text(s, NULL), 0600);
    put_pair(s, "letsencrypt/a.example.key", "letsencrypt/a.example.crt", "DNS:a.example,DNS:b.example");
    put_folder(s, "letsencrypt/acme-challenge");
    read_good(s, "odoo", 1);
    struct found_certificate *c = certificate(s, "a.example");
    assert_string_equal(c->directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_ptr_equal(c->account, s->f.accounts);
    assert_true(c->reuse_key);
    assert_true(c->key.n > 0);
    assert_int_equal(file_at(s, c, "letsencrypt/a.example.key")->mode, 0600);
}

static void test_not_there(void **state)
{
    static const struct {
        const char *format, *text;
    } formats[] = {
        {"lego", "is no lego directory: accounts/ and certificates/ are missing"},
        {"dehydrated", "is no dehydrated directory: accounts/ and certs/ are missing"},
        {"caddy", "is no Caddy storage: acme/ and certificates/ are missing"},
        {"traefik", "is no store of Traefik (acme.json): acme.json is missing"},
        {"odoo", "is no data directory of Odoo's letsencrypt module: account.key"},
        {"nobody", "nobody is no client whose state can be read"},
    };
    struct state *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct err err = ERR_INIT;
        assert_true(read_state(s, formats[i].format, "", &err) < 0);
        assert_non_null(strstr(err.text, formats[i].text));
        tree_close(&s->tree);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STATE_TEST(test_lego),
        STATE_TEST(test_dehydrated),
        STATE_TEST(test_dehydrated_apart),
        STATE_TEST(test_dehydrated_other_settings),
        STATE_TEST(test_caddy),
        STATE_TEST(test_traefik),
        STATE_TEST(test_traefik_file),
        STATE_TEST(test_odoo),
        STATE_TEST(test_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
