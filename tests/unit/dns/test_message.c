/* Messages as octets: questions that are built, answers that are read, and what they say. */
#include "dns/message.h"

#include "base/attr.h"
#include "octets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define NAME       "_acme-challenge.example.org"
#define LONG_LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct read {
    struct octets o;
    struct arena *arena;
    struct message m;
    struct err err;
};

static struct read begin(unsigned bits)
{
    return (struct read){.o = octets_new(BIT_ANSWER | bits, NAME), .arena = arena_new()};
}

static int finish(struct read *r)
{
    return message_read(octets_str(&r->o), r->arena, &r->m, &r->err);
}

static void end(struct read *r)
{
    octets_free(&r->o);
    arena_free(r->arena);
}

/* --- questions --- */

static void test_question(void **state)
{
    static const unsigned char expected[] = "\x12\x34\x01\x00\0\1\0\0\0\0\0\1\1a\2bc\0\0\x10\0\1"
                                            "\0\0\x29\x04\xd0\0\0\0\0\0";
    unsigned char out[MESSAGE_QUERY_MAX];
    int n = message_query(out, 0x1234, "a.bc", DNS_TXT, MESSAGE_RECURSE, NULL);
    assert_int_equal(n, sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
    /* Not recursive, data that do not verify and their signatures wanted. */
    n = message_query(out, 0x1234, "a.bc", DNS_CAA, MESSAGE_UNCHECKED, NULL);
    assert_int_equal(n, sizeof expected);
    assert_memory_equal(out + 2, "\0\x10", 2);
    assert_memory_equal(out + 18, "\1\1\0\1", 4);
    assert_memory_equal(out + n - 4, "\x80\0\0\0", 4);
    n = message_query(out, 0x1234, "a.bc", DNS_SOA, MESSAGE_PLAIN, NULL);
    assert_int_equal(n, sizeof expected - MESSAGE_OPT_SIZE);
    assert_memory_equal(out + 10, "\0\0", 2);
    assert_int_equal(message_query(out, 0, "", DNS_NS, 0, NULL), 12 + 1 + 4 + MESSAGE_OPT_SIZE);
}

static void test_no_names(void **state)
{
    static const char *const names[] = {"a..b", ".", ".a", "a.", "a b", "a\tb", "a\\", "a\\0", "a\\256",
        "\xc3\xa4", LONG_LABEL "a", LONG_LABEL "." LONG_LABEL "." LONG_LABEL "." LONG_LABEL};
    unsigned char out[MESSAGE_QUERY_MAX];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err err = ERR_INIT;
        assert_int_equal(message_query(out, 0, names[i], DNS_TXT, 0, &err), ERR_INPUT);
        assert_non_null(strstr(err.text, "no name of DNS"));
    }
    /* The longest there is. */
    assert_int_equal(message_query(out, 0,
                         LONG_LABEL "." LONG_LABEL "." LONG_LABEL "."
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                         DNS_TXT, 0, NULL),
        MESSAGE_QUERY_MAX);
    /* Odd octets come and go. */
    assert_true(message_query(out, 0, "a\\046b.c", DNS_TXT, 0, NULL) > 0);
    assert_memory_equal(out + 12, "\3a.b\1c", 7);
}

/* --- answers --- */

static void test_records(void **state)
{
    struct read r = begin(BIT_AUTHORITATIVE);
    octets_record(&r.o, NAME, T_TXT, "\3abc\0\2de", 8);
    octets_txt(&r.o, "_ACME-Challenge.EXAMPLE.org", "other");
    octets_record(&r.o, "www.example.org", T_AAAA, "0123456789abcdef", 16);
    octets_record(&r.o, "example.org", T_CAA, "\x80\5ISSUEca.example; a=b", 22);
    octets_named(&r.o, "example.org", T_RRSIG, "Example.Org");
    r.o.section = 1;
    octets_named(&r.o, "example.org", T_NS, "NS1.example.org");
    octets_named(&r.o, "example.org", T_SOA, "ns1.example.org");
    assert_int_equal(finish(&r), 0);
    assert_true(r.m.authoritative);
    assert_false(r.m.truncated);
    assert_int_equal(r.m.n, 6);
    assert_string_equal(r.m.records[0].value.text.p, "abcde");
    assert_string_equal(r.m.records[1].owner, NAME);
    assert_string_equal(r.m.records[1].value.text.p, "other");
    assert_string_equal(r.m.records[2].value.tag.p, "issue");
    assert_string_equal(r.m.records[2].value.text.p, "ca.example; a=b");
    assert_int_equal(r.m.records[2].value.flags, 0x80);
    assert_int_equal(r.m.records[3].type, DNS_TYPE_END_);
    assert_string_equal(r.m.records[3].value.text.p, "example.org");
    assert_string_equal(r.m.records[4].value.text.p, "ns1.example.org");
    assert_int_equal(r.m.records[4].section, MESSAGE_AUTHORITY);
    assert_int_equal(r.m.records[5].value.serial, 7);
    assert_string_equal(r.m.records[5].value.text.p, "example.org");
    end(&r);
}

