#include "crypto/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Made by python3-cryptography. One P-256 key as a JWK and as PKCS#8 in base64, one RSA key as a JWK and as
 * PKCS#1 in base64, the Ed25519 key of RFC 8032 7.1; with the SHA-256 of each public half. */
static const char ec_jwk[] =
    "{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"585n4Ag5nfFBuQXZCOZT3Zpun-o8M8cDAKZLE8CYu"
    "T0\", \"y\": \"UxXrs5MrBULSwhA_LNvehOgVH-plv5YjOv7n-hy-yHw\", \"d\": \"ZO2EVMxThW0w01TmB"
    "rj23KOG8-1p5bqINm-g_1kzk54\"}";
static const char ec_pkcs8[] =
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZO2EVMxThW0w01TmBrj23KOG8+1p5bqINm+g/1kz"
    "k56hRANCAATnzmfgCDmd8UG5BdkI5lPdmm6f6jwzxwMApksTwJi5PVMV67OTKwVC0sIQPyzb3oToFR/qZb+WIzr+"
    "5/ocvsh8";
static const char ec_hash[] = "98c5a9eb97fec115a24436764d576d3cd42344d5d9c07dc84c135ff41baf0054";
static const char rsa_jwk[] =
    "{\"kty\": \"RSA\", \"n\": \"21bG3bZHIDMIDdkRWHzQLgNVfssGm5eKqxbRhy19Ct4fYVm89zCBcvTgsdrC"
    "48V17h14mSTIDNiCj_unw0geD1nlQlumqDJm_YJy1tz3FerwOR0LAUXBtWx7jnQ9osv9Q6-mftjHbj30_U4w3at_"
    "nuYxJ8axDkFQ9BeF2cos5Au4tXJLQ6hXnItJd8ZH7nN3jNsBlckYisIyKiTEXz0zSibIL4ePfYXW_RQh0LIKYDfA"
    "N8686LB0tLcoBfYZETnhO-vdr794gS6LTDoWc7OeRBGqOkdfk6ujk5bQAnyk_Lo0lavyuMknkTnAUGwGXAXOKEtu"
    "6-FZVHX6UT6RjnflQw\", \"e\": \"AQAB\", \"d\": \"D4wHFzq5r-lDbjfZ_ZEF8JJWl7YsXGWmyURvdaAe"
    "d4wRuATJsCZwBoX0_KZU9MV6USElpd_wOM41SEoTih6tLXQMcWJYXckKI84AoITpE_9N0mk3Q8_TUINv_pj0BXtl"
    "aEwlsQ1h6skuzwWhJmqRkTcfz4H16tzBBYw6oJqus-Xp3nKk6lVEVNCY_vllyW1U4i9wV-OT1xBsxtoA_Kn-75fn"
    "8In49nLW2jdI1zhOJI_jk1aEKNgzTjGgoSJD7Qm3CSiw6a9IE7B0ILOuO8b21ldB4F1LN40EcUvTInkpYi5k_Nmg"
    "80z9CB0o1ct35Q841Q9O7FJW5AvzHNLAtlShgQ\", \"p\": \"8HxD-NWai22cfPMxF0irD4d_t_PovQ4I_IOoa"
    "YLxDMA9kgO7N3kMwdGOW2APPC51kcHacoBLZL1Kg0w0mL7t2tF4dKWWe3FMoJjigqiUOgtctDMgHo3GOKiv0DoQl"
    "4uwZsYL9J8dgTFlgYTbsoeHSd1hsz9eX8t4Vql5XsXAMJc\", \"q\": \"6X1EeWSs4RVibZtgUR3SfhdXU883l"
    "3J-zX9Qt6oFQ_1WIgNtLfbj7C8m90_yv6vXe5UkFFzWucp6OnhY4fCNozVEaqwYueK8vyMv9Rv07HPjiNv-WXHlo"
    "3E077YcCsJRawYTVBe6CI3__IBg1y5VfB73CKBkOwUpCb-MUI6FmjU\", \"dp\": \"7H8oUVOvEiMPXAnFY0KB"
    "h1oXjg39-b4NtFa9jlXJPGLpqeilep4-n3S37MCA-wwtbtQXQbdNbZqB5rFQoE5Tl3ecYApf_LGlS-JOD3Q9oP9_"
    "gW8tzR5bq2iozbvsiTxElC17oGvCFkU_r6m6bM2_jDJ8XEybQNXWWFN-Gmea460\", \"dq\": \"0buxZ23UkPb"
    "5jEVWlma4boUe72yingq99m-XnPM_eZw146W6S-CLSdvtH5gUELIWhK8qUpQ2WXuUobL6_DFtuR4fD8b5Cvit3O-"
    "Jo53yOve6enRKnCPgSBlnmK-3rr5wDjfN4urRM-ACAtl6o6--IBlcg8Y3YoC3JUeHjdEIF8U\", \"qi\": \"w7"
    "ujjQ7ecL5tGbXSdwERxcE-LDpG-Qg6wM5gyn5vzZxilil5iGWwI7CwcowsbUa0MAgYddHGfruBnW31_imyKOYrwP"
    "D8mhRY0WBoplSlZEYIdJx1jr4fCVBuuGUwBs0teUVsdHfHSekwwdAo_sclErdgDJY1P0ROdRFELoJxFSU\"}";
