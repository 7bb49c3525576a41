/* What hooks of each dialect are promised by the clients they were written for, word for word. */
#include "../os/temp.h"

#include "processes/parent/dialect.h"

static const char *const domains[] = {"a.example", "www.a.example", "*.b.example"};

static struct dialect_facts facts(enum deploy_event event)
{
    return (struct dialect_facts){.event = event,
        .name = "site",
        .domains = domains,
        .domain_n = 3,
        .live = "/s/live",
        .key_type = KEY_ECDSA_P256,
        .has_key = true,
        .fingerprint = "00ff",
        .not_after = {1767225600},
        .error = "",
        .email = "ops@a.example",
        .directory = "https://ca.example/directory",
        .now = {1760000000}};
}

struct told {
    struct arena *a;
    struct dialect_calls c;
    struct err err;
    int r;
};

static struct told tell(enum deploy_dialect d, const struct dialect_facts *f)
{
    struct told t = {.a = arena_new()};
    t.r = dialect_calls(d, f, t.a, &t.c, &t.err);
    return t;
}

static const char *variable(const struct told *t, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < t->c.env_n; i++)
        if (strcmp(t->c.env[i].name, name) == 0) {
            assert_null(value); /* once */
            value = t->c.env[i].value;
        }
    return value;
}

/* `call` is the words with '|' between, "" for a call without any; calls with '&' between. */
static void expect_calls(const struct told *t, const char *calls)
{
    struct buf b = buf_new(4096);
    assert_int_equal(t->r, 0);
    for (size_t i = 0; i < t->c.call_n; i++) {
        buf_put_c(&b, i > 0 ? "&" : "");
        for (size_t j = 0; j < t->c.call[i].arg_n; j++)
            buf_printf(&b, "%s%s", j > 0 ? "|" : "", t->c.call[i].args[j]);
    }
    assert_string_equal(buf_c(&b), calls);
    buf_free(&b);
}

struct variable {
    const char *name, *value; /* NULL: not there */
};

static void expect_variables(const struct told *t, const struct variable *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *value = variable(t, list[i].name);
        if (value == NULL || list[i].value == NULL)
            assert_ptr_equal(value, list[i].value);
        else
            assert_string_equal(value, list[i].value);
    }
}
#define EXPECT(t, ...)                                              \
    do {                                                            \
        static const struct variable list_[] = {__VA_ARGS__};       \
        expect_variables(t, list_, sizeof list_ / sizeof list_[0]); \
    } while (0)

static void test_evercert(void **state)
{
    struct dialect_facts f = facts(DEPLOY_RENEWED);
    struct told t = tell(DIALECT_EVERCERT, &f);
    expect_calls(&t, "");
    assert_int_equal(t.c.call_n, 1);
    EXPECT(&t, {"EVERCERT_EVENT", "renewed"}, {"EVERCERT_NAME", "site"}, {"EVERCERT_NAMES", "site"},
        {"EVERCERT_DOMAINS", "a.example www.a.example *.b.example"}, {"EVERCERT_LIVE", "/s/live"},
        {"EVERCERT_DIR", "/s/live/site"}, {"EVERCERT_FINGERPRINT", "00ff"},
        {"EVERCERT_NOT_AFTER", "2026-01-01T00:00:00Z"}, {"EVERCERT_ERROR", NULL},
        {"RENEWED_LINEAGE", "/s/live/site"}, {"RENEWED_DOMAINS", "a.example www.a.example *.b.example"});
    assert_int_equal(t.c.env_n, 10);
    arena_free(t.a);
    f = facts(DEPLOY_FAILING);
    f.error = "the CA said no";
    f.fingerprint = "";
    f.not_after.s = 0;
    t = tell(DIALECT_ODOO, &f);
    expect_calls(&t, "");
    EXPECT(&t, {"EVERCERT_EVENT", "failing"}, {"EVERCERT_ERROR", "the CA said no"},
        {"EVERCERT_FINGERPRINT", NULL}, {"EVERCERT_NOT_AFTER", NULL}, {"RENEWED_LINEAGE", NULL},
        {"RENEWED_DOMAINS", NULL});
    arena_free(t.a);
}

