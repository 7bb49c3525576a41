#include "config_test.h"

#include "config/wish.h"

static const char *const domains[] = {"example.org", "xn--bcher-kva.example"};
static const char *const argv[] = {"sh", "-c", "a \"b\"\n\t\\ \xc3\xa4", ""};
static const struct pair env[] = {{"B_1", "x \"y\"\nz"}, {"a", ""}};
static const char *const on[] = {"renewed", "failing"};
static const struct deploy deploys[] = {
    {argv, 4, "odoo", 90, env, 2, true, "certbot", on, 2, "", "", "", false},
    {argv, 1, "", 86400, NULL, 0, false, "evercert", NULL, 0, "", "", "", false},
    {NULL, 0, "", 30, NULL, 0, false, "evercert", NULL, 0, "mail.example:25", "smtp", "example.org", true},
    {NULL, 0, "", 60, NULL, 0, false, "evercert", NULL, 0, "[2001:db8::1]:443", "", "", false},
};
static const struct publication publications[] = {
    {"pkcs12", "/srv/{name}.p12", "tomcat", "ssl", 0640, "/etc/p12", true},
    {"fullchain", "/srv/{name}.pem", "", "", 0, "", false},
};
static const struct pair webroots[] = {{"example.org", ""}, {"xn--bcher-kva.example", "/srv/b"}};

static const char *const authorities[] = {"letsencrypt", "own"},
                         *const challenges[] = {"tls-alpn-01", "http-01"},
                         *const key_types[] = {"rsa-4096", "ecdsa-p384"}, *const profiles[] = {"a", "b"},
                         *const chains[] = {"X, \"Y\""};

static struct wish whole(void)
{
    return (struct wish){
        .name = "n",
        .domains = domains,
        .domain_n = 2,
        .authorities = authorities,
        .authority_n = 2,
        .challenges = challenges,
        .challenge_n = 2,
        .webroot = "/srv/\xc3\xa4",
        .key_types = key_types,
        .key_type_n = 2,
        .key_type = KEY_RSA_4096,
        .profile = "tls",
        .preferred_profiles = profiles,
        .preferred_profile_n = 2,
        .preferred_chains = chains,
        .preferred_chain_n = 1,
        .reuse_key = true,
        .must_staple = true,
        .csr = "",
        .not_before_s = 60,
        .not_after_s = 86400 * 7,
        .issue_without = true,
        .renew_before_s = 86400 * 20,
        .retry_s = 0,
        .key_group = "ssl",
        .key_mode = 0640,
        .deploys = deploys,
        .deploy_n = ARRAY_LEN(deploys),
        .publications = publications,
        .publication_n = ARRAY_LEN(publications),
        .webroots = webroots,
        .webroot_n = ARRAY_LEN(webroots),
    };
}

