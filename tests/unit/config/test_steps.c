#include "config_test.h"

#include "config/wish.h"

/* One certificate for a.example and b.example with these keys. */
static struct wish wish_of(struct arena *a, const char *keys)
{
    char yaml[4096];
    snprintf(yaml, sizeof yaml, "certificates:\n- domains: [a.example, b.example]\n%s", keys);
    struct settings s = good_settings(a, yaml);
    assert_int_equal(s.certificate_n, 1);
    return s.certificates[0];
}

static void commands_have_all_their_keys(void **state)
{
    struct arena *a = arena_new();
    struct wish w = wish_of(a, "  deploy:\n"
                               "  - run: [/bin/x, y]\n"
                               "    user: odoo\n"
                               "    timeout: 5m\n"
                               "    env: {RELOAD: \"1\", _x9: \"\"}\n"
                               "    batch: true\n"
                               "    dialect: acme.sh\n"
                               "    on: [renewed, failing]\n"
                               "  - run: [x]\n"
                               "    env:\n"
                               "    on: expiring\n"
                               "  - run: [y]\n"
                               "    on: []\n");
    const struct deploy *d = w.deploys;
    assert_int_equal(w.deploy_n, 3);
    assert_int_equal(d[0].argc, 2);
    assert_string_equal(d[0].user, "odoo");
    assert_int_equal(d[0].timeout_s, 300);
    assert_int_equal(d[0].env_n, 2);
    assert_string_equal(d[0].env[0].name, "RELOAD");
    assert_string_equal(d[0].env[0].value, "1");
    assert_string_equal(d[0].env[1].value, "");
    assert_true(d[0].batch);
    assert_string_equal(d[0].dialect, "acme.sh");
    assert_int_equal(d[0].on_n, 2);
    assert_true(deploy_is_for(&d[0], DEPLOY_FAILING));
    assert_false(deploy_is_for(&d[0], DEPLOY_ISSUED));
    assert_string_equal(d[0].verify, "");
    assert_int_equal(d[1].env_n, 0);
    assert_string_equal(d[1].dialect, "evercert");
    assert_string_equal(d[1].on[0], "expiring");
    assert_true(deploy_is_for(&d[2], DEPLOY_ISSUED));
    arena_free(a);
}

static void commands_are_refused_with_a_reason(void **state)
{
    EXPECT("certificates:\n"
           "- domains: a.example\n"
           "  deploy:\n"
           "  - {run: [x], env: {PATH: /x, LD_PRELOAD: x, EVERCERT_X: x, FAILED_X: x, 1A: x, \"a b\": x, A: "
           "x, A: y}}\n"
           "  - {run: [x], env: [A]}\n"
           "  - {run: [x], env: {RENEWED_DOMAINS: x, B: ~, C: [x]}}\n"
           "  - {run: [x], dialect: uacme}\n"
           "  - {run: [x], dialect: cerbot}\n"
           "  - {run: [x], on: [issued, issued, soon]}\n"
           "  - {run: []}\n"
           "  - {user: x}\n",
        "4:22: certificates[0].deploy[0].env.PATH: PATH is set by evercert; write the absolute path of what "
        "the command needs",
        "4:32: certificates[0].deploy[0].env.LD_PRELOAD: LD_PRELOAD would change what the command loads; set "
        "it in a script of your own",
        "4:47: certificates[0].deploy[0].env.EVERCERT_X: variables that begin with EVERCERT_ are set by "
        "evercert",
        "4:62: certificates[0].deploy[0].env.FAILED_X: variables that begin with FAILED_ are set by evercert",
        "4:75: certificates[0].deploy[0].env.1A: expected the name of a variable such as RELOAD_URL, found "
        "\"1A\"",
        "4:82: certificates[0].deploy[0].env.a b: expected the name of a variable such as RELOAD_URL, found "
        "\"a b\"",
        "4:98: certificates[0].deploy[0].env.A: A is there twice",
        "5:21: certificates[0].deploy[1].env: expected keys and values, each key the name of a variable such "
        "as RELOAD_URL, found a list",
        "6:22: certificates[0].deploy[2].env.RENEWED_DOMAINS: variables that begin with RENEWED_ are set by "
        "evercert",
        "6:45: certificates[0].deploy[2].env.B: expected a word of a command, found nothing",
        "6:51: certificates[0].deploy[2].env.C: expected a word of a command, found a list",
        "7:25: certificates[0].deploy[3].dialect: uacme's hook answers challenges and has no form for "
        "deployment; write what shall be done afterwards as a command of its own",
        "8:25: certificates[0].deploy[4].dialect: expected one of evercert, certbot, dehydrated, lego, "
        "mod_md, acme.sh, odoo, found \"cerbot\" (did you mean certbot?)",
        "9:29: certificates[0].deploy[5].on[1]: is in the list twice",
        "9:37: certificates[0].deploy[5].on[2]: expected one of issued, renewed, failing, expiring, "
        "starting, finished, unchanged, found \"soon\"",
        "10:11: certificates[0].deploy[6].run: is an empty list; expected a word of a command",
        "11:5: certificates[0].deploy[7]: has neither run nor verify; a deploy step needs one of them");
}

