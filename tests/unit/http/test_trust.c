#include "http/trust.h"

#include "http/client.h"
#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tls_identity one, two;
static char path[] = "/tmp/evercert-test-trust-XXXXXX";

static int make(void **state)
{
    tls_identity_make(&one, "DNS:one", -1000, 1000);
    tls_identity_make(&two, "DNS:two", -1000, 1000);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int clean(void **state)
{
    unlink(path);
    return 0;
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int roots(const struct trust *t)
{
    STACK_OF(X509) *all = X509_STORE_get1_all_certs(trust_store(t));
    int n = sk_X509_num(all);
    sk_X509_pop_free(all, X509_free);
    return n;
}

static void test_given(void **state)
{
    struct trust *t = NULL;
    char pem[8192];
    /* Text between the blocks, a block of another kind and a broken certificate are passed over. */
    snprintf(pem, sizeof pem,
        "# ours\n%s\n%s-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n%s", one.cert,
        one.key, two.cert);
    assert_int_equal(trust_new(str_c(pem), &t, NULL), 0);
    assert_int_equal(trust_refresh(t, NULL), 0);
    assert_int_equal(roots(t), 2);
    trust_free(t);
}

static void test_none_given(void **state)
{
    struct trust *t = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(trust_new(STR("nothing"), &t, &err), ERR_INPUT);
    assert_int_equal(trust_new(str_c(one.key), &t, &err), ERR_INPUT);
    assert_null(t);
}

static void test_file_of_the_environment(void **state)
{
    setenv("SSL_CERT_FILE", path, 1);
    assert_string_equal(http_trust_file(), path);
    struct trust *t;
    struct err err = ERR_INIT;
    write_file("");
    assert_int_equal(trust_new(STR(""), &t, NULL), 0);
    assert_null(trust_store(t));
    assert_int_equal(trust_refresh(t, &err), ERR_TLS);
    assert_non_null(strstr(err.text, path));

    write_file(one.cert);
    assert_int_equal(trust_refresh(t, NULL), 0);
    assert_int_equal(roots(t), 1);
    X509_STORE *before = trust_store(t);
    assert_int_equal(trust_refresh(t, NULL), 0);
    assert_ptr_equal(trust_store(t), before); /* not read again */

    char both[4096];
    snprintf(both, sizeof both, "%s%s", one.cert, two.cert);
    write_file(both);
    assert_int_equal(trust_refresh(t, NULL), 0);
    assert_int_equal(roots(t), 2);

    /* What was read stays in force when the file goes bad or away. */
    write_file("garbage");
    assert_int_equal(trust_refresh(t, NULL), 0);
    setenv("SSL_CERT_FILE", "/nonexistent/roots.pem", 1);
    assert_int_equal(trust_refresh(t, NULL), 0);
    assert_int_equal(roots(t), 2);
    trust_free(t);

    assert_int_equal(trust_new(STR(""), &t, NULL), 0);
    assert_int_equal(trust_refresh(t, &err), ERR_TLS);
    assert_non_null(strstr(err.text, "ca-file"));
    trust_free(t);
    unsetenv("SSL_CERT_FILE");
}

static void test_default_file(void **state)
{
    unsetenv("SSL_CERT_FILE");
    assert_true(http_trust_file()[0] == '/');
    setenv("SSL_CERT_FILE", "", 1);
    assert_true(http_trust_file()[0] == '/');
    unsetenv("SSL_CERT_FILE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_none_given),
        cmocka_unit_test(test_file_of_the_environment),
        cmocka_unit_test(test_default_file),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
