#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/sink.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct arena *arena;
    char *text;
    size_t size;
    FILE *out;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new()};
    f.out = open_memstream(&f.text, &f.size);
    *state = &f;
    return f.out == NULL;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fclose(f->out);
    free(f->text);
    arena_free(f->arena);
    return 0;
}

static const char *output(struct fixture *f)
{
    fflush(f->out);
    return f->text;
}

static struct wall wall_now(void *arg)
{
    (void)arg;
    return (struct wall){1767225600}; /* 2026-01-01T00:00:00Z */
}
static const struct clock test_clock = {.wall = wall_now};
static const struct terminal file_terminal = {0}, colour_terminal = {true, true, 60, 24};

static void put(struct sink *s, const char *json)
{
    struct err err = ERR_INIT;
    assert_int_equal(sink_row(s, json, &err), 0);
}

static void test_array(void **state)
{
    struct fixture *f = *state;
    struct sink s;
    sink_json_array(&s, f->out);
    put(&s, "{\"b\": 1,  \"a\": null}");
    assert_string_equal(output(f), "[\n{\"b\":1,\"a\":null}"); /* streamed: out before the next comes */
    put(&s, "{\"c\": \"\xc2\x9b\\u001b\"}");
    assert_string_equal(output(f), "[\n{\"b\":1,\"a\":null},\n{\"c\":\"\\u009B\\u001B\"}");
    sink_end(&s, true);
    assert_string_equal(output(f), "[\n{\"b\":1,\"a\":null},\n{\"c\":\"\\u009B\\u001B\"}\n]\n");
    json_t *array = json_loads(f->text, 0, NULL);
    assert_int_equal(json_array_size(array), 2);
    json_decref(array);
}

static void test_array_of_none(void **state)
{
    struct fixture *f = *state;
    struct sink s;
    sink_json_array(&s, f->out);
    sink_end(&s, false);
    assert_string_equal(output(f), "");
    sink_end(&s, true);
    assert_string_equal(output(f), "[]\n");
}

/* A failed list is still JSON. */
static void test_array_cut(void **state)
{
    struct fixture *f = *state;
    struct sink s;
    sink_json_array(&s, f->out);
    put(&s, "{}");
    sink_end(&s, false);
    assert_string_equal(output(f), "[\n{}\n]\n");
}

/* Many in one message: those of printable ASCII go out as they came, the others as if they came alone. */
static void test_rows_of_one_message(void **state)
{
    struct fixture *f = *state;
    struct sink array, lines;
    struct err err = ERR_INIT;
    const struct str rows = STR("{\"a\": 1}\n{\"b\":\"\xc3\xbc\"}\n{\"c\":[]}\n");
    sink_json_array(&array, f->out);
    assert_int_equal(sink_rows(&array, rows, &err), 0);
    assert_int_equal(array.rows, 3);
    sink_end(&array, true);
    assert_string_equal(output(f), "[\n{\"a\": 1},\n{\"b\":\"\\u00FC\"},\n{\"c\":[]}\n]\n");
    sink_json_lines(&lines, f->out);
    assert_int_equal(sink_rows(&lines, STR("{\"a\":1}\nno row\n"), &err), ERR_INPUT);
    assert_int_equal(lines.rows, 1);
}

static void test_bad_rows(void **state)
{
    static const char *const bad[] = {"", "[]", "7", "{", "{} {}", "{\"a\":1,\"a\":2}", "{\"a\":\"\xff\"}"};
    struct fixture *f = *state;
    struct sink s;
    sink_json_lines(&s, f->out);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = ERR_INIT;
        assert_int_equal(sink_row(&s, bad[i], &err), ERR_INPUT);
        assert_string_equal(err.text, "the answer holds a row that is no JSON object");
    }
    assert_int_equal(s.rows, 0);
    assert_string_equal(output(f), "");
}

