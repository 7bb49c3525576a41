#include "http/address.h"

#include "base/attr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static union address address_of(const char *text)
{
    union address a;
    memset(&a, 0, sizeof a);
    if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
        a.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
        a.any.sa_family = AF_INET6;
    else
        fail_msg("%s is no address", text);
    return a;
}

/* The first and the last of each block, and their neighbours. */
static void test_private(void **state)
{
    static const char *const private[] = {"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255",
        "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254",
        "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.168.0.0", "192.168.255.255",
        "198.18.0.0", "198.19.255.255", "224.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fd12::1",
        "fe80::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "100::1", "1fff::", "4000::"};
    static const char *const public[] = {"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255",
        "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
        "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
        "198.20.0.0", "223.255.255.255", "2000::", "2606:4700::1111", "3fff:ffff::", "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(private); i++) {
        union address a = address_of(private[i]);
        if (!address_is_private(&a.any))
            fail_msg("%s is private", private[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(public); i++) {
        union address a = address_of(public[i]);
        if (address_is_private(&a.any))
            fail_msg("%s is public", public[i]);
    }
    union address local = {.any.sa_family = AF_UNIX};
    assert_true(address_is_private(&local.any));
}

static void test_home(void **state)
{
    enum address_home home = ADDRESS_HOME_UNKNOWN;
    union address in = address_of("10.1.2.3"), out = address_of("2606:4700::1111");
    (void)state;
    assert_true(address_is_allowed(&home, &out.any)); /* a public CA */
    assert_int_equal(home, ADDRESS_HOME_PUBLIC);
    assert_false(address_is_allowed(&home, &in.any));
    assert_true(address_is_allowed(&home, &out.any));

    home = ADDRESS_HOME_UNKNOWN;
    assert_true(address_is_allowed(&home, &in.any)); /* one of a company, which may be anywhere */
    assert_int_equal(home, ADDRESS_HOME_PRIVATE);
    assert_true(address_is_allowed(&home, &out.any));
    assert_true(address_is_allowed(&home, &in.any));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_private), cmocka_unit_test(test_home)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
