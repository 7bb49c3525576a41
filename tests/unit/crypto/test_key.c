#include "crypto/key.h"

#include "crypto/key_priv.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One key in three writings: with parameters in front, with a compressed point, without a public half. The
 * fingerprint is what `openssl pkey -pubout -outform DER | sha256sum` gives. */
static const char with_parameters[] = "-----BEGIN EC PARAMETERS-----\n"
                                      "BggqhkjOPQMBBw==\n"
                                      "-----END EC PARAMETERS-----\n"
                                      "-----BEGIN EC PRIVATE KEY-----\n"
                                      "MHcCAQEEIGTthFTMU4VtMNNU5ga49tyjhvPtaeW6iDZvoP9ZM5OeoAoGCCqGSM49\n"
                                      "AwEHoUQDQgAE585n4Ag5nfFBuQXZCOZT3Zpun+o8M8cDAKZLE8CYuT1TFeuzkysF\n"
                                      "QtLCED8s296E6BUf6mW/liM6/uf6HL7IfA==\n"
                                      "-----END EC PRIVATE KEY-----\n";
static const char compressed[] = "-----BEGIN EC PRIVATE KEY-----\n"
                                 "MFcCAQEEIGTthFTMU4VtMNNU5ga49tyjhvPtaeW6iDZvoP9ZM5OeoAoGCCqGSM49\n"
                                 "AwEHoSQDIgAC585n4Ag5nfFBuQXZCOZT3Zpun+o8M8cDAKZLE8CYuT0=\n"
                                 "-----END EC PRIVATE KEY-----\n";
static const char private_half[] = "-----BEGIN EC PRIVATE KEY-----\n"
                                   "MDECAQEEIGTthFTMU4VtMNNU5ga49tyjhvPtaeW6iDZvoP9ZM5OeoAoGCCqGSM49\n"
                                   "AwEH\n"
                                   "-----END EC PRIVATE KEY-----\n";
static const char fingerprint[] = "98c5a9eb97fec115a24436764d576d3cd42344d5d9c07dc84c135ff41baf0054";
/* Its private half with the public half of another. */
static const char mismatched[] = "-----BEGIN EC PRIVATE KEY-----\n"
                                 "MHcCAQEEIGTthFTMU4VtMNNU5ga49tyjhvPtaeW6iDZvoP9ZM5OeoAoGCCqGSM49\n"
                                 "AwEHoUQDQgAEaoIZfjum0kntw7pXXNVkXCDxdE2ZXcFFJoOO52GtKMcr3uEXDc2l\n"
                                 "s6Pcxg91ipeAt8j3Ib5zIX6/Z3AfVu1+5w==\n"
                                 "-----END EC PRIVATE KEY-----\n";
static const char public_only[] = "-----BEGIN PUBLIC KEY-----\n"
                                  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE585n4Ag5nfFBuQXZCOZT3Zpun+o8\n"
                                  "M8cDAKZLE8CYuT1TFeuzkysFQtLCED8s296E6BUf6mW/liM6/uf6HL7IfA==\n"
                                  "-----END PUBLIC KEY-----\n";
static const char explicit_curve[] = "-----BEGIN PRIVATE KEY-----\n"
                                     "MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB\n"
                                     "AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA\n"
                                     "///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV\n"
                                     "AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg\n"
                                     "9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A\n"
                                     "AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgkXjqMxYqk6mw\n"
                                     "DO3Jym0OgGZx/pf60MSNM1uAtDbnCfKhRANCAAS2JHM9+VAbU4vhO9g5NGGSstG8\n"
                                     "LyXVdrBlhCHwytHGGhQk6ml8yKP240MOhKnGSW6q7ypsaqxO3TygqgjPJZMp\n"
                                     "-----END PRIVATE KEY-----\n";

