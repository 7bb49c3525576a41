#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/certificate_row.h"

#include <string.h>

/* 1970-01-02T00:00:00Z */
enum { NOW = 86400 };

static const char *next_of(const char *json)
{
    static char result[128];
    struct certificate_row c;
    struct buf b = buf_new(sizeof result - 1);
    json_t *row = json_loads(json, 0, NULL);
    assert_non_null(row);
    certificate_row_read(row, &c);
    certificate_row_put_next(&b, &c, (struct wall){NOW});
    snprintf(result, sizeof result, "%s", buf_c(&b));
    buf_free(&b);
    json_decref(row);
    return result;
}

static void test_next(void **state)
{
    (void)state;
    assert_string_equal(
        next_of("{\"state\":\"valid\",\"next_renewal\":\"1970-01-31T03:00:00Z\"}"), "renew in 29d 3h");
    assert_string_equal(
        next_of("{\"state\":\"failing\",\"next_renewal\":\"1970-01-02T00:09:00Z\"}"), "retry in 9m");
    assert_string_equal(
        next_of("{\"state\":\"pending\",\"next_renewal\":\"1970-01-01T00:09:00Z\"}"), "issue now");
    assert_string_equal(next_of("{\"state\":\"valid\",\"next_renewal\":null}"), "-");
    assert_string_equal(next_of("{\"state\":\"revoked\",\"next_renewal\":\"1970-01-31T03:00:00Z\"}"), "-");
    assert_string_equal(next_of("{\"state\":\"released\"}"), "-");
    assert_string_equal(next_of("{\"state\":\"from the future\"}"), "-");
    assert_string_equal(next_of("{}"), "-");
}

static void test_next_deploy(void **state)
{
    (void)state;
    assert_string_equal(
        next_of("{\"state\":\"valid\",\"next_renewal\":\"1970-01-31T03:00:00Z\","
                "\"deploy\":{\"state\":\"failing\",\"error\":\"x\",\"next\":\"1970-01-02T00:01:00Z\"}}"),
        "deploy again in 1m");
    assert_string_equal(next_of("{\"state\":\"valid\",\"next_renewal\":\"1970-01-31T03:00:00Z\","
                                "\"deploy\":{\"state\":\"pending\",\"error\":null,\"next\":null}}"),
        "deploy now");
    assert_string_equal(next_of("{\"state\":\"valid\",\"next_renewal\":\"1970-01-02T03:00:00Z\","
                                "\"deploy\":{\"state\":\"done\",\"error\":null,\"next\":null}}"),
        "renew in 3h");
}

/* Null, missing and wrong types all read as empty. */
static void test_read_empty(void **state)
{
    static const char *const rows[] = {"{}",
        "{\"name\":null,\"not_after\":null,\"domains\":null,\"generation\":null,\"deploy\":null}",
        "{\"name\":7,\"not_after\":7,\"domains\":\"x\",\"generation\":\"x\",\"deploy\":[]}",
        "{\"not_after\":\"yesterday\"}"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct certificate_row c;
        json_t *row = json_loads(rows[i], 0, NULL);
        certificate_row_read(row, &c);
        assert_string_equal(c.name, "");
        assert_string_equal(c.deploy_state, "");
        assert_int_equal(c.not_after.s, 0);
        assert_int_equal(c.generation, 0);
        struct buf b = buf_new(100);
        row_put_list(&b, c.domains, " ");
        assert_string_equal(buf_c(&b), "");
        buf_free(&b);
        json_decref(row);
    }
}

static void test_list(void **state)
{
    struct buf b = buf_new(100);
    (void)state;
    json_t *list = json_loads("[\"a\", 7, \"b\\u001b[0m\"]", 0, NULL);
    row_put_list(&b, list, ", ");
    assert_string_equal(buf_c(&b), "a, ?, b?[0m");
    json_decref(list);
    buf_free(&b);
}

static void test_colours(void **state)
{
    (void)state;
    assert_int_equal(certificate_state_colour("valid"), COLOUR_GOOD);
    assert_int_equal(certificate_state_colour("failing"), COLOUR_BAD);
    assert_int_equal(certificate_state_colour("?"), COLOUR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_next_deploy),
        cmocka_unit_test(test_read_empty),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