static void test_batch(void **state)
{
    static const char *const names[] = {"site", "other", "third"};
    struct dialect_facts f = facts(DEPLOY_ISSUED);
    f.names = names;
    f.name_n = 3;
    struct told t = tell(DIALECT_EVERCERT, &f);
    expect_calls(&t, "");
    EXPECT(&t, {"EVERCERT_NAMES", "site other third"}, {"EVERCERT_LIVE", "/s/live"},
        {"EVERCERT_EVENT", "issued"}, {"EVERCERT_NAME", NULL}, {"EVERCERT_DOMAINS", NULL},
        {"EVERCERT_DIR", NULL}, {"EVERCERT_FINGERPRINT", NULL}, {"EVERCERT_NOT_AFTER", NULL},
        {"RENEWED_LINEAGE", NULL}, {"RENEWED_DOMAINS", NULL});
    arena_free(t.a);
    static const enum deploy_dialect about_one[] = {DIALECT_DEHYDRATED, DIALECT_MOD_MD};
    for (size_t i = 0; i < 2; i++) {
        t = tell(about_one[i], &f);
        assert_int_equal(t.r, ERR_CONFIG);
        assert_non_null(strstr(t.err.text, "`batch`"));
        arena_free(t.a);
    }
    f.event = DEPLOY_STARTING; /* says nothing of a certificate */
    t = tell(DIALECT_DEHYDRATED, &f);
    expect_calls(&t, "startup_hook");
    arena_free(t.a);
}

static void test_very_many_names(void **state)
{
    static const char *names[9000];
    struct dialect_facts f = facts(DEPLOY_ISSUED);
    for (size_t i = 0; i < 9000; i++)
        names[i] = "shop.customer.example";
    f.names = names;
    f.name_n = 9000;
    struct told t = tell(DIALECT_EVERCERT, &f);
    const char *told = variable(&t, "EVERCERT_NAMES");
    assert_in_range(strlen(told), DIALECT_NAMES_MAX - 30, DIALECT_NAMES_MAX);
    assert_string_equal(told + strlen(told) - 8, ".example");
    arena_free(t.a);
}

static void test_certbot(void **state)
{
    static const char *const bad[] = {"c.example"};
    static const char *const names[] = {"site", "c.example"};
    struct dialect_facts f = facts(DEPLOY_ISSUED);
    struct told t = tell(DIALECT_CERTBOT, &f);
    expect_calls(&t, "");
    EXPECT(&t, {"RENEWED_LINEAGE", "/s/live/site"},
        {"RENEWED_DOMAINS", "a.example www.a.example *.b.example"}, {"FAILED_DOMAINS", NULL});
    arena_free(t.a);
    f = facts(DEPLOY_STARTING);
    t = tell(DIALECT_CERTBOT, &f);
    expect_calls(&t, "");
    EXPECT(&t, {"RENEWED_LINEAGE", NULL}, {"RENEWED_DOMAINS", NULL}, {"FAILED_DOMAINS", NULL});
    arena_free(t.a);
    f = facts(DEPLOY_FINISHED);
    f.error = "no";
    f.names = names;
    f.name_n = 2;
    f.failed = names + 1;
    f.failed_n = 1;
    f.good_domains = domains;
    f.good_domain_n = 3;
    f.failed_domains = bad;
    f.failed_domain_n = 1;
    t = tell(DIALECT_CERTBOT, &f);
    expect_calls(&t, "");
    EXPECT(&t, {"RENEWED_DOMAINS", "a.example www.a.example *.b.example"}, {"FAILED_DOMAINS", "c.example"},
        {"EVERCERT_NAMES", "site c.example"}, {"EVERCERT_FAILED_NAMES", "c.example"},
        {"EVERCERT_ERROR", "no"});
    arena_free(t.a);
    f.good_domain_n = f.failed_domain_n = 0;
    t = tell(DIALECT_CERTBOT, &f);
    EXPECT(&t, {"RENEWED_DOMAINS", ""}, {"FAILED_DOMAINS", ""});
    arena_free(t.a);
}

