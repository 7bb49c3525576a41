#include "config_test.h"

#include "config/certificate.h"

#include <stdlib.h>
#include <unistd.h>

static void defaults_reach_certificates(void **state)
{
    struct arena *a = arena_new();
    /* the order of the keys does not matter: defaults may stand below */
    struct settings s = good_settings(a,
        "certificates:\n"
        "  - {domains: a.example}\n"
        "  - {domains: b.example, webroot: \"\", key-type: rsa-4096, key-group: \"\", key-mode: 0600,\n"
        "     renew-before: auto, retry: auto, authority: letsencrypt}\n"
        "webroot: /srv/w\nkey-type: ecdsa-p384\nkey-group: ssl\nkey-mode: \"0640\"\nrenew-before: 20d\n"
        "retry: 2h\nauthority: letsencrypt-staging\n");
    const struct wish *w = &s.certificates[0];
    assert_string_equal(w->name, "a.example");
    assert_string_equal(w->authorities[0], "letsencrypt-staging");
    assert_string_equal(w->challenges[0], "http-01");
    assert_string_equal(w->webroot, "/srv/w");
    assert_int_equal(w->key_type, KEY_ECDSA_P384);
    assert_string_equal(w->key_group, "ssl");
    assert_int_equal(w->key_mode, 0640);
    assert_int_equal(w->renew_before_s, 20 * 86400);
    assert_int_equal(w->retry_s, 7200);
    assert_int_equal(w->deploy_n, 0);
    w++;
    assert_string_equal(w->authorities[0], "letsencrypt");
    assert_string_equal(w->webroot, "");
    assert_int_equal(w->key_type, KEY_RSA_4096);
    assert_string_equal(w->key_group, "");
    assert_int_equal(w->key_mode, 0600);
    assert_int_equal(w->renew_before_s, 0);
    assert_int_equal(w->retry_s, 0);
    arena_free(a);
}

static void domains_are_tidied(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a,
        "certificates: [{domains: [B\303\274cher.example, a.example, A.example., xn--bcher-kva.example]}]\n");
    const struct wish *w = &s.certificates[0];
    assert_int_equal(w->domain_n, 2);
    assert_string_equal(w->domains[0], "xn--bcher-kva.example");
    assert_string_equal(w->domains[1], "a.example");
    assert_string_equal(w->name, "xn--bcher-kva.example");
    arena_free(a);
}

static void hundred_names_and_no_more(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(100000);
    buf_put_c(&b, "certificates: [{domains: [");
    for (int i = 0; i < 300; i++)
        buf_printf(&b, "n%d.example,", i % WISH_DOMAINS_MAX);
    struct buf more = buf_new(100000);
    buf_printf(&more, "%sone-more.example]}]\n", buf_c(&b));
    buf_put_c(&b, "]}]\n");
    struct settings s = good_settings(a, buf_c(&b));
    assert_int_equal(s.certificates[0].domain_n, WISH_DOMAINS_MAX);
    EXPECT(buf_c(&more),
        "1:26: certificates[0].domains: more than 100 names in one certificate; write several certificates");
    buf_free(&b);
    buf_free(&more);
    arena_free(a);
}

static void names_are_unique(void **state)
{
    EXPECT("certificates:\n"
           "  - {name: x, domains: a.example}\n"
           "  - {domains: b.example}\n"
           "  - {name: x, domains: c.example}\n"
           "  - {domains: [b.example, d.example]}\n"
           "  - {name: b.example, domains: e.example}\n",
        "4:12: certificates[2].name: the name x is that of the certificate at f.yaml:2:12 too",
        "5:15: certificates[3].domains: the name b.example, taken from the first domain, is that of the "
        "certificate at f.yaml:3:15 too; give one of them another name",
        "6:12: certificates[4].name: the name b.example is that of the certificate at f.yaml:3:15 too");
}

static void a_name_too_long_for_a_file_is_asked_for(void **state)
{
    char label[61], yaml[1000];
    memset(label, 'a', 60);
    label[60] = '\0';
    snprintf(yaml, sizeof yaml, "certificates:\n  - domains: %s.%s.%s.%s\n", label, label, label, label);
    struct arena *a = arena_new();
    struct settings s;
    struct err err = ERR_INIT;
    assert_int_equal(settings_parse("f", str_c(yaml), a, &s, NULL, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text,
        "f:2:5: certificates[0].name: is needed, as the first domain cannot serve as one: the name"));
    assert_non_null(strstr(err.text, "is longer than 200 octets"));
    arena_free(a);
}