static void test_full_disk(void **state)
{
    struct sink s;
    struct err err = ERR_INIT;
    (void)state;
    FILE *full = fopen("/dev/full", "we");
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    sink_json_lines(&s, full);
    assert_int_equal(sink_row(&s, "{}", &err), ERR_SPACE);
    assert_string_equal(err.text, "cannot write to standard output: No space left on device");
    fclose(full);
}

static void test_lines_and_object(void **state)
{
    struct fixture *f = *state;
    struct sink s;
    sink_json_lines(&s, f->out);
    put(&s, "{\"a\": 1}");
    put(&s, "{\"a\": 2}");
    sink_end(&s, true);
    assert_string_equal(output(f), "{\"a\":1}\n{\"a\":2}\n");
    sink_json_object(&s, f->out);
    put(&s, "{\"a\": 1}");
    assert_string_equal(output(f) + 16, "{\n  \"a\": 1\n}\n");
}

#define ROW                                                                                     \
    "{\"name\":\"a.example\",\"domains\":[\"a.example\",\"www.a.example\",\"mail.a.example\"]," \
    "\"state\":\"valid\",\"authority\":\"letsencrypt\",\"not_after\":\"2026-03-01T23:00:00Z\"," \
    "\"next_renewal\":\"2026-01-30T03:00:00Z\",\"served\":{\"state\":\"yes\"}}"

static void test_list(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_list(f->arena, &file_terminal, &test_clock, f->out);
    put(s, ROW);
    put(s, "{\"name\":\"b\\u001b[31m\",\"domains\":[],\"state\":\"revoked\"}");
    put(s, "{\"name\":\"c\",\"domains\":[\"c\",\"d\",\"e\"],\"omitted\":[\"c\",\"e\"],\"state\":\"valid\","
           "\"served\":{\"state\":\"no\",\"error\":\"another\"}}");
    sink_end(s, true);
    assert_string_equal(output(f),
        "NAME       STATE    SERVED  EXPIRES     NEXT             AUTHORITY    NAMES\n"
        "a.example  valid    yes     in 59d 23h  renew in 29d 3h  letsencrypt  a.example "
        "www.a.example mail.a.example\n"
        "b?[31m     revoked  -       -           -\n"
        "c          valid    NO      -           -                             without c e: d\n");
}

static void test_list_terminal(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_list(f->arena, &colour_terminal, &test_clock, f->out);
    put(s, ROW);
    sink_end(s, true);
    assert_string_equal(output(f),
        "NAME       STATE  SERVED  EXPIRES     NEXT\n"
        "a.example  \033[32mvalid\033[0m  \033[32myes\033[0m     in 59d 23h  renew in ...\n");
}

/* Two key types of which one is in trouble. */
static void test_list_variants(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_list(f->arena, &file_terminal, &test_clock, f->out);
    put(s,
        "{\"name\":\"a\",\"domains\":[],\"state\":\"valid\",\"variants\":[{\"state\":\"valid\"},{\"state\":"
        "\"valid\"}]}");
    put(s,
        "{\"name\":\"b\",\"domains\":[],\"state\":\"valid\",\"variants\":[{\"state\":\"valid\"},{\"state\":"
        "\"failing\"}]}");
    sink_end(s, true);
    assert_string_equal(output(f), "NAME  STATE          SERVED  EXPIRES  NEXT  AUTHORITY  NAMES\n"
                                   "a     valid          -       -        -\n"
                                   "b     valid/failing  -       -        -\n");
}

