/* Homes of acme.sh, alone and of acme-companion. */
#include "importer_fixture.h"

#include "../os/temp.h"

/* base64 of: systemctl reload "x" && echo 'y' */
#define RELOAD "__ACME_BASE64__START_c3lzdGVtY3RsIHJlbG9hZCAieCIgJiYgZWNobyAneSc=__ACME_BASE64__END_"

static void put_account(struct state *s, const char *home)
{
    const char *ca = arena_printf(s->a, "%s/ca/acme.example/v2/DV90", home);
    put_mode(s, arena_printf(s->a, "%s/account.key", ca), key_text(s, NULL), 0600);
    put(s, arena_printf(s->a, "%s/account.json", ca), "{\"contact\":[\"mailto:x@y.example\"]}");
    put(s, arena_printf(s->a, "%s/ca.conf", ca),
        "CA_EAB_KEY_ID='kid'\nCA_EAB_HMAC_KEY='secret'\nACCOUNT_URL='https://acme.example:14000/acct/1'\n");
}

static void put_certificate(
    struct state *s, const char *folder, const char *name, const char *san, const char *more)
{
    put_pair(s, arena_printf(s->a, "%s/%s.key", folder, name), arena_printf(s->a, "%s/fullchain.cer", folder),
        san);
    put(s, arena_printf(s->a, "%s/%s.conf", folder, name),
        arena_printf(s->a, "Le_Domain='%s'\nLe_API='https://acme.example:14000/v2/DV90'\n%s", name, more));
}

static void test_home(void **state)
{
    struct state *s = *state;
    put_account(s, ".");
    put_certificate(s, "b.example_ecc", "b.example", "DNS:a.example,DNS:b.example",
        "Le_Alt='a.example'\nLe_Webroot='/var/www'\nLe_Keylength='ec-256'\nLe_ReloadCmd='" RELOAD "'\n"
        "Le_PreHook=''\nLe_RealKeyPath='/nowhere/key.pem'\nLe_Preferred_Chain='no'\n"
        "Le_CertCreateTime='1800000000'\nLe_RenewalDays='30'\nLe_DeployHook='haproxy'\n");
    put_certificate(s, "b.example", "b.example", "DNS:b.example",
        "Le_Alt='no'\nLe_Webroot='no'\nLe_Keylength='2048'\nLe_ForceNewDomainKey='1'\nLe_HTTPPort='88'\n");
    put_certificate(s, "c.example", "c.example", "DNS:c.example,DNS:*.c.example,DNS:w.example",
        "Le_Alt='*.c.example,w.example'\nLe_Webroot='dns_cf,dns_cf,/var/www'\nLe_Keylength=''\n");
    put(s, "d.example/d.example.conf", "Le_Alt='no'\n");
    put_folder(s, "dnsapi");
    read_good(s, "acme.sh", 3);
    assert_int_equal(s->f.account_n, 1);
    assert_string_equal(s->f.accounts->directory, "https://acme.example:14000/v2/DV90");
    assert_string_equal(s->f.accounts->url, "https://acme.example:14000/acct/1");
    assert_string_equal(s->f.accounts->email, "x@y.example");
    assert_string_equal(s->f.accounts->eab_kid, "kid");
    assert_true(warned(&s->f.warnings, "d.example: not imported"));

    struct found_certificate *c = certificate(s, "b.example-2"); /* the folder with _ecc is the second */
    assert_ptr_equal(c->account, s->f.accounts);
    assert_string_equal(domains(s, c), "b.example a.example");
    assert_string_equal(c->webroot, "/var/www");
    assert_string_equal(c->key_type, "ecdsa-p256");
    assert_true(c->reuse_key);
    assert_string_equal(c->hooks->command, "systemctl reload \"x\" && echo 'y'");
    assert_string_equal(c->preferred_chain, "");
    assert_string_equal(c->files->path, "/nowhere/key.pem");
    assert_int_equal(c->files->mode, 0600);
    assert_null(c->files->next);
    assert_true(c->renew_before_s > 0);
    assert_true(warned(&c->warnings, "haproxy"));

    c = certificate(s, "b.example");
    assert_string_equal(c->key_type, "rsa-2048");
    assert_false(c->reuse_key);
    assert_int_equal(c->http_port, 88);
    assert_int_equal(c->challenge, FOUND_HTTP_01);
    assert_non_null(file_at(s, c, "b.example/fullchain.cer"));

    c = certificate(s, "c.example");
    assert_int_equal(c->challenge, FOUND_DNS_01);
    assert_string_equal(c->dns_provider, "dns_cf");
    assert_string_equal(c->webroot, "/var/www");
    assert_string_equal(c->key_type, "rsa-2048");
}

static void test_companion(void **state)
{
    struct state *s = *state;
    put_account(s, "acme/x@y.example");
    put_certificate(s, "acme/x@y.example/a.example", "a.example", "DNS:a.example",
        "Le_Webroot='/usr/share/nginx/html'\nLe_Keylength='4096'\n"
        "Le_RealKeyPath='/etc/nginx/certs/a.example/key.pem'\n"
        "Le_RealFullChainPath='/etc/nginx/certs/a.example/fullchain.pem'\n");
    put(s, "certs/a.example/.companion", "");
    put_pair(s, "certs/a.example/key.pem", "certs/a.example/fullchain.pem", "DNS:a.example");
    put_link(s, "certs/a.example.crt", "./a.example/fullchain.pem");
    read_good(s, "companion", 1);
    struct found_certificate *c = certificate(s, "a.example");
    assert_ptr_equal(c->account, s->f.accounts);
    assert_string_equal(c->webroot, "");
    assert_true(c->webroot_unknown);
    assert_non_null(file_at(s, c, "certs/a.example/key.pem"));
    assert_non_null(file_at(s, c, "certs/a.example/fullchain.pem"));
}

static void test_companion_parts(void **state)
{
    struct state *s = *state;
    put(s, "_test_wildcard_a.example/.companion", "");
    put_pair(
        s, "_test_wildcard_a.example/key.pem", "_test_wildcard_a.example/fullchain.pem", "DNS:*.a.example");
    put_pair(s, "mine/key.pem", "mine/fullchain.pem", "DNS:mine.example");
    read_good(s, "companion", 1);
    struct found_certificate *c = certificate(s, "a.example");
    assert_string_equal(domains(s, c), "*.a.example");
    assert_int_equal(c->challenge, FOUND_DNS_01);
    assert_non_null(strstr(c->directory, "staging"));
    assert_true(warned(&s->f.warnings, "new account"));
}

static void test_not_there(void **state)
{
    struct state *s = *state;
    struct err err = ERR_INIT;
    put(s, "x/y", "");
    assert_int_equal(read_state(s, "acme.sh", "", &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "is no acme.sh directory: ca/"));
    tree_close(&s->tree);
    assert_int_equal(read_state(s, "companion", "", &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "is no volume of acme-companion"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STATE_TEST(test_home),
        STATE_TEST(test_companion),
        STATE_TEST(test_companion_parts),
        STATE_TEST(test_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
