#include "crypto/key_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < KEY_TYPE_END_; i++) {
        enum key_type t = KEY_TYPE_END_;
        assert_true(key_type_parse(str_c(key_type_name((enum key_type)i)), &t));
        assert_int_equal(t, i);
    }
    assert_string_equal(key_type_name(KEY_ECDSA_P256), "ecdsa-p256");
    assert_string_equal(key_type_name(KEY_RSA_4096), "rsa-4096");
    assert_string_equal(key_type_name(KEY_ED25519), "ed25519");
    assert_string_equal(key_type_name(KEY_TYPE_END_), "?");
}

static void others_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "ecdsa", "ecdsa-p256 ", "ECDSA-P256", "rsa-1024", "ecdsa-p256x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        enum key_type t = KEY_RSA_3072;
        assert_false(key_type_parse(str_c(wrong[i]), &t));
        assert_int_equal(t, KEY_RSA_3072);
    }
}

static void kinds_are_told_apart(void **state)
{
    (void)state;
    assert_true(key_type_is_rsa(KEY_RSA_2048));
    assert_false(key_type_is_rsa(KEY_ECDSA_P384));
    assert_false(key_type_is_rsa(KEY_ED25519));
    assert_true(key_type_certifies(KEY_RSA_4096));
    assert_true(key_type_certifies(KEY_ECDSA_P256));
    assert_false(key_type_certifies(KEY_ED25519));
    assert_false(key_type_certifies(KEY_TYPE_END_));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(kinds_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
