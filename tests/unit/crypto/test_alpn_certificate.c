#include "crypto/alpn_certificate.h"

#include "base/attr.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* SHA-256("token.thumbprint"), computed elsewhere, as the extension holds it */
static const char key_authorization[] = "token.thumbprint";
static const unsigned char extension[] = {0x04, 0x20, 0xeb, 0x5a, 0xc1, 0x67, 0xfe, 0x24, 0x9c, 0x76, 0xe5,
    0x3b, 0x43, 0x0d, 0xa3, 0x11, 0x6c, 0x5d, 0x9f, 0xde, 0x4c, 0x55, 0x07, 0xba, 0x6d, 0x01, 0xe8, 0x85,
    0x51, 0x6e, 0x1b, 0xd4, 0x9f, 0x92};

static X509 *made(struct alpn_certificate **c, const char *identifier)
{
    assert_int_equal(alpn_certificate_make(str_c(identifier), str_c(key_authorization), c, NULL), 0);
    return alpn_certificate_x509(*c);
}

static void the_extension_is_critical_and_holds_the_digest(void **state)
{
    (void)state;
    struct alpn_certificate *c = NULL;
    X509 *x = made(&c, "example.com");
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    int at = X509_get_ext_by_OBJ(x, oid, -1);
    assert_true(at >= 0);
    assert_int_equal(X509_get_ext_by_OBJ(x, oid, at), -1);
    X509_EXTENSION *e = X509_get_ext(x, at);
    assert_int_equal(X509_EXTENSION_get_critical(e), 1);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
    assert_int_equal(ASN1_STRING_length(value), sizeof extension);
    assert_memory_equal(ASN1_STRING_get0_data(value), extension, sizeof extension);
    ASN1_OBJECT_free(oid);
    alpn_certificate_free(c);
}

static void it_is_signed_by_its_own_p256_key(void **state)
{
    (void)state;
    struct alpn_certificate *c = NULL, *other = NULL;
    X509 *x = made(&c, "example.com"), *y = made(&other, "example.com");
    char group[32] = "";
    assert_int_equal(X509_verify(x, alpn_certificate_key(c)), 1);
    assert_int_equal(X509_check_private_key(x, alpn_certificate_key(c)), 1);
    assert_int_equal(EVP_PKEY_get_group_name(alpn_certificate_key(c), group, sizeof group, NULL), 1);
    assert_string_equal(group, "prime256v1");
    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)), 0);
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 1);
    assert_int_equal(X509_get_version(x), X509_VERSION_3);
    assert_int_not_equal(X509_verify(x, alpn_certificate_key(other)), 1);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get_serialNumber(x), X509_get_serialNumber(y)), 0);
    alpn_certificate_free(c);
    alpn_certificate_free(other);
}

static void it_is_valid_since_an_hour(void **state)
{
    (void)state;
    struct alpn_certificate *c = NULL;
    X509 *x = made(&c, "example.com");
    time_t now = time(NULL), before = now - ALPN_BACKDATED_S + 600, earlier = now - ALPN_BACKDATED_S - 600;
    time_t later = now + ALPN_LASTS_S - 600;
    assert_int_equal(X509_cmp_time(X509_get0_notBefore(x), &before), -1);
    assert_int_equal(X509_cmp_time(X509_get0_notBefore(x), &earlier), 1);
    assert_int_equal(X509_cmp_time(X509_get0_notAfter(x), &later), 1);
    alpn_certificate_free(c);
}

static void it_is_for_one_identifier(void **state)
{
    (void)state;
    static const struct {
        const char *identifier;
        int type;
        const char *octets;
        size_t n;
    } rows[] = {
        {"example.com", GEN_DNS, "example.com", 11},
        {"xn--bcher-kva.example", GEN_DNS, "xn--bcher-kva.example", 21},
        {"192.0.2.1", GEN_IPADD, "\xc0\x00\x02\x01", 4},
        {"2001:db8::1", GEN_IPADD, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct alpn_certificate *c = NULL;
        int critical = -2;
        GENERAL_NAMES *names =
            X509_get_ext_d2i(made(&c, rows[i].identifier), NID_subject_alt_name, &critical, NULL);
        assert_int_equal(sk_GENERAL_NAME_num(names), 1);
        int type = 0;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &type);
        assert_int_equal(type, rows[i].type);
        assert_int_equal(ASN1_STRING_length(value), rows[i].n);
        assert_memory_equal(ASN1_STRING_get0_data(value), rows[i].octets, rows[i].n);
        GENERAL_NAMES_free(names);
        alpn_certificate_free(c);
    }
}

static void other_things_are_refused(void **state)
{
    (void)state;
    static const char *const identifiers[] = {"", "*.example.com", "a b", "-x.example", "192.0.2.256",
        "192.0.2.1/24", "[2001:db8::1]", "fe80::1%eth0", "example.com."};
    struct alpn_certificate *c = NULL;
    for (size_t i = 0; i < ARRAY_LEN(identifiers); i++)
        assert_int_equal(alpn_certificate_make(str_c(identifiers[i]), STR("x"), &c, NULL), ERR_INPUT);
    assert_int_equal(
        alpn_certificate_make((struct str){"example.com\0x", 13}, STR("x"), &c, NULL), ERR_INPUT);
    assert_int_equal(alpn_certificate_make(STR("example.com"), STR(""), &c, NULL), ERR_INPUT);
    assert_null(c);
    alpn_certificate_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_extension_is_critical_and_holds_the_digest),
        cmocka_unit_test(it_is_signed_by_its_own_p256_key),
        cmocka_unit_test(it_is_valid_since_an_hour),
        cmocka_unit_test(it_is_for_one_identifier),
        cmocka_unit_test(other_things_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
