#include "containers_test.h"

static void consumers(void **state)
{
    static const struct reading_case cases[] = {
        {{"evercert.use=shop"}, "consumer evercert.use: shop none \n"},
        {{"evercert.use= shop ,a.example,shop", "evercert.on-change=signal:sighup"},
            "consumer evercert.use: shop,a.example signal HUP\n"},
        {{"evercert.use=shop", "evercert.on-change= restart "}, "consumer evercert.use: shop restart \n"},
        {{"evercert.use=shop", "evercert.on-change=action: reload-mail"},
            "consumer evercert.use: shop action reload-mail\n"},
        /* Without a name: its own certificates, whoever read them. */
        {{"evercert.domains=*.b.example", "evercert.1.domains=c.example", "evercert.1.name=one",
             "$ACME_HOST=d.example", "evercert.on-change=restart"},
            "evercert evercert.domains: *.b.example\nevercert evercert.1.domains: c.example name=one\n"
            "companion ACME_HOST: d.example\n"
            "consumer evercert.on-change: b.example,one,d.example restart \n"},
        {{"evercert.on-change=restart"},
            "! evercert.on-change: is for no certificate; name one with evercert.use, or ask for one with "
            "evercert.domains\n"},
        /* One problem is enough where its only certificate could not be read. */
        {{"evercert.on-change=restart", "evercert.domains=a..b"},
            "! evercert.domains: \"a..b\" has an empty label; two dots stand together or one in front\n"},
        {{"evercert.use="}, "! evercert.use: is empty; write the names of certificates parted by commas\n"},
        {{"evercert.use= * ", "evercert.on-change=signal:HUP"}, "consumer evercert.use: * signal HUP\n"},
        {{"evercert.use=*,shop"}, "! evercert.use: the name \"*\" may hold letters, digits, '.', '_', '-' "
                                  "and '@' only\n"},
        {{"evercert.use=a/b"}, "! evercert.use: the name \"a/b\" may hold letters, digits, '.', '_', '-' "
                               "and '@' only\n"},
        {{"evercert.use=shop", "evercert.on-change=signal:9"},
            "! evercert.on-change: \"9\" is no signal; write one such as signal:HUP or signal:USR1\n"},
        {{"evercert.use=shop", "evercert.on-change=exec:rm -rf /"},
            "! evercert.on-change: expected signal:NAME, restart or action:NAME (an entry of actions in the "
            "configuration), found \"exec:rm -rf /\"\n"},
        {{"evercert.use=shop", "evercert.on-change="},
            "! evercert.on-change: expected signal:NAME, restart or action:NAME (an entry of actions in the "
            "configuration), found \"\"\n"},
        {{"evercert.use=shop", "evercert.on-change=action:$(x)"},
            "! evercert.on-change: \"$(x)\" is no name of an action; write action:NAME with an entry of "
            "actions in the configuration\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

#define NOT_OWN                                                                                           \
    " is not the container's own, and evercert connects to nobody else for a label; write a port alone, " \
    "an address of the container, or a name that it asks for\n"

static void places_to_look_at(void **state)
{
    static const struct reading_case cases[] = {
        {{"evercert.use=shop", "evercert.verify=993, 465,0993"},
            "consumer evercert.use: shop none  verify 172.18.0.5:993,172.18.0.5:465\n"},
        {{"evercert.use=shop", "evercert.verify=172.18.0.5:443,[fd00:0:0::5]:443"},
            "consumer evercert.use: shop none  verify 172.18.0.5:443,[fd00::5]:443\n"},
        {{"evercert.domains=a.example *.b.example", "evercert.verify=A.example:443,x.b.example:25"},
            "evercert evercert.domains: a.example,*.b.example\n"
            "consumer evercert.verify: a.example none  verify a.example:443,x.b.example:25\n"},
        {{"evercert.use=Mail.example", "evercert.verify=mail.example:25"},
            "consumer evercert.use: Mail.example none  verify mail.example:25\n"},
        {{"evercert.use=shop", "evercert.on-change=restart", "evercert.verify=other.example:25"},
            "consumer evercert.use: shop restart \n! evercert.verify: \"other.example:25\"" NOT_OWN},
        {{"evercert.use=shop", "evercert.verify=127.0.0.1:25"},
            "consumer evercert.use: shop none \n! evercert.verify: \"127.0.0.1:25\"" NOT_OWN},
        {{"evercert.use=shop", "evercert.verify=localhost:25"},
            "consumer evercert.use: shop none \n! evercert.verify: \"localhost:25\"" NOT_OWN},
        {{"evercert.use=shop", "evercert.verify=169.254.169.254:80"},
            "consumer evercert.use: shop none \n! evercert.verify: \"169.254.169.254:80\"" NOT_OWN},
        {{"evercert.domains=*.b.example", "evercert.verify=x.y.b.example:25"},
            "evercert evercert.domains: *.b.example\nconsumer evercert.verify: b.example none \n"
            "! evercert.verify: \"x.y.b.example:25\"" NOT_OWN},
        {{"evercert.use=shop", "evercert.verify=0"},
            "consumer evercert.use: shop none \n! evercert.verify: expected a host and a port such as "
            "example.org:443 or [2001:db8::1]:443, found \"0\"; a port alone is one of the container "
            "itself\n"},
        {{"evercert.use=shop", "evercert.verify=,"},
            "consumer evercert.use: shop none \n! evercert.verify: is empty; write a port, or host:port\n"},
    };
    expect_said(cases, ARRAY_LEN(cases), ALL_READERS);
}

/* Whether the container listens at the host's own addresses is the engine's word, not a label's. */
static void at_the_host(void **state)
{
    struct arena *a = arena_new();
    struct subject s;
    subject_init(&s);
    s.c.network_mode = "host";
    s.c.network_n = 0;
    subject_add(&s, a, "evercert.use=shop");
    subject_add(&s, a, "evercert.verify=993,localhost:25,127.0.0.1:26,[::1]:27");
    assert_string_equal(said(&s, ALL_READERS, a),
        "consumer evercert.use: shop none  verify 127.0.0.1:993,localhost:25,127.0.0.1:26,[::1]:27\n");
    s.c.service = true;
    assert_string_equal(said(&s, ALL_READERS, a),
        "consumer evercert.use: shop none \n! evercert.verify: a port alone needs an address of the "
        "container, "
        "which has none; write host:port with one of its own names\n");
    arena_free(a);
}

static void signals(void **state)
{
    assert_string_equal(signal_name("HUP"), "HUP");
    assert_string_equal(signal_name("sigusr1"), "USR1");
    assert_string_equal(signal_name("SIGWINCH"), "WINCH");
    static const char *const none[] = {"", "SIG", "1", "SIGSIGHUP", "RTMIN", "HUP ", "HUP;reboot"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_null(signal_name(none[i]));
}

static void readers(void **state)
{
    for (int i = 0; i < READER_END_; i++) {
        enum claim_reader r = READER_END_;
        assert_true(claim_reader_parse(claim_reader_text((enum claim_reader)i), &r));
        assert_int_equal(r, i);
    }
    enum claim_reader r;
    assert_false(claim_reader_parse("nginx", &r));
    static const struct reading_case off[] = {
        {{"evercert.domains=a.example", "evercert.use=x", "evercert.nonsense=y", "evercert.dns=inwx",
             "caddy=b.example"},
            "caddy caddy: b.example\n"},
    };
    expect_said(off, ARRAY_LEN(off), 1 << READER_CADDY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumers),
        cmocka_unit_test(places_to_look_at),
        cmocka_unit_test(at_the_host),
        cmocka_unit_test(signals),
        cmocka_unit_test(readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
