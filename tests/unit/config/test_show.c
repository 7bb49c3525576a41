#include "config_test.h"

#include "config/schema.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

/* Everything a configuration can hold, with texts that are hard to quote. */
static const char rich[] =
    "authority: own\nemail: ops@example.com\nagree-tos: true\nchallenge: http-01\nwebroot: /srv/w\n"
    "orders-in-flight: 1000\n"
    "webroot-map: {b\303\274cher.example: /srv/b, 7.example: /srv/7, \"2001:db8::1\": \"\"}\n"
    "sudo: [/usr/bin/sudo, -n]\nlog-format: json\nstop-timeout: 1m\npropagation: {resolvers: [192.0.2.1, "
    "\"[2001:db8::1]:53\"]}\n"
    "key-type: rsa-3072\nkey-group: ssl-cert\nkey-mode: 0640\nrenew-before: 90m\nretry: 3h\n"
    "users: {engine: e, keeper: \"1000\", responder: r}\n"
    "http-01: {listen: [\":8080\", \"[fe80::1%eth0]:80\"]}\n"
    "authorities:\n"
    "  own: {directory: \"https://o.example/dir\", ca-file: \"/etc/c#a: x.pem\", staging: "
    "\"https://o.example/test\"}\n"
    "  \"123\": {directory: \"https://n.example/dir?a=b&c=%20\"}\n"
    "  \"true\": {directory: \"https://t.example/dir\"}\n"
    "certificates:\n"
    "  - {domains: [b\303\274cher.example, www.example.org]}\n"
    "  - name: \"007\"\n"
    "    domains: [7.example]\n"
    "    authority: https://direct.example/dir\n"
    "    webroot: \"\"\n"
    "    key-type: ecdsa-p256\n"
    "    key-group: \"\"\n"
    "    key-mode: \"0600\"\n"
    "    renew-before: auto\n"
    "    retry: auto\n"
    "    webroot-map: {7.example: \"/srv/ 7\"}\n"
    "    publish:\n"
    "      - {format: combined, path: \"/srv/{name}.pem\", owner: \"0\", group: haproxy, mode: 640}\n"
    "      - {format: pkcs12, path: /srv/p12, password-file: /etc/p12, replace-symlink: true}\n"
    "      - {format: cert, path: \"/srv/a b\"}\n"
    "    deploy:\n"
    "      - {run: [sh, -c, \"a \\\"b\\\" 'c' \\\\ $d\\n\\te # f: g\\u2028\\uFEFFh\\u00e4\", \"\", ~x, "
    "'true', '- y'], "
    "timeout: 1d}\n"
    "      - {run: [/bin/true], user: www-data}\n"
    "      - {run: [/bin/true], batch: true, on: [issued, failing], dialect: mod_md,\n"
    "         env: {A: \"true\", _b: \"x: \\n#\", C: \"\"}}\n"
    "      - {verify: \"a.example:25\"}\n"
    "      - {verify: \"a.example:25\", starttls: none, timeout: 5m, server-name: 7.example, rollback: "
    "true}\n"
    "      - {verify: \"[2001:db8::1]:443\"}\n"
    "  - {name: staging, domains: s.example, authority: letsencrypt-staging}\n";

static void show(const struct settings *s, struct buf *out)
{
    settings_show(s, out);
    assert_false(buf_failed(out));
}

static void expect_same_wish(const struct wish *x, const struct wish *y)
{
    struct buf a = buf_new(WISH_TEXT_MAX), b = buf_new(WISH_TEXT_MAX);
    wish_encode(x, &a);
    wish_encode(y, &b);
    assert_false(buf_failed(&a));
    assert_string_equal(buf_c(&a), buf_c(&b));
    buf_free(&a);
    buf_free(&b);
}

static void expect_same_texts(const char *const *x, size_t x_n, const char *const *y, size_t y_n)
{
    assert_int_equal(x_n, y_n);
    for (size_t i = 0; i < x_n; i++)
        assert_string_equal(x[i], y[i]);
}

