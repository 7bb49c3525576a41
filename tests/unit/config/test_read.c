#include "config_test.h"

static void all_problems_in_one_go(void **state)
{
    EXPECT("authorty: letsencrypt\n"                           /* 1 */
           "email: [a@example.com]\n"                          /* 2 */
           "agree-tos: yes\n"                                  /* 3 */
           "challenge: dns-01\n"                               /* 4 */
           "key-type: rsa\n"                                   /* 5 */
           "key-mode: 0644\n"                                  /* 6 */
           "renew-before: 30\n"                                /* 7 */
           "http-01: {listen: [\"localhost:80\"], lisen: 1}\n" /* 8 */
           "users: {engine: }\n"                               /* 9 */
           "authorities:\n"                                    /* 10 */
           "  a b: {directory: \"https://a.example/\"}\n"      /* 11 */
           "  c: {directory: \"http://c.example/\", x: 1}\n"   /* 12 */
           "  d: {}\n"                                         /* 13 */
           "certificates:\n"                                   /* 14 */
           "  - domains: [a.example, \"*.a.example\", b c]\n"  /* 15 */
           "    key-typ: rsa-2048\n"                           /* 16 */
           "    deploy: [{run: systemctl reload nginx}]\n"     /* 17 */
           "  - name: x\n"                                     /* 18 */
           "    domains: []\n"                                 /* 19 */
           "  - {name: y}\n"                                   /* 20 */
           "  - just text\n"                                   /* 21 */
           "  - {domains: z.example, authority: nowhere}\n",   /* 22 */
        "1:1: authorty: unknown key (did you mean authority?)",
        "2:8: email: expected one e-mail address, found a list",
        "3:12: agree-tos: expected true or false, found \"yes\"",
        "4:12: challenge: the challenge is one in the DNS, but nothing says how records get there; write an "
        "entry for your provider (`evercert dns list`) such as dns: {my-dns: {provider: cloudflare, "
        "api-token-file: /etc/evercert/cloudflare.token}}",
        "5:11: key-type: expected one of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096, found \"rsa\"",
        "6:11: key-mode: \"0644\" gives others access to a private key; use 0600, or 0640 with key-group",
        "7:15: renew-before: expected a duration such as 90s, 5m, 12h or 30d, found \"30\"",
        "8:20: http-01.listen[0]: expected an address and port in numbers such as [::]:80, 127.0.0.1:8402 or "
        ":80, found \"localhost:80\"",
        "8:37: http-01.lisen: unknown key (did you mean listen?)",
        "9:17: users.engine: expected the name of a user or group, found nothing",
        "11:3: authorities.a b: expected a name of letters, digits, '.', '_' and '-', at most 64 octets, "
        "found "
        "\"a b\"",
        "12:18: authorities.c.directory: expected a URL that begins with https://, found "
        "\"http://c.example/\"",
        "12:39: authorities.c.x: unknown key",
        "13:6: authorities.d.directory: is missing; an authority needs it",
        "15:41: certificates[0].domains[2]: \"b c\" holds a blank; write one name",
        "16:5: certificates[0].key-typ: unknown key (did you mean key-type?)",
        "17:20: certificates[0].deploy[0].run: expected a list, each item a word of a command, found "
        "\"systemctl reload nginx\"; no shell is used, write its words as a list such as [systemctl, reload, "
        "nginx]",
        "19:14: certificates[1].domains: is an empty list; expected a DNS name or an IP address",
        "20:5: certificates[2].domains: is missing; a certificate needs it",
        "21:5: certificates[3]: expected a certificate written as keys and values, found \"just text\"",
        "22:37: certificates[4].authority: there is no authority \"nowhere\"; write letsencrypt, an entry of "
        "authorities, or the https URL of an ACME directory");
}

static void wrong_types_say_what_is_there(void **state)
{
    EXPECT("email: {a: b}\n"
           "agree-tos: \"true\"\n"
           "retry: ~\n"
           "webroot:\n"
           "http-01: []\n"
           "users: text\n"
           "authorities: [a]\n"
           "certificates: {a: b}\n",
        "1:8: email: expected one e-mail address, found keys and values",
        "2:12: agree-tos: expected true or false, found \"true\" in quotes; leave the quotes out",
        "3:8: retry: expected a duration such as 90s, 5m, 12h or 30d, found nothing",
        "4:9: webroot: expected an absolute path such as /var/www/html, found nothing",
        "5:10: http-01: expected settings of http-01 written as keys and values, found a list",
        "6:8: users: expected users written as keys and values, found \"text\"",
        "7:14: authorities: expected names, each with an authority, found a list",
        "8:15: certificates: expected a list, each item a certificate, found keys and values; begin each "
        "with "
        "'- '");
    EXPECT("- a\n", "1:1: expected settings written as keys and values, found a list");
    EXPECT("just text\n", "1:1: expected settings written as keys and values, found \"just text\"");
    EXPECT("[a]: b\n? {c: d}\n: e\n", "1:1: expected a key, found a list or keys and values",
        "2:3: expected a key, found a list or keys and values");
    EXPECT("certificates: [{domains: , deploy: [~]}]\n",
        "1:26: certificates[0].domains: expected a list, each item a DNS name or an IP address, found "
        "nothing",
        "1:37: certificates[0].deploy[0]: expected a deploy step written as keys and values, found nothing");
}

static void nothing_below_a_list_is_no_list(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "certificates:\nauthorities:\nusers:\nhttp-01: ~\n");
    assert_int_equal(s.certificate_n, 0);
    assert_int_equal(s.http01_listen_n, 2);
    arena_free(a);
}

