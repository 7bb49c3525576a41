#include "crypto/jws.h"

#include "base/b64.h"
#include "crypto/jws_priv.h"
#include "crypto/key_priv.h"
#include "test_certs.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEY_PEM(body) "-----BEGIN PRIVATE KEY-----\n" body "-----END PRIVATE KEY-----\n"

/* Private halves only; OpenSSL computes the public ones, and the JWKs were computed without it. */
static const struct {
    const char *pem, *jwk;
} ec_keys[] = {
    /* RFC 7515 A.3.1 */
    {KEY_PEM("MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCCOmxCecZCYv5gEh98f\n"
             "XXfpyylgbr7SJjtfV8IT34T0sg==\n"),
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"},
    /* P-256, 379: x begins with 00 */
    {KEY_PEM("MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCAAAAAAAAAAAAAAAAAA\n"
             "AAAAAAAAAAAAAAAAAAAAAAABew==\n"),
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"AFVDiUrz0A7X10Cr29dclrBod7eH219w7qeLkKjXwAo\","
        "\"y\":\"u0yFo9jqKe-q-iRAaRLdhNWxTcMr9lbvbGvVil2UP5I\"}"},
    /* P-256, 43: y begins with 00 */
    {KEY_PEM("MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCAAAAAAAAAAAAAAAAAA\n"
             "AAAAAAAAAAAAAAAAAAAAAAAAKw==\n"),
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"mGriUG8f8QTQQjCGHY9LSY9LxMbQCbMPdUTcEpuC0o0\","
        "\"y\":\"ADzMwKZGDgrjKKTZfTx7YdhvxiicGJ8lJREMRBuwfpc\"}"},
    /* P-384, 197: x begins with 00 */
    {KEY_PEM("ME4CAQAwEAYHKoZIzj0CAQYFK4EEACIENzA1AgEBBDAAAAAAAAAAAAAAAAAAAAAA\n"
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMU=\n"),
        "{\"crv\":\"P-384\",\"kty\":\"EC\","
        "\"x\":\"AE0QSybuVnH3LBDJhoQdPmXSheJRYWG3uqNBsSYxueMrbw1YlthDHFHV2To3y8kO\","
        "\"y\":\"8RoeP4t7kFOO5CzADuk0puLuJVQWB9j7ZceosR4viGhTiG7vOGXskzIAufJVmfKf\"}"},
    /* P-384, 176: y begins with 00 */
    {KEY_PEM("ME4CAQAwEAYHKoZIzj0CAQYFK4EEACIENzA1AgEBBDAAAAAAAAAAAAAAAAAAAAAA\n"
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAALA=\n"),
        "{\"crv\":\"P-384\",\"kty\":\"EC\","
        "\"x\":\"0DqnSPX0jrPgxUtoPyXS4tfX4yASgqlbV6Wf-4-Uz0xDsRB8qUS5IRw1ERLeFu0Y\","
        "\"y\":\"AAoIxgLcXgAx2tCIwZMF9rJSorw_JF96W4C0hMe5n2mBwyN0xxSnaDJV9TMfZrsG\"}"},
};

/* RFC 7638 3.1 */
static const char rfc7638_n[] =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF"
    "V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9"
    "c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1"
    "jF44-csFCur-kEgU8awapJzKnqDKgw";

static struct buf decode(struct str s)
{
    struct buf out = buf_new(100000);
    assert_int_equal(b64url_decode(&out, s), 0);
    return out;
}

/* An RSA key without a private half, which only a test has. */
static struct key *public_rsa(const char *n64, const char *e64)
{
    struct buf n = decode(str_c(n64)), e = decode(str_c(e64));
    BIGNUM *bn_n = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
    BIGNUM *bn_e = BN_bin2bn((const unsigned char *)e.p, (int)e.n, NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n);
    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *pkey = NULL;
    struct key *k = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    assert_int_equal(key_adopt(pkey, &k, NULL), 0);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(bn_n);
    BN_free(bn_e);
    buf_free(&n);
    buf_free(&e);
    return k;
}

/* What a CA does: the signature as a CA gets it, over "protected.payload". */
static bool verifies(const struct key *k, struct str text, struct str sig64)
{
    struct buf sig = decode(sig64);
    const struct key_kind *kind = key_kind_of(k->pkey);
    unsigned char *der = NULL;
    size_t n = sig.n;
    if (kind->group != NULL) {
        assert_int_equal(sig.n, 2 * kind->width);
        ECDSA_SIG *es = ECDSA_SIG_new();
        const unsigned char *raw = (const unsigned char *)sig.p;
        ECDSA_SIG_set0(
            es, BN_bin2bn(raw, (int)kind->width, NULL), BN_bin2bn(raw + kind->width, (int)kind->width, NULL));
        n = (size_t)i2d_ECDSA_SIG(es, &der);
        ECDSA_SIG_free(es);
    } else {
        assert_int_equal(sig.n, kind->crv != NULL ? 2 * kind->width : kind->width);
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, kind->digest, NULL, NULL, k->pkey, NULL), 1);
    int ok = EVP_DigestVerify(
        ctx, der != NULL ? der : (const unsigned char *)sig.p, n, (const unsigned char *)text.p, text.n);
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    buf_free(&sig);
    return ok == 1;
}

static struct key *from_pem(const char *pem)
{
    struct key *k = NULL;
    assert_int_equal(key_from_pem(str_c(pem), &k, NULL), 0);
    return k;
}

static void ec_jwk_is_padded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ec_keys); i++) {
        struct key *k = from_pem(ec_keys[i].pem);
        struct buf jwk = buf_new(1000);
        assert_int_equal(jwk_public(k, &jwk, NULL), 0);
        assert_string_equal(buf_c(&jwk), ec_keys[i].jwk);
        buf_free(&jwk);
        key_free(k);
    }
}