static const char rsa_pkcs1[] =
    "MIIEpQIBAAKCAQEA21bG3bZHIDMIDdkRWHzQLgNVfssGm5eKqxbRhy19Ct4fYVm89zCBcvTgsdrC48V17h14mSTI"
    "DNiCj/unw0geD1nlQlumqDJm/YJy1tz3FerwOR0LAUXBtWx7jnQ9osv9Q6+mftjHbj30/U4w3at/nuYxJ8axDkFQ"
    "9BeF2cos5Au4tXJLQ6hXnItJd8ZH7nN3jNsBlckYisIyKiTEXz0zSibIL4ePfYXW/RQh0LIKYDfAN8686LB0tLco"
    "BfYZETnhO+vdr794gS6LTDoWc7OeRBGqOkdfk6ujk5bQAnyk/Lo0lavyuMknkTnAUGwGXAXOKEtu6+FZVHX6UT6R"
    "jnflQwIDAQABAoIBAA+MBxc6ua/pQ2432f2RBfCSVpe2LFxlpslEb3WgHneMEbgEybAmcAaF9PymVPTFelEhJaXf"
    "8DjONUhKE4oerS10DHFiWF3JCiPOAKCE6RP/TdJpN0PP01CDb/6Y9AV7ZWhMJbENYerJLs8FoSZqkZE3H8+B9erc"
    "wQWMOqCarrPl6d5ypOpVRFTQmP75ZcltVOIvcFfjk9cQbMbaAPyp/u+X5/CJ+PZy1to3SNc4TiSP45NWhCjYM04x"
    "oKEiQ+0JtwkosOmvSBOwdCCzrjvG9tZXQeBdSzeNBHFL0yJ5KWIuZPzZoPNM/QgdKNXLd+UPONUPTuxSVuQL8xzS"
    "wLZUoYECgYEA8HxD+NWai22cfPMxF0irD4d/t/PovQ4I/IOoaYLxDMA9kgO7N3kMwdGOW2APPC51kcHacoBLZL1K"
    "g0w0mL7t2tF4dKWWe3FMoJjigqiUOgtctDMgHo3GOKiv0DoQl4uwZsYL9J8dgTFlgYTbsoeHSd1hsz9eX8t4Vql5"
    "XsXAMJcCgYEA6X1EeWSs4RVibZtgUR3SfhdXU883l3J+zX9Qt6oFQ/1WIgNtLfbj7C8m90/yv6vXe5UkFFzWucp6"
    "OnhY4fCNozVEaqwYueK8vyMv9Rv07HPjiNv+WXHlo3E077YcCsJRawYTVBe6CI3//IBg1y5VfB73CKBkOwUpCb+M"
    "UI6FmjUCgYEA7H8oUVOvEiMPXAnFY0KBh1oXjg39+b4NtFa9jlXJPGLpqeilep4+n3S37MCA+wwtbtQXQbdNbZqB"
    "5rFQoE5Tl3ecYApf/LGlS+JOD3Q9oP9/gW8tzR5bq2iozbvsiTxElC17oGvCFkU/r6m6bM2/jDJ8XEybQNXWWFN+"
    "Gmea460CgYEA0buxZ23UkPb5jEVWlma4boUe72yingq99m+XnPM/eZw146W6S+CLSdvtH5gUELIWhK8qUpQ2WXuU"
    "obL6/DFtuR4fD8b5Cvit3O+Jo53yOve6enRKnCPgSBlnmK+3rr5wDjfN4urRM+ACAtl6o6++IBlcg8Y3YoC3JUeH"
    "jdEIF8UCgYEAw7ujjQ7ecL5tGbXSdwERxcE+LDpG+Qg6wM5gyn5vzZxilil5iGWwI7CwcowsbUa0MAgYddHGfruB"
    "nW31/imyKOYrwPD8mhRY0WBoplSlZEYIdJx1jr4fCVBuuGUwBs0teUVsdHfHSekwwdAo/sclErdgDJY1P0ROdRFE"
    "LoJxFSU=";