/* Octets that no host name has stand for themselves and are no end of a label, or of the text. */
static void test_odd_names(void **state)
{
    struct read r = begin(0);
    r.o.b.p[7] = 1;
    buf_put(&r.o.b, "\4a.\0\xff\2\\b\0", 9);
    buf_put(&r.o.b, "\0\x10\0\1\0\0\0\0\0\2\1x", 12);
    assert_int_equal(finish(&r), 0);
    assert_int_equal(r.m.n, 1);
    assert_string_equal(r.m.records[0].owner, "a\\046\\000\\255.\\092b");
    end(&r);
}

static void test_pointers(void **state)
{
    struct read r = begin(0);
    r.o.b.p[7] = 1;
    size_t at = r.o.b.n;
    buf_put(
        &r.o.b, "\1w\xc0\x0c\0\5\0\1\0\0\0\0\0\4\1x\xc0\x1c", 18); /* 0x1c: "example.org" in the question */
    assert_int_equal(finish(&r), 0);
    assert_string_equal(r.m.records[0].owner, "w." NAME);
    assert_string_equal(r.m.records[0].value.text.p, "x.example.org");
    /* To itself, forward, into the head. */
    const unsigned bad[] = {(unsigned)at, (unsigned)at + 2, (unsigned)at + 4, 0x3fff, 0, 11};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        r.o.b.p[at + 2] = (char)(0xc0 | bad[i] >> 8);
        r.o.b.p[at + 3] = (char)bad[i];
        assert_int_equal(finish(&r), ERR_INPUT);
    }
    end(&r);
}

/* A chain of pointers may only go back, but a name that becomes too long by it is none. */
static void test_long_name(void **state)
{
    struct read r = begin(0);
    char label[64] = {63};
    memset(label + 1, 'a', 63);
    r.o.b.p[7] = 1;
    size_t before = r.o.b.n;
    for (int i = 0; i < 4; i++)
        buf_put(&r.o.b, label, sizeof label);
    buf_put(&r.o.b, "\xc0\x0c\0\x10\0\1\0\0\0\0\0\2\1x", 14);
    assert_int_equal(finish(&r), ERR_INPUT);
    r.o.b.n = before;
    for (int i = 0; i < 3; i++)
        buf_put(&r.o.b, label, sizeof label);
    buf_put(&r.o.b, "\xc0\x0c\0\x10\0\1\0\0\0\0\0\2\1x", 14);
    assert_int_equal(finish(&r), 0);
    end(&r);
}

static void test_broken(void **state)
{
    struct read r = begin(0);
    octets_txt(&r.o, NAME, "value");
    octets_named(&r.o, NAME, T_CNAME, "www.example.org");
    octets_named(&r.o, NAME, T_SOA, "www.example.org");
    octets_record(&r.o, NAME, T_CAA, "\0\5issuex", 8);
    octets_named(&r.o, NAME, T_RRSIG, "org");
    assert_int_equal(finish(&r), 0);
    assert_int_equal(r.m.n, 5);
    size_t whole = r.o.b.n;
    for (r.o.b.n = 0; r.o.b.n < whole; r.o.b.n++) {
        assert_int_equal(finish(&r), ERR_INPUT);
        assert_non_null(strstr(r.err.text, "answer"));
    }
    end(&r);
}

static void test_broken_data(void **state)
{
    static const struct {
        unsigned type;
        const char *data;
        size_t n;
    } cases[] = {{T_TXT, "", 0}, {T_TXT, "\4abc", 4}, {T_TXT, "\3abc\1", 5}, {T_CAA, "\0", 1},
        {T_CAA, "\0\0x", 3}, {T_CAA, "\0\5issu", 6}, {T_CNAME, "\1a", 2}, {T_CNAME, "\1a\0x", 4},
        {T_CNAME,
            "\x40"
            "a\0",
            3},
        {T_NS, "", 0}, {T_SOA, "\0\0\0\0\0\0", 6}, {T_RRSIG, "\0\0\0", 3}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct read r = begin(0);
        octets_record(&r.o, NAME, cases[i].type, cases[i].data, cases[i].n);
        octets_txt(&r.o, NAME, "behind");
        assert_int_equal(finish(&r), ERR_INPUT);
        end(&r);
    }
}

static void test_no_answers(void **state)
{
    struct read r = begin(0);
    r.o.b.p[2] = 0; /* a question */
    assert_int_equal(finish(&r), ERR_INPUT);
    r.o.b.p[2] = (char)0x80;
    r.o.b.p[5] = 2; /* two questions */
    assert_int_equal(finish(&r), ERR_INPUT);
    end(&r);
}

static void test_truncated(void **state)
{
    struct read r = begin(BIT_TRUNCATED);
    octets_txt(&r.o, NAME, "value");
    octets_txt(&r.o, NAME, "cut off");
    r.o.b.n -= 3;
    assert_int_equal(finish(&r), 0);
    assert_true(r.m.truncated);
    assert_int_equal(r.m.n, 1);
    end(&r);
}

