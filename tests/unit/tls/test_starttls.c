/* Conversations before TLS, each as a transcript, fed whole and octet by octet. */
#include "tls/starttls.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { LINES_MAX = 8 };

#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct transcript {
    const char *name;
    enum starttls kind;
    uint16_t port;
    struct str first; /* what we say first */
    struct {
        struct str server, client;
    } lines[LINES_MAX]; /* what the server says, what we say to it */
    int end;            /* STARTTLS_UPGRADE, STARTTLS_MORE or an error */
    const char *words;  /* in the error, or what is waited for */
} transcripts[] = {
    {"smtp", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220-mail.example\r\n220 ESMTP\r\n"), BYTES("EHLO [192.0.2.7]\r\n")},
            {BYTES("250-mail.example\r\n250-PIPELINING\r\n250-starttls\r\n250 8BITMIME\r\n"),
                BYTES("STARTTLS\r\n")},
            {BYTES("220 2.0.0 Ready\r\n"), BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"smtp with bare ends of lines", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220 mail.example\n"), BYTES("EHLO [192.0.2.7]\r\n")},
            {BYTES("250 STARTTLS\n"), BYTES("STARTTLS\r\n")}, {BYTES("220 go\n"), BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"smtp without a text", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220\r\n"), BYTES("EHLO [192.0.2.7]\r\n")},
            {BYTES("250-\r\n250 STARTTLS\r\n"), BYTES("STARTTLS\r\n")}, {BYTES("220\r\n"), BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"smtp without STARTTLS", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220 mail.example\r\n"), BYTES("EHLO [192.0.2.7]\r\n")},
            {BYTES("250-mail.example\r\n250 SIZE STARTTLS\r\n"), BYTES("")}},
        ERR_TLS, "does not offer STARTTLS"},
    {"smtp turned away", STARTTLS_SMTP, 25, BYTES(""), {{BYTES("554 no\033[2J service\r\n"), BYTES("")}},
        ERR_TLS, "the server turns us away: 554 no?[2J service"},
    {"smtp, EHLO refused", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220 x\r\n"), BYTES("EHLO [192.0.2.7]\r\n")}, {BYTES("501 5.5.4 who?\r\n"), BYTES("")}},
        ERR_TLS, "EHLO: 501 5.5.4 who?"},
    {"smtp, STARTTLS refused", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220 x\r\n"), BYTES("EHLO [192.0.2.7]\r\n")},
            {BYTES("250 STARTTLS\r\n"), BYTES("STARTTLS\r\n")},
            {BYTES("454 4.7.0 TLS not available due to local problem\r\n"), BYTES("")}},
        ERR_TLS, "refuses STARTTLS: 454 4.7.0 TLS not available"},
    {"smtp with more behind the agreement", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220 x\r\n"), BYTES("EHLO [192.0.2.7]\r\n")},
            {BYTES("250 STARTTLS\r\n"), BYTES("STARTTLS\r\n")},
            {BYTES("220 go\r\n250 injected\r\n"), BYTES("")}},
        ERR_INPUT, "14 octets come in plain text behind"},
    {"smtp that answers before it is asked", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220 x\r\n250 STARTTLS\r\n220 go\r\n"), BYTES("EHLO [192.0.2.7]\r\nSTARTTLS\r\n")}},
        ERR_INPUT, "before it is asked"},
    {"smtp that is none", STARTTLS_SMTP, 25, BYTES(""), {{BYTES("* OK IMAP here\r\n"), BYTES("")}}, ERR_INPUT,
        "does not answer as a mail server (SMTP): \"* OK IMAP here\""},
    {"smtp that is slow", STARTTLS_SMTP, 25, BYTES(""),
        {{BYTES("220 x\r\n"), BYTES("EHLO [192.0.2.7]\r\n")}, {BYTES("250-x\r\n250 STARTT"), BYTES("")}},
        STARTTLS_MORE, "its answer to EHLO"},
    {"imap", STARTTLS_IMAP, 143, BYTES(""),
        {{BYTES("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n"), BYTES("a1 STARTTLS\r\n")},
            {BYTES("* CAPABILITY IMAP4rev1\r\na1 OK Begin TLS\r\n"), BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"imap, in another case", STARTTLS_IMAP, 143, BYTES(""),
        {{BYTES("* ok\r\n"), BYTES("a1 STARTTLS\r\n")}, {BYTES("A1 ok\r\n"), BYTES("")}}, STARTTLS_UPGRADE,
        ""},
    {"imap refused", STARTTLS_IMAP, 143, BYTES(""),
        {{BYTES("* OK hi\r\n"), BYTES("a1 STARTTLS\r\n")},
            {BYTES("a1 BAD TLS support isn't enabled.\r\n"), BYTES("")}},
        ERR_TLS, "refuses STARTTLS: BAD TLS support isn't enabled."},
    {"imap turned away", STARTTLS_IMAP, 143, BYTES(""),
        {{BYTES("* BYE too many connections\r\n"), BYTES("")}}, ERR_TLS,
        "turns us away: too many connections"},
    {"imap with more behind the agreement", STARTTLS_IMAP, 143, BYTES(""),
        {{BYTES("* OK hi\r\n"), BYTES("a1 STARTTLS\r\n")},
            {BYTES("a1 OK go\r\n* OK injected\r\n"), BYTES("")}},
        ERR_INPUT, "behind the server's agreement"},
    {"imap that is none", STARTTLS_IMAP, 143, BYTES(""), {{BYTES("+OK POP3\r\n"), BYTES("")}}, ERR_INPUT,
        "does not answer as an IMAP server"},
    {"pop3", STARTTLS_POP3, 110, BYTES(""),
        {{BYTES("+OK ready <1@x>\r\n"), BYTES("STLS\r\n")}, {BYTES("+OK Begin\r\n"), BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"pop3 refused", STARTTLS_POP3, 110, BYTES(""),
        {{BYTES("+OK\r\n"), BYTES("STLS\r\n")}, {BYTES("-ERR TLS support isn't enabled.\r\n"), BYTES("")}},
        ERR_TLS, "refuses STLS: TLS support isn't enabled."},
    {"pop3 turned away", STARTTLS_POP3, 110, BYTES(""), {{BYTES("-ERR [SYS/TEMP] later\r\n"), BYTES("")}},
        ERR_TLS, "turns us away: [SYS/TEMP] later"},
    {"pop3 that is none", STARTTLS_POP3, 110, BYTES(""), {{BYTES("220 mail\r\n"), BYTES("")}}, ERR_INPUT,
        "does not answer as a POP3 server"},
    {"ftp", STARTTLS_FTP, 21, BYTES(""),
        {{BYTES("120 soon\r\n220-Welcome\r\n and mind\r\n221x\r\n220 all of it\r\n"), BYTES("AUTH TLS\r\n")},
            {BYTES("234 AUTH TLS OK\r\n"), BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"ftp refused", STARTTLS_FTP, 21, BYTES(""),
        {{BYTES("220 (vsFTPd)\r\n"), BYTES("AUTH TLS\r\n")},
            {BYTES("530 Please login with USER and PASS.\r\n"), BYTES("")}},
        ERR_TLS, "refuses AUTH TLS: 530 Please login"},
    {"ftp turned away", STARTTLS_FTP, 21, BYTES(""), {{BYTES("421 too many\r\n"), BYTES("")}}, ERR_TLS,
        "turns us away: 421 too many"},
    {"ftp that is none", STARTTLS_FTP, 21, BYTES(""), {{BYTES("SSH-2.0-OpenSSH\r\n"), BYTES("")}}, ERR_INPUT,
        "does not answer as an FTP server"},
#define LDAP_ASKS                                \
    BYTES("\x30\x1d\x02\x01\x01\x77\x18\x80\x16" \
          "1.3.6.1.4.1.1466.20037")
    {"ldap", STARTTLS_LDAP, 389, LDAP_ASKS,
        {{BYTES("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"), BYTES("")}}, STARTTLS_UPGRADE,
        ""},
    {"ldap with long lengths and its name", STARTTLS_LDAP, 389, LDAP_ASKS,
        {{BYTES("\x30\x84\x00\x00\x00\x2c\x02\x01\x01\x78\x84\x00\x00\x00\x23\x0a\x01\x00\x04\x84\x00\x00\x00"
                "\x00\x04\x00"
                "\x8a\x16"
                "1.3.6.1.4.1.1466.20037"),
            BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"ldap refused", STARTTLS_LDAP, 389, LDAP_ASKS,
        {{BYTES("\x30\x11\x02\x01\x01\x78\x0c\x0a\x01\x02\x04\x00\x04\x05"
                "no\x01ne"),
            BYTES("")}},
        ERR_TLS,
        "refuses StartTLS with result 2 (protocolError; StartTLS is not known to it, or TLS is not set up in "
        "it): no?ne"},
    {"ldap turned away", STARTTLS_LDAP, 389, LDAP_ASKS,
        {{BYTES("\x30\x10\x02\x01\x00\x78\x0b\x0a\x01\x34\x04\x00\x04\x04"
                "busy"),
            BYTES("")}},
        ERR_TLS, "turns us away: busy"},
    {"ldap with an endless length", STARTTLS_LDAP, 389, LDAP_ASKS,
        {{BYTES("\x30\x80\x02\x01\x01"), BYTES("")}}, ERR_INPUT, "does not answer as an LDAP server"},
    {"ldap with a huge length", STARTTLS_LDAP, 389, LDAP_ASKS,
        {{BYTES("\x30\x84\x7f\xff\xff\xff\x02"), BYTES("")}}, ERR_INPUT, "does not answer as an LDAP server"},
    {"ldap with an inner length beyond the outer", STARTTLS_LDAP, 389, LDAP_ASKS,
        {{BYTES("\x30\x0c\x02\x01\x01\x78\x08\x0a\x01\x00\x04\x00\x04\x00"), BYTES("")}}, ERR_INPUT,
        "LDAP server"},
    {"ldap with more behind the agreement", STARTTLS_LDAP, 389, LDAP_ASKS,
        {{BYTES("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\x30"), BYTES("")}}, ERR_INPUT,
        "1 octets come in plain text"},
    {"ldap that is short", STARTTLS_LDAP, 389, LDAP_ASKS, {{BYTES("\x30\x0c\x02\x01"), BYTES("")}},
        STARTTLS_MORE, "its answer to StartTLS"},
#define XMPP_ASKS                                                      \
    BYTES("<?xml version='1.0'?><stream:stream xmlns='jabber:client' " \
          "xmlns:stream='http://etherx.jabber.org/streams' to='www.example.org' version='1.0'>")
    {"xmpp", STARTTLS_XMPP, 5222, XMPP_ASKS,
        {{BYTES("<?xml version='1.0'?><stream:stream id='a>b' from=\"x\" version='1.0'><stream:features>\n"
                "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
                "<mechanisms><mechanism>PLAIN</mechanism></mechanisms></stream:features>"),
             BYTES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")},
            {BYTES("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"xmpp of servers", STARTTLS_XMPP, 5269,
        BYTES("<?xml version='1.0'?><stream:stream xmlns='jabber:server' "
              "xmlns:stream='http://etherx.jabber.org/streams' to='www.example.org' version='1.0'>"),
        {{BYTES("<stream:stream><stream:features><starttls/></stream:features>"),
             BYTES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")},
            {BYTES("<proceed></proceed>"), BYTES("")}},
        STARTTLS_UPGRADE, ""},
    {"xmpp without starttls", STARTTLS_XMPP, 5222, XMPP_ASKS,
        {{BYTES("<stream:stream><stream:features><mechanisms/></stream:features>"), BYTES("")}}, ERR_TLS,
        "does not offer starttls"},
    {"xmpp without features", STARTTLS_XMPP, 5222, XMPP_ASKS,
        {{BYTES("<stream:stream><stream:features/>"), BYTES("")}}, ERR_TLS, "does not offer starttls"},
    {"xmpp turned away", STARTTLS_XMPP, 5222, XMPP_ASKS,
        {{BYTES("<stream:stream><stream:error><host-unknown xmlns='urn:x'/><text>This server does not serve "
                "it</text>"
                "</stream:error></stream:stream>"),
            BYTES("")}},
        ERR_TLS, "turns us away: host-unknown This server does not serve it"},
    {"xmpp refused", STARTTLS_XMPP, 5222, XMPP_ASKS,
        {{BYTES("<stream:stream><stream:features><starttls/></stream:features>"),
             BYTES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")},
            {BYTES("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"), BYTES("")}},
        ERR_TLS, "refuses starttls"},
    {"xmpp with more behind the agreement", STARTTLS_XMPP, 5222, XMPP_ASKS,
        {{BYTES("<stream:stream><stream:features><starttls/></stream:features>"),
             BYTES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")},
            {BYTES("<proceed/><success/>"), BYTES("")}},
        ERR_INPUT, "10 octets"},
    {"xmpp that is none", STARTTLS_XMPP, 5222, XMPP_ASKS, {{BYTES("220 mail.example\r\n"), BYTES("")}},
        ERR_INPUT, "does not answer as an XMPP server"},
    {"xmpp that is HTTP", STARTTLS_XMPP, 5222, XMPP_ASKS, {{BYTES("<html><body>"), BYTES("")}}, ERR_INPUT,
        "does not answer as an XMPP server: \"html\""},
#define POSTGRES_ASKS BYTES("\x00\x00\x00\x08\x04\xd2\x16\x2f")
    {"postgres", STARTTLS_POSTGRES, 5432, POSTGRES_ASKS, {{BYTES("S"), BYTES("")}}, STARTTLS_UPGRADE, ""},
    {"postgres without", STARTTLS_POSTGRES, 5432, POSTGRES_ASKS, {{BYTES("N"), BYTES("")}}, ERR_TLS,
        "has no TLS; it is turned on by ssl = on"},
    {"postgres with an error", STARTTLS_POSTGRES, 5432, POSTGRES_ASKS,
        {{BYTES("E\0\0\0\x10SFATAL"), BYTES("")}}, ERR_TLS, "with an error"},
    {"postgres with more behind the agreement", STARTTLS_POSTGRES, 5432, POSTGRES_ASKS,
        {{BYTES("SR\0\0"), BYTES("")}}, ERR_INPUT, "3 octets"},
    {"postgres that is none", STARTTLS_POSTGRES, 5432, POSTGRES_ASKS, {{BYTES("J\0\0\0"), BYTES("")}},
        ERR_INPUT, "does not answer as a PostgreSQL server"},
};

static void expect(const struct transcript *x, struct buf *out, struct str wanted)
{
    if (!str_eq(buf_str(out), wanted))
        fail_msg("%s: said \"%.*s\", not \"%.*s\"", x->name, STR_ARG(buf_str(out)), STR_ARG(wanted));
    buf_clear(out);
}

/* In pieces of this many octets; 0: whole. */
static void run(const struct transcript *x, size_t piece)
{
    ATTR_CLEANUP(buf_free) struct buf out = buf_new(4096);
    struct err err = ERR_INIT;
    struct starttls_talk t;
    struct starttls_spec spec = {x->kind, x->port, "www.example.org", "192.0.2.7"};
    int r = starttls_begin(&t, &spec, &out, &err);
    assert_int_equal(r, STARTTLS_MORE);
    expect(x, &out, x->first);
    for (size_t i = 0; i < LINES_MAX && x->lines[i].server.n > 0; i++) {
        struct str in = x->lines[i].server;
        while (in.n > 0 && r == STARTTLS_MORE) {
            size_t n = piece == 0 || piece > in.n ? in.n : piece;
            char exact[1024];
            memcpy(exact, in.p, n);
            r = starttls_feed(&t, (struct str){exact, n}, &out, &err);
            in = (struct str){in.p + n, in.n - n};
        }
        if (r >= 0 || piece == 0)
            expect(x, &out, x->lines[i].client);
    }
    if (x->end == STARTTLS_MORE)
        assert_string_equal(starttls_awaits(&t), x->words);
    else if (x->end < 0 && strstr(err.text, x->words) == NULL)
        fail_msg("%s: \"%s\" is not in \"%s\"", x->name, x->words, err.text);
    if (r != x->end)
        fail_msg(
            "%s in pieces of %zu: %s (%s), not %s", x->name, piece, err_name(r), err.text, err_name(x->end));
    starttls_end(&t);
}

/* What comes behind an agreement, or too soon, may as well come later; then it is for TLS to refuse. */
static bool is_of_time(const struct transcript *x)
{
    static const char *const words[] = {"octets", "behind", "before it is asked"};
    for (size_t i = 0; x->end == ERR_INPUT && i < ARRAY_LEN(words); i++)
        if (strstr(x->words, words[i]) != NULL)
            return true;
    return false;
}

static void test_transcripts(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(transcripts); i++)
        for (size_t piece = 0; piece < (is_of_time(&transcripts[i]) ? 1 : 4); piece++)
            run(&transcripts[i], piece);
}

static void test_words(void **state)
{
    enum starttls kind;
    for (int i = 0; i < STARTTLS_END_; i++) {
        assert_true(starttls_parse(starttls_text((enum starttls)i), &kind));
        assert_int_equal(kind, i);
        assert_int_not_equal(starttls_port((enum starttls)i), 0);
    }
    assert_false(starttls_parse("SMTP", &kind));
    assert_false(starttls_parse("smtps", &kind));
    assert_string_equal(starttls_words(), "smtp, imap, pop3, ldap, ftp, xmpp, postgres");
}

static void test_none(void **state)
{
    ATTR_CLEANUP(buf_free) struct buf out = buf_new(4096);
    struct starttls_talk t;
    struct err err = ERR_INIT;
    assert_int_equal(starttls_begin(&t, &(struct starttls_spec){STARTTLS_NONE, 443, "x", ""}, &out, &err),
        STARTTLS_UPGRADE);
    assert_int_equal(starttls_feed(&t, STR("x"), &out, &err), ERR_INPUT);
    assert_int_equal(out.n, 0);
    starttls_end(&t);
}

static void test_ehlo_of_ipv6(void **state)
{
    ATTR_CLEANUP(buf_free) struct buf out = buf_new(4096);
    struct starttls_talk t;
    starttls_begin(&t, &(struct starttls_spec){STARTTLS_SMTP, 25, "x", "2001:db8::7"}, &out, NULL);
    assert_int_equal(starttls_feed(&t, STR("220 x\r\n"), &out, NULL), STARTTLS_MORE);
    assert_string_equal(buf_c(&out), "EHLO [IPv6:2001:db8::7]\r\n");
    starttls_end(&t);
}

static void test_host_that_is_none(void **state)
{
    ATTR_CLEANUP(buf_free) struct buf out = buf_new(4096);
    struct starttls_talk t;
    struct err err = ERR_INIT;
    char longest[300];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    const char *const hosts[] = {"x' onload='y", "a b", "x\r\nQUIT", longest};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        assert_int_equal(
            starttls_begin(&t, &(struct starttls_spec){STARTTLS_XMPP, 5222, hosts[i], ""}, &out, &err),
            ERR_INPUT);
        assert_int_equal(out.n, 0);
        starttls_end(&t);
    }
}

/* However it is fed, there is an end, and an error repeats itself. */
static void test_floods(void **state)
{
    static const char *const floods[] = {
        "220-more\r\n", "x", "* OK\r\n", "+OK", "<a>", "<stream:stream>", "\x30\x82\x3f\xff"};
    for (int kind = STARTTLS_SMTP; kind < STARTTLS_END_; kind++)
        for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
            ATTR_CLEANUP(buf_free) struct buf out = buf_new(4096);
            struct starttls_talk t;
            struct err err = ERR_INIT;
            size_t fed = 0;
            int r = starttls_begin(
                &t, &(struct starttls_spec){(enum starttls)kind, 1, "x.example", "192.0.2.1"}, &out, &err);
            for (; r == STARTTLS_MORE && fed <= STARTTLS_IN_MAX; fed += strlen(floods[i])) {
                r = starttls_feed(&t, str_c(floods[i]), &out, &err);
                buf_clear(&out);
            }
            assert_true(r < 0);
            assert_true(fed <= STARTTLS_IN_MAX + strlen(floods[i]));
            assert_int_equal(starttls_feed(&t, STR("x"), &out, &err), ERR_INPUT);
            starttls_end(&t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transcripts),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_ehlo_of_ipv6),
        cmocka_unit_test(test_host_that_is_none),
        cmocka_unit_test(test_floods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