static void looks_know_the_usual_ports(void **state)
{
    static const struct {
        const char *verify, *starttls;
    } known[] = {
        {"a.example:443", ""},
        {"a.example:25", "smtp"},
        {"a.example:587", "smtp"},
        {"a.example:465", ""},
        {"a.example:143", "imap"},
        {"a.example:110", "pop3"},
        {"a.example:389", "ldap"},
        {"a.example:21", "ftp"},
        {"a.example:5222", "xmpp"},
        {"[2001:db8::1]:5269", "xmpp"},
        {"db:5432", "postgres"},
        {"a.example:1443", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct arena *a = arena_new();
        char keys[200];
        snprintf(keys, sizeof keys, "  deploy: [{verify: \"%s\"}]\n", known[i].verify);
        struct wish w = wish_of(a, keys);
        assert_string_equal(w.deploys[0].verify, known[i].verify);
        assert_string_equal(w.deploys[0].starttls, known[i].starttls);
        assert_int_equal(w.deploys[0].timeout_s, DEPLOY_TIMEOUT_S);
        assert_int_equal(w.deploys[0].argc, 0);
        assert_false(w.deploys[0].rollback);
        arena_free(a);
    }
}

static void looks_have_all_their_keys(void **state)
{
    struct arena *a = arena_new();
    struct wish w = wish_of(a, "  deploy:\n"
                               "  - {verify: \"Mail.EXAMPLE:25\", starttls: none, server-name: B.example, "
                               "timeout: 10s, rollback: true}\n"
                               "  - {verify: \"b\303\274cher.example.:1\", starttls: imap}\n"
                               "  - {verify: \"[2001:DB8:0::1]:443\"}\n"
                               "  - {verify: \"my_container:8443\"}\n"
                               "  - {verify: \"192.0.2.1:443\", server-name: \"\"}\n");
    const struct deploy *d = w.deploys;
    assert_string_equal(d[0].verify, "mail.example:25");
    assert_string_equal(d[0].starttls, "");
    assert_string_equal(d[0].server_name, "b.example");
    assert_int_equal(d[0].timeout_s, 10);
    assert_true(d[0].rollback);
    assert_string_equal(d[1].verify, "xn--bcher-kva.example:1");
    assert_string_equal(d[1].starttls, "imap");
    assert_string_equal(d[2].verify, "[2001:db8::1]:443");
    assert_string_equal(d[3].verify, "my_container:8443");
    assert_string_equal(d[4].verify, "192.0.2.1:443");
    arena_free(a);
}

static void looks_are_refused_with_a_reason(void **state)
{
    EXPECT("certificates:\n"
           "- domains: a.example\n"
           "  deploy:\n"
           "  - {verify: a.example}\n"
           "  - {verify: \"a.example:0\"}\n"
           "  - {verify: \"2001:db8::1:443\"}\n"
           "  - {verify: \"[a.example]:443\"}\n"
           "  - {verify: \"*.a.example:443\"}\n"
           "  - {verify: \"a:1\", starttls: smpt}\n"
           "  - {verify: \"a:1\", server-name: 192.0.2.1}\n"
           "  - {verify: \"a:1\", user: x, batch: false}\n"
           "  - {run: [x], rollback: true, starttls: none}\n"
           "  - {run: [x], verify: \"a:1\"}\n"
           "  - {verify: \"\", rollback: true}\n",
        "4:14: certificates[0].deploy[0].verify: expected a host and a port such as example.org:443 or "
        "[2001:db8::1]:443, found \"a.example\"",
        "5:14: certificates[0].deploy[1].verify: expected a port of 1 to 65535 behind the last ':', as in "
        "example.org:443",
        "6:14: certificates[0].deploy[2].verify: write an IPv6 address in brackets, as in [2001:db8::1]:443",
        "7:14: certificates[0].deploy[3].verify: expected a host and a port such as example.org:443 or "
        "[2001:db8::1]:443, found \"[a.example]:443\"",
        "8:14: certificates[0].deploy[4].verify: expected a host and a port such as example.org:443 or "
        "[2001:db8::1]:443, found \"*.a.example:443\"",
        "9:31: certificates[0].deploy[5].starttls: expected one of none, smtp, imap, pop3, ldap, ftp, xmpp, "
        "postgres, found \"smpt\" (did you mean smtp?)",
        "10:34: certificates[0].deploy[6].server-name: 192.0.2.1 cannot be asked for; a server is asked for "
        "one DNS name",
        "11:27: certificates[0].deploy[7].user: belongs to a step with run; this one has verify",
        "11:37: certificates[0].deploy[7].batch: belongs to a step with run; this one has verify",
        "12:26: certificates[0].deploy[8].rollback: belongs to a step with verify; this one has run",
        "12:42: certificates[0].deploy[8].starttls: belongs to a step with verify; this one has run",
        "13:24: certificates[0].deploy[9].verify: is set beside run; a step is one of them, so write two "
        "steps",
        "14:14: certificates[0].deploy[10].verify: expected a host and a port such as example.org:443 or "
        "[2001:db8::1]:443, found an empty text");
}

static void copies_have_all_their_keys(void **state)
{
    struct arena *a = arena_new();
    struct wish w = wish_of(a,
        "  key-type: [ecdsa-p256, rsa-2048]\n"
        "  publish:\n"
        "  - {format: fullchain, path: \"/srv/{name}/{name}.crt\", owner: odoo, group: \"1000\", mode: "
        "0644}\n"
        "  - {format: pkcs12, path: \"/srv/{name}.p12\", password-file: /etc/p12, replace-symlink: true}\n"
        "  - {format: key, path: \"/srv/{name}.key\", mode: \"0640\", group: odoo}\n");
    const struct publication *p = w.publications;
    assert_int_equal(w.publication_n, 3);
    assert_string_equal(p[0].format, "fullchain");
    assert_string_equal(p[0].owner, "odoo");
    assert_string_equal(p[0].group, "1000");
    assert_int_equal(p[0].mode, 0644);
    assert_string_equal(publication_path(&p[0], "n-rsa", a), "/srv/n-rsa/n-rsa.crt");
    assert_false(publication_has_key(&p[0]));
    assert_string_equal(p[1].password_file, "/etc/p12");
    assert_true(p[1].replace_symlink);
    assert_int_equal(p[1].mode, 0);
    assert_true(publication_has_key(&p[1]));
    assert_int_equal(p[2].mode, 0640);
    assert_false(p[2].replace_symlink);
    arena_free(a);
}

static void copies_are_refused_with_a_reason(void **state)
{
    EXPECT("certificates:\n"
           "- domains: a.example\n"
           "  publish:\n"
           "  - {format: der, path: /x0}\n"
           "  - {path: /x1}\n"
           "  - {format: cert}\n"
           "  - {format: cert, path: x}\n"
           "  - {format: cert, path: /x/}\n"
           "  - {format: cert, path: /x/../y}\n"
           "  - {format: cert, path: \"/{domain}/{name}\"}\n"
           "  - {format: cert, path: \"/x}\"}\n"
           "  - {format: combined, path: /x2, mode: \"0644\"}\n"
           "  - {format: cert, path: /x3, mode: \"0755\"}\n"
           "  - {format: cert, path: /x4, mode: \"0646\"}\n"
           "  - {format: chain, path: /x5, password-file: /etc/p12}\n"
           "  - {format: chain, path: /x6, owner: \"a b\"}\n",
        "4:14: certificates[0].publish[0].format: expected one of fullchain, cert, chain, key, combined, "
        "pkcs12, found \"der\" (did you mean cert?)",
        "5:5: certificates[0].publish[1].format: is missing; a copy needs it",
        "6:5: certificates[0].publish[2].path: is missing; a copy needs it",
        "7:26: certificates[0].publish[3].path: expected the absolute path of a file such as "
        "/etc/app/tls/{name}.pem, found \"x\"",
        "8:26: certificates[0].publish[4].path: \"/x/\" is a directory; write the name of the file as well",
        "9:26: certificates[0].publish[5].path: \"/x/../y\" leads in a roundabout way; write it without "
        "'//', '.' and '..'",
        "10:26: certificates[0].publish[6].path: \"{domain}\" is none of the words that stand for something; "
        "there is {name}",
        "11:26: certificates[0].publish[7].path: \"}\" is none of the words that stand for something; there "
        "is {name}",
        "12:41: certificates[0].publish[8].mode: 0644 gives others access to the private key that is in the "
        "format combined; use 0600, or 0640 with group",
        "13:37: certificates[0].publish[9].mode: \"0755\" makes the file executable or sets special bits; "
        "use 0644 or 0600",
        "14:37: certificates[0].publish[10].mode: \"0646\" lets everybody change the file; use 0644",
        "15:47: certificates[0].publish[11].password-file: is for the format pkcs12 only",
        "16:39: certificates[0].publish[12].owner: expected the name of a user or group, found \"a b\"");
}

static void copies_have_places_of_their_own(void **state)
{
    EXPECT("certificates:\n"
           "- domains: a.example\n"
           "  publish: [{format: cert, path: /srv/a.example}, {format: key, path: \"/srv/{name}\"}]\n"
           "- domains: b.example\n"
           "  publish: [{format: cert, path: /srv/a.example}, {format: chain, path: \"/srv/{name}\"}]\n"
           "- domains: c.example\n"
           "  key-type: [ecdsa-p256, rsa-2048]\n"
           "  publish: [{format: cert, path: /srv/c}, {format: cert, path: \"/srv/{name}\"}]\n"
           "- domains: d.example\n"
           "  publish: [{format: cert, path: /srv/c.example-rsa}]\n",
        "3:71: certificates[0].publish[1].path: the copy at f.yaml:3:34 goes to /srv/a.example too",
        "5:34: certificates[1].publish[0].path: the copy at f.yaml:3:34 goes to /srv/a.example too",
        "8:34: certificates[2].publish[0].path: a certificate of two key types is two certificates; write "
        "{name} where their names shall tell the copies apart",
        "10:34: certificates[3].publish[0].path: the copy at f.yaml:8:64 goes to /srv/c.example-rsa too");
}

#define CSR "-----BEGIN CERTIFICATE REQUEST-----\\nMIIC\\n-----END CERTIFICATE REQUEST-----"

static void requests_have_no_key_to_copy(void **state)
{
    EXPECT("certificates:\n"
           "- domains: a.example\n"
           "  csr: \"" CSR "\"\n"
           "  publish: [{format: fullchain, path: /a}, {format: combined, path: /b}]\n",
        "4:53: certificates[0].publish[1].format: combined holds the private key, which a certificate of a "
        "request (csr) has elsewhere; fullchain, cert and chain can be published");
}

static void names_have_webroots(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a,
        "webroot: /srv/all\n"
        "webroot-map: {A.example: /srv/a, nobody.example: /srv/n, b\303\274cher.example: \"\"}\n"
        "certificates:\n"
        "- domains: [b.example, a.example]\n"
        "- domains: [c.example]\n"
        "- {name: d, domains: [b\303\274cher.example, a.example], webroot-map: {xn--bcher-kva.example: "
        "/srv/d}}\n"
        "- {name: e, domains: [a.example], webroot: /srv/e}\n"
        "- {name: f, domains: [a.example], webroot-map: {}}\n");
    const struct wish *w = s.certificates;
    assert_int_equal(s.defaults.webroot_n, 3);
    assert_int_equal(w[0].webroot_n, 1);
    assert_string_equal(wish_webroot(&w[0], "a.example"), "/srv/a");
    assert_string_equal(wish_webroot(&w[0], "b.example"), "/srv/all");
    assert_int_equal(w[1].webroot_n, 0);
    assert_string_equal(wish_webroot(&w[1], "c.example"), "/srv/all");
    assert_string_equal(wish_webroot(&w[2], "xn--bcher-kva.example"), "/srv/d");
    assert_string_equal(wish_webroot(&w[2], "a.example"), "/srv/all");
    assert_string_equal(wish_webroot(&w[3], "a.example"), "/srv/e");
    assert_string_equal(wish_webroot(&w[4], "a.example"), "/srv/all");
    arena_free(a);
}

