/* The catalogue of DNS providers, and entries of dns: judged by it. */
#include "config_test.h"

#include "config/provider.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char catalogue[] =
    "{\"providers\":[{\"name\":\"zeta\",\"title\":\"Zeta\\u0007 "
    "DNS\",\"kind\":\"lua\",\"documentation\":\"https://z/\","
    "\"settings\":["
    "{\"name\":\"token\",\"type\":\"secret\",\"required\":true,\"help\":\"The token.\"},"
    "{\"name\":\"ttl\",\"type\":\"number\",\"default\":120,\"min\":60,\"max\":3600,\"help\":\"h\"},"
    "{\"name\":\"wait\",\"type\":\"duration\",\"default\":60,\"help\":\"h\"},"
    "{\"name\":\"mode\",\"type\":\"choice\",\"choices\":[\"fast\",\"slow\"],\"default\":\"fast\",\"help\":"
    "\"h\"},"
    "{\"name\":\"raw\",\"type\":\"flag\",\"default\":false,\"help\":\"h\"},"
    "{\"name\":\"zone\",\"type\":\"domain\",\"help\":\"h\"},"
    "{\"name\":\"server\",\"type\":\"host\",\"help\":\"h\"},"
    "{\"name\":\"words\",\"type\":\"list\",\"default\":[\"a\",\"b,c\"],\"help\":\"h\"},"
    "{\"name\":\"listen\",\"type\":\"listen\",\"help\":\"h\"},"
    "{\"name\":\"note\",\"type\":\"text\",\"help\":\"h\"},"
    "{\"name\":\"endpoint\",\"type\":\"url\",\"default\":\"https://api.z/\",\"help\":\"h\"},"
    "{\"name\":\"ca-file\",\"type\":\"file\",\"help\":\"h\"}]},"
    "{\"name\":\"acme.sh\",\"title\":\"acme.sh\",\"kind\":\"program\",\"settings\":["
    "{\"name\":\"script\",\"type\":\"command\",\"required\":true,\"help\":\"h\"},"
    "{\"name\":\"env-file\",\"type\":\"file\",\"help\":\"h\"}]},"
    "{\"name\":\"either\",\"title\":\"\",\"kind\":\"lua\",\"settings\":["
    "{\"name\":\"token\",\"type\":\"secret\",\"help\":\"h\"},{\"name\":\"user\",\"type\":\"text\",\"help\":"
    "\"h\"}],\"registers\":true}],"
    "\"problems\":[\"/etc/evercert/providers/bad.lua:3: no\\ngood\"]}";

