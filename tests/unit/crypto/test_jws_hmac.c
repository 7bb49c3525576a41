#include "crypto/jws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One key of 64 octets in the three writings that CAs use; its first characters differ between the alphabets.
 */
static const char url_text[] =
    "-_-_CzBVep_E6Q4zWH2ix-wRNluApcrvFDleg6jN8hc8YYar0PUaP2SJrtP4HUJnjLHW-yBFao-02f4jSG2Stw";
static const char padded_text[] =
    "-_-_CzBVep_E6Q4zWH2ix-wRNluApcrvFDleg6jN8hc8YYar0PUaP2SJrtP4HUJnjLHW-yBFao-02f4jSG2Stw==";
static const char plain_text[] =
    "+/+/CzBVep/E6Q4zWH2ix+wRNluApcrvFDleg6jN8hc8YYar0PUaP2SJrtP4HUJnjLHW+yBFao+02f4jSG2Stw==";
static const char payload[] =
    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char payload64[] =
    "eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImY4M09KM0QyeEYxQmc4dnViOXRMZTFnSE16Vjc2ZThUdXM5dVBIdlJWRVUiLCJ5"
    "IjoieF9GRXpSdTltMzZITE5fdHVlNjU5TE5wWFc2cEN5U3Rpa1lqS0lXSTVhMCJ9";

/* Computed without OpenSSL and without this code. */
static const struct {
    const char *alg, *header64, *tag64;
} vectors[] = {
    {"HS256", "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC0xIiwidXJsIjoiaHR0cHM6Ly9jYS5leGFtcGxlL25ldy1hY2N0In0",
        "1BaHOOu3QpHfBKvZIBMzYNwoSxaj3vmguIixwV7fGQ8"},
    {"HS384", "eyJhbGciOiJIUzM4NCIsImtpZCI6ImtpZC0xIiwidXJsIjoiaHR0cHM6Ly9jYS5leGFtcGxlL25ldy1hY2N0In0",
        "xL-0pgaiT8bjzYxFi2JGD9WntnGQF4hAMTudMaYhUSyNUOxZzc6PpccmUPkjDcKh"},
    {"HS512", "eyJhbGciOiJIUzUxMiIsImtpZCI6ImtpZC0xIiwidXJsIjoiaHR0cHM6Ly9jYS5leGFtcGxlL25ldy1hY2N0In0",
        "WhrVnj96j9-QM4Uc25d1K299EhqKdSBXhQzdaf_NnPBK50fYpe_V_MkS0j4lXHRsfMrR5lfq1fKIgtPrip0_OA"},
};

static void bindings_are_signed(void **state)
{
    (void)state;
    struct secret key;
    secret_init(&key);
    assert_int_equal(jws_mac_key(str_c(url_text), &key, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct buf out = buf_new(2000), want = buf_new(2000);
        assert_int_equal(jws_sign_hmac(&key, str_c(vectors[i].alg), STR("kid-1"),
                             STR("https://ca.example/new-acct"), str_c(payload), &out, NULL),
            0);
        buf_printf(&want, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
            vectors[i].header64, payload64, vectors[i].tag64);
        assert_string_equal(buf_c(&out), buf_c(&want));
        buf_free(&out);
        buf_free(&want);
    }
    secret_free(&key);
}

static void every_writing_of_a_key_is_read(void **state)
{
    (void)state;
    struct secret want, key;
    secret_init(&want);
    secret_init(&key);
    assert_int_equal(jws_mac_key(str_c(url_text), &want, NULL), 0);
    assert_int_equal(want.n, 64);
    assert_memory_equal(want.bytes, "\xfb\xff\xbf\x0b", 4);
    const char spaced[] =
        " \t+/+/CzBVep/E6Q4zWH2ix+wRNluApcrvFDleg6jN8hc8YYar0PUaP2SJrtP4HUJnjLHW+yBFao+02f4jSG2Stw\n";
    const char *const texts[] = {padded_text, plain_text, spaced};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(jws_mac_key(str_c(texts[i]), &key, NULL), 0);
        assert_int_equal(key.n, want.n);
        assert_memory_equal(key.bytes, want.bytes, want.n);
    }
    assert_int_equal(jws_mac_key(STR("YQ=="), &key, NULL), 0);
    assert_int_equal(key.n, 1);
    assert_int_equal(jws_mac_key(STR("YWI="), &key, NULL), 0);
    assert_int_equal(key.n, 2);
    assert_int_equal(jws_mac_key(STR("YWJj"), &key, NULL), 0);
    assert_int_equal(key.n, 3);
    secret_free(&want);
    secret_free(&key);
    assert_int_equal(key.bytes[0], 0);
}