static void test_show(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_show(f->arena, &file_terminal, &test_clock, f->out);
    put(s,
        "{\"name\":\"a.example\",\"domains\":[\"a.example\",\"b.example\"],\"source\":\"config\","
        "\"state\":\"failing\",\"authority\":\"le\",\"directory\":\"https://ca/"
        "dir\",\"challenge\":\"http-01\","
        "\"key_type\":\"ecdsa-p256\",\"generation\":2,\"live\":\"/s/live/a.example\",\"fingerprint\":\"ab\","
        "\"serial\":\"01\",\"issuer\":\"CN=R\",\"not_before\":\"2025-12-01T00:00:00Z\","
        "\"not_after\":\"2026-03-01T00:00:00Z\",\"next_renewal\":\"2026-01-01T00:01:00Z\",\"failures\":1,"
        "\"last_error\":\"a.example: no\\nway\",\"last_problem\":\"dns\","
        "\"last_error_at\":\"2025-12-31T23:00:00Z\",\"order_url\":\"https://ca/o/1\","
        "\"deploy\":{\"state\":\"failing\",\"error\":\"exit 1\",\"next\":\"2026-01-01T00:05:00Z\"},"
        "\"chain\":[\"CN=a\",\"CN=R\"],\"renew_before\":2592000,\"next\":\"tried again because it failed\","
        "\"history\":[{\"at\":\"2025-12-31T23:00:00Z\",\"event\":\"failed\",\"text\":\"no\"}]}");
    assert_string_equal(output(f),
        "a.example\n"
        "  State         failing\n"
        "  Next          tried again because it failed\n"
        "  Last error    a.example: no way\n"
        "                at 2025-12-31T23:00:00Z (1h ago), 1 failure in a row\n"
        "  Problem       dns\n"
        "  Deployment    failing: exit 1; again in 5m\n"
        "  Names         a.example\n"
        "                b.example\n"
        "  Valid from    2025-12-01T00:00:00Z (31d ago)\n"
        "  Expires       2026-03-01T00:00:00Z (in 59d)\n"
        "  Renew before  30d\n"
        "  Files         /s/live/a.example/{privkey,cert,chain,fullchain,combined}.pem\n"
        "  Authority     le (https://ca/dir)\n"
        "  Issuer        CN=R\n"
        "  Chain         CN=a\n"
        "                CN=R\n"
        "  Fingerprint   ab\n"
        "  Serial        01\n"
        "  Key           ecdsa-p256\n"
        "  Challenge     http-01\n"
        "  Generation    2\n"
        "  Order         https://ca/o/1\n"
        "  Wanted by     config\n"
        "  History       2025-12-31T23:00:00Z  failed  no\n");
}

/* A certificate that was never issued has little to show, and nothing empty is shown. */
static void test_show_pending(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_show(f->arena, &file_terminal, &test_clock, f->out);
    put(s, "{\"name\":\"a.example\",\"domains\":[\"a.example\"],\"state\":\"pending\",\"authority\":\"le\","
           "\"next_renewal\":\"2026-01-01T00:00:00Z\",\"deploy\":{\"state\":\"none\"},\"live\":null}");
    assert_string_equal(output(f), "a.example\n"
                                   "  State         pending\n"
                                   "  Next          issue now\n"
                                   "                2026-01-01T00:00:00Z (now)\n"
                                   "  Names         a.example\n"
                                   "  Authority     le\n");
}

static void test_log(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_log(true, f->arena, f->out);
    put(s, "{\"id\":1,\"at\":\"2026-01-01T00:00:00Z\",\"certificate\":\"a.example\",\"event\":\"issued\","
           "\"text\":\"line\\nline \\u009b1m\",\"detail\":{}}");
    put(s,
        "{\"id\":2,\"at\":\"2026-01-01T00:00:01Z\",\"certificate\":\"\",\"event\":\"start\",\"text\":\"x\"}");
    assert_string_equal(output(f),
        "2026-01-01T00:00:00Z  a.example                 issued         line line ?1m\n"
        "2026-01-01T00:00:01Z  -                         start          x\n");
}

static void test_account(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_account(f->arena, f->out);
    put(s, "{\"authority\":\"le\",\"directory\":\"https://ca/dir\",\"url\":\"https://ca/a/1\",\"email\":\"\","
           "\"thumbprint\":\"tp\",\"status\":\"valid\"}");
    assert_string_equal(output(f), "le\n"
                                   "  Status      valid\n"
                                   "  Account     https://ca/a/1\n"
                                   "  Directory   https://ca/dir\n"
                                   "  Thumbprint  tp\n");
}