static void every_type_survives_der_and_pem(void **state)
{
    (void)state;
    static const int bits[] = {256, 384, 2048, 3072, 4096, 256};
    for (int i = 0; i < KEY_TYPE_END_; i++) {
        struct key *k = NULL, *from_der = NULL, *from_pem = NULL;
        struct buf der = buf_new_sensitive(8192), pem = buf_new_sensitive(8192);
        enum key_type t = KEY_TYPE_END_;
        char a[65], b[65];
        assert_int_equal(key_generate((enum key_type)i, &k, NULL), 0);
        assert_int_equal(EVP_PKEY_get_bits(k->pkey), bits[i]);
        assert_true(key_type_of(k, &t));
        assert_int_equal(t, i);
        assert_int_equal(key_to_der(k, &der, NULL), 0);
        assert_int_equal(key_to_pem(k, &pem, NULL), 0);
        assert_true(str_starts(buf_str(&pem), STR("-----BEGIN PRIVATE KEY-----\n")));
        assert_true(str_ends(buf_str(&pem), STR("-----END PRIVATE KEY-----\n")));
        assert_int_equal(key_from_der(buf_str(&der), &from_der, NULL), 0);
        assert_int_equal(key_from_pem(buf_str(&pem), &from_pem, NULL), 0);
        assert_int_equal(EVP_PKEY_eq(k->pkey, from_der->pkey), 1);
        assert_int_equal(EVP_PKEY_eq(k->pkey, from_pem->pkey), 1);
        assert_int_equal(key_spki_sha256(k, a, NULL), 0);
        assert_int_equal(key_spki_sha256(from_der, b, NULL), 0);
        assert_string_equal(a, b);
        struct buf again = buf_new_sensitive(8192);
        assert_int_equal(key_to_der(from_pem, &again, NULL), 0);
        assert_true(str_eq(buf_str(&again), buf_str(&der)));
        buf_free(&again);
        buf_free(&der);
        buf_free(&pem);
        key_free(k);
        key_free(from_der);
        key_freep(&from_pem);
        assert_null(from_pem);
    }
}

static void keys_differ(void **state)
{
    (void)state;
    struct key *a = NULL, *b = NULL;
    char x[65], y[65];
    assert_int_equal(key_generate(KEY_ECDSA_P256, &a, NULL), 0);
    assert_int_equal(key_generate(KEY_ECDSA_P256, &b, NULL), 0);
    assert_int_equal(key_spki_sha256(a, x, NULL), 0);
    assert_int_equal(key_spki_sha256(b, y, NULL), 0);
    assert_string_not_equal(x, y);
    key_free(a);
    key_free(b);
    key_free(NULL);
}

static void one_key_has_one_fingerprint(void **state)
{
    (void)state;
    static const char *const writings[] = {with_parameters, compressed, private_half};
    for (size_t i = 0; i < ARRAY_LEN(writings); i++) {
        struct key *k = NULL;
        char hex[65];
        enum key_type t;
        assert_int_equal(key_from_pem(str_c(writings[i]), &k, NULL), 0);
        assert_true(key_type_of(k, &t));
        assert_int_equal(t, KEY_ECDSA_P256);
        assert_int_equal(key_spki_sha256(k, hex, NULL), 0);
        assert_string_equal(hex, fingerprint);
        key_free(k);
    }
}

/* `pem` is written by OpenSSL in an old or encrypted form. */
static int read_bio(BIO *bio, struct key **out, struct err *err)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    int r = key_from_pem((struct str){p, (size_t)n}, out, err);
    BIO_free(bio);
    return r;
}

static void old_forms_are_read(void **state)
{
    (void)state;
    static const enum key_type types[] = {KEY_ECDSA_P384, KEY_RSA_2048};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct key *k = NULL, *read = NULL;
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(key_generate(types[i], &k, NULL), 0);
        BIO_puts(bio, "Bag Attributes\n    friendlyName: some words before\n");
        assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, k->pkey, NULL, NULL, 0, NULL, NULL), 1);
        assert_int_equal(read_bio(bio, &read, NULL), 0);
        assert_int_equal(EVP_PKEY_eq(k->pkey, read->pkey), 1);
        key_free(k);
        key_free(read);
    }
}