static const char rsa_hash[] = "b6cc44c7bc2191bae2ba39c397626f6812924d557143353f191155bf866d5278";
static const char ed_jwk[] =
    "{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"d\": \"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAx"
    "yuf2A\"}";
static const char ed_hash[] = "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9";

static void expect(const char *text, enum key_type type, const char *hash)
{
    struct key *k = NULL;
    struct err err = ERR_INIT;
    char hex[65];
    enum key_type is;
    if (key_from_text(str_c(text), &k, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(key_spki_sha256(k, hex, &err), 0);
    assert_string_equal(hex, hash);
    assert_true(key_type_of(k, &is));
    assert_int_equal(is, type);
    key_free(k);
}

static void each_form_gives_the_same_key(void **state)
{
    char broken[sizeof rsa_pkcs1 + 8];
    (void)state;
    expect(ec_jwk, KEY_ECDSA_P256, ec_hash);
    expect(ec_pkcs8, KEY_ECDSA_P256, ec_hash);
    expect(rsa_jwk, KEY_RSA_2048, rsa_hash);
    expect(rsa_pkcs1, KEY_RSA_2048, rsa_hash);
    expect(ed_jwk, KEY_ED25519, ed_hash);
    snprintf(broken, sizeof broken, " %.100s\r\n%s\n", rsa_pkcs1, rsa_pkcs1 + 100);
    expect(broken, KEY_RSA_2048, rsa_hash);
}

static void pem_is_read_as_before(void **state)
{
    struct key *k = NULL, *again = NULL;
    struct buf pem = buf_new_sensitive(KEY_PEM_MAX);
    (void)state;
    assert_int_equal(key_from_text(str_c(ec_jwk), &k, NULL), 0);
    assert_int_equal(key_to_pem(k, &pem, NULL), 0);
    assert_int_equal(key_from_text(buf_str(&pem), &again, NULL), 0);
    key_free(k);
    key_free(again);
    buf_free(&pem);
}

static void what_is_no_key_is_refused_without_its_words(void **state)
{
    static const char *const bad[] = {"", "   \n", "secret", "c2VjcmV0IGJ5dGVz", "c2VjcmV0=", "====", "{",
        "{}", "[]", "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}", "{\"kty\":\"EC\",\"crv\":\"secp256k1\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"c2VjcmV0\",\"y\":\"c2VjcmV0\",\"d\":\"c2VjcmV0\"}",
        "{\"kty\":\"RSA\",\"n\":\"c2VjcmV0\",\"e\":\"AQAB\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"c2VjcmV0\"}", "{\"kty\":\"RSA\",\"kty\":\"RSA\"}",
        "{\"kty\":1}", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct key *k = NULL;
        struct err err = ERR_INIT;
        if (key_from_text(str_c(bad[i]), &k, &err) != ERR_INPUT)
            fail_msg("%s: %s", bad[i], err.text);
        assert_null(strstr(err.text, "c2VjcmV0"));
        assert_null(k);
    }
}

/* One octet of the private half changed: the public half is another key's. */
static void halves_that_do_not_fit_are_refused(void **state)
{
    static const char *const names[] = {"\"d\": \"", "\"x\": \""};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char text[sizeof ec_jwk];
        struct key *k = NULL;
        struct err err = ERR_INIT;
        memcpy(text, ec_jwk, sizeof text);
        char *at = strstr(text, names[i]) + strlen(names[i]) + 4;
        *at = *at == 'A' ? 'B' : 'A';
        assert_int_equal(key_from_text(str_c(text), &k, &err), ERR_INPUT);
    }
}

static void too_much_is_too_much(void **state)
{
    static char text[KEY_PEM_MAX + 1];
    struct key *k = NULL;
    (void)state;
    memset(text, 'A', sizeof text);
    assert_int_equal(key_from_text((struct str){text, sizeof text}, &k, NULL), ERR_LIMIT);
    assert_int_equal(key_from_text((struct str){text, sizeof text - 1}, &k, NULL), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_gives_the_same_key),
        cmocka_unit_test(pem_is_read_as_before),
        cmocka_unit_test(what_is_no_key_is_refused_without_its_words),
        cmocka_unit_test(halves_that_do_not_fit_are_refused),
        cmocka_unit_test(too_much_is_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
