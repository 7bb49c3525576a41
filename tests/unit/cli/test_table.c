#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

static const struct table_column columns[] = {
    {"NAME", 8, 2, false},
    {"STATE", 0, 0, false},
    {"NAMES", 6, 1, true},
};
enum { N = ARRAY_LEN(columns) };

static void test_fit(void **state)
{
    (void)state;
    size_t natural[N] = {20, 5, 40};
    size_t w[N];
    memcpy(w, natural, sizeof w);
    table_fit(columns, N, w, 0);
    assert_memory_equal(w, natural, sizeof w);
    table_fit(columns, N, w, 69);
    assert_memory_equal(w, natural, sizeof w);
    table_fit(columns, N, w, 50); /* the names give way first */
    assert_memory_equal(w, ((size_t[N]){20, 5, 21}), sizeof w);
    memcpy(w, natural, sizeof w);
    table_fit(columns, N, w, 30); /* then the name */
    assert_memory_equal(w, ((size_t[N]){15, 5, 6}), sizeof w);
    memcpy(w, natural, sizeof w);
    table_fit(columns, N, w, 20); /* then columns go, from the last */
    assert_memory_equal(w, ((size_t[N]){8, 5, 0}), sizeof w);
    memcpy(w, natural, sizeof w);
    table_fit(columns, N, w, 1);
    assert_memory_equal(w, ((size_t[N]){8, 0, 0}), sizeof w);
}

static void test_line(void **state)
{
    const struct table_cell cells[N] = {
        {STR("a-very-long-name"), COLOUR_NONE}, {STR("valid"), COLOUR_GOOD}, {STR("aa bb cc"), COLOUR_NONE}};
    const size_t widths[N] = {8, 7, 6};
    struct buf b = buf_new(1000);
    (void)state;
    table_line(columns, N, widths, cells, true, false, &b);
    assert_string_equal(buf_c(&b), "a-ver...  valid    aa +2\n");
    buf_clear(&b);
    table_line(columns, N, widths, cells, true, true, &b);
    assert_string_equal(buf_c(&b), "a-ver...  \033[32mvalid\033[0m    aa +2\n");
    buf_clear(&b);
    table_line(columns, N, widths, cells, false, false, &b);
    assert_string_equal(buf_c(&b), "a-very-long-name  valid    aa bb cc\n");
    buf_clear(&b);
    const struct table_cell empty_end[N] = {
        {STR("a"), COLOUR_NONE}, {STR(""), COLOUR_NONE}, {STR(""), COLOUR_NONE}};
    table_line(columns, N, widths, empty_end, true, false, &b);
    assert_string_equal(buf_c(&b), "a\n");
    buf_free(&b);
}

/* Prints `n` rows and returns the text, to be freed. */
static char *print(const struct terminal *terminal, size_t n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct table *t = table_new(columns, N, terminal, out);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "certificate-%zu", i);
        const struct table_cell cells[N] = {
            {str_c(name), COLOUR_NONE}, {STR("valid"), COLOUR_GOOD}, {STR("aaaa bbbb cccc"), COLOUR_NONE}};
        table_row(t, cells);
    }
    table_end(t);
    fclose(out);
    return text;
}

static void test_print(void **state)
{
    (void)state;
    const struct terminal file = {0};
    char *text = print(&file, 2);
    assert_string_equal(text, "NAME           STATE  NAMES\n"
                              "certificate-0  valid  aaaa bbbb cccc\n"
                              "certificate-1  valid  aaaa bbbb cccc\n");
    free(text);
    const struct terminal tty = {true, true, 32, 24};
    text = print(&tty, 1);
    assert_string_equal(text, "NAME           STATE  NAMES\n"
                              "certificate-0  \033[32mvalid\033[0m  aaaa +2\n");
    free(text);
    text = print(&file, 0);
    assert_string_equal(text, "");
    free(text);
}

/* Beyond the sample, rows go out as they come; none is lost and the head stands once. */
static void test_long(void **state)
{
    (void)state;
    const struct terminal file = {0};
    char *text = print(&file, 3 * TABLE_SAMPLE + 7);
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 3 * TABLE_SAMPLE + 7 + 1);
    assert_non_null(strstr(text, "certificate-1506 "));
    assert_null(strstr(text + 1, "NAME  "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
