#include "store/store.h"

#include "store/store_priv.h"

#include <string.h>

static int check_key(struct str key, const char *what, size_t max, struct err *err)
{
    if (key.p == NULL || key.n == 0)
        return err_set(err, ERR_INPUT, "empty %s", what);
    if (key.n > max)
        return err_set(err, ERR_LIMIT, "%s of %zu bytes; at most %zu can be stored", what, key.n, max);
    if (memchr(key.p, '\0', key.n) != NULL)
        return err_set(err, ERR_INPUT, "%s with a NUL octet", what);
    return 0;
}

static int check_name(struct str name, struct err *err)
{
    return check_key(name, "certificate name", STORE_NAME_MAX, err);
}

void store_close(struct store *s)
{
    if (s != NULL)
        s->ops->close(s);
}

int store_commit(struct store *s, struct err *err)
{
    return s->ops->commit(s, err);
}

void store_shrink(struct store *s)
{
    if (s->ops->shrink != NULL)
        s->ops->shrink(s);
}

bool store_is_damaged(const struct store *s)
{
    return s->damaged;
}

int store_certificate_put(struct store *s, const struct certificate *c, struct err *err)
{
    int r = record_check(&record_certificate, c, err);
    return r < 0 ? r : s->ops->certificate_put(s, c, err);
}

int store_certificate_get(
    struct store *s, struct str name, struct arena *a, struct certificate *out, struct err *err)
{
    int r = check_name(name, err);
    if (r < 0 || (r = s->ops->certificate_get(s, name, a, out, err)) < 0)
        return r;
    return r > 0 ? 0 : err_set(err, ERR_NOT_FOUND, "no certificate named %.*s", STR_ARG(name));
}

int store_certificate_delete(struct store *s, struct str name, struct err *err)
{
    int r = check_name(name, err);
    return r < 0 ? r : s->ops->certificate_delete(s, name, err);
}

int store_certificate_each(struct store *s, store_certificate_fn *fn, void *arg, struct err *err)
{
    int r;
    struct arena *held = NULL; /* keeps the last name */
    struct str after = STR("");
    for (;;) {
        struct arena *a = arena_new();
        struct certificate c;
        r = s->ops->certificate_next(s, after, a, &c, err);
        arena_free(held);
        held = a;
        if (r <= 0 || (r = fn(&c, arg)) != 0)
            break;
        after = str_c(c.name);
    }
    arena_free(held);
    return r < 0 ? r : 0;
}

int store_certificate_list(struct store *s, struct str after, size_t limit, struct arena *a,
    struct certificate out[], size_t *n, struct err *err)
{
    if (limit > STORE_LIST_MAX)
        limit = STORE_LIST_MAX;
    for (size_t i = 0; i < limit; i++)
        out[i] =
            (struct certificate){.issued_wish_domains = "", .subjects = "", .permit = STR(""), .chain = ""};
    *n = 0;
    return limit == 0 ? 0 : s->ops->certificate_list(s, after, limit, a, out, n, err);
}

int store_wish_each(
    struct store *s, const char *after, const char *last, store_wish_fn *fn, void *arg, struct err *err)
{
    struct arena *held = NULL; /* keeps the last name */
    struct str behind = str_c(after),
               end = last != NULL ? str_c(last) : STR("\xff"); /* no text's first octet */
    int r, n;
    do {
        struct arena *a = arena_new();
        struct wish_record *wishes = arena_array(a, STORE_WISHES_READ, sizeof *wishes);
        r = n = s->ops->wishes(s, behind, end, STORE_WISHES_READ, a, wishes, err);
        arena_free(held);
        held = a;
        for (int i = 0; i < n && (r = fn(&wishes[i], arg)) == 0; i++)
            behind = str_c(wishes[i].name);
    } while (r == 0 && n == STORE_WISHES_READ);
    arena_free(held);
    return r < 0 ? r : 0;
}

int64_t store_due_time(const struct certificate *c, enum store_due which)
{
    const int64_t times[] = {
        [STORE_DUE_ISSUE] = c->due_at.s,
        [STORE_DUE_DEPLOY] = c->deploy_due_at.s,
        [STORE_DUE_ARI] = c->ari_due_at.s,
        [STORE_DUE_LOOK] = c->look_due_at.s,
        [STORE_DUE_EXPIRING] = c->expiring_at.s,
    };
    return times[which];
}

/* The names first and then one by one, so that a callback that moves the times changes nothing about whom
 * this walk visits. */
