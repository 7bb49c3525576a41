#include "http/tokens.h"

#include "http/request.h"
#include "http/responder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void test_put_find_replace_remove(void **state)
{
    struct tokens t = {0};
    char key[] = "tok", value[] = "tok.one";
    assert_int_equal(tokens_put(&t, str_c(key), str_c(value), NULL), 0);
    key[0] = value[0] = 'X'; /* both were copied */
    assert_true(str_eq_c(tokens_find(&t, STR("tok")), "tok.one"));
    assert_int_equal(tokens_put(&t, STR("tok"), STR("tok.two"), NULL), 0);
    assert_true(str_eq_c(tokens_find(&t, STR("tok")), "tok.two"));
    assert_int_equal(t.n, 1);
    assert_null(tokens_find(&t, STR("Tok")).p);
    assert_null(tokens_find(&t, STR("to")).p);
    assert_null(tokens_find(&t, STR("")).p);
    tokens_remove(&t, STR("other"));
    assert_int_equal(t.n, 1);
    tokens_remove(&t, STR("tok"));
    tokens_remove(&t, STR("tok"));
    assert_int_equal(t.n, 0);
    assert_null(tokens_find(&t, STR("tok")).p);
    tokens_clear(&t);
}

static int put_code(const char *token, const char *value)
{
    struct tokens t = {0};
    struct err err = ERR_INIT;
    int code = tokens_put(&t, str_c(token), str_c(value), &err);
    assert_int_equal(err.code, code);
    assert_int_equal(t.n, code == 0);
    tokens_clear(&t);
    return code;
}

static void test_rules(void **state)
{
    char longest[TOKENS_VALUE_MAX + 2];
    memset(longest, 'v', sizeof longest);
    longest[TOKENS_VALUE_MAX + 1] = '\0';
    assert_int_equal(put_code("t", longest), ERR_INPUT);
    longest[TOKENS_VALUE_MAX] = '\0';
    assert_int_equal(put_code("t", longest), 0);
    assert_int_equal(put_code("t", " ~"), 0);
    static const char *const values[] = {"", "a\r\nSet-Cookie: x", "\x7f", "\xc3\xa9", "\t"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_int_equal(put_code("t", values[i]), ERR_INPUT);
    assert_int_equal(put_code("", "v"), ERR_INPUT);
    assert_int_equal(put_code("../t", "v"), ERR_INPUT);
}

/* As many as are allowed, in the order that would turn a naive tree into a list. */
static void test_many(void **state)
{
    struct tokens t = {0};
    struct err err = ERR_INIT;
    char key[32];
    for (int i = 0; i < RESPONDER_TOKENS_MAX; i++) {
        snprintf(key, sizeof key, "token-%08d", i);
        assert_int_equal(tokens_put(&t, str_c(key), str_c(key), &err), 0);
    }
    assert_int_equal(tokens_put(&t, STR("more"), STR("v"), &err), ERR_LIMIT);
    assert_int_equal(tokens_put(&t, STR("token-00000007"), STR("new"), &err), 0);
    assert_true(str_eq_c(tokens_find(&t, STR("token-00000007")), "new"));
    for (int i = 0; i < RESPONDER_TOKENS_MAX; i += 2) {
        snprintf(key, sizeof key, "token-%08d", i);
        assert_true(str_eq_c(tokens_find(&t, str_c(key)), key));
        tokens_remove(&t, str_c(key));
        assert_null(tokens_find(&t, str_c(key)).p);
    }
    assert_int_equal(t.n, RESPONDER_TOKENS_MAX / 2);
    assert_true(str_eq_c(tokens_find(&t, STR("token-00000009")), "token-00000009"));
    tokens_clear(&t);
    assert_int_equal(t.n, 0);
    assert_null(tokens_find(&t, STR("token-00000009")).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_find_replace_remove),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
