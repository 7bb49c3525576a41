#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/directory.h"
#include "acme/limits.h"
#include "base/attr.h"
#include "base/buf.h"

#include <string.h>

#define NEEDED                                                                                        \
    "\"newNonce\":\"https://ca.test/n\",\"newAccount\":\"https://ca.test/a\",\"newOrder\":\"https://" \
    "CA.test:443/o\""

static int parse(const char *json, struct arena *a, struct directory *out, struct err *err)
{
    return directory_parse(str_c(json), STR("https://ca.test/dir"), a, out, err);
}

static void test_full(void **state)
{
    struct arena *a = arena_new();
    struct directory d;
    assert_int_equal(
        parse("{" NEEDED ",\"revokeCert\":\"https://ca.test/r\",\"keyChange\":\"https://ca.test/k\","
              "\"Xq7-random\":\"https://community.example/why\",\"renewalInfo\":7,"
              "\"meta\":{\"termsOfService\":\"data:text/plain,Do%20what%20thou%20wilt\","
              "\"website\":\"https://ca.example\\u001b[1m\",\"externalAccountRequired\":true,"
              "\"caaIdentities\":[\"ca.test\"],\"profiles\":{}}}",
            a, &d, NULL),
        0);
    assert_true(str_eq_c(d.new_nonce, "https://ca.test/n"));
    assert_true(str_eq_c(d.new_account, "https://ca.test/a"));
    assert_true(str_eq_c(d.new_order, "https://CA.test:443/o")); /* byte for byte */
    assert_true(str_eq_c(d.revoke_cert, "https://ca.test/r"));
    assert_true(str_eq_c(d.key_change, "https://ca.test/k"));
    assert_true(str_eq_c(d.terms_of_service, "data:text/plain,Do%20what%20thou%20wilt"));
    assert_true(str_eq_c(d.website, "https://ca.example?[1m"));
    assert_true(d.external_account_required);
    arena_free(a);
}

static void test_little(void **state)
{
    static const char *const fine[] = {"{" NEEDED "}", "{" NEEDED ",\"meta\":null}",
        "{" NEEDED ",\"meta\":{}}", "{" NEEDED ",\"meta\":{\"termsOfService\":null},\"keyChange\":null}"};
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        struct arena *a = arena_new();
        struct directory d;
        assert_int_equal(parse(fine[i], a, &d, NULL), 0);
        assert_int_equal(d.terms_of_service.n, 0);
        assert_int_equal(d.key_change.n, 0);
        assert_int_equal(d.revoke_cert.n, 0);
        assert_false(d.external_account_required);
        arena_free(a);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *json, *text;
    } cases[] = {{"", "empty"}, {"<html>", "not JSON"}, {"[]", "not a JSON object"},
        {"{}", "\"newNonce\" is missing"},
        {"{\"newNonce\":\"https://ca.test/n\",\"newAccount\":\"https://ca.test/a\"}",
            "\"newOrder\" is missing"},
        {"{\"newNonce\":null}", "\"newNonce\" is missing"},
        {"{\"newNonce\":7}", "\"newNonce\" is not a string"},
        {"{\"newNonce\":\"\"}", "\"newNonce\" is empty"},
        {"{\"newNonce\":\"http://ca.test/n\"}",
            "\"newNonce\": the URL http://ca.test/n does not begin with https"},
        {"{\"newNonce\":\"https://evil.test/n\"}", "not of the authority's own host and port (ca.test)"},
        {"{" NEEDED ",\"keyChange\":\"https://ca.test:8443/\"}", "\"keyChange\""},
        {"{" NEEDED ",\"newNonce\":\"https://ca.test/2\"}", "duplicate"},
        {"{" NEEDED ",\"meta\":[]}", "\"meta\" is not an object"},
        {"{" NEEDED ",\"meta\":{\"termsOfService\":7}}", "\"termsOfService\" is not a string"},
        {"{" NEEDED ",\"meta\":{\"externalAccountRequired\":\"yes\"}}", "is not true or false"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct directory d = {.new_order = STR("untouched")};
        struct err err;
        assert_int_equal(parse(cases[i].json, a, &d, &err), ERR_INPUT);
        assert_true(str_eq_c(d.new_order, "untouched"));
        assert_non_null(strstr(err.text, "the directory of the CA: "));
        if (strstr(err.text, cases[i].text) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].text, err.text);
        arena_free(a);
    }
}

