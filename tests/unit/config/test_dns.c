/* Entries of dns:, what certificates choose of them, and propagation. */
#include "config_test.h"

#include "config/wish.h"

static const char two[] = "dns:\n"
                          "  corp: {provider: rfc2136, server: 192.0.2.53, key-secret-file: /etc/tsig}\n"
                          "  cf: {provider: cloudflare, api-token: s3cret, propagation: {delay: 30s}}\n";

static const char *with(struct arena *a, const char *certificates)
{
    return arena_printf(a, "%s%s", two, certificates);
}

static const char *choice(const struct wish *w, const char *name, struct arena *a)
{
    size_t n;
    const char *const *entries = dns_choose(w->dns, w->dns_n, name, a, &n);
    const char *all = "";
    for (size_t i = 0; i < n; i++)
        all = arena_printf(a, "%s%s%s", all, i > 0 ? "+" : "", entries[i]);
    return all;
}

static void entries_are_kept_as_written(void **state)
{
    struct arena *a = arena_new();
    struct settings s =
        good_settings(a, "propagation: {check: recursive, timeout: 2m, nameservers: [192.0.2.1]}\n"
                         "dns:\n"
                         "  x: {provider: exec, mode: RAW, args: [a, \"\", \"b c\"], pem: \"1\\n2\\n\",\n"
                         "      propagation: {delay: 30s, resolvers: [\"[::1]:53\"]}}\n"
                         "  y: {dialect: acme.sh, script: /x}\n");
    assert_int_equal(s.dns_n, 2);
    const struct dns_entry *x = dns_entry_find(&s, STR("x")), *y = dns_entry_find(&s, STR("y"));
    assert_null(dns_entry_find(&s, STR("z")));
    assert_string_equal(x->provider, "exec");
    assert_string_equal(x->where, "f.yaml:3:3");
    assert_string_equal(x->settings, "");
    assert_int_equal(x->value_n, 3);
    assert_string_equal(x->values[0].key, "mode");
    assert_string_equal(x->values[0].where, "f.yaml:3:29");
    assert_int_equal(x->values[1].n, 3);
    assert_string_equal(x->values[1].values[2], "b c");
    assert_string_equal(x->values[2].values[0], "1\n2\n");
    assert_true(x->has_propagation);
    assert_int_equal(x->propagation.check, PROPAGATION_RECURSIVE);
    assert_int_equal(x->propagation.timeout_s, 120);
    assert_int_equal(x->propagation.delay_s, 30);
    assert_string_equal(x->propagation.resolvers[0], "[::1]:53");
    assert_string_equal(x->propagation.nameservers[0], "192.0.2.1");
    assert_string_equal(y->provider, "acme.sh");
    assert_false(y->has_propagation);
    assert_int_equal(y->propagation.timeout_s, 120);
    arena_free(a);
}

static void bad_entries_say_why(void **state)
{
    EXPECT("dns:\n"
           "  \"*\": {provider: x}\n"
           "  a: {server: x}\n"
           "  b: text\n"
           "  c: {provider: x, dialect: y}\n"
           "  d: {provider: x, Key: 1, k: {l: m}, n: , o: [p, [q]]}\n"
           "  e: {provider: x y}\n"
           "  f: {provider: x, propagation: {chek: none, check: no, delay: 2h}}\n",
        "2:3: dns.*: expected a name of letters, digits, '.', '_' and '-', at most 64 octets, found \"*\"",
        "3:6: dns.a.provider: is missing; an entry of dns needs it (`evercert dns list` shows all)",
        "4:6: dns.b: expected an entry of dns written as keys and values, found \"text\"",
        "5:29: dns.c.dialect: is set beside provider; write one of them",
        "6:20: dns.d.Key: expected a key of lower-case letters, digits and '-'",
        "6:31: dns.d.k: expected a value or a list of values, found keys and values",
        "6:42: dns.d.n: expected a value or a list of values, found nothing",
        "6:51: dns.d.o[1]: expected a value or a list of values, found a list",
        "7:17: dns.e.provider: expected a name of letters, digits, '.', '_' and '-', at most 64 octets, "
        "found "
        "\"x y\"",
        "8:34: dns.f.propagation.chek: unknown key (did you mean check?)",
        "8:53: dns.f.propagation.check: expected one of authoritative, recursive, none, found \"no\"",
        "8:64: dns.f.propagation.delay: 2h is outside 0s to 1h");
    EXPECT("dns: [a]\n", "1:6: dns: expected names, each with an entry of dns, found a list");
    EXPECT("propagation: {timeout: 3h, nameservers: [ns.example]}\n",
        "1:24: propagation.timeout: 3h is outside 1s to 2h",
        "1:42: propagation.nameservers[0]: expected an address in numbers such as 192.0.2.53, or with a port "
        "[2001:db8::53]:5353, found \"ns.example\"");
}

