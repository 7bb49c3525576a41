#include "config_test.h"

#include "config/nearest.h"

static const char *suggest(const char *word, char out[NEAREST_TEXT_MAX])
{
    static const char *const words[] = {"authority", "email", "key-type", "key-group", "key-mode", "retry"};
    struct nearest n = nearest_new(str_c(word));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        nearest_try(&n, words[i]);
    return nearest_text(&n, out);
}

static void the_closest_word_is_meant(void **state)
{
    char out[NEAREST_TEXT_MAX];
    assert_string_equal(suggest("key-typ", out), " (did you mean key-type?)");
    assert_string_equal(suggest("key_mode", out), " (did you mean key-mode?)");
    assert_string_equal(suggest("emial", out), " (did you mean email?)");
    assert_string_equal(suggest("retry", out), " (did you mean retry?)");
    assert_string_equal(suggest("autority", out), " (did you mean authority?)");
}

static void nothing_close_gives_nothing(void **state)
{
    char out[NEAREST_TEXT_MAX];
    assert_string_equal(suggest("webroot", out), "");
    assert_string_equal(suggest("", out), "");
    assert_string_equal(suggest("zz", out), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_closest_word_is_meant),
        cmocka_unit_test(nothing_close_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
