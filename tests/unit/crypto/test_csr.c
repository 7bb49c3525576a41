#include "crypto/csr.h"

#include "crypto/key_priv.h"
#include "test_certs.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static X509_REQ *parse(const struct buf *der)
{
    const unsigned char *p = (const unsigned char *)der->p;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der->n);
    assert_non_null(req);
    assert_ptr_equal(p, der->p + der->n);
    return req;
}

static void check_request(const struct buf *der, const struct key *k, const struct str *names, size_t n)
{
    X509_REQ *req = parse(der);
    assert_int_equal(X509_REQ_get_version(req), X509_REQ_VERSION_1);
    assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
    assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
    assert_int_equal(EVP_PKEY_eq(X509_REQ_get0_pubkey(req), k->pkey), 1);
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    assert_int_equal(sk_X509_EXTENSION_num(extensions), 1);
    int critical = 0;
    GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
    assert_non_null(san);
    assert_int_equal(critical, 1);
    assert_int_equal(sk_GENERAL_NAME_num(san), n);
    for (size_t i = 0; i < n; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(san, (int)i);
        assert_int_equal(g->type, GEN_DNS);
        assert_int_equal(ASN1_STRING_type(g->d.dNSName), V_ASN1_IA5STRING);
        assert_true(str_eq((struct str){(const char *)ASN1_STRING_get0_data(g->d.dNSName),
                               (size_t)ASN1_STRING_length(g->d.dNSName)},
            names[i]));
    }
    GENERAL_NAMES_free(san);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(req);
}

static void every_type_requests(void **state)
{
    (void)state;
    static const int algorithms[] = {NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384,
        NID_sha256WithRSAEncryption, NID_sha256WithRSAEncryption, NID_sha256WithRSAEncryption};
    const struct str names[] = {STR("www.example.com"), STR("example.com"), STR("*.example.com"),
        STR("xn--bcher-kva.example"), STR("_x.a-b.example"), STR("1.example")};
    for (int i = 0; i <= KEY_RSA_4096; i++) {
        struct key *k = NULL;
        struct buf der = buf_new(10000);
        assert_int_equal(key_generate((enum key_type)i, &k, NULL), 0);
        assert_int_equal(csr_build(k, &(struct csr_content){names, ARRAY_LEN(names)}, &der, NULL), 0);
        check_request(&der, k, names, ARRAY_LEN(names));
        X509_REQ *req = parse(&der);
        assert_int_equal(X509_REQ_get_signature_nid(req), algorithms[i]);
        X509_REQ_free(req);
        buf_free(&der);
        key_free(k);
    }
}

static void a_hundred_names_fit(void **state)
{
    (void)state;
    enum { N = 100 };
    struct arena *a = arena_new();
    struct str *names = arena_array(a, N, sizeof *names);
    for (int i = 0; i < N; i++)
        names[i] = str_c(arena_printf(a, "host%d.%060d.%060d.%060d.%040d.example", i, 0, 0, 0, 0));
    struct key *k = test_key();
    struct buf der = buf_new(100000);
    assert_int_equal(csr_build(k, &(struct csr_content){names, N}, &der, NULL), 0);
    check_request(&der, k, names, N);
    buf_free(&der);
    key_free(k);
    arena_free(a);
}

