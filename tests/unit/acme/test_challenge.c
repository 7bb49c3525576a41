#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/challenge.h"

static void test_texts(void **state)
{
    for (int c = 0; c < CHALLENGE_END_; c++)
        assert_int_equal(acme_challenge_parse(str_c(acme_challenge_text((enum acme_challenge)c))), c);
    assert_int_equal(acme_challenge_parse(STR("http-01")), CHALLENGE_HTTP_01);
    assert_int_equal(acme_challenge_parse(STR("tls-alpn-01")), CHALLENGE_TLS_ALPN_01);
    assert_int_equal(acme_challenge_parse(STR("HTTP-01")), CHALLENGE_END_);
    assert_int_equal(acme_challenge_parse(STR("http-011")), CHALLENGE_END_);
    assert_int_equal(acme_challenge_parse(STR("")), CHALLENGE_END_);
    assert_int_equal(acme_challenge_parse(STR("none")), CHALLENGE_END_);
    assert_string_equal(acme_challenge_text(CHALLENGE_END_), "none");
    assert_string_equal(acme_challenge_text((enum acme_challenge)99), "none");
}

static void test_proves(void **state)
{
    assert_true(acme_challenge_proves(CHALLENGE_HTTP_01, STR("a.test")));
    assert_false(acme_challenge_proves(CHALLENGE_HTTP_01, STR("*.a.test")));
    assert_true(acme_challenge_proves(CHALLENGE_HTTP_01, STR("192.0.2.1")));
    assert_true(acme_challenge_proves(CHALLENGE_TLS_ALPN_01, STR("2001:db8::1")));
    assert_false(acme_challenge_proves(CHALLENGE_TLS_ALPN_01, STR("*.a.test")));
    assert_false(acme_challenge_proves(CHALLENGE_END_, STR("a.test")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_proves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
