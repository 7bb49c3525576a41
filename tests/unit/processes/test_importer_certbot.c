/* certbot's folder, whole and damaged. */
#include "importer_fixture.h"

#include "../os/temp.h"

#include "crypto/key.h"

#define SERVER "https://acme.example/directory"

/* A test key of RFC 7515 A.3. */
#define JWK                                                                                    \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","                                   \
    "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"

static void put_account(struct state *s, const char *folder)
{
    put_mode(s, arena_printf(s->a, "%s/private_key.json", folder), JWK, 0400);
    put(s, arena_printf(s->a, "%s/regr.json", folder),
        "{\"body\": {\"contact\": [\"mailto:x@y.example\"]}, \"uri\": \"https://acme.example/acct/1\"}");
    put(s, arena_printf(s->a, "%s/meta.json", folder), "{\"creation_host\": \"h\"}");
}

/* Version `n` of a lineage in archive/, and the links of live/. */
static void put_version(struct state *s, const char *name, int n, const char *san)
{
    struct key *key = NULL;
    const char *archive = arena_printf(s->a, "archive/%s", name);
    put_mode(s, arena_printf(s->a, "%s/privkey%d.pem", archive, n), key_text(s, &key), 0600);
    const char *chain = chain_text(s, key, san);
    key_free(key);
    put(s, arena_printf(s->a, "%s/fullchain%d.pem", archive, n), chain);
    put(s, arena_printf(s->a, "%s/cert%d.pem", archive, n), chain);
    put(s, arena_printf(s->a, "%s/chain%d.pem", archive, n), chain);
    static const char *const kinds[] = {"privkey", "cert", "chain", "fullchain"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        put_link(s, arena_printf(s->a, "live/%s/%s.pem", name, kinds[i]),
            arena_printf(s->a, "../../archive/%s/%s%d.pem", name, kinds[i], n));
}

static void put_renewal(struct state *s, const char *name, const char *params)
{
    put(s, arena_printf(s->a, "renewal/%s.conf", name),
        arena_printf(s->a,
            "version = 2.1.0\narchive_dir = %s/archive/%s\nprivkey = /moved/live/%s/privkey.pem\n"
            "[renewalparams]\naccount = abc\nserver = " SERVER "\nkey_type = ecdsa\n%s",
            s->path, name, name, params));
}

static void test_whole(void **state)
{
    struct state *s = *state;
    put_account(s, "accounts/acme.example/directory/abc");
    put_version(s, "b.example", 1, "DNS:a.example,DNS:b.example");
    put_version(s, "b.example", 2, "DNS:a.example,DNS:b.example");
    put_renewal(s, "b.example",
        "authenticator = webroot\nwebroot_path = /var/www,\nrenew_hook = systemctl reload nginx\n"
        "pre_hook = \"a, b\"\nreuse_key = True\nmust_staple = False\n"
        "preferred_chain = ISRG Root X1\npreferred_profile = shortlived\nelliptic_curve = secp384r1\n"
        "[[webroot_map]]\na.example = /srv/a\nb.example = /var/www\n");
    put_mode(s, "renewal-hooks/deploy/reload", "#!/bin/sh\n", 0755);
    read_good(s, "certbot", 1);
    assert_int_equal(s->f.account_n, 1);
    const struct found_account *x = s->f.accounts;
    assert_string_equal(x->directory, SERVER);
    assert_string_equal(x->url, "https://acme.example/acct/1");
    assert_string_equal(x->email, "x@y.example");
    assert_non_null(strstr(buf_c(&x->key), "BEGIN PRIVATE KEY"));
    struct found_certificate *c = certificate(s, "b.example");
    assert_ptr_equal(c->account, x);
    assert_string_equal(domains(s, c), "b.example a.example");
    assert_non_null(strstr(buf_c(&c->key), "BEGIN PRIVATE KEY"));
    assert_true(c->chain.n > 0);
    assert_true(c->not_after_s > 0);
    assert_string_equal(c->key_type, "ecdsa-p384");
    assert_string_equal(c->webroot, "/var/www");
    assert_string_equal(c->webroot_map->name, "a.example");
    assert_string_equal(c->webroot_map->path, "/srv/a");
    assert_null(c->webroot_map->next);
    assert_true(c->reuse_key);
    assert_false(c->must_staple);
    assert_string_equal(c->preferred_chain, "ISRG Root X1");
    assert_string_equal(c->preferred_profile, "shortlived");
    assert_string_equal(c->hooks->command, "a, b");
    assert_int_equal(c->hooks->event, FOUND_STARTING);
    assert_string_equal(c->hooks->next->command, "systemctl reload nginx");
    assert_int_equal(c->hooks->next->event, FOUND_ISSUED);
    assert_int_equal(c->hook_directories.n, 1);
    const struct found_file *file = file_at(s, c, "live/b.example/privkey.pem");
    assert_non_null(file);
    assert_int_equal(file->mode, 0600);
    assert_int_equal(file->format, FOUND_KEY);
    assert_int_equal(c->warnings.n, 0);
    assert_int_equal(s->f.warnings.n, 0);
}

/* Each of them is told, and the rest goes on. */
static void test_damaged(void **state)
{
    struct state *s = *state;
    put_account(s, "accounts/acme.example/directory/abc");
    put(s, "accounts/acme.example/directory/bad/private_key.json", "{}");
    put_link(s, "accounts/acme.example/directory/far", "/etc");
    put_version(s, "good.example", 1, "DNS:good.example");
    put_renewal(s, "good.example", "authenticator = standalone\n");
    put(s, "renewal/broken.example.conf", "[renewalparams\n");
    put_renewal(s, "off.example", "authenticator = standalone\nautorenew = False\n");
    put_renewal(s, "none.example", "installer = nginx\n");
    put_version(s, "left.example", 1, "DNS:left.example");
    read_good(s, "certbot", 1);
    assert_int_equal(s->f.account_n, 1);
    assert_int_equal(certificate(s, "good.example")->warnings.n, 0);
    assert_true(warned(&s->f.warnings, "bad/private_key.json"));
    assert_true(warned(&s->f.warnings, "directory/far leads nowhere"));
    assert_true(warned(&s->f.warnings, "broken.example: not imported"));
    assert_true(warned(&s->f.warnings, "off.example: not imported: its renewal is switched off"));
    assert_true(warned(&s->f.warnings, "none.example: not imported"));
    assert_true(warned(&s->f.warnings, "left.example: not imported: it is in live/"));
}

static void test_lineages(void **state)
{
    struct state *s = *state;
    struct found_certificate *c;
    put_renewal(s, "nothing.example",
        "account = unknown\nauthenticator = webroot\n[[webroot_map]]\nx.nothing.example = /w\n");
    put_version(s, "half.example", 3, "DNS:half.example");
    put_version(s, "half.example", 4, "DNS:half.example");
    put(s, "archive/half.example/privkey4.pem", key_text(s, NULL));
    put_renewal(s, "half.example", "authenticator = standalone\nhttp01_port = 8080\n");
    put_version(s, "wrong.example", 1, "DNS:wrong.example");
    put(s, "archive/wrong.example/privkey1.pem", key_text(s, NULL));
    put_renewal(
        s, "wrong.example", "authenticator = dns-cloudflare\ndns_cloudflare_credentials = /etc/cf.ini\n");
    put_link(s, "live/linked.example/privkey.pem", "/etc/shadow");
    put_renewal(s, "linked.example", "authenticator = nginx\ninstaller = nginx\n");
    read_good(s, "certbot", 4);
    c = certificate(s, "nothing.example");
    assert_int_equal(c->chain.n, 0);
    assert_string_equal(domains(s, c), "x.nothing.example");
    assert_string_equal(c->webroot, "/w");
    assert_null(c->account);
    assert_true(warned(&c->warnings, "account at " SERVER " was not found"));
    c = certificate(s, "half.example");
    assert_true(c->key.n > 0);
    assert_int_equal(c->http_port, 8080);
    assert_true(warned(&c->warnings, "version 3 of archive/"));
    c = certificate(s, "wrong.example");
    assert_int_equal(c->key.n, 0);
    assert_true(c->chain.n > 0);
    assert_int_equal(c->challenge, FOUND_DNS_01);
    assert_string_equal(c->dns_provider, "dns-cloudflare");
    assert_true(warned(&c->warnings, "not that of the certificate"));
    assert_true(warned(&c->warnings, "/etc/cf.ini"));
    c = certificate(s, "linked.example");
    assert_true(warned(&c->warnings, "leads out of"));
    assert_true(warned(&c->warnings, "nginx plugin"));
    assert_string_equal(domains(s, c), "linked.example");
}

/* cli.ini stands above what renewal files say. */
static void test_cli_ini(void **state)
{
    struct state *s = *state;
    put_account(s, "accounts/acme.example/directory/abc");
    put_version(s, "a.example", 1, "DNS:a.example");
    put_renewal(s, "a.example", "authenticator = standalone\nreuse_key = False\n");
    put(s, "cli.ini",
        "key-type = rsa\nrsa-key-size = 4096\ndeploy-hook = reload\nreuse-key = true\n"
        "max-log-backups = 0\nuir = 1\nno-directory-hooks\n");
    put_mode(s, "renewal-hooks/pre/x", "", 0755);
    read_good(s, "certbot", 1);
    struct found_certificate *c = certificate(s, "a.example");
    assert_string_equal(c->key_type, "rsa-4096");
    assert_string_equal(c->hooks->command, "reload");
    assert_true(c->reuse_key);
    assert_int_equal(c->hook_directories.n, 0);
    assert_int_equal(s->f.warnings.n, 1);
    assert_true(warned(&s->f.warnings, "uir"));
}

/* Accounts that ACMEv1 made, and the link that certbot made to them. */
static void test_old_account(void **state)
{
    struct state *s = *state;
    put_account(s, "accounts/acme-v01.api.letsencrypt.org/directory/abc");
    put_link(s, "accounts/acme-v02.api.letsencrypt.org/directory",
        arena_printf(s->a, "%s/accounts/acme-v01.api.letsencrypt.org/directory", s->path));
    put_folder(s, "renewal");
    read_good(s, "certbot", 0);
    assert_int_equal(s->f.account_n, 1);
    assert_string_equal(s->f.accounts->directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_string_equal(s->f.accounts->url, ""); /* it is the other host's */
}

static void test_not_there(void **state)
{
    struct state *s = *state;
    struct err err = ERR_INIT;
    put_folder(s, "accounts");
    assert_int_equal(read_state(s, "certbot", "", &err), ERR_INPUT);
    assert_string_equal(
        err.text, arena_printf(s->a, "%s is no certbot directory: renewal/ is missing", s->path));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STATE_TEST(test_whole),
        STATE_TEST(test_damaged),
        STATE_TEST(test_lineages),
        STATE_TEST(test_cli_ini),
        STATE_TEST(test_old_account),
        STATE_TEST(test_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
