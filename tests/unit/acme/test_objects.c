#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/limits.h"
#include "acme/objects.h"
#include "base/attr.h"
#include "base/buf.h"

#include <string.h>

static const struct str directory = {"https://ca.test/dir", 19};

static void test_order(void **state)
{
    struct arena *a = arena_new();
    struct order_object o;
    assert_int_equal(
        order_object_parse(
            STR("{\"status\":\"invalid\",\"expires\":\"2027-01-01T00:00:00Z\",\"id\":\"x\","
                "\"identifiers\":[{\"type\":\"dns\",\"value\":\"*.Example.ORG\"}],"
                "\"authorizations\":[\"https://ca.test/az/1?x=%20\",\"https://CA.TEST:443/az/2\"],"
                "\"finalize\":\"https://ca.test/f\",\"certificate\":null,"
                "\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\",\"status\":403}}"),
            directory, a, &o, NULL),
        0);
    assert_int_equal(o.status, STATUS_INVALID);
    assert_int_equal(o.identifier_n, 1);
    assert_true(str_eq_c(o.identifiers[0], "*.example.org"));
    assert_int_equal(o.authorization_n, 2);
    assert_string_equal(o.authorizations[0], "https://ca.test/az/1?x=%20");
    assert_string_equal(o.authorizations[1], "https://CA.TEST:443/az/2");
    assert_string_equal(o.finalize, "https://ca.test/f");
    assert_null(o.certificate);
    assert_string_equal(o.error->type, "caa");
    assert_int_equal(o.error->status, 403);
    arena_free(a);
}

/* RFC 8738 3, RFC 9773 5 and profiles; what is wrong in the latter two counts as absent. */
static void test_later_members(void **state)
{
    struct arena *a = arena_new();
    struct order_object o;
    assert_int_equal(order_object_parse(STR("{\"status\":\"ready\",\"authorizations\":[],\"profile\":"
                                            "\"sh\\u0007ort\",\"replaces\":\"a.b\","
                                            "\"identifiers\":[{\"type\":\"ip\",\"value\":\"2001:DB8:0::1\"},{"
                                            "\"type\":\"dns\",\"value\":\"A\"}]}"),
                         directory, a, &o, NULL),
        0);
    assert_true(str_eq_c(o.identifiers[0], "2001:db8::1"));
    assert_true(str_eq_c(o.identifiers[1], "a"));
    assert_string_equal(o.profile, "sh?ort");
    assert_true(o.replaces);
    assert_int_equal(
        order_object_parse(STR("{\"status\":\"ready\",\"authorizations\":[],\"identifiers\":[],\"profile\":7,"
                               "\"replaces\":null}"),
            directory, a, &o, NULL),
        0);
    assert_null(o.profile);
    assert_false(o.replaces);
    static const char *const bad[][2] = {{"ip", "a.test"}, {"ip", ""}, {"ip", "192.0.2.1/32"},
        {"ip", "::ffff:192.0.2.1"}, {"dns", "192.0.2.1"}, {"dns", "::1"}, {"permanent-identifier", "x"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char json[256];
        snprintf(json, sizeof json,
            "{\"status\":\"ready\",\"authorizations\":[],\"identifiers\":[{\"type\":\"%s\",\"value\":\"%s\"}]"
            "}",
            bad[i][0], bad[i][1]);
        assert_int_equal(order_object_parse(str_c(json), directory, a, &o, NULL), ERR_INPUT);
    }
    arena_free(a);
}

static void test_statuses(void **state)
{
    static const char *const texts[] = {
        "pending", "ready", "processing", "valid", "invalid", "deactivated", "expired", "revoked"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_string_equal(acme_status_text((enum acme_status)i), texts[i]);
    static const char *const odd[] = {"", "PENDING", "pending ", "of an unknown status", "x"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct arena *a = arena_new();
        struct authorization_object o;
        char json[256];
        snprintf(json, sizeof json,
            "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"a\"},\"challenges\":[]}",
            odd[i]);
        assert_int_equal(authorization_object_parse(str_c(json), a, &o, NULL), 0);
        assert_int_equal(o.status, STATUS_UNKNOWN);
        arena_free(a);
    }
}

/* As many as allowed, and one more. */
static void test_limits(void **state)
{
    for (int extra = 0; extra < 2; extra++) {
        struct arena *a = arena_new();
        struct order_object o;
        struct authorization_object z;
        struct buf b = buf_new(1 << 20);
        buf_put_c(&b, "{\"status\":\"ready\",\"authorizations\":[],\"identifiers\":[");
        for (int i = 0; i < ACME_IDENTIFIERS_MAX + extra; i++)
            buf_printf(&b, "%s{\"type\":\"dns\",\"value\":\"a\"}", i > 0 ? "," : "");
        buf_put_c(&b, "]}");
        assert_int_equal(order_object_parse(buf_str(&b), directory, a, &o, NULL), extra ? ERR_LIMIT : 0);
        buf_clear(&b);
        buf_put_c(&b, "{\"status\":\"ready\",\"identifiers\":[],\"authorizations\":[");
        for (int i = 0; i < ACME_IDENTIFIERS_MAX + extra; i++)
            buf_printf(&b, "%s\"https://ca.test/%d\"", i > 0 ? "," : "", i);
        buf_put_c(&b, "]}");
        assert_int_equal(order_object_parse(buf_str(&b), directory, a, &o, NULL), extra ? ERR_LIMIT : 0);
        buf_clear(&b);
        buf_put_c(
            &b, "{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\",\"value\":\"a\"},\"challenges\":[");
        for (int i = 0; i < ACME_CHALLENGES_MAX + extra; i++)
            buf_printf(&b, "%s{\"type\":\"t-%d\"}", i > 0 ? "," : "", i);
        buf_put_c(&b, "]}");
        assert_int_equal(authorization_object_parse(buf_str(&b), a, &z, NULL), extra ? ERR_LIMIT : 0);
        buf_free(&b);
        arena_free(a);
    }
}

static void test_challenge(void **state)
{
    struct arena *a = arena_new();
    struct challenge_object c;
    assert_int_equal(challenge_object_parse(STR("{\"type\":\"http-01\"}"), a, &c, NULL), 0);
    assert_string_equal(c.type, "http-01");
    assert_int_equal(c.status, STATUS_UNKNOWN);
    assert_null(c.url);
    assert_null(c.token);
    assert_null(c.error);
    assert_int_equal(
        challenge_object_parse(STR("{\"type\":\"x\",\"url\":\"u\",\"token\":\"\",\"status\":\"valid\","
                                   "\"error\":\"just text\"}"),
            a, &c, NULL),
        0);
    assert_string_equal(c.url, "u");
    assert_string_equal(c.token, "");
    assert_int_equal(c.status, STATUS_VALID);
    assert_string_equal(c.error->type, "");
    assert_string_equal(c.error->detail, "the CA gave no reason");
    assert_int_equal(challenge_object_parse(STR("{}"), a, &c, NULL), ERR_INPUT);
    assert_int_equal(challenge_object_parse(STR("{\"type\":null}"), a, &c, NULL), ERR_INPUT);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_later_members),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_challenge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
