/* The answerer: what is answered to which message, and how many answers one network gets. */
#include "dns/answerer.h"

#include "dns/answerer_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { TXT = 16, NS = 2, SOA = 6, CAA = 257, ANY = 255, A = 1 };
enum { MAX = 65535 };

static const char *const NAMESERVERS[] = {"ns1.example.net", "ns2.example.net"};

static int set_up(void **state)
{
    struct err err = ERR_INIT;
    struct answerer *a = answerer_new(NULL);
    struct answerer_zone z = {"auth.example.org", NAMESERVERS, 2, ""};
    assert_non_null(a);
    assert_int_equal(answerer_zone(a, &z, &err), 0);
    assert_int_equal(answerer_put(a, "_acme-challenge.www.auth.example.org", "one", &err), 0);
    assert_int_equal(answerer_put(a, "_acme-challenge.www.auth.example.org.", "two", &err), 0);
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    answerer_free(*state);
    return 0;
}

struct asked {
    const char *name;
    unsigned type, class, flags; /* class 0: IN */
    const char *more;            /* octets behind the question, in the additional section */
    size_t more_n;
    unsigned additional;
};

static void put_query(struct buf *out, const struct asked *q)
{
    struct wire_name name;
    assert_int_equal(wire_name_of(q->name, &name, NULL), 0);
    wire_put_16(out, 0xabcd);
    wire_put_16(out, q->flags);
    buf_put(out, "\0\1\0\0\0\0\0", 7);
    wire_put_8(out, q->additional);
    wire_put_name(out, &name);
    wire_put_16(out, q->type);
    wire_put_16(out, q->class == 0 ? 1 : q->class);
    buf_put(out, q->more, q->more_n);
}

static void name_text(const struct wire_name *name, char out[260])
{
    size_t n = 0;
    for (size_t at = 0; at < name->n && name->octets[at] != 0; at += 1U + name->octets[at])
        n += (size_t)snprintf(out + n, 260 - n, "%s%.*s", n > 0 ? "." : "", name->octets[at],
            (const char *)name->octets + at + 1);
    out[n] = '\0';
}

static void record_text(struct wire *w, struct buf *out)
{
    struct wire_name owner, target;
    char text[260];
    wire_name(w, &owner);
    unsigned type = wire_16(w), class = wire_16(w);
    uint32_t ttl = wire_32(w);
    unsigned n = wire_16(w);
    size_t end = w->at + n;
    assert_true(end <= w->n);
    name_text(&owner, text);
    buf_printf(out, " [%s %u", text, type);
    if (type == WIRE_TYPE_OPT) {
        buf_printf(out, " size=%u ttl=%08x", class, ttl);
    } else if (type == NS || type == SOA) {
        wire_name(w, &target);
        name_text(&target, text);
        buf_printf(out, " %s", text);
    } else {
        assert_int_equal(class, 1);
        while (w->at < end) {
            unsigned part = wire_8(w);
            buf_printf(out, " \"%.*s\"", (int)(part > 20 ? 20 : part), (const char *)w->p + w->at);
            wire_skip(w, part);
        }
    }
    buf_put_c(out, "]");
    w->at = end;
}

/* "rcode flags(aa tc rd) name?" and the records of all sections, "|" between these. */
static const char *say(struct str message)
{
    static char text[8192];
    struct wire w = wire_of(message);
    struct buf out = buf_new(sizeof text - 1);
    struct wire_name name;
    char asked[260] = "";
    assert_int_equal(wire_16(&w), 0xabcd);
    unsigned flags = wire_16(&w), questions = wire_16(&w), count[3];
    for (int i = 0; i < 3; i++)
        count[i] = wire_16(&w);
    assert_true((flags & 0x8000) != 0);
    assert_int_equal(flags & 0x80, 0); /* no recursion is offered */
    if (questions == 1) {
        wire_name(&w, &name);
        name_text(&name, asked);
        wire_skip(&w, 4);
    }
    buf_printf(&out, "%u%s%s%s %s", flags & 15, (flags & 0x400) != 0 ? " aa" : "",
        (flags & 0x200) != 0 ? " tc" : "", (flags & 0x100) != 0 ? " rd" : "", asked);
    for (int i = 0; i < 3; i++) {
        buf_put_c(&out, " |");
        for (unsigned k = 0; k < count[i]; k++)
            record_text(&w, &out);
    }
    assert_false(w.bad);
    assert_int_equal(w.at, w.n);
    snprintf(text, sizeof text, "%s", buf_c(&out));
    buf_free(&out);
    return text;
}

