#include "base/attr.h"
#include "store/store_priv.h"

#include <string.h>

#define FIELD(kind, field, max) {#field, FIELD_##kind, offsetof(struct RECORD, field), max},

#define RECORD certificate
static const struct field certificate_fields[] = {CERTIFICATE_FIELDS(FIELD, FIELD)};
static const struct field certificate_row_fields[] = {CERTIFICATE_ROW_FIELDS(FIELD, FIELD)};
#undef RECORD
#define RECORD wish_record
static const struct field wish_fields[] = {WISH_FIELDS(FIELD, FIELD)};
#undef RECORD
#define RECORD authority_record
static const struct field authority_fields[] = {AUTHORITY_FIELDS(FIELD, FIELD)};
#undef RECORD
#define RECORD bucket_record
static const struct field bucket_fields[] = {BUCKET_FIELDS(FIELD, FIELD)};
#undef RECORD
#define RECORD mark_record
static const struct field mark_fields[] = {MARK_FIELDS(FIELD, FIELD)};
#undef RECORD
#define RECORD challenge_record
static const struct field challenge_fields[] = {CHALLENGE_FIELDS(FIELD, FIELD)};
#undef RECORD
#define RECORD history_record
static const struct field history_fields[] = {HISTORY_FIELDS(FIELD, FIELD)};
#undef RECORD

_Static_assert(ARRAY_LEN(certificate_fields) <= RECORD_FIELDS_MAX, "the widest record fits");

const struct record_type record_certificate = {
    "certificate", certificate_fields, ARRAY_LEN(certificate_fields), 1};
const struct record_type record_certificate_row = {
    "certificate", certificate_row_fields, ARRAY_LEN(certificate_row_fields), 1};
const struct record_type record_wish = {"certificate", wish_fields, ARRAY_LEN(wish_fields), 1};
const struct record_type record_authority = {"authority", authority_fields, ARRAY_LEN(authority_fields), 1};
const struct record_type record_bucket = {"bucket", bucket_fields, ARRAY_LEN(bucket_fields), 1};
const struct record_type record_mark = {"mark", mark_fields, ARRAY_LEN(mark_fields), 1};
const struct record_type record_challenge = {"challenge", challenge_fields, ARRAY_LEN(challenge_fields), 2};
const struct record_type record_history = {"history", history_fields, ARRAY_LEN(history_fields), 0};

#define SOURCE_COUNT(id, text) +1
enum { SOURCES = 0 CERTIFICATE_SOURCES(SOURCE_COUNT) };

/* Members are read and written by copying their bytes: the table knows where they are, not their types. */
#define MEMBER(variable, record, f) \
    memcpy(&(variable), (const char *)(record) + (f)->offset, sizeof(variable))
#define MEMBER_SET(record, f, variable) memcpy((char *)(record) + (f)->offset, &(variable), sizeof(variable))

static struct value to_value(const struct field *f, const void *record)
{
    struct value v = {.kind = VALUE_INT};
    const char *text;
    bool flag;
    struct wall time;
    enum certificate_source source;
    switch (f->kind) {
    case FIELD_TEXT:
        MEMBER(text, record, f);
        v.kind = VALUE_TEXT;
        v.bytes = str_c(text);
        break;
    case FIELD_BLOB:
        v.kind = VALUE_BLOB;
        MEMBER(v.bytes, record, f);
        break;
    case FIELD_INT:
        MEMBER(v.i, record, f);
        break;
    case FIELD_BOOL:
        MEMBER(flag, record, f);
        v.i = flag;
        break;
    case FIELD_WALL:
        MEMBER(time, record, f);
        v.i = time.s;
        break;
    case FIELD_SOURCE:
        MEMBER(source, record, f);
        v.i = (int64_t)source;
        break;
    }
    return v;
}

static void from_value(const struct field *f, const struct value *v, struct arena *a, void *record)
{
    const char *text;
    struct str bytes;
    bool flag;
    struct wall time;
    enum certificate_source source;
    switch (f->kind) {
    case FIELD_TEXT:
        text = v->bytes.n > 0 ? arena_dup(a, v->bytes) : "";
        MEMBER_SET(record, f, text);
        break;
    case FIELD_BLOB:
        bytes = arena_str(a, v->bytes);
        MEMBER_SET(record, f, bytes);
        break;
    case FIELD_INT:
        MEMBER_SET(record, f, v->i);
        break;
    case FIELD_BOOL:
        flag = v->i != 0;
        MEMBER_SET(record, f, flag);
        break;
    case FIELD_WALL:
        time = (struct wall){v->i};
        MEMBER_SET(record, f, time);
        break;
    case FIELD_SOURCE:
        source = (enum certificate_source)v->i;
        MEMBER_SET(record, f, source);
        break;
    }
}

static bool source_is_known(int64_t source)
{
    return source >= 0 && source < SOURCES;
}

static int check_field(
    const struct record_type *t, const struct field *f, bool key, const void *record, struct err *err)
{
    if (f->kind == FIELD_TEXT) {
        const char *text;
        MEMBER(text, record, f);
        if (text == NULL)
            return err_set(err, ERR_INPUT, "%s record without %s", t->what, f->name);
    }
    struct value v = to_value(f, record);
    if (f->kind == FIELD_SOURCE && !source_is_known(v.i))
        return err_set(err, ERR_INPUT, "%s record with unknown %s %lld", t->what, f->name, (long long)v.i);
    if (v.kind == VALUE_INT)
        return 0;
    if (v.bytes.n > 0 && v.bytes.p == NULL)
        return err_set(err, ERR_INPUT, "%s record without %s", t->what, f->name);
    if (key && v.bytes.n == 0)
        return err_set(err, ERR_INPUT, "%s record with empty %s", t->what, f->name);
    if (v.bytes.n > f->max)
        return err_set(err, ERR_LIMIT, "%s record with a %s of %zu bytes; at most %zu can be stored", t->what,
            f->name, v.bytes.n, f->max);
    return 0;
}

int record_check(const struct record_type *t, const void *record, struct err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        int r = check_field(t, &t->fields[i], i < t->keys, record, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void record_to_values(const struct record_type *t, const void *record, struct value values[])
{
    for (size_t i = 0; i < t->n; i++)
        values[i] = to_value(&t->fields[i], record);
}

int record_from_values(
    const struct record_type *t, const struct value values[], struct arena *a, void *record, struct err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->fields[i];
        if (f->kind == FIELD_SOURCE && !source_is_known(values[i].i))
            return err_set(
                err, ERR_STORE, "stored %s has unknown %s %lld", t->what, f->name, (long long)values[i].i);
        from_value(f, &values[i], a, record);
    }
    return 0;
}

void record_copy(const struct record_type *t, struct arena *a, void *out, const void *record)
{
    for (size_t i = 0; i < t->n; i++) {
        struct value v = to_value(&t->fields[i], record);
        from_value(&t->fields[i], &v, a, out);
    }
}
