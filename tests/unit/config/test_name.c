#include "config_test.h"

#include "config/wish.h"

struct vector {
    const char *written, *ascii;
};

static void names_become_a_labels(void **state)
{
    static const struct vector good[] = {
        {"example.org", "example.org"},
        {"www.Example.ORG", "www.example.org"},
        {"b\303\274cher.example", "xn--bcher-kva.example"},
        {"B\303\234CHER.Example", "xn--bcher-kva.example"},
        {"fa\xc3\x9f.example", "xn--fa-hia.example"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
        /* full-width letters and digits, ideographic full stop */
        {"\357\275\205\357\275\230\357\274\221\343\200\202example", "ex1.example"},
        {"example.org.", "example.org"},
        {"b\303\274cher.example.", "xn--bcher-kva.example"},
        {"b\303\274cher\343\200\202example\xe3\x80\x82", "xn--bcher-kva.example"},
        {"*.example.org", "*.example.org"},
        {"*.b\303\274cher.example", "*.xn--bcher-kva.example"},
        /* decomposed u and diaeresis are the same name */
        {"bu\314\210cher.example", "xn--bcher-kva.example"},
        {"\xe4\xbe\x8b\xe3\x81\x88.example", "xn--r8jz45g.example"},
        {"xn--ls8h.example", "xn--ls8h.example"}, /* an emoji's A-label is left to the CA */
        /* addresses as RFC 5952 writes them */
        {"192.0.2.1", "192.0.2.1"},
        {"[192.0.2.1]", "192.0.2.1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"2001:0db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::", "::"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const char *out = NULL;
        struct err err = ERR_INIT;
        if (name_to_ascii(str_c(good[i].written), a, &out, &err) < 0)
            fail_msg("%s: %s", good[i].written, err.text);
        assert_string_equal(out, good[i].ascii);
    }
    arena_free(a);
}

static void what_is_no_name_says_why(void **state)
{
    static const struct vector bad[] = {
        {"", "found an empty text"}, {".", "empty label"},
        {"example..org", "\"example..org\" has an empty label"}, {".example.org", "empty label"},
        {"example.org..", "empty label"}, {"b\xc3\xbc..example", "empty label"},
        {"fe80::1%eth0", "is an IP address of one network"},
        {"[fe80::1%1]", "is an IP address of one network"},
        {"::ffff:192.0.2.1", "which no CA certifies; write 192.0.2.1"}, {"10.0.0.0/8", "is a network"},
        {"2001:db8::/32", "is a network"}, {"[2001:db8::1]:443", "holds a port"},
        {"192.0.2.1:80", "holds a port"}, {"192.0.2", "is no DNS name to order"},
        {"192.0.2.256", "is no DNS name to order"}, {"2001:db8::1::2", "holds a port"},
        {"192.0.2.1.", "an IP address is written as 192.0.2.1"},
        /* full-width digits and dots are an address all the same */
        {"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", "an IP address is written as 127.0.0.1"},
        {"http://example.org/", "is a URL; write the host name alone"}, {"https://example.org", "is a URL"},
        {"example.org/x", "holds a path"}, {"example.org:443", "holds a port"},
        {"ops@example.org", "is an e-mail address"}, {"example.org www.example.org", "holds a blank"},
        {" example.org", "holds a blank"}, {"example.org\n", "holds a blank"},
        {"*", "is no wildcard that a CA signs"}, {"*.", "is no wildcard that a CA signs"},
        {"a.*.example.org", "is no wildcard that a CA signs"},
        {"*.*.example.org", "is no wildcard that a CA signs"},
        {"*example.org", "is no wildcard that a CA signs"},
        {"\xf0\x9f\x98\x80.example", "is no DNS name: string contains a disallowed character"},
        {"a_b.example", "is no DNS name to order a certificate for"},
        {"_acme-challenge.b\xc3\xbc.example", "is no DNS name to order a certificate for"},
        {"-a.example", "is no DNS name to order a certificate for"},
        {"a-.example", "is no DNS name to order a certificate for"},
        {"xn--zzzzzz999.example", "is no DNS name: string contains invalid punycode data"},
        {"\xff.example", "is not UTF-8 text"},
        {"a\xe2\x80\xae\xc3\xbc.example", "is no DNS name"}, /* right-to-left override */
        {"a\342\200\215b.example", "is no DNS name"},        /* zero-width joiner */
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *out = "untouched";
        struct err err = ERR_INIT;
        assert_int_equal(name_to_ascii(str_c(bad[i].written), a, &out, &err), ERR_INPUT);
        assert_string_equal(out, "untouched");
        if (strstr(err.text, bad[i].ascii) == NULL)
            fail_msg("%s: %s", bad[i].written, err.text);
    }
    arena_free(a);
}

static void lengths_are_those_of_dns(void **state)
{
    struct arena *a = arena_new();
    const char *out;
    char label[65] = "", name[300] = "";
    memset(label, 'a', 64);
    const char *long_label = arena_printf(a, "%s.example", label);
    assert_int_equal(name_to_ascii(str_c(long_label), a, &out, NULL), ERR_INPUT);
    assert_int_equal(name_to_ascii(str_c(long_label + 1), a, &out, NULL), 0);
    /* four labels of 63 and 61 octets are 253; one more is too long */
    for (int i = 0; i < 3; i++)
        snprintf(name + strlen(name), sizeof name - strlen(name), "%s.", label + 1);
    snprintf(name + strlen(name), sizeof name - strlen(name), "%s", label + 3);
    assert_int_equal(strlen(name), 253);
    assert_int_equal(name_to_ascii(str_c(name), a, &out, NULL), 0);
    strncpy(name + 253, "a", 2);
    assert_int_equal(name_to_ascii(str_c(name), a, &out, NULL), ERR_INPUT);
    strncpy(name + 253, ".", 2);
    assert_int_equal(name_to_ascii(str_c(name), a, &out, NULL), 0);
    assert_int_equal(strlen(out), 253);
    /* 64 letters that need Punycode */
    struct buf b = buf_new(20000);
    for (int i = 0; i < 64; i++)
        buf_put_c(&b, "\xc3\xbc");
    buf_put_c(&b, ".example");
    struct err err = ERR_INIT;
    assert_int_equal(name_to_ascii(buf_str(&b), a, &out, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "has a label of more than 63 octets"));
    for (int i = 0; i < 1000; i++)
        buf_put_c(&b, "a.a.");
    assert_int_equal(name_to_ascii(buf_str(&b), a, &out, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "is too long for a DNS name"));
    buf_free(&b);
    arena_free(a);
}

static void a_name_may_hold_any_octet(void **state)
{
    struct arena *a = arena_new();
    const char *out;
    assert_int_equal(name_to_ascii(STR("a\0b.example"), a, &out, NULL), ERR_INPUT);
    assert_int_equal(name_to_ascii(STR("\xc3\xbc\0.example"), a, &out, NULL), ERR_INPUT);
    arena_free(a);
}

static void display_goes_back_where_that_is_safe(void **state)
{
    static const struct vector shown[] = {
        {"example.org", "example.org"},
        {"xn--bcher-kva.example", "b\303\274cher.example"},
        {"*.xn--bcher-kva.example", "*.b\303\274cher.example"},
        {"xn--fa-hia.example", "fa\xc3\x9f.example"},
        {"xn--r8jz45g.example", "\xe4\xbe\x8b\xe3\x81\x88.example"},
        /* Latin with a Cyrillic letter that looks the same: "p<er>ypal" */
        {"xn--pypal-4ve.example", "xn--pypal-4ve.example"},
        {"xn--zzzzzz999.example", "xn--zzzzzz999.example"},
        {"xn--ls8h.example", "xn--ls8h.example"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        assert_string_equal(name_to_display(shown[i].written, a), shown[i].ascii);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_a_labels),
        cmocka_unit_test(what_is_no_name_says_why),
        cmocka_unit_test(lengths_are_those_of_dns),
        cmocka_unit_test(a_name_may_hold_any_octet),
        cmocka_unit_test(display_goes_back_where_that_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