static void certificates_choose(void **state)
{
    struct arena *a = arena_new();
    struct settings s =
        good_settings(a, with(a, "challenge: dns-01\n"
                                 "certificates:\n"
                                 "  - {domains: a.example, dns: corp}\n"
                                 "  - {domains: b.example, dns: [corp, cf]}\n"
                                 "  - {domains: [c.example, \"*.c.example\"],\n"
                                 "     dns: {\"*\": cf, \"*.c.example\": [cf, corp], _x.D.C.example: corp}}\n"
                                 "  - {domains: d.example, challenge: http-01}\n"
                                 "  - {domains: \"*.e.example\", challenge: dns-persist-01}\n"));
    const struct wish *w = s.certificates;
    assert_string_equal(choice(&w[0], "x.y", a), "corp");
    assert_string_equal(choice(&w[1], "x.y", a), "corp+cf");
    assert_string_equal(choice(&w[2], "x.y", a), "cf");
    assert_string_equal(choice(&w[2], "c.example", a), "cf+corp");
    assert_string_equal(choice(&w[2], "z.c.example", a), "cf+corp");
    assert_string_equal(choice(&w[2], "zc.example", a), "cf");
    assert_string_equal(choice(&w[2], "z._x.d.c.example", a), "corp");
    assert_string_equal(choice(&w[3], "x.y", a), "");
    assert_int_equal(w[4].dns_n, 0);
    s = good_settings(a, "dns: {only: {provider: x}}\nchallenge: [http-01, dns-account-01]\n"
                         "certificates: [{domains: a.example}, {domains: b.example, dns: }]\n");
    assert_string_equal(choice(&s.certificates[0], "x.y", a), "only");
    assert_string_equal(choice(&s.certificates[1], "x.y", a), "only");
    arena_free(a);
}

