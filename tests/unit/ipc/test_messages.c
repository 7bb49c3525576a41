#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/messages.h"

/* ---- the fields of every message, from the same table, so that no message can be added without its test
 * ---- */

enum kind { KIND_u32, KIND_i64, KIND_flag, KIND_text, KIND_blob, KIND_list, KIND_error };

struct field {
    enum kind kind;
    size_t offset;
};

struct shape {
    const char *name;
    size_t max, size;
    bool has_fd;
    const struct field *fields;
    size_t field_n;
};

#define FIELD_ROW(kind, name) {KIND_##kind, offsetof(S, name)},
#define SHAPE(name, max, fd)                                                     \
    static struct shape shape_of_##name(void)                                    \
    {                                                                            \
        typedef struct msg_##name S;                                             \
        static const struct field rows[] = {MSG_FIELDS_##name(FIELD_ROW)};       \
        return (struct shape){#name, max, sizeof(S), fd, rows, ARRAY_LEN(rows)}; \
    }
MESSAGES(SHAPE)

#define SHAPE_FN(name, max, fd) [MSG_##name] = shape_of_##name,
static struct shape (*const shapes[])(void) = {MESSAGES(SHAPE_FN)};

/* ---- values ---- */

enum variant { EMPTY, LARGEST, SMALLEST, ORDINARY, VARIANTS };

static const char *const no_texts[1];
static const char *const odd_texts[] = {"", "a", "\x01\xff\xfe", "word=value", ""};
static const char all_bytes[] = "\0\x01\x7f\x80\xff\0";

static void fill(enum kind kind, enum variant v, void *at)
{
    switch (kind) {
    case KIND_u32:
        *(uint32_t *)at = (const uint32_t[]){0, UINT32_MAX, 1, 0x01020304}[v];
        break;
    case KIND_i64:
        *(int64_t *)at = (const int64_t[]){0, INT64_MAX, INT64_MIN, -1}[v];
        break;
    case KIND_flag:
        *(bool *)at = v != EMPTY;
        break;
    case KIND_text:
        *(const char **)at =
            (const char *const[]){NULL, "\xff\xfe\x80 not UTF-8, which is no matter here", "", "text"}[v];
        break;
    case KIND_blob:
        *(struct str *)at =
            (const struct str[]){{NULL, 0}, {all_bytes, sizeof all_bytes}, {"", 0}, {"blob", 4}}[v];
        break;
    case KIND_list:
        *(struct msg_list *)at = (const struct msg_list[]){
            {NULL, 0}, {odd_texts, ARRAY_LEN(odd_texts)}, {no_texts, 0}, {no_texts, 1}}[v];
        break;
    case KIND_error:
        *(struct msg_error *)at =
            (const struct msg_error[]){{0, NULL, NULL, 0}, {INT32_MAX, "text", "problem", INT64_MAX},
                {INT32_MIN, "", "", INT64_MIN}, {ERR_ACME, "refused", "badCSR", 1790000000}}[v];
        break;
    }
}

static void same_text(const char *a, const char *b)
{
    assert_non_null(b);
    assert_string_equal(a != NULL ? a : "", b);
}

static void same(enum kind kind, const void *a, const void *b)
{
    switch (kind) {
    case KIND_u32:
        assert_int_equal(*(const uint32_t *)a, *(const uint32_t *)b);
        break;
    case KIND_i64:
        assert_true(*(const int64_t *)a == *(const int64_t *)b);
        break;
    case KIND_flag:
        assert_int_equal(*(const bool *)a, *(const bool *)b);
        break;
    case KIND_text:
        same_text(*(const char *const *)a, *(const char *const *)b);
        break;
    case KIND_blob:
        assert_non_null(((const struct str *)b)->p);
        assert_true(str_eq(*(const struct str *)a, *(const struct str *)b));
        break;
    case KIND_list: {
        const struct msg_list *x = a, *y = b;
        assert_non_null(y->p);
        assert_int_equal(x->n, y->n);
        for (size_t i = 0; i < x->n; i++)
            same_text(x->p[i], y->p[i]);
        break;
    }
    case KIND_error: {
        const struct msg_error *x = a, *y = b;
        assert_int_equal(x->code, y->code);
        same_text(x->text, y->text);
        same_text(x->problem, y->problem);
        assert_true(x->retry_at_s == y->retry_at_s);
        break;
    }
    }
}

static void *new_message(const struct shape *s)
{
    void *m = calloc(1, s->size);
    assert_non_null(m);
    return m;
}

static void fill_all(const struct shape *s, enum variant v, void *m)
{
    for (size_t i = 0; i < s->field_n; i++)
        fill(s->fields[i].kind, v, (char *)m + s->fields[i].offset);
}

/* Decodes from a block of exactly that size, so that a byte read too far is seen. */
static int decode(enum msg_type t, struct str fields, struct arena *a, void *out, struct err *err)
{
    char *exact = malloc(fields.n > 0 ? fields.n : 1);
    assert_non_null(exact);
    if (fields.n > 0)
        memcpy(exact, fields.p, fields.n);
    int r = msg_decode(t, (struct str){exact, fields.n}, a, out, err);
    memset(exact, 'x', fields.n); /* the decoded message stands on its own */
    free(exact);
    return r;
}

/* ---- tests ---- */

static void test_table(void **state)
{
    for (enum msg_type t = MSG_none + 1; t < MSG_END_; t++) {
        struct shape s = shapes[t]();
        assert_string_equal(msg_name(t), s.name);
        assert_int_equal(msg_max(t), s.max);
        assert_int_equal(msg_size(t), s.size);
        assert_int_equal(msg_has_fd(t), s.has_fd);
        assert_true(s.max > 0 && s.max <= MSG_MAX);
    }
    static const uint32_t none[] = {MSG_none, MSG_END_, MSG_END_ + 1, 0xffff, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        struct err err = ERR_INIT;
        char out[1] = {'k'};
        struct buf b = buf_new(10);
        struct arena *a = arena_new();
        assert_string_equal(msg_name(none[i]), "?");
        assert_int_equal(msg_max(none[i]), 0);
        assert_int_equal(msg_size(none[i]), 0);
        assert_false(msg_has_fd(none[i]));
        assert_int_equal(msg_encode(none[i], out, &b, &err), ERR_IPC);
        assert_int_equal(msg_decode(none[i], STR(""), a, out, &err), ERR_INPUT);
        assert_int_equal(out[0], 'k');
        arena_free(a);
        buf_free(&b);
    }
}

static void test_round_trip(void **state)
{
    for (enum msg_type t = MSG_none + 1; t < MSG_END_; t++)
        for (enum variant v = EMPTY; v < VARIANTS; v++) {
            struct shape s = shapes[t]();
            struct err err = ERR_INIT;
            struct buf b = buf_new(MSG_MAX);
            struct arena *a = arena_new();
            char *in = new_message(&s), *out = new_message(&s);
            fill_all(&s, v, in);
            memset(out, 0xa5, s.size);
            assert_int_equal(msg_encode(t, in, &b, &err), 0);
            assert_int_equal(decode(t, buf_str(&b), a, out, &err), 0);
            assert_int_equal(err.code, 0);
            for (size_t i = 0; i < s.field_n; i++)
                same(s.fields[i].kind, in + s.fields[i].offset, out + s.fields[i].offset);
            free(in);
            free(out);
            arena_free(a);
            buf_free(&b);
        }
}

/* Cut anywhere it does not decode, and neither does it with one byte more. */
static void test_exact(void **state)
{
    for (enum msg_type t = MSG_none + 1; t < MSG_END_; t++)
        for (enum variant v = EMPTY; v < VARIANTS; v++) {
            struct shape s = shapes[t]();
            struct err err = ERR_INIT;
            struct buf b = buf_new(MSG_MAX);
            struct arena *a = arena_new();
            char *m = new_message(&s);
            fill_all(&s, v, m);
            assert_int_equal(msg_encode(t, m, &b, NULL), 0);
            for (size_t n = 0; n < b.n; n++)
                assert_int_equal(decode(t, (struct str){b.p, n}, a, m, &err), ERR_INPUT);
            assert_non_null(strstr(err.text, s.name));
            buf_put_char(&b, '\0');
            assert_int_equal(decode(t, buf_str(&b), a, m, &err), ERR_INPUT);
            assert_non_null(strstr(err.text, "1 bytes too many"));
            free(m);
            arena_free(a);
            buf_free(&b);
        }
}

/* The field that can take up the rest of a frame, or NULL. */
static const struct field *elastic(const struct shape *s)
{
    for (size_t i = 0; i < s->field_n; i++)
        if (s->fields[i].kind == KIND_text || s->fields[i].kind == KIND_blob ||
            s->fields[i].kind == KIND_error)
            return &s->fields[i];
    return NULL;
}

static void stretch(const struct field *f, void *m, const char *text)
{
    char *at = (char *)m + f->offset;
    if (f->kind == KIND_text)
        *(const char **)(void *)at = text;
    else if (f->kind == KIND_blob)
        *(struct str *)(void *)at = str_c(text);
    else
        ((struct msg_error *)(void *)at)->text = text;
}

/* Every type can be as large as its limit, and one byte more is refused. */
static void test_limits(void **state)
{
    static char text[MSG_MAX + 2];
    size_t stretched = 0;
    for (enum msg_type t = MSG_none + 1; t < MSG_END_; t++) {
        struct shape s = shapes[t]();
        const struct field *f = elastic(&s);
        struct err err = ERR_INIT;
        struct buf b = buf_new(2 * MSG_MAX);
        struct arena *a = arena_new();
        char *m = new_message(&s);
        if (f != NULL) {
            assert_int_equal(msg_encode(t, m, &b, NULL), 0);
            size_t room = s.max - b.n;
            buf_clear(&b);
            memset(text, 'x', room);
            text[room] = '\0';
            stretch(f, m, text);
            assert_int_equal(msg_encode(t, m, &b, NULL), 0);
            assert_int_equal(b.n, s.max);
            assert_int_equal(decode(t, buf_str(&b), a, m, NULL), 0);
            buf_clear(&b);
            text[room] = 'x';
            text[room + 1] = '\0';
            stretch(f, m, text);
            assert_int_equal(msg_encode(t, m, &b, &err), ERR_LIMIT);
            assert_non_null(strstr(err.text, s.name));
            stretched++;
        }
        free(m);
        arena_free(a);
        buf_free(&b);
    }
    assert_true(stretched > 20);
}

/* A buffer that is smaller than the message's limit is a limit too. */
static void test_small_buffer(void **state)
{
    struct buf b = buf_new(5);
    assert_int_equal(msg_encode(MSG_peer, &(struct msg_peer){"a"}, &b, NULL), 0);
    assert_string_equal(buf_c(&b), "\1");
    assert_int_equal(msg_encode(MSG_session_gone, &(struct msg_session_gone){1}, &b, NULL), ERR_LIMIT);
    buf_free(&b);
}

/* A text or blob beyond what the length field is trusted with. */
static void test_huge_field(void **state)
{
    struct buf b = buf_new(2 * MSG_MAX);
    struct msg_permit_open m = {{"", MSG_MAX + 1}};
    assert_int_equal(msg_encode(MSG_permit_open, &m, &b, NULL), ERR_LIMIT);
    m.permit.n = SIZE_MAX;
    assert_int_equal(msg_encode(MSG_permit_open, &m, &b, NULL), ERR_LIMIT);
    buf_free(&b);
}

/* How it looks on the wire: little-endian numbers, lengths of four bytes, in the order of the table. */
static void test_bytes(void **state)
{
    static const char *const names[] = {"a", "bc"}, *const options[] = {"x=y"};
    static const char want[] = "\x04\x03\x02\x01"
                               "\2\0\0\0"
                               "\1\0\0\0a"
                               "\2\0\0\0bc"
                               "\1\0\0\0"
                               "\3\0\0\0x=y";
    struct buf b = buf_new(1000);
    struct msg_command m = {.verb = 0x01020304, .names = {names, 2}, .options = {options, 1}};
    assert_int_equal(msg_encode(MSG_command, &m, &b, NULL), 0);
    assert_int_equal(b.n, sizeof want - 1);
    assert_memory_equal(b.p, want, b.n);
    buf_clear(&b);
    struct msg_done done = {{-2, "t", "p", -3}};
    static const char error[] = "\xfe\xff\xff\xff\1\0\0\0t\1\0\0\0p\xfd\xff\xff\xff\xff\xff\xff\xff";
    assert_int_equal(msg_encode(MSG_done, &done, &b, NULL), 0);
    assert_int_equal(b.n, sizeof error - 1);
    assert_memory_equal(b.p, error, b.n);
    buf_free(&b);
}

static void refuses(enum msg_type t, struct str fields, int code)
{
    struct arena *a = arena_new();
    void *out = calloc(1, msg_size(t));
    struct err err = ERR_INIT;
    assert_int_equal(decode(t, fields, a, out, &err), code);
    assert_int_equal(err.code, code);
    free(out);
    arena_free(a);
}

static void test_malformed(void **state)
{
    for (int v = 2; v < 256; v++)
        refuses(MSG_wishes_end, (struct str){(const char[]){(char)v}, 1}, ERR_INPUT);
    refuses(MSG_wishes_end, STR(""), ERR_INPUT);
    refuses(MSG_wishes_end, (struct str){NULL, 0}, ERR_INPUT);
    refuses(MSG_peer, STR("\1\0\0\0\0"), ERR_INPUT);  /* NUL */
    refuses(MSG_peer, STR("\2\0\0\0a\0"), ERR_INPUT); /* at the end */
    refuses(MSG_peer, STR("\2\0\0\0\0a"), ERR_INPUT); /* at the start */
    refuses(MSG_peer, STR("\3\0\0\0ab"), ERR_INPUT);  /* longer than what is there */
    refuses(MSG_peer, STR("\xff\xff\xff\xff"), ERR_INPUT);
    refuses(MSG_peer, STR("\xff\xff\xff\x7f"), ERR_INPUT);
    refuses(
        MSG_done, STR("\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), ERR_INPUT); /* NUL in an error's text */
    refuses(MSG_command, STR("\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0"), ERR_INPUT);  /* NUL in a list */
    refuses(MSG_command, STR("\0\0\0\0\1\0\0\0"), ERR_INPUT);                    /* a list without its text */
    refuses(MSG_command, STR("\0\0\0\0\xff\xff\xff\xff"), ERR_LIMIT);
    refuses(MSG_command, STR("\0\0\0\0\x11\x27\0\0\0\0\0\0\0\0\0\0"), ERR_LIMIT); /* MSG_LIST_MAX + 1 */
    refuses(MSG_command, STR("\0\0\0\0\x10\x27\0\0\0\0\0\0\0\0\0\0"),
        ERR_INPUT); /* MSG_LIST_MAX, but not there */
}

/* The first fault decides; what follows it cannot turn the verdict. */
static void test_first_fault(void **state)
{
    refuses(MSG_command, STR("\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_LIMIT);
    refuses(MSG_token_put, STR("\xff\0\0\0\1\0\0\0a"), ERR_INPUT);
}

static void test_list_limit(void **state)
{
    static const char *texts[MSG_LIST_MAX + 1];
    struct buf b = buf_new(MSG_MAX);
    struct arena *a = arena_new();
    struct msg_command m = {.names = {texts, MSG_LIST_MAX}}, out;
    assert_int_equal(msg_encode(MSG_command, &m, &b, NULL), 0);
    assert_int_equal(decode(MSG_command, buf_str(&b), a, &out, NULL), 0);
    assert_int_equal(out.names.n, MSG_LIST_MAX);
    assert_string_equal(out.names.p[MSG_LIST_MAX - 1], "");
    buf_clear(&b);
    m.names.n = MSG_LIST_MAX + 1;
    assert_int_equal(msg_encode(MSG_command, &m, &b, NULL), ERR_LIMIT);
    arena_free(a);
    buf_free(&b);
}

static void test_error(void **state)
{
    struct err from = {.code = ERR_ACME, .text = "too many", .problem = "rateLimited", .retry_at_s = 5};
    struct msg_error m = msg_error_of(&from);
    assert_int_equal(m.code, ERR_ACME);
    assert_ptr_equal(m.text, from.text);
    struct err to = ERR_INIT;
    assert_int_equal(msg_error_get(&m, &to), ERR_ACME);
    assert_int_equal(to.code, ERR_ACME);
    assert_string_equal(to.text, "too many");
    assert_string_equal(to.problem, "rateLimited");
    assert_int_equal(to.retry_at_s, 5);
    assert_int_equal(msg_error_get(&m, NULL), ERR_ACME);
}

static void test_no_error(void **state)
{
    struct err none = ERR_INIT, to = {.code = 7, .text = "kept"};
    struct msg_error m = msg_error_of(NULL);
    assert_int_equal(m.code, 0);
    assert_string_equal(m.text, "");
    assert_string_equal(m.problem, "");
    assert_int_equal(msg_error_get(&m, &to), 0);
    m = msg_error_of(&none);
    assert_int_equal(m.code, 0);
    assert_int_equal(msg_error_get(&m, &to), 0);
    assert_int_equal(to.code, 7);
    assert_string_equal(to.text, "kept");
}

/* What a peer that talks to strangers says of its failure is neither a success nor a way to the terminal. */
static void test_foreign_error(void **state)
{
    static char large[10 * ERR_TEXT_MAX];
    struct err to = ERR_INIT;
    struct msg_error m = {5, "a\x1b[2J\nb\xff", "p\x07q", INT64_MIN};
    assert_int_equal(msg_error_get(&m, &to), ERR_FAILED);
    assert_string_equal(to.text, "a?[2J b?");
    assert_string_equal(to.problem, "p?q");
    memset(large, 'x', sizeof large - 1);
    m = (struct msg_error){ERR_ACME, large, large, 0};
    assert_int_equal(msg_error_get(&m, &to), ERR_ACME);
    assert_int_equal(strlen(to.text), ERR_TEXT_MAX - 1);
    assert_string_equal(to.text + ERR_TEXT_MAX - 5, "x...");
    assert_int_equal(strlen(to.problem), ERR_PROBLEM_MAX - 1);
    m = (struct msg_error){ERR_ACME, NULL, NULL, 0};
    assert_int_equal(msg_error_get(&m, &to), ERR_ACME);
    assert_string_equal(to.text, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_small_buffer),
        cmocka_unit_test(test_huge_field),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_first_fault),
        cmocka_unit_test(test_list_limit),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_no_error),
        cmocka_unit_test(test_foreign_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