static void expect_same(const struct settings *x, const struct settings *y)
{
    expect_same_wish(&x->defaults, &y->defaults);
    assert_string_equal(x->email, y->email);
    assert_int_equal(x->agree_tos, y->agree_tos);
    assert_int_equal(x->keep_history_s, y->keep_history_s);
    assert_int_equal(x->authority_n, y->authority_n);
    for (size_t i = 0; i < x->authority_n; i++) {
        assert_string_equal(x->authorities[i].name, y->authorities[i].name);
        assert_string_equal(x->authorities[i].directory, y->authorities[i].directory);
        assert_string_equal(x->authorities[i].ca_file, y->authorities[i].ca_file);
        assert_string_equal(x->authorities[i].staging, y->authorities[i].staging);
    }
    assert_int_equal(x->http01_listen_n, y->http01_listen_n);
    for (size_t i = 0; i < x->http01_listen_n; i++)
        assert_string_equal(x->http01_listen[i], y->http01_listen[i]);
    assert_int_equal(x->tls_alpn01_listen_n, y->tls_alpn01_listen_n);
    for (size_t i = 0; i < x->tls_alpn01_listen_n; i++)
        assert_string_equal(x->tls_alpn01_listen[i], y->tls_alpn01_listen[i]);
    assert_int_equal(x->certificate_n, y->certificate_n);
    for (size_t i = 0; i < x->certificate_n; i++)
        expect_same_wish(&x->certificates[i], &y->certificates[i]);
    expect_same_texts(x->sudo, x->sudo_n, y->sudo, y->sudo_n);
    expect_same_texts(x->propagation.resolvers, x->propagation.resolver_n, y->propagation.resolvers,
        y->propagation.resolver_n);
    assert_string_equal(x->user_engine, y->user_engine);
    assert_string_equal(x->user_keeper, y->user_keeper);
    assert_string_equal(x->user_responder, y->user_responder);
}

static void what_is_shown_reads_the_same(void **state)
{
    static const char *const all[] = {"", rich, "certificates: [{domains: a.example}]\n"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct arena *a = arena_new();
        struct buf first = buf_new(1 << 20), second = buf_new(1 << 20);
        struct settings s = good_settings(a, all[i]);
        show(&s, &first);
        struct settings again = good_settings(a, buf_c(&first));
        expect_same(&s, &again);
        show(&again, &second);
        assert_string_equal(buf_c(&first), buf_c(&second));
        buf_free(&first);
        buf_free(&second);
        arena_free(a);
    }
}