static void test_dehydrated(void **state)
{
    static const struct {
        enum deploy_event event;
        const char *error, *calls;
    } rows[] = {
        {DEPLOY_STARTING, "", "startup_hook"},
        {DEPLOY_ISSUED, "",
            "deploy_cert|a.example|/s/live/site/privkey.pem|/s/live/site/cert.pem|/s/live/site/fullchain.pem|"
            "/s/live/site/chain.pem|1760000000"},
        {DEPLOY_RENEWED, "",
            "deploy_cert|a.example|/s/live/site/privkey.pem|/s/live/site/cert.pem|/s/live/site/fullchain.pem|"
            "/s/live/site/chain.pem|1760000000"},
        {DEPLOY_UNCHANGED, "",
            "unchanged_cert|a.example|/s/live/site/privkey.pem|/s/live/site/cert.pem|"
            "/s/live/site/fullchain.pem|/s/live/site/chain.pem"},
        {DEPLOY_FINISHED, "", "exit_hook"},
        {DEPLOY_FINISHED, "no network", "exit_hook|no network"},
        {DEPLOY_FAILING, "no network", "request_failure|000|no network|post|"},
        {DEPLOY_FAILING, "www.a.example: http-01: connection refused",
            "invalid_challenge|www.a.example|http-01: connection refused"},
        {DEPLOY_FAILING, "at https://x, which is tried first: a.example: tls-alpn-01: no",
            "invalid_challenge|a.example|tls-alpn-01: no"},
        {DEPLOY_FAILING, "xa.example: http-01: not one of its names",
            "request_failure|000|xa.example: http-01: not one of its names|post|"},
        {DEPLOY_FAILING, "a.example: the CA refuses it",
            "request_failure|000|a.example: the CA refuses it|post|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dialect_facts f = facts(rows[i].event);
        f.error = rows[i].error;
        struct told t = tell(DIALECT_DEHYDRATED, &f);
        expect_calls(&t, rows[i].calls);
        EXPECT(&t, {"COMMAND", "sign_domains"}, {"CERTDIR", "/s/live"}, {"KEY_ALGO", "prime256v1"});
        arena_free(t.a);
    }
    struct dialect_facts f = facts(DEPLOY_ISSUED);
    f.has_key = false; /* the places of the others stay as they are */
    struct told t = tell(DIALECT_DEHYDRATED, &f);
    expect_calls(&t, "deploy_cert|a.example||/s/live/site/cert.pem|/s/live/site/fullchain.pem|"
                     "/s/live/site/chain.pem|1760000000");
    EXPECT(&t, {"altnames", "a.example www.a.example *.b.example"}, {"alias", "site"});
    arena_free(t.a);
}

static void test_lego(void **state)
{
    struct dialect_facts f = facts(DEPLOY_RENEWED);
    struct told t = tell(DIALECT_LEGO, &f);
    expect_calls(&t, "");
    EXPECT(&t, {"LEGO_ACCOUNT_EMAIL", "ops@a.example"}, {"LEGO_CERT_DOMAIN", "a.example"},
        {"LEGO_CERT_PATH", "/s/live/site/fullchain.pem"}, {"LEGO_CERT_KEY_PATH", "/s/live/site/privkey.pem"},
        {"LEGO_ISSUER_CERT_PATH", "/s/live/site/chain.pem"},
        {"LEGO_CERT_PEM_PATH", "/s/live/site/combined.pem"}, {"LEGO_HOOK_ACCOUNT_ID", "ops@a.example"},
        {"LEGO_HOOK_ACCOUNT_EMAIL", "ops@a.example"},
        {"LEGO_HOOK_ACCOUNT_SERVER", "https://ca.example/directory"}, {"LEGO_HOOK_CERT_NAME", "site"},
        {"LEGO_HOOK_CERT_NAME_SANITIZED", "site"}, {"LEGO_HOOK_CERT_KEY_TYPE", "EC256"},
        {"LEGO_HOOK_CERT_DOMAINS", "a.example,www.a.example,*.b.example"},
        {"LEGO_HOOK_CERT_PATH", "/s/live/site/fullchain.pem"},
        {"LEGO_HOOK_CERT_KEY_PATH", "/s/live/site/privkey.pem"},
        {"LEGO_HOOK_ISSUER_CERT_PATH", "/s/live/site/chain.pem"},
        {"LEGO_HOOK_CERT_PEM_PATH", "/s/live/site/combined.pem"});
    arena_free(t.a);
    f = facts(DEPLOY_STARTING);
    f.email = "";
    f.key_type = KEY_RSA_3072;
    t = tell(DIALECT_LEGO, &f);
    EXPECT(&t, {"LEGO_HOOK_ACCOUNT_ID", "noemail@example.com"}, {"LEGO_ACCOUNT_EMAIL", NULL},
        {"LEGO_HOOK_CERT_KEY_TYPE", "RSA3072"}, {"LEGO_HOOK_CERT_PATH", NULL}, {"LEGO_CERT_KEY_PATH", NULL});
    arena_free(t.a);
    f = facts(DEPLOY_ISSUED);
    f.has_key = false;
    t = tell(DIALECT_LEGO, &f);
    EXPECT(&t, {"LEGO_CERT_KEY_PATH", NULL}, {"LEGO_CERT_PEM_PATH", NULL},
        {"LEGO_CERT_PATH", "/s/live/site/fullchain.pem"});
    arena_free(t.a);
}

static void test_mod_md(void **state)
{
    static const struct {
        enum deploy_event event;
        const char *calls;
    } rows[] = {{DEPLOY_STARTING, "renewing|a.example"},
        {DEPLOY_ISSUED, "renewed|a.example&installed|a.example"},
        {DEPLOY_RENEWED, "renewed|a.example&installed|a.example"}, {DEPLOY_EXPIRING, "expiring|a.example"},
        {DEPLOY_FAILING, "errored|a.example"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dialect_facts f = facts(rows[i].event);
        struct told t = tell(DIALECT_MOD_MD, &f);
        expect_calls(&t, rows[i].calls);
        arena_free(t.a);
    }
    struct dialect_facts f = facts(DEPLOY_FINISHED);
    struct told t = tell(DIALECT_MOD_MD, &f);
    assert_int_equal(t.r, ERR_CONFIG);
    assert_non_null(strstr(t.err.text, "no word for finished"));
    arena_free(t.a);
}

static void test_acme_sh(void **state)
{
    struct dialect_facts f = facts(DEPLOY_RENEWED);
    struct told t = tell(DIALECT_ACME_SH, &f);
    expect_calls(&t, "");
    EXPECT(&t, {"Le_Domain", "a.example"}, {"Le_Alt", "www.a.example,*.b.example"},
        {"CERT_PATH", "/s/live/site/cert.pem"}, {"CERT_KEY_PATH", "/s/live/site/privkey.pem"},
        {"CA_CERT_PATH", "/s/live/site/chain.pem"}, {"CERT_FULLCHAIN_PATH", "/s/live/site/fullchain.pem"},
        {"DOMAIN_PATH", "/s/live/site"});
    arena_free(t.a);
    f = facts(DEPLOY_STARTING);
    f.domain_n = 1;
    t = tell(DIALECT_ACME_SH, &f);
    EXPECT(&t, {"Le_Domain", "a.example"}, {"Le_Alt", "no"}, {"CERT_PATH", NULL});
    arena_free(t.a);
}

/* Every dialect can be called for all that it is called for where `on` says nothing. */
static void test_each_default_has_its_call(void **state)
{
    static const char *const words[] = {
#define WORD(id, text, on) text,
        DEPLOY_DIALECTS(WORD)
#undef WORD
    };
    static const char *const argv[] = {"/h/renewal-hooks"};
    for (int d = 0; d < DEPLOY_DIALECT_END_; d++)
        for (int e = 0; e < DEPLOY_EVENT_END_; e++) {
            struct deploy step = {.argv = argv, .argc = 1, .user = "", .dialect = words[d], .verify = ""};
            struct dialect_facts f = facts((enum deploy_event)e);
            struct told t = tell((enum deploy_dialect)d, &f);
            if (deploy_is_for(&step, (enum deploy_event)e))
                assert_int_equal(t.r, 0);
            if (t.r == 0)
                assert_in_range(t.c.call_n, 1, DIALECT_CALLS_MAX);
            arena_free(t.a);
        }
}

/* --- folders --- */

static void put(struct temp *t, const char *folder, const char *name, mode_t mode)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && fchmod(fd, mode) == 0);
    close(fd);
}

