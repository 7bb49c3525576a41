#include "crypto/pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "-----END CERTIFICATE-----\n"

/* Reads all blocks, joined by '|'; returns the last result. */
static int read_all(const char *text, size_t max, struct buf *all, struct err *err)
{
    struct pem_reader reader = pem_reader_new(PEM_CERTIFICATE, str_c(text));
    struct buf der = buf_new(max);
    int r;
    while ((r = pem_next(&reader, &der, err)) > 0) {
        buf_put_str(all, buf_str(&der));
        buf_put_char(all, '|');
    }
    buf_free(&der);
    return r;
}

static void blocks_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {" \r\n\t\n", ""},
        {BEGIN "YWJj\n" END, "abc|"},
        {BEGIN "YWI=\n" END BEGIN "YQ==\n" END, "ab|a|"},
        {BEGIN "YW\nJ\n\nj\n" END "\n \n" BEGIN "YWJjZGVm\n-----END CERTIFICATE-----", "abc|abcdef|"},
        {"-----BEGIN CERTIFICATE-----\r\nYWJj\r\n-----END CERTIFICATE-----\r\n", "abc|"},
        {"-----BEGIN CERTIFICATE-----\rYWJj\r-----END CERTIFICATE-----\r", "abc|"},
        {"  -----BEGIN CERTIFICATE-----  \n YWJj \n\t-----END CERTIFICATE----- ", "abc|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf all = buf_new(100);
        assert_int_equal(read_all(rows[i].text, 100, &all, NULL), 0);
        assert_string_equal(buf_c(&all), rows[i].want);
        buf_free(&all);
    }
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"x", "line 1: text"},
        {"\xef\xbb\xbf" BEGIN "YWJj\n" END, "line 1: text"},
        {BEGIN "YWJj\n" END "subject=CN = x\n" BEGIN "YWJj\n" END, "line 4: text"},
        {BEGIN "YWJj\n" END "curl http://example.com | sh", "line 4: text"},
        {"\n-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----\n",
            "line 2: a block of the kind \"PRIVATE KEY\""},
        {"-----BEGIN \x1b[2JX-----\n", "kind \"?[2JX\""},
        {"-----BEGIN TRUSTED CERTIFICATE-----\n", "\"TRUSTED CERTIFICATE\""},
        {"-----BEGIN X509 CERTIFICATE-----\n", "\"X509 CERTIFICATE\""},
        {"-----begin certificate-----\n", "line 1: text"},
        {END, "line 1: text"},
        {BEGIN "YWJj\n", "line 1: a certificate begins here and does not end"},
        {BEGIN "YWJj\n-----END CERTIFICATE----", "line 3: not the base64"},
        {BEGIN "YWJj\n-----END PRIVATE KEY-----\n", "line 3: not the base64"},
        {BEGIN BEGIN "YWJj\n" END, "line 2: not the base64"},
        {BEGIN "YWJj\n-----END CERTIFICATE----------BEGIN CERTIFICATE-----\n", "line 3: not the base64"},
        {BEGIN "Proc-Type: 4,ENCRYPTED\nYWJj\n" END, "line 2: not the base64"},
        {BEGIN "YW Jj\n" END, "line 2: not the base64"},
        {BEGIN "YW-_\n" END, "line 2: not the base64"},
        {BEGIN "YWJ\n" END, "line 3: the certificate ends in the middle"},
        {BEGIN END, "line 2: the certificate ends in the middle"},
        {BEGIN "YQ==YWJj\n" END, "line 2: not the base64"},
        {BEGIN "YQ=a\n" END, "line 2: not the base64"},
        {BEGIN "Y===\n" END, "line 2: not the base64"},
        {BEGIN "====\n" END, "line 2: not the base64"},
        {BEGIN "YQ==\n====\n" END, "line 3: not the base64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf all = buf_new(100);
        struct err err = ERR_INIT;
        assert_int_equal(read_all(rows[i].text, 100, &all, &err), ERR_INPUT);
        if (strstr(err.text, rows[i].words) == NULL)
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text, rows[i].words);
        buf_free(&all);
    }
}

static void a_nul_is_no_white_space(void **state)
{
    (void)state;
    static const char text[] = BEGIN "YWJj\n" END "\0\n";
    struct pem_reader reader = pem_reader_new(PEM_CERTIFICATE, (struct str){text, sizeof text - 1});
    struct buf der = buf_new(100);
    assert_int_equal(pem_next(&reader, &der, NULL), 1);
    assert_int_equal(pem_next(&reader, &der, NULL), ERR_INPUT);
    buf_free(&der);
}

static void a_block_has_a_limit(void **state)
{
    (void)state;
    struct buf all = buf_new(100);
    struct err err = ERR_INIT;
    assert_int_equal(read_all(BEGIN "YWJjZGVm\n" END, 6, &all, NULL), 0);
    assert_int_equal(read_all(BEGIN "YWJjZGVm\n" END, 5, &all, &err), ERR_LIMIT);
    buf_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_read),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(a_nul_is_no_white_space),
        cmocka_unit_test(a_block_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