static struct providers all(struct arena *a)
{
    struct providers p;
    struct err err = ERR_INIT;
    if (providers_parse(str_c(catalogue), a, &p, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

static void the_catalogue_is_read(void **state)
{
    struct arena *a = arena_new();
    struct providers p = all(a);
    assert_int_equal(p.n, 3);
    assert_string_equal(p.list[0].name, "acme.sh");
    assert_string_equal(p.list[1].name, "either");
    assert_string_equal(p.list[1].title, "either");
    assert_true(p.list[1].registers && !p.list[0].registers);
    assert_null(providers_find(&p, "zet"));
    const struct provider *z = providers_find(&p, "zeta");
    assert_string_equal(z->title, "Zeta? DNS");
    assert_string_equal(z->documentation, "https://z/");
    assert_string_equal(z->file, "");
    assert_int_equal(z->setting_n, 12);
    const struct provider_setting *ttl = provider_setting_find(z, STR("ttl"));
    assert_int_equal(ttl->type, PROVIDER_NUMBER);
    assert_string_equal(ttl->fallback[0], "120");
    assert_int_equal(ttl->min, 60);
    assert_int_equal(ttl->max, 3600);
    assert_int_equal(provider_setting_find(z, STR("words"))->fallback_n, 2);
    assert_string_equal(provider_setting_find(z, STR("raw"))->fallback[0], "false");
    assert_int_equal(provider_setting_find(z, STR("mode"))->choice_n, 2);
    assert_int_equal(p.problem_n, 1);
    assert_string_equal(p.problems[0], "/etc/evercert/providers/bad.lua:3: no good");
    arena_free(a);
}

static void what_is_no_catalogue_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"providers\":{}}",
        "{\"providers\":[1]}",
        "{\"providers\":[{\"name\":\"a b\"}]}",
        "{\"providers\":[{\"name\":\"a\",\"title\":1}]}",
        "{\"providers\":[{\"name\":\"a\",\"settings\":1}]}",
        "{\"providers\":[{\"name\":\"a\",\"settings\":[{\"name\":\"x\"}]}]}",
        "{\"providers\":[{\"name\":\"a\",\"settings\":[{\"name\":\"x\",\"type\":\"no\"}]}]}",
        "{\"providers\":[{\"name\":\"a\",\"settings\":[{\"name\":\"x\",\"type\":\"choice\"}]}]}",
        "{\"providers\":[{\"name\":\"a\",\"settings\":[{\"name\":\"x\",\"type\":\"text\",\"min\":-1}]}]}",
        "{\"providers\":[{\"name\":\"a\",\"settings\":[{\"name\":\"x\",\"type\":\"text\",\"default\":{}}]}]}",
        "{\"providers\":[],\"providers\":[]}",
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct providers p;
        struct err err = ERR_INIT;
        if (providers_parse(str_c(bad[i]), a, &p, &err) != ERR_INPUT)
            fail_msg("taken: %s", bad[i]);
        assert_true(str_starts(str_c(err.text), STR("catalogue of providers: ")));
    }
    arena_free(a);
}

/* A file in the test's directory, with that mode. */
static const char *file_of(struct arena *a, const char *name, const char *content, mode_t mode)
{
    const char *path = arena_printf(a, "%s/%s-%d", P_tmpdir, name, (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static void settings_are_filled_in(void **state)
{
    struct arena *a = arena_new();
    struct providers p = all(a);
    struct err err = ERR_INIT;
    const char *secret = file_of(a, "secret", "  s3cret\n", 0600),
               *roots = file_of(a, "roots", "PEM\n", 0644);
    struct settings s =
        good_settings(a, arena_printf(a,
                             "dns:\n"
                             "  a: {provider: zeta, token-file: %s, ca-file: %s}\n"
                             "  b: {provider: zeta, token: t, ttl: 60, wait: 5m, mode: slow, raw: true, "
                             "zone: _x.example., server: "
                             "\"[::1]:53\", words: x, listen: [\":53\"], note: \"a\\tb\", endpoint: "
                             "\"http://localhost:1/x\"}\n"
                             "  c: {dialect: acme.sh, script: [/x.sh, \"\"], env-file: /etc/x}\n",
                             secret, roots));
    assert_int_equal(providers_apply(&p, a, &s, NULL, &err), 0);
    assert_string_equal(s.dns[0].settings, "{\"ca-pem\":\"PEM\\n\",\"endpoint\":\"https://api.z/"
                                           "\",\"mode\":\"fast\",\"raw\":false,\"token\":\"s3cret\","
                                           "\"ttl\":120,\"wait\":60,\"words\":[\"a\",\"b,c\"]}");
    assert_string_equal(s.dns[0].kind, "lua");
    assert_string_equal(s.dns[1].settings,
        "{\"endpoint\":\"http://localhost:1/"
        "x\",\"listen\":[\":53\"],\"mode\":\"slow\",\"note\":\"a\\tb\",\"raw\":true,"
        "\"server\":\"[::1]:53\",\"token\":\"t\",\"ttl\":60,\"wait\":300,\"words\":[\"x\"],\"zone\":\"_x."
        "example.\"}");
    assert_string_equal(s.dns[2].settings, "{\"env-file\":\"/etc/x\",\"script\":[\"/x.sh\",\"\"]}");
    assert_string_equal(s.dns[2].kind, "program");
    assert_false(s.dns[0].values[0].secret);
    assert_true(s.dns[1].values[0].secret);
    assert_false(s.dns[1].values[1].secret);
    unlink(secret);
    unlink(roots);
    arena_free(a);
}

static void expect_judged(struct arena *a, const char *yaml, const char *const *expected, size_t n)
{
    struct providers p = all(a);
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    struct settings s = good_settings(a, yaml);
    const struct dns_entry *before = s.dns;
    assert_int_equal(providers_apply(&p, a, &s, &problems, &err), ERR_CONFIG);
    assert_ptr_equal(s.dns, before);
    for (size_t i = 0; i < problems.n || i < n; i++)
        assert_string_equal(i < problems.n ? problems.list[i] : "(nothing)",
            i < n ? arena_printf(a, "f.yaml:%s", expected[i]) : "(nothing)");
    assert_string_equal(err.text, problems.list[0]);
}

static void all_that_is_wrong_is_said(void **state)
{
    static const char *const expected[] = {
        "2:3: dns.a.provider: there is no provider \"zet\" (did you mean zeta?); `evercert dns list` shows "
        "all",
        "3:3: dns.b.provider: bad cannot be used: /etc/evercert/providers/bad.lua:3: no good",
        "4:3: dns.c.token: is missing; Zeta? DNS needs it: The token. Write it, or token-file: "
        "/etc/evercert/c.token",
        "4:29: dns.c.tokn: Zeta? DNS has no such setting (did you mean token?); `evercert dns list zeta` "
        "shows "
        "them",
        "5:45: dns.d.token-file: is set beside token; write one of them",
        "5:53: dns.d.ttl: 59 is outside 60 to 3600",
        "5:63: dns.d.wait: expected a duration such as 90s or 5m, found \"5x\"",
        "5:73: dns.d.mode: expected one of fast, slow, found \"slo\" (did you mean slow?)",
        "5:83: dns.d.raw: expected true or false, found \"yes\"",
        "6:39: dns.e.zone: expected a DNS name, found \"a..b\"",
        "6:53: dns.e.server: \"a b\" holds a blank; write one name",
        "6:66: dns.e.listen: expected an address and port in numbers such as [::]:80, 127.0.0.1:8402 or :80, "
        "found \"x\"",
        "6:75: dns.e.note: is empty; leave the key out where there is nothing to say",
        "6:89: dns.e.endpoint: expected a URL that begins with https://, found \"ftp://x\"",
        "6:109: dns.e.ca-file: expected an absolute path such as /etc/evercert/x, found \"x\"",
        "7:30: dns.f.token: expected one value, found a list of 2",
        "7:47: dns.f.ca-file: cannot open /does/not/exist: No such file or directory",
        "8:33: dns.g.script: write the command \"x/y\" as an absolute path or as a bare name",
        "8:53: dns.g.env-file-file: acme.sh has no such setting; `evercert dns list "
        "acme.sh` shows them",
    };
    struct arena *a = arena_new();
    expect_judged(a,
        "dns:\n"
        "  a: {provider: zet}\n"
        "  b: {provider: bad, x: y}\n"
        "  c: {provider: zeta, tokn: s3cret}\n"
        "  d: {provider: zeta, token: x, token-file: x, ttl: 59, wait: 5x, mode: slo, raw: \"yes\"}\n"
        "  e: {provider: zeta, token: x, zone: a..b, server: a b, listen: x, note: \"\", endpoint: "
        "\"ftp://x\", "
        "ca-file: x}\n"
        "  f: {provider: zeta, token: [x, y], ca-file: /does/not/exist}\n"
        "  g: {dialect: acme.sh, script: x/y, env-file-file: x}\n",
        expected, ARRAY_LEN(expected));
    arena_free(a);
}

static void files_of_secrets_are_ones_owners_alone(void **state)
{
    struct arena *a = arena_new();
    const char *open_to_all = file_of(a, "open", "s3cret\n", 0644), *empty = file_of(a, "empty", " \n", 0600);
    struct providers p = all(a);
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    struct settings s = good_settings(a,
        arena_printf(a, "dns: {a: {provider: zeta, token-file: %s}, b: {provider: zeta, token-file: %s}}\n",
            open_to_all, empty));
    assert_int_equal(providers_apply(&p, a, &s, &problems, &err), ERR_CONFIG);
    assert_int_equal(problems.n, 2);
    assert_non_null(strstr(problems.list[0], "dns.a.token-file: "));
    assert_non_null(strstr(problems.list[0], "chmod"));
    assert_non_null(strstr(problems.list[1], arena_printf(a, "dns.b.token-file: %s is empty", empty)));
    for (size_t i = 0; i < problems.n; i++)
        assert_null(strstr(problems.list[i], "s3cret"));
    unlink(open_to_all);
    unlink(empty);
    arena_free(a);
}

static void shown(const struct settings *s, struct buf *out)
{
    *out = buf_new(1024 * 1024);
    settings_show(s, out);
}

/* What is shown loads again; secrets are those that the catalogue says, or that are called so. */
static void secrets_are_not_shown(void **state)
{
    static const char yaml[] =
        "dns: {b: {provider: zeta, token: s3cret, note: my-key, ttl: 60, words: [a, b], propagation: {check: "
        "none}}, c: {provider: q, api-token: s3cret, x-file: /x, name: yy}}\n"
        "certificates: [{domains: a.example, challenge: dns-01, dns: {\"*\": b, x.example: [b, c]}}]\n";
    struct arena *a = arena_new();
    struct buf text;
    struct settings s = good_settings(a, yaml), again;
    struct err err = ERR_INIT;
    shown(&s, &text);
    assert_non_null(strstr(buf_c(&text), "dns:\n"
                                         "  b:\n"
                                         "    provider: zeta\n"
                                         "    token: \"(redacted)\"\n"
                                         "    note: my-key\n"
                                         "    ttl: \"60\"\n"
                                         "    words: [a, b]\n"
                                         "    propagation:\n"
                                         "      check: none\n"
                                         "      timeout: 10m\n"
                                         "      delay: 0s\n"
                                         "      resolvers: []\n"
                                         "      nameservers: []\n"
                                         "  c:\n"
                                         "    provider: q\n"
                                         "    api-token: \"(redacted)\"\n"
                                         "    x-file: /x\n"
                                         "    name: yy\n"));
    assert_non_null(strstr(buf_c(&text), "    dns:\n      \"*\": b\n      x.example: [b, c]\n"));
    assert_null(strstr(buf_c(&text), "s3cret"));
    assert_int_equal(settings_parse("s", buf_str(&text), a, &again, NULL, &err), 0);
    assert_int_equal(again.dns_n, 2);
    assert_int_equal(again.dns[0].value_n, 4);
    assert_int_equal(again.dns[0].propagation.check, PROPAGATION_NONE);
    assert_int_equal(again.certificates[0].dns_n, 2);
    buf_free(&text);
    struct providers p = all(a);
    s = good_settings(a, "dns: {b: {provider: either, token: s3cret, user: public-token}}\n");
    assert_int_equal(providers_apply(&p, a, &s, NULL, &err), 0);
    shown(&s, &text);
    assert_null(strstr(buf_c(&text), "s3cret"));
    assert_non_null(strstr(buf_c(&text), "    user: public-token\n"));
    buf_free(&text);
    arena_free(a);
}

static void examples_load(void **state)
{
    struct arena *a = arena_new();
    struct providers p = all(a);
    struct buf text = buf_new(ERR_TEXT_MAX);
    provider_example(providers_find(&p, "zeta"), "my-zeta", 2, &text);
    assert_string_equal(buf_c(&text),
        "  dns:\n    my-zeta:\n      provider: zeta\n      token-file: /etc/evercert/my-zeta.token\n");
    buf_clear(&text);
    provider_example(providers_find(&p, "either"), "e", 0, &text);
    assert_string_equal(
        buf_c(&text), "dns:\n  e:\n    provider: either\n    # token-file: /etc/evercert/e.token\n");
    buf_clear(&text);
    provider_example_line(providers_find(&p, "acme.sh"), "acme.sh", &text);
    assert_string_equal(buf_c(&text), "dns: {acme.sh: {provider: acme.sh, script: [/usr/local/bin/script]}}");
    struct settings s = good_settings(a, buf_c(&text));
    struct err err = ERR_INIT;
    assert_int_equal(providers_apply(&p, a, &s, NULL, &err), 0);
    buf_free(&text);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalogue_is_read),
        cmocka_unit_test(what_is_no_catalogue_is_refused),
        cmocka_unit_test(settings_are_filled_in),
        cmocka_unit_test(all_that_is_wrong_is_said),
        cmocka_unit_test(files_of_secrets_are_ones_owners_alone),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(examples_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