/* RFC 8738 3 and RFC 7633: addresses as octets, and the feature that asks for a staple. */
static void addresses_and_stapling(void **state)
{
    (void)state;
    const struct str names[] = {STR("192.0.2.1"), STR("example.com"), STR("2001:db8::1")};
    struct key *k = test_key();
    struct buf der = buf_new(10000);
    assert_int_equal(csr_build(k, &(struct csr_content){names, 3, true}, &der, NULL), 0);
    X509_REQ *req = parse(&der);
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    assert_int_equal(sk_X509_EXTENSION_num(extensions), 2);
    GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(san), 3);
    const GENERAL_NAME *v4 = sk_GENERAL_NAME_value(san, 0), *v6 = sk_GENERAL_NAME_value(san, 2);
    assert_int_equal(v4->type, GEN_IPADD);
    assert_int_equal(ASN1_STRING_length(v4->d.iPAddress), 4);
    assert_memory_equal(ASN1_STRING_get0_data(v4->d.iPAddress), "\xc0\0\2\1", 4);
    assert_int_equal(sk_GENERAL_NAME_value(san, 1)->type, GEN_DNS);
    assert_int_equal(v6->type, GEN_IPADD);
    assert_int_equal(ASN1_STRING_length(v6->d.iPAddress), 16);
    assert_memory_equal(
        ASN1_STRING_get0_data(v6->d.iPAddress), "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.24", 1);
    int at = X509v3_get_ext_by_OBJ(extensions, oid, -1);
    assert_true(at >= 0);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509v3_get_ext(extensions, at));
    assert_int_equal(ASN1_STRING_length(value), 5);
    assert_memory_equal(ASN1_STRING_get0_data(value), "\x30\x03\x02\x01\x05", 5);
    assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
    ASN1_OBJECT_free(oid);
    GENERAL_NAMES_free(san);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(req);
    buf_free(&der);
    key_free(k);
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    const struct str bad[] = {STR(""), STR("."), STR("example.com."), STR(".example.com"), STR("a..b"),
        STR("a b.com"), STR("a\0.com"), STR("a,DNS:b.com"), STR("http://a.com"), STR("a.*.com"), STR("*"),
        STR("*."), STR("**.a.com"), STR("a*.com"), STR("192.0.2.256"), STR("192.0.2"), STR("[2001:db8::1]"),
        STR("fe80::1%1"), STR("-a.com"), STR("a-.com"),
        STR("b\xc3\xbc"
            "cher.example"),
        STR("a\n.com"), STR("0123456789012345678901234567890123456789012345678901234567890123.example")};
    struct key *k = test_key();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct str names[] = {STR("good.example"), bad[i]};
        struct buf der = buf_new(10000);
        struct err err = ERR_INIT;
        if (csr_build(k, &(struct csr_content){names, 2}, &der, &err) != ERR_INPUT)
            fail_msg("%zu was taken", i);
        assert_non_null(strstr(err.text, "name 2 "));
        assert_int_equal(der.n, 0);
        buf_free(&der);
    }
    key_free(k);
}

static void too_many_too_few_or_twice_is_refused(void **state)
{
    (void)state;
    const struct str twice[] = {STR("a.example"), STR("b.example"), STR("A.example")};
    struct str many[CSR_NAMES_MAX + 1];
    struct key *k = test_key();
    struct buf der = buf_new(10000), small = buf_new(100);
    assert_int_equal(csr_build(k, &(struct csr_content){twice, 0}, &der, NULL), ERR_INPUT);
    assert_int_equal(csr_build(k, &(struct csr_content){twice, 3}, &der, NULL), ERR_INPUT);
    const struct str address_twice[] = {STR("2001:db8::1"), STR("a.example"), STR("2001:DB8:0::1")};
    assert_int_equal(csr_build(k, &(struct csr_content){address_twice, 3}, &der, NULL), ERR_INPUT);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = twice[0];
    assert_int_equal(csr_build(k, &(struct csr_content){many, ARRAY_LEN(many)}, &der, NULL), ERR_LIMIT);
    assert_int_equal(csr_build(k, &(struct csr_content){twice, 2}, &small, NULL), ERR_LIMIT);
    assert_int_equal(der.n, 0);
    assert_int_equal(small.n, 0);
    struct key *other = NULL;
    assert_int_equal(key_adopt(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), &other, NULL), 0);
    assert_int_equal(csr_build(other, &(struct csr_content){twice, 2}, &der, NULL), ERR_CRYPTO);
    key_free(other);
    buf_free(&der);
    buf_free(&small);
    key_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_requests),
        cmocka_unit_test(a_hundred_names_fit),
        cmocka_unit_test(addresses_and_stapling),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(too_many_too_few_or_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
