/* What one answer says of a value, and when to ask again. */
#include "dns/propagation_judge.h"

#include "octets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define NAME  "_acme-challenge.example.org"
#define VALUE "value"

static void expect(struct octets *o, enum propagation_state state, const char *text)
{
    struct arena *arena = arena_new();
    struct message m;
    const char *said;
    assert_int_equal(message_read(octets_str(o), arena, &m, NULL), 0);
    assert_int_equal(propagation_judge(&m, NAME, VALUE, arena, &said), state);
    assert_string_equal(said, text);
    arena_free(arena);
    octets_free(o);
}

static struct octets answer(unsigned bits)
{
    return octets_new(BIT_ANSWER | bits, NAME);
}

static void test_values(void **state)
{
    struct octets o = answer(BIT_AUTHORITATIVE);
    octets_txt(&o, NAME, "other");
    octets_txt(&o, "_Acme-Challenge.Example.ORG", VALUE);
    expect(&o, PROPAGATION_SEEN, "has it");
    o = answer(BIT_AUTHORITATIVE);
    octets_txt(&o, NAME, "VALUE");
    expect(&o, PROPAGATION_MISSING, "has 1 other value");
    o = answer(BIT_AUTHORITATIVE);
    octets_txt(&o, NAME, "valu");
    octets_txt(&o, NAME, "value ");
    octets_txt(&o, "other.example.org", VALUE);
    expect(&o, PROPAGATION_MISSING, "has 2 other values");
    o = answer(BIT_AUTHORITATIVE);
    expect(&o, PROPAGATION_MISSING, "has no TXT record there");
    o = answer(BIT_AUTHORITATIVE | RCODE_NXDOMAIN);
    expect(&o, PROPAGATION_MISSING, "has no such name (NXDOMAIN)");
}

static void test_aliases(void **state)
{
    struct octets o = answer(BIT_AUTHORITATIVE);
    octets_named(&o, NAME, T_CNAME, "x.example.net");
    expect(&o, PROPAGATION_MISSING, "has a CNAME to x.example.net there");
    o = answer(BIT_AUTHORITATIVE);
    octets_named(&o, NAME, T_CNAME, NAME);
    expect(&o, PROPAGATION_MISSING, "the CNAMEs of " NAME " have no end: " NAME " leads to " NAME);
}

static void test_lame(void **state)
{
    struct octets o = answer(0);
    octets_txt(&o, NAME, VALUE); /* of its cache */
    expect(&o, PROPAGATION_LAME, "lame: it answers without authority for the zone");
    o = answer(0);
    o.section = 1;
    octets_named(&o, "sub.example.org", T_NS, "ns.sub.example.org");
    expect(&o, PROPAGATION_LAME, "lame: it refers to the servers of sub.example.org");
    o = answer(RCODE_REFUSED);
    expect(&o, PROPAGATION_LAME, "REFUSED: it does not serve the zone");
    o = answer(RCODE_NOTAUTH);
    expect(&o, PROPAGATION_LAME, "NOTAUTH: it does not serve the zone");
    o = answer(RCODE_NOTIMP);
    expect(&o, PROPAGATION_LAME, "NOTIMP");
    o = answer(RCODE_SERVFAIL | BIT_AUTHORITATIVE);
    o.section = 2;
    octets_record(&o, "", T_OPT, "\0\x0f\0\2\0\x0e", 6);
    expect(&o, PROPAGATION_LAME, "SERVFAIL: it has no usable copy of the zone (not ready)");
}

static void test_pauses(void **state)
{
    int pause = propagation_pause(0), n = 0;
    assert_int_equal(pause, PROPAGATION_FIRST_MS);
    assert_int_equal(propagation_pause(pause), PROPAGATION_FIRST_MS * 9 / 8);
    while (pause < PROPAGATION_CEILING_MS) {
        int next = propagation_pause(pause);
        assert_true(next > pause && next <= pause + pause / 8);
        pause = next;
        assert_true(++n < 40);
    }
    assert_int_equal(propagation_pause(pause), PROPAGATION_CEILING_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_lame),
        cmocka_unit_test(test_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
