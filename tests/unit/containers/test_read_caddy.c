#include "containers_test.h"

static void sites(void **state)
{
    static const struct reading_case cases[] = {
        {{"caddy=a.example"}, "caddy caddy: a.example\n"},
        {{"caddy=a.example, www.a.example,b.example\n*.c.example", "caddy.reverse_proxy={{upstreams 80}}"},
            "caddy caddy: a.example,www.a.example,b.example,*.c.example\n"},
        {{"caddy_0=https://a.example:8443/path", "caddy_1=b.example:443", "caddy_12=\"c.example\""},
            "caddy caddy_0: a.example\ncaddy caddy_1: b.example\ncaddy caddy_12: c.example\n"},
        {{"caddy=http://a.example, b.example:80, :80, :443, :2015, *, https://, a.example"},
            "caddy caddy: a.example\n"},
        {{"caddy=HTTPS://[2001:db8::1]:443 203.0.113.7 [2001:db8::2]"},
            "caddy caddy: 2001:db8::1,203.0.113.7,2001:db8::2\n"},
        /* Globals, snippets, named routes, templates, placeholders. */
        {{"caddy=", "caddy.email=x@y.example"}, ""},
        {{"caddy_0=(snippet)", "caddy_1=&(route)"}, ""},
        {{"caddy={{ .Labels.host }}, {$DOMAIN} {env.HOST}:443 a{label}.example b.example"},
            "caddy caddy: b.example\n"},
        /* What caddy serves itself. */
        {{"caddy=localhost, x.localhost, Y.LOCAL, printer.home.arpa, z.internal., 127.0.0.1, 10.1.2.3, "
          "172.31.0.1, 192.168.1.1, [::1], [fd00::1], [fe80::1], 169.254.1.1"},
            ""},
        {{"caddy=172.32.0.1 notlocal"}, "caddy caddy: 172.32.0.1,notlocal\n"},
        {{"caddy_0=a.example", "caddy_0.tls=internal", "caddy_1=b.example", "caddy_1.tls=me@b.example",
             "caddy_2=c.example", "caddy_2.0_tls=internal", "caddy_3=d.example", "caddy_3.tls_1=internal"},
            "caddy caddy_1: b.example\n"},
        {{"caddy=a.example", "caddy.tls=/cert.pem /key.pem"}, ""},
        {{"caddy=a.example", "caddy.tls.dns=internal", "caddy.header.tls=internal", "caddy_1.tls=internal"},
            "caddy caddy: a.example\n"},
        /* None of its labels. */
        {{"caddy_x=a.example", "caddy_=b.example", "caddyfile=c.example", "CADDY=d.example"}, ""},
        {{"caddy=b.example", "evercert.challenge=dns-01", "evercert.dns=inwx"},
            "caddy caddy: b.example challenge=dns-01 dns=inwx\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

static void problems(void **state)
{
    static const struct reading_case cases[] = {
        {{"caddy_0=a.example;b.example", "caddy_1=b.example"},
            "caddy caddy_1: b.example\n"
            "! caddy_0: \"a.example;b.example\" is no DNS name to order a certificate for: the octet 0x3b "
            "may "
            "not occur in a host name\n"},
        {{"caddy=a.example:http"}, "! caddy: \"a.example:http\" holds a port; write the host name alone\n"},
        {{"caddy=a.*.example"}, "! caddy: \"a.*.example\" is no wildcard that a CA signs; an asterisk stands "
                                "alone in front, as in "
                                "*.example.org\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites),
        cmocka_unit_test(problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
