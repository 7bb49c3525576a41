#include "crypto/chain.h"

#include "test_certs.h"

#include "base/buf.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { CERTS_MAX = 16 };

/* A root, an intermediate and a leaf for example.com. */
struct fixture {
    struct arena *a;
    struct key *root_key, *middle_key, *key;
    struct test_cert root, middle, leaf;
    const char *root_pem, *middle_pem, *leaf_pem;
};

static int set_up(void **state)
{
    static struct fixture f;
    f.a = arena_new();
    f.root_key = test_key();
    f.middle_key = test_key();
    f.key = test_key();
    f.root = test_cert_make(&(struct cert_spec){.cn = "Root", .ca = "CA:TRUE"}, f.root_key, NULL);
    f.middle =
        test_cert_make(&(struct cert_spec){.cn = "Middle \xc3\xa9", .ca = "CA:TRUE"}, f.middle_key, &f.root);
    f.leaf = test_cert_make(&(struct cert_spec){.cn = "example.com",
                                .san = "DNS:WWW.Example.com,DNS:example.com,IP:192.0.2.1,email:a@example.com,"
                                       "IP:2001:DB8:0:0:0:0:0:1",
                                .key_id = "69885b6b87464041e1b37b847ba0ae2cde01c8d4",
                                .serial = "87654321"},
        f.key, &f.middle);
    f.root_pem = test_cert_pem(f.a, f.root.x);
    f.middle_pem = test_cert_pem(f.a, f.middle.x);
    f.leaf_pem = test_cert_pem(f.a, f.leaf.x);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    X509_free(f->root.x);
    X509_free(f->middle.x);
    X509_free(f->leaf.x);
    key_free(f->root_key);
    key_free(f->middle_key);
    key_free(f->key);
    arena_free(f->a);
    return 0;
}

static void a_chain_is_described(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    const char *pem = arena_printf(f->a, "%s\n%s%s", f->leaf_pem, f->middle_pem, f->root_pem);
    assert_int_equal(chain_parse(str_c(pem), CERTS_MAX, f->a, &c, NULL), 0);
    assert_int_equal(c.n, 3);
    assert_true(str_eq_c(c.leaf_pem, f->leaf_pem));
    assert_true(str_eq_c(c.issuers_pem, arena_printf(f->a, "%s%s", f->middle_pem, f->root_pem)));
    assert_string_equal(c.issuer, "CN=Middle \xc3\xa9");
    assert_string_equal(c.subjects[0], "CN=example.com");
    assert_string_equal(c.subjects[1], "CN=Middle \xc3\xa9");
    assert_string_equal(c.subjects[2], "CN=Root");
    assert_int_equal(c.name_n, 4);
    assert_string_equal(c.names[0], "www.example.com");
    assert_string_equal(c.names[1], "example.com");
    assert_string_equal(c.names[2], "192.0.2.1");
    assert_string_equal(c.names[3], "2001:db8::1");
    assert_int_equal(c.not_before.s, TEST_NOW_S - TEST_DAY_S);
    assert_int_equal(c.not_after.s, TEST_NOW_S + 89 * TEST_DAY_S);
    assert_string_equal(c.key_type, "ecdsa-p256");
    assert_string_equal(c.serial, "87654321");
    /* the example of RFC 9773 4.1 */
    assert_string_equal(c.ari_id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");

    unsigned char *der = NULL, md[32];
    int n = i2d_X509(f->leaf.x, &der);
    assert_true(str_eq(c.leaf_der, (struct str){(const char *)der, (size_t)n}));
    assert_int_equal(X509_digest(f->leaf.x, EVP_sha256(), md, NULL), 1);
    for (size_t i = 0; i < sizeof md; i++) {
        char two[3];
        snprintf(two, sizeof two, "%02x", md[i]);
        assert_memory_equal(c.fingerprint + 2 * i, two, 2);
    }
    assert_int_equal(strlen(c.fingerprint), 64);
    OPENSSL_free(der);
    char key_hash[65];
    assert_int_equal(key_spki_sha256(f->key, key_hash, NULL), 0);
    assert_string_equal(c.key_hash, key_hash);
    assert_string_equal(c.links[0].fingerprint, c.fingerprint);
    assert_true(str_eq_c(c.links[0].issuer_name, "Middle \xc3\xa9"));
    assert_true(str_eq_c(c.links[1].issuer_name, "Root"));
    assert_true(str_eq_c(c.links[2].issuer_name, "Root"));
}

static void a_lone_leaf_has_no_issuers(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    assert_int_equal(chain_parse(str_c(f->root_pem), 1, f->a, &c, NULL), 0);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.issuers_pem.n, 0);
    assert_int_equal(c.name_n, 0);
    assert_string_equal(c.ari_id, "");
    assert_string_equal(c.serial, "01");
}

