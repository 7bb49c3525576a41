#include "cli/import/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LE "https://acme-v02.api.letsencrypt.org/directory"

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static void begin(struct import_plan *p, const char *config, const char *accounts, const char *certificates,
    struct import_options options)
{
    struct import_document *d = arena_alloc(a, sizeof *d);
    struct settings *s = arena_alloc(a, sizeof *s);
    struct err err = ERR_INIT;
    const char *json = arena_printf(a,
        "{\"format\":\"certbot\",\"path\":\"/etc/letsencrypt\",\"accounts\":[%s],\"certificates\":[%s]}",
        accounts, certificates);
    if (import_document_read(str_c(json), a, d, &err) < 0)
        fail_msg("%s", err.text);
    if (settings_parse("test", str_c(config), a, s, NULL, &err) < 0)
        fail_msg("%s", err.text);
    if (options.ca_file == NULL)
        options.ca_file = "";
    import_plan_begin(p, d, s, &options, a);
}

/* The file, which loads, and beside which nothing else is. */
static const char *yaml_of(const struct import_plan *p)
{
    struct buf out = buf_new(1 << 20);
    struct settings s;
    struct err err = ERR_INIT;
    import_plan_yaml(p, &out);
    const char *text = arena_dup(a, buf_str(&out));
    buf_free(&out);
    if (settings_parse("made", str_c(text), a, &s, NULL, &err) < 0)
        fail_msg("%s\n%s", err.text, text);
    assert_int_equal(s.certificate_n, p->written);
    return text;
}