static void no_key_is_refused_without_telling_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "is empty"},
        {" \n", "is empty"},
        {"====", "neither"},
        {"YQ=", "neither"}, /* padding of another length */
        {"YWJj=", "neither"},
        {"YQ===", "neither"},
        {"YR==", "neither"},    /* bits left over */
        {"SecretX", "neither"}, /* bits left over */
        {"Secre", "neither"},   /* a character too many */
        {"+-Se", "neither"},    /* both alphabets */
        {"\"SecretSecret\"", "neither"},
        {"Secret Secret", "neither"},
        {"S\xc3\xa9"
         "cr",
            "neither"},
    };
    struct secret key;
    secret_init(&key);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        if (jws_mac_key(str_c(rows[i].text), &key, &err) != ERR_INPUT)
            fail_msg("\"%s\" was taken", rows[i].text);
        if (strstr(err.text, rows[i].words) == NULL || strstr(err.text, "Secre") != NULL)
            fail_msg("\"%s\" says \"%s\"", rows[i].text, err.text);
        assert_int_equal(key.n, 0);
    }
    char longest[2 * SECRET_MAX];
    memset(longest, 'A', sizeof longest);
    assert_int_equal(jws_mac_key((struct str){longest, SECRET_MAX / 3 * 4 + 3}, &key, NULL), 0);
    assert_int_equal(key.n, SECRET_MAX);
    assert_int_equal(jws_mac_key((struct str){longest, SECRET_MAX / 3 * 4 + 4}, &key, NULL), ERR_INPUT);
    assert_int_equal(jws_mac_key((struct str){longest, sizeof longest}, &key, NULL), ERR_INPUT);
    secret_free(&key);
}

static void what_is_incomplete_is_not_signed(void **state)
{
    (void)state;
    struct secret key, none;
    struct buf out = buf_new(2000), small = buf_new(100);
    secret_init(&key);
    secret_init(&none);
    assert_int_equal(jws_mac_key(str_c(url_text), &key, NULL), 0);
    static const struct str bad_alg[] = {
        {"", 0}, {"none", 4}, {"ES256", 5}, {"hs256", 5}, {"HS256\0", 6}, {"HS2560", 6}};
    for (size_t i = 0; i < ARRAY_LEN(bad_alg); i++)
        assert_int_equal(
            jws_sign_hmac(&key, bad_alg[i], STR("k"), STR("u"), STR("{}"), &out, NULL), ERR_INPUT);
    assert_int_equal(jws_sign_hmac(&key, STR("HS256"), STR(""), STR("u"), STR("{}"), &out, NULL), ERR_INPUT);
    assert_int_equal(
        jws_sign_hmac(&key, STR("HS256"), STR("a\nb"), STR("u"), STR("{}"), &out, NULL), ERR_INPUT);
    assert_int_equal(
        jws_sign_hmac(&key, STR("HS256"), STR("k"), STR("\xff"), STR("{}"), &out, NULL), ERR_INPUT);
    assert_int_equal(
        jws_sign_hmac(&none, STR("HS256"), STR("k"), STR("u"), STR("{}"), &out, NULL), ERR_INPUT);
    assert_int_equal(
        jws_sign_hmac(&key, STR("HS256"), STR("k"), STR("u"), STR("{}"), &small, NULL), ERR_LIMIT);
    assert_int_equal(out.n, 0);
    assert_int_equal(small.n, 0);
    buf_free(&out);
    buf_free(&small);
    secret_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bindings_are_signed),
        cmocka_unit_test(every_writing_of_a_key_is_read),
        cmocka_unit_test(no_key_is_refused_without_telling_it),
        cmocka_unit_test(what_is_incomplete_is_not_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