static const char canonical[] =
    "{\"authority\":[\"letsencrypt\",\"own\"],\"challenge\":[\"tls-alpn-01\",\"http-01\"],\"csr\":\"\","
    "\"deploy\":[{\"batch\":\"true\",\"dialect\":\"certbot\",\"env\":{\"B_1\":\"x "
    "\\\"y\\\"\\nz\",\"a\":\"\"},\"on\":[\"renewed\",\"failing\"],"
    "\"run\":[\"sh\",\"-c\",\"a \\\"b\\\"\\n\\t\\\\ \xc3\xa4\",\"\"],\"timeout\":\"90s\",\"user\":\"odoo\"},"
    "{\"batch\":\"false\",\"dialect\":\"evercert\",\"env\":{},\"on\":[],\"run\":[\"sh\"],\"timeout\":\"1d\","
    "\"user\":\"\"},"
    "{\"rollback\":\"true\",\"server-name\":\"example.org\",\"starttls\":\"smtp\",\"timeout\":\"30s\","
    "\"verify\":\"mail.example:25\"},"
    "{\"rollback\":\"false\",\"server-name\":\"\",\"starttls\":\"none\",\"timeout\":\"1m\",\"verify\":\"["
    "2001:db8::1]:443\"}],"
    "\"domains\":[\"example.org\",\"xn--bcher-kva.example\"],\"key-group\":\"ssl\","
    "\"key-mode\":\"0640\",\"key-type\":[\"rsa-4096\",\"ecdsa-p384\"],\"must-staple\":\"true\",\"name\":"
    "\"n\","
    "\"not-after\":\"7d\",\"not-before\":\"1m\",\"on-rejected-name\":\"issue-without\","
    "\"preferred-chain\":[\"X, \\\"Y\\\"\"],\"preferred-profile\":[\"a\",\"b\"],\"profile\":\"tls\","
    "\"publish\":[{\"format\":\"pkcs12\",\"group\":\"ssl\",\"mode\":\"0640\",\"owner\":\"tomcat\",\"password-"
    "file\":\"/etc/p12\","
    "\"path\":\"/srv/{name}.p12\",\"replace-symlink\":\"true\"},"
    "{\"format\":\"fullchain\",\"group\":\"\",\"mode\":\"auto\",\"owner\":\"\",\"path\":\"/srv/"
    "{name}.pem\",\"replace-symlink\":\"false\"}],"
    "\"renew-before\":\"20d\",\"retry\":\"auto\",\"reuse-key\":\"true\","
    "\"webroot\":\"/srv/\xc3\xa4\",\"webroot-map\":{\"example.org\":\"\",\"xn--bcher-kva.example\":\"/srv/"
    "b\"}}";

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
    assert_int_equal(w.deploy_n, 4);
    assert_int_equal(w.deploys[0].argc, 4);
    assert_string_equal(w.deploys[0].argv[2], argv[2]);
    assert_int_equal(w.deploys[0].env_n, 2);
    assert_string_equal(w.deploys[0].env[0].name, "B_1");
    assert_string_equal(w.deploys[0].env[0].value, env[0].value);
    assert_true(w.deploys[0].batch);
    assert_string_equal(w.deploys[0].dialect, "certbot");
    assert_string_equal(w.deploys[0].on[1], "failing");
    assert_string_equal(w.deploys[0].verify, "");
    assert_int_equal(w.deploys[1].timeout_s, 86400);
    assert_int_equal(w.deploys[2].argc, 0);
    assert_string_equal(w.deploys[2].verify, "mail.example:25");
    assert_string_equal(w.deploys[2].starttls, "smtp");
    assert_string_equal(w.deploys[2].server_name, "example.org");
    assert_true(w.deploys[2].rollback);
    assert_string_equal(w.deploys[3].starttls, "");
    assert_int_equal(w.publication_n, 2);
    assert_string_equal(w.publications[0].password_file, "/etc/p12");
    assert_int_equal(w.publications[0].mode, 0640);
    assert_true(w.publications[0].replace_symlink);
    assert_int_equal(w.publications[1].mode, 0);
    assert_string_equal(w.publications[1].owner, "");
    assert_int_equal(w.webroot_n, 2);
    assert_string_equal(wish_webroot(&w, "example.org"), "");
    assert_string_equal(wish_webroot(&w, "xn--bcher-kva.example"), "/srv/b");
    assert_string_equal(wish_webroot(&w, "other.example"), w.webroot);
    buf_free(&b);
    arena_free(a);
}