/* Whatever line ends and white space come, the files get our own writing. */
static void line_ends_do_not_matter(void **state)
{
    struct fixture *f = *state;
    const char *text = arena_printf(f->a, "%s%s", f->leaf_pem, f->middle_pem);
    struct buf crlf = buf_new(100000), one_line = buf_new(100000);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\n')
            buf_put_char(&crlf, '\r');
        buf_put_char(&crlf, *p);
    }
    struct str cut = {text, strlen(text) - 1};
    buf_printf(&one_line, "\n\n  \t%s\r\n \n%s\n\n\n", f->leaf_pem, f->middle_pem);
    const struct str ways[] = {cut, buf_str(&crlf), buf_str(&one_line)};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct chain c;
        assert_int_equal(chain_parse(ways[i], CERTS_MAX, f->a, &c, NULL), 0);
        assert_true(str_eq_c(c.leaf_pem, f->leaf_pem));
        assert_true(str_eq_c(c.issuers_pem, f->middle_pem));
    }
    buf_free(&crlf);
    buf_free(&one_line);
}

static void expect(struct fixture *f, const char *pem, int code, const char *words)
{
    struct chain c = {.n = 77};
    struct err err = ERR_INIT;
    assert_int_equal(chain_parse(str_c(pem), CERTS_MAX, f->a, &c, &err), code);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_int_equal(c.n, 77);
}

static void other_things_are_refused(void **state)
{
    struct fixture *f = *state;
    struct buf key = buf_new_sensitive(1000);
    assert_int_equal(key_to_pem(f->key, &key, NULL), 0);
    expect(f, "", ERR_INPUT, "no certificate");
    expect(f, " \n", ERR_INPUT, "no certificate");
    expect(f, arena_printf(f->a, "%s%s", f->leaf_pem, buf_c(&key)), ERR_INPUT, "PRIVATE KEY");
    expect(f, arena_printf(f->a, "%s%s", buf_c(&key), f->leaf_pem), ERR_INPUT, "PRIVATE KEY");
    expect(f, arena_printf(f->a, "%srubbish\n%s", f->leaf_pem, f->middle_pem), ERR_INPUT, "text that is no");
    expect(f, arena_printf(f->a, "%s rm -rf /", f->leaf_pem), ERR_INPUT, "text that is no");
    expect(f, arena_printf(f->a, "%.100s", f->leaf_pem), ERR_INPUT, "does not end");
    expect(f, "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n", ERR_INPUT, "line 3 is no");
    buf_free(&key);
}

/* One block with `extra` bytes behind the certificate. */
static void bytes_behind_a_certificate_are_refused(void **state)
{
    struct fixture *f = *state;
    unsigned char *der = NULL;
    int n = i2d_X509(f->leaf.x, &der);
    unsigned char more[8192] = {0};
    assert_true((size_t)n + 1 < sizeof more);
    memcpy(more, der, (size_t)n);
    OPENSSL_free(der);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, "CERTIFICATE", "", more, n + 1) > 0);
    char *p = NULL;
    long len = BIO_get_mem_data(bio, &p);
    expect(f, arena_dup(f->a, (struct str){p, (size_t)len}), ERR_INPUT, "more than a certificate");
    BIO_free(bio);
}