static const char *ask_max(struct answerer *a, const struct asked *q, size_t max)
{
    struct buf message = buf_new(2000), out = buf_new(MAX);
    put_query(&message, q);
    size_t n = answerer_answer(a, buf_str(&message), max, &out);
    assert_int_equal(n, out.n);
    const char *text = n == 0 ? "" : say(buf_str(&out));
    assert_true(n <= max);
    buf_free(&message);
    buf_free(&out);
    return text;
}

static const char *ask(struct answerer *a, const char *name, unsigned type)
{
    return ask_max(a, &(struct asked){.name = name, .type = type}, ANSWERER_UDP_MAX);
}

#define SOA_OF(name) "[" name " 6 ns1.example.net]"

static void test_records(void **state)
{
    struct answerer *a = *state;
    assert_string_equal(ask(a, "_acme-challenge.www.auth.example.org", TXT),
        "0 aa _acme-challenge.www.auth.example.org | [_acme-challenge.www.auth.example.org 16 \"two\"] "
        "[_acme-challenge.www.auth.example.org 16 \"one\"] | |");
    assert_string_equal(
        ask(a, "auth.example.org", SOA), "0 aa auth.example.org | " SOA_OF("auth.example.org") " | |");
    assert_string_equal(ask(a, "auth.example.org", NS),
        "0 aa auth.example.org | [auth.example.org 2 ns1.example.net] "
        "[auth.example.org 2 ns2.example.net] | |");
    /* the case is kept, and does not matter */
    assert_string_equal(ask(a, "_ACME-challenge.wWw.Auth.eXample.orG", TXT),
        "0 aa _ACME-challenge.wWw.Auth.eXample.orG | [_ACME-challenge.wWw.Auth.eXample.orG 16 \"two\"] "
        "[_ACME-challenge.wWw.Auth.eXample.orG 16 \"one\"] | |");
    assert_string_equal(
        ask(a, "AUTH.example.org", A), "0 aa AUTH.example.org | | " SOA_OF("AUTH.example.org") " |");
    assert_string_equal(ask(a, "auth.example.org", ANY),
        "0 aa auth.example.org | [auth.example.org 13 \"RFC8482\" \"\"] | |");
    assert_string_equal(ask_max(a, &(struct asked){.name = "auth.example.org", .type = SOA, .flags = 0x0100},
                            ANSWERER_UDP_MAX),
        "0 aa rd auth.example.org | " SOA_OF("auth.example.org") " | |");
}

static void test_what_is_not_there(void **state)
{
    struct answerer *a = *state;
    /* one above a name with values is there, with nothing */
    assert_string_equal(ask(a, "www.auth.example.org", TXT),
        "0 aa www.auth.example.org | | " SOA_OF("auth.example.org") " |");
    assert_string_equal(ask(a, "www.auth.example.org", ANY),
        "0 aa www.auth.example.org | | " SOA_OF("auth.example.org") " |");
    assert_string_equal(ask(a, "_acme-challenge.www.auth.example.org", CAA),
        "0 aa _acme-challenge.www.auth.example.org | | " SOA_OF("auth.example.org") " |");
    assert_string_equal(ask(a, "x.www.auth.example.org", TXT),
        "3 aa x.www.auth.example.org | | " SOA_OF("auth.example.org") " |");
    assert_string_equal(ask(a, "x._acme-challenge.www.auth.example.org", NS),
        "3 aa x._acme-challenge.www.auth.example.org | | " SOA_OF("auth.example.org") " |");
    /* not ours */
    assert_string_equal(ask(a, "example.org", TXT), "5 example.org | | |");
    assert_string_equal(ask(a, "xauth.example.org", TXT), "5 xauth.example.org | | |");
    assert_string_equal(ask(a, "", NS), "5  | | |");
    assert_string_equal(ask(a, "auth.example.org", 252), "5 auth.example.org | | |");
    assert_string_equal(ask(a, "auth.example.org", 251), "5 auth.example.org | | |");
    assert_string_equal(ask(a, "auth.example.org", 249), "4 auth.example.org | | |");
    struct asked chaos = {.name = "auth.example.org", .type = TXT, .class = 3};
    assert_string_equal(ask_max(a, &chaos, ANSWERER_UDP_MAX), "5 auth.example.org | | |");
}

