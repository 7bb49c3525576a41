#include "crypto/pkcs12.h"

#include "crypto/key_priv.h"
#include "crypto/ossl.h"
#include "test_certs.h"

#include <openssl/pkcs12.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { OUT_MAX = 256 * 1024, CERTS_MAX = 16 };

struct issued {
    struct arena *a;
    struct key *key, *ca_key;
    struct test_cert leaf, ca;
    struct str chain;
};

static struct issued issue(struct key *key)
{
    struct issued i = {.a = arena_new(), .key = key, .ca_key = test_key()};
    i.ca = test_cert_make(&(struct cert_spec){.cn = "Root", .ca = "critical,CA:TRUE"}, i.ca_key, NULL);
    i.leaf = test_cert_make(&(struct cert_spec){.san = "DNS:a.example"}, key, &i.ca);
    i.chain = str_c(arena_printf(i.a, "%s%s", test_cert_pem(i.a, i.leaf.x), test_cert_pem(i.a, i.ca.x)));
    return i;
}

static void issued_free(struct issued *i)
{
    X509_free(i->leaf.x);
    X509_free(i->ca.x);
    key_free(i->key);
    key_free(i->ca_key);
    arena_free(i->a);
}

static struct buf made(const struct issued *i, const char *name, const char *password)
{
    struct buf out = buf_new_sensitive(OUT_MAX);
    struct err err = ERR_INIT;
    if (pkcs12_make(i->key, i->chain, CERTS_MAX, name, password, &out, &err) != 0)
        fail_msg("%s", err.text);
    return out;
}

static PKCS12 *read_der(const struct buf *b)
{
    const unsigned char *p = (const unsigned char *)b->p;
    PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)b->n);
    assert_non_null(p12);
    assert_ptr_equal(p, (const unsigned char *)b->p + b->n);
    return p12;
}

/* Everything is found again, by who knows the password alone. */
static void opens(const struct issued *i, const struct buf *b, const char *name, const char *password)
{
    PKCS12 *p12 = read_der(b);
    EVP_PKEY *pkey = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *others = NULL;
    int n = 0;
    assert_int_equal(PKCS12_parse(p12, "wrong", &pkey, &leaf, &others), 0);
    assert_int_equal(PKCS12_parse(p12, password, &pkey, &leaf, &others), 1);
    assert_int_equal(EVP_PKEY_eq(pkey, i->key->pkey), 1);
    assert_int_equal(X509_cmp(leaf, i->leaf.x), 0);
    assert_int_equal(sk_X509_num(others), 1);
    assert_int_equal(X509_cmp(sk_X509_value(others, 0), i->ca.x), 0);
    const unsigned char *alias = X509_alias_get0(leaf, &n);
    assert_int_equal(n, strlen(name));
    assert_memory_equal(alias, name, strlen(name));
    EVP_PKEY_free(pkey);
    X509_free(leaf);
    sk_X509_pop_free(others, X509_free);
    PKCS12_free(p12);
}

static void a_round_trip_of_every_kind_of_key(void **state)
{
    (void)state;
    for (int type = 0; type < KEY_TYPE_END_; type++) {
        struct key *key = NULL;
        if (type == KEY_RSA_3072 || type == KEY_RSA_4096 || type == KEY_ED25519)
            continue; /* slow, or nothing our test CA signs with */
        assert_int_equal(key_generate((enum key_type)type, &key, NULL), 0);
        struct issued i = issue(key);
        struct buf b = made(&i, "www.example.org", "geheim \xc3\xa4");
        opens(&i, &b, "www.example.org", "geheim \xc3\xa4");
        buf_free(&b);
        b = made(&i, "x", "");
        opens(&i, &b, "x", "");
        buf_free(&b);
        issued_free(&i);
    }
}