static void commands_are_checked(void **state)
{
    EXPECT("certificates:\n"
           "  - domains: a.example\n"
           "    deploy:\n"
           "      - {run: [\"\", x]}\n"
           "      - {run: [bin/x]}\n"
           "      - {run: []}\n"
           "      - {run: [x], timeout: 2d, user: \"a b\"}\n",
        "4:16: certificates[0].deploy[0].run[0]: the first word, the command, is empty",
        "5:16: certificates[0].deploy[1].run[0]: write the command \"bin/x\" as an absolute path or as a "
        "bare name",
        "6:15: certificates[0].deploy[2].run: is an empty list; expected a word of a command",
        "7:29: certificates[0].deploy[3].timeout: 2d is outside 1s to 1d",
        "7:39: certificates[0].deploy[3].user: expected the name of a user or group, found \"a b\"");
    struct arena *a = arena_new();
    struct settings s =
        good_settings(a, "certificates: [{domains: a.example, deploy: [{run: [systemctl, reload, nginx]},"
                         " {run: [/bin/x, \"\"], user: odoo, timeout: 5m}]}]\n");
    const struct deploy *d = s.certificates[0].deploys;
    assert_int_equal(s.certificates[0].deploy_n, 2);
    assert_int_equal(d[0].argc, 3);
    assert_string_equal(d[0].argv[2], "nginx");
    assert_string_equal(d[0].user, "");
    assert_int_equal(d[0].timeout_s, DEPLOY_TIMEOUT_S);
    assert_string_equal(d[1].argv[1], "");
    assert_string_equal(d[1].user, "odoo");
    assert_int_equal(d[1].timeout_s, 300);
    arena_free(a);
}

static void commands_together_are_bounded(void **state)
{
    struct buf b = buf_new(100000);
    buf_put_c(&b, "certificates: [{domains: a.example, deploy: [");
    for (int i = 0; i < 3; i++) {
        buf_put_c(&b, "{run: [sh, \"");
        for (int j = 0; j < WISH_DEPLOY_TEXT_MAX / 3; j++)
            buf_put_char(&b, 'x');
        buf_put_c(&b, "\"]},");
    }
    buf_put_c(&b, "]}]\n");
    EXPECT(buf_c(&b),
        "1:45: certificates[0].deploy: commands of 16395 octets; more than 16384 belong into a script");
    buf_free(&b);
}

static void authorities_must_exist(void **state)
{
    EXPECT("authority: zerossl\n"
           "certificates:\n"
           "  - {domains: a.example, authority: buypass}\n"
           "  - {domains: b.example, authority: letsencript}\n"
           "  - {domains: c.example, authority: \"http://ca.example/\"}\n",
        "1:12: authority: zerossl needs external account binding (EAB): set authorities.zerossl.eab-kid and "
        ".eab-hmac-file to what you get from https://app.zerossl.com/developer (EAB credentials for ACME "
        "clients)",
        "3:37: certificates[0].authority: buypass ended its free ACME service on 2025-10-15; use letsencrypt "
        "or "
        "another authority",
        "4:37: certificates[1].authority: there is no authority \"letsencript\" (did you mean letsencrypt?); "
        "write letsencrypt, an entry of authorities, or the https URL of an ACME directory",
        "5:37: certificates[2].authority: expected a URL that begins with https://, found "
        "\"http://ca.example/\"");
}