static void missing_members_get_defaults(void **state)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct wish w;
    struct str json = STR("{\"domains\":[\"a.example\"],\"of-the-future\":{\"x\":[1]},\"of-later\":\"x\","
                          "\"deploy\":[{\"run\":[\"true\"],\"later\":1}]}");
    if (wish_decode(json, a, &w, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(w.name, "a.example");
    assert_string_equal(w.authorities[0], "letsencrypt");
    assert_string_equal(w.challenges[0], "http-01");
    assert_string_equal(w.webroot, "");
    assert_int_equal(w.key_type, KEY_ECDSA_P256);
    assert_int_equal(w.key_mode, 0600);
    assert_string_equal(w.key_group, "");
    assert_int_equal(w.renew_before_s, 0);
    assert_string_equal(w.deploys[0].user, "");
    assert_int_equal(w.deploys[0].timeout_s, DEPLOY_TIMEOUT_S);
    arena_free(a);
}

static const char *const bad_wishes[] = {
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
    "{\"domains\":[\"[2001:db8::1]\"]}",
    "{\"domains\":[\"2001:DB8::1\"]}",
    "{\"domains\":[\"::ffff:10.0.0.1\"]}",
    "{\"domains\":[\"a.example\"],\"csr-file\":\"/etc/passwd\",\"key-type\":\"x\"}",
    "{\"domains\":[\"a.example\"],\"not-before\":\"2d\",\"not-after\":\"1d\"}",
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
    "{\"domains\":[\"a.example\"],\"authority\":[]}",
    "{\"domains\":[\"a.example\"],\"authority\":[\"x\",\"x\"]}",
    "{\"domains\":[\"a.example\"],\"challenge\":[\"http-01\",\"dns-01\"]}",
    "{\"domains\":[\"a.example\"],\"key-type\":[\"rsa-2048\",\"rsa-4096\"]}",
    "{\"domains\":[\"a.example\"],\"key-type\":\"ed25519\"}",
    "{\"domains\":[\"a.example\"],\"preferred-chain\":\"X\"}",
    "{\"domains\":[\"a.example\"],\"on-rejected-name\":\"ignore\"}",
    "{\"domains\":[\"a.example\"],\"reuse-key\":\"yes\"}",
    "{\"domains\":[\"a.example\"],\"csr\":\"MIIC\"}",
    "{\"domains\":[\"a.example\"],\"deploy\":{}}",
    "{\"domains\":[\"a.example\"],\"deploy\":[1]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[]}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"\"]}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"a/b\"]}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":\"true\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"true\"],\"timeout\":\"0s\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"verify\":\"a:1\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"a\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"a:0\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"A.example:443\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"::1:443\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"a:1\",\"user\":\"\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"a:1\",\"env\":{}}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"a:1\",\"starttls\":\"\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"a:1\",\"starttls\":\"sieve\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"verify\":\"a:1\",\"server-name\":\"192.0.2.1\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"rollback\":\"true\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"starttls\":\"none\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"env\":[]}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"env\":{\"PATH\":\"/x\"}}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"env\":{\"LD_PRELOAD\":\"/x\"}}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"env\":{\"EVERCERT_NAME\":\"x\"}}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"env\":{\"A=B\":\"x\"}}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"env\":{\"\":\"x\"}}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"env\":{\"A\":1}}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"dialect\":\"uacme\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"on\":\"issued\"}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"on\":[\"issued\",\"issued\"]}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"on\":[\"soon\"]}]}",
    "{\"domains\":[\"a.example\"],\"deploy\":[{\"run\":[\"x\"],\"batch\":\"yes\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":{}}",
    "{\"domains\":[\"a.example\"],\"publish\":[1]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"path\":\"/x\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"der\",\"path\":\"/x\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"x\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/x/\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/x/../y\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/x//y\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/{x}\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/{name\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/x\",\"mode\":\"0666\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"key\",\"path\":\"/x\",\"mode\":\"0644\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"combined\",\"path\":\"/"
    "x\",\"mode\":\"0604\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/"
    "x\",\"password-file\":\"\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/"
    "x\"},{\"format\":\"chain\",\"path\":\"/x\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/"
    "a.example\"},{\"format\":\"key\",\"path\":\"/{name}\"}]}",
    "{\"domains\":[\"a.example\"],\"publish\":[{\"format\":\"cert\",\"path\":\"/"
    "x\",\"replace-symlink\":\"1\"}]}",
    "{\"domains\":[\"a.example\"],\"key-type\":[\"ecdsa-p256\",\"rsa-2048\"],\"publish\":[{\"format\":"
    "\"cert\",\"path\":\"/x\"}]}",
    "{\"domains\":[\"a.example\"],\"webroot-map\":[]}",
    "{\"domains\":[\"a.example\"],\"webroot-map\":{\"b.example\":\"/x\"}}",
    "{\"domains\":[\"a.example\"],\"webroot-map\":{\"A.example\":\"/x\"}}",
    "{\"domains\":[\"a.example\"],\"webroot-map\":{\"a.example\":\"x\"}}",
    "{\"domains\":[\"a.example\"],\"webroot-map\":{\"a.example\":1}}",
    "{\"domains\":[\"a.example\"],\"webroot-map\":{\"\":\"\"}}",
};