static void test_show_whole_protocol(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_show(f->arena, &file_terminal, &test_clock, f->out);
    put(s,
        "{\"name\":\"a\",\"domains\":[\"a.example\",\"2001:db8::1\"],\"omitted\":[\"b.example\"],\"state\":"
        "\"paused\",\"wait_reason\":\"too many\\nfailures\",\"link\":\"https://ca/unpause\",\"next\":\"you\","
        "\"authority\":\"le\",\"authorities\":[\"le\",\"zerossl\"],\"challenge\":\"http-01\",\"challenges\":"
        "[\"tls-alpn-01\",\"http-01\"],\"profile\":\"short\",\"key_type\":\"ecdsa-p256\",\"variants\":[{"
        "\"name\":"
        "\"a\",\"key_type\":\"ecdsa-p256\",\"fingerprint\":\"ab\",\"not_after\":\"2026-01-08T00:00:00Z\","
        "\"state\":"
        "\"valid\"},{\"name\":\"a-rsa\",\"key_type\":\"rsa-2048\",\"state\":\"pending\",\"fingerprint\":null,"
        "\"last_error\":\"no\"}"
        "],"
        "\"ari\":{\"start\":\"2026-01-04T00:00:00Z\",\"end\":\"2026-01-05T00:00:00Z\",\"at\":"
        "\"2026-01-04T06:00:00Z\",\"explanation_url\":\"https://ca/"
        "why\",\"checked_at\":\"2025-12-31T23:00:00Z\"}}");
    assert_string_equal(output(f),
        "a\n"
        "  State         paused\n"
        "  Waits for     too many failures\n"
        "  Unpause at    https://ca/unpause\n"
        "  Next          you\n"
        "  Names         a.example\n"
        "                2001:db8::1\n"
        "  Left out      b.example\n"
        "  Suggested     renewal from 2026-01-04T00:00:00Z to 2026-01-05T00:00:00Z\n"
        "                https://ca/why\n"
        "  Chosen        2026-01-04T06:00:00Z (in 3d 6h)\n"
        "  Asked         2025-12-31T23:00:00Z (1h ago)\n"
        "  Authority     le\n"
        "  In order      le, zerossl\n"
        "  Profile       short\n"
        "  Key           ecdsa-p256\n"
        "  Variants      a  ecdsa-p256  valid, expires in 7d\n"
        "                ab\n"
        "                a-rsa  rsa-2048  pending\n"
        "                no\n"
        "  Challenge     tls-alpn-01, http-01\n");
}

static void test_list_waiting(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_list(f->arena, &file_terminal, &test_clock, f->out);
    put(s, "{\"name\":\"a\",\"domains\":[],\"state\":\"waiting\",\"next_renewal\":\"2026-01-01T03:00:00Z\"}");
    put(s, "{\"name\":\"b\",\"domains\":[],\"state\":\"paused\",\"next_renewal\":\"2026-01-01T03:00:00Z\"}");
    sink_end(s, true);
    assert_string_equal(output(f), "NAME  STATE    SERVED  EXPIRES  NEXT       AUTHORITY  NAMES\n"
                                   "a     waiting  -       -        try in 3h\n"
                                   "b     paused   -       -        -\n");
}

