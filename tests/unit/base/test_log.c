#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/time.h"

/* Standard error as a pipe for the time of a test: what was written to it, and where it was before. */
static int reading, saved;
static char written[3 * LOG_LINE_MAX];

static int redirect(void **state)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    fflush(stderr);
    saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    reading = ends[0];
    return saved < 0 || dup2(ends[1], STDERR_FILENO) < 0 || close(ends[1]) != 0 ||
           unsetenv("JOURNAL_STREAM") != 0;
}

static int restore(void **state)
{
    close(reading);
    return dup2(saved, STDERR_FILENO) < 0 || close(saved) != 0;
}

/* All that was written since the last call. */
static const char *output(void)
{
    size_t n = 0;
    for (ssize_t r; (r = read(reading, written + n, sizeof written - 1 - n)) > 0;)
        n += (size_t)r;
    written[n] = '\0';
    return written;
}

static void name_the_journal(unsigned long long device_offset, const char *tail)
{
    struct stat st;
    char stream[100];
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu%s", (unsigned long long)st.st_dev + device_offset,
        (unsigned long long)st.st_ino, tail);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
}

static void test_levels(void **state)
{
    static const enum log_level levels[] = {
        LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        log_init("x", levels[i]);
        assert_int_equal(log_threshold(), levels[i]);
        for (size_t k = 0; k < ARRAY_LEN(levels); k++) {
            log_line(levels[k], "text");
            assert_int_equal(output()[0] != '\0', k <= i);
        }
    }
}

static void test_form(void **state)
{
    log_init("keeper", LOG_LEVEL_DEBUG);
    log_warning("%s has %d", "a", 5);
    const char *line = output();
    /* "2026-11-21T22:12:00Z evercert[keeper]: warning: a has 5\n" */
    struct wall when;
    assert_int_equal(wall_parse_rfc3339((struct str){line, 20}, &when), 0);
    int64_t age = clock_wall(&system_clock).s - when.s;
    assert_true(age >= 0 && age < 600);
    assert_string_equal(line + 20, " evercert[keeper]: warning: a has 5\n");
    log_error("e");
    assert_non_null(strstr(output(), ": error: e\n"));
    log_info("i");
    assert_non_null(strstr(output(), ": info: i\n"));
    log_debug("d");
    assert_non_null(strstr(output(), ": debug: d\n"));
}

static void test_journal(void **state)
{
    name_the_journal(0, "");
    log_init("engine", LOG_LEVEL_DEBUG);
    log_error("e");
    assert_string_equal(output(), "<3>evercert[engine]: error: e\n");
    log_warning("w");
    assert_string_equal(output(), "<4>evercert[engine]: warning: w\n");
    log_info("i");
    assert_string_equal(output(), "<6>evercert[engine]: info: i\n");
    log_debug("d");
    assert_string_equal(output(), "<7>evercert[engine]: debug: d\n");
}

/* The variable is inherited by processes whose standard error is something else. */
static void test_journal_of_others(void **state)
{
    static const char *const streams[] = {"", "1:1", ":", "8:", ":8", "rubbish", "-1:-1"};
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        assert_int_equal(setenv("JOURNAL_STREAM", streams[i], 1), 0);
        log_init("engine", LOG_LEVEL_INFO);
        log_info("i");
        assert_int_equal(output()[0], '2'); /* of the year */
    }
    name_the_journal(1, "");
    log_init("engine", LOG_LEVEL_INFO);
    log_info("i");
    assert_int_equal(output()[0], '2');
    name_the_journal(0, "0");
    log_init("engine", LOG_LEVEL_INFO);
    log_info("i");
    assert_int_equal(output()[0], '2');
}