static void strangers_are_refused(void **state)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(bad_wishes); i++) {
        struct wish w = {.name = "untouched"};
        struct err err = ERR_INIT;
        if (wish_decode(str_c(bad_wishes[i]), a, &w, &err) != ERR_INPUT)
            fail_msg("%s: %d %s", bad_wishes[i], err.code, err.text);
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
    struct deploy one = deploys[1];
    one.argv = command;
    one.argc = 2;
    w.domains = names;
    w.domain_n = WISH_DOMAINS_MAX;
    w.deploys = &one;
    w.deploy_n = 1;
    w.webroot = path;
    struct pair *pairs = arena_array(a, WISH_DOMAINS_MAX, sizeof *pairs);
    for (int i = 0; i < WISH_DOMAINS_MAX; i++)
        pairs[i] = (struct pair){names[i], "/srv/www/customers/some-directory-that-is-long/htdocs"};
    w.webroots = pairs;
    w.webroot_n = WISH_DOMAINS_MAX;
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

/* What a store holds from before there were lists. */
static void wishes_of_the_version_before_are_read(void **state)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct wish w;
    struct str json = STR(
        "{\"authority\":\"https://ca.example/dir\",\"challenge\":\"http-01\",\"deploy\":[],\"domains\":"
        "[\"a.example\"],\"key-group\":\"\",\"key-mode\":\"0600\",\"key-type\":\"ecdsa-p384\",\"name\":\"n\","
        "\"renew-before\":\"auto\",\"retry\":\"auto\",\"webroot\":\"\"}");
    if (wish_decode(json, a, &w, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(w.authority_n, 1);
    assert_string_equal(w.authorities[0], "https://ca.example/dir");
    assert_int_equal(w.challenge_n, 1);
    assert_string_equal(w.challenges[0], "http-01");
    assert_int_equal(w.key_type_n, 1);
    assert_string_equal(w.key_types[0], "ecdsa-p384");
    assert_int_equal(w.key_type, KEY_ECDSA_P384);
    assert_string_equal(w.profile, "");
    assert_string_equal(w.csr, "");
    assert_int_equal(w.preferred_chain_n, 0);
    assert_false(w.reuse_key || w.must_staple || w.issue_without);
    arena_free(a);
}

static void variants_are_selected(void **state)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct wish w = whole();
    assert_string_equal(wish_variant_name(&w, 0, a), "n");
    assert_string_equal(wish_variant_name(&w, 1, a), "n-ecdsa");
    assert_null(wish_variant_name(&w, 2, a));
    assert_int_equal(wish_select(&w, 2, a, &err), ERR_INPUT);
    assert_string_equal(w.name, "n");
    assert_int_equal(wish_select(&w, 0, a, &err), 0);
    assert_string_equal(w.name, "n");
    assert_int_equal(w.key_type, KEY_RSA_4096);
    assert_int_equal(wish_select(&w, 1, a, &err), 0);
    assert_string_equal(w.name, "n-ecdsa");
    assert_int_equal(w.key_type, KEY_ECDSA_P384);
    w = whole();
    static const char *const other_way[] = {"ecdsa-p256", "rsa-2048"};
    w.key_types = other_way;
    assert_int_equal(wish_select(&w, 1, a, &err), 0);
    assert_string_equal(w.name, "n-rsa");
    assert_int_equal(w.key_type, KEY_RSA_2048);
    w = whole();
    w.key_type_n = 1;
    assert_int_equal(wish_select(&w, 1, a, &err), ERR_INPUT);
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
        cmocka_unit_test(wishes_of_the_version_before_are_read),
        cmocka_unit_test(variants_are_selected),
        cmocka_unit_test(names_are_file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