static void bad_choices_say_why(void **state)
{
    struct arena *a = arena_new();
    static const char *const expected[] = {
        "6:5: certificates[0].dns: is missing; there are several entries of dns, so say which is used: one "
        "of "
        "corp, cf",
        "7:31: certificates[1].dns: there is no entry crop of dns (did you mean corp?); there are corp, cf",
        "8:31: certificates[2].dns: names corp twice",
        "9:37: certificates[3].dns.*: there is no entry x of dns; there are corp, cf",
        "9:40: certificates[3].dns.192.0.2.1: expected \"*\" for all names, or a DNS name for those at it "
        "and "
        "below, found \"192.0.2.1\"",
        "10:51: certificates[4].dns.a.example: *.a.example and a.example are for the same names",
        "11:51: certificates[5].dns: is for the challenges dns-01 and dns-account-01; set challenge: dns-01 "
        "as well",
        "12:31: certificates[6].dns: write several names as a list such as [corp, other]",
        "13:31: certificates[7].dns: has 5 items; expected one to 4 names of entries of dns",
        "14:27: certificates[8].domains[1]: the address 192.0.2.7 cannot be proven by dns-01, which is for "
        "DNS "
        "names; set challenge: http-01 or tls-alpn-01",
        "15:15: certificates[9].domains: the wildcard *.j.example cannot be proven by http-01, tls-alpn-01, "
        "only by the DNS; set challenge: dns-01, and dns: to the entry of dns that has the credentials",
    };
    expect_problems(with(a, "challenge: dns-01\n"
                            "certificates:\n"
                            "  - {domains: a.example}\n"
                            "  - {domains: b.example, dns: crop}\n"
                            "  - {domains: c.example, dns: [corp, corp]}\n"
                            "  - {domains: d.example, dns: {\"*\": x, 192.0.2.1: cf}}\n"
                            "  - {domains: e.example, dns: {\"*.a.example\": cf, a.example: cf}}\n"
                            "  - {domains: f.example, challenge: http-01, dns: corp}\n"
                            "  - {domains: g.example, dns: \"corp,cf\"}\n"
                            "  - {domains: h.example, dns: [a, b, c, d, e]}\n"
                            "  - {domains: [i.example, 192.0.2.7], dns: cf}\n"
                            "  - {domains: \"*.j.example\", challenge: [http-01, tls-alpn-01]}\n"),
        expected, ARRAY_LEN(expected));
    EXPECT("certificates: [{domains: a.example, challenge: dns-01}]\n",
        "1:16: certificates[0].dns: the challenge is one in the DNS, but nothing says how records get there; "
        "write an entry for your provider (`evercert dns list`) such as dns: {my-dns: {provider: cloudflare, "
        "api-token-file: /etc/evercert/cloudflare.token}}");
    arena_free(a);
}

static void choices_travel_in_wishes(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a,
        with(a, "certificates:\n"
                "  - {domains: \"*.a.example\", challenge: dns-01, dns: {\"*\": [corp, cf], x.example: cf}}\n"
                "  - {domains: a.example, name: b}\n"));
    struct buf text = buf_new(WISH_TEXT_MAX);
    struct err err = ERR_INIT;
    struct wish w;
    wish_encode(&s.certificates[0], &text);
    assert_non_null(strstr(buf_c(&text), "\"dns\":{\"*\":\"corp,cf\",\"x.example\":\"cf\"}"));
    assert_int_equal(wish_decode(buf_str(&text), a, &w, &err), 0);
    assert_string_equal(choice(&w, "y.example", a), "corp+cf");
    assert_string_equal(choice(&w, "y.x.example", a), "cf");
    buf_clear(&text);
    wish_encode(&s.certificates[1], &text);
    assert_null(strstr(buf_c(&text), "\"dns\""));
    buf_free(&text);
    arena_free(a);
}

