#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char *cut(const char *text, size_t width, bool list)
{
    static char result[256];
    struct buf b = buf_new(sizeof result - 1);
    (list ? text_cut_list : text_cut)(&b, str_c(text), width);
    assert_false(buf_failed(&b));
    snprintf(result, sizeof result, "%s", buf_c(&b));
    buf_free(&b);
    return result;
}

static void test_cut(void **state)
{
    (void)state;
    assert_string_equal(cut("example.com", 11, false), "example.com");
    assert_string_equal(cut("example.com", 10, false), "example...");
    assert_string_equal(cut("example.com", 3, false), "exa");
    assert_string_equal(cut("example.com", 0, false), "");
    assert_string_equal(cut("b\xc3\xbc"
                            "cher",
                            6, false),
        "b\xc3\xbc"
        "cher");
    assert_string_equal(cut("b\xc3\xbc"
                            "cher.x",
                            5, false),
        "b\xc3\xbc...");
}

static void test_cut_list(void **state)
{
    (void)state;
    assert_string_equal(cut("aa bb cc", 8, true), "aa bb cc");
    assert_string_equal(cut("aa bb cc", 7, true), "aa +2");
    assert_string_equal(cut("aa bb cc dd", 8, true), "aa bb +2");
    assert_string_equal(cut("aaaaaaaaaaaa bb", 8, true), "aaaaa...");
    assert_string_equal(cut("aaaaaaaaaaaa", 8, true), "aaaaa...");
}

static const char *about(int64_t t, int64_t now)
{
    static char result[64];
    struct buf b = buf_new(sizeof result - 1);
    time_put_about(&b, (struct wall){t}, (struct wall){now});
    snprintf(result, sizeof result, "%s", buf_c(&b));
    buf_free(&b);
    return result;
}

static void test_times(void **state)
{
    (void)state;
    assert_string_equal(about(0, 1000), "-");
    assert_string_equal(about(1000, 1000), "now");
    assert_string_equal(about(1000 + 59 * 86400 + 23 * 3600, 1000), "in 59d 23h");
    assert_string_equal(about(1000, 1000 + 2 * 86400 + 3 * 3600), "2d 3h ago");
    assert_string_equal(about(1059, 1000), "in 59s");
}

static const char *elapsed(int64_t ms)
{
    static char result[64];
    struct buf b = buf_new(sizeof result - 1);
    elapsed_put(&b, ms);
    snprintf(result, sizeof result, "%s", buf_c(&b));
    buf_free(&b);
    return result;
}

static void test_elapsed(void **state)
{
    (void)state;
    assert_string_equal(elapsed(2149), "2.1s");
    assert_string_equal(elapsed(0), "0.0s");
    assert_string_equal(elapsed(-5), "0.0s");
    assert_string_equal(elapsed(12900), "12s");
    assert_string_equal(elapsed(185000), "3m 5s");
}

static void test_colour(void **state)
{
    struct buf b = buf_new(100);
    (void)state;
    colour_put(&b, COLOUR_BAD, STR("x"), true);
    colour_put(&b, COLOUR_BAD, STR("y"), false);
    colour_put(&b, COLOUR_NONE, STR("z"), true);
    assert_string_equal(buf_c(&b), "\033[31mx\033[0myz");
    buf_free(&b);
}

static void test_detect(void **state)
{
    struct terminal t;
    (void)state;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    terminal_detect(fd, false, &t);
    assert_false(t.is_tty);
    assert_false(t.colour);
    assert_true(t.columns > 0);
    close(fd);
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    terminal_detect(master, false, &t);
    assert_true(t.is_tty);
    assert_true(t.colour);
    terminal_detect(master, true, &t);
    assert_false(t.colour);
    setenv("NO_COLOR", "1", 1);
    terminal_detect(master, false, &t);
    assert_true(t.is_tty);
    assert_false(t.colour);
    setenv("NO_COLOR", "", 1); /* no-color.org: an empty value says nothing */
    terminal_detect(master, false, &t);
    assert_true(t.colour);
    setenv("TERM", "dumb", 1);
    terminal_detect(master, false, &t);
    assert_false(t.is_tty);
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_list),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_elapsed),
        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_detect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