static void second_key_types_have_names(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "key-type: [ecdsa-p256, rsa-2048]\ncertificates:\n"
                                         "  - {domains: a.example}\n"
                                         "  - {domains: b.example, key-type: rsa-2048}\n");
    assert_int_equal(s.certificates[0].key_type_n, 2);
    assert_string_equal(wish_variant_name(&s.certificates[0], 1, a), "a.example-rsa");
    assert_int_equal(s.certificates[1].key_type, KEY_RSA_2048);
    static const char *const there[] = {"a.example", "a.example-rsa", "b.example"};
    for (size_t i = 0; i < ARRAY_LEN(there); i++)
        assert_true(settings_has_certificate(&s, there[i]));
    static const char *const others[] = {"b.example-rsa", "a.example-ecdsa", "a.example-", "a", ""};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(settings_has_certificate(&s, others[i]));
    arena_free(a);
    EXPECT("certificates:\n"
           "  - {name: x-rsa, domains: a.example}\n"
           "  - {name: x, domains: b.example, key-type: [ecdsa-p256, rsa-2048]}\n",
        "3:12: certificates[1].name: the name x-rsa, of the second key type, is that of the certificate at "
        "f.yaml:2:12 too; give one of them another name");
    char name[WISH_NAME_MAX - 4], yaml[1000];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    snprintf(yaml, sizeof yaml,
        "key-type: [ecdsa-p256, rsa-2048]\ncertificates: [{name: %s, domains: a.example}]\n", name);
    EXPECT(yaml, "2:16: certificates[0].key-type: the name is longer than 194 octets, so that the second "
                 "certificate cannot be named after it");
}

#define CSR "-----BEGIN CERTIFICATE REQUEST-----\nMIIBAA==\n-----END CERTIFICATE REQUEST-----\n"

static void requests_are_taken(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "certificates:\n"
                                         "  - domains: a.example\n"
                                         "    csr: |\n"
                                         "      Certificate Request:\n"
                                         "      -----BEGIN NEW CERTIFICATE REQUEST-----\n"
                                         "      MIIBAA==\n"
                                         "      -----END NEW CERTIFICATE REQUEST-----\n");
    assert_string_equal(s.certificates[0].csr, CSR);
    char path[] = "/tmp/test-csr-XXXXXX", yaml[1000];
    int fd = mkstemp(path);
    static const char crlf[] =
        "-----BEGIN CERTIFICATE REQUEST-----\r\nMIIBAA==\r\n-----END CERTIFICATE REQUEST-----\r\n";
    assert_int_equal(write(fd, crlf, strlen(crlf)), (ssize_t)strlen(crlf));
    snprintf(yaml, sizeof yaml, "certificates: [{domains: a.example, csr-file: %s}]\n", path);
    s = good_settings(a, yaml);
    assert_string_equal(s.certificates[0].csr, CSR);
    /* the wish carries the text, and no path */
    struct buf b = buf_new(WISH_TEXT_MAX);
    struct wish again;
    wish_encode(&s.certificates[0], &b);
    assert_null(strstr(buf_c(&b), path));
    assert_int_equal(wish_decode(buf_str(&b), a, &again, NULL), 0);
    assert_string_equal(again.csr, CSR);
    buf_free(&b);
    snprintf(yaml, sizeof yaml, "certificates: [{domains: a.example, csr: \"%s\", csr-file: %s}]\n",
        "-----BEGIN CERTIFICATE "
        "REQUEST-----\\nMIIBAA==\\n-----END CERTIFICATE REQUEST-----\\n",
        path);
    struct err err = ERR_INIT;
    assert_int_equal(settings_parse("f", str_c(yaml), a, &s, NULL, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "certificates[0].csr-file: is set beside csr; write one of them"));
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    snprintf(yaml, sizeof yaml, "certificates: [{domains: a.example, csr-file: %s}]\n", path);
    assert_int_equal(settings_parse("f", str_c(yaml), a, &s, NULL, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "expected one certificate request in PEM"));
    unlink(path);
    arena_free(a);
    EXPECT("certificates:\n"
           "  - {domains: a.example, csr: \"x\"}\n"
           "  - {domains: b.example, csr-file: /does/not/exist}\n"
           "  - {domains: c.example, must-staple: true, csr: &c \"-----BEGIN CERTIFICATE "
           "REQUEST-----\\nMIIBAA==\\n"
           "-----END CERTIFICATE REQUEST-----\"}\n"
           "  - {domains: d.example, key-type: [ecdsa-p256, rsa-2048], csr: *c}\n"
           "  - {domains: e.example, not-before: 2d, not-after: 1d}\n",
        "2:31: certificates[0].csr: expected one certificate request in PEM (-----BEGIN CERTIFICATE "
        "REQUEST-----), "
        "found none",
        "3:36: certificates[1].csr-file: cannot open /does/not/exist: No such file or directory",
        "4:39: certificates[2].must-staple: a request (csr) says itself whether it asks for must-staple",
        "5:36: certificates[3].key-type: a certificate of a request (csr) has the one key of that request",
        "6:53: certificates[4].not-after: the end of validity is not behind its start (not-before)");
}