static void webroots_are_refused_with_a_reason(void **state)
{
    EXPECT("webroot-map: {a.example: /a, A.EXAMPLE: /b, \"a b\": /c}\n"
           "certificates:\n"
           "- {domains: a.example, webroot-map: {a.example: srv, b.example: /b}}\n"
           "- {domains: c.example, webroot-map: /srv}\n",
        "1:30: webroot-map.A.EXAMPLE: a.example is there twice",
        "1:45: webroot-map.a b: \"a b\" holds a blank; write one name",
        "3:49: certificates[0].webroot-map.a.example: expected an absolute path such as /var/www/html, found "
        "\"srv\"",
        "3:54: certificates[0].webroot-map.b.example: b.example is none of the certificate's names",
        "4:37: certificates[1].webroot-map: expected keys and values, each key a DNS name or an IP address, "
        "found \"/srv\"");
}

static void sudo_and_resolvers_are_read(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "");
    assert_int_equal(s.sudo_n, 2);
    assert_string_equal(s.sudo[0], "sudo");
    assert_string_equal(s.sudo[1], "-n");
    assert_int_equal(s.propagation.resolver_n, 0);
    s = good_settings(a,
        "sudo: [/usr/bin/doas]\n"
        "propagation: {resolvers: [192.0.2.1, \"192.0.2.1:5353\", \"2001:db8::1\", \"[2001:db8::1]:53\"]}\n");
    assert_int_equal(s.sudo_n, 1);
    assert_string_equal(s.sudo[0], "/usr/bin/doas");
    assert_int_equal(s.propagation.resolver_n, 4);
    assert_string_equal(s.propagation.resolvers[3], "[2001:db8::1]:53");
    arena_free(a);
    EXPECT("sudo: bin/sudo -n\n"
           "propagation: {resolvers: [dns.example, \"192.0.2.1:0\", \"[2001:db8::1]53\", 192.0.2.1.5]}\n",
        "1:7: sudo: expected a list, each item a word of a command, found \"bin/sudo -n\"; no shell is used, "
        "write its words as a list such as [systemctl, reload, nginx]",
        "2:27: propagation.resolvers[0]: expected an address in numbers such as 192.0.2.53, or with a port "
        "[2001:db8::53]:5353, found \"dns.example\"",
        "2:40: propagation.resolvers[1]: expected an address in numbers such as 192.0.2.53, or with a port "
        "[2001:db8::53]:5353, found \"192.0.2.1:0\"",
        "2:55: propagation.resolvers[2]: expected an address in numbers such as 192.0.2.53, or with a port "
        "[2001:db8::53]:5353, found \"[2001:db8::1]53\"",
        "2:74: propagation.resolvers[3]: expected an address in numbers such as 192.0.2.53, or with a port "
        "[2001:db8::53]:5353, found \"192.0.2.1.5\"");
    EXPECT("sudo: [bin/sudo]\n",
        "1:7: sudo[0]: write the command \"bin/sudo\" as an absolute path or as a bare name");
}