static const char shown[] = "email: ops@example.com\n"
                            "agree-tos: false\n"
                            "orders-in-flight: 32\n"
                            "authority: letsencrypt\n"
                            "challenge: http-01\n"
                            "webroot: \"\"\n"
                            "key-type: ecdsa-p256\n"
                            "key-group: \"\"\n"
                            "key-mode: \"0600\"\n"
                            "profile: \"\"\n"
                            "preferred-profile: []\n"
                            "preferred-chain: []\n"
                            "reuse-key: false\n"
                            "must-staple: false\n"
                            "not-before: auto\n"
                            "not-after: auto\n"
                            "on-rejected-name: fail\n"
                            "renew-before: auto\n"
                            "retry: 1m\n"
                            "webroot-map: {}\n"
                            "keep-history: 400d\n"
                            "sudo: [sudo, \"-n\"]\n"
                            "log-format: text\n"
                            "stop-timeout: 20s\n"
                            "users:\n"
                            "  engine: evercert\n"
                            "  keeper: evercert-keys\n"
                            "  responder: evercert-web\n"
                            "  solver: evercert-dns\n"
                            "  watcher: evercert-docker\n"
                            "http-01:\n"
                            "  listen: [\"[::]:80\", \"0.0.0.0:80\"]\n"
                            "tls-alpn-01:\n"
                            "  listen: [\"[::]:443\", \"0.0.0.0:443\"]\n"
                            "propagation:\n"
                            "  check: authoritative\n"
                            "  timeout: 10m\n"
                            "  delay: 0s\n"
                            "  resolvers: []\n"
                            "  nameservers: []\n"
                            "dns: {}\n"
                            "authorities:\n"
                            "  letsencrypt:\n"
                            "    directory: \"https://acme-v02.api.letsencrypt.org/directory\"\n"
                            "    ca-file: \"\"\n"
                            "    staging: \"https://acme-staging-v02.api.letsencrypt.org/directory\"\n"
                            "    account: \"\"\n"
                            "    email: \"\"\n"
                            "    agree-tos: false\n"
                            "    eab-kid: \"\"\n"
                            "    eab-hmac: \"\"\n"
                            "    eab-hmac-file: \"\"\n"
                            "    eab-algorithm: HS256\n"
                            "    account-key-type: ecdsa-p256\n"
                            "    pre-authorize: false\n"
                            "    orders-in-flight: 0\n"
                            "certificates:\n"
                            "  - name: a.example\n"
                            "    domains: [a.example, b.example]\n"
                            "    authority: letsencrypt\n"
                            "    challenge: http-01\n"
                            "    webroot: \"\"\n"
                            "    key-type: ecdsa-p256\n"
                            "    key-group: \"\"\n"
                            "    key-mode: \"0600\"\n"
                            "    profile: \"\"\n"
                            "    preferred-profile: []\n"
                            "    preferred-chain: []\n"
                            "    reuse-key: false\n"
                            "    must-staple: false\n"
                            "    not-before: auto\n"
                            "    not-after: auto\n"
                            "    on-rejected-name: fail\n"
                            "    renew-before: auto\n"
                            "    retry: 1m\n"
                            "    webroot-map: {}\n"
                            "    csr: \"\"\n"
                            "    publish: []\n"
                            "    deploy:\n"
                            "      - run: [systemctl, reload, nginx]\n"
                            "        user: \"\"\n"
                            "        timeout: 1m\n"
                            "        env: {}\n"
                            "        batch: false\n"
                            "        dialect: evercert\n"
                            "        \"on\": []\n"
                            "docker:\n"
                            "  socket: \"\"\n"
                            "  engines: {}\n"
                            "  readers: [evercert, companion, traefik, caddy]\n"
                            "  policy: []\n"
                            "  grace: 7d\n"
                            "  wait: 500ms..10s\n"
                            "  publish: []\n"
                            "  deploy: []\n"
                            "actions: {}\n"
                            "templates: []\n"
                            "alerts: {}\n";

static void it_looks_as_one_would_write_it(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(1 << 20);
    struct settings s = good_settings(a,
        "email: ops@example.com\nretry: 60s\n"
        "certificates: [{domains: [a.example, b.example], deploy: [{run: [systemctl, reload, nginx]}]}]\n");
    show(&s, &b);
    assert_string_equal(buf_c(&b), shown);
    buf_free(&b);
    arena_free(a);
}

/* The key of external account binding is a secret, written in the configuration or in a file. */
static void secrets_are_not_shown(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(1 << 20);
    char path[] = "/tmp/test-eab-XXXXXX", yaml[1000];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "c2VjcmV0Mg\n", 11), 11);
    close(fd);
    snprintf(yaml, sizeof yaml,
        "authorities:\n"
        "  a: {directory: \"https://a.example/\", eab-kid: k1, eab-hmac: c2VjcmV0MQ==}\n"
        "  b: {directory: \"https://b.example/\", eab-kid: k2, eab-hmac-file: %s}\n",
        path);
    struct settings s = good_settings(a, yaml);
    assert_string_equal(s.authorities[0].eab_hmac, "c2VjcmV0MQ==");
    assert_string_equal(s.authorities[1].eab_hmac, "c2VjcmV0Mg");
    show(&s, &b);
    assert_null(strstr(buf_c(&b), "c2Vjcm"));
    assert_non_null(strstr(buf_c(&b), "    eab-hmac: \"(redacted)\"\n    eab-hmac-file: \"\"\n"));
    assert_non_null(strstr(buf_c(&b), path));
    buf_free(&b);
    unlink(path);
    arena_free(a);
}

