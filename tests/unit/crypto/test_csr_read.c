#include "crypto/csr.h"

#include "crypto/key_priv.h"
#include "test_certs.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What an operator's request may look like. */
struct spec {
    const char *cn;              /* NULL: an empty subject */
    const char *san;             /* OpenSSL's notation, NULL for none */
    const char *more_nid, *more; /* another extension, by its short name */
};

static struct buf made(const struct spec *s, const struct key *k, const struct key *signer)
{
    X509_REQ *req = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    if (s->cn != NULL)
        X509_NAME_add_entry_by_txt(
            X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8, (const unsigned char *)s->cn, -1, -1, 0);
    assert_int_equal(X509_REQ_set_pubkey(req, k->pkey), 1);
    const char *const rows[][2] = {{"subjectAltName", s->san}, {s->more_nid, s->more}};
    for (size_t i = 0; i < 2; i++) {
        if (rows[i][1] == NULL)
            continue;
        X509_EXTENSION *e = X509V3_EXT_conf(NULL, NULL, rows[i][0], rows[i][1]);
        assert_non_null(e);
        X509v3_add_ext(&extensions, e, -1);
        X509_EXTENSION_free(e);
    }
    if (extensions != NULL)
        assert_int_equal(X509_REQ_add_extensions(req, extensions), 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    assert_true(X509_REQ_sign(req, signer->pkey, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(req, &der);
    struct buf out = buf_new(100000);
    buf_put(&out, der, (size_t)n);
    OPENSSL_free(der);
    X509_REQ_free(req);
    return out;
}

static const char *pem(struct arena *a, const char *label, const struct buf *der)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, label, "", (const unsigned char *)der->p, (long)der->n) > 0);
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    const char *text = arena_dup(a, (struct str){p, (size_t)n});
    BIO_free(bio);
    return text;
}

static const struct spec sound = {.cn = "Www.Example.com",
    .san = "DNS:www.Example.com,IP:2001:DB8:0::1,DNS:*.example.org,IP:192.0.2.1,DNS:www.example.com"};

static void a_sound_request_is_described(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct key *k = test_key();
    char hash[65];
    assert_int_equal(key_spki_sha256(k, hash, NULL), 0);
    struct buf der = made(&sound, k, k);
    const char *text = pem(a, "CERTIFICATE REQUEST", &der);
    const struct str ways[] = {buf_str(&der), str_c(text), str_c(pem(a, "NEW CERTIFICATE REQUEST", &der)),
        str_c(arena_printf(a, "\r\n%s\n  \n", text)), {text, strlen(text) - 1}};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct csr c;
        struct err err = ERR_INIT;
        if (csr_read(ways[i], a, &c, &err) != 0)
            fail_msg("%zu: %s", i, err.text);
        assert_true(str_eq(c.der, buf_str(&der)));
        assert_string_equal(c.key_hash, hash);
        assert_string_equal(c.key_type, "ecdsa-p256");
        assert_false(c.must_staple);
        assert_int_equal(c.name_n, 4);
        assert_string_equal(c.names[0], "*.example.org");
        assert_string_equal(c.names[1], "www.example.com");
        assert_string_equal(c.names[2], "192.0.2.1");
        assert_string_equal(c.names[3], "2001:db8::1");
    }
    buf_free(&der);
    key_free(k);
    arena_free(a);
}

static void what_we_build_we_read(void **state)
{
    (void)state;
    const struct str names[] = {STR("b.example"), STR("192.0.2.1"), STR("a.example")};
    struct arena *a = arena_new();
    struct key *k = NULL;
    struct buf der = buf_new(10000);
    struct csr c;
    assert_int_equal(key_generate(KEY_RSA_2048, &k, NULL), 0);
    assert_int_equal(csr_build(k, &(struct csr_content){names, 3, true}, &der, NULL), 0);
    assert_int_equal(csr_read(buf_str(&der), a, &c, NULL), 0);
    assert_true(c.must_staple);
    assert_string_equal(c.key_type, "rsa-2048");
    assert_int_equal(csr_check_names(&c, names, 3, a, NULL), 0);
    const struct str upper[] = {STR("192.0.2.1"), STR("A.EXAMPLE"), STR("b.example"), STR("a.example")};
    assert_int_equal(csr_check_names(&c, upper, 4, a, NULL), 0);
    struct err err = ERR_INIT;
    assert_int_equal(csr_check_names(&c, names, 2, a, &err), ERR_VERIFY);
    assert_string_equal(err.text, "the certificate request is also for a.example, which was not asked for");
    const struct str more[] = {STR("b.example"), STR("192.0.2.1"), STR("a.example"), STR("c.example")};
    assert_int_equal(csr_check_names(&c, more, 4, a, &err), ERR_VERIFY);
    assert_string_equal(err.text, "the certificate request lacks the name c.example");
    buf_free(&der);
    key_free(k);
    arena_free(a);
}

