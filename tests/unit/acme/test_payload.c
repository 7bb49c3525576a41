#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/payload.h"

#include <string.h>

static void expect(struct buf *b, const char *text)
{
    assert_false(buf_failed(b));
    assert_string_equal(buf_c(b), text);
    buf_free(b);
}

static void test_account(void **state)
{
    struct buf b = buf_new(1024);
    payload_new_account(&b, STR("ops@example.org"), true, STR(""));
    expect(&b, "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:ops@example.org\"]}");
    payload_new_account(&b, STR(""), true, STR(""));
    expect(&b, "{\"termsOfServiceAgreed\":true}");
    payload_new_account(&b, STR("ops@example.org"), false, STR(""));
    expect(&b, "{\"contact\":[\"mailto:ops@example.org\"]}");
    payload_new_account(&b, STR(""), false, STR(""));
    expect(&b, "{}");
    payload_new_account(&b, STR("a@b"), true, STR("{\"payload\":\"x\"}"));
    expect(&b, "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@b\"],"
               "\"externalAccountBinding\":{\"payload\":\"x\"}}");
    payload_new_account(&b, STR(""), false, STR("{}"));
    expect(&b, "{\"externalAccountBinding\":{}}");
    payload_key_change(&b, STR("https://ca.test/a/1"), STR("{\"kty\":\"EC\"}"));
    expect(&b, "{\"account\":\"https://ca.test/a/1\",\"oldKey\":{\"kty\":\"EC\"}}");
    payload_find_account(&b);
    expect(&b, "{\"onlyReturnExisting\":true}");
    payload_update_account(&b, STR("a@b"));
    expect(&b, "{\"contact\":[\"mailto:a@b\"]}");
    payload_update_account(&b, STR(""));
    expect(&b, "{\"contact\":[]}");
}

/* Nothing that is handed in can end a string early. */
static void test_escapes(void **state)
{
    struct buf b = buf_new(1024);
    payload_update_account(&b, STR("a\"],\"x\":\"\\\n\x01\x7f\xc3\xa9@b"));
    expect(&b, "{\"contact\":[\"mailto:a\\\"],\\\"x\\\":\\\"\\\\\\u000a\\u0001\\u007f\xc3\xa9@b\"]}");
}

static void test_order(void **state)
{
    const struct str names[] = {STR("example.org"), STR("*.example.org")};
    struct buf b = buf_new(1024);
    struct payload_order o = {.names = names, .n = 1};
    payload_new_order(&b, &o);
    expect(&b, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"example.org\"}]}");
    o.n = 2;
    payload_new_order(&b, &o);
    expect(&b, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"example.org\"},"
               "{\"type\":\"dns\",\"value\":\"*.example.org\"}]}");
    const struct str addresses[] = {STR("192.0.2.1"), STR("2001:db8::1")};
    o = (struct payload_order){.names = addresses,
        .n = 2,
        .profile = STR("short\"lived"),
        .replaces = STR("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"),
        .not_before = {1800000000},
        .not_after = {1800086400}};
    payload_new_order(&b, &o);
    expect(&b, "{\"identifiers\":[{\"type\":\"ip\",\"value\":\"192.0.2.1\"},"
               "{\"type\":\"ip\",\"value\":\"2001:db8::1\"}],"
               "\"notBefore\":\"2027-01-15T08:00:00Z\",\"notAfter\":\"2027-01-16T08:00:00Z\","
               "\"profile\":\"short\\\"lived\",\"replaces\":\"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE\"}");
    payload_new_authz(&b, STR("example.org"));
    expect(&b, "{\"identifier\":{\"type\":\"dns\",\"value\":\"example.org\"}}");
    payload_new_authz(&b, STR("::1"));
    expect(&b, "{\"identifier\":{\"type\":\"ip\",\"value\":\"::1\"}}");
    payload_finalize(&b, (struct str){"\x00\xff\xfe", 3});
    expect(&b, "{\"csr\":\"AP_-\"}");
    payload_deactivate(&b);
    expect(&b, "{\"status\":\"deactivated\"}");
    payload_revoke(&b, STR("\x30\x03"), 4);
    expect(&b, "{\"certificate\":\"MAM\",\"reason\":4}");
}

static void test_names(void **state)
{
    assert_string_equal(acme_request_name(ACME_REQUEST_NEW_ACCOUNT), "new-account");
    assert_string_equal(acme_request_name(ACME_REQUEST_REVOKE), "revoke");
    assert_string_equal(acme_request_name(ACME_REQUEST_END_), "unknown");
}

static void test_full_buffer(void **state)
{
    struct buf b = buf_new(20);
    payload_find_account(&b);
    assert_true(buf_failed(&b));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_full_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
