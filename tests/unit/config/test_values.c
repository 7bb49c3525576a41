#include "config_test.h"

#include "config/schema.h"
#include "config/values.h"

/* A row of a section of the real table. */
static const struct setting *row_of(const struct section *section, const char *key)
{
    const struct setting *row = section_row(section, str_c(key));
    assert_non_null(row);
    return row;
}

union field {
    const char *text;
    int64_t seconds;
    unsigned mode;
    bool yes;
    enum key_type key_type;
};

static void expect_refused(const struct setting *row, const char *text, const char *problem)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    union field field = {0};
    assert_int_equal(value_parse(row, str_c(text), a, &field, &err), ERR_INPUT);
    if (strstr(err.text, problem) == NULL)
        fail_msg("%s: %s", text, err.text);
    arena_free(a);
}

/* The text is taken and written as `again`. */
static void expect_taken(const struct setting *row, const char *text, const char *again)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    union field field = {0};
    struct buf b = buf_new(10000);
    if (value_parse(row, str_c(text), a, &field, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    row->type->print(row, &field, &b);
    assert_string_equal(buf_c(&b), again);
    buf_free(&b);
    arena_free(a);
}

static void durations(void **state)
{
    const struct setting *timeout = row_of(&schema_deploy, "timeout");
    const struct setting *renew = row_of(&schema_certificate, "renew-before");
    expect_taken(timeout, "90s", "90s");
    expect_taken(timeout, "60s", "1m");
    expect_taken(timeout, "1d", "1d");
    expect_refused(timeout, "0s", "0s is outside 1s to 1d");
    expect_refused(timeout, "25h", "25h is outside 1s to 1d");
    expect_refused(timeout, "auto", "expected a duration such as 90s, 5m, 12h or 30d, found \"auto\"");
    expect_refused(timeout, "30", "expected a duration");
    expect_refused(timeout, "1h30m", "expected a duration");
    expect_taken(renew, "auto", "auto");
    expect_taken(renew, "30d", "30d");
    expect_taken(renew, "3650d", "3650d");
    expect_refused(renew, "3651d", "outside 1s to 3650d");
    expect_refused(renew, "0d", "outside");
}

static void modes(void **state)
{
    const struct setting *row = row_of(&schema_certificate, "key-mode");
    expect_taken(row, "0640", "0640");
    expect_taken(row, "640", "0640");
    expect_taken(row, "0o600", "0600");
    expect_taken(row, "0400", "0400");
    expect_taken(row, "0660", "0660");
    static const char *const others[] = {"0644", "0604", "0602", "0601", "0777", "0646"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        expect_refused(row, others[i], "gives others access to a private key");
    static const char *const special[] = {"0700", "0610", "4600", "2640", "1600"};
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        expect_refused(row, special[i], "makes a key executable or sets special bits");
    expect_refused(row, "0040", "keeps the owner from reading");
    static const char *const wrong[] = {"0680", "rw", "416x", "00640", "64", "-640", "0x1a0", "u=rw"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        expect_refused(row, wrong[i], "expected a mode in octal such as 0640, found");
}

static void listen_addresses(void **state)
{
    const struct section *http01 = row_of(&schema_root, "http-01")->section;
    const struct setting *row = row_of(http01, "listen");
    static const char *const good[] = {
        "[::]:80", "127.0.0.1:8402", ":80", "0.0.0.0:65535", "[2001:db8::1]:1", "[fe80::1%eth0]:80"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        expect_taken(row, good[i], good[i]);
    static const char *const port[] = {":0", ":65536", "127.0.0.1:", "[::]:http", ":080", "0.0.0.0:-1"};
    for (size_t i = 0; i < ARRAY_LEN(port); i++)
        expect_refused(row, port[i], "expected a port of 1 to 65535");
    static const char *const wrong[] = {"80", "localhost:80", "::1:80", "[]:80", "[127.0.0.1]:80", "1.2.3:80",
        "1.2.3.4.5:80", "[::1%]:80", "[::1%a/b]:80",
        "[0123456789012345678901234567890123456789012345678]:80"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        expect_refused(row, wrong[i], "expected an address and port in numbers such as [::]:80");
}

static void paths(void **state)
{
    const struct setting *row = row_of(&schema_certificate, "webroot");
    expect_taken(row, "/var/www/h t\xc3\xa4ml", "/var/www/h t\xc3\xa4ml");
    expect_taken(row, "", "");
    expect_refused(row, "var/www", "expected an absolute path such as /var/www/html, found \"var/www\"");
    expect_refused(row, "~/www", "expected an absolute path");
    expect_refused(row, "/var\n", "control character");
    expect_refused(row, "/var\xc2\x9b", "control character");
    expect_refused(row, "/var\xff", "not UTF-8");
    char text[VALUE_TEXT_MAX + 1];
    memset(text, '/', sizeof text);
    text[VALUE_TEXT_MAX] = '\0';
    expect_refused(row, text, "longer than 4095 octets");
}

static void urls(void **state)
{
    const struct setting *row = row_of(&schema_authority, "directory");
    expect_taken(row, "https://ca.example:14000/dir", "https://ca.example:14000/dir");
    expect_refused(row, "http://ca.example/dir", "expected a URL that begins with https://");
    expect_refused(row, "ca.example", "expected a URL that begins with https://");
    expect_refused(row, "https://u:p@ca.example/", "");
    expect_refused(row, "https://", "");
    expect_refused(row, "https://ca.example/a b", "");
    expect_refused(row, "", "found an empty text");
}

static void authorities(void **state)
{
    const struct setting *row = row_of(&schema_certificate, "authority");
    expect_taken(row, "letsencrypt", "letsencrypt");
    expect_taken(row, "my_ca-1.x", "my_ca-1.x");
    expect_taken(row, "https://ca.example/dir", "https://ca.example/dir");
    expect_refused(row, "http://ca.example/dir", "https://");
    expect_refused(row, "-x", "expected the name of an authority or the https URL of its directory");
    expect_refused(row, "a b", "expected the name of an authority");
    struct err err = ERR_INIT;
    assert_int_equal(authority_name_check(STR("internal"), NULL), 0);
    assert_int_equal(authority_name_check(STR(""), &err), ERR_INPUT);
    assert_int_equal(authority_name_check(STR("https://ca.example"), &err), ERR_INPUT);
    char name[AUTHORITY_NAME_MAX + 1];
    memset(name, 'a', sizeof name);
    assert_int_equal(authority_name_check((struct str){name, AUTHORITY_NAME_MAX}, &err), 0);
    assert_int_equal(authority_name_check((struct str){name, AUTHORITY_NAME_MAX + 1}, &err), ERR_INPUT);
}

static void challenges(void **state)
{
    const struct setting *row = row_of(&schema_certificate, "challenge");
    expect_taken(row, "http-01", "http-01");
    expect_taken(row, "tls-alpn-01", "tls-alpn-01");
    expect_taken(row, "dns-01", "dns-01");
    expect_taken(row, "dns-account-01", "dns-account-01");
    expect_taken(row, "dns-persist-01", "dns-persist-01");
    expect_refused(row, "http",
        "expected one of http-01, tls-alpn-01, dns-01, dns-account-01, dns-persist-01, found \"http\"");
    expect_refused(row, "http-1", "(did you mean http-01?)");
}

static void key_types(void **state)
{
    const struct setting *row = row_of(&schema_certificate, "key-type");
    static const char *const good[] = {"ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        expect_taken(row, good[i], good[i]);
    expect_refused(row, "rsa2048",
        "expected one of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096, found \"rsa2048\" (did you "
        "mean "
        "rsa-2048?)");
    expect_refused(row, "ed25519", "for accounts only");
}

static void emails(void **state)
{
    const struct setting *row = row_of(&schema_root, "email");
    expect_taken(row, "ops+acme@mail.example.com", "ops+acme@mail.example.com");
    expect_taken(row, "", "");
    expect_refused(row, "mailto:ops@example.com", "without mailto:");
    static const char *const wrong[] = {"ops", "@example.com", "ops@", "a@b@c", "a b@example.com",
        "a@example.com,b@example.com", "a@example.com?subject=x", "a@.example", "a@example.",
        "<a@b.example>"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        expect_refused(row, wrong[i], "expected one e-mail address, found");
}

static void accounts(void **state)
{
    const struct setting *row = row_of(&schema_deploy, "user");
    expect_taken(row, "www-data", "www-data");
    expect_taken(row, "1000", "1000");
    expect_taken(row, "", "");
    expect_refused(row, "-x", "expected the name of a user or group");
    expect_refused(row, "a b", "expected the name of a user or group");
    expect_refused(row, "a:b", "expected the name of a user or group");
    expect_refused(row_of(row_of(&schema_root, "users")->section, "engine"), "", "found an empty text");
}

static void bools_and_arguments(void **state)
{
    const struct setting *row = row_of(&schema_root, "agree-tos");
    expect_taken(row, "true", "true");
    expect_taken(row, "False", "false");
    expect_refused(row, "yes", "expected true or false, found \"yes\"");
    row = row_of(&schema_deploy, "run");
    expect_taken(row, "a\n\tb'\"$", "a\n\tb'\"$");
    expect_taken(row, "", "");
    expect_refused(row, "\x1b[0m", "control character");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(modes),
        cmocka_unit_test(listen_addresses),
        cmocka_unit_test(paths),
        cmocka_unit_test(urls),
        cmocka_unit_test(authorities),
        cmocka_unit_test(challenges),
        cmocka_unit_test(key_types),
        cmocka_unit_test(emails),
        cmocka_unit_test(accounts),
        cmocka_unit_test(bools_and_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
