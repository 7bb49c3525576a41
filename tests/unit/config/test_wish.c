#include "config_test.h"

#include "config/wish.h"

static const char *const domains[] = {"example.org", "xn--bcher-kva.example"};
static const char *const argv[] = {"sh", "-c", "a \"b\"\n\t\\ \xc3\xa4", ""};
static const struct deploy deploys[] = {{argv, 4, "odoo", 90}, {argv, 1, "", 86400}};

static struct wish whole(void)
{
    return (struct wish){
        .name = "n",
        .domains = domains,
        .domain_n = 2,
        .authority = "letsencrypt",
        .challenge = "http-01",
        .webroot = "/srv/\xc3\xa4",
        .key_type = KEY_RSA_4096,
        .renew_before_s = 86400 * 20,
        .retry_s = 0,
        .key_group = "ssl",
        .key_mode = 0640,
        .deploys = deploys,
        .deploy_n = 2,
    };
}

static const char canonical[] =
    "{\"authority\":\"letsencrypt\",\"challenge\":\"http-01\",\"deploy\":[{\"run\":[\"sh\",\"-c\",\"a "
    "\\\"b\\\"\\n\\t\\\\ "
    "\xc3\xa4\",\"\"],\"timeout\":\"90s\",\"user\":\"odoo\"},{\"run\":[\"sh\"],\"timeout\":"
    "\"1d\",\"user\":\"\"}],\"domains\":[\"example.org\",\"xn--bcher-kva.example\"],\"key-group\":\"ssl\","
    "\"key-mode\":\"0640\",\"key-type\":\"rsa-4096\",\"name\":\"n\",\"renew-before\":\"20d\",\"retry\":"
    "\"auto\","
    "\"webroot\":\"/srv/\xc3\xa4\"}";

static void encoding_is_canonical(void **state)
{
    struct buf b = buf_new(WISH_TEXT_MAX);
    struct wish w = whole();
    buf_put_c(&b, "before");
    wish_encode(&w, &b);
    assert_false(buf_failed(&b));
    assert_memory_equal(buf_c(&b), "before", 6);
    assert_string_equal(buf_c(&b) + 6, canonical);
    buf_free(&b);
}

static void what_cannot_be_encoded_fails(void **state)
{
    struct wish w = whole();
    struct buf b = buf_new(WISH_TEXT_MAX);
    w.webroot = "/srv/\xff";
    wish_encode(&w, &b);
    assert_true(buf_failed(&b));
    assert_int_equal(b.n, 0);
    buf_free(&b);
    b = buf_new(sizeof canonical - 2);
    w = whole();
    wish_encode(&w, &b);
    assert_true(buf_failed(&b));
    buf_free(&b);
}

static void decoding_gives_it_back(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(WISH_TEXT_MAX);
    struct err err = ERR_INIT;
    struct wish w;
    if (wish_decode(STR(canonical), a, &w, &err) < 0)
        fail_msg("%s", err.text);
    wish_encode(&w, &b);
    assert_string_equal(buf_c(&b), canonical);
    assert_string_equal(w.name, "n");
    assert_int_equal(w.domain_n, 2);
    assert_string_equal(w.domains[1], "xn--bcher-kva.example");
    assert_int_equal(w.key_type, KEY_RSA_4096);
    assert_int_equal(w.key_mode, 0640);
    assert_int_equal(w.renew_before_s, 20 * 86400);
    assert_int_equal(w.retry_s, 0);
    assert_int_equal(w.deploy_n, 2);
    assert_int_equal(w.deploys[0].argc, 4);
    assert_string_equal(w.deploys[0].argv[2], argv[2]);
    assert_int_equal(w.deploys[1].timeout_s, 86400);
    buf_free(&b);
    arena_free(a);
}

static void missing_members_get_defaults(void **state)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct wish w;
    struct str json = STR("{\"domains\":[\"a.example\"],\"of-the-future\":{\"x\":[1]},\"profile\":\"x\","
                          "\"deploy\":[{\"run\":[\"true\"],\"later\":1}]}");
    if (wish_decode(json, a, &w, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(w.name, "a.example");
    assert_string_equal(w.authority, "letsencrypt");
    assert_string_equal(w.challenge, "http-01");
    assert_string_equal(w.webroot, "");
    assert_int_equal(w.key_type, KEY_ECDSA_P256);
    assert_int_equal(w.key_mode, 0600);
    assert_string_equal(w.key_group, "");
    assert_int_equal(w.renew_before_s, 0);
    assert_string_equal(w.deploys[0].user, "");
    assert_int_equal(w.deploys[0].timeout_s, DEPLOY_TIMEOUT_S);
    arena_free(a);
}

static void strangers_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "1",
        "{\"domains\":[]}",
        "{\"domains\":\"a.example\"}",
        "{\"domains\":[1]}",
        "{\"domains\":[null]}",
        "{\"domains\":[\"A.example\"]}",
        "{\"domains\":[\"b\303\274cher.example\"]}",
        "{\"domains\":[\"a.example.\"]}",
        "{\"domains\":[\"a.example\",\"a.example\"]}",
        "{\"domains\":[\"*.a.example\"]}",
        "{\"domains\":[\"10.0.0.1\"]}",
        "{\"domains\":[\"a.example\"],\"domains\":[\"b.example\"]}",
        "{\"domains\":[\"a.example\"]} x",
        "{\"domains\":[\"a.example\"],\"name\":\"../x\"}",
        "{\"domains\":[\"a.example\"],\"name\":\".x\"}",
        "{\"domains\":[\"a.example\"],\"name\":\"\"}",
        "{\"domains\":[\"a.example\"],\"name\":\"a\\u0000b\"}",
        "{\"domains\":[\"a.example\"],\"challenge\":\"dns-01\"}",
        "{\"domains\":[\"a.example\"],\"key-mode\":\"0644\"}",
        "{\"domains\":[\"a.example\"],\"key-mode\":416}",
        "{\"domains\":[\"a.example\"],\"key-type\":\"rsa-1024\"}",
        "{\"domains\":[\"a.example\"],\"renew-before\":\"-1d\"}",
        "{\"domains\":[\"a.example\"],\"webroot\":\"relative\"}",
        "{\"domains\":[\"a.example\"],\"authority\":\"\"}",
        "{\"domains\":[\"a.example\"],\"deploy\":{}}",
        "{\"domains\":[\"a.example\"],\"deploy\":[1]}",
        "{\"domains\":[\"a.example\"],\"deploy\":[{}]}",
        "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[]}]}",
        "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"\"]}]}",
        "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"a/b\"]}]}",
        "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":\"true\"}]}",
        "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"true\"],\"timeout\":\"0s\"}]}",
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct wish w = {.name = "untouched"};
        struct err err = ERR_INIT;
        if (wish_decode(str_c(bad[i]), a, &w, &err) != ERR_INPUT)
            fail_msg("%s: %d %s", bad[i], err.code, err.text);
        assert_string_equal(w.name, "untouched");
        assert_true(err.text[0] != '\0');
    }
    arena_free(a);
}