/* What is said of a certificate together must go into its wish. */
static void a_certificate_has_a_size(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(4 << 20);
    struct settings s;
    struct err err = ERR_INIT;
    buf_put_c(&b, "certificates:\n- name: n\n  webroot-map:\n");
    char path[4000];
    memset(path, '"', sizeof path);
    path[sizeof path - 1] = '\0';
    for (int i = 0; i < WISH_DOMAINS_MAX; i++)
        buf_printf(&b, "    n%d.example: '/%s'\n", i, path);
    buf_put_c(&b, "  domains:\n");
    for (int i = 0; i < WISH_DOMAINS_MAX; i++)
        buf_printf(&b, "  - n%d.example\n", i);
    assert_int_equal(settings_parse("f.yaml", buf_str(&b), a, &s, NULL, &err), ERR_CONFIG);
    if (strstr(err.text, "takes more than") == NULL)
        fail_msg("%s", err.text);
    buf_free(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_have_all_their_keys),
        cmocka_unit_test(commands_are_refused_with_a_reason),
        cmocka_unit_test(looks_know_the_usual_ports),
        cmocka_unit_test(looks_have_all_their_keys),
        cmocka_unit_test(looks_are_refused_with_a_reason),
        cmocka_unit_test(copies_have_all_their_keys),
        cmocka_unit_test(copies_are_refused_with_a_reason),
        cmocka_unit_test(copies_have_places_of_their_own),
        cmocka_unit_test(requests_have_no_key_to_copy),
        cmocka_unit_test(names_have_webroots),
        cmocka_unit_test(webroots_are_refused_with_a_reason),
        cmocka_unit_test(sudo_and_resolvers_are_read),
        cmocka_unit_test(a_certificate_has_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
