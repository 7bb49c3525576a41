/* What a program prints, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/time.h"
#include "os/capture.h"

#include <string.h>

enum { OUTPUT_MAX = 256 * 1024 };

/* Runs it in a shell; the output must be freed. */
static int run(const char *line, size_t max, int64_t timeout_s, struct buf *out, struct err *err)
{
    char name[] = "sh", option[] = "-c", copy[1000];
    char *argv[] = {name, option, copy, NULL};
    const struct child_spec spec = {.path = "/bin/sh", .argv = argv};
    assert_true(strlen(line) < sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    *out = buf_new(max);
    *err = (struct err)ERR_INIT;
    return capture_output(&spec, STR(""), timeout_s, out, err);
}

static void all_of_it_is_kept(void **state)
{
    struct buf out;
    struct err err;
    assert_int_equal(run("echo a; echo warning >&2; echo b", OUTPUT_MAX, 60, &out, &err), 0);
    assert_string_equal(buf_c(&out), "a\nb\n");
    buf_free(&out);
    assert_int_equal(run("head -c 262144 /dev/zero | tr '\\0' x", OUTPUT_MAX, 60, &out, &err), 0);
    assert_int_equal(out.n, OUTPUT_MAX);
    buf_free(&out);
}

static void its_last_words_say_why(void **state)
{
    struct buf out;
    struct err err;
    assert_int_equal(
        run("echo a; echo no >&2; echo because >&2; exit 3", OUTPUT_MAX, 60, &out, &err), ERR_FAILED);
    assert_string_equal(err.text, "because");
    buf_free(&out);
    assert_int_equal(run("exit 3", OUTPUT_MAX, 60, &out, &err), ERR_FAILED);
    assert_string_equal(err.text, "the sh exited with status 3");
    buf_free(&out);
    assert_int_equal(run("kill -KILL $$", OUTPUT_MAX, 60, &out, &err), ERR_FAILED);
    assert_string_equal(err.text, "the sh killed by SIGKILL");
    buf_free(&out);
}

static void it_is_ended_in_time(void **state)
{
    struct buf out;
    struct err err;
    int64_t began_ms = clock_mono(&system_clock).ms;
    assert_int_equal(run("exec sleep 600", OUTPUT_MAX, 1, &out, &err), ERR_TIMEOUT);
    assert_string_equal(err.text, "it took longer than 1 s");
    assert_true(clock_mono(&system_clock).ms - began_ms < 60 * 1000);
    buf_free(&out);
    assert_int_equal(run("exec cat /dev/zero", 1024 * 1024, 60, &out, &err), ERR_LIMIT);
    assert_string_equal(err.text, "it says more than 1 MB");
    buf_free(&out);
}

/* More than a pipe holds: to one that reads it, and to one that does not. */
static void it_is_given_what_to_read(void **state)
{
    char count[] = "wc", option[] = "-c", no[] = "true";
    char *counts[] = {count, option, NULL}, *ignores[] = {no, NULL};
    struct buf input = buf_new(OUTPUT_MAX), out = buf_new(OUTPUT_MAX);
    struct err err = ERR_INIT;
    memset(buf_room(&input, OUTPUT_MAX), 'x', OUTPUT_MAX);
    buf_added(&input, OUTPUT_MAX);
    const struct child_spec reader = {.path = "/usr/bin/wc", .argv = counts},
                            other = {.path = "/bin/true", .argv = ignores};
    assert_int_equal(capture_output(&reader, buf_str(&input), 60, &out, &err), 0);
    assert_string_equal(buf_c(&out), "262144\n");
    buf_clear(&out);
    assert_int_equal(capture_output(&other, buf_str(&input), 60, &out, &err), 0);
    assert_int_equal(capture_output(&reader, STR(""), 60, &out, &err), 0);
    assert_string_equal(buf_c(&out), "0\n");
    buf_free(&input);
    buf_free(&out);
}

static void there_may_be_no_such_program(void **state)
{
    struct buf out = buf_new(OUTPUT_MAX);
    struct err err = ERR_INIT;
    char name[] = "nobody";
    char *argv[] = {name, NULL};
    const struct child_spec spec = {.path = "/does/not/exist", .argv = argv};
    assert_int_equal(capture_output(&spec, STR(""), 1, &out, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "cannot start /does/not/exist: "));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_is_kept),
        cmocka_unit_test(its_last_words_say_why),
        cmocka_unit_test(it_is_ended_in_time),
        cmocka_unit_test(it_is_given_what_to_read),
        cmocka_unit_test(there_may_be_no_such_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