static void expect(const char *text, const char *part)
{
    assert_non_null(text);
    if (text != NULL && strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in\n%s", part, text);
}

#define ACCOUNT(id, url)                                         \
    "{\"id\":\"" id "\",\"directory\":\"" LE "\",\"url\":\"" url \
    "\",\"email\":\"a@example.com\",\"key\":\"K\",\"agreed\":true}"
#define CERTIFICATE(name, more)                   \
    "{\"name\":\"" name "\",\"domains\":[\"" name \
    "\"],\"account\":\"a1\",\"key\":\"K\",\"chain\":\"C\"" more "}"

static void a_preset_takes_its_account(void **state)
{
    struct import_plan p;
    (void)state;
    begin(&p, "", ACCOUNT("a1", "https://acme-v02.api.letsencrypt.org/acct/1"), CERTIFICATE("a.example", ""),
        (struct import_options){0});
    import_plan_make(&p, NULL, 0);
    assert_int_equal(p.carried, 1);
    const char *yaml = yaml_of(&p);
    expect(yaml, "  letsencrypt:\n");
    expect(yaml, "email: a@example.com");
    expect(yaml, "agree-tos: true");
    assert_string_equal(p.items[0].authority->id, LE);
}

static void what_the_configuration_says_is_not_said_again(void **state)
{
    struct import_plan p;
    (void)state;
    begin(&p, "{email: a@example.com, agree-tos: true, webroot: /srv, key-type: rsa-2048}", ACCOUNT("a1", ""),
        CERTIFICATE("a.example", ",\"key_type\":\"rsa-2048\",\"webroot\":\"/srv\"") "," CERTIFICATE(
            "b.example", ",\"key_type\":\"ecdsa-p256\""),
        (struct import_options){0});
    import_plan_make(&p, NULL, 0);
    struct buf out = buf_new(1 << 20);
    import_plan_yaml(&p, &out);
    assert_null(strstr(buf_c(&out), "authorit"));
    assert_null(strstr(buf_c(&out), "agree-tos"));
    expect(buf_c(&out), "  - name: a.example\n    domains: [a.example]\n  - name: b.example\n");
    expect(buf_c(&out), "    webroot: \"\"\n    key-type: ecdsa-p256\n");
    buf_free(&out);
}

static void a_folder_that_only_the_other_client_had_is_the_configurations(void **state)
{
    struct import_plan p;
    (void)state;
    begin(&p, "{email: a@example.com, agree-tos: true, webroot: /srv}", ACCOUNT("a1", ""),
        CERTIFICATE("a.example", ",\"webroot\":\"\",\"webroot_unknown\":true"), (struct import_options){0});
    import_plan_make(&p, NULL, 0);
    struct buf out = buf_new(1 << 20);
    import_plan_yaml(&p, &out);
    assert_null(strstr(buf_c(&out), "webroot"));
    assert_null(strstr(buf_c(&out), "listen"));
    buf_free(&out);
}

static void each_account_has_a_place(void **state)
{
    struct import_plan p;
    (void)state;
    begin(&p, "", ACCOUNT("a1", "") "," ACCOUNT("a2", "") "," ACCOUNT("a3", ""),
        CERTIFICATE(
            "a.example", "") ",{\"name\":\"b.example\",\"domains\":[\"b.example\"],\"account\":\"a2\"},"
                             "{\"name\":\"c.example\",\"domains\":[\"c.example\"],\"account\":\"a3\"}",
        (struct import_options){0});
    for (size_t i = 0; i < p.question_n; i++) {
        if (strcmp(p.questions[i].id, LE) == 0) /* evercert has one of its own there */
            p.questions[i].answer = IMPORT_KEY_OTHER;
        if (strcmp(p.questions[i].id, LE "#certbot") == 0) /* and this one from before */
            p.questions[i].answer =
                strcmp(p.questions[i].account->id, "a2") == 0 ? IMPORT_KEY_SAME : IMPORT_KEY_OTHER;
    }
    import_plan_make(&p, NULL, 0);
    assert_string_equal(p.items[0].authority->id, LE "#certbot-2");
    assert_string_equal(p.items[1].authority->id, LE "#certbot");
    assert_string_equal(p.items[2].authority->id, LE "#certbot-3");
    const char *yaml = yaml_of(&p);
    expect(yaml, "  letsencrypt-certbot-2:\n");
    expect(yaml, "account: certbot-3\n");
    expect(yaml, "    authority: letsencrypt-certbot\n");
    expect(yaml, "no key and chain that fit were found");
}

static void a_directory_that_is_not_written_down_is_found(void **state)
{
    struct import_plan p;
    (void)state;
    begin(&p, "authorities: {internal: {directory: 'https://ca.corp:8443/acme/dir'}}\nauthority: internal\n",
        "{\"id\":\"a1\",\"directory\":\"\",\"url\":\"https://CA.corp:8443/acct/7\",\"key\":\"K\"}",
        CERTIFICATE("a.example", ""), (struct import_options){0});
    import_plan_make(&p, NULL, 0);
    assert_string_equal(p.items[0].authority->name, "internal");
    begin(&p, "", "{\"id\":\"a1\",\"directory\":\"\",\"url\":\"https://ca.corp:8443/acct/7\",\"key\":\"K\"}",
        CERTIFICATE("a.example", ""), (struct import_options){0});
    import_plan_make(&p, NULL, 0);
    expect(p.items[0].left, "--directory");
}

static void what_is_left_behind_has_a_reason(void **state)
{
    static const struct import_had had[] = {{"live.example", true}, {"pending.example", false}};
    struct import_plan p;
    (void)state;
    begin(&p, "certificates: [{domains: [mine.example]}, {domains: [half.example]}]", ACCOUNT("a1", ""),
        CERTIFICATE("live.example", "") "," CERTIFICATE("pending.example", "") "," CERTIFICATE("half.example",
            "") "," CERTIFICATE("dns.example", ",\"challenge\":\"dns-01\"") "," CERTIFICATE("bad name",
            "") ",{\"name\":\"mine.example\",\"domains\":[\"other.example\"],\"account\":\"a1\",\"key\":"
                "\"K\",\"chain\":\"C\"}"
                ",{\"name\":\"w\",\"domains\":[\"*.w.example\"],\"account\":\"a1\"},"
                "{\"name\":\"x\",\"domains\":[\"x.example\"]}",
        (struct import_options){0});
    import_plan_make(&p, had, 2);
    expect(p.items[0].left, "is here already");
    expect(p.items[1].left, "being issued");
    assert_null(p.items[2].left);
    assert_non_null(p.items[2].configured);
    expect(p.items[3].left, "dns-01");
    assert_non_null(p.items[4].left);
    expect(p.items[5].left, "in the configuration already");
    expect(p.items[6].left, "it needs dns-01, and with which provider");
    expect(p.items[7].left, "CA is not known");
    assert_int_equal(p.carried, 1);
    assert_int_equal(p.written, 0);
}

static void dns_is_answered_by_an_entry_for_the_same_provider(void **state)
{
    static const char settings[] = "challenge: dns-01\n"
                                   "dns:\n"
                                   "  mine: {provider: cloudflare, api-token: x}\n"
                                   "  one: {provider: ovh}\n"
                                   "  two: {provider: ovh}\n"
                                   "  script: {dialect: acme.sh, script: /x/dns_zilore.sh}\n"
                                   "  hook: {dialect: certbot, auth: /x}\n";
    struct import_plan p;
    (void)state;
#define BY_DNS(name, provider) \
    CERTIFICATE(name, ",\"challenge\":\"dns-01\",\"dns_provider\":\"" provider "\"")
    begin(&p, settings, ACCOUNT("a1", ""),
        BY_DNS("plug-in.example", "cloudflare") "," BY_DNS("script.example", "dns_cf") "," BY_DNS(
            "own.example", "dns_zilore") "," BY_DNS("manual.example", "manual") "," BY_DNS("two.example",
            "ovh") "," BY_DNS("none.example",
            "dns_dgon") ",{\"name\":\"w\",\"domains\":[\"*.w.example\"],"
                        "\"account\":\"a1\",\"dns_provider\":\"cloudflare\"}," CERTIFICATE(
                            "file.example", ""),
        (struct import_options){0});
#undef BY_DNS
    import_plan_make(&p, NULL, 0);
    static const char *const entries[] = {"mine", "mine", "script", "hook"};
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        if (p.items[i].left != NULL)
            fail_msg("%s", p.items[i].left);
        assert_string_equal(p.items[i].dns, entries[i]);
    }
    expect(p.items[4].left, "several entries of dns (one, two)");
    expect(p.items[5].left,
        "with dns_dgon: write an entry of dns for that first (evercert dns list digitalocean");
    assert_null(p.items[6].left);
    /* It stands beside the settings that have the entries. */
    struct buf out = buf_new(1 << 20);
    import_plan_yaml(&p, &out);
    const char *yaml = buf_c(&out);
    expect(yaml, "  - name: plug-in.example\n    domains: [plug-in.example]\n    dns: mine\n");
    expect(yaml, "    domains: [\"*.w.example\"]\n");
    expect(yaml, "    domains: [file.example]\n    challenge: http-01\n");
    buf_free(&out);
}

