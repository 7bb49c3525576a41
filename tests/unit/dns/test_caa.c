/* CAA: the examples of RFC 8659 (4) and RFC 8657 (appendix A), and what they leave out. */
#include "dns/caa.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define ACCOUNT "https://example.net/account/1234"

struct record {
    unsigned flags;
    const char *tag, *value;
};

struct judgement {
    struct record records[4];
    const char *issuer, *method;
    bool wildcard;
    const char *no; /* a piece of why not; NULL: allowed */
};

static void judge(const struct judgement *j)
{
    struct dns_record records[ARRAY_LEN(j->records)];
    const char *issuers[] = {"unrelated.example", j->issuer};
    struct caa_wish wish = {.issuers = issuers + 1,
        .issuer_n = 1,
        .account = ACCOUNT,
        .method = j->method != NULL ? j->method : "dns-01",
        .wildcard = j->wildcard};
    struct err err = ERR_INIT;
    size_t n = 0;
    for (; n < ARRAY_LEN(records) && j->records[n].tag != NULL; n++)
        records[n] = (struct dns_record){.flags = j->records[n].flags,
            .tag = str_c(j->records[n].tag),
            .text = str_c(j->records[n].value)};
    int r = caa_judge("certs.example.com", records, n, &wish, &err);
    assert_string_equal(j->no != NULL ? "refused" : "allowed", r < 0 ? "refused" : "allowed");
    assert_int_equal(r, j->no != NULL ? ERR_REFUSED : 0);
    if (j->no != NULL && strstr(err.text, j->no) == NULL)
        fail_msg("\"%s\" is not in: %s", j->no, err.text);
    if (j->no != NULL)
        assert_non_null(strstr(err.text, "CAA at certs.example.com"));
}

static void judge_all(const struct judgement *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        judge(&all[i]);
}

#define JUDGE(cases) judge_all(cases, ARRAY_LEN(cases))

/* RFC 8659 4.2, 4.3, 4.5 */
static void test_issue(void **state)
{
    static const struct judgement cases[] = {
        {.issuer = "ca1.example.net"},
        {{{0, "issue", "ca1.example.net"}}, "ca1.example.net"},
        {{{0, "issue", "ca1.example.net"}}, "CA1.Example.Net"},
        {{{0, "issue", "ca1.example.net"}, {0, "issue", "ca2.example.org"}}, "ca2.example.org"},
        {{{0, "issue", "ca1.example.net"}}, "ca2.example.org",
            .no = "lets ca1.example.net issue, and not ca2.example.org; add: certs.example.com CAA 0 issue "
                  "\"ca2.example.org\""},
        {{{0, "issue", ";"}}, "ca1.example.net", .no = "lets nobody issue"},
        {{{0, "issue", ""}}, "ca1.example.net", .no = "lets nobody issue"},
        {{{0, "issue", ";"}, {0, "issue", "ca1.example.net"}}, "ca1.example.net"},
        {{{0, "issue", "ca1.example.net; account=230123"}}, "ca1.example.net"},
        {{{0, "issue", "  ca1.example.net  ;  account = 230123 ; policy=ev;"}}, "ca1.example.net"},
        {{{0, "issue", "%%%%%"}}, "ca1.example.net", .no = "lets nobody issue"},
        {{{0, "issue", "ca1.example.net; no parameter"}}, "ca1.example.net", .no = "lets nobody issue"},
        {{{0, "issue", "ca1.example.net; -a=b"}}, "ca1.example.net", .no = "lets nobody issue"},
        {{{0, "issue", "ca1.example.net; a=b c"}}, "ca1.example.net", .no = "lets nobody issue"},
        {{{0, "issue", "ca1..example.net"}}, "ca1..example.net", .no = "lets nobody issue"},
        {{{0, "iodef", "mailto:security@example.com"}}, "ca1.example.net"},
    };
    JUDGE(cases);
}

