#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "store/store_priv.h"

static const struct record_type *const types[] = {
    &record_certificate, &record_authority, &record_bucket, &record_challenge, &record_history};

union any_record {
    struct certificate certificate;
    struct authority_record authority;
    struct bucket_record bucket;
    struct challenge_record challenge;
    struct history_record history;
};

static void *member(union any_record *record, const struct field *f)
{
    return (char *)record + f->offset;
}

static void set_text(union any_record *record, const struct field *f, const char *text)
{
    memcpy(member(record, f), &text, sizeof text);
}

/* Every text "k", every blob and number 0. */
static void fill(const struct record_type *t, union any_record *record)
{
    memset(record, 0, sizeof *record);
    for (size_t i = 0; i < t->n; i++)
        if (t->fields[i].kind == FIELD_TEXT)
            set_text(record, &t->fields[i], "k");
}

static void every_text_has_its_bounds(void **state)
{
    for (size_t k = 0; k < ARRAY_LEN(types); k++) {
        const struct record_type *t = types[k];
        union any_record record;
        fill(t, &record);
        assert_int_equal(record_check(t, &record, NULL), 0);
        for (size_t i = 0; i < t->n; i++) {
            const struct field *f = &t->fields[i];
            if (f->kind != FIELD_TEXT)
                continue;
            struct err err = ERR_INIT;
            set_text(&record, f, NULL);
            assert_int_equal(record_check(t, &record, &err), ERR_INPUT);
            assert_non_null(strstr(err.text, f->name));
            assert_non_null(strstr(err.text, t->what));
            set_text(&record, f, "");
            assert_int_equal(record_check(t, &record, NULL), i < t->keys ? ERR_INPUT : 0);

            assert_true(f->max > 0);
            char *text = malloc(f->max + 2);
            assert_non_null(text);
            memset(text, 'x', f->max + 1);
            text[f->max + 1] = '\0';
            set_text(&record, f, text);
            assert_int_equal(record_check(t, &record, &err), ERR_LIMIT);
            assert_non_null(strstr(err.text, f->name));
            text[f->max] = '\0';
            assert_int_equal(record_check(t, &record, NULL), 0);
            free(text);
            set_text(&record, f, "k");
        }
    }
}

static void permit_has_its_bounds(void **state)
{
    struct certificate c = empty_certificate("a");
    c.permit = (struct str){"x", STORE_SEALED_MAX + 1};
    assert_int_equal(record_check(&record_certificate, &c, NULL), ERR_LIMIT);
    c.permit = (struct str){NULL, 1};
    assert_int_equal(record_check(&record_certificate, &c, NULL), ERR_INPUT);
    c.permit = (struct str){NULL, 0};
    assert_int_equal(record_check(&record_certificate, &c, NULL), 0);
}

static void unknown_source_is_refused(void **state)
{
    struct certificate c = empty_certificate("a");
    c.source = (enum certificate_source)3;
    struct err err = ERR_INIT;
    assert_int_equal(record_check(&record_certificate, &c, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "source"));

    c.source = SOURCE_COMMAND;
    struct value values[RECORD_FIELDS_MAX];
    record_to_values(&record_certificate, &c, values);
    struct arena *a = arena_new();
    struct certificate out;
    assert_int_equal(record_from_values(&record_certificate, values, a, &out, NULL), 0);
    static const int64_t unknown[] = {-1, 3, INT64_MAX, INT64_MIN, INT64_C(1) << 32};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        for (size_t k = 0; k < record_certificate.n; k++)
            if (record_certificate.fields[k].kind == FIELD_SOURCE)
                values[k].i = unknown[i];
        assert_int_equal(record_from_values(&record_certificate, values, a, &out, NULL), ERR_STORE);
    }
    arena_free(a);
}

/* The tables name every byte of the structs that is not padding: a member that is forgotten would be lost. */
static void tables_cover_the_structs(void **state)
{
    static const size_t sizes[] = {sizeof(struct certificate), sizeof(struct authority_record),
        sizeof(struct bucket_record), sizeof(struct challenge_record), sizeof(struct history_record)};
    static const size_t member_sizes[] = {
        [FIELD_TEXT] = sizeof(const char *),
        [FIELD_BLOB] = sizeof(struct str),
        [FIELD_INT] = sizeof(int64_t),
        [FIELD_BOOL] = sizeof(bool),
        [FIELD_WALL] = sizeof(struct wall),
        [FIELD_SOURCE] = sizeof(enum certificate_source),
    };
    for (size_t k = 0; k < ARRAY_LEN(types); k++) {
        size_t covered = 0;
        for (size_t i = 0; i < types[k]->n; i++)
            covered += member_sizes[types[k]->fields[i].kind];
        assert_true(covered <= sizes[k]);
        assert_true(sizes[k] - covered < _Alignof(max_align_t));
        assert_true(sizes[k] - covered < sizeof(int64_t)); /* the smallest member that could be missing */
    }
}

static void copy_shares_nothing(void **state)
{
    struct arena *from = arena_new(), *to = arena_new();
    struct certificate in = full_certificate(from, "a", 5), out, again;
    record_copy(&record_certificate, to, &out, &in);
    arena_free(from);
    from = arena_new();
    again = full_certificate(from, "a", 5);
    assert_certificate_equal(&out, &again);
    arena_free(from);
    arena_free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_has_its_bounds),
        cmocka_unit_test(permit_has_its_bounds),
        cmocka_unit_test(unknown_source_is_refused),
        cmocka_unit_test(tables_cover_the_structs),
        cmocka_unit_test(copy_shares_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