static void thumbprint_of_rfc_7638(void **state)
{
    (void)state;
    struct key *k = public_rsa(rfc7638_n, "AQAB");
    struct buf jwk = buf_new(1000), print = buf_new(100), want = buf_new(1000);
    buf_printf(&want, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"%s\"}", rfc7638_n);
    assert_int_equal(jwk_public(k, &jwk, NULL), 0);
    assert_string_equal(buf_c(&jwk), buf_c(&want));
    assert_int_equal(jwk_thumbprint(k, &print, NULL), 0);
    assert_string_equal(buf_c(&print), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    buf_free(&want);
    buf_free(&jwk);
    buf_free(&print);
    key_free(k);
}

/* The verifier of these tests and our way of signing agree with RFC 7515 A.3. */
static void signature_of_rfc_7515(void **state)
{
    (void)state;
    const struct str text = STR("eyJhbGciOiJFUzI1NiJ9."
                                "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                                "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
    struct key *k = from_pem(ec_keys[0].pem);
    assert_true(verifies(k, text,
        STR("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")));
    assert_false(verifies(k, text,
        STR("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1A")));
    assert_string_equal(jws_alg(k), "ES256");
    key_free(k);
}

/* RFC 8037 A.1 to A.4; the signature is deterministic. */
static void ed25519_of_rfc_8037(void **state)
{
    (void)state;
    const struct str text = STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
    struct key *k = from_pem(KEY_PEM("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"));
    struct buf jwk = buf_new(1000), print = buf_new(100);
    assert_int_equal(jwk_public(k, &jwk, NULL), 0);
    assert_string_equal(buf_c(&jwk),
        "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");
    assert_int_equal(jwk_thumbprint(k, &print, NULL), 0);
    assert_string_equal(buf_c(&print), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_true(verifies(k, text,
        STR("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
    assert_string_equal(jws_alg(k), "EdDSA");
    buf_free(&jwk);
    buf_free(&print);
    key_free(k);
}

/* The members of a flattened JWS, checked for being all there is. */
struct parts {
    json_t *root;
    struct str header64, payload64, sig64;
    json_t *header;
};

static struct str member(const json_t *root, const char *name)
{
    const json_t *v = json_object_get(root, name);
    assert_true(json_is_string(v));
    return (struct str){json_string_value(v), json_string_length(v)};
}

static struct parts take_apart(const struct buf *jws)
{
    struct parts p = {.root = json_loadb(jws->p, jws->n, JSON_REJECT_DUPLICATES, NULL)};
    assert_non_null(p.root);
    assert_int_equal(json_object_size(p.root), 3);
    p.header64 = member(p.root, "protected");
    p.payload64 = member(p.root, "payload");
    p.sig64 = member(p.root, "signature");
    struct buf header = decode(p.header64);
    p.header = json_loadb(header.p, header.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(p.header);
    buf_free(&header);
    return p;
}

static void parts_free(struct parts *p)
{
    json_decref(p->root);
    json_decref(p->header);
}

static void check_signed(const struct key *k, const struct parts *p)
{
    struct buf text = buf_new(100000);
    buf_put_str(&text, p->header64);
    buf_put_char(&text, '.');
    buf_put_str(&text, p->payload64);
    assert_true(verifies(k, buf_str(&text), p->sig64));
    buf_put_char(&text, 'A');
    assert_false(verifies(k, buf_str(&text), p->sig64));
    buf_free(&text);
}

static void every_type_signs(void **state)
{
    (void)state;
    static const char *const algs[] = {"ES256", "ES384", "RS256", "RS256", "RS256", "EdDSA"};
    static const size_t lengths[] = {64, 96, 256, 384, 512, 64};
    for (int i = 0; i < KEY_TYPE_END_; i++) {
        struct key *k = NULL;
        struct buf jws = buf_new(10000);
        assert_int_equal(key_generate((enum key_type)i, &k, NULL), 0);
        assert_string_equal(jws_alg(k), algs[i]);
        assert_int_equal(jws_sign(k, STR("https://ca.example/acct/1"), STR("n-1_"),
                             STR("https://ca.example/x"), STR("{\"a\":1}"), &jws, NULL),
            0);
        struct parts p = take_apart(&jws);
        struct buf sig = decode(p.sig64), payload = decode(p.payload64);
        assert_int_equal(sig.n, lengths[i]);
        assert_string_equal(buf_c(&payload), "{\"a\":1}");
        assert_int_equal(json_object_size(p.header), 4);
        assert_true(str_eq_c(member(p.header, "alg"), algs[i]));
        assert_true(str_eq_c(member(p.header, "kid"), "https://ca.example/acct/1"));
        assert_true(str_eq_c(member(p.header, "nonce"), "n-1_"));
        assert_true(str_eq_c(member(p.header, "url"), "https://ca.example/x"));
        check_signed(k, &p);
        buf_free(&sig);
        buf_free(&payload);
        parts_free(&p);
        buf_free(&jws);
        key_free(k);
    }
}

/* 300 signatures, so that about two have a number with a leading zero octet. */
static void signatures_keep_their_width(void **state)
{
    (void)state;
    struct key *k = test_key();
    for (int i = 0; i < 300; i++) {
        struct buf jws = buf_new(1000);
        assert_int_equal(jws_sign(k, STR("kid"), STR("n"), STR("u"), STR(""), &jws, NULL), 0);
        struct parts p = take_apart(&jws);
        assert_int_equal(p.sig64.n, 86);
        check_signed(k, &p);
        parts_free(&p);
        buf_free(&jws);
    }
    key_free(k);
}

static void without_kid_the_key_itself_stands_there(void **state)
{
    (void)state;
    struct key *k = from_pem(ec_keys[1].pem);
    struct buf jws = buf_new(10000), want = buf_new(1000);
    assert_int_equal(jws_sign(k, STR(""), STR("n"), STR("u"), STR("{}"), &jws, NULL), 0);
    struct parts p = take_apart(&jws);
    struct buf header = decode(p.header64);
    buf_printf(&want, "{\"alg\":\"ES256\",\"jwk\":%s,\"nonce\":\"n\",\"url\":\"u\"}", ec_keys[1].jwk);
    assert_string_equal(buf_c(&header), buf_c(&want));
    check_signed(k, &p);
    parts_free(&p);
    buf_free(&header);
    buf_free(&want);
    buf_free(&jws);
    key_free(k);
}

/* As the inner JWS of a key rollover must be (RFC 8555 7.3.5): the key it is signed with, and no nonce. */
static void an_inner_jws_has_no_nonce(void **state)
{
    (void)state;
    struct key *k = from_pem(ec_keys[1].pem);
    struct buf jws = buf_new(10000), want = buf_new(1000);
    assert_int_equal(
        jws_sign(k, STR(""), STR(""), STR("https://ca.example/key-change"), STR("{}"), &jws, NULL), 0);
    struct parts p = take_apart(&jws);
    struct buf header = decode(p.header64);
    buf_printf(
        &want, "{\"alg\":\"ES256\",\"jwk\":%s,\"url\":\"https://ca.example/key-change\"}", ec_keys[1].jwk);
    assert_string_equal(buf_c(&header), buf_c(&want));
    check_signed(k, &p);
    buf_free(&header);
    buf_free(&want);
    parts_free(&p);
    buf_free(&jws);
    key_free(k);
}

static void post_as_get_has_an_empty_payload(void **state)
{
    (void)state;
    struct key *k = test_key();
    struct buf jws = buf_new(10000);
    buf_put_c(&jws, "kept ");
    assert_int_equal(jws_sign(k, STR("k"), STR("n"), STR("u"), STR(""), &jws, NULL), 0);
    assert_true(str_starts(buf_str(&jws), STR("kept {\"protected\":\"")));
    assert_non_null(strstr(buf_c(&jws), "\",\"payload\":\"\",\"signature\":\""));
    buf_free(&jws);
    key_free(k);
}

static void header_values_are_escaped(void **state)
{
    (void)state;
    struct key *k = test_key();
    struct buf jws = buf_new(10000);
    const struct str odd = STR("a\",\"alg\":\"none\\ \xc3\xa9 </script>");
    assert_int_equal(jws_sign(k, odd, odd, odd, STR("{}"), &jws, NULL), 0);
    struct parts p = take_apart(&jws);
    assert_int_equal(json_object_size(p.header), 4);
    assert_true(str_eq_c(member(p.header, "alg"), "ES256"));
    assert_true(str_eq(member(p.header, "kid"), odd));
    assert_true(str_eq(member(p.header, "nonce"), odd));
    assert_true(str_eq(member(p.header, "url"), odd));
    parts_free(&p);
    buf_free(&jws);
    key_free(k);
}

static void control_characters_are_refused(void **state)
{
    (void)state;
    static const struct str bad[] = {
        {"a\nb", 3}, {"a\0b", 3}, {"\x1b[2J", 4}, {"a\x7f", 2}, {"\t", 1}, {"\xff", 1}, {"\xc3", 1}};
    struct key *k = test_key();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        for (int where = 0; where < 3; where++) {
            struct buf jws = buf_new(10000);
            struct err err = ERR_INIT;
            buf_put_c(&jws, "kept");
            assert_int_equal(jws_sign(k, where == 0 ? bad[i] : STR("k"), where == 1 ? bad[i] : STR("n"),
                                 where == 2 ? bad[i] : STR("u"), STR("{}"), &jws, &err),
                ERR_INPUT);
            assert_non_null(strstr(err.text, where == 0 ? "\"kid\"" : where == 1 ? "\"nonce\"" : "\"url\""));
            assert_string_equal(buf_c(&jws), "kept");
            buf_free(&jws);
        }
    key_free(k);
}

static void limits_hold(void **state)
{
    (void)state;
    struct key *k = test_key();
    struct buf whole = buf_new(10000), exact, small, url = buf_new(JWS_HEADER_MAX + 1), out = buf_new(100000);
    assert_int_equal(jws_sign(k, STR("k"), STR("n"), STR("u"), STR("{}"), &whole, NULL), 0);
    exact = buf_new(whole.n);
    small = buf_new(whole.n - 1);
    assert_int_equal(jws_sign(k, STR("k"), STR("n"), STR("u"), STR("{}"), &exact, NULL), 0);
    assert_int_equal(jws_sign(k, STR("k"), STR("n"), STR("u"), STR("{}"), &small, NULL), ERR_LIMIT);
    assert_int_equal(small.n, 0);
    memset(buf_room(&url, JWS_HEADER_MAX), 'u', JWS_HEADER_MAX);
    buf_added(&url, JWS_HEADER_MAX);
    assert_int_equal(jws_sign(k, STR("k"), STR("n"), buf_str(&url), STR("{}"), &out, NULL), ERR_LIMIT);
    struct buf tiny = buf_new(10);
    assert_int_equal(jwk_public(k, &tiny, NULL), ERR_LIMIT);
    buf_clear(&tiny);
    assert_int_equal(jwk_thumbprint(k, &tiny, NULL), ERR_LIMIT);
    buf_free(&tiny);
    buf_free(&whole);
    buf_free(&exact);
    buf_free(&small);
    buf_free(&url);
    buf_free(&out);
    key_free(k);
}

static void other_kinds_do_not_sign(void **state)
{
    (void)state;
    struct key *k = NULL;
    struct buf out = buf_new(10000);
    assert_int_equal(key_adopt(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), &k, NULL), 0);
    assert_null(jws_alg(k));
    assert_int_equal(jwk_public(k, &out, NULL), ERR_CRYPTO);
    assert_int_equal(jwk_thumbprint(k, &out, NULL), ERR_CRYPTO);
    assert_int_equal(jws_sign(k, STR("k"), STR("n"), STR("u"), STR("{}"), &out, NULL), ERR_CRYPTO);
    assert_int_equal(out.n, 0);
    buf_free(&out);
    key_free(k);
}

#define R31                                                                                                \
    "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19" \
    "\x1a\x1b\x1c\x1d\x1e\x1f"
#define R32 R31 "\x20"

static void der_becomes_raw(void **state)
{
    (void)state;
    const struct {
        struct str der, raw;
        size_t width;
    } rows[] = {
        /* both full */
        {STR("\x30\x44\x02\x20" R32 "\x02\x20" R32), STR(R32 R32), 32},
        /* r of 31 octets, s of one */
        {STR("\x30\x24\x02\x1f" R31 "\x02\x01\x05"),
            STR("\0" R31 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05"), 32},
        /* s of 31 octets; r with the high bit set, so that DER puts 00 in front */
        {STR("\x30\x44\x02\x21\0\xff" R31 "\x02\x1f" R31), STR("\xff" R31 "\0" R31), 32},
        /* the same numbers for P-384 */
        {STR("\x30\x24\x02\x1f" R31 "\x02\x01\x05"),
            STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" R31 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05"),
            48},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned char raw[96];
        assert_int_equal(rows[i].raw.n, 2 * rows[i].width);
        assert_int_equal(jws_ecdsa_raw(rows[i].der, rows[i].width, raw, NULL), 0);
        assert_memory_equal(raw, rows[i].raw.p, rows[i].raw.n);
    }
}

static void bad_der_is_refused(void **state)
{
    (void)state;
    const struct str bad[] = {
        STR(""), STR("\x30"), STR("\x30\x44\x02\x20" R32 "\x02\x20" R31), /* cut */
        STR("\x30\x06\x02\x01\x05\x02\x01\x05x"),                         /* more behind it */
        STR("\x30\x09\x02\x01\x05\x02\x01\x05\x02\x01\x05"),              /* three numbers */
        STR("\x30\x03\x02\x01\x05"),                                      /* one number */
        STR("\x30\x26\x02\x21\x01" R32 "\x02\x01\x05"),                   /* r of 33 octets */
        STR("\x30\x06\x02\x01\xff\x02\x01\x05"),                          /* r negative */
        STR("\x30\x06\x02\x01\x05\x02\x01\x85"),                          /* s negative */
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        unsigned char raw[64];
        struct err err = ERR_INIT;
        assert_int_equal(jws_ecdsa_raw(bad[i], 32, raw, &err), ERR_CRYPTO);
        assert_int_equal(err.code, ERR_CRYPTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ec_jwk_is_padded),
        cmocka_unit_test(thumbprint_of_rfc_7638),
        cmocka_unit_test(signature_of_rfc_7515),
        cmocka_unit_test(ed25519_of_rfc_8037),
        cmocka_unit_test(every_type_signs),
        cmocka_unit_test(signatures_keep_their_width),
        cmocka_unit_test(without_kid_the_key_itself_stands_there),
        cmocka_unit_test(an_inner_jws_has_no_nonce),
        cmocka_unit_test(post_as_get_has_an_empty_payload),
        cmocka_unit_test(header_values_are_escaped),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(other_kinds_do_not_sign),
        cmocka_unit_test(der_becomes_raw),
        cmocka_unit_test(bad_der_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