static void there_may_be_so_many_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    struct buf text = buf_new(16 * 1024 * 1024);
    for (int i = 0; i < CERTS_MAX; i++)
        buf_put_c(&text, f->leaf_pem);
    assert_int_equal(chain_parse(buf_str(&text), CERTS_MAX, f->a, &c, NULL), 0);
    assert_int_equal(c.n, CERTS_MAX);
    buf_put_c(&text, f->leaf_pem);
    expect(f, buf_c(&text), ERR_LIMIT, "more than 16 certificates");
    assert_int_equal(chain_parse(str_c(f->leaf_pem), 0, f->a, &c, NULL), ERR_LIMIT);
    while (text.n < CHAIN_PEM_MAX - strlen(f->leaf_pem))
        buf_put_c(&text, f->leaf_pem);
    expect(f, buf_c(&text), ERR_LIMIT, "more than 16 certificates");
    for (int i = 0; i < 10000; i++)
        buf_put_c(&text, f->leaf_pem);
    expect(f, buf_c(&text), ERR_LIMIT, "at most 1048576");
    buf_free(&text);
}

static void one_certificate_may_not_be_endless(void **state)
{
    struct fixture *f = *state;
    struct buf text = buf_new(CHAIN_PEM_MAX);
    buf_put_c(&text, "-----BEGIN CERTIFICATE-----\n");
    while (text.n < CHAIN_PEM_MAX - 100)
        buf_put_c(&text, "MIIMIIMIIMIIMIIMIIMIIMIIMIIMIIMIIMIIMIIMIIMIIMII\n");
    expect(f, buf_c(&text), ERR_LIMIT, "more than 65536 bytes");
    buf_free(&text);
}

static void control_characters_do_not_get_through(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    struct test_cert odd = test_cert_make(&(struct cert_spec){.cn = "a\x1b[2J\nb\xc2\x9bz"}, f->key, NULL);
    GENERAL_NAMES *san = GENERAL_NAMES_new();
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, "Good.example\0.evil\n", 19);
    GENERAL_NAME_set0_value(g, GEN_DNS, text);
    sk_GENERAL_NAME_push(san, g);
    assert_int_equal(X509_add1_ext_i2d(odd.x, NID_subject_alt_name, san, 0, X509V3_ADD_DEFAULT), 1);
    assert_int_equal(chain_parse(str_c(test_cert_pem(f->a, odd.x)), 1, f->a, &c, NULL), 0);
    for (const char *p = c.subjects[0]; *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
    assert_int_equal(c.name_n, 1);
    assert_string_equal(c.names[0], "good.example?.evil ");
    GENERAL_NAMES_free(san);
    X509_free(odd.x);
}

static void odd_certificates_are_described_or_refused(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    struct test_cert x = test_cert_make(&(struct cert_spec){.serial = "-7f"}, f->key, NULL);
    assert_int_equal(chain_parse(str_c(test_cert_pem(f->a, x.x)), 1, f->a, &c, NULL), 0);
    assert_string_equal(c.serial, "-7f");
    assert_string_equal(c.subjects[0], "");
    X509_free(x.x);
    x = test_cert_make(
        &(struct cert_spec){.serial = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021"},
        f->key, NULL);
    expect(f, test_cert_pem(f->a, x.x), ERR_INPUT, "serial number has 66 digits");
    X509_free(x.x);

    struct key *rsa = NULL;
    assert_int_equal(key_generate(KEY_RSA_2048, &rsa, NULL), 0);
    x = test_cert_make(&(struct cert_spec){.cn = "r"}, rsa, NULL);
    assert_int_equal(chain_parse(str_c(test_cert_pem(f->a, x.x)), 1, f->a, &c, NULL), 0);
    assert_string_equal(c.key_type, "rsa-2048");
    X509_free(x.x);
    key_free(rsa);

    x = test_cert_make(&(struct cert_spec){.cn = "r"}, f->key, NULL);
    ASN1_OCTET_STRING *junk = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(junk, (const unsigned char *)"junk", 4);
    X509_EXTENSION *e = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, junk);
    X509_add_ext(x.x, e, -1);
    expect(f, test_cert_pem(f->a, x.x), ERR_INPUT, "subjectAltName is malformed");
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(junk);
    X509_free(x.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_described),
        cmocka_unit_test(a_lone_leaf_has_no_issuers),
        cmocka_unit_test(line_ends_do_not_matter),
        cmocka_unit_test(other_things_are_refused),
        cmocka_unit_test(bytes_behind_a_certificate_are_refused),
        cmocka_unit_test(there_may_be_so_many_and_no_more),
        cmocka_unit_test(one_certificate_may_not_be_endless),
        cmocka_unit_test(control_characters_do_not_get_through),
        cmocka_unit_test(odd_certificates_are_described_or_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