static void encrypted_keys_are_refused_without_asking(void **state)
{
    (void)state;
    struct key *k = NULL, *read = NULL;
    assert_int_equal(key_generate(KEY_ECDSA_P256, &k, NULL), 0);
    for (int old = 0; old < 2; old++) {
        struct err err = ERR_INIT;
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(
            old ? PEM_write_bio_PrivateKey_traditional(
                      bio, k->pkey, EVP_aes_128_cbc(), (const unsigned char *)"pass", 4, NULL, NULL)
                : PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, EVP_aes_128_cbc(), "pass", 4, NULL, NULL),
            1);
        assert_int_equal(read_bio(bio, &read, &err), ERR_INPUT);
        assert_non_null(strstr(err.text, "encrypted"));
        assert_null(read);
    }
    key_free(k);
}

static void bad_pem_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pem, *words;
    } rows[] = {
        {"", "no private key"},
        {"hello", "no private key"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"},
        {public_only, "no private key"},
        {mismatched, "do not fit"},
        {explicit_curve, "only named curves"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct key *k = NULL;
        struct err err = ERR_INIT;
        assert_int_equal(key_from_pem(str_c(rows[i].pem), &k, &err), ERR_INPUT);
        assert_null(k);
        assert_non_null(strstr(err.text, rows[i].words));
    }
    struct buf large = buf_new(KEY_PEM_MAX + 1);
    memset(buf_room(&large, KEY_PEM_MAX + 1), '\n', KEY_PEM_MAX + 1);
    buf_added(&large, KEY_PEM_MAX + 1);
    struct key *k = NULL;
    assert_int_equal(key_from_pem(buf_str(&large), &k, NULL), ERR_LIMIT);
    buf_free(&large);
}

static void bad_der_is_refused(void **state)
{
    (void)state;
    struct key *k = NULL, *read = NULL;
    struct buf der = buf_new_sensitive(1000);
    struct err err = ERR_INIT;
    assert_int_equal(key_generate(KEY_ECDSA_P256, &k, NULL), 0);
    assert_int_equal(key_to_der(k, &der, NULL), 0);
    for (size_t n = 0; n < der.n; n++)
        assert_int_equal(key_from_der((struct str){der.p, n}, &read, NULL), ERR_INPUT);
    buf_put_char(&der, 'x');
    assert_int_equal(key_from_der(buf_str(&der), &read, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "1 bytes too many"));
    assert_null(read);
    buf_free(&der);
    key_free(k);
}

static void full_buffers_are_errors(void **state)
{
    (void)state;
    struct key *k = NULL;
    assert_int_equal(key_generate(KEY_ECDSA_P256, &k, NULL), 0);
    struct buf small = buf_new_sensitive(20);
    assert_int_equal(key_to_der(k, &small, NULL), ERR_LIMIT);
    buf_clear(&small);
    assert_int_equal(key_to_pem(k, &small, NULL), ERR_LIMIT);
    assert_int_equal(small.n, 0);
    buf_free(&small);
    key_free(k);
}

static void other_kinds_have_no_type(void **state)
{
    (void)state;
    struct key *k = NULL;
    enum key_type kept = KEY_RSA_3072;
    char hex[65];
    assert_int_equal(key_adopt(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), &k, NULL), 0);
    assert_false(key_type_of(k, &kept));
    assert_int_equal(kept, KEY_RSA_3072);
    assert_int_equal(key_spki_sha256(k, hex, NULL), 0);
    key_free(k);
    struct key *small = NULL;
    enum key_type t;
    assert_int_equal(key_adopt(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), &small, NULL), 0);
    assert_false(key_type_of(small, &t));
    key_free(small);
    struct key *none = NULL;
    assert_int_equal(key_generate(KEY_TYPE_END_, &none, NULL), ERR_CRYPTO);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_survives_der_and_pem),
        cmocka_unit_test(keys_differ),
        cmocka_unit_test(one_key_has_one_fingerprint),
        cmocka_unit_test(old_forms_are_read),
        cmocka_unit_test(encrypted_keys_are_refused_without_asking),
        cmocka_unit_test(bad_pem_is_refused),
        cmocka_unit_test(bad_der_is_refused),
        cmocka_unit_test(full_buffers_are_errors),
        cmocka_unit_test(other_kinds_have_no_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