/* What later documents added is taken where it is sound, and never a reason to refuse the rest. */
static void test_extensions(void **state)
{
    struct arena *a = arena_new();
    struct directory d;
    assert_int_equal(
        parse(
            "{" NEEDED ",\"newAuthz\":\"https://ca.test/z\",\"renewalInfo\":\"https://ca.test/ari\","
            "\"meta\":{\"profiles\":{\"short\":\"six\\u001b days\",\"two words\":\"x\",\"\":\"x\",\"tls\":7},"
            "\"caaIdentities\":[\"ca.test\",7,\"\",\"a;b\",\"a\\\"\",\"a "
            "b\",\"other.test\"],\"issuerDomainNames\":[\"ca.test\"],"
            "\"accountHashPrefix\":\"acme:\"}}",
            a, &d, NULL),
        0);
    assert_true(str_eq_c(d.new_authz, "https://ca.test/z"));
    assert_true(str_eq_c(d.renewal_info, "https://ca.test/ari"));
    assert_int_equal(d.profile_n, 2);
    assert_true(directory_has_profile(&d, STR("short")));
    assert_true(directory_has_profile(&d, STR("tls")));
    assert_false(directory_has_profile(&d, STR("two words")));
    assert_false(directory_has_profile(&d, STR("Short")));
    for (size_t i = 0; i < d.profile_n; i++)
        assert_true(
            str_eq_c(d.profiles[i].description, str_eq_c(d.profiles[i].name, "tls") ? "" : "six? days"));
    assert_int_equal(d.caa_identity_n, 2);
    assert_true(str_eq_c(d.caa_identities[1], "other.test"));
    assert_int_equal(d.issuer_domain_name_n, 1);
    assert_true(str_eq_c(d.account_hash_prefix, "acme:"));
    arena_free(a);

    static const char *const odd[] = {"{" NEEDED "}",
        "{" NEEDED ",\"newAuthz\":7,\"renewalInfo\":[],\"meta\":{\"profiles\":[\"a\"],\"caaIdentities\":{},"
        "\"issuerDomainNames\":\"x\",\"accountHashPrefix\":7}}",
        "{" NEEDED ",\"newAuthz\":\"https://evil.test/z\",\"renewalInfo\":\"http://ca.test/\",\"meta\":{"
        "\"profiles\":null,\"caaIdentities\":[],\"issuerDomainNames\":[[]],\"accountHashPrefix\":null}}",
        "{" NEEDED ",\"meta\":{\"accountHashPrefix\":\"a;b\"}}",
        "{" NEEDED ",\"meta\":{\"accountHashPrefix\":\"a\\\"\"}}"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        a = arena_new();
        struct err err;
        if (parse(odd[i], a, &d, &err) != 0)
            fail_msg("%s: %s", odd[i], err.text);
        assert_int_equal(d.new_authz.n + d.renewal_info.n + d.account_hash_prefix.n, 0);
        assert_int_equal(d.profile_n + d.caa_identity_n + d.issuer_domain_name_n, 0);
        assert_false(directory_has_profile(&d, STR("a")));
        arena_free(a);
    }
}

/* Of very many, some. */
static void test_many(void **state)
{
    struct buf json = buf_new(1 << 20);
    buf_put_c(&json, "{" NEEDED ",\"meta\":{\"caaIdentities\":[");
    for (int i = 0; i < 5000; i++)
        buf_printf(&json, "%s\"n%d.test\"", i > 0 ? "," : "", i);
    buf_put_c(&json, "],\"profiles\":{");
    for (int i = 0; i < 5000; i++)
        buf_printf(&json, "%s\"p%d\":\"\"", i > 0 ? "," : "", i);
    buf_put_c(&json, "}}}");
    struct arena *a = arena_new();
    struct directory d;
    assert_int_equal(parse(buf_c(&json), a, &d, NULL), 0);
    assert_int_equal(d.profile_n, ACME_PROFILES_MAX);
    assert_int_equal(d.caa_identity_n, ACME_CA_NAMES_MAX);
    arena_free(a);
    buf_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_little),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