static void hooks_and_files_become_steps_and_copies(void **state)
{
    struct import_plan p;
    (void)state;
    begin(&p, "", ACCOUNT("a1", ""),
        CERTIFICATE("a.example", ",\"http_port\":8080,\"hooks\":[{\"event\":\"starting\",\"command\":"
                                 "\"service x stop\",\"source\":\"pre_hook\"},"
                                 "{\"event\":\"issued\",\"command\":\"echo "
                                 "\\\"$RENEWED_LINEAGE\\\"\\ntrue\",\"source\":\"renew\\nhook\"}],"
                                 "\"hook_directories\":[\"/etc/letsencrypt/renewal-hooks\"],"
                                 "\"webroot_map\":{\"a.example\":\"/"
                                 "a\"},\"renew_before_s\":2592000,\"preferred_chain\":\"ISRG Root X1\","
                                 "\"publish\":[{\"format\":\"key\",\"path\":\"/etc/x/"
                                 "key.pem\",\"mode\":\"0644\",\"owner\":\"root\",\"group\":\"root\"},"
                                 "{\"format\":\"fullchain\",\"path\":\"/etc/x/"
                                 "full.pem\",\"mode\":\"0644\"}],\"warnings\":[\"look: here\"]"),
        (struct import_options){.publish_in_place = true});
    import_plan_make(&p, NULL, 0);
    if (p.items[0].left != NULL)
        fail_msg("%s", p.items[0].left);
    const char *yaml = yaml_of(&p);
    expect(yaml, "http-01:\n  listen: \":8080\"\n");
    expect(yaml, "      - {run: [/etc/letsencrypt/renewal-hooks], dialect: certbot}\n");
    expect(yaml,
        "      # pre_hook\n      - {run: [sh, -c, \"service x stop\"], dialect: certbot, on: [starting]}\n");
    expect(yaml, "      # renew hook\n");
    expect(yaml, "\"echo \\\"$RENEWED_LINEAGE\\\"\\x0Atrue\"], dialect: certbot}\n");
    expect(yaml, "{format: key, path: /etc/x/key.pem, mode: \"0640\", owner: root, group: root}\n");
    expect(yaml, "    webroot-map:\n      a.example: /a\n");
    expect(yaml, "renew-before: 30d");
    expect(yaml, "preferred-chain: [\"ISRG Root X1\"]");
    expect(yaml, "    # look: here\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_preset_takes_its_account, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_configuration_says_is_not_said_again, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_folder_that_only_the_other_client_had_is_the_configurations, setup, teardown),
        cmocka_unit_test_setup_teardown(each_account_has_a_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_is_not_written_down_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_behind_has_a_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(dns_is_answered_by_an_entry_for_the_same_provider, setup, teardown),
        cmocka_unit_test_setup_teardown(hooks_and_files_become_steps_and_copies, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
