#include "crypto/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* FIPS 180-2, B.1, and the empty message. */
static void known_values(void **state)
{
    (void)state;
    char hex[SHA256_HEX_LEN];
    assert_int_equal(digest_sha256_hex(STR("abc"), hex, NULL), 0);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(digest_sha256_hex((struct str){NULL, 0}, hex, NULL), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    unsigned char raw[SHA256_LEN];
    assert_int_equal(digest_sha256(STR("abc"), raw, NULL), 0);
    assert_int_equal(raw[0], 0xba);
    assert_int_equal(raw[31], 0xad);
}

/* RFC 4231 4.3, and a key of no octets. */
static void with_a_key(void **state)
{
    char hex[SHA256_HEX_LEN];
    unsigned char raw[DIGEST_MAX];
    size_t n = 0;
    assert_int_equal(digest_hmac_sha256_hex(STR("Jefe"), STR("what do ya want for nothing?"), hex, NULL), 0);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(digest_hmac("SHA512", (struct str){NULL, 0}, STR(""), raw, &n, NULL), 0);
    assert_int_equal(n, 64);
    assert_int_equal(digest_hmac("none such", STR("k"), STR(""), raw, &n, NULL), ERR_CRYPTO);
    assert_int_equal(digest_any("none such", STR(""), raw, &n, NULL), ERR_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_values), cmocka_unit_test(with_a_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
