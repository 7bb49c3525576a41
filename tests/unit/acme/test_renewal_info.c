#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/renewal_info.h"
#include "base/attr.h"

#include <string.h>

#define WINDOW(start, end) "\"suggestedWindow\":{\"start\":\"" start "\",\"end\":\"" end "\"}"

/* RFC 9773 4.1, with the identifier of its appendix A. */
static void test_url(void **state)
{
    static const char *const bases[] = {"https://ca.test/renewal-info", "https://ca.test/renewal-info/"};
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        struct buf b = buf_new(256);
        renewal_info_url(str_c(bases[i]), STR("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"), &b);
        assert_string_equal(buf_c(&b), "https://ca.test/renewal-info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
        buf_free(&b);
    }
}

static void test_fine(void **state)
{
    static const struct {
        const char *json;
        int64_t start, end;
        const char *explanation;
    } cases[] = {
        {"{" WINDOW(
             "2025-01-02T04:00:00Z", "2025-01-03T04:00:00Z") ",\"explanationURL\":\"https://ca.test/why\"}",
            1735790400, 1735876800, "https://ca.test/why"},
        {"{" WINDOW("2025-01-02T04:00:00.25+01:00", "2025-01-02T03:00:01-00:00") "}", 1735786800, 1735786801,
            ""},
        {"{" WINDOW("2025-01-02T04:00:00Z", "2025-01-03T04:00:00Z") ",\"explanationURL\":7,\"more\":[]}",
            1735790400, 1735876800, ""},
        {"{" WINDOW(
             "2025-01-02T04:00:00Z", "2025-01-03T04:00:00Z") ",\"explanationURL\":\"x\\u001b[1m\\ny\"}",
            1735790400, 1735876800, "x?[1m y"},
        {"{" WINDOW("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z") "}", 0, 1, ""},
        {"{" WINDOW("9999-12-30T23:59:59Z", "9999-12-31T23:59:59Z") "}", 253402214399, 253402300799, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct renewal_info info;
        struct err err = ERR_INIT;
        if (renewal_info_parse(str_c(cases[i].json), a, &info, &err) != 0)
            fail_msg("%s: %s", cases[i].json, err.text);
        assert_int_equal(info.start.s, cases[i].start);
        assert_int_equal(info.end.s, cases[i].end);
        assert_string_equal(info.explanation_url, cases[i].explanation);
        arena_free(a);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *json, *text;
    } cases[] = {{"", "empty"}, {"<html>", "not JSON"}, {"[]", "not a JSON object"},
        {"{}", "\"suggestedWindow\" is missing"}, {"{\"suggestedWindow\":null}", "is missing"},
        {"{\"suggestedWindow\":[]}", "is not an object"},
        {"{\"suggestedWindow\":{}}", "\"start\" is missing"},
        {"{\"suggestedWindow\":{\"start\":1735790400,\"end\":1735876800}}", "\"start\" is not a string"},
        {"{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\"}}", "\"end\" is missing"},
        {"{" WINDOW("2025-01-02", "2025-01-03") "}", "\"start\" is not a time"},
        {"{" WINDOW("2025-01-02T04:00:00Z", "tomorrow") "}", "\"end\" is not a time"},
        {"{" WINDOW("2025-01-02T04:00:00Z", "2025-01-02T04:00:00Z") "}", "ends before it begins"},
        {"{" WINDOW("2025-01-02T04:00:00Z", "2025-01-02T04:00:00.9Z") "}", "ends before it begins"},
        {"{" WINDOW("2025-01-03T04:00:00Z", "2025-01-02T04:00:00Z") "}", "ends before it begins"},
        {"{" WINDOW("2025-01-02T04:00:00Z", "9999-12-31T23:59:59Z") "}", "longer than a century"},
        {"{" WINDOW("1969-01-02T04:00:00Z", "2025-01-02T04:00:00Z") "}", "\"start\" is not a time"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct renewal_info info = {.start = {4711}};
        struct err err = ERR_INIT;
        assert_int_equal(renewal_info_parse(str_c(cases[i].json), a, &info, &err), ERR_INPUT);
        if (strstr(err.text, cases[i].text) == NULL || strstr(err.text, "renewal information: ") == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].text, err.text);
        assert_int_equal(info.start.s, 4711);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_fine),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
