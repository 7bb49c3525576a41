#include "crypto/chain.h"

#include "test_certs.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { CERTS_MAX = 16 };

static const char usual_ca[] = "critical,CA:TRUE";
static const char usual_ca_usage[] = "critical,keyCertSign,cRLSign";

/* Two CAs, a sound chain for example.com and www.example.com, and the names asked for. */
struct fixture {
    struct arena *a;
    struct key *root_key, *middle_key, *key, *other_key;
    struct test_cert root, middle;
    const char *root_pem, *middle_pem;
    struct str names[4];
    size_t name_n;
    char key_hash[65]; /* "": the key itself is known */
};

static const struct cert_spec sound = {.san = "DNS:example.com,DNS:www.example.com",
    .ca = "CA:FALSE",
    .key_usage = "digitalSignature",
    .eku = "serverAuth,clientAuth"};

static int set_up(void **state)
{
    static struct fixture f;
    const struct cert_spec root = {.cn = "Root", .ca = usual_ca, .key_usage = usual_ca_usage};
    const struct cert_spec middle = {.cn = "Middle", .ca = usual_ca, .key_usage = usual_ca_usage};
    f.a = arena_new();
    f.root_key = test_key();
    f.middle_key = test_key();
    f.key = test_key();
    f.other_key = test_key();
    f.root = test_cert_make(&root, f.root_key, NULL);
    f.middle = test_cert_make(&middle, f.middle_key, &f.root);
    f.root_pem = test_cert_pem(f.a, f.root.x);
    f.middle_pem = test_cert_pem(f.a, f.middle.x);
    f.names[0] = STR("www.example.com");
    f.names[1] = STR("example.com");
    f.name_n = 2;
    f.key_hash[0] = '\0';
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    X509_free(f->root.x);
    X509_free(f->middle.x);
    key_free(f->root_key);
    key_free(f->middle_key);
    key_free(f->key);
    key_free(f->other_key);
    arena_free(f->a);
    return 0;
}

/* PEM of a certificate made and forgotten. */
static const char *made(
    struct fixture *f, struct cert_spec spec, struct key *key, const struct test_cert *issuer)
{
    struct test_cert c = test_cert_make(&spec, key, issuer);
    const char *pem = test_cert_pem(f->a, c.x);
    X509_free(c.x);
    return pem;
}

static const char *leaf(struct fixture *f, struct cert_spec spec)
{
    return made(f, spec, f->key, &f->middle);
}

/* The leaf with the sound rest of the chain. */
static const char *with_rest(struct fixture *f, const char *leaf_pem)
{
    return arena_printf(f->a, "%s%s%s", leaf_pem, f->middle_pem, f->root_pem);
}

static int verify(struct fixture *f, const char *pem, struct chain *c, struct err *err)
{
    const struct chain_rule rule = {.key = f->key_hash[0] == '\0' ? f->key : NULL,
        .key_hash = f->key_hash,
        .names = f->names,
        .name_n = f->name_n,
        .max_certs = CERTS_MAX,
        .now = {TEST_NOW_S}};
    return chain_verify(str_c(pem), &rule, f->a, c, err);
}

