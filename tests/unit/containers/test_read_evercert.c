#include "containers_test.h"

static void certificates(void **state)
{
    static const struct reading_case cases[] = {
        {{NULL}, ""},
        {{"maintainer=me", "evercertificate.domains=a.example"}, ""},
        {{"evercert.domains=a.example"}, "evercert evercert.domains: a.example\n"},
        {{"evercert.domains= a.example,b.example ,\n\tc.example d.example,, "},
            "evercert evercert.domains: a.example,b.example,c.example,d.example\n"},
        {{"evercert.domains=A.example,a.example.,a.EXAMPLE"}, "evercert evercert.domains: a.example\n"},
        {{"evercert.domains=*.a.example,b\xc3\xbc"
          "cher.example,192.0.2.1,[2001:DB8::1]"},
            "evercert evercert.domains: *.a.example,xn--bcher-kva.example,192.0.2.1,2001:db8::1\n"},
        {{"evercert.domains=a.example", "evercert.name=shop", "evercert.challenge=dns-01, http-01",
             "evercert.dns=inwx", "evercert.authority=letsencrypt,https://ca.example/dir",
             "evercert.profile=shortlived", "evercert.key-type=ecdsa-p384", "evercert.staging=True"},
            "evercert evercert.domains: a.example challenge=dns-01, http-01 dns=inwx "
            "authority=letsencrypt,https://ca.example/dir profile=shortlived key-type=ecdsa-p384 name=shop "
            "staging\n"},
        {{"evercert.1.domains=a.example", "evercert.2.domains=b.example", "evercert.domains=c.example",
             "evercert.2.name=two", "evercert.challenge=http-01", "evercert.My-mail_x.domains=m.example",
             "evercert.1.staging=false"},
            "evercert evercert.domains: c.example challenge=http-01\n"
            "evercert evercert.1.domains: a.example\n"
            "evercert evercert.2.domains: b.example name=two\n"
            "evercert evercert.My-mail_x.domains: m.example\n"},
        /* The very same twice is one. */
        {{"evercert.1.domains=a.example,b.example", "evercert.2.domains=b.example a.example"},
            "evercert evercert.1.domains: a.example,b.example\n"},
        {{"evercert.1.domains=a.example", "evercert.2.domains=a.example", "evercert.2.key-type=rsa-2048"},
            "evercert evercert.1.domains: a.example\n"
            "evercert evercert.2.domains: a.example key-type=rsa-2048\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

static void problems(void **state)
{
    static const struct reading_case cases[] = {
        {{"evercert.domains="},
            "! evercert.domains: holds no name; write the names of the certificate, as in \"a.example, "
            "b.example\"\n"},
        {{"evercert.domains= , ,"},
            "! evercert.domains: holds no name; write the names of the certificate, as in \"a.example, "
            "b.example\"\n"},
        {{"evercert.domains=https://a.example", "evercert.1.domains=b.example"},
            "evercert evercert.1.domains: b.example\n"
            "! evercert.domains: \"https://a.example\" is a URL; write the host name alone\n"},
        {{"evercert.domains=$(touch${IFS}/tmp/x).example"},
            "! evercert.domains: \"$(touch${IFS}/tmp/x).example\" holds a path; write the host name alone\n"},
        {{"evercert.domains=a.example;reboot"},
            "! evercert.domains: \"a.example;reboot\" is no DNS name to order a certificate for: the octet "
            "0x3b may not occur in a host name\n"},
        {{"evercert.domain=a.example"},
            "! evercert.domain: is no label of evercert (did you mean domains?); there are domains, name, "
            "challenge, dns, authority, profile, key-type, staging, use, on-change and verify\n"},
        {{"evercert.=x"},
            "! evercert.: is no label of evercert; there are domains, name, challenge, dns, authority, "
            "profile, key-type, staging, use, on-change and verify\n"},
        {{"evercert.a b.domains=a.example"},
            "! evercert.a b.domains: what stands between evercert. and .domains is of letters, digits, '-' "
            "and '_' and at most 64 octets long, as in evercert.1.domains\n"},
        {{"evercert..domains=a.example"},
            "! evercert..domains: what stands between evercert. and .domains is of letters, digits, '-' "
            "and '_' and at most 64 octets long, as in evercert.1.domains\n"},
        {{"evercert.1.name=x", "evercert.1.dns=y", "evercert.2.dns=z"},
            "! evercert.1.dns: belongs to no certificate; evercert.1.domains is missing\n"
            "! evercert.2.dns: belongs to no certificate; evercert.2.domains is missing\n"},
        {{"evercert.1.use=x"}, "! evercert.1.use: is for the container as a whole; write evercert.use\n"},
        {{"evercert.name=x"}, "! evercert.name: names no certificate; evercert.domains is missing\n"},
        {{"evercert.dns=x"}, "! evercert.dns: is of no use, for nothing asks for a certificate; write its "
                             "names into the label "
                             "evercert.domains\n"},
        {{"evercert.staging=true"},
            "! evercert.staging: is of no use, for nothing asks for a certificate; write its names into the "
            "label evercert.domains\n"},
        {{"evercert.domains=a.example", "evercert.dns="},
            "! evercert.dns: is empty; write a value, or leave the label out\n"},
        {{"evercert.domains=a.example", "evercert.staging=yes"},
            "! evercert.staging: expected true or false, found \"yes\"\n"},
        {{"evercert.domains=a.example", "evercert.name=../../etc/passwd"},
            "! evercert.name: the name \"../../etc/passwd\" begins with '.'; begin with a letter or digit\n"},
        {{"evercert.domains=a.example", "evercert.challenge=dns1"},
            "! evercert.challenge: expected one of http-01, tls-alpn-01, dns-01, dns-account-01, "
            "dns-persist-01, found \"dns1\" (did you mean dns-01?)\n"},
        {{"evercert.domains=a.example", "evercert.key-type=ed25519"},
            "! evercert.key-type: no public CA signs certificates for keys of type ed25519; it is for "
            "accounts "
            "only (account-key-type)\n"},
        {{"evercert.domains=a.example", "evercert.authority=http://ca.example"},
            "! evercert.authority: expected a URL that begins with https://, found \"http://ca.example\"\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