static void keys_may_be_said_once(void **state)
{
    EXPECT("email: a@example.com\nemail: b@example.com\nusers: {keeper: a}\nusers: {engine: b, engine: c}\n",
        "2:1: email: set twice; the other stands at f.yaml:1:1",
        "4:1: users: set twice; the other stands at f.yaml:3:1");
    EXPECT("certificates: [{domains: a.example, domains: b.example}]\ncertificates: []\n",
        "1:37: certificates[0].domains: set twice; the other stands at f.yaml:1:17",
        "2:1: certificates: set twice; the other stands at f.yaml:1:1");
    EXPECT(
        "authorities:\n  x: {directory: \"https://a.example/\"}\n  x: {directory: \"https://b.example/\"}\n",
        "3:3: authorities.x: this authority is also written at f.yaml:2:3");
}

static void lists_are_in_order_of_preference(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a,
        "challenge: [http-01]\nauthority: [letsencrypt-staging]\nhttp-01: {listen: \"127.0.0.1:8402\"}\n"
        "certificates: [{domains: a.example, challenge: [http-01]}]\n");
    assert_string_equal(s.defaults.authorities[0], "letsencrypt-staging");
    assert_string_equal(s.certificates[0].challenges[0], "http-01");
    assert_string_equal(s.certificates[0].authorities[0], "letsencrypt-staging");
    assert_int_equal(s.certificates[0].domain_n, 1);
    assert_int_equal(s.http01_listen_n, 1);
    arena_free(a);
    a = arena_new();
    s = good_settings(a,
        "challenge: [tls-alpn-01, http-01]\nkey-type: [rsa-2048, ecdsa-p256]\n"
        "certificates: [{domains: a.example, authority: [letsencrypt-staging, letsencrypt]}]\n");
    assert_int_equal(s.certificates[0].authority_n, 2);
    assert_string_equal(s.certificates[0].authorities[1], "letsencrypt");
    assert_string_equal(s.certificates[0].challenges[1], "http-01");
    assert_int_equal(s.certificates[0].key_type_n, 2);
    assert_int_equal(s.certificates[0].key_type, KEY_RSA_2048);
    arena_free(a);
    EXPECT("key-type: [rsa-2048, rsa-4096]\nauthority: [letsencrypt, nowhere]\n"
           "certificates: [{domains: a.example, key-type: [ecdsa-p256, ecdsa-p384]}]\n",
        "1:11: key-type: rsa-2048 and rsa-4096 are of one kind; two certificates side by side are one ECDSA "
        "and "
        "one RSA",
        "2:26: authority[1]: there is no authority \"nowhere\"; write letsencrypt, an entry of authorities, "
        "or the "
        "https URL of an ACME directory",
        "3:47: certificates[0].key-type: ecdsa-p256 and ecdsa-p384 are of one kind; two certificates side by "
        "side "
        "are one ECDSA and one RSA");
    EXPECT("challenge: [http-01, dns-02, http-01]\nauthority: []\nemail: [x]\n",
        "1:22: challenge[1]: expected one of http-01, tls-alpn-01, dns-01, dns-account-01, dns-persist-01, "
        "found \"dns-02\" (did you mean dns-01?)",
        "1:30: challenge[2]: is in the list twice",
        "2:12: authority: is an empty list; expected the name of an authority or the https URL of its "
        "directory",
        "3:8: email: expected one e-mail address, found a list");
}

static void aliases_stand_for_what_they_name(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "webroot: &w /srv/w\n"
                                         "certificates:\n"
                                         "  - {domains: a.example, deploy: &d [{run: [\"true\"]}]}\n"
                                         "  - {domains: b.example, webroot: *w, deploy: *d}\n");
    assert_string_equal(s.certificates[1].webroot, "/srv/w");
    assert_string_equal(s.certificates[1].deploys[0].argv[0], "true");
    arena_free(a);
    EXPECT("certificates:\n  - &c {domains: a.example}\n  - <<: *c\n    name: b\n",
        "3:5: certificates[1].<<: unknown key; merging maps is no part of YAML 1.2",
        "3:5: certificates[1].domains: is missing; a certificate needs it");
}

static void limits_hold(void **state)
{
    struct buf b = buf_new(100000);
    buf_put_c(&b, "certificates: [{domains: a.example, deploy: [");
    for (int i = 0; i <= WISH_DEPLOYS_MAX; i++)
        buf_put_c(&b, "{run: [x]},");
    buf_put_c(&b, "]}]\n");
    EXPECT(buf_c(&b), "1:45: certificates[0].deploy: has 17 items; at most 16 are allowed");
    buf_clear(&b);
    buf_put_c(&b, "certificates: [{domains: a.example, deploy: [{run: [");
    for (int i = 0; i <= WISH_DEPLOY_ARGS_MAX; i++)
        buf_put_c(&b, "x,");
    buf_put_c(&b, "]}]}]\n");
    EXPECT(buf_c(&b), "1:52: certificates[0].deploy[0].run: has 65 items; at most 64 are allowed");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_problems_in_one_go),
        cmocka_unit_test(wrong_types_say_what_is_there),
        cmocka_unit_test(nothing_below_a_list_is_no_list),
        cmocka_unit_test(keys_may_be_said_once),
        cmocka_unit_test(lists_are_in_order_of_preference),
        cmocka_unit_test(aliases_stand_for_what_they_name),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
