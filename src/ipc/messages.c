#include "ipc/messages.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum kind { KIND_u32, KIND_i64, KIND_flag, KIND_text, KIND_blob, KIND_list, KIND_error };

struct field {
    enum kind kind;
    size_t offset;
};

struct layout {
    const char *name;
    size_t max, size;
    bool has_fd;
    const struct field *(*fields)(size_t *n);
};

/* Each message's field table stands in a function of its own, where S can mean its struct. */
#define FIELD_ROW(kind, name) {KIND_##kind, offsetof(S, name)},
#define FIELD_TABLE(name, max, fd)                                         \
    static const struct field *fields_of_##name(size_t *n)                 \
    {                                                                      \
        typedef struct msg_##name S;                                       \
        static const struct field rows[] = {MSG_FIELDS_##name(FIELD_ROW)}; \
        *n = ARRAY_LEN(rows);                                              \
        return rows;                                                       \
    }
MESSAGES(FIELD_TABLE)

static const struct layout layouts[MSG_END_] = {
#define LAYOUT(name, max, fd) [MSG_##name] = {#name, max, sizeof(struct msg_##name), fd, fields_of_##name},
    MESSAGES(LAYOUT)
#undef LAYOUT
};

static bool known(uint32_t t)
{
    return t > MSG_none && t < MSG_END_;
}

const char *msg_name(enum msg_type t)
{
    return known(t) ? layouts[t].name : "?";
}

size_t msg_max(uint32_t t)
{
    return known(t) ? layouts[t].max : 0;
}

bool msg_has_fd(uint32_t t)
{
    return known(t) && layouts[t].has_fd;
}

size_t msg_size(enum msg_type t)
{
    return known(t) ? layouts[t].size : 0;
}

/* --- encoding: little-endian numbers, u32 lengths --- */

static void put_number(struct buf *out, uint64_t v, size_t bytes)
{
    unsigned char raw[8];
    for (size_t i = 0; i < bytes; i++)
        raw[i] = (unsigned char)(v >> (8 * i));
    buf_put(out, raw, bytes);
}

static void put_bytes(struct buf *out, struct str s)
{
    if (s.n > MSG_MAX) {
        out->failed = true;
        return;
    }
    put_number(out, s.n, 4);
    buf_put_str(out, s);
}

static void put_field(struct buf *out, enum kind kind, const void *at)
{
    switch (kind) {
    case KIND_u32:
        put_number(out, *(const uint32_t *)at, 4);
        break;
    case KIND_i64:
        put_number(out, (uint64_t) * (const int64_t *)at, 8);
        break;
    case KIND_flag:
        put_number(out, *(const bool *)at, 1);
        break;
    case KIND_text:
        put_bytes(out, str_c(*(const char *const *)at));
        break;
    case KIND_blob:
        put_bytes(out, *(const struct str *)at);
        break;
    case KIND_list: {
        const struct msg_list *list = at;
        out->failed = out->failed || list->n > MSG_LIST_MAX;
        put_number(out, list->n, 4);
        for (size_t i = 0; i < list->n && !out->failed; i++)
            put_bytes(out, str_c(list->p[i]));
        break;
    }
    case KIND_error: {
        const struct msg_error *e = at;
        put_number(out, (uint32_t)e->code, 4);
        put_bytes(out, str_c(e->text));
        put_bytes(out, str_c(e->problem));
        put_number(out, (uint64_t)e->retry_at_s, 8);
        break;
    }
    }
}

int msg_encode(enum msg_type t, const void *msg, struct buf *out, struct err *err)
{
    if (!known(t))
        return err_set(err, ERR_IPC, "no message has the number %d", (int)t);
    size_t n, before = out->n;
    const struct field *fields = layouts[t].fields(&n);
    for (size_t i = 0; i < n; i++)
        put_field(out, fields[i].kind, (const char *)msg + fields[i].offset);
    if (buf_failed(out) || out->n - before > layouts[t].max)
        return err_set(err, ERR_LIMIT, "a %s message is larger than its limit of %zu bytes", layouts[t].name,
            layouts[t].max);
    return 0;
}

/* --- decoding --- */

/* A reader whose first failure sticks: later reads give zeros, the caller asks once. */
struct decoder {
    const unsigned char *pos, *end;
    struct arena *arena;
    int failed; /* 0 or an error code */
};

static uint64_t get_number(struct decoder *d, size_t bytes)
{
    uint64_t v = 0;
    if (d->failed || (size_t)(d->end - d->pos) < bytes) {
        d->failed = d->failed ? d->failed : ERR_INPUT;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        v |= (uint64_t)d->pos[i] << (8 * i);
    d->pos += bytes;
    return v;
}

static struct str get_bytes(struct decoder *d)
{
    size_t n = (size_t)get_number(d, 4);
    if (d->failed || (size_t)(d->end - d->pos) < n) {
        d->failed = d->failed ? d->failed : ERR_INPUT;
        return STR("");
    }
    struct str s = arena_str(d->arena, (struct str){(const char *)d->pos, n});
    d->pos += n;
    return s;
}

static const char *get_text(struct decoder *d)
{
    struct str s = get_bytes(d);
    if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL) {
        d->failed = d->failed ? d->failed : ERR_INPUT;
        return "";
    }
    return s.p;
}

static struct msg_list get_list(struct decoder *d)
{
    size_t n = (size_t)get_number(d, 4);
    /* Each text takes at least its length field, so the count is bounded by the bytes at hand before anything
     * is allocated for it. */
    if (d->failed || n > MSG_LIST_MAX || n > (size_t)(d->end - d->pos) / 4) {
        d->failed = d->failed ? d->failed : n > MSG_LIST_MAX ? ERR_LIMIT : ERR_INPUT;
        return (struct msg_list){0};
    }
    const char **texts = arena_array(d->arena, n, sizeof *texts);
    for (size_t i = 0; i < n; i++)
        texts[i] = get_text(d);
    return (struct msg_list){texts, n};
}

static void get_field(struct decoder *d, enum kind kind, void *at)
{
    switch (kind) {
    case KIND_u32:
        *(uint32_t *)at = (uint32_t)get_number(d, 4);
        break;
    case KIND_i64:
        *(int64_t *)at = (int64_t)get_number(d, 8);
        break;
    case KIND_flag: {
        uint64_t v = get_number(d, 1);
        if (v > 1 && !d->failed)
            d->failed = ERR_INPUT;
        *(bool *)at = v == 1;
        break;
    }
    case KIND_text:
        *(const char **)at = get_text(d);
        break;
    case KIND_blob:
        *(struct str *)at = get_bytes(d);
        break;
    case KIND_list:
        *(struct msg_list *)at = get_list(d);
        break;
    case KIND_error: {
        struct msg_error *e = at;
        e->code = (int32_t)(uint32_t)get_number(d, 4);
        e->text = get_text(d);
        e->problem = get_text(d);
        e->retry_at_s = (int64_t)get_number(d, 8);
        break;
    }
    }
}

int msg_decode(enum msg_type t, struct str fields_in, struct arena *a, void *out, struct err *err)
{
    if (!known(t))
        return err_set(err, ERR_INPUT, "no message has the number %d", (int)t);
    const unsigned char *start = (const unsigned char *)(fields_in.n > 0 ? fields_in.p : "");
    struct decoder d = {start, start + fields_in.n, a, 0};
    memset(out, 0, layouts[t].size);
    size_t n;
    const struct field *fields = layouts[t].fields(&n);
    for (size_t i = 0; i < n; i++)
        get_field(&d, fields[i].kind, (char *)out + fields[i].offset);
    if (d.failed)
        return err_set(err, d.failed, "a %s message does not decode", layouts[t].name);
    if (d.pos != d.end)
        return err_set(
            err, ERR_INPUT, "a %s message has %zu bytes too many", layouts[t].name, (size_t)(d.end - d.pos));
    return 0;
}

struct msg_error msg_error_of(const struct err *err)
{
    if (err == NULL || err->code == 0)
        return (struct msg_error){0, "", "", 0};
    return (struct msg_error){err->code, err->text, err->problem, err->retry_at_s};
}

int msg_error_get(const struct msg_error *e, struct err *err)
{
    if (e->code == 0)
        return 0;
    /* A peer cannot make its failure look like a success of ours by an odd code. */
    int code = e->code < 0 ? e->code : ERR_FAILED;
    struct buf text = buf_new(2 * ERR_TEXT_MAX);
    text_clean(&text, str_c(e->text), ERR_TEXT_MAX - 4);
    err_set(err, code, "%s", buf_c(&text));
    buf_free(&text);
    if (err != NULL) {
        struct buf problem = buf_new(2 * ERR_PROBLEM_MAX);
        text_clean(&problem, str_c(e->problem), ERR_PROBLEM_MAX - 4);
        snprintf(err->problem, sizeof err->problem, "%s", buf_c(&problem));
        buf_free(&problem);
        err->retry_at_s = e->retry_at_s;
    }
    return code;
}

int msg_outcome(const struct msg_error *e, const struct err *why, struct err *err)
{
    if (e != NULL)
        return msg_error_get(e, err);
    if (err != NULL)
        *err = *why;
    return why->code;
}
