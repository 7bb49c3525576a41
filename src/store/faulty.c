/* A driver that fails on command, around another one. */
#include "store/store_priv.h"

#include <stdlib.h>

struct faulty_store {
    struct store base;
    struct store *inner;
    uint64_t n, count;
    int code;
};

static struct faulty_store *faulty_of(struct store *s)
{
    return (struct faulty_store *)s;
}

static struct store *inner_of(struct store *s)
{
    return faulty_of(s)->inner;
}

/* 0, or the code when this is the call that must fail. */
static int count_call(struct store *s, struct err *err)
{
    struct faulty_store *f = faulty_of(s);
    f->count++;
    if (f->n == 0 || f->count != f->n)
        return 0;
    return err_set(err, f->code, "made to fail: writing call %llu", (unsigned long long)f->count);
}

static void faulty_close(struct store *s)
{
    store_close(inner_of(s));
    free(faulty_of(s));
}

static int commit(struct store *s, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->commit(inner_of(s), err);
}

static void shrink(struct store *s)
{
    store_shrink(inner_of(s));
}

static int certificate_put(struct store *s, const struct certificate *c, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->certificate_put(inner_of(s), c, err);
}

static int certificate_get(
    struct store *s, struct str name, struct arena *a, struct certificate *out, struct err *err)
{
    return inner_of(s)->ops->certificate_get(inner_of(s), name, a, out, err);
}

static int certificate_delete(struct store *s, struct str name, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->certificate_delete(inner_of(s), name, err);
}

static int certificate_next(
    struct store *s, struct str after, struct arena *a, struct certificate *out, struct err *err)
{
    return inner_of(s)->ops->certificate_next(inner_of(s), after, a, out, err);
}

static int certificate_list(struct store *s, struct str after, size_t limit, struct arena *a,
    struct certificate *out, size_t *n, struct err *err)
{
    return inner_of(s)->ops->certificate_list(inner_of(s), after, limit, a, out, n, err);
}

static int wishes(struct store *s, struct str after, struct str last, size_t limit, struct arena *a,
    struct wish_record *out, struct err *err)
{
    return inner_of(s)->ops->wishes(inner_of(s), after, last, limit, a, out, err);
}

static int due(struct store *s, enum store_due which, struct wall now, size_t limit, struct arena *a,
    struct store_name **out, struct err *err)
{
    return inner_of(s)->ops->due(inner_of(s), which, now, limit, a, out, err);
}

static int queue_next(
    struct store *s, const struct str *after, struct arena *a, struct store_queue *out, struct err *err)
{
    return inner_of(s)->ops->queue_next(inner_of(s), after, a, out, err);
}

static int queue_due(struct store *s, struct str queue, bool urgent, struct wall now, size_t limit,
    struct arena *a, struct store_name **out, struct err *err)
{
    return inner_of(s)->ops->queue_due(inner_of(s), queue, urgent, now, limit, a, out, err);
}

static int next_due(struct store *s, struct wall *out, struct err *err)
{
    return inner_of(s)->ops->next_due(inner_of(s), out, err);
}

static int key_put(struct store *s, struct str name, int64_t generation, struct str sealed, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->key_put(inner_of(s), name, generation, sealed, err);
}

static int key_get(
    struct store *s, struct str name, int64_t generation, struct arena *a, struct str *out, struct err *err)
{
    return inner_of(s)->ops->key_get(inner_of(s), name, generation, a, out, err);
}

static int key_delete_below(struct store *s, struct str name, int64_t below, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->key_delete_below(inner_of(s), name, below, err);
}

static int authority_put(struct store *s, const struct authority_record *record, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->authority_put(inner_of(s), record, err);
}

static int authority_get(
    struct store *s, struct str id, struct arena *a, struct authority_record *out, struct err *err)
{
    return inner_of(s)->ops->authority_get(inner_of(s), id, a, out, err);
}

static int bucket_put(struct store *s, const struct bucket_record *b, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->bucket_put(inner_of(s), b, err);
}

static int bucket_get(
    struct store *s, struct str key, struct arena *a, struct bucket_record *out, struct err *err)
{
    return inner_of(s)->ops->bucket_get(inner_of(s), key, a, out, err);
}

static int bucket_delete_expired(struct store *s, struct wall now, size_t limit, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->bucket_delete_expired(inner_of(s), now, limit, err);
}

static int mark_put(struct store *s, const struct mark_record *m, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->mark_put(inner_of(s), m, err);
}

static int mark_get(
    struct store *s, struct str name, struct arena *a, struct mark_record *out, struct err *err)
{
    return inner_of(s)->ops->mark_get(inner_of(s), name, a, out, err);
}

static int challenge_put(struct store *s, const struct challenge_record *c, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->challenge_put(inner_of(s), c, err);
}

static int challenge_delete(struct store *s, const char *certificate, const char *token, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->challenge_delete(inner_of(s), certificate, token, err);
}

static int challenge_next(struct store *s, const struct challenge_record *after, struct arena *a,
    struct challenge_record *out, struct err *err)
{
    return inner_of(s)->ops->challenge_next(inner_of(s), after, a, out, err);
}

static int history_put(struct store *s, struct history_record *h, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->history_put(inner_of(s), h, err);
}

static int history_range(struct store *s, struct str name, int64_t after, size_t limit, int64_t *first,
    int64_t *last, struct err *err)
{
    return inner_of(s)->ops->history_range(inner_of(s), name, after, limit, first, last, err);
}

static int history_next(struct store *s, struct str name, int64_t first, int64_t last, struct arena *a,
    struct history_record *out, struct err *err)
{
    return inner_of(s)->ops->history_next(inner_of(s), name, first, last, a, out, err);
}

static int history_delete(struct store *s, struct wall before, size_t limit, size_t *deleted, struct err *err)
{
    int r = count_call(s, err);
    return r < 0 ? r : inner_of(s)->ops->history_delete(inner_of(s), before, limit, deleted, err);
}

static const struct store_ops faulty_ops = {
    .close = faulty_close,
    .commit = commit,
    .shrink = shrink,
    .certificate_put = certificate_put,
    .certificate_get = certificate_get,
    .certificate_delete = certificate_delete,
    .certificate_next = certificate_next,
    .certificate_list = certificate_list,
    .wishes = wishes,
    .due = due,
    .queue_next = queue_next,
    .queue_due = queue_due,
    .next_due = next_due,
    .key_put = key_put,
    .key_get = key_get,
    .key_delete_below = key_delete_below,
    .authority_put = authority_put,
    .authority_get = authority_get,
    .bucket_put = bucket_put,
    .bucket_get = bucket_get,
    .bucket_delete_expired = bucket_delete_expired,
    .mark_put = mark_put,
    .mark_get = mark_get,
    .challenge_put = challenge_put,
    .challenge_delete = challenge_delete,
    .challenge_next = challenge_next,
    .history_put = history_put,
    .history_range = history_range,
    .history_next = history_next,
    .history_delete = history_delete,
};

struct store *store_open_faulty(struct store *inner, uint64_t n, int code)
{
    struct faulty_store *f = calloc(1, sizeof *f);
    if (f == NULL)
        abort();
    *f = (struct faulty_store){.base = {.ops = &faulty_ops}, .inner = inner, .n = n, .code = code};
    return &f->base;
}

void store_faulty_arm(struct store *s, uint64_t n, int code)
{
    struct faulty_store *f = faulty_of(s);
    f->n = n;
    f->count = 0;
    f->code = code;
}

uint64_t store_faulty_count(const struct store *s)
{
    return ((const struct faulty_store *)s)->count;
}