static void test_many(void **state)
{
    struct read r = begin(0);
    for (int i = 0; i < MESSAGE_RECORDS_MAX + 5; i++)
        octets_txt(&r.o, NAME, "value");
    assert_int_equal(finish(&r), 0);
    assert_int_equal(r.m.n, MESSAGE_RECORDS_MAX);
    const char *owner;
    const struct dns_record *records;
    size_t n;
    assert_int_equal(message_follow(&r.m, r.arena, NAME, DNS_TXT, &owner, &records, &n, &r.err), 0);
    assert_int_equal(n, DNS_RECORDS_MAX);
    end(&r);
}

static void test_extended_errors(void **state)
{
    struct read r = begin(RCODE_SERVFAIL);
    r.o.section = 2;
    octets_record(&r.o, "", T_OPT, "\0\3\0\1x\0\x0f\0\x0a\0\6no \x1b[key\0\x0f\0\2\0\x16", 25);
    assert_int_equal(finish(&r), 0);
    assert_true(r.m.has_edns);
    assert_int_equal(r.m.rcode, RCODE_SERVFAIL);
    assert_int_equal(r.m.error, 6);
    assert_string_equal(r.m.error_text, "no ?[key");
    assert_string_equal(message_error_text(6), "DNSSEC bogus");
    assert_true(message_error_is_dnssec(6));
    assert_false(message_error_is_dnssec(22));
    assert_null(message_error_text(28));
    assert_null(message_error_text(-1));
    end(&r);
}

/* --- what they say --- */

static void test_follow(void **state)
{
    struct read r = begin(0);
    octets_txt(&r.o, "c.example.org", "value"); /* the order of records is nobody's promise */
    octets_named(&r.o, "b.example.org", T_CNAME, "C.example.org");
    octets_named(&r.o, NAME, T_CNAME, "b.example.org");
    octets_txt(&r.o, "stranger.example.org", "not this");
    r.o.section = 2;
    octets_txt(&r.o, "c.example.org", "nor this");
    assert_int_equal(finish(&r), 0);
    const char *owner;
    const struct dns_record *records;
    size_t n;
    assert_int_equal(
        message_follow(&r.m, r.arena, "_ACME-challenge.example.org", DNS_TXT, &owner, &records, &n, &r.err),
        0);
    assert_string_equal(owner, "c.example.org");
    assert_int_equal(n, 1);
    assert_string_equal(records[0].text.p, "value");
    assert_int_equal(message_follow(&r.m, r.arena, NAME, DNS_CNAME, &owner, &records, &n, &r.err), 0);
    assert_string_equal(owner, NAME);
    assert_string_equal(records[0].text.p, "b.example.org");
    assert_int_equal(message_follow(&r.m, r.arena, "x.org", DNS_TXT, &owner, &records, &n, &r.err), 0);
    assert_string_equal(owner, "x.org");
    assert_int_equal(n, 0);
    end(&r);
}

static void test_follow_circle(void **state)
{
    struct read r = begin(0);
    octets_named(&r.o, NAME, T_CNAME, "b.example.org");
    octets_named(&r.o, "b.example.org", T_CNAME, NAME);
    assert_int_equal(finish(&r), 0);
    const char *owner;
    const struct dns_record *records;
    size_t n;
    assert_int_equal(message_follow(&r.m, r.arena, NAME, DNS_TXT, &owner, &records, &n, &r.err), ERR_LIMIT);
    assert_non_null(strstr(r.err.text, NAME));
    end(&r);
}

static void test_zone(void **state)
{
    static const struct {
        const char *owner, *zone;
    } cases[] = {{"example.org", "example.org"}, {"ORG", "org"}, {"", ""}, {NAME, NAME}, {"ample.org", NULL},
        {"example.com", NULL}, {"x." NAME, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct read r = begin(RCODE_NXDOMAIN);
        octets_named(&r.o, NAME, T_SOA, "in.the.answer");
        r.o.section = 1;
        octets_named(&r.o, cases[i].owner, T_SOA, "ns.example.org");
        assert_int_equal(finish(&r), 0);
        const char *zone = message_zone(&r.m, NAME);
        if (cases[i].zone == NULL)
            assert_null(zone);
        else
            assert_string_equal(zone, cases[i].zone);
        end(&r);
    }
}

static void test_names(void **state)
{
    assert_true(name_is_at_or_below("a.b", "b"));
    assert_true(name_is_at_or_below("b", "b"));
    assert_true(name_is_at_or_below("b", ""));
    assert_false(name_is_at_or_below("ab", "b"));
    assert_false(name_is_at_or_below("b", "a.b"));
    assert_string_equal(name_parent("a.b.c"), "b.c");
    assert_string_equal(name_parent("c"), "");
    assert_string_equal(name_parent(""), "");
    assert_string_equal(message_rcode_text(RCODE_REFUSED), "REFUSED");
    assert_string_equal(message_rcode_text(4000), "an unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_broken_data),
        cmocka_unit_test(test_no_answers),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_extended_errors),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_follow_circle),
        cmocka_unit_test(test_zone),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