static void test_values_come_and_go(void **state)
{
    struct answerer *a = *state;
    struct err err = ERR_INIT;
    const char *name = "_acme-challenge.www.auth.example.org";
    assert_int_equal(answerer_put(a, "_ACME-challenge.www.auth.example.org", "one", &err), 0); /* twice now */
    answerer_remove(a, name, "one");
    answerer_remove(a, name, "other");
    answerer_remove(a, "x.auth.example.org", "one");
    answerer_remove(a, "a..b", "one");
    answerer_remove(a, name, "two");
    assert_string_equal(ask(a, name, TXT),
        "0 aa _acme-challenge.www.auth.example.org | [_acme-challenge.www.auth.example.org 16 \"one\"] | |");
    answerer_remove(a, name, "one");
    assert_string_equal(
        ask(a, name, TXT), "3 aa _acme-challenge.www.auth.example.org | | " SOA_OF("auth.example.org") " |");
    assert_string_equal(ask(a, "www.auth.example.org", TXT),
        "3 aa www.auth.example.org | | " SOA_OF("auth.example.org") " |");
    assert_int_equal(answerer_put(a, "auth.example.org", "at the top", &err), 0);
    assert_string_equal(
        ask(a, "auth.example.org", TXT), "0 aa auth.example.org | [auth.example.org 16 \"at the top\"] | |");
    assert_int_equal(answerer_put(a, "x.example.org", "one", &err), ERR_NOT_FOUND);
    assert_int_equal(answerer_put(a, "x..auth.example.org", "one", &err), ERR_INPUT);
    /* zones go and come back, as with a new configuration; values stay */
    answerer_clear_zones(a);
    assert_string_equal(ask(a, "auth.example.org", TXT), "5 auth.example.org | | |");
    struct answerer_zone z = {"example.org", NAMESERVERS, 1, "dns.example.net"};
    assert_int_equal(answerer_zone(a, &z, &err), 0);
    assert_string_equal(
        ask(a, "auth.example.org", TXT), "0 aa auth.example.org | [auth.example.org 16 \"at the top\"] | |");
    answerer_remove(a, "auth.example.org", "at the top");
    assert_string_equal(
        ask(a, "auth.example.org", TXT), "3 aa auth.example.org | | " SOA_OF("example.org") " |");
}

static void test_zones(void **state)
{
    struct answerer *a = *state;
    struct err err = ERR_INIT;
    struct answerer_zone z = {"x.auth.example.org", NAMESERVERS, 0, ""};
    assert_int_equal(answerer_zone(a, &z, &err), ERR_INPUT);
    const char *own[] = {"ns.X.auth.example.org"};
    z.nameservers = own;
    z.nameserver_n = 1;
    assert_int_equal(answerer_zone(a, &z, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "lies in the zone x.auth.example.org itself"));
    z.nameservers = NAMESERVERS + 1;
    assert_int_equal(answerer_zone(a, &z, &err), 0);
    assert_string_equal(ask(a, "y.x.auth.example.org", TXT),
        "3 aa y.x.auth.example.org | | [x.auth.example.org 6 ns2.example.net] |");
    z.nameservers = NAMESERVERS; /* said anew */
    assert_int_equal(answerer_zone(a, &z, &err), 0);
    assert_string_equal(
        ask(a, "x.auth.example.org", SOA), "0 aa x.auth.example.org | " SOA_OF("x.auth.example.org") " | |");
    char name[32];
    z.zone = name;
    for (int i = 0; i < ANSWERER_ZONES_MAX - 2; i++) {
        snprintf(name, sizeof name, "z%d.example", i);
        assert_int_equal(answerer_zone(a, &z, &err), 0);
    }
    snprintf(name, sizeof name, "more.example");
    assert_int_equal(answerer_zone(a, &z, &err), ERR_LIMIT);
}

