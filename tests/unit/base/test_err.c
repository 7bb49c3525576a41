#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/err.h"
#include "base/text.h"

static void test_set(void **state)
{
    struct err err = {.code = 1, .problem = "rateLimited", .retry_at_s = 7};
    assert_int_equal(err_set(&err, ERR_INPUT, "bad %s %d", "thing", 3), ERR_INPUT);
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.text, "bad thing 3");
    assert_string_equal(err.problem, "");
    assert_int_equal(err.retry_at_s, 0);
    assert_int_equal(err_set(NULL, ERR_LIMIT, "%s", "nobody listens"), ERR_LIMIT);
}

static void test_set_cuts(void **state)
{
    static char large[3 * ERR_TEXT_MAX];
    memset(large, 'x', sizeof large - 1);
    struct err err = ERR_INIT;
    err_set(&err, ERR_FAILED, "%s", large);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

static void test_text_is_clean(void **state)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_FAILED, "a\x1b[31mb\r\n\xc2\x9b%s", "c\xff");
    assert_string_equal(err.text, "a?[31mb ?c?");
    err_errno(&err, ENOENT, "a\nfile");
    assert_string_equal(err.text, "a file: No such file or directory");
    err_prefix(&err, "in\x07side");
    assert_string_equal(err.text, "in?side: a file: No such file or directory");
}

/* The cut may fall into a character; JSON would refuse what is left of it. */
static void test_cut_text_is_utf8(void **state)
{
    static char large[2 * ERR_TEXT_MAX];
    for (size_t shift = 0; shift < 2; shift++) {
        memset(large, 'x', sizeof large - 1);
        for (size_t i = shift; i + 2 < sizeof large; i += 2)
            memcpy(large + i, "\xc3\xa4", 2);
        struct err err = ERR_INIT;
        err_set(&err, ERR_FAILED, "%s", large);
        assert_true(text_is_utf8(str_c(err.text)));
        err_prefix(&err, "p");
        assert_true(text_is_utf8(str_c(err.text)));
    }
}

static void test_errno(void **state)
{
    static const struct {
        int errno_value, code;
    } rows[] = {
        {ENOSPC, ERR_SPACE},
        {EDQUOT, ERR_SPACE},
        {EACCES, ERR_PERMISSION},
        {EPERM, ERR_PERMISSION},
        {EROFS, ERR_PERMISSION},
        {ENOENT, ERR_NOT_FOUND},
        {EEXIST, ERR_EXISTS},
        {ENOMEM, ERR_MEMORY},
        {EIO, ERR_IO},
        {EBADF, ERR_IO},
        {123456, ERR_IO},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {.problem = "old", .retry_at_s = 1};
        char want[ERR_TEXT_MAX];
        assert_int_equal(err_errno(&err, rows[i].errno_value, "cannot write %s", "f"), rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        snprintf(want, sizeof want, "cannot write f: %s", strerror(rows[i].errno_value));
        assert_string_equal(err.text, want);
        assert_string_equal(err.problem, "");
        assert_int_equal(err.retry_at_s, 0);
        assert_int_equal(err_errno(NULL, rows[i].errno_value, "x"), rows[i].code);
    }
}

static void test_errno_after_full_text(void **state)
{
    static char large[3 * ERR_TEXT_MAX];
    memset(large, 'y', sizeof large - 1);
    struct err err = ERR_INIT;
    assert_int_equal(err_errno(&err, EIO, "%s", large), ERR_IO);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

static void test_prefix(void **state)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_ACME, "refused");
    strncpy(err.problem, "badCSR", sizeof err.problem - 1);
    err.retry_at_s = 99;
    assert_int_equal(err_prefix(&err, "order %d", 5), ERR_ACME);
    assert_string_equal(err.text, "order 5: refused");
    assert_string_equal(err.problem, "badCSR");
    assert_int_equal(err.retry_at_s, 99);
    assert_int_equal(err_prefix(NULL, "x"), ERR_FAILED);
}

static void test_prefix_cuts(void **state)
{
    static char large[3 * ERR_TEXT_MAX];
    memset(large, 'z', sizeof large - 1);
    struct err err = ERR_INIT;
    err_set(&err, ERR_IO, "%s", large);
    err_prefix(&err, "%s", "front");
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    assert_memory_equal(err.text, "front: zzz", 10);
    err_prefix(&err, "%s", large);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    assert_int_equal(err.text[0], 'z');
}

static void test_names(void **state)
{
    static const struct {
        int code;
        const char *name, *text;
    } rows[] = {
#define ROW(code, text) {code, #code, text},
        ERR_CODES(ROW)
#undef ROW
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(rows[i].code < 0);
        assert_string_equal(err_name(rows[i].code), rows[i].name);
        assert_string_equal(err_describe(rows[i].code), rows[i].text);
    }
    assert_string_equal(err_name(0), "OK");
    assert_string_equal(err_describe(0), "success");
    static const int unknown[] = {1, -1, ERR_FIRST_, ERR_END_, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        assert_string_equal(err_name(unknown[i]), "ERR_?");
        assert_string_equal(err_describe(unknown[i]), "unknown failure");
    }
}

static void test_temporary(void **state)
{
    static const int yes[] = {
        ERR_NETWORK, ERR_TIMEOUT, ERR_TLS, ERR_SPACE, ERR_IO, ERR_MEMORY, ERR_STORE, ERR_IPC, ERR_LOCKED};
    static const int no[] = {ERR_OK, ERR_ACME, ERR_INPUT, ERR_USAGE, ERR_CONFIG, ERR_VERIFY, ERR_REFUSED,
        ERR_CANCELLED, ERR_PERMISSION, ERR_NOT_FOUND, ERR_CRYPTO, ERR_LIMIT, 5};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(err_is_temporary(yes[i]));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(err_is_temporary(no[i]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_cuts),
        cmocka_unit_test(test_text_is_clean),
        cmocka_unit_test(test_cut_text_is_utf8),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_errno_after_full_text),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_prefix_cuts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_temporary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
