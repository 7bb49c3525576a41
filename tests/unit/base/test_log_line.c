#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/attr.h"
#include "base/log_line.h"
#include "base/text.h"

typedef void put_fn(struct buf *out, const struct log_entry *e);

static struct log_entry entry(const char *message)
{
    return (struct log_entry){.time_ms = 1795385523007,
        .level = LOG_LEVEL_WARNING,
        .process = "engine",
        .pid = 42,
        .message = message};
}

static void assert_put(put_fn *put, const struct log_entry *e, const char *expected)
{
    struct buf b ATTR_CLEANUP(buf_free) = buf_new(LOG_ENTRY_MAX);
    put(&b, e);
    assert_false(buf_failed(&b));
    assert_string_equal(buf_c(&b), expected);
}

static void test_text(void **state)
{
    struct log_entry e = entry("a\nb");
    e.about.certificate = "c"; /* people read it in the message */
    assert_put(log_put_text, &e, "2026-11-22T22:12:03Z evercert[engine]: warning: a b\n");
    assert_put(log_put_prefixed, &e, "<4>evercert[engine]: warning: a b\n");
}

static void test_json(void **state)
{
    struct log_entry e = entry("plain");
    assert_put(log_put_json, &e,
        "{\"time\": \"2026-11-22T22:12:03.007Z\", \"level\": \"warning\", \"process\": \"engine\", \"pid\": "
        "42, "
        "\"message\": \"plain\"}\n");
    e.about = (struct log_about){.certificate = "a.example",
        .order = "https://ca.example/o/1",
        .authority = "test",
        .request = UINT64_MAX,
        .event = "issued"};
    assert_put(log_put_json, &e,
        "{\"time\": \"2026-11-22T22:12:03.007Z\", \"level\": \"warning\", \"process\": \"engine\", \"pid\": "
        "42, "
        "\"message\": \"plain\", \"certificate\": \"a.example\", \"order\": \"https://ca.example/o/1\", "
        "\"authority\": \"test\", \"request\": 18446744073709551615, \"event\": \"issued\"}\n");
}

static void test_json_of_hostile_text(void **state)
{
    struct log_entry e = entry("a\"b\\c\nd\x1b[1m\xff\xe2\x80\xae");
    e.about.certificate = "\"},{\"x\":\"\r\n";
    assert_put(log_put_json, &e,
        "{\"time\": \"2026-11-22T22:12:03.007Z\", \"level\": \"warning\", \"process\": \"engine\", \"pid\": "
        "42, "
        "\"message\": \"a\\\"b\\\\c d?[1m??\", \"certificate\": \"\\\"},{\\\"x\\\":\\\" \"}\n");
}

static void test_journal(void **state)
{
    struct log_entry e = entry("plain");
    e.about = (struct log_about){.certificate = "a.example", .request = 7};
    assert_put(log_put_journal, &e,
        "MESSAGE=plain\nPRIORITY=4\nSYSLOG_IDENTIFIER=evercert\nEVERCERT_PROCESS=engine\n"
        "EVERCERT_CERTIFICATE=a.example\nEVERCERT_REQUEST=7\n");
}

/* A value of several lines has a length in front, so that no line of it is a field. */
static void test_journal_of_several_lines(void **state)
{
    static const char expected[] = "MESSAGE\n\x0b\0\0\0\0\0\0\0one\nPRIO?=0\nPRIORITY=4\n";
    struct log_entry e = entry("one\nPRIO\x01=0\n\n");
    struct buf b ATTR_CLEANUP(buf_free) = buf_new(LOG_ENTRY_MAX);
    log_put_journal(&b, &e);
    assert_true(b.n > sizeof expected);
    assert_memory_equal(b.p, expected, sizeof expected - 1);
}

/* Everything at its longest and twice as long by escapes has room. */
static void test_the_longest(void **state)
{
    static char message[3 * LOG_LINE_MAX], field[3 * LOG_FIELD_MAX];
    static put_fn *const forms[] = {log_put_text, log_put_prefixed, log_put_json, log_put_journal};
    memset(message, '"', sizeof message - 1);
    memset(field, '\\', sizeof field - 1);
    struct log_entry e = entry(message);
    e.about = (struct log_about){field, field, field, field, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct buf b ATTR_CLEANUP(buf_free) = buf_new(LOG_ENTRY_MAX);
        forms[i](&b, &e);
        assert_false(buf_failed(&b));
        assert_true(text_is_utf8(buf_str(&b)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_of_hostile_text),
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_journal_of_several_lines),
        cmocka_unit_test(test_the_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
