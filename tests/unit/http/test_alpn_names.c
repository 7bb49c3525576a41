#include "http/alpn_names.h"

#include "crypto/alpn_certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static void put(struct alpn_names *t, const char *identifier, const char *token)
{
    char key_authorization[300];
    snprintf(key_authorization, sizeof key_authorization, "%s.thumbprint", token);
    assert_int_equal(alpn_names_put(t, str_c(identifier), str_c(token), str_c(key_authorization), NULL), 0);
}

/* The token whose certificate is shown for that name, "" for none. */
static const char *shown(const struct alpn_names *t, const char *sni)
{
    static char token[300];
    struct alpn_shown s = alpn_names_find(t, str_c(sni));
    assert_int_equal(s.certificate != NULL, s.token.n > 0);
    snprintf(token, sizeof token, "%.*s", STR_ARG(s.token));
    return token;
}

static void test_newest_shows_until_it_is_removed(void **state)
{
    struct alpn_names t = {0};
    put(&t, "a.example", "one");
    put(&t, "a.example", "two");
    put(&t, "a.example", "three");
    put(&t, "b.example", "other");
    assert_int_equal(t.n, 4);
    assert_string_equal(shown(&t, "a.example"), "three");
    alpn_names_remove(&t, STR("a.example"), STR("two"));
    assert_string_equal(shown(&t, "a.example"), "three");
    alpn_names_remove(&t, STR("a.example"), STR("three"));
    assert_string_equal(shown(&t, "a.example"), "one");
    alpn_names_remove(&t, STR("a.example"), STR("three"));
    alpn_names_remove(&t, STR("a.example"), STR("other"));
    alpn_names_remove(&t, STR("c.example"), STR("other"));
    assert_string_equal(shown(&t, "a.example"), "one");
    alpn_names_remove(&t, STR("a.example"), STR("one"));
    assert_string_equal(shown(&t, "a.example"), "");
    assert_string_equal(shown(&t, "b.example"), "other");
    assert_string_equal(shown(&t, "A.example"), "");
    assert_string_equal(shown(&t, ".example"), "");
    assert_int_equal(t.n, 1);
    alpn_names_clear(&t);
    assert_int_equal(t.n, 0);
    assert_string_equal(shown(&t, "b.example"), "");
}

static void test_the_same_token_again_replaces(void **state)
{
    struct alpn_names t = {0};
    put(&t, "a.example", "one");
    put(&t, "a.example", "two");
    put(&t, "a.example", "one"); /* said again to a new answerer, or with a new key authorization */
    assert_int_equal(t.n, 2);
    assert_string_equal(shown(&t, "a.example"), "one");
    alpn_names_remove(&t, STR("a.example"), STR("one"));
    assert_string_equal(shown(&t, "a.example"), "two");
    put(&t, "a.example", "two");
    assert_int_equal(t.n, 1);
    alpn_names_clear(&t);
}

static void test_one_token_for_several_names(void **state)
{
    struct alpn_names t = {0};
    put(&t, "a.example", "one");
    put(&t, "b.example", "one");
    alpn_names_remove(&t, STR("a.example"), STR("one"));
    assert_string_equal(shown(&t, "a.example"), "");
    assert_string_equal(shown(&t, "b.example"), "one");
    alpn_names_clear(&t);
}

/* RFC 8738 6 */
static void test_addresses_by_their_reverse_names(void **state)
{
    static const char six[] = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    struct alpn_names t = {0};
    put(&t, "192.0.2.1", "four");
    put(&t, "2001:db8::1", "six");
    assert_string_equal(shown(&t, "1.2.0.192.in-addr.arpa"), "four");
    assert_string_equal(shown(&t, six), "six");
    assert_string_equal(shown(&t, "192.0.2.1"), "");
    X509 *x = alpn_certificate_x509(alpn_names_find(&t, str_c(six)).certificate);
    assert_int_equal(X509_check_ip_asc(x, "2001:db8::1", 0), 1);
    alpn_names_remove(&t, STR("2001:db8::1"), STR("six"));
    assert_string_equal(shown(&t, six), "");
    alpn_names_remove(&t, STR("192.0.2.1"), STR("four"));
    assert_int_equal(t.n, 0);
    alpn_names_clear(&t);
}

static int put_code(const char *identifier, const char *token, const char *key_authorization)
{
    struct alpn_names t = {0};
    struct err err = ERR_INIT;
    int code = alpn_names_put(&t, str_c(identifier), str_c(token), str_c(key_authorization), &err);
    assert_int_equal(err.code, code);
    assert_int_equal(t.n, code == 0);
    alpn_names_clear(&t);
    return code;
}

static void test_rules(void **state)
{
    char longest[ALPN_KEY_AUTHORIZATION_MAX + 2];
    memset(longest, 'v', sizeof longest);
    longest[ALPN_KEY_AUTHORIZATION_MAX + 1] = '\0';
    assert_int_equal(put_code("a.example", "t", longest), ERR_INPUT);
    longest[ALPN_KEY_AUTHORIZATION_MAX] = '\0';
    assert_int_equal(put_code("a.example", "t", longest), 0);
    assert_int_equal(put_code("a.example", "t", ""), ERR_INPUT);
    assert_int_equal(put_code("a.example", "t", "v\n"), ERR_INPUT);
    assert_int_equal(put_code("a.example", "", "v"), ERR_INPUT);
    assert_int_equal(put_code("a.example", "../t", "v"), ERR_INPUT);
    assert_int_equal(put_code("", "t", "v"), ERR_INPUT);
    assert_int_equal(put_code("*.a.example", "t", "v"), ERR_INPUT);
    assert_int_equal(put_code("A.example", "t", "v"), ERR_INPUT);
    assert_int_equal(put_code("a..example", "t", "v"), ERR_INPUT);
    assert_int_equal(put_code("2001:DB8::1", "t", "v"), ERR_INPUT);
}

static void test_limit(void **state)
{
    struct alpn_names t = {0};
    struct err err = ERR_INIT;
    char token[20];
    for (int i = 0; i < ALPN_NAMES_MAX; i++) {
        snprintf(token, sizeof token, "t%d", i);
        put(&t, i % 2 == 0 ? "a.example" : token, token);
    }
    assert_int_equal(alpn_names_put(&t, STR("b.example"), STR("t"), STR("v"), &err), ERR_LIMIT);
    assert_int_equal(t.n, ALPN_NAMES_MAX);
    alpn_names_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_shows_until_it_is_removed),
        cmocka_unit_test(test_the_same_token_again_replaces),
        cmocka_unit_test(test_one_token_for_several_names),
        cmocka_unit_test(test_addresses_by_their_reverse_names),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
