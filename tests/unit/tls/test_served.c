/* What is said of what servers serve. */
#include "tls/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { NOW = 1700000000, DAY = 86400 };

static struct tls_cert certificate(const char *sha256, const char *subject, const char *issuer, int64_t until)
{
    struct tls_cert c = {.not_after = {until}};
    snprintf(c.sha256, sizeof c.sha256, "%s", sha256);
    snprintf(c.subject, sizeof c.subject, "%s", subject);
    snprintf(c.issuer, sizeof c.issuer, "%s", issuer);
    return c;
}

static struct tls_seen seen(const char *address, const struct tls_cert *chain, size_t n)
{
    struct tls_seen s = {.chain = chain, .chain_n = n};
    snprintf(s.address, sizeof s.address, "%s", address);
    return s;
}

static struct tls_seen not_seen(const char *address, int code, const char *text, bool no_route)
{
    struct tls_seen s = seen(address, NULL, 0);
    err_set(&s.err, code, "%s", text);
    s.no_route = no_route;
    return s;
}

static struct tls_cert leaf, issuer, upper, root, old, other;
static const char *const hashes[] = {"aa", "bb", "cc"};
static const char *const subjects[] = {"CN=www.example.org", "CN=R1", "CN=R0"};
static const char *const previous[] = {"99", "98"};
static const struct served_rule rule = {.fingerprint = "aa",
    .chain_sha256 = hashes,
    .chain_subjects = subjects,
    .chain_n = 2,
    .previous = previous,
    .previous_n = 2,
    .now = {NOW}};

static int set_up(void **state)
{
    leaf = certificate("aa", "CN=www.example.org", "CN=R1", NOW + 60 * DAY);
    issuer = certificate("bb", "CN=R1", "CN=Root", NOW + 600 * DAY);
    upper = certificate("cc", "CN=R0", "CN=Root", NOW + 600 * DAY);
    root = certificate("dd", "CN=Root", "CN=Root", NOW + 2000 * DAY);
    old = certificate("98", "CN=www.example.org", "CN=R1", NOW - DAY);
    other = certificate("ee", "CN=shop.example.org", "CN=Other CA,O=Other", NOW + DAY);
    return 0;
}

static void expect(
    const struct tls_seen *s, size_t n, const struct served_rule *r, int code, const char *text)
{
    struct err err = ERR_INIT;
    int got = served_judge(s, n, r, &err);
    if (strcmp(err.text, text) != 0)
        fail_msg("\"%s\" is not \"%s\"", err.text, text);
    assert_int_equal(got, code);
}

static void test_good(void **state)
{
    struct tls_cert in_order[] = {leaf, issuer}, with_more[] = {leaf, other, root, issuer, issuer};
    struct tls_seen all[] = {seen("192.0.2.1:443", in_order, 2), seen("[2001:db8::1]:443", with_more, 5),
        not_seen("[2001:db8::2]:443", ERR_NETWORK, "cannot connect: Network is unreachable", true)};
    expect(all, 3, &rule, 0, "");
    struct served_rule alone = rule; /* a chain of the leaf alone, as of a private CA */
    alone.chain_n = 1;
    expect(all, 1, &alone, 0, "");
}

static void test_another(void **state)
{
    struct tls_cert chain[] = {other, issuer}, self[] = {root};
    struct tls_seen all[] = {seen("192.0.2.1:443", chain, 2)}, one[] = {seen("192.0.2.1:443", self, 1)};
    expect(all, 1, &rule, ERR_VERIFY,
        "192.0.2.1:443 serves another certificate: \"CN=shop.example.org\" by \"CN=Other CA,O=Other\", valid "
        "until "
        "2023-11-15T22:13:20Z");
    expect(one, 1, &rule, ERR_VERIFY,
        "192.0.2.1:443 serves another certificate: \"CN=Root\", self-signed, valid until "
        "2029-05-06T22:13:20Z");
}

