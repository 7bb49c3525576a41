#include "config_test.h"

#include "config/presets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file with a key in it, below the working directory of the test. */
static const char *secret(struct arena *a, const char *text, mode_t mode)
{
    char *path = arena_printf(a, "/tmp/test-secret-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static void an_entry_with_a_presets_name_is_that_preset(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a,
        "authority: google\n"
        "authorities:\n"
        "  google: {eab-kid: abc, eab-hmac: c2VjcmV0, email: g@example.com}\n"
        "  letsencrypt: {account-key-type: ed25519, account: big,\n"
        "    agree-tos: true, pre-authorize: true, eab-algorithm: HS512, orders-in-flight: 5}\n");
    assert_int_equal(s.authority_n, 2);
    const struct authority *g = &s.authorities[0], *l = &s.authorities[1];
    assert_string_equal(g->directory, preset_find(STR("google"))->authority.directory);
    assert_string_equal(g->staging, preset_find(STR("google"))->authority.staging);
    assert_string_equal(g->id, g->directory);
    assert_string_equal(g->email, "g@example.com");
    assert_string_equal(g->eab_kid, "abc");
    assert_string_equal(g->eab_hmac, "c2VjcmV0");
    assert_string_equal(g->eab_algorithm, "HS256");
    assert_int_equal(g->account_key_type, KEY_ECDSA_P256);
    assert_false(g->agree_tos || g->pre_authorize);
    assert_string_equal(l->id, "https://acme-v02.api.letsencrypt.org/directory#big");
    assert_int_equal(l->account_key_type, KEY_ED25519);
    assert_true(l->agree_tos && l->pre_authorize);
    assert_int_equal(g->orders_in_flight, 0);
    assert_int_equal(l->orders_in_flight, 5);
    assert_string_equal(l->eab_algorithm, "HS512");
    assert_ptr_equal(settings_authority_of_id(&s, str_c(l->id)), l);
    arena_free(a);
}

static void what_is_missing_is_asked_for(void **state)
{
    EXPECT("authority: zerossl\nauthorities:\n"
           "  zerossl: {email: z@example.com}\n"
           "  buypass: {account: x}\n"
           "  a: {directory: \"https://a.example/\", eab-kid: k}\n"
           "  b: {directory: \"https://b.example/\", eab-hmac: c2VjcmV0}\n"
           "  mine: {directory: \"https://acme.zerossl.com/v2/DV90\", account: x}\n",
        "3:12: authorities.zerossl.eab-kid: zerossl needs external account binding (EAB): set "
        "authorities.zerossl.eab-kid and .eab-hmac-file to what you get from "
        "https://app.zerossl.com/developer "
        "(EAB credentials for ACME clients)",
        "4:12: authorities.buypass.directory: buypass ended its free ACME service on 2025-10-15; use "
        "letsencrypt "
        "or another authority",
        "5:49: authorities.a.eab-kid: is of no use without its key; set eab-hmac-file (or eab-hmac), which "
        "the CA "
        "gives with it",
        "6:50: authorities.b.eab-hmac: is of no use without eab-kid; the CA gives both together",
        "7:9: authorities.mine.eab-kid: mine needs external account binding (EAB): set "
        "authorities.mine.eab-kid "
        "and .eab-hmac-file to what you get from https://app.zerossl.com/developer (EAB credentials for ACME "
        "clients)");
}

static void accounts_are_told_apart_by_labels(void **state)
{
    struct arena *a = arena_new();
    struct settings s =
        good_settings(a, "authorities:\n"
                         "  one: {directory: \"https://a.example/\", email: a@example.com}\n"
                         "  same: {directory: \"https://a.example/\", email: a@example.com}\n"
                         "  two: {directory: \"https://a.example/\", email: b@example.com, account: two}\n");
    assert_string_equal(s.authorities[0].id, s.authorities[1].id);
    assert_string_equal(s.authorities[2].id, "https://a.example/#two");
    arena_free(a);
    EXPECT("authorities:\n"
           "  one: {directory: \"https://a.example/\", email: a@example.com}\n"
           "  two: {directory: \"https://a.example/\", email: b@example.com}\n"
           "  three: {directory: \"https://a.example/\", email: a@example.com, account-key-type: rsa-2048}\n"
           "  four: {directory: \"https://a.example/#x\"}\n"
           "  five: {directory: \"https://a.example/\", account: \"a b\"}\n",
        "3:3: authorities.two: has the same directory as one at f.yaml:2:3 but another account (e-mail, eab "
        "or "
        "type of key); give one of them a label, as in account: customer-1",
        "4:3: authorities.three: has the same directory as one at f.yaml:2:3 but another account (e-mail, "
        "eab or "
        "type of key); give one of them a label, as in account: customer-1",
        "5:21: authorities.four.directory: the URL of a directory holds no '#'",
        "6:52: authorities.five.account: expected a name of letters, digits, '.', '_' and '-', at most 64 "
        "octets, "
        "found \"a b\"");
}

