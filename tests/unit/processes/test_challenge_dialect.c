/* What programs of each dialect are told for a challenge. */
#include "processes/parent/challenge_dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

static const char *const names[] = {"example.org", "*.example.org", "www.example.org"};

static struct challenge_facts facts(bool cleanup)
{
    return (struct challenge_facts){.cleanup = cleanup,
        .challenge = "dns-01",
        .identifier = "example.org",
        .record = "x.acme.example.net",
        .zone = "acme.example.net",
        .value = "V",
        .token = "T",
        .key_authorization = "T.K",
        .remaining = 2,
        .certificate = "example",
        .live = "/state/live",
        .key_algo = "prime256v1",
        .domains = names,
        .domain_n = 3,
        .output = "printed",
        .file = "/usr/local/bin/hook"};
}

/* "word word|NAME=value NAME=value", without the three variables that all have. */
static const char *told(enum challenge_dialect d, const struct challenge_facts *f)
{
    static char text[4096];
    struct arena *a = arena_new();
    struct challenge_call call;
    size_t n = 0;
    challenge_call(d, f, a, &call);
    text[0] = '\0';
    for (size_t i = 0; i < call.arg_n; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i > 0 ? " " : "", call.args[i]);
    assert_true(call.env_n >= 3 && call.env_n <= CHALLENGE_ENV_MAX && call.arg_n <= CHALLENGE_ARGS_MAX);
    assert_string_equal(call.env[0].name, "EVERCERT_RECORD");
    assert_string_equal(call.env[0].value, "x.acme.example.net");
    assert_string_equal(call.env[1].name, "EVERCERT_ZONE");
    assert_string_equal(call.env[1].value, "acme.example.net");
    assert_string_equal(call.env[2].name, "EVERCERT_VALUE");
    assert_string_equal(call.env[2].value, "V");
    for (size_t i = 3; i < call.env_n; i++)
        n += (size_t)snprintf(
            text + n, sizeof text - n, "%s%s=%s", i == 3 ? "|" : " ", call.env[i].name, call.env[i].value);
    arena_free(a);
    return text;
}

static void is_told(enum challenge_dialect d, const char *adding, const char *removing)
{
    struct challenge_facts add = facts(false), rm = facts(true);
    assert_string_equal(told(d, &add), adding);
    assert_string_equal(told(d, &rm), removing);
}

static void test_acme_sh(void **state)
{
    is_told(PROGRAM_ACME_SH, "x.acme.example.net V", "x.acme.example.net V");
}

static void test_certbot(void **state)
{
    static const char both[] =
        "|CERTBOT_DOMAIN=example.org CERTBOT_IDENTIFIER=example.org CERTBOT_VALIDATION=V "
        "CERTBOT_REMAINING_CHALLENGES=2 CERTBOT_ALL_DOMAINS=example.org,example.org,www.example.org "
        "CERTBOT_ALL_IDENTIFIERS=example.org,example.org,www.example.org";
    char removing[512];
    snprintf(removing, sizeof removing, "%s CERTBOT_AUTH_OUTPUT=printed", both);
    is_told(PROGRAM_CERTBOT, both, removing);
}

static void test_lego(void **state)
{
    struct challenge_facts raw = facts(false);
    is_told(PROGRAM_LEGO, "present x.acme.example.net. V|EXEC_PATH=/usr/local/bin/hook",
        "cleanup x.acme.example.net. V|EXEC_PATH=/usr/local/bin/hook");
    raw.raw = true;
    assert_string_equal(
        told(PROGRAM_LEGO, &raw), "present -- example.org T T.K|EXEC_PATH=/usr/local/bin/hook EXEC_MODE=RAW");
    raw.cleanup = true;
    assert_string_equal(
        told(PROGRAM_LEGO, &raw), "cleanup -- example.org T T.K|EXEC_PATH=/usr/local/bin/hook EXEC_MODE=RAW");
}

static void test_dehydrated(void **state)
{
#define DEHYDRATED                                                                        \
    "|COMMAND=sign_domains CHALLENGETYPE=dns-01 CERTDIR=/state/live KEY_ALGO=prime256v1 " \
    "altnames=example.org "                                                               \
    "*.example.org www.example.org alias=example"
    is_told(PROGRAM_DEHYDRATED, "deploy_challenge example.org T V" DEHYDRATED,
        "clean_challenge example.org T V" DEHYDRATED);
}

static void test_uacme(void **state)
{
    is_told(PROGRAM_UACME, "begin dns-01 example.org T V", "done dns-01 example.org T V");
}

static void test_mod_md(void **state)
{
    struct challenge_facts first = facts(true);
    is_told(PROGRAM_MOD_MD, "setup example.org V", "teardown example.org V");
    first.bare_teardown = true;
    assert_string_equal(told(PROGRAM_MOD_MD, &first), "teardown example.org");
    first.cleanup = false;
    assert_string_equal(told(PROGRAM_MOD_MD, &first), "setup example.org V");
}

static void test_odoo(void **state)
{
    static const char both[] = "|LETSENCRYPT_DNS_DOMAIN=example.org LETSENCRYPT_DNS_CHALLENGE=V";
    is_told(PROGRAM_ODOO, both, both);
}

static void test_providers(void **state)
{
    enum challenge_dialect d;
    assert_true(challenge_dialect_parse("exec", &d));
    assert_int_equal(d, PROGRAM_LEGO);
    assert_true(challenge_dialect_parse("acme.sh", &d));
    assert_int_equal(d, PROGRAM_ACME_SH);
    assert_false(challenge_dialect_parse("lego", &d));
    assert_false(challenge_dialect_parse("", &d));
    assert_string_equal(challenge_dialect_setting(PROGRAM_CERTBOT, false), "auth-hook");
    assert_string_equal(challenge_dialect_setting(PROGRAM_CERTBOT, true), "cleanup-hook");
    assert_string_equal(challenge_dialect_setting(PROGRAM_UACME, true), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acme_sh),
        cmocka_unit_test(test_certbot),
        cmocka_unit_test(test_lego),
        cmocka_unit_test(test_dehydrated),
        cmocka_unit_test(test_uacme),
        cmocka_unit_test(test_mod_md),
        cmocka_unit_test(test_odoo),
        cmocka_unit_test(test_providers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