static int each_due(struct store *s, enum store_due which, struct wall now, size_t limit,
    store_certificate_fn *fn, void *arg, struct err *err)
{
    if (limit == 0)
        return 0;
    struct arena *names = arena_new();
    struct store_name *name = NULL;
    int r = s->ops->due(s, which, now, limit, names, &name, err);
    for (; r == 0 && name != NULL; name = name->next) {
        struct arena *a = arena_new();
        struct certificate c;
        r = s->ops->certificate_get(s, name->name, a, &c, err);
        if (r > 0)
            r = store_due_time(&c, which) > 0 && store_due_time(&c, which) <= now.s ? fn(&c, arg) : 0;
        arena_free(a);
    }
    arena_free(names);
    return r < 0 ? r : 0;
}

int store_certificate_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err)
{
    return each_due(s, STORE_DUE_ISSUE, now, limit, fn, arg, err);
}

int store_deploy_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err)
{
    return each_due(s, STORE_DUE_DEPLOY, now, limit, fn, arg, err);
}

int store_ari_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err)
{
    return each_due(s, STORE_DUE_ARI, now, limit, fn, arg, err);
}

int store_look_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err)
{
    return each_due(s, STORE_DUE_LOOK, now, limit, fn, arg, err);
}

int store_expiring_due(
    struct store *s, struct wall now, size_t limit, store_certificate_fn *fn, void *arg, struct err *err)
{
    return each_due(s, STORE_DUE_EXPIRING, now, limit, fn, arg, err);
}

int store_queues(struct store *s, store_queue_fn *fn, void *arg, struct err *err)
{
    struct found {
        struct found *next;
        struct store_queue queue;
    } *first = NULL, **end = &first;
    struct arena *a = arena_new();
    struct store_queue q;
    const struct str *after = NULL;
    int r;
    while ((r = s->ops->queue_next(s, after, a, &q, err)) > 0) {
        *end = arena_alloc(a, sizeof **end);
        **end = (struct found){NULL, q};
        after = &(*end)->queue.name;
        end = &(*end)->next;
    }
    for (struct found *f = first; r == 0 && f != NULL; f = f->next)
        r = fn(&f->queue, arg);
    arena_free(a);
    return r < 0 ? r : 0;
}

int store_queue_due(struct store *s, struct str queue, struct wall now, size_t limit, store_name_fn *fn,
    void *arg, struct err *err)
{
    struct arena *a = arena_new();
    struct store_name *urgent = NULL, *others = NULL, **end = &urgent;
    size_t n = 0;
    int r = s->ops->queue_due(s, queue, true, now, limit, a, &urgent, err);
    for (; r == 0 && *end != NULL; end = &(*end)->next)
        n++;
    if (r == 0 && n < limit)
        r = s->ops->queue_due(s, queue, false, now, limit - n, a, &others, err);
    *end = others;
    for (struct store_name *name = urgent; r == 0 && name != NULL; name = name->next, n -= n > 0)
        r = fn(arena_dup(a, name->name), n > 0, arg);
    arena_free(a);
    return r < 0 ? r : 0;
}

int store_next_due(struct store *s, struct wall *out, struct err *err)
{
    return s->ops->next_due(s, out, err);
}

int store_key_put(struct store *s, struct str name, int64_t generation, struct str sealed, struct err *err)
{
    int r = check_name(name, err);
    if (r < 0)
        return r;
    if (sealed.p == NULL || sealed.n == 0)
        return err_set(err, ERR_INPUT, "empty key for %.*s", STR_ARG(name));
    if (sealed.n > STORE_SEALED_MAX)
        return err_set(err, ERR_LIMIT, "sealed key of %zu bytes for %.*s; at most %d can be stored", sealed.n,
            STR_ARG(name), STORE_SEALED_MAX);
    return s->ops->key_put(s, name, generation, sealed, err);
}

int store_key_get(
    struct store *s, struct str name, int64_t generation, struct arena *a, struct str *out, struct err *err)
{
    int r = check_name(name, err);
    if (r < 0 || (r = s->ops->key_get(s, name, generation, a, out, err)) < 0)
        return r;
    return r > 0 ? 0
                 : err_set(err, ERR_NOT_FOUND, "no key of generation %lld for %.*s", (long long)generation,
                       STR_ARG(name));
}

int store_key_delete_below(struct store *s, struct str name, int64_t below, struct err *err)
{
    int r = check_name(name, err);
    return r < 0 ? r : s->ops->key_delete_below(s, name, below, err);
}

int store_authority_put(struct store *s, const struct authority_record *r, struct err *err)
{
    int result = record_check(&record_authority, r, err);
    return result < 0 ? result : s->ops->authority_put(s, r, err);
}

int store_authority_get(
    struct store *s, struct str id, struct arena *a, struct authority_record *out, struct err *err)
{
    int r = check_key(id, "authority's id", STORE_URL_MAX, err);
    if (r < 0 || (r = s->ops->authority_get(s, id, a, out, err)) < 0)
        return r;
    return r > 0 ? 0 : err_set(err, ERR_NOT_FOUND, "no authority with directory %.*s", STR_ARG(id));
}