static const char OPT[] = "\0\0\x29\x10\0\0\0\0\0\0\0";        /* 4,096 octets */
static const char OPT_DO_1[] = "\0\0\x29\x02\0\0\1\x80\0\0\0"; /* version 1, DO */
static const char OPT_SMALL[] = "\0\0\x29\0\1\0\0\0\0\0\0";    /* one octet, which counts as 512 */

static void test_edns(void **state)
{
    struct answerer *a = *state;
    struct asked q = {.name = "auth.example.org", .type = SOA, .more = OPT, .more_n = 11, .additional = 1};
    assert_string_equal(ask_max(a, &q, ANSWERER_UDP_MAX),
        "0 aa auth.example.org | " SOA_OF("auth.example.org") " | | [ 41 size=1232 ttl=00000000]");
    q.more = OPT_DO_1;
    assert_string_equal(
        ask_max(a, &q, ANSWERER_UDP_MAX), "0 auth.example.org | | | [ 41 size=1232 ttl=01008000]");
    q.additional = 2;
    char two[22];
    memcpy(two, OPT, 11);
    memcpy(two + 11, OPT, 11);
    q.more = two;
    q.more_n = 22;
    assert_string_equal(ask_max(a, &q, ANSWERER_UDP_MAX), "1 auth.example.org | | |");
}

static void test_sizes(void **state)
{
    struct answerer *a = *state;
    struct err err = ERR_INIT;
    char value[1025];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct asked q = {.name = "big.auth.example.org", .type = TXT};
    value[399] = '\0';
    assert_int_equal(answerer_put(a, q.name, value, &err), 0);
    const char *whole = "0 aa big.auth.example.org | [big.auth.example.org 16 \"xxxxxxxxxxxxxxxxxxxx\" "
                        "\"xxxxxxxxxxxxxxxxxxxx\"] | |";
    assert_string_equal(ask_max(a, &q, ANSWERER_UDP_MAX), whole);
    value[399] = 'x';
    value[700] = '\0';
    assert_int_equal(answerer_put(a, q.name, value, &err), 0);
    assert_string_equal(ask_max(a, &q, ANSWERER_UDP_MAX), "0 aa tc big.auth.example.org | | |");
    q.more = OPT_SMALL;
    q.more_n = 11;
    q.additional = 1;
    assert_string_equal(
        ask_max(a, &q, ANSWERER_UDP_MAX), "0 aa tc big.auth.example.org | | | [ 41 size=1232 ttl=00000000]");
    q.more = OPT;
    assert_null(strstr(ask_max(a, &q, ANSWERER_UDP_MAX), " tc"));
    assert_null(strstr(ask_max(a, &(struct asked){.name = q.name, .type = TXT}, MAX), " tc"));
    value[700] = 'x';
    assert_int_equal(answerer_put(a, q.name, value, &err), 0);
    assert_non_null(strstr(ask_max(a, &q, ANSWERER_UDP_MAX), " tc"));
    assert_null(strstr(ask_max(a, &q, MAX), " tc"));
    char longer[1026];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(answerer_put(a, q.name, longer, &err), ERR_LIMIT);
    /* as many as TCP takes, and not one more */
    int n = 0, r;
    do {
        snprintf(longer, sizeof longer, "%043d", n++);
    } while ((r = answerer_put(a, "many.auth.example.org", longer, &err)) == 0);
    assert_int_equal(r, ERR_LIMIT);
    assert_in_range(n, 1000, 1100);
    struct buf message = buf_new(2000), out = buf_new(MAX);
    put_query(&message, &(struct asked){.name = "many.auth.example.org", .type = TXT});
    assert_in_range(answerer_answer(a, buf_str(&message), MAX, &out), 59000, MAX);
    assert_int_equal(out.p[2] & 2, 0);
    buf_free(&message);
    buf_free(&out);
}