/* Nothing of the old ways: RC2, triple DES, SHA-1. */
static void only_todays_algorithms(void **state)
{
    (void)state;
    struct issued i = issue(test_key());
    struct buf b = made(&i, "x", "secret");
    PKCS12 *p12 = read_der(&b);
    const X509_ALGOR *digest = NULL;
    const ASN1_INTEGER *rounds = NULL;
    const ASN1_OBJECT *oid = NULL;
    PKCS12_get0_mac(NULL, &digest, NULL, &rounds, p12);
    X509_ALGOR_get0(&oid, NULL, NULL, digest);
    assert_int_equal(OBJ_obj2nid(oid), NID_sha256);
    assert_int_equal(ASN1_INTEGER_get(rounds), PKCS12_ROUNDS);
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
    assert_int_equal(sk_PKCS7_num(safes), 2);
    const PKCS7 *certs = sk_PKCS7_value(safes, 0);
    assert_int_equal(OBJ_obj2nid(certs->type), NID_pkcs7_encrypted);
    assert_int_equal(OBJ_obj2nid(certs->d.encrypted->enc_data->algorithm->algorithm), NID_pbes2);
    STACK_OF(PKCS12_SAFEBAG) *bags = PKCS12_unpack_p7data(sk_PKCS7_value(safes, 1));
    assert_int_equal(sk_PKCS12_SAFEBAG_num(bags), 1);
    const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, 0);
    const X509_ALGOR *by = NULL;
    assert_int_equal(PKCS12_SAFEBAG_get_nid(bag), NID_pkcs8ShroudedKeyBag);
    X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &by, NULL);
    assert_int_equal(OBJ_obj2nid(by->algorithm), NID_pbes2);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    PKCS12_free(p12);
    buf_free(&b);
    issued_free(&i);
}

static bool same(const struct buf *a, const struct buf *b)
{
    return str_eq(buf_str(a), buf_str(b));
}

static const unsigned char *salt_of(const struct buf *b, PKCS12 **keep)
{
    const ASN1_OCTET_STRING *salt = NULL;
    *keep = read_der(b);
    PKCS12_get0_mac(NULL, NULL, &salt, NULL, *keep);
    assert_int_equal(ASN1_STRING_length(salt), 16);
    return ASN1_STRING_get0_data(salt);
}

/* The same again, and nothing in common as soon as anything is another. */
static void the_same_is_the_same_bytes(void **state)
{
    (void)state;
    struct issued i = issue(test_key());
    struct issued other = issue(test_key());
    struct buf b[] = {made(&i, "x", "secret"), made(&i, "x", "secret"), made(&i, "y", "secret"),
        made(&i, "x", "secret2"), made(&other, "x", "secret")};
    PKCS12 *kept[ARRAY_LEN(b)];
    const unsigned char *salts[ARRAY_LEN(b)];
    assert_true(same(&b[0], &b[1]));
    for (size_t k = 0; k < ARRAY_LEN(b); k++)
        salts[k] = salt_of(&b[k], &kept[k]);
    for (size_t k = 1; k < ARRAY_LEN(b); k++)
        for (size_t l = k + 1; l < ARRAY_LEN(b); l++) {
            assert_false(same(&b[k], &b[l]));
            assert_memory_not_equal(salts[k], salts[l], 16);
        }
    for (size_t k = 0; k < ARRAY_LEN(b); k++) {
        PKCS12_free(kept[k]);
        buf_free(&b[k]);
    }
    issued_free(&i);
    issued_free(&other);
}

static void what_is_refused(void **state)
{
    (void)state;
    struct issued i = issue(test_key());
    struct buf out = buf_new_sensitive(OUT_MAX), small = buf_new_sensitive(100);
    struct buf password = buf_new(2 * PKCS12_PASSWORD_MAX);
    struct err err = ERR_INIT;
    while (password.n <= PKCS12_PASSWORD_MAX)
        buf_put_char(&password, 'x');
    assert_int_equal(pkcs12_make(i.key, i.chain, CERTS_MAX, "x", buf_c(&password), &out, &err), ERR_LIMIT);
    assert_int_equal(pkcs12_make(i.key, i.chain, CERTS_MAX, "x", "\xff", &out, &err), ERR_INPUT);
    assert_int_equal(pkcs12_make(i.key, i.chain, 1, "x", "", &out, &err), ERR_LIMIT);
    assert_int_equal(pkcs12_make(i.key, STR(""), CERTS_MAX, "x", "", &out, &err), ERR_INPUT);
    assert_int_equal(out.n, 0);
    assert_int_equal(pkcs12_make(i.key, i.chain, CERTS_MAX, "x", "", &small, &err), ERR_LIMIT);
    buf_free(&out);
    buf_free(&small);
    buf_free(&password);
    issued_free(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_trip_of_every_kind_of_key),
        cmocka_unit_test(only_todays_algorithms),
        cmocka_unit_test(the_same_is_the_same_bytes),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