static void expect_folder(struct temp *t, const char *folder, enum deploy_event event, const char *names)
{
    struct arena *a = arena_new();
    char *path = arena_printf(a, "%s/%s", t->path, folder);
    const char **list;
    size_t n;
    struct buf b = buf_new(1000);
    assert_int_equal(dialect_folder(path, event, a, &list, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(strncmp(list[i], t->path, strlen(t->path)), 0);
        buf_printf(&b, "%s%s", i > 0 ? " " : "", list[i] + strlen(t->path) + 1);
    }
    assert_string_equal(buf_c(&b), names);
    buf_free(&b);
    arena_free(a);
}

static void test_folders(void **state)
{
    struct temp *t = *state;
    assert_int_equal(mkdirat(t->fd, "renewal-hooks", 0755), 0);
    expect_folder(t, "renewal-hooks", DEPLOY_RENEWED, ""); /* neither pre/ nor the others must be there */
    assert_int_equal(mkdirat(t->fd, "renewal-hooks/deploy", 0755), 0);
    assert_int_equal(mkdirat(t->fd, "renewal-hooks/pre", 0755), 0);
    assert_int_equal(mkdirat(t->fd, "renewal-hooks/post", 0755), 0);
    put(t, "renewal-hooks/deploy", "20-second", 0755);
    put(t, "renewal-hooks/deploy", "10-first", 0700);
    put(t, "renewal-hooks/deploy", "Z.sh", 0755);
    put(t, "renewal-hooks/deploy", "15-off", 0644);
    put(t, "renewal-hooks/deploy", "10-first~", 0755);
    assert_int_equal(mkdirat(t->fd, "renewal-hooks/deploy/folder", 0755), 0);
    assert_int_equal(symlinkat("20-second", t->fd, "renewal-hooks/deploy/30-link"), 0);
    assert_int_equal(symlinkat("nowhere", t->fd, "renewal-hooks/deploy/40-broken"), 0);
    put(t, "renewal-hooks/pre", "stop", 0755);
    put(t, "renewal-hooks/post", "start", 0755);
    expect_folder(t, "renewal-hooks", DEPLOY_ISSUED,
        "renewal-hooks/deploy/10-first renewal-hooks/deploy/20-second renewal-hooks/deploy/30-link "
        "renewal-hooks/deploy/Z.sh");
    expect_folder(t, "renewal-hooks", DEPLOY_STARTING, "renewal-hooks/pre/stop");
    expect_folder(t, "renewal-hooks", DEPLOY_FINISHED, "renewal-hooks/post/start");
    expect_folder(t, "renewal-hooks", DEPLOY_FAILING, "");
    expect_folder(t, "renewal-hooks/pre", DEPLOY_RENEWED, "renewal-hooks/pre/stop");
    struct arena *a = arena_new();
    const char **list;
    size_t n;
    assert_int_equal(dialect_folder("/nowhere/hooks", DEPLOY_ISSUED, a, &list, &n, NULL), ERR_NOT_FOUND);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evercert),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_very_many_names),
        cmocka_unit_test(test_certbot),
        cmocka_unit_test(test_dehydrated),
        cmocka_unit_test(test_lego),
        cmocka_unit_test(test_mod_md),
        cmocka_unit_test(test_acme_sh),
        cmocka_unit_test(test_each_default_has_its_call),
        cmocka_unit_test_setup_teardown(test_folders, temp_setup, temp_teardown),
    };
    return cmocka_run_group_tests_name("processes dialect", tests, NULL, NULL);
}