static size_t raw(struct answerer *a, const char *octets, size_t n, struct buf *out)
{
    buf_clear(out);
    return answerer_answer(a, (struct str){octets, n}, MAX, out);
}

static void test_odd_messages(void **state)
{
    struct answerer *a = *state;
    struct buf out = buf_new(MAX), q = buf_new(1000);
    put_query(&q, &(struct asked){.name = "auth.example.org", .type = SOA});
    char *flags = q.p + 2;
    assert_int_equal(raw(a, q.p, 11, &out), 0); /* not even a header */
    *flags = (char)0x80;
    assert_int_equal(raw(a, q.p, q.n, &out), 0); /* an answer */
    *flags = 0x28;                               /* an update: its header alone */
    assert_int_equal(raw(a, q.p, q.n, &out), 12);
    assert_memory_equal(out.p, "\xab\xcd\xa8\4\0\0\0\0\0\0\0\0", 12);
    *flags = 0;
    for (size_t n = 12; n < q.n; n++) { /* cut anywhere */
        assert_int_equal(raw(a, q.p, n, &out), 12);
        assert_memory_equal(out.p, "\xab\xcd\x80\1\0\0\0\0\0\0\0\0", 12);
    }
    buf_put(&q, "x", 1);
    raw(a, q.p, q.n, &out);
    assert_string_equal(say(buf_str(&out)), "1 auth.example.org | | |"); /* something behind it */
    q.p[5] = 2;
    raw(a, q.p, q.n - 1, &out);
    assert_string_equal(say(buf_str(&out)), "1  | | |"); /* two questions */
    q.p[5] = 0;
    raw(a, q.p, 12, &out);
    assert_string_equal(say(buf_str(&out)), "1  | | |"); /* none */
    buf_free(&q);
    buf_free(&out);
}

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage out = {0};
    int n = sizeof out;
    assert_int_equal(evutil_parse_sockaddr_port(text, (struct sockaddr *)&out, &n), 0);
    return out;
}

/* Verdicts of `n` questions at that moment, as letters. */
static const char *verdicts(struct rate *r, const char *from, int n, int64_t now_ms)
{
    static char text[1000];
    struct sockaddr_storage to = address(from);
    for (int i = 0; i < n; i++)
        text[i] = "+c-"[rate_ask(r, (struct sockaddr *)&to, now_ms)];
    text[n] = '\0';
    return text;
}

static void test_rate(void **state)
{
    struct rate *r = rate_new();
    char full[ANSWERER_RATE + 1];
    memset(full, '+', ANSWERER_RATE);
    full[ANSWERER_RATE] = '\0';
    assert_string_equal(verdicts(r, "192.0.2.1:1000", ANSWERER_RATE, 5000), full);
    assert_string_equal(verdicts(r, "192.0.2.77:53", 5, 5000), "c-c-c"); /* the same network */
    assert_string_equal(verdicts(r, "192.0.3.1:1000", 2, 5000), "++");
    assert_string_equal(verdicts(r, "[2001:db8:0:1::1]:53", ANSWERER_RATE, 5000), full);
    assert_string_equal(verdicts(r, "[2001:db8:0:ff::1]:53", 2, 5000), "c-");
    assert_string_equal(verdicts(r, "[2001:db8:0:100::1]:53", 2, 5000), "++");
    assert_string_equal(verdicts(r, "192.0.2.1:1000", 7, 5100), "+++++-c"); /* a tenth of a second later */
    assert_string_equal(verdicts(r, "192.0.2.1:1000", ANSWERER_RATE, 60000), full);
    /* so many others that the table is full many times */
    for (int i = 0; i < 20000; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.%d.%d.1:1", i / 256, i % 256);
        assert_string_equal(verdicts(r, text, 2, 60001), "++");
    }
    rate_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_edns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_messages, set_up, tear_down),
        cmocka_unit_test(test_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