static void strangers_choices_are_checked(void **state)
{
    static const char *const bad[] = {
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\"}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":{}}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":\"x\"}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":{\"*\":\"\"}}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":{\"*\":\"a,a\"}}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":{\"*\":\"a b\"}}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":{\"*\":[\"a\"]}}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":{\"B.example\":\"a\"}}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":{\"_B.example\":\"a\"}}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\",\"dns\":{\"b.x\":\"a\",\"*.b.x\":\"a\"}}",
        "{\"domains\":[\"a.example\"],\"dns\":{\"*\":\"a\"}}",
        "{\"domains\":[\"192.0.2.1\"],\"challenge\":\"dns-01\",\"dns\":{\"*\":\"a\"}}",
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct wish w;
        struct err err = ERR_INIT;
        if (wish_decode(str_c(bad[i]), a, &w, &err) != ERR_INPUT)
            fail_msg("taken: %s", bad[i]);
    }
    arena_free(a);
}

static void propagation_travels(void **state)
{
    static const char *const bad[] = {"", "[]", "{}",
        "{\"check\":\"no\",\"timeout\":1,\"delay\":0,\"resolvers\":[],\"nameservers\":[]}",
        "{\"check\":\"none\",\"timeout\":0,\"delay\":0,\"resolvers\":[],\"nameservers\":[]}",
        "{\"check\":\"none\",\"timeout\":1,\"delay\":3601,\"resolvers\":[],\"nameservers\":[]}",
        "{\"check\":\"none\",\"timeout\":1,\"delay\":0,\"resolvers\":[\"x\"],\"nameservers\":[]}",
        "{\"check\":\"none\",\"timeout\":1,\"delay\":0,\"resolvers\":[],\"nameservers\":[1]}"};
    static const char *const resolvers[] = {"192.0.2.1", "[::1]:5353"};
    const struct propagation p = {PROPAGATION_RECURSIVE, 60, 5, resolvers, 2, resolvers, 1};
    struct arena *a = arena_new();
    struct buf text = buf_new(PROPAGATION_TEXT_MAX);
    struct err err = ERR_INIT;
    struct propagation q;
    propagation_encode(&p, &text);
    assert_string_equal(buf_c(&text), "{\"check\":\"recursive\",\"delay\":5,\"nameservers\":[\"192.0.2.1\"],"
                                      "\"resolvers\":[\"192.0.2.1\",\"[::1]:5353\"],\"timeout\":60}");
    assert_int_equal(propagation_decode(buf_str(&text), a, &q, &err), 0);
    assert_int_equal(q.check, PROPAGATION_RECURSIVE);
    assert_int_equal(q.timeout_s, 60);
    assert_int_equal(q.delay_s, 5);
    assert_int_equal(q.resolver_n, 2);
    assert_string_equal(q.resolvers[1], "[::1]:5353");
    assert_int_equal(q.nameserver_n, 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(propagation_decode(str_c(bad[i]), a, &q, &err), ERR_INPUT);
    assert_string_equal(propagation_check_text(PROPAGATION_NONE), "none");
    buf_free(&text);
    arena_free(a);
}

static void commands_choose(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, two);
    struct wish w;
    struct err err = ERR_INIT;
    const struct wish_option one[] = {{"domain", "*.a.example"}, {"dns", "cf"}};
    assert_int_equal(settings_wish(&s, one, 2, a, &w, &err), 0);
    assert_string_equal(w.challenges[0], "dns-01");
    assert_string_equal(choice(&w, "x", a), "cf");
    const struct wish_option both[] = {
        {"dns", "cf"}, {"domain", "a.example"}, {"challenge", "dns-account-01"}, {"dns", "corp"}};
    assert_int_equal(settings_wish(&s, both, 4, a, &w, &err), 0);
    assert_string_equal(w.challenges[0], "dns-account-01");
    assert_string_equal(choice(&w, "x", a), "cf+corp");
    const struct wish_option none[] = {{"domain", "a.example"}, {"challenge", "dns-01"}};
    assert_int_equal(settings_wish(&s, none, 2, a, &w, &err), ERR_USAGE);
    assert_string_equal(err.text,
        "--dns: is missing; there are several entries of dns, so say which is used: one of corp, cf");
    const struct wish_option other[] = {{"domain", "a.example"}, {"challenge", "http-01"}, {"dns", "cf"}};
    assert_int_equal(settings_wish(&s, other, 3, a, &w, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "--dns: is for the challenges dns-01"));
    const struct wish_option twice[] = {{"domain", "a.example"}, {"dns", "cf"}, {"dns", "cf"}};
    assert_int_equal(settings_wish(&s, twice, 3, a, &w, &err), ERR_USAGE);
    assert_string_equal(err.text, "--dns: names cf twice");
    const struct wish_option wrong[] = {{"domain", "a.example"}, {"dns", "xf"}};
    assert_int_equal(settings_wish(&s, wrong, 2, a, &w, &err), ERR_USAGE);
    assert_string_equal(
        err.text, "--dns: there is no entry xf of dns (did you mean cf?); there are corp, cf");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_kept_as_written),
        cmocka_unit_test(bad_entries_say_why),
        cmocka_unit_test(certificates_choose),
        cmocka_unit_test(bad_choices_say_why),
        cmocka_unit_test(choices_travel_in_wishes),
        cmocka_unit_test(strangers_choices_are_checked),
        cmocka_unit_test(propagation_travels),
        cmocka_unit_test(commands_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
