#include "containers_test.h"

#define HTTP "traefik.http.routers.web."
#define TCP  "traefik.tcp.routers.mail."

static void routers(void **state)
{
    static const struct reading_case cases[] = {
        {{HTTP "rule=Host(`a.example`)"}, ""},
        {{HTTP "rule=Host(`a.example`)", HTTP "tls=true"}, "traefik " HTTP "rule: a.example\n"},
        {{HTTP "rule=Host(`a.example`)", HTTP "tls="}, "traefik " HTTP "rule: a.example\n"},
        {{HTTP "rule=Host(`a.example`)", HTTP "tls.certresolver=le"}, "traefik " HTTP "rule: a.example\n"},
        {{HTTP "rule=Host(`a.example`)", HTTP "tls.options=x@file"}, "traefik " HTTP "rule: a.example\n"},
        {{HTTP "rule=Host(`a.example`)", HTTP "tls=false", HTTP "tls.certresolver=le"}, ""},
        {{HTTP "rule=Host(`a.example`, \"b.example\") || Host(\"a.example\") && !Host(`c.example`)",
             HTTP "tls=true"},
            "traefik " HTTP "rule: a.example,b.example\n"},
        {{HTTP "rule=Host(`a.example`)", HTTP "tls.certresolver=le", HTTP "tls.domains[0].main=b.example",
             HTTP "tls.domains[0].sans=*.b.example, c.example", HTTP "tls.domains[1].sans=d.example,",
             HTTP "tls.domains[2].main=e.example"},
            "traefik " HTTP "tls.domains[0].main: b.example,*.b.example,c.example\n"
            "traefik " HTTP "tls.domains[1].sans: d.example\n"
            "traefik " HTTP "tls.domains[2].main: e.example\n"},
        {{TCP "rule=HostSNI(`mail.example`)", TCP "tls=true"}, "traefik " TCP "rule: mail.example\n"},
        {{TCP "rule=HostSNI(`*`)", TCP "tls=true"}, ""},
        {{TCP "rule=HostSNI(`mail.example`)", TCP "tls.passthrough=true"}, ""},
        {{"traefik.udp.routers.x.rule=HostSNI(`mail.example`)", "traefik.udp.routers.x.tls=true"}, ""},
        {{"Traefik.HTTP.Routers.web.Rule=Host(`A.example`)", "traefik.http.routers.web.TLS.certResolver=le"},
            "traefik Traefik.HTTP.Routers.web.Rule: a.example\n"},
        {{"traefik.http.routers.a.rule=Host(`a.example`)", "traefik.http.routers.a.tls=true",
             "traefik.http.routers.b.rule=Host(`b.example`)", "traefik.http.routers.c.tls=true",
             "traefik.http.routers.c.rule=Host(`a.example`) && PathPrefix(`/x`)"},
            "traefik traefik.http.routers.a.rule: a.example\n"},
        /* Names that another certificate has are not asked for again, whichever router comes first. */
        {{"traefik.http.routers.a.rule=Host(`a.example`) && PathPrefix(`/x`)",
             "traefik.http.routers.a.tls=true", "traefik.http.routers.b.tls=true",
             "traefik.http.routers.b.rule=Host(`a.example`) || Host(`www.a.example`)"},
            "traefik traefik.http.routers.a.rule: a.example\n"
            "traefik traefik.http.routers.b.rule: www.a.example\n"},
        {{"traefik.http.routers.a.rule=Host(`x.a.example`) || Host(`a.example`) || Host(`x.y.a.example`)",
             "traefik.http.routers.a.tls=true", "traefik.http.routers.b.tls.domains[0].main=*.a.example"},
            "traefik traefik.http.routers.b.tls.domains[0].main: *.a.example\n"
            "traefik traefik.http.routers.a.rule: a.example,x.y.a.example\n"},
        {{HTTP "rule=Host(`a.example`) || Host(`b.example`)", HTTP "tls=true", "evercert.1.domains=a.example",
             "evercert.1.key-type=rsa-2048", "caddy=b.example c.example"},
            "evercert evercert.1.domains: a.example key-type=rsa-2048\n"
            "traefik " HTTP "rule: b.example\ncaddy caddy: c.example\n"},
        {{"traefik.enable=false", HTTP "rule=Host(`a.example`)", HTTP "tls=true"}, ""},
        {{"traefik.enable=F", HTTP "rule=Host(`a.example`)", HTTP "tls=true"}, ""},
        {{"traefik.enable=true", HTTP "rule=Host(`a.example`)", HTTP "tls=true"},
            "traefik " HTTP "rule: a.example\n"},
        {{HTTP "rule=PathPrefix(`/api`) || HostRegexp(`.+\\.a\\.example`)", HTTP "tls=true"}, ""},
        {{HTTP "tls=true"}, ""},
        {{HTTP "rule= ", HTTP "tls=true"}, ""},
        {{HTTP "rule=Host(`a.example`)", HTTP "tls=true", "evercert.staging=true", "evercert.name=x"},
            "traefik " HTTP "rule: a.example staging\n"
            "! evercert.name: names no certificate; evercert.domains is missing\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

static void problems(void **state)
{
    static const struct reading_case cases[] = {
        {{HTTP "rule=Host:a.example;Path:/x", HTTP "tls=true"},
            "! " HTTP "rule: no rule of Traefik: a character that has no meaning at column 5, at "
            "\":a.example;Path:/x\"\n"},
        {{HTTP "rule=Host(`a b`)", HTTP "tls=true"},
            "! " HTTP "rule: \"a b\" holds a blank; write one name\n"},
        {{HTTP "rule=Host(`**.a.example`)", HTTP "tls=true"},
            "! " HTTP "rule: \"**.a.example\" is no wildcard that a CA signs; an asterisk stands alone in "
            "front, as in *.example.org\n"},
        {{HTTP "tls.domains[0].main=a_b.$x", HTTP "rule=Host(`c.example`)"},
            "! " HTTP "tls.domains[0].main: \"a_b.$x\" is no DNS name to order a certificate for: the octet "
            "0x5f may not occur in a host name\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routers),
        cmocka_unit_test(problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
