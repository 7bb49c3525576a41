/* Updates: the octets that are sent, and what answers to them are taken for. */
#include "dns/update.h"

#include "base/attr.h"
#include "dns/internal.h"
#include "dns/update_message.h"
#include "loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECRET "c2VjcmV0IG9mIHRoZSB0ZXN0cw=="

static const char *const ONE[] = {"va\"l\\ue"};

static struct dns_update_spec a_spec(void)
{
    return (struct dns_update_spec){.server = "192.0.2.1",
        .zone = "a.example",
        .name = "x.a.example",
        .ttl = 60,
        .add = ONE,
        .add_n = 1,
        .key_name = "A-Key.",
        .key_algorithm = "HMAC-SHA256",
        .key_secret = SECRET "\n"};
}

static void test_octets(void **state)
{
    struct dns_update_spec spec = a_spec();
    struct update_message m;
    struct err err = ERR_INIT;
    const char *removed[] = {"b"};
    spec.key_name = "";
    spec.remove = removed;
    spec.remove_n = 1;
    assert_int_equal(update_message_build(&spec, &m, &err), 0);
    static const unsigned char expected[] = "\x28\0" /* opcode UPDATE, no other bit */
                                            "\0\1\0\0\0\2\0\0"
                                            "\1a\7example\0\0\6\0\1"
                                            "\1x\1a\7example\0\0\x10\0\xfe\0\0\0\0\0\2\1b" /* class NONE */
                                            "\1x\1a\7example\0\0\x10\0\1\0\0\0\x3c\0\x8\7va\"l\\ue";
    /* ldns may compress the names of records; none of these versions does in updates' data */
    assert_int_equal((unsigned char)m.octets.p[0] << 8 | (unsigned char)m.octets.p[1], (int)m.octets.n - 2);
    struct wire w = wire_of((struct str){m.octets.p + 2, m.octets.n - 2}),
                e = {expected, sizeof expected - 1, 10, false};
    assert_int_equal(wire_16(&w), m.id);
    assert_memory_equal(w.p + 2, expected, 10);
    wire_skip(&w, 10);
    for (int i = 0; i < 3; i++) {
        struct wire_name got, wanted;
        wire_name(&w, &got);
        wire_name(&e, &wanted);
        assert_true(wire_name_eq(&got, &wanted));
        size_t n = i == 0 ? 4 : 10U + e.p[e.at + 9];
        assert_memory_equal(w.p + w.at, e.p + e.at, n);
        wire_skip(&w, n);
        wire_skip(&e, n);
    }
    assert_false(w.bad);
    assert_int_equal(w.at, w.n);
    update_message_free(&m);
}

static void refused(const struct dns_update_spec *spec, int code, const char *words)
{
    struct update_message m;
    struct err err = ERR_INIT;
    assert_int_equal(update_message_build(spec, &m, &err), code);
    if (strstr(err.text, words) == NULL)
        fail_msg("%s", err.text);
    assert_null(strstr(err.text, SECRET));
}

static void test_bad_input(void **state)
{
    struct dns_update_spec spec = a_spec();
    spec.name = "x.b.example";
    refused(&spec, ERR_INPUT, "does not lie in the zone a.example");
    spec = a_spec();
    spec.name = "x..a.example";
    refused(&spec, ERR_INPUT, "empty label");
    spec = a_spec();
    spec.key_algorithm = "hmac-sha3";
    refused(&spec, ERR_INPUT, "hmac-sha256 or hmac-sha512");
    spec.key_algorithm = "hmac-sha256";
    spec.key_secret = SECRET "x";
    refused(&spec, ERR_INPUT, "no base64");
    char much[DNS_TSIG_SECRET_MAX + 1];
    memset(much, 'a', sizeof much - 1);
    much[sizeof much - 1] = '\0';
    spec.key_secret = much;
    refused(&spec, ERR_INPUT, "longer than");
    spec = a_spec();
    spec.key_name = "a\\065";
    refused(&spec, ERR_INPUT, "odd character");
    const char *values[DNS_UPDATE_VALUES_MAX + 1] = {much};
    spec = a_spec();
    spec.add = values;
    spec.add_n = DNS_UPDATE_VALUES_MAX + 1;
    refused(&spec, ERR_LIMIT, "more than 32 values");
    for (size_t i = 0; i < DNS_UPDATE_VALUES_MAX; i++)
        values[i] = much;
    spec.add_n = DNS_UPDATE_VALUES_MAX;
    refused(&spec, ERR_LIMIT, "larger than");
    struct dns_update *u;
    struct err err = ERR_INIT;
    struct event_base *base = event_base_new();
    spec = a_spec();
    spec.server = "ns.example:53";
    assert_int_equal(dns_update_start(base, &spec, NULL, NULL, &u, &err), ERR_INPUT);
    event_base_free(base);
}

