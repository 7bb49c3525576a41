#include "crypto/dns_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char thumbprint[] = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; /* RFC 7638 3.1 */
static const char account[] = "https://ca.example/acct/123";

static void an_account_has_a_label(void **state)
{
    (void)state;
    char label[DNS_ACCOUNT_LABEL_LEN];
    assert_int_equal(dns_account_label(STR("https://example.com/acme/acct/ExampleAccount"), label, NULL), 0);
    assert_string_equal(label, "_ujmmovf2vn55tgye");
    assert_int_equal(dns_account_label(STR(""), label, NULL), ERR_INPUT);
}

static void an_account_has_a_uri_for_each_domain(void **state)
{
    (void)state;
    static const char first[] = "https://ca.example/h/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw";
    static const struct {
        const char *domain, *uri;
    } rows[] = {
        {"example.com", first},
        {"*.example.com", first},
        {"*", "https://ca.example/h/sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf uri = buf_new(200);
        assert_int_equal(dns_persist_account_uri(STR("https://ca.example/h/"), str_c(rows[i].domain),
                             str_c(thumbprint), str_c(account), &uri, NULL),
            0);
        assert_string_equal(buf_c(&uri), rows[i].uri);
        buf_free(&uri);
    }
}

static void what_is_incomplete_is_refused(void **state)
{
    (void)state;
    static const char zeros[9000] = {0};
    struct buf out = buf_new(200), small = buf_new(20);
    const struct str p = STR("p/"), d = STR("a.example"), t = str_c(thumbprint), u = str_c(account);
    assert_int_equal(dns_persist_account_uri(p, STR(""), t, u, &out, NULL), ERR_INPUT);
    assert_int_equal(dns_persist_account_uri(p, STR("*."), t, u, &out, NULL), ERR_INPUT);
    assert_int_equal(dns_persist_account_uri(p, (struct str){zeros, 254}, t, u, &out, NULL), ERR_INPUT);
    assert_int_equal(dns_persist_account_uri(p, d, STR(""), u, &out, NULL), ERR_INPUT);
    assert_int_equal(dns_persist_account_uri(p, d, t, STR(""), &out, NULL), ERR_INPUT);
    assert_int_equal(
        dns_persist_account_uri(p, d, t, (struct str){zeros, sizeof zeros}, &out, NULL), ERR_INPUT);
    assert_int_equal(out.n, 0);
    assert_int_equal(dns_persist_account_uri(p, d, t, u, &small, NULL), ERR_LIMIT);
    assert_int_equal(dns_persist_account_uri(p, (struct str){zeros, 253}, t, u, &out, NULL), 0);
    buf_free(&out);
    buf_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_has_a_label),
        cmocka_unit_test(an_account_has_a_uri_for_each_domain),
        cmocka_unit_test(what_is_incomplete_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