static void checks_alone(void **state)
{
    struct err err = ERR_INIT;
    static const char *const http[] = {"http-01"}, *const both[] = {"tls-alpn-01", "dns-account-01"};
    static const char *const persist[] = {"dns-persist-01"}, *const unread[] = {"http-01", NULL};
    const struct wish by_http = {.challenges = http, .challenge_n = 1};
    const struct wish by_both = {.challenges = both, .challenge_n = 2};
    const struct wish by_persist = {.challenges = persist, .challenge_n = 1};
    const struct wish by_unread = {.challenges = unread, .challenge_n = 2};
    assert_int_equal(domain_check(&by_http, "a.example", &err), 0);
    assert_int_equal(domain_check(&by_http, "192.0.2.1", &err), 0);
    assert_int_equal(domain_check(&by_http, "*.a.example", &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "*.a.example cannot be proven by http-01, only by the DNS"));
    assert_int_equal(domain_check(&by_unread, "*.a.example", &err), 0);
    assert_int_equal(domain_check(&by_both, "*.a.example", &err), 0);
    assert_int_equal(domain_check(&by_both, "192.0.2.1", &err), 0);
    assert_int_equal(domain_check(&by_persist, "*.a.example", &err), 0);
    assert_int_equal(domain_check(&by_persist, "192.0.2.1", &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "192.0.2.1 cannot be proven by dns-persist-01, which is for DNS names"));
    assert_false(wish_needs_dns(&by_http));
    assert_true(wish_needs_dns(&by_both));
    assert_false(wish_needs_dns(&by_persist));
    const char *domains[] = {"a", NULL, "b", "a", NULL, "b"};
    size_t n = ARRAY_LEN(domains);
    assert_int_equal(domains_tidy(domains, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(domains[0], "a");
    assert_string_equal(domains[1], "b");
    const char *wild[] = {"*.example.org"};
    struct wish w = {.domains = wild, .domain_n = 1};
    struct arena *a = arena_new();
    assert_int_equal(wish_name_default(&w, a, &err), 0);
    assert_string_equal(w.name, "example.org");
    static const char *const addresses[][2] = {
        {"2001:db8::1", "2001-db8--1"}, {"::1", "0--1"}, {"192.0.2.1", "192.0.2.1"}};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        w.domains = addresses[i];
        assert_int_equal(wish_name_default(&w, a, &err), 0);
        assert_string_equal(w.name, addresses[i][1]);
    }
    arena_free(a);
}

static void addresses_are_for_a_few_days(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "certificates:\n"
                                         "  - {domains: [a.example, 192.0.2.1]}\n"
                                         "  - {domains: [\"::1\"], profile: own}\n"
                                         "  - {domains: [\"::1\"], name: other, preferred-profile: [x]}\n"
                                         "  - {domains: b.example}\n");
    assert_int_equal(s.certificates[0].preferred_profile_n, 1);
    assert_string_equal(s.certificates[0].preferred_profiles[0], "shortlived");
    assert_int_equal(s.certificates[1].preferred_profile_n, 0);
    assert_int_equal(s.certificates[2].preferred_profile_n, 1);
    assert_string_equal(s.certificates[2].preferred_profiles[0], "x");
    assert_int_equal(s.certificates[3].preferred_profile_n, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_reach_certificates),
        cmocka_unit_test(domains_are_tidied),
        cmocka_unit_test(hundred_names_and_no_more),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(a_name_too_long_for_a_file_is_asked_for),
        cmocka_unit_test(commands_are_checked),
        cmocka_unit_test(commands_together_are_bounded),
        cmocka_unit_test(authorities_must_exist),
        cmocka_unit_test(second_key_types_have_names),
        cmocka_unit_test(requests_are_taken),
        cmocka_unit_test(checks_alone),
        cmocka_unit_test(addresses_are_for_a_few_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