/* An answer to `m` as ldns makes it: `error` and `other` of the signature are set after it. */
static struct buf answer_of(const struct update_message *m, unsigned rcode, const char *secret)
{
    ldns_pkt *packet = ldns_pkt_new();
    uint8_t *octets;
    size_t n;
    ldns_pkt_set_id(packet, (uint16_t)m->id);
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_opcode(packet, LDNS_PACKET_UPDATE);
    ldns_pkt_set_rcode(packet, (uint8_t)rcode);
    ldns_rdf *mac = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, m->mac_n, m->mac);
    if (secret != NULL)
        assert_int_equal(
            ldns_pkt_tsig_sign(packet, "a-key", secret, 300, "hmac-sha256.", mac), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt2wire(&octets, packet, &n), LDNS_STATUS_OK);
    struct buf out = buf_new(1000);
    buf_put(&out, octets, n);
    free(octets);
    ldns_rdf_deep_free(mac);
    ldns_pkt_free(packet);
    return out;
}

/* `octets` is freed. */
static void judged(
    const struct update_message *m, struct buf octets, int64_t now, int code, const char *words)
{
    struct err err = ERR_INIT;
    assert_int_equal(update_message_judge(m, buf_str(&octets), now, &err), code);
    if (words != NULL && strstr(err.text, words) == NULL)
        fail_msg("%s", err.text);
    buf_free(&octets);
}

