/* What the messenger says: subjects of one line, bodies that no mail server changes, whatever names and
 * errors hold. */
#include "processes/messenger/message.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const struct wall now = {1700000000};

static json_t *document(const char *happened)
{
    json_t *o = json_pack("{ss ss s[s,s] so}", "alert", "ops", "host", "h\xc3\xb6st", "mail", "a@b.example",
        "c@d.example", "happened", json_loads(happened, 0, NULL));
    assert_non_null(o);
    return o;
}

static void test_subjects(void **state)
{
    static const struct {
        const char *happened, *subject;
    } rows[] = {
        {"{\"test\": true}", "a test"},
        {"{\"certificates\": [{\"name\": \"a\", \"event\": \"failing\"}], \"more\": 0}", "a is failing"},
        {"{\"certificates\": [{\"name\": \"a\\r\\nBcc: x\", \"event\": \"expiring\"}], \"more\": 0}",
            "a??Bcc: x is expiring"},
        {"{\"certificates\": [{\"name\": \"a\", \"event\": \"failing\"}, {\"name\": \"b\", \"event\": "
         "\"failing\"}]}",
            "2 certificates are failing"},
        {"{\"certificates\": [{\"name\": \"a\", \"event\": \"failing\"}, {\"name\": \"b\", \"event\": "
         "\"expiring\"}]}",
            "1 certificate is failing, 1 expiring"},
        {"{\"certificates\": [{\"name\": \"a\", \"event\": \"failing\"}], \"more\": 7}",
            "8 certificates need attention"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = buf_new(MESSAGE_SUBJECT_MAX);
        json_t *d = document(rows[i].happened);
        message_subject(d, &out);
        assert_true(strncmp(buf_c(&out), "evercert on h??st: ", 19) == 0);
        assert_string_equal(buf_c(&out) + 19, rows[i].subject);
        json_decref(d);
        buf_free(&out);
    }
}

/* Whatever they are called: a mail without a subject looks like none of ours. */
static void test_a_subject_of_long_names(void **state)
{
    char host[256], name[256];
    (void)state;
    memset(host, 'h', sizeof host - 1);
    memset(name, 'n', sizeof name - 1);
    host[sizeof host - 1] = name[sizeof name - 1] = '\0';
    json_t *d = json_pack("{ss s[] s{s[{ss ss}]}}", "host", host, "mail", "happened", "certificates", "name",
        name, "event", "expiring");
    struct buf out = buf_new(MESSAGE_TEXT_MAX);
    assert_non_null(d);
    message_mail(d, "from@h", "id", now, &out);
    const char *subject = strstr(buf_c(&out), "Subject: evercert on hhh");
    assert_non_null(subject);
    assert_non_null(strstr(subject, "nnn is expiring\r\n"));
    json_decref(d);
    buf_free(&out);
}

static void test_a_mail_line_by_line(void **state)
{
    static const char happened[] =
        "{\"certificates\": [{\"name\": \"a.example\", \"domains\": \"a.example b.example\", \"event\": "
        "\"expiring\", \"not_after\": 1700086400, \"error\": \".\\n\\u001b[31m=\\u00e9 "
        "0123456789012345678901234567890123456789012345678901234567890123456789 \"}], \"more\": 1}";
    struct buf out = buf_new(MESSAGE_TEXT_MAX);
    json_t *d = document(happened);
    (void)state;
    message_mail(d, "from@h", "id", now, &out);
    const char *text = buf_c(&out);
    assert_non_null(strstr(text, "To: a@b.example,\r\n c@d.example\r\n"));
    assert_non_null(strstr(text, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
    assert_non_null(strstr(text, "a.example is expiring, and valid until 2023-11-15T22:13:20Z (for 1d)\r\n"));
    assert_non_null(strstr(text, "?[31m=3D=C3=A9 0123"));
    for (const char *line = text, *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        assert_true(end - line <= 76);
        assert_true(line[0] != '.' && (end == line || end[-1] != ' '));
        for (const char *p = line; p < end; p++)
            assert_true(*p >= ' ' && *p <= '~');
    }
    json_decref(d);
    buf_free(&out);
}

static void test_an_object(void **state)
{
    json_t *d = document("{\"certificates\": [{\"name\": \"a\", \"event\": \"failing\"}], \"more\": 0}");
    json_t *o = message_object(d, now);
    (void)state;
    assert_string_equal(json_string_value(json_object_get(o, "alert")), "ops");
    assert_int_equal(json_array_size(json_object_get(o, "certificates")), 1);
    assert_non_null(
        strstr(json_string_value(json_object_get(o, "text")), "a is failing, and there is none yet\n"));
    assert_true(json_is_false(json_object_get(o, "test")));
    json_decref(o);
    json_decref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_a_subject_of_long_names),
        cmocka_unit_test(test_a_mail_line_by_line),
        cmocka_unit_test(test_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