int store_bucket_put(struct store *s, const struct bucket_record *b, struct err *err)
{
    int r = record_check(&record_bucket, b, err);
    return r < 0 ? r : s->ops->bucket_put(s, b, err);
}

int store_bucket_get(
    struct store *s, struct str key, struct arena *a, struct bucket_record *out, struct err *err)
{
    int r = check_key(key, "bucket's key", STORE_BUCKET_MAX, err);
    if (r < 0 || (r = s->ops->bucket_get(s, key, a, out, err)) < 0)
        return r;
    return r > 0 ? 0 : err_set(err, ERR_NOT_FOUND, "no bucket with key %.*s", STR_ARG(key));
}

int store_bucket_delete_expired(struct store *s, struct wall now, struct err *err)
{
    return s->ops->bucket_delete_expired(s, now, STORE_EXPIRED_MAX, err);
}

static struct challenge_record challenge_key(const char *certificate, const char *token)
{
    return (struct challenge_record){.certificate = certificate,
        .token = token,
        .identifier = "",
        .label = "",
        .key_authorization = "",
        .note = ""};
}

int store_mark_put(struct store *s, struct str name, int64_t value, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct mark_record m = {arena_dup(a, name), value};
    int r = check_key(name, "mark", STORE_NAME_MAX, err);
    return r < 0 ? r : s->ops->mark_put(s, &m, err);
}

int store_mark_get(struct store *s, struct str name, int64_t *out, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct mark_record m = {.value = 0};
    int r = check_key(name, "mark", STORE_NAME_MAX, err);
    if (r < 0 || (r = s->ops->mark_get(s, name, a, &m, err)) < 0)
        return r;
    *out = r > 0 ? m.value : 0;
    return 0;
}

int store_challenge_put(struct store *s, const struct challenge_record *c, struct err *err)
{
    int r = record_check(&record_challenge, c, err);
    return r < 0 ? r : s->ops->challenge_put(s, c, err);
}

int store_challenge_delete(struct store *s, const char *certificate, const char *token, struct err *err)
{
    const struct challenge_record key = challenge_key(certificate, token);
    int r = record_check(&record_challenge, &key, err);
    return r < 0 ? r : s->ops->challenge_delete(s, certificate, token, err);
}

int store_challenge_each(struct store *s, store_challenge_fn *fn, void *arg, struct err *err)
{
    int r;
    struct arena *held = NULL; /* keeps the last record */
    struct challenge_record after = challenge_key("", "");
    for (;;) {
        struct arena *a = arena_new();
        struct challenge_record c;
        r = s->ops->challenge_next(s, &after, a, &c, err);
        arena_free(held);
        held = a;
        if (r <= 0 || (r = fn(&c, arg)) != 0)
            break;
        after = c;
    }
    arena_free(held);
    return r < 0 ? r : 0;
}

int store_history_put(struct store *s, struct history_record *h, struct err *err)
{
    int r = record_check(&record_history, h, err);
    return r < 0 ? r : s->ops->history_put(s, h, err);
}

int store_history_open(
    struct store *s, struct str name, int64_t after, size_t limit, struct history_walk *out, struct err *err)
{
    int r = name.n == 0 ? 0 : check_name(name, err);
    *out = (struct history_walk){.next = 1, .over = true};
    if (r < 0 || limit == 0)
        return r;
    r = s->ops->history_range(s, name, after, limit, &out->next, &out->last, err);
    out->over = r < 0 || out->next > out->last;
    return r;
}

int store_history_next(struct store *s, struct str name, struct history_walk *w, size_t limit,
    store_history_fn *fn, void *arg, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < limit && !w->over && r == 0; i++) {
        struct arena *a = arena_new();
        struct history_record h;
        r = s->ops->history_next(s, name, w->next, w->last, a, &h, err);
        w->over = r <= 0 || h.id >= w->last;
        if (r > 0) {
            w->next = w->over ? w->last : h.id + 1;
            r = fn(&h, arg);
        }
        arena_free(a);
    }
    return r;
}

int store_history_each(struct store *s, struct str name, int64_t after, size_t limit, store_history_fn *fn,
    void *arg, struct err *err)
{
    struct history_walk w;
    int r = store_history_open(s, name, after, limit, &w, err);
    if (r == 0)
        r = store_history_next(s, name, &w, SIZE_MAX, fn, arg, err);
    return r < 0 ? r : 0;
}

int store_history_delete(struct store *s, struct wall before, size_t *deleted, struct err *err)
{
    *deleted = 0;
    return s->ops->history_delete(s, before, STORE_HISTORY_DELETE_MAX, deleted, err);
}