static void sizes_are_bounded(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(1 << 20);
    struct wish w;
    buf_put_c(&b, "{\"domains\":[\"a.example\"");
    for (int i = 0; i < WISH_DOMAINS_MAX; i++)
        buf_printf(&b, ",\"n%d.example\"", i);
    buf_put_c(&b, "]}");
    assert_int_equal(wish_decode(buf_str(&b), a, &w, NULL), ERR_LIMIT);
    buf_clear(&b);
    buf_put_c(&b, "{\"domains\":[\"a.example\"]");
    while (b.n <= WISH_TEXT_MAX)
        buf_put_c(&b, "                                ");
    buf_put_c(&b, "}");
    assert_int_equal(wish_decode(buf_str(&b), a, &w, NULL), ERR_LIMIT);
    buf_clear(&b);
    buf_put_c(&b, "{\"domains\":[\"a.example\"],\"deploy\":[");
    for (int i = 0; i <= WISH_DEPLOYS_MAX; i++)
        buf_printf(&b, "%s{\"run\":[\"x\"]}", i == 0 ? "" : ",");
    buf_put_c(&b, "]}");
    assert_int_equal(wish_decode(buf_str(&b), a, &w, NULL), ERR_LIMIT);
    buf_clear(&b);
    for (int i = 0; i < 60000; i++)
        buf_put_char(&b, '[');
    assert_int_equal(wish_decode(buf_str(&b), a, &w, NULL), ERR_INPUT);
    buf_free(&b);
    arena_free(a);
}

/* The largest wish that the configuration lets through is within WISH_TEXT_MAX. */
static void the_largest_wish_fits(void **state)
{
    struct arena *a = arena_new();
    struct wish w = whole();
    const char **names = arena_array(a, WISH_DOMAINS_MAX, sizeof *names);
    char label[64];
    memset(label, 'a', 63);
    label[63] = '\0';
    for (int i = 0; i < WISH_DOMAINS_MAX; i++)
        names[i] = arena_printf(a, "%s.%s.%s.%.58s%03d", label, label, label, label, i);
    char *script = arena_alloc(a, WISH_DEPLOY_TEXT_MAX);
    memset(script, '\n', WISH_DEPLOY_TEXT_MAX - 10);
    char *path = arena_alloc(a, 4096);
    memset(path, '/', 4095);
    const char *const command[] = {"sh", script};
    const struct deploy one = {command, 2, "", 60};
    w.domains = names;
    w.domain_n = WISH_DOMAINS_MAX;
    w.deploys = &one;
    w.deploy_n = 1;
    w.webroot = path;
    struct buf b = buf_new(WISH_TEXT_MAX);
    struct err err = ERR_INIT;
    wish_encode(&w, &b);
    assert_false(buf_failed(&b));
    if (wish_decode(buf_str(&b), a, &w, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(w.domain_n, WISH_DOMAINS_MAX);
    buf_free(&b);
    arena_free(a);
}

static void names_are_file_names(void **state)
{
    static const char *const good[] = {"a", "example.org", "A_b-c.1@x", "_x", "@", "x.", "7"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(wish_name_check(str_c(good[i]), NULL), 0);
    static const char *const bad[] = {
        "", ".", "..", ".x", "-x", "a/b", "a b", "a\\b", "*.x", "\xc3\xa4", "a\n", "a:b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        assert_int_equal(wish_name_check(str_c(bad[i]), &err), ERR_INPUT);
        assert_true(err.text[0] != '\0');
    }
    assert_int_equal(wish_name_check(STR("a\0b"), NULL), ERR_INPUT);
    char name[WISH_NAME_MAX + 1];
    memset(name, 'a', sizeof name);
    assert_int_equal(wish_name_check((struct str){name, WISH_NAME_MAX}, NULL), 0);
    assert_int_equal(wish_name_check((struct str){name, WISH_NAME_MAX + 1}, NULL), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding_is_canonical),
        cmocka_unit_test(what_cannot_be_encoded_fails),
        cmocka_unit_test(decoding_gives_it_back),
        cmocka_unit_test(missing_members_get_defaults),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(the_largest_wish_fits),
        cmocka_unit_test(names_are_file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
