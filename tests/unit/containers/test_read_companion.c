#include "containers_test.h"

static void certificates(void **state)
{
    static const struct reading_case cases[] = {
        {{"$PATH=/bin", "$ACME_CA_URI=https://ca.example/dir", "$ACME_POST_HOOK=reboot", "$ACME_HOST="}, ""},
        {{"$ACME_HOST=a.example"}, "companion ACME_HOST: a.example\n"},
        {{"$LETSENCRYPT_HOST=a.example,\n b.example ,\tc.example,"},
            "companion LETSENCRYPT_HOST: a.example,b.example,c.example\n"},
        {{"$ACME_HOST=new.example", "$LETSENCRYPT_HOST=old.example"}, "companion ACME_HOST: new.example\n"},
        {{"$ACME_HOST= ", "$LETSENCRYPT_HOST=old.example"}, "companion LETSENCRYPT_HOST: old.example\n"},
        {{"$ACME_HOST=*.a.example,a.example"}, "companion ACME_HOST: *.a.example,a.example\n"},
        {{"$ACME_HOST=a.example", "$ACME_EMAIL=$(reboot)", "$LETSENCRYPT_EMAIL=me@a.example",
             "$ACME_KEYSIZE=ec-384", "$LETSENCRYPT_KEYSIZE=2048", "$ACME_CHALLENGE=dns-01",
             "$ACME_CERT_PROFILE=tlsserver", "$ACME_CA_URI=https://ca.example/dir"},
            "companion ACME_HOST: a.example key-type=ecdsa-p384 challenge=dns-01 profile=tlsserver "
            "authority=https://ca.example/dir\n"},
        {{"$ACME_HOST=a.example", "$LETSENCRYPT_KEYSIZE=4096", "$LETSENCRYPT_TEST=True",
             "$ACME_CA_URI=https://ca.example/dir"},
            "companion ACME_HOST: a.example key-type=rsa-4096 staging\n"},
        {{"$ACME_HOST=a.example", "$ACME_TEST=yes"}, "companion ACME_HOST: a.example\n"},
        {{"$ACME_HOST=a.example,b.example,a.example", "$LETSENCRYPT_SINGLE_DOMAIN_CERTS=true"},
            "companion ACME_HOST: a.example\ncompanion ACME_HOST: b.example\n"},
        {{"$ACME_HOST=a.example,b,,c d.example,e.example", "$ACME_SINGLE_DOMAIN_CERTS=true"},
            "companion ACME_HOST: a.example\ncompanion ACME_HOST: b\ncompanion ACME_HOST: e.example\n"
            "! ACME_HOST: \"c d.example\" holds a blank; write one name\n"},
        /* Options of evercert's labels fill what the variables leave open. */
        {{"$ACME_HOST=a.example", "$ACME_CHALLENGE=DNS-01", "evercert.dns=inwx", "evercert.challenge=http-01",
             "evercert.staging=true", "$ACMESH_DNS_API_CONFIG={\"DNS_API\": \"dns_inwx\"}"},
            "companion ACME_HOST: a.example challenge=dns-01 dns=inwx staging\n"},
        {{"$ACME_HOST=a.example", "evercert.dns=no such"},
            "! evercert.dns: expected a name of letters, digits, '.', '_' and '-', at most 64 octets, found "
            "\"no "
            "such\"\n"},
        /* The same certificate by both is the label's. */
        {{"$ACME_HOST=a.example,b.example", "evercert.domains=b.example a.example", "evercert.name=shop"},
            "evercert evercert.domains: b.example,a.example name=shop\n"},
        {{"$ACME_HOST=a.example", "evercert.domains=b.example", "evercert.name=shop"},
            "evercert evercert.domains: b.example name=shop\ncompanion ACME_HOST: a.example\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

static void restarts(void **state)
{
    static const struct reading_case cases[] = {
        {{"$ACME_HOST=*.a.example,b.example", "$ACME_RESTART_CONTAINER=true"},
            "companion ACME_HOST: *.a.example,b.example\n"
            "consumer ACME_RESTART_CONTAINER: a.example restart \n"},
        {{"$ACME_HOST=a.example,b.example,a.example", "$ACME_SINGLE_DOMAIN_CERTS=true",
             "$LETSENCRYPT_RESTART_CONTAINER=TRUE"},
            "companion ACME_HOST: a.example\ncompanion ACME_HOST: b.example\n"
            "consumer LETSENCRYPT_RESTART_CONTAINER: a.example,b.example restart \n"},
        {{"$ACME_HOST=a.example", "$ACME_RESTART_CONTAINER=true", "evercert.domains=a.example",
             "evercert.name=shop"},
            "evercert evercert.domains: a.example name=shop\n"
            "consumer ACME_RESTART_CONTAINER: shop restart \n"},
        /* Labels win. */
        {{"$ACME_HOST=a.example", "$ACME_RESTART_CONTAINER=true", "evercert.on-change=signal:HUP"},
            "companion ACME_HOST: a.example\nconsumer evercert.on-change: a.example signal HUP\n"},
        {{"$ACME_HOST=a.example", "$ACME_RESTART_CONTAINER=false"}, "companion ACME_HOST: a.example\n"},
        {{"$ACME_HOST=a..example", "$ACME_RESTART_CONTAINER=true"},
            "! ACME_HOST: \"a..example\" has an empty label; two dots stand together or one in front\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

static void problems(void **state)
{
    static const struct reading_case cases[] = {
        {{"$ACME_HOST=a.example", "$ACME_KEYSIZE=8192"},
            "! ACME_KEYSIZE: expected 2048, 3072, 4096, ec-256 or ec-384 (no public CA signs others), found "
            "\"8192\"\n"},
        {{"$ACME_HOST=a.example,b.example", "$ACME_KEYSIZE=ec-521", "$ACME_SINGLE_DOMAIN_CERTS=true"},
            "! ACME_KEYSIZE: expected 2048, 3072, 4096, ec-256 or ec-384 (no public CA signs others), found "
            "\"ec-521\"\n"},
        {{"$ACME_HOST=a.example", "$ACME_CHALLENGE=TLS-ALPN-01"},
            "! ACME_CHALLENGE: expected HTTP-01 or DNS-01, found \"TLS-ALPN-01\"; others are set with the "
            "label evercert.challenge\n"},
        {{"$ACME_HOST=a.example", "$ACME_CA_URI=ftp://x"},
            "! ACME_CA_URI: expected a URL that begins with https://, found \"ftp://x\"\n"},
        {{"$ACME_HOST=a.example", "$ACME_PRE_HOOK=rm -rf /", "$ACME_POST_HOOK=reboot"},
            "companion ACME_HOST: a.example\n"
            "! ACME_PRE_HOOK: is not run, for no text of a container is ever a command; write the command "
            "into docker.deploy of the configuration, or name an action of it with the label "
            "evercert.on-change\n"
            "! ACME_POST_HOOK: is not run, for no text of a container is ever a command; write the command "
            "into docker.deploy of the configuration, or name an action of it with the label "
            "evercert.on-change\n"},
        {{"$ACME_HOST=a.example", "$ACMESH_DNS_API_CONFIG={\"DNS_API\": \"dns_inwx\", \"KEY\": \"secret\"}"},
            "companion ACME_HOST: a.example\n"
            "! ACMESH_DNS_API_CONFIG: is not read, for credentials have no place in a container's variables; "
            "write them into an entry of dns in the configuration and name it with the label evercert.dns\n"},
        {{"$ACME_HOST='$(touch /x)'"}, "! ACME_HOST: \"'$(touch /x)'\" holds a blank; write one name\n"},
        {{"$ACME_HOST=`id`.example"},
            "! ACME_HOST: \"`id`.example\" is no DNS name to order a certificate for: the octet 0x60 may not "
            "occur in a host name\n"},
        {{"$ACME_HOST=a.example\x1b[2J"}, "! ACME_HOST: \"a.example?[2J\" is no DNS name to order a "
                                          "certificate for: the octet 0x1b may not "
                                          "occur in a host name\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(restarts),
        cmocka_unit_test(problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