static void test_critical(void **state)
{
    static const struct judgement cases[] = {
        {{{0, "issue", "ca1.example.net"}, {128, "tbs", "Unknown"}}, "ca1.example.net",
            .no = "critical property tbs"},
        {{{128, "tbs", "Unknown"}}, "ca1.example.net", .no = "critical property tbs"},
        {{{0, "issue", "ca1.example.net"}, {0, "tbs", "Unknown"}}, "ca1.example.net"},
        {{{128, "issue", "ca1.example.net"}, {128, "iodef", "mailto:a@b"}}, "ca1.example.net"},
        {{{1, "tbs", "not the flag"}}, "ca1.example.net"},
    };
    JUDGE(cases);
}

/* RFC 8659 4.3 */
static void test_wildcards(void **state)
{
    static const struct judgement cases[] = {
        {{{0, "issue", "ca1.example.net"}, {0, "issuewild", "ca2.example.org"}}, "ca1.example.net"},
        {{{0, "issue", "ca1.example.net"}, {0, "issuewild", "ca2.example.org"}}, "ca2.example.org",
            .wildcard = true},
        {{{0, "issue", "ca1.example.net"}, {0, "issuewild", "ca2.example.org"}}, "ca1.example.net",
            .wildcard = true,
            .no = "lets ca2.example.org issue for wildcards, and not ca1.example.net; add: certs.example.com "
                  "CAA 0 "
                  "issuewild"},
        {{{0, "issue", "ca1.example.net"}, {0, "issuewild", ";"}}, "ca1.example.net", .wildcard = true,
            .no = "nobody issue for wildcards"},
        {{{0, "issue", "ca1.example.net"}}, "ca1.example.net", .wildcard = true},
        {{{0, "issue", "ca1.example.net"}}, "ca2.example.org", .wildcard = true,
            .no = "lets ca1.example.net"},
        {{{0, "issuewild", "ca2.example.org"}}, "ca1.example.net"}, /* says nothing of other names */
    };
    JUDGE(cases);
}

/* RFC 8657 3, 4, appendix A */
static void test_parameters(void **state)
{
    static const struct judgement cases[] = {
        {{{0, "issue", "example.net; accounturi=" ACCOUNT}}, "example.net"},
        {{{0, "issue", "example.net; AccountURI=" ACCOUNT}}, "example.net"},
        {{{0, "issue", "example.net; accounturi=https://example.net/account/2"}}, "example.net",
            .no = "for the account https://example.net/account/2 only, and ours is " ACCOUNT},
        {{{0, "issue", "example.net; accounturi=https://example.net/account/2"},
             {0, "issue", "example.net; accounturi=" ACCOUNT}},
            "example.net"},
        {{{0, "issue", "example.net; accounturi="}}, "example.net", .no = "account"},
        {{{0, "issue", "example.net; accounturi=" ACCOUNT "; accounturi=" ACCOUNT}}, "example.net",
            .no = "a parameter twice"},
        {{{0, "issue", "example.net; validationmethods=dns-01"}}, "example.net"},
        {{{0, "issue", "example.net; validationmethods=http-01,dns-01"}}, "example.net"},
        {{{0, "issue", "example.net; validationmethods=http-01,ca-custom"}}, "example.net",
            .no = "validate by http-01,ca-custom only, and not by dns-01"},
        {{{0, "issue", "example.net; validationmethods="}}, "example.net", .no = "not by dns-01"},
        {{{0, "issue", "example.net; validationmethods=http-01"}}, "example.net", .method = ""},
        {{{0, "issue", "example.net; validationmethods=dns-01;validationmethods=dns-01"}}, "example.net",
            .no = "twice"},
        {{{0, "issue", "example.net; accounturi=" ACCOUNT "; validationmethods=dns-01"}}, "example.net"},
        {{{0, "issue", "example.net; accounturi=" ACCOUNT "; validationmethods=http-01"}}, "example.net",
            .no = "not by dns-01"},
        {{{0, "issue", "example.net; accounturi=https://example.net/account/2"}, {0, "issue", "example.net"}},
            "example.net"},
    };
    JUDGE(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue),
        cmocka_unit_test(test_critical),
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