static void test_signed_answers(void **state)
{
    struct dns_update_spec spec = a_spec();
    struct update_message m;
    struct err err = ERR_INIT;
    int64_t now = time(NULL);
    assert_int_equal(update_message_build(&spec, &m, &err), 0);
    judged(&m, answer_of(&m, 0, SECRET), now, 0, NULL);
    judged(&m, answer_of(&m, 0, SECRET), now + 299, 0, NULL);
    judged(&m, answer_of(&m, 0, SECRET), now + 400, ERR_REFUSED, "ahead of that of the server");
    judged(&m, answer_of(&m, 0, SECRET), now - 400, ERR_REFUSED, "behind that of the server");
    judged(&m, answer_of(&m, 0, "b3RoZXI="), now, ERR_VERIFY, "does not verify");
    judged(&m, answer_of(&m, 0, NULL), now, ERR_VERIFY, "without a signature");
    judged(&m, answer_of(&m, 5, NULL), now, ERR_REFUSED, "(REFUSED)");
    static const struct {
        unsigned rcode;
        int code;
        const char *words;
    } codes[] = {{1, ERR_INPUT, "FORMERR"}, {2, ERR_NETWORK, "SERVFAIL"}, {4, ERR_REFUSED, "NOTIMP"},
        {9, ERR_REFUSED, "NOTAUTH"}, {10, ERR_INPUT, "NOTZONE"}, {7, ERR_FAILED, "code 7"}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        judged(&m, answer_of(&m, codes[i].rcode, SECRET), now, codes[i].code, codes[i].words);
    unsigned char last = m.mac[m.mac_n - 1]++; /* an answer to another request */
    struct buf other = answer_of(&m, 0, SECRET);
    m.mac[m.mac_n - 1] = last;
    judged(&m, other, now, ERR_VERIFY, "does not verify");
    /* two signatures: only one can be the last record */
    struct buf twice = answer_of(&m, 0, SECRET);
    size_t n = twice.n - 12;
    char copy[500];
    memcpy(copy, twice.p + 12, n);
    buf_put(&twice, copy, n);
    twice.p[11]++;
    judged(&m, twice, now, ERR_NETWORK, "no answer");
    update_message_free(&m);
}

/* An answer with this error of TSIG, which is not signed for it, as BADKEY and BADSIG are. */
static struct buf error_of(const struct update_message *m, unsigned error, int64_t server)
{
    struct buf out = buf_new(1000);
    struct wire_name key, algorithm;
    assert_int_equal(wire_name_of("a-key", &key, NULL), 0);
    assert_int_equal(wire_name_of("hmac-sha256", &algorithm, NULL), 0);
    wire_put_16(&out, m->id);
    wire_put_16(&out, 0xa809);
    buf_put(&out, "\0\0\0\0\0\0\0\1", 8);
    wire_put_name(&out, &key);
    buf_put(&out, "\0\xfa\0\xff\0\0\0\0", 8);
    wire_put_16(&out, (unsigned)(algorithm.n + 6 + 2 + 2 + 2 + 2 + 2 + (server >= 0 ? 6 : 0)));
    wire_put_name(&out, &algorithm);
    buf_put(&out, "\0\0\0\0\0\0\1\x2c\0\0\0\0", 12); /* time, fudge, no MAC, id */
    wire_put_16(&out, error);
    wire_put_16(&out, server >= 0 ? 6 : 0);
    if (server >= 0) {
        wire_put_16(&out, (unsigned)(server >> 32));
        wire_put_32(&out, (uint32_t)server);
    }
    return out;
}

static void test_errors_of_signatures(void **state)
{
    struct dns_update_spec spec = a_spec();
    struct update_message m;
    struct err err = ERR_INIT;
    assert_int_equal(update_message_build(&spec, &m, &err), 0);
    judged(&m, error_of(&m, 16, -1), 1000, ERR_REFUSED, "(BADSIG)");
    judged(&m, error_of(&m, 17, -1), 1000, ERR_REFUSED, "it has no key \"a-key\" for hmac-sha256 (BADKEY)");
    judged(&m, error_of(&m, 18, 5000000000), 5000003600, ERR_REFUSED,
        "is 1h ahead of that of the server (BADTIME)");
    judged(&m, error_of(&m, 18, 5000000000), 4999999000, ERR_REFUSED, "is 16m 40s behind that of the server");
    judged(&m, error_of(&m, 18, -1), 1000, ERR_REFUSED, "differ (BADTIME)");
    judged(&m, error_of(&m, 22, -1), 1000, ERR_REFUSED, "(BADTRUNC)");
    judged(&m, error_of(&m, 99, -1), 1000, ERR_REFUSED, "error 99");
    struct buf rubbish = buf_new(10);
    judged(&m, rubbish, 1000, ERR_NETWORK, "no answer");
    update_message_free(&m);
}

struct seen {
    int calls, code;
    char text[ERR_TEXT_MAX];
};

static void on_done(const struct err *err, void *arg)
{
    struct seen *seen = arg;
    seen->calls++;
    seen->code = err == NULL ? 0 : err->code;
    snprintf(seen->text, sizeof seen->text, "%s", err == NULL ? "" : err->text);
}

static bool was_called(void *arg)
{
    return ((struct seen *)arg)->calls > 0;
}

static void test_a_silent_server(void **state)
{
    struct event_base *base = event_base_new();
    struct dns_update_spec spec = a_spec();
    struct dns_update *u;
    struct err err = ERR_INIT;
    struct seen seen = {0};
    char server[64];
    int port, fd = loop_listen(&port);
    snprintf(server, sizeof server, "127.0.0.1:%d", port);
    spec.server = server;
    assert_int_equal(dns_update_start(base, &spec, on_done, &seen, &u, &err), 0);
    dns_update_set_time(u, 100);
    loop_until(base, was_called, &seen);
    assert_int_equal(seen.code, ERR_TIMEOUT);
    assert_non_null(strstr(seen.text, "did not answer in 15 s"));
    assert_int_equal(dns_update_start(base, &spec, on_done, &seen, &u, &err), 0);
    dns_update_cancel(u);
    loop_rounds(base);
    assert_int_equal(seen.calls, 1);
    close(fd);
    assert_int_equal(dns_update_start(base, &spec, on_done, &seen, &u, &err), 0);
    seen.calls = 0;
    loop_until(base, was_called, &seen);
    assert_int_equal(seen.code, ERR_NETWORK);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_signed_answers),
        cmocka_unit_test(test_errors_of_signatures),
        cmocka_unit_test(test_a_silent_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