static void a_buffer_that_is_too_small_fails(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(100);
    struct settings s = good_settings(a, rich);
    settings_show(&s, &b);
    assert_true(buf_failed(&b));
    buf_free(&b);
    b = buf_new(100);
    settings_schema(&b);
    assert_true(buf_failed(&b));
    buf_free(&b);
    arena_free(a);
}

/* Each row of the section is in the schema, and nothing else. */
static void expect_properties(const json_t *schema, const struct section *section)
{
    const json_t *properties = json_object_get(schema, "properties");
    size_t n = 0;
    for (size_t i = 0; i < section->n; i++) {
        const struct setting *row = &section->rows[i];
        const json_t *property = json_object_get(properties, row->key);
        assert_non_null(property);
        n++;
        assert_string_equal(json_string_value(json_object_get(property, "description")), row->help);
    }
    assert_int_equal(json_object_size(properties), n);
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
}

static const json_t *at(const json_t *json, const char *path)
{
    char key[64];
    struct str left = str_c(path), head;
    for (bool more = true; more && json != NULL;) {
        more = str_cut(left, '/', &head, &left);
        snprintf(key, sizeof key, "%.*s", STR_ARG(head));
        json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(key, NULL, 10))
                                   : json_object_get(json, key);
    }
    return json;
}

static void the_schema_is_that_of_the_table(void **state)
{
    struct buf b = buf_new(1 << 20);
    settings_schema(&b);
    assert_false(buf_failed(&b));
    json_t *schema = json_loadb(buf_c(&b), b.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(schema);
    assert_string_equal(
        json_string_value(at(schema, "$schema")), "https://json-schema.org/draft/2020-12/schema");
    expect_properties(schema, &schema_root);
    const json_t *certificate = at(schema, "properties/certificates/items");
    expect_properties(certificate, &schema_certificate);
    assert_string_equal(json_string_value(at(certificate, "required/0")), "domains");
    expect_properties(at(certificate, "properties/deploy/items"), &schema_deploy);
    expect_properties(at(certificate, "properties/publish/items"), &schema_publication);
    assert_string_equal(json_string_value(at(certificate, "properties/webroot-map/type")), "object");
    expect_properties(at(schema, "properties/authorities/additionalProperties"), &schema_authority);
    const json_t *docker = at(schema, "properties/docker");
    expect_properties(docker, &schema_docker);
    expect_properties(at(docker, "properties/policy/items"), &schema_docker_policy);
    expect_properties(at(docker, "properties/engines/additionalProperties"), &schema_docker_engine);
    expect_properties(at(schema, "properties/actions/additionalProperties"), &schema_action);
    expect_properties(at(schema, "properties/templates/items"), &schema_template);
    expect_properties(at(schema, "properties/templates/items/properties/notify/anyOf/0"), &schema_notify);
    assert_string_equal(
        json_string_value(at(docker, "properties/policy/items/properties/max-names/type")), "integer");
    assert_int_equal(json_array_size(at(schema, "properties/key-type/anyOf/0/enum")), KEY_ED25519);
    assert_string_equal(json_string_value(at(schema, "properties/agree-tos/type")), "boolean");
    assert_string_equal(json_string_value(at(certificate, "properties/domains/anyOf/0/type")), "string");
    assert_string_equal(json_string_value(at(certificate, "properties/domains/anyOf/1/type")), "array");
    assert_string_equal(
        json_string_value(at(certificate, "properties/deploy/items/properties/run/type")), "array");
    json_decref(schema);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_reads_the_same),
        cmocka_unit_test(it_looks_as_one_would_write_it),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(a_buffer_that_is_too_small_fails),
        cmocka_unit_test(the_schema_is_that_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