static void refused(struct str text, int code, const char *words)
{
    struct arena *a = arena_new();
    struct csr c = {.name_n = 77};
    struct err err = ERR_INIT;
    int r = csr_read(text, a, &c, &err);
    if (r != code || strstr(err.text, words) == NULL)
        fail_msg("%d \"%s\", not %d \"%s\"", r, err.text, code, words);
    assert_int_equal(c.name_n, 77);
    arena_free(a);
}

static void its_names_are_judged(void **state)
{
    (void)state;
    static const struct {
        struct spec spec;
        const char *words;
    } rows[] = {
        {{.cn = "example.com"}, "has no subjectAltName"},
        {{.cn = "example.com", .more_nid = "keyUsage", .more = "digitalSignature"}, "has no subjectAltName"},
        {{.cn = "example.org", .san = "DNS:example.com"}, "the common name of the"},
        {{.cn = "192.0.2.1", .san = "DNS:example.com"}, "the common name of the"},
        {{.san = "DNS:example.com,email:a@example.com"}, "also for an e-mail address"},
        {{.san = "DNS:example.com,URI:http://x/"}, "also for a URI"},
        {{.san = "DNS:exa mple.com"}, "is no host name"},
        {{.san = "DNS:192.0.2.1"}, "\"192.0.2.1\" in the certificate request is no host name"},
        {{.san = "DNS:a.*.com"}, "is no host name"},
        {{.san = "DNS:example.com."}, "is no host name"},
        {{.san = "DNS:a\x1b[2J.com"}, "\"a?[2j.com\""},
        {{.san = "DNS:example.com", .more_nid = "subjectAltName", .more = "DNS:example.com"},
            "stands there twice"},
    };
    struct key *k = test_key();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf der = made(&rows[i].spec, k, k);
        refused(buf_str(&der), ERR_INPUT, rows[i].words);
        buf_free(&der);
    }
    key_free(k);
}

static void it_is_signed_by_its_key(void **state)
{
    (void)state;
    struct key *k = test_key(), *other = test_key();
    struct buf der = made(&sound, k, other);
    refused(buf_str(&der), ERR_INPUT, "is not signed by its own key");
    buf_free(&der);
    der = made(&sound, k, k);
    char *at = memmem(der.p, der.n, "org", 3);
    at[0] = 'x';
    refused(buf_str(&der), ERR_INPUT, "is not signed by its own key");
    buf_free(&der);
    key_free(k);
    key_free(other);
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct key *k = test_key();
    struct buf der = made(&sound, k, k), key_text = buf_new_sensitive(1000);
    assert_int_equal(key_to_pem(k, &key_text, NULL), 0);
    const char *text = pem(a, "CERTIFICATE REQUEST", &der);
    refused(STR(""), ERR_INPUT, "no certificate request");
    refused(STR("hello"), ERR_INPUT, "it begins with");
    refused(STR("0"), ERR_INPUT, "no certificate request (PKCS#10)");
    refused(str_c(arena_printf(a, "%s%s", text, text)), ERR_INPUT, "more than one");
    refused(str_c(arena_printf(a, "%s%s", text, buf_c(&key_text))), ERR_INPUT, "PRIVATE KEY");
    refused(str_c(arena_printf(a, "%s%s", buf_c(&key_text), text)), ERR_INPUT, "PRIVATE KEY");
    refused(str_c(arena_printf(a, "%s# mine\n", text)), ERR_INPUT, "text that is no certificate request");
    refused(str_c(pem(a, "CERTIFICATE", &der)), ERR_INPUT, "of the kind \"CERTIFICATE\"");
    refused((struct str){text, strlen(text) / 2}, ERR_INPUT, "does not end");
    buf_put_char(&der, 'x');
    refused(buf_str(&der), ERR_INPUT, "bytes stand behind");
    refused((struct str){der.p, der.n / 2}, ERR_INPUT, "no certificate request (PKCS#10)");
    char *long_text = arena_alloc(a, CSR_TEXT_MAX + 1);
    memset(long_text, ' ', CSR_TEXT_MAX + 1);
    refused((struct str){long_text, CSR_TEXT_MAX + 1}, ERR_LIMIT, "too many");
    refused((struct str){long_text, CSR_TEXT_MAX}, ERR_INPUT, "no certificate request");
    buf_free(&key_text);
    buf_free(&der);
    key_free(k);
    arena_free(a);
}

static void there_are_bounds(void **state)
{
    (void)state;
    struct key *k = test_key();
    struct buf names = buf_new(100000);
    for (int i = 0; i <= CSR_NAMES_MAX; i++)
        buf_printf(&names, "%sDNS:h%d.example", i > 0 ? "," : "", i);
    struct buf der = made(&(struct spec){.san = buf_c(&names)}, k, k);
    refused(buf_str(&der), ERR_LIMIT, "more than 1000 names");
    buf_free(&der);
    buf_free(&names);
    key_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_request_is_described),
        cmocka_unit_test(what_we_build_we_read),
        cmocka_unit_test(its_names_are_judged),
        cmocka_unit_test(it_is_signed_by_its_key),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(there_are_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