/* No message holds any of it. */
static void secrets_stay_secret(void **state)
{
    static const char *const bad[] = {"eab-hmac: \"my secret!\"", "eab-hmac: [my secret]",
        "eab-hmac: my===", "eab-hmac: mysec", "eab-hmac: \"my\\tsecret\"", "eab-hmac-file: [x]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new();
        struct settings s;
        struct config_problems problems;
        const char *yaml =
            arena_printf(a, "authorities: {x: {directory: \"https://x.example/\", eab-kid: k, %s}}", bad[i]);
        assert_int_equal(settings_parse("f", str_c(yaml), a, &s, &problems, NULL), ERR_CONFIG);
        for (size_t k = 0; k < problems.n; k++)
            if (strstr(problems.list[k], "my") != NULL)
                fail_msg("%s", problems.list[k]);
        arena_free(a);
    }
}

static int load_secret(struct arena *a, const char *path, struct settings *s, struct err *err)
{
    const char *yaml = arena_printf(a,
        "authorities: {x: {directory: \"https://x.example/\", eab-kid: k, eab-hmac-file: \"%.*s\"}}",
        STR_ARG(str_c(path)));
    return settings_parse("f", str_c(yaml), a, s, NULL, err);
}

static void files_of_secrets_are_the_owners_alone(void **state)
{
    struct arena *a = arena_new();
    struct settings s;
    struct err err = ERR_INIT;
    const char *path = secret(a, " c2Vj-_cmV0\n\n", 0600);
    assert_int_equal(load_secret(a, path, &s, &err), 0);
    assert_string_equal(s.authorities[0].eab_hmac, "c2Vj-_cmV0");
    assert_string_equal(s.authorities[0].eab_hmac_file, path);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(load_secret(a, path, &s, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "authorities.x.eab-hmac-file:"));
    assert_non_null(strstr(err.text, "chmod 600"));
    unlink(path);
    assert_int_equal(load_secret(a, path, &s, &err), ERR_CONFIG);
    path = secret(a, "\n", 0600);
    assert_int_equal(load_secret(a, path, &s, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "is empty"));
    unlink(path);
    path = secret(a, "no base64!", 0600);
    assert_int_equal(load_secret(a, path, &s, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "expected the key in base64url or base64"));
    assert_null(strstr(err.text, "no base64"));
    unlink(path);
    assert_int_equal(load_secret(a, "../x", &s, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "expected the absolute path of a file, or the name of a credential"));
    arena_free(a);
}

static void credentials_are_found_by_name(void **state)
{
    struct arena *a = arena_new();
    struct settings s;
    struct err err = ERR_INIT;
    const char *path = secret(a, "c2VjcmV0", 0440);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(load_secret(a, path + 5, &s, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "$CREDENTIALS_DIRECTORY is not set"));
    setenv("CREDENTIALS_DIRECTORY", "/tmp", 1);
    assert_int_equal(load_secret(a, path + 5, &s, &err), 0);
    assert_string_equal(s.authorities[0].eab_hmac, "c2VjcmV0");
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(path);
    arena_free(a);
}

static void a_command_may_bind_an_account(void **state)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct authority z = preset_find(STR("zerossl"))->authority;
    const char *path = secret(a, "c2VjcmV0", 0600);
    assert_int_equal(settings_eab(NULL, NULL, a, &z, &err), 0);
    assert_string_equal(z.eab_kid, "");
    assert_int_equal(settings_eab("kid", NULL, a, &z, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "is of no use without its key"));
    z = preset_find(STR("zerossl"))->authority;
    assert_int_equal(settings_eab(NULL, path, a, &z, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "is of no use without eab-kid"));
    z = preset_find(STR("zerossl"))->authority;
    assert_int_equal(settings_eab("k d", path, a, &z, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "--eab-kid: expected a key identifier without blanks"));
    assert_int_equal(settings_eab("kid", path, a, &z, &err), 0);
    assert_string_equal(z.eab_kid, "kid");
    assert_string_equal(z.eab_hmac, "c2VjcmV0");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(settings_eab("kid", path, a, &z, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "--eab-hmac-file: "));
    unlink(path);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_with_a_presets_name_is_that_preset),
        cmocka_unit_test(what_is_missing_is_asked_for),
        cmocka_unit_test(accounts_are_told_apart_by_labels),
        cmocka_unit_test(secrets_stay_secret),
        cmocka_unit_test(files_of_secrets_are_the_owners_alone),
        cmocka_unit_test(credentials_are_found_by_name),
        cmocka_unit_test(a_command_may_bind_an_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
