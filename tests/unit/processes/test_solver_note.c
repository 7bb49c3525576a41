#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "processes/solver/note.h"

#include <string.h>

#define VALUE "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

static struct note_key key_of(const char *settings)
{
    struct note_key key;
    assert_int_equal(note_key_make(&key, "corp", "cloudflare", str_c(settings), NULL), 0);
    return key;
}

static struct note_part part_of(const char *handle)
{
    return (struct note_part){
        .entry = "corp", .record = "_acme-challenge.a.example", .zone = "a.example", .handle = handle};
}

static void test_there_and_back(void **state)
{
    struct arena *a = arena_new();
    struct buf text = buf_new(NOTE_MAX);
    struct note_key key = key_of("{\"api-token\":\"x\"}"), other = key_of("{\"api-token\":\"y\"}");
    const struct note_key *keys[] = {&key, &other};
    struct note n = {.parts = {part_of("17 \"\n\xc3\xa4"), part_of("")}, .n = 2}, again;
    assert_int_equal(note_encode(&n, keys, VALUE, &text, NULL), 0);
    assert_int_equal(note_decode(buf_str(&text), a, &again, NULL), 0);
    assert_int_equal(again.n, 2);
    assert_null(strstr(buf_c(&text), "\"again\""));
    buf_clear(&text);
    n.again = true;
    assert_int_equal(note_encode(&n, keys, VALUE, &text, NULL), 0);
    assert_non_null(strstr(buf_c(&text), "\"again\":true"));
    assert_string_equal(again.parts[0].handle, "17 \"\n\xc3\xa4");
    assert_string_equal(again.parts[1].record, "_acme-challenge.a.example");
    assert_true(note_is_ours(&key, &again.parts[0], VALUE));
    assert_true(note_is_ours(&other, &again.parts[1], VALUE));
    /* Neither another entry's secrets nor another value open it. */
    assert_false(note_is_ours(&other, &again.parts[0], VALUE));
    assert_false(note_is_ours(&key, &again.parts[0], "another"));
    buf_free(&text);
    arena_free(a);
}

/* Each text is sealed, and where one ends and the next begins. */
static void test_each_change_breaks_the_seal(void **state)
{
    struct buf text = buf_new(NOTE_MAX);
    struct note_key key = key_of("{}");
    const struct note_key *keys[] = {&key};
    struct note n = {.parts = {part_of("17")}, .n = 1};
    assert_int_equal(note_encode(&n, keys, VALUE, &text, NULL), 0);
    assert_true(note_is_ours(&key, &n.parts[0], VALUE));
    for (int i = 0; i < 6; i++) {
        struct note_part p = n.parts[0];
        const char **texts[] = {&p.entry, &p.record, &p.zone, &p.handle};
        if (i < 4)
            *texts[i] = "x";
        else if (i == 4)
            p.seal[3] = p.seal[3] == '0' ? '1' : '0';
        else
            p.zone = "a.example1", p.handle = "7";
        assert_false(note_is_ours(&key, &p, VALUE));
    }
    n.parts[0].seal[0] = '\0';
    assert_false(note_is_ours(&key, &n.parts[0], VALUE));
    buf_free(&text);
}

static void test_handles_give_way(void **state)
{
    static char long_one[NOTE_HANDLE_MAX + 2], wide[NOTE_HANDLE_MAX + 1];
    struct buf text = buf_new(NOTE_MAX);
    struct note_key key = key_of("{}");
    const struct note_key *keys[] = {&key, &key, &key, &key};
    memset(long_one, 'a', sizeof long_one - 1);
    memset(wide, 1, sizeof wide - 1); /* six characters each */
    struct note n = {.parts = {part_of(long_one), part_of("\xff"), part_of(wide), part_of("short")}, .n = 4};
    assert_int_equal(note_encode(&n, keys, VALUE, &text, NULL), 0);
    assert_string_equal(n.parts[0].handle, "");
    assert_string_equal(n.parts[1].handle, "");
    assert_string_equal(n.parts[2].handle, "");
    assert_string_equal(n.parts[3].handle, "short");
    for (size_t i = 0; i < n.n; i++)
        assert_true(note_is_ours(&key, &n.parts[i], VALUE));
    buf_free(&text);
}

static void test_malformed(void **state)
{
    static const char *const cases[] = {"{", "[]", "7", "{\"parts\":{}}", "{\"parts\":[7]}",
        "{\"parts\":[{\"entry\":\"a\",\"record\":\"b\",\"zone\":\"c\",\"handle\":\"d\"}]}",
        "{\"parts\":[{\"entry\":\"a\",\"record\":7,\"zone\":\"c\",\"handle\":\"d\",\"seal\":\"\"}]}",
        "{\"parts\":[], \"parts\":[]}", "{\"parts\":[{},{},{},{},{}]}"};
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct note n = {.n = 77};
        struct err err = ERR_INIT;
        assert_int_equal(note_decode(str_c(cases[i]), a, &n, &err), ERR_INPUT);
        assert_int_equal(n.n, 77);
    }
    struct note n = {.n = 77};
    static char large[NOTE_MAX + 1];
    assert_int_equal(note_decode((struct str){large, sizeof large}, a, &n, NULL), ERR_LIMIT);
    assert_int_equal(note_decode(STR(""), a, &n, NULL), 0);
    assert_int_equal(n.n, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_each_change_breaks_the_seal),
        cmocka_unit_test(test_handles_give_way),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