static void passes(struct fixture *f, const char *pem, size_t n)
{
    struct chain c;
    struct err err = ERR_INIT;
    if (verify(f, pem, &c, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(c.n, n);
}

static void fails(struct fixture *f, const char *pem, int code, const char *words)
{
    struct chain c = {.n = 77};
    struct err err = ERR_INIT;
    assert_int_equal(verify(f, pem, &c, &err), code);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_int_equal(c.n, 77);
}

static void sound_chains_pass(void **state)
{
    struct fixture *f = *state;
    const char *l = leaf(f, sound);
    passes(f, l, 1);
    passes(f, arena_printf(f->a, "%s%s", l, f->middle_pem), 2);
    passes(f, with_rest(f, l), 3);
    struct cert_spec s = sound;
    s.san = "DNS:WWW.EXAMPLE.COM,DNS:Example.com,DNS:example.com";
    passes(f, with_rest(f, leaf(f, s)), 3);
    s = sound;
    s.eku = s.ca = s.key_usage = NULL;
    s.cn = "example.com";
    passes(f, with_rest(f, leaf(f, s)), 3);
    s.eku = "anyExtendedKeyUsage";
    passes(f, with_rest(f, leaf(f, s)), 3);
    passes(f, made(f, sound, f->key, NULL), 1); /* self-signed */
}

static void the_key_must_be_ours(void **state)
{
    struct fixture *f = *state;
    fails(f, with_rest(f, made(f, sound, f->other_key, &f->middle)), ERR_VERIFY, "for another key");
    struct key *rsa = NULL;
    assert_int_equal(key_generate(KEY_RSA_2048, &rsa, NULL), 0);
    fails(f, with_rest(f, made(f, sound, rsa, &f->middle)), ERR_VERIFY, "(key rsa-2048) is for another key");
    key_free(rsa);
}

static void the_names_must_be_ours(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *san, *words;
    } rows[] = {
        {NULL, "lacks the name example.com"},
        {"DNS:example.com", "lacks the name www.example.com"},
        {"DNS:www.example.com", "lacks the name example.com"},
        {"DNS:example.com,DNS:www.example.org", "lacks the name www.example.com"},
        {"DNS:*.example.com,DNS:example.com", "also for *.example.com"},
        {"DNS:example.com,DNS:www.example.com,DNS:evil.example", "also for evil.example"},
        {"DNS:example.com,DNS:www.example.com,DNS:zzz.example", "also for zzz.example"},
        {"DNS:example.com,DNS:www.example.com.", "lacks the name www.example.com"},
        {"DNS:example.com,DNS:www.example.com,IP:192.0.2.1", "also for 192.0.2.1"},
        {"IP:192.0.2.1", "lacks the name example.com"},
        {"DNS:example.com,DNS:www.example.com,email:a@example.com", "also for an e-mail address"},
        {"DNS:example.com,DNS:www.example.com,URI:http://x/", "also for a URI"},
        {"DNS:example.com,DNS:www.example.com,RID:1.2.3.4", "unknown kind"},
        {"DNS:example.com,DNS:www.example.com,otherName:1.2.3.4;UTF8:x", "unknown kind"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cert_spec s = sound;
        s.cn = "www.example.com"; /* counts for nothing */
        s.san = rows[i].san;
        fails(f, with_rest(f, leaf(f, s)), ERR_VERIFY, rows[i].words);
    }
}

/* RFC 8738 3: an address is an iPAddress, whatever else looks like one. */
static void addresses_are_names(void **state)
{
    struct fixture mine = *(struct fixture *)*state, *f = &mine;
    struct cert_spec s = sound;
    f->names[0] = STR("2001:db8::1");
    f->names[1] = STR("example.com");
    f->names[2] = STR("192.0.2.1");
    f->name_n = 3;
    s.san = "IP:192.0.2.1,IP:2001:DB8:0:0:0:0:0:1,DNS:example.com,IP:192.0.2.1";
    passes(f, with_rest(f, leaf(f, s)), 3);
    static const struct {
        const char *san, *words;
    } rows[] = {
        {"DNS:example.com,IP:2001:db8::1", "lacks the name 192.0.2.1"},
        {"DNS:example.com,IP:192.0.2.1", "lacks the name 2001:db8::1"},
        {"DNS:example.com,DNS:192.0.2.1,IP:2001:db8::1", "also for 192.0.2.1, which"},
        {"IP:192.0.2.1,IP:2001:db8::1", "lacks the name example.com"},
        {"DNS:example.com,IP:192.0.2.1,IP:2001:db8::1,IP:192.0.2.2", "also for 192.0.2.2"},
        {"DNS:example.com,IP:192.0.2.1,IP:2001:db8::2", "lacks the name 2001:db8::1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        s.san = rows[i].san;
        fails(f, with_rest(f, leaf(f, s)), ERR_VERIFY, rows[i].words);
    }
    /* Four octets that spell a name, and a number of octets that is no address's. */
    for (int n = 3; n <= 17; n += 14) {
        GENERAL_NAMES *san = GENERAL_NAMES_new();
        GENERAL_NAME *g = GENERAL_NAME_new();
        ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
        ASN1_STRING_set(octets, "\xc0\0\2\1\xc0\0\2\1\xc0\0\2\1\xc0\0\2\1\1", n);
        GENERAL_NAME_set0_value(g, GEN_IPADD, octets);
        sk_GENERAL_NAME_push(san, g);
        s.san = NULL;
        struct test_cert c = test_cert_make(&s, f->key, &f->middle);
        assert_int_equal(X509_add1_ext_i2d(c.x, NID_subject_alt_name, san, 0, X509V3_ADD_DEFAULT), 1);
        fails(f, test_cert_pem(f->a, c.x), ERR_VERIFY, "an IP address of an impossible length");
        GENERAL_NAMES_free(san);
        X509_free(c.x);
    }
}

static void somebody_elses_key_is_known_by_its_hash(void **state)
{
    struct fixture mine = *(struct fixture *)*state, *f = &mine;
    assert_int_equal(key_spki_sha256(f->key, f->key_hash, NULL), 0);
    passes(f, with_rest(f, leaf(f, sound)), 3);
    fails(f, with_rest(f, made(f, sound, f->other_key, &f->middle)), ERR_VERIFY, "for another key");
    f->key_hash[63] ^= 1;
    fails(f, with_rest(f, leaf(f, sound)), ERR_VERIFY, "for another key");
}

static void chains_are_ranked(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    const char *two = arena_printf(f->a, "%s%s", leaf(f, sound), f->middle_pem);
    assert_int_equal(chain_parse(str_c(two), CERTS_MAX, f->a, &c, NULL), 0);
    const char *print = c.links[1].fingerprint;
    struct buf colons = buf_new(200);
    for (size_t i = 0; i < 64; i += 2)
        buf_printf(&colons, "%s%c%c", i > 0 ? ":" : "", print[i] >= 'a' ? print[i] - 32 : print[i],
            print[i + 1] >= 'a' ? print[i + 1] - 32 : print[i + 1]);
    const struct {
        const char *preferred[3];
        size_t n;
        uint32_t rank;
    } rows[] = {
        {{NULL}, 0, UINT32_MAX},
        {{"Other"}, 1, UINT32_MAX},
        {{"Root"}, 1, 0}, /* not sent, but the issuer of the last */
        {{"Other", "Middle"}, 2, 1},
        {{"Other", "Middle", "Root"}, 3, 1},
        {{"root"}, 1, UINT32_MAX},
        {{"Roo"}, 1, UINT32_MAX},
        {{"CN=Root"}, 1, UINT32_MAX},
        {{""}, 1, UINT32_MAX},
        {{print}, 1, 0},
        {{"", buf_c(&colons)}, 2, 1},
        {{c.fingerprint}, 1, 0},
        {{arena_printf(f->a, "%s0", print)}, 1, UINT32_MAX},
        {{arena_printf(f->a, "%.63s", print)}, 1, UINT32_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (chain_rank(&c, rows[i].preferred, rows[i].n) != rows[i].rank)
            fail_msg("row %zu", i);
    assert_int_equal(chain_parse(str_c(leaf(f, sound)), CERTS_MAX, f->a, &c, NULL), 0);
    assert_int_equal(chain_rank(&c, rows[2].preferred, 1), UINT32_MAX);
    buf_free(&colons);
}

/* A certificate for a directory's CAs or from a CA without names. */
static void an_issuer_without_a_name_is_none(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    static const char *const preferred[] = {"", "?"};
    const struct cert_spec nameless = {.san = "DNS:example.com"};
    assert_int_equal(chain_parse(str_c(made(f, nameless, f->key, NULL)), CERTS_MAX, f->a, &c, NULL), 0);
    assert_int_equal(c.links[0].issuer_name.n, 0);
    assert_int_equal(chain_rank(&c, preferred, 2), UINT32_MAX);
}

static void a_nul_in_a_name_hides_nothing(void **state)
{
    struct fixture *f = *state;
    static const struct str in_it[] = {{"example.com", 11}, {"www.example.com\0.evil", 21}};
    struct cert_spec s = sound;
    s.san = NULL;
    struct test_cert c = test_cert_make(&s, f->key, &f->middle);
    GENERAL_NAMES *san = GENERAL_NAMES_new();
    for (size_t i = 0; i < 2; i++) {
        GENERAL_NAME *g = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, in_it[i].p, (int)in_it[i].n);
        GENERAL_NAME_set0_value(g, GEN_DNS, text);
        sk_GENERAL_NAME_push(san, g);
    }
    assert_int_equal(X509_add1_ext_i2d(c.x, NID_subject_alt_name, san, 0, X509V3_ADD_DEFAULT), 1);
    fails(f, test_cert_pem(f->a, c.x), ERR_VERIFY, "lacks the name www.example.com");
    GENERAL_NAMES_free(san);
    X509_free(c.x);
}

static void the_dates_must_cover_now(void **state)
{
    struct fixture *f = *state;
    struct cert_spec s = sound;
    s.from_s = -90 * TEST_DAY_S;
    s.to_s = 0;
    fails(f, with_rest(f, leaf(f, s)), ERR_VERIFY,
        "expired at 2027-01-15T08:00:00Z and it is 2027-01-15T08:00:00Z");
    s.to_s = 1;
    passes(f, with_rest(f, leaf(f, s)), 3);
    s.from_s = CHAIN_CLOCK_SKEW_S;
    s.to_s = (int64_t)11 * 366 * TEST_DAY_S;
    passes(f, with_rest(f, leaf(f, s)), 3);
    s.from_s = 2 * 3600; /* a CA whose clock is two hours ahead */
    passes(f, with_rest(f, leaf(f, s)), 3);
    s.from_s = 3 * TEST_DAY_S;
    fails(f, with_rest(f, leaf(f, s)), ERR_VERIFY, "not valid before 2027-01-18T08:00:00Z");
    s.from_s = CHAIN_CLOCK_SKEW_S;
    s.from_s++;
    fails(f, with_rest(f, leaf(f, s)), ERR_VERIFY, "not valid before 2027-01-15T11:00:01Z");
}

static void the_leaf_must_be_a_servers(void **state)
{
    struct fixture *f = *state;
    struct cert_spec s = sound;
    s.ca = "CA:TRUE";
    fails(f, with_rest(f, leaf(f, s)), ERR_VERIFY, "CA:TRUE");
    s = sound;
    s.eku = "clientAuth";
    fails(f, with_rest(f, leaf(f, s)), ERR_VERIFY, "no serverAuth");
}

static void links_must_hold(void **state)
{
    struct fixture *f = *state;
    const char *l = leaf(f, sound);
    fails(f, arena_printf(f->a, "%s%s", l, f->root_pem), ERR_VERIFY,
        "certificate 1 of the chain () was not issued by the next one (CN=Root)");
    fails(f, arena_printf(f->a, "%s%s%s", l, f->root_pem, f->middle_pem), ERR_VERIFY,
        "was not issued by the next one");
    fails(f, arena_printf(f->a, "%s%s%s", f->middle_pem, l, f->root_pem), ERR_VERIFY, "for another key");
    fails(f, arena_printf(f->a, "%s%s%s", l, f->middle_pem, f->middle_pem), ERR_VERIFY,
        "certificate 3 of the chain is the same as certificate 2 (CN=Middle)");
    fails(f, arena_printf(f->a, "%s%s", l, l), ERR_VERIFY,
        "certificate 2 of the chain is the same as certificate 1");
    /* the right name, the wrong key */
    const struct cert_spec middle = {.cn = "Middle", .ca = usual_ca, .key_usage = usual_ca_usage};
    fails(f, arena_printf(f->a, "%s%s%s", l, made(f, middle, f->other_key, &f->root), f->root_pem),
        ERR_VERIFY, "certificate 1 of the chain () does not bear the signature of the next one (CN=Middle)");
    const struct cert_spec root = {.cn = "Root", .ca = usual_ca, .key_usage = usual_ca_usage};
    fails(f, arena_printf(f->a, "%s%s%s", l, f->middle_pem, made(f, root, f->other_key, NULL)), ERR_VERIFY,
        "certificate 2 of the chain (CN=Middle) does not bear the signature of the next one (CN=Root)");
}

static void issuers_must_be_cas(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *ca, *usage, *words;
    } rows[] = {
        {NULL, usual_ca_usage, "is no CA's"},
        {NULL, NULL, "is no CA's"},
        {"CA:FALSE", usual_ca_usage, "is no CA's"},
        {usual_ca, "digitalSignature", "no keyCertSign"},
        {usual_ca, NULL, NULL},
    };
    const char *l = leaf(f, sound);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct cert_spec s = {.cn = "Middle", .ca = rows[i].ca, .key_usage = rows[i].usage};
        const char *pem = arena_printf(f->a, "%s%s%s", l, made(f, s, f->middle_key, &f->root), f->root_pem);
        if (rows[i].words != NULL)
            fails(f, pem, ERR_VERIFY, rows[i].words);
        else
            passes(f, pem, 3);
    }
}

/* A chain of as many sound CAs as asked for. */
static const char *long_chain(struct fixture *f, size_t n)
{
    const struct cert_spec ca = {.cn = "Root", .ca = usual_ca, .key_usage = usual_ca_usage};
    struct test_cert issuer = test_cert_make(&ca, f->middle_key, NULL);
    const char *text = test_cert_pem(f->a, issuer.x);
    for (size_t i = 1; i < n; i++) {
        struct cert_spec s = ca;
        s.cn = arena_printf(f->a, "CA %zu", i);
        struct test_cert c =
            i + 1 < n ? test_cert_make(&s, f->middle_key, &issuer) : test_cert_make(&sound, f->key, &issuer);
        text = arena_printf(f->a, "%s%s", test_cert_pem(f->a, c.x), text);
        X509_free(issuer.x);
        issuer = c;
    }
    X509_free(issuer.x);
    return text;
}

static void chains_have_an_end(void **state)
{
    struct fixture *f = *state;
    passes(f, long_chain(f, CERTS_MAX), CERTS_MAX);
    fails(f, long_chain(f, CERTS_MAX + 1), ERR_LIMIT, "more than 16 certificates");
}

static void the_text_must_be_clean(void **state)
{
    struct fixture *f = *state;
    struct buf key = buf_new_sensitive(1000);
    assert_int_equal(key_to_pem(f->key, &key, NULL), 0);
    fails(f, with_rest(f, arena_printf(f->a, "%s%s", leaf(f, sound), buf_c(&key))), ERR_INPUT, "PRIVATE KEY");
    fails(f, with_rest(f, arena_printf(f->a, "%s# Middle\n", leaf(f, sound))), ERR_INPUT, "text that is no");
    fails(f, "", ERR_INPUT, "no certificate");
    buf_free(&key);
}

/* A certificate signed over other contents: one bit of the leaf's name list differs. */
static void changed_bytes_are_seen(void **state)
{
    struct fixture *f = *state;
    struct cert_spec s = sound;
    s.san = "DNS:example.com,DNS:xww.example.com";
    struct test_cert c = test_cert_make(&s, f->key, &f->middle);
    unsigned char *der = NULL;
    int n = i2d_X509(c.x, &der);
    X509_free(c.x);
    char *at = memmem(der, (size_t)n, "xww", 3);
    assert_non_null(at);
    *at = 'w';
    const unsigned char *p = der;
    c.x = d2i_X509(NULL, &p, n);
    fails(f, with_rest(f, test_cert_pem(f->a, c.x)), ERR_VERIFY, "does not bear the signature");
    X509_free(c.x);
    OPENSSL_free(der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_chains_pass),
        cmocka_unit_test(the_key_must_be_ours),
        cmocka_unit_test(the_names_must_be_ours),
        cmocka_unit_test(addresses_are_names),
        cmocka_unit_test(somebody_elses_key_is_known_by_its_hash),
        cmocka_unit_test(chains_are_ranked),
        cmocka_unit_test(an_issuer_without_a_name_is_none),
        cmocka_unit_test(a_nul_in_a_name_hides_nothing),
        cmocka_unit_test(the_dates_must_cover_now),
        cmocka_unit_test(the_leaf_must_be_a_servers),
        cmocka_unit_test(links_must_hold),
        cmocka_unit_test(issuers_must_be_cas),
        cmocka_unit_test(chains_have_an_end),
        cmocka_unit_test(the_text_must_be_clean),
        cmocka_unit_test(changed_bytes_are_seen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
