/* What a provider gave for a new account, and what the operator is told of it. */
#include "config_test.h"

#include "config/registration.h"

static const struct provider_setting settings[] = {
    {.name = "accounts", .help = "h", .type = PROVIDER_SECRET},
    {.name = "user", .help = "h", .type = PROVIDER_TEXT},
    {.name = "ttl", .help = "h", .type = PROVIDER_NUMBER, .min = 60, .max = 600},
    {.name = "roots", .help = "h", .type = PROVIDER_FILE},
    {.name = "words", .help = "h", .type = PROVIDER_LIST},
};
static const struct provider zeta = {
    .name = "zeta", .title = "Zeta", .kind = "lua", .settings = settings, .setting_n = 5, .registers = true};

static void it_is_read(void **state)
{
    struct arena *a = arena_new();
    struct registration r;
    struct err err = ERR_INIT;
    const char *text = "{\"settings\":{\"user\":\"u\",\"accounts\":\"{\\\"a\\\": 1}\",\"ttl\":\"60\"},"
                       "\"cname\":\"x.auth.example\"}";
    assert_int_equal(registration_parse(str_c(text), &zeta, a, &r, &err), 0);
    assert_int_equal(r.n, 3);
    assert_string_equal(r.settings[0].of->name, "accounts");
    assert_string_equal(r.settings[0].value, "{\"a\": 1}");
    assert_string_equal(r.settings[1].value, "u");
    assert_string_equal(r.settings[2].value, "60");
    assert_string_equal(r.cname, "x.auth.example");
    assert_int_equal(registration_parse(STR("{\"settings\":{\"user\":\"u\"}}"), &zeta, a, &r, &err), 0);
    assert_string_equal(r.cname, "");
    arena_free(a);
}

static void anything_else_is_refused(void **state)
{
    static const struct {
        const char *text, *error;
        int code;
    } cases[] = {
        {"", "all of it: expected JSON", ERR_INPUT},
        {"[]", "settings: expected an object", ERR_INPUT},
        {"{\"settings\":{}}", "settings: expected an object", ERR_INPUT},
        {"{\"settings\":{\"secret\":\"s3cret\"}}", "nothing but settings that it declares", ERR_INPUT},
        {"{\"settings\":{\"user\":\"s3cret\\n\"}}", "user: expected a text of one line", ERR_INPUT},
        {"{\"settings\":{\"user\":\"s3cret\\u001b[2J\"}}", "user: expected a text of one line", ERR_INPUT},
        {"{\"settings\":{\"user\":\"s3cret\\u202e\"}}", "user: expected a text of one line", ERR_INPUT},
        {"{\"settings\":{\"user\":\"\"}}", "user: expected a text of one line", ERR_INPUT},
        {"{\"settings\":{\"user\":[\"s3cret\"]}}", "user: expected a text of one line", ERR_INPUT},
        {"{\"settings\":{\"ttl\":\"7\"}}", "ttl: expected another value", ERR_INPUT},
        {"{\"settings\":{\"roots\":\"/s3cret\"}}", "roots: expected a setting that is no list", ERR_INPUT},
        {"{\"settings\":{\"words\":\"s3cret\"}}", "words: expected a setting that is no list", ERR_INPUT},
        {"{\"settings\":{\"user\":\"u\"},\"cname\":\"s3cret;x\"}", "cname: expected another", ERR_INPUT},
        {"{\"settings\":{\"user\":\"u\"},\"cname\":1}", "cname: expected a text", ERR_INPUT},
        {"{\"error\":\"zeta: it is\\u0007 down\"}", "zeta: it is? down", ERR_FAILED},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct registration r;
        struct err err = ERR_INIT;
        assert_int_equal(registration_parse(str_c(cases[i].text), &zeta, a, &r, &err), cases[i].code);
        if (strstr(err.text, cases[i].error) == NULL || strstr(err.text, "s3cret") != NULL)
            fail_msg("%s: %s", cases[i].text, err.text);
    }
    arena_free(a);
}

static void it_says_what_to_do(void **state)
{
    const struct registered_setting given[] = {{&settings[0], "{\"a\": 1}"}, {&settings[1], "no: 1"}};
    const char *const path = "/etc/x", *const inside = "...";
    const struct dns_value named = {.key = "accounts-file", .values = &path, .n = 1},
                           written = {.key = "accounts", .values = &inside, .n = 1};
    struct registration r = {given, 2, "x.auth.example"};
    struct dns_entry e = {.name = "mine"};
    struct buf out = buf_new(REGISTRATION_TEXT_MAX);
    registration_show(&r, &zeta, &e, &out);
    assert_string_equal(buf_c(&out),
        "A new account at Zeta for entry mine. It is shown this once.\n\n"
        "Let this be all that /etc/evercert/mine.accounts holds, which only its owner may read (chmod "
        "600):\n\n"
        "{\"a\": 1}\n\n"
        "Write into the configuration, beside what the entry has:\n\n"
        "dns:\n  mine:\n    accounts-file: /etc/evercert/mine.accounts\n    user: \"no: 1\"\n\n"
        "Set in the DNS, for the NAME that it is to prove (of *.example.org: example.org):\n\n"
        "_acme-challenge.NAME. CNAME x.auth.example.\n\n"
        "Then `evercert dns test mine NAME` tries it.\n");
    buf_clear(&out);
    e.values = &written;
    e.value_n = 1;
    registration_show(&r, &zeta, &e, &out);
    assert_non_null(strstr(buf_c(&out), "/etc/evercert/mine.accounts    # in place of accounts\n"));
    buf_clear(&out);
    e.values = &named;
    r = (struct registration){given, 1, ""};
    registration_show(&r, &zeta, &e, &out);
    assert_string_equal(buf_c(&out),
        "A new account at Zeta for entry mine. It is shown this once.\n\n"
        "Let this be all that /etc/x holds, which only its owner may read (chmod 600):\n\n{\"a\": 1}\n\n"
        "Then `evercert dns test mine NAME` tries it.\n");
    buf_free(&out);
}

static void files_that_are_to_be_filled_are_left_out(void **state)
{
    struct arena *a = arena_new();
    const char *const none = "/does/not/exist", *const there = "/dev/null", *const systemds = "accounts";
    const struct dns_value values[] = {{.key = "accounts-file", .values = &none, .n = 1},
        {.key = "user-file", .values = &none, .n = 1}, {.key = "roots", .values = &none, .n = 1},
        {.key = "accounts-file", .values = &there, .n = 1},
        {.key = "accounts-file", .values = &systemds, .n = 1}};
    const struct dns_entry e = {.name = "mine", .values = values, .value_n = ARRAY_LEN(values)};
    const struct dns_entry left = registration_entry(&e, &zeta, a);
    assert_int_equal(left.value_n, 4);
    assert_string_equal(left.values[0].key, "user-file");
    assert_string_equal(left.values[1].key, "roots");
    assert_string_equal(left.values[2].values[0], there);
    assert_string_equal(left.values[3].values[0], systemds);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(it_says_what_to_do),
        cmocka_unit_test(files_that_are_to_be_filled_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