/* Names of the forms, and what each writes where. */
static void test_formats(void **state)
{
    enum log_format format = LOG_FORMAT_TEXT;
    int ends[2];
    char got[1024];
    for (int i = 0; i <= LOG_FORMAT_JOURNAL; i++) {
        assert_true(log_format_parse(str_c(log_format_name((enum log_format)i)), &format));
        assert_int_equal(format, i);
    }
    assert_false(log_format_parse(STR("xml"), &format));
    log_init("engine", LOG_LEVEL_INFO);
    log_write_as(LOG_FORMAT_JSON, -1);
    log_certificate("a.example", LOG_LEVEL_INFO, "a.example: %d", 5);
    const char *json = output();
    assert_non_null(strstr(json, "\"message\": \"a.example: 5\", \"certificate\": \"a.example\"}\n"));
    assert_int_equal(json[0], '{');
    log_certificate("a.example", LOG_LEVEL_DEBUG, "not shown");
    assert_string_equal(output(), "");
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    log_write_as(LOG_FORMAT_JOURNAL, ends[0]);
    assert_int_equal(log_written_as(), LOG_FORMAT_JOURNAL);
    log_certificate("a.example", LOG_LEVEL_ERROR, "no");
    ssize_t n = read(ends[1], got, sizeof got - 1);
    assert_true(n > 0);
    got[n] = '\0';
    assert_string_equal(got, "MESSAGE=no\nPRIORITY=3\nSYSLOG_IDENTIFIER=evercert\nEVERCERT_PROCESS=engine\n"
                             "EVERCERT_CERTIFICATE=a.example\n");
    assert_string_equal(output(), "");
    /* Nobody reads any more: as text. */
    close(ends[1]);
    log_error("still said");
    assert_non_null(strstr(output(), " evercert[engine]: error: still said\n"));
    close(ends[0]);
    log_write_as(LOG_FORMAT_TEXT, -1);
}

/* Whatever is in the text, it is one line, and no terminal is told anything. */
static void test_one_line(void **state)
{
    name_the_journal(0, "");
    log_init("p", LOG_LEVEL_INFO);
    log_info("one\ntwo\r\n<0>evercert[parent]: error: forged\x1b[2J %s", "\xff\xc2\x9b");
    assert_string_equal(
        output(), "<6>evercert[p]: info: one two <0>evercert[parent]: error: forged?[2J ??\n");
    log_info("%s", "");
    assert_string_equal(output(), "<6>evercert[p]: info: \n");
}

static void test_long_line(void **state)
{
    static char large[2 * LOG_LINE_MAX];
    memset(large, 'x', sizeof large - 1);
    name_the_journal(0, "");
    log_init("p", LOG_LEVEL_INFO);
    log_info("%s", large);
    const char *line = output();
    assert_int_equal(strlen(line), strlen("<6>evercert[p]: info: ") + LOG_LINE_MAX - 1 + 1);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    for (size_t i = 0; i + 1 < sizeof large; i++)
        large[i] = i % 2 == 0 ? '\xc3' : '\xa4';
    log_info("x%s", large);
    line = output();
    assert_true(text_is_utf8(str_c(line)));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void test_errno_is_kept(void **state)
{
    log_init("p", LOG_LEVEL_INFO);
    int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    close(STDERR_FILENO);
    errno = ENOSPC;
    log_error("nobody reads this");
    int kept = errno;
    assert_true(dup2(copy, STDERR_FILENO) >= 0);
    close(copy);
    assert_int_equal(kept, ENOSPC);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_levels, redirect, restore),
        cmocka_unit_test_setup_teardown(test_form, redirect, restore),
        cmocka_unit_test_setup_teardown(test_journal, redirect, restore),
        cmocka_unit_test_setup_teardown(test_journal_of_others, redirect, restore),
        cmocka_unit_test_setup_teardown(test_formats, redirect, restore),
        cmocka_unit_test_setup_teardown(test_one_line, redirect, restore),
        cmocka_unit_test_setup_teardown(test_long_line, redirect, restore),
        cmocka_unit_test_setup_teardown(test_errno_is_kept, redirect, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