static void test_log_exchange(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_log(true, f->arena, f->out);
    put(s,
        "{\"at\":\"2026-01-01T00:00:00Z\",\"certificate\":\"a\",\"event\":\"failed\",\"text\":\"no\","
        "\"detail\":"
        "{\"exchange\":[{\"at\":\"2026-01-01T00:00:00Z\",\"request\":\"new order\",\"url\":\"https://ca/o\","
        "\"status\":201},{\"at\":\"2026-01-01T00:00:01Z\",\"request\":\"finalize\",\"url\":\"https://ca/f\","
        "\"status\":429,\"problem\":\"rateLimited\",\"detail\":\"slow\\u001b[31m\",\"retry_after\":60},"
        "\"odd\"]}}");
    assert_string_equal(output(f), "2026-01-01T00:00:00Z  a                         failed         no\n"
                                   "    2026-01-01T00:00:00Z  new order  201  https://ca/o\n"
                                   "    2026-01-01T00:00:01Z  finalize  429  https://ca/f  again after 1m\n"
                                   "      rateLimited: slow?[31m\n");
}

static void test_account_whole(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_account(f->arena, f->out);
    put(s,
        "{\"authority\":\"le\",\"directory\":\"https://ca/dir\",\"url\":\"https://ca/a/1\",\"email\":\"x\","
        "\"contacts\":[\"mailto:a@b\",\"mailto:c@d\"],\"thumbprint\":\"tp\",\"key_type\":\"ed25519\","
        "\"status\":"
        "\"valid\",\"terms_agreed\":true,\"orders\":\"https://ca/orders\",\"pending_rollover\":true}");
    assert_string_equal(output(f),
        "le\n"
        "  Status      valid\n"
        "  Contact     mailto:a@b\n"
        "              mailto:c@d\n"
        "  Account     https://ca/a/1\n"
        "  Directory   https://ca/dir\n"
        "  Thumbprint  tp\n"
        "  Key         ed25519\n"
        "  Terms       agreed\n"
        "  Orders      https://ca/orders\n"
        "  Key change  begun, its end is not known: evercert account rollover goes on "
        "with it\n");
}

static void test_dns(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_dns(f->arena, f->out);
    const char *long_text = arena_printf(f->arena, "%0300d", 0);
    put(s, arena_printf(f->arena,
               "{\"name\":\"a.example\",\"caa\":[\"0 issue \\\"ca.example; accounturi=https://ca/a/1\\\"\"],"
               "\"persist\":[{\"draft\":\"01\",\"name\":\"_validation-persist.a.example\",\"value\":\"ca; "
               "x=\\\"y\\\"\"},"
               "{\"draft\":\"02\",\"name\":\"p.a.example.\",\"value\":\"%s\"}],\"account_label\":\"_abc\","
               "\"note\":\"two "
               "of them\\nare enough\"}",
               long_text));
    assert_string_equal(output(f), arena_printf(f->arena,
                                       "; two of them are enough\n"
                                       "a.example. IN CAA 0 issue \"ca.example; accounturi=https://ca/a/1\"\n"
                                       "; dns-persist-01, draft 01\n"
                                       "_validation-persist.a.example. IN TXT \"ca; x=\\\"y\\\"\"\n"
                                       "; dns-persist-01, draft 02\n"
                                       "p.a.example. IN TXT \"%.255s\" \"%s\"\n"
                                       "; label of this account for dns-account-01: _abc\n",
                                       long_text, long_text + 255));
}

static void test_results(void **state)
{
    struct fixture *f = *state;
    struct sink *s = sink_results(true, f->arena, f->out);
    put(s, "{\"live\":\"/s/live/a\"}");
    put(s, "{\"live\":null}");
    assert_string_equal(output(f), "files: /s/live/a/{privkey,cert,chain,fullchain,combined}.pem\n");
    s = sink_results(false, f->arena, f->out);
    put(s, "{\"live\":\"/s/live/b\"}");
    assert_string_equal(output(f), "files: /s/live/a/{privkey,cert,chain,fullchain,combined}.pem\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_array_of_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_array_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_of_one_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_rows, set_up, tear_down),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test_setup_teardown(test_lines_and_object, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list_terminal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list_variants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_show, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_show_pending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_account, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_show_whole_protocol, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_log_exchange, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_account_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_results, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