static void test_previous(void **state)
{
    struct tls_cert chain[] = {old, issuer}, good[] = {leaf, issuer};
    struct tls_seen all[] = {seen("192.0.2.1:443", good, 2), seen("192.0.2.2:443", chain, 2)};
    expect(all, 2, &rule, ERR_VERIFY,
        "192.0.2.2:443 still serves an older one of ours (expired on 2023-11-13T22:13:20Z); does the server "
        "read the "
        "file that was renewed, and was it reloaded?");
}

static void test_wrong_order(void **state)
{
    struct tls_cert chain[] = {issuer, leaf};
    struct tls_seen one = seen("192.0.2.1:443", chain, 2);
    expect(&one, 1, &rule, ERR_VERIFY,
        "192.0.2.1:443 serves another certificate: \"CN=R1\" by \"CN=Root\", valid until "
        "2025-07-06T22:13:20Z; ours "
        "stands behind it, so the file has its certificates in a wrong order");
}

static void test_missing(void **state)
{
    struct tls_cert chain[] = {leaf, root}, nearly[] = {leaf, issuer};
    struct tls_seen one = seen("192.0.2.1:25", chain, 2), two = seen("192.0.2.1:25", nearly, 2);
    expect(&one, 1, &rule, ERR_VERIFY,
        "192.0.2.1:25 sends 1 of the chain's 2 certificates: \"CN=R1\" is missing; give the server "
        "fullchain.pem instead "
        "of cert.pem");
    struct served_rule longer = rule;
    longer.chain_n = 3;
    expect(&one, 1, &longer, ERR_VERIFY,
        "192.0.2.1:25 sends 1 of the chain's 3 certificates: \"CN=R1\" and more are missing; give the server "
        "fullchain.pem instead of cert.pem");
    expect(&two, 1, &longer, ERR_VERIFY,
        "192.0.2.1:25 sends 2 of the chain's 3 certificates: \"CN=R0\" is missing; give the server "
        "fullchain.pem instead "
        "of cert.pem");
    longer.chain_subjects = NULL;
    expect(&two, 1, &longer, ERR_VERIFY,
        "192.0.2.1:25 sends 2 of the chain's 3 certificates: an issuer's is missing; give the server "
        "fullchain.pem "
        "instead of cert.pem");
}

static void test_not_reached(void **state)
{
    struct tls_cert good[] = {leaf, issuer};
    struct tls_seen all[] = {seen("192.0.2.1:443", good, 2),
        not_seen("192.0.2.2:443", ERR_NETWORK, "cannot connect: Connection refused", false),
        not_seen("192.0.2.3:443", ERR_TLS, "does not speak TLS there", false)};
    expect(all, 3, &rule, ERR_NETWORK, "192.0.2.2:443: cannot connect: Connection refused");
    expect(all + 2, 1, &rule, ERR_TLS, "192.0.2.3:443: does not speak TLS there");
    expect(all, 0, &rule, ERR_NETWORK, "there is no address to look at");
    struct tls_seen nowhere =
        not_seen("[2001:db8::2]:443", ERR_NETWORK, "cannot connect: Network is unreachable", true);
    expect(&nowhere, 1, &rule, ERR_NETWORK,
        "[2001:db8::2]:443: cannot connect: Network is unreachable; this machine has no way to it");
    struct tls_seen bare = seen("192.0.2.1:443", NULL, 0);
    expect(&bare, 1, &rule, ERR_TLS, "192.0.2.1:443 sends no certificate");
}

/* A name of a stranger's certificate, as long as it gets, fits. */
static void test_long_names(void **state)
{
    char name[TLS_CERT_NAME_MAX];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct tls_cert chain[] = {certificate("ee", name, "CN=other", NOW)};
    struct tls_seen one = seen("192.0.2.1:443", chain, 1);
    struct err err = ERR_INIT;
    assert_int_equal(served_judge(&one, 1, &rule, &err), ERR_VERIFY);
    assert_non_null(strstr(err.text, "\" by \"CN=other\", expired on "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_another),
        cmocka_unit_test(test_previous),
        cmocka_unit_test(test_wrong_order),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_not_reached),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
