/* The store as sorted arrays. Everything is "durable" at once; commits do nothing. */
#include "store/store_priv.h"

#include <stdlib.h>
#include <string.h>

/* A key of any record: compared part by part; parts that a kind has no use for are empty. */
struct key {
    struct str name, second;
    int64_t number;
};

struct node {
    struct arena *a; /* owns all that key and content point to */
    struct key key;
    union {
        struct certificate certificate;
        struct authority_record authority;
        struct bucket_record bucket;
        struct mark_record mark;
        struct challenge_record challenge;
        struct history_record history;
        struct str sealed;
    } u;
};

/* Sorted by key. */
struct list {
    struct node **v;
    size_t n, cap;
};

struct memory_store {
    struct store base;
    struct list certificates, keys, authorities, buckets, marks, challenges, history;
};

static struct memory_store *memory_of(struct store *s)
{
    return (struct memory_store *)s;
}

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static int compare_str(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int r = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return r != 0 ? r : (a.n > b.n) - (a.n < b.n);
}

static int compare_key(const struct key *a, const struct key *b)
{
    int r = compare_str(a->name, b->name);
    if (r == 0)
        r = compare_str(a->second, b->second);
    return r != 0 ? r : (a->number > b->number) - (a->number < b->number);
}

/* Index of the first node whose key is not below `key`; *found tells whether it has that key. */
static size_t list_find(const struct list *l, const struct key *key, bool *found)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(&l->v[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < l->n && compare_key(&l->v[low]->key, key) == 0;
    return low;
}

static struct node *list_get(const struct list *l, const struct key *key)
{
    bool found;
    size_t i = list_find(l, key, &found);
    return found ? l->v[i] : NULL;
}

/* The first node above `key`. */
static struct node *list_after(const struct list *l, const struct key *key)
{
    bool found;
    size_t i = list_find(l, key, &found) + (found ? 1 : 0);
    return i < l->n ? l->v[i] : NULL;
}

static void node_free(struct node *node)
{
    arena_free(node->a);
    free(node);
}

static void list_free(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        node_free(l->v[i]);
    free(l->v);
}

/* A node with a copy of `key`, in no list yet. */
static struct node *node_new(const struct key *key)
{
    struct node *node = must(calloc(1, sizeof *node));
    node->a = arena_new();
    node->key = (struct key){arena_str(node->a, key->name), arena_str(node->a, key->second), key->number};
    return node;
}

/* Takes the node; one with the same key makes way. */
static void list_put(struct list *l, struct node *node)
{
    bool found;
    size_t i = list_find(l, &node->key, &found);
    if (found) {
        node_free(l->v[i]);
        l->v[i] = node;
        return;
    }
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 16 : l->cap * 2;
        l->v = must(reallocarray(l->v, l->cap, sizeof(struct node *)));
    }
    memmove(l->v + i + 1, l->v + i, (l->n - i) * sizeof(struct node *));
    l->v[i] = node;
    l->n++;
}

/* Nodes with from <= key < to. */
static void list_delete(struct list *l, const struct key *from, const struct key *to)
{
    bool found;
    if (l->n == 0)
        return;
    size_t first = list_find(l, from, &found), end = list_find(l, to, &found);
    if (end <= first)
        return;
    for (size_t i = first; i < end; i++)
        node_free(l->v[i]);
    memmove(l->v + first, l->v + end, (l->n - end) * sizeof(struct node *));
    l->n -= end - first;
}

/* Every key with this name. The smallest name above `name` is `name` and a NUL octet. */
static void list_delete_name(struct list *l, struct str name)
{
    char above[STORE_NAME_MAX + 1];
    memcpy(above, name.p, name.n);
    above[name.n] = '\0';
    list_delete(
        l, &(struct key){name, STR(""), INT64_MIN}, &(struct key){{above, name.n + 1}, STR(""), INT64_MIN});
}

static void memory_close(struct store *s)
{
    struct memory_store *m = memory_of(s);
    list_free(&m->certificates);
    list_free(&m->keys);
    list_free(&m->authorities);
    list_free(&m->buckets);
    list_free(&m->marks);
    list_free(&m->challenges);
    list_free(&m->history);
    free(m);
}

static int memory_commit(struct store *s, struct err *err)
{
    return 0;
}

static int certificate_put(struct store *s, const struct certificate *c, struct err *err)
{
    struct node *node = node_new(&(struct key){.name = str_c(c->name)});
    record_copy(&record_certificate, node->a, &node->u.certificate, c);
    list_put(&memory_of(s)->certificates, node);
    return 0;
}

static int take_certificate(const struct node *node, struct arena *a, struct certificate *out)
{
    if (node != NULL)
        record_copy(&record_certificate, a, out, &node->u.certificate);
    return node != NULL;
}

static int certificate_get(
    struct store *s, struct str name, struct arena *a, struct certificate *out, struct err *err)
{
    return take_certificate(list_get(&memory_of(s)->certificates, &(struct key){.name = name}), a, out);
}

static int certificate_next(
    struct store *s, struct str after, struct arena *a, struct certificate *out, struct err *err)
{
    return take_certificate(list_after(&memory_of(s)->certificates, &(struct key){.name = after}), a, out);
}

static int certificate_list(struct store *s, struct str after, size_t limit, struct arena *a,
    struct certificate *out, size_t *n, struct err *err)
{
    const struct list *l = &memory_of(s)->certificates;
    bool found;
    size_t i = list_find(l, &(struct key){.name = after}, &found) + (found ? 1 : 0), bytes = 0;
    for (; i < l->n && *n < limit && bytes < STORE_LIST_BYTES; i++) {
        const struct certificate *c = &l->v[i]->u.certificate;
        record_copy(&record_certificate_row, a, &out[(*n)++], c);
        bytes += strlen(c->wish) + sizeof *c;
    }
    return 0;
}

static int certificate_delete(struct store *s, struct str name, struct err *err)
{
    struct memory_store *m = memory_of(s);
    list_delete_name(&m->keys, name);
    list_delete_name(&m->certificates, name);
    return 0;
}

static int wishes(struct store *s, struct str after, struct str last, size_t limit, struct arena *a,
    struct wish_record *out, struct err *err)
{
    const struct list *l = &memory_of(s)->certificates;
    bool found;
    size_t i = list_find(l, &(struct key){.name = after}, &found) + (found ? 1 : 0), n = 0;
    for (; i < l->n && n < limit && compare_str(l->v[i]->key.name, last) <= 0; i++) {
        const struct certificate *c = &l->v[i]->u.certificate;
        const struct wish_record w = {.name = c->name,
            .wish = c->wish,
            .holder = c->holder,
            .source = c->source,
            .released = c->released,
            .park_at = c->park_at,
            .look_due_at = c->look_due_at};
        record_copy(&record_wish, a, &out[n++], &w);
    }
    return (int)n;
}

/* What is due, sorted by time and then key. */
struct due {
    int64_t at;
    const struct node *node;
};

static int compare_due(const void *a, const void *b)
{
    const struct due *x = a, *y = b;
    return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : compare_key(&x->node->key, &y->node->key);
}

/* Sorts them, frees the list, and gives the first names. */
static void take_names(struct due *due, size_t n, size_t limit, struct arena *a, struct store_name **out)
{
    qsort(due, n, sizeof *due, compare_due);
    for (size_t i = 0; i < n && i < limit; i++) {
        *out = arena_alloc(a, sizeof **out);
        **out = (struct store_name){NULL, arena_str(a, due[i].node->key.name)};
        out = &(*out)->next;
    }
    *out = NULL;
    free(due);
}

static int due_names(struct store *s, enum store_due which, struct wall now, size_t limit, struct arena *a,
    struct store_name **out, struct err *err)
{
    const struct list *l = &memory_of(s)->certificates;
    struct due *due = must(calloc(l->n + 1, sizeof *due));
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        int64_t at = store_due_time(&l->v[i]->u.certificate, which);
        if (at > 0 && at <= now.s)
            due[n++] = (struct due){at, l->v[i]};
    }
    take_names(due, n, limit, a, out);
    return 0;
}

static void earlier(struct wall *t, struct wall other)
{
    if (other.s > 0 && (t->s == 0 || other.s < t->s))
        *t = other;
}

static int queue_next(
    struct store *s, const struct str *after, struct arena *a, struct store_queue *out, struct err *err)
{
    const struct list *l = &memory_of(s)->certificates;
    bool found = false;
    for (size_t i = 0; i < l->n; i++) {
        const struct certificate *c = &l->v[i]->u.certificate;
        struct str name = str_c(c->queue);
        int order = found ? compare_str(name, out->name) : -1;
        if (c->due_at.s <= 0 || (after != NULL && compare_str(name, *after) <= 0) || order > 0)
            continue;
        if (order < 0)
            *out = (struct store_queue){.name = name};
        found = true;
        earlier(&out->due_at, c->due_at);
        earlier(&out->urgent_at, c->urgent_at);
    }
    if (found)
        out->name = arena_str(a, out->name);
    return found;
}

static int queue_due(struct store *s, struct str queue, bool urgent, struct wall now, size_t limit,
    struct arena *a, struct store_name **out, struct err *err)
{
    const struct list *l = &memory_of(s)->certificates;
    struct due *due = must(calloc(l->n + 1, sizeof *due));
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct certificate *c = &l->v[i]->u.certificate;
        bool is_due = c->due_at.s > 0 && c->due_at.s <= now.s && str_eq_c(queue, c->queue);
        bool is_urgent = c->urgent_at.s > 0 && c->urgent_at.s <= now.s;
        if (is_due && is_urgent == urgent)
            due[n++] = (struct due){urgent ? c->urgent_at.s : c->due_at.s, l->v[i]};
    }
    take_names(due, n, limit, a, out);
    return 0;
}

static int next_due(struct store *s, struct wall *out, struct err *err)
{
    const struct list *l = &memory_of(s)->certificates;
    int64_t earliest = 0;
    for (size_t i = 0; i < l->n; i++) {
        for (int which = 0; which < STORE_DUE_KINDS; which++) {
            if (which == STORE_DUE_ISSUE || which == STORE_DUE_EXPIRING)
                continue;
            int64_t at = store_due_time(&l->v[i]->u.certificate, (enum store_due)which);
            if (at > 0 && (earliest == 0 || at < earliest))
                earliest = at;
        }
    }
    *out = (struct wall){earliest};
    return 0;
}

static int key_put(struct store *s, struct str name, int64_t generation, struct str sealed, struct err *err)
{
    struct node *node = node_new(&(struct key){.name = name, .number = generation});
    node->u.sealed = arena_str(node->a, sealed);
    list_put(&memory_of(s)->keys, node);
    return 0;
}

static int key_get(
    struct store *s, struct str name, int64_t generation, struct arena *a, struct str *out, struct err *err)
{
    struct node *node = list_get(&memory_of(s)->keys, &(struct key){.name = name, .number = generation});
    if (node != NULL)
        *out = arena_str(a, node->u.sealed);
    return node != NULL;
}

static int key_delete_below(struct store *s, struct str name, int64_t below, struct err *err)
{
    list_delete(&memory_of(s)->keys, &(struct key){.name = name, .number = INT64_MIN},
        &(struct key){.name = name, .number = below});
    return 0;
}

static int authority_put(struct store *s, const struct authority_record *r, struct err *err)
{
    struct node *node = node_new(&(struct key){.name = str_c(r->id)});
    record_copy(&record_authority, node->a, &node->u.authority, r);
    list_put(&memory_of(s)->authorities, node);
    return 0;
}

static int authority_get(
    struct store *s, struct str id, struct arena *a, struct authority_record *out, struct err *err)
{
    struct node *node = list_get(&memory_of(s)->authorities, &(struct key){.name = id});
    if (node != NULL)
        record_copy(&record_authority, a, out, &node->u.authority);
    return node != NULL;
}

static int bucket_put(struct store *s, const struct bucket_record *b, struct err *err)
{
    struct node *node = node_new(&(struct key){.name = str_c(b->key)});
    record_copy(&record_bucket, node->a, &node->u.bucket, b);
    list_put(&memory_of(s)->buckets, node);
    return 0;
}

static int bucket_get(
    struct store *s, struct str key, struct arena *a, struct bucket_record *out, struct err *err)
{
    struct node *node = list_get(&memory_of(s)->buckets, &(struct key){.name = key});
    if (node != NULL)
        record_copy(&record_bucket, a, out, &node->u.bucket);
    return node != NULL;
}

static int bucket_delete_expired(struct store *s, struct wall now, size_t limit, struct err *err)
{
    struct list *l = &memory_of(s)->buckets;
    struct due *due = must(calloc(l->n + 1, sizeof *due));
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        int64_t at = l->v[i]->u.bucket.expires.s;
        if (at > 0 && at <= now.s)
            due[n++] = (struct due){at, l->v[i]};
    }
    qsort(due, n, sizeof *due, compare_due);
    for (size_t i = 0; i < n && i < limit; i++) {
        struct key from = due[i].node->key, to = from;
        to.number = from.number + 1;
        list_delete(l, &from, &to);
    }
    free(due);
    return 0;
}

static int mark_put(struct store *s, const struct mark_record *m, struct err *err)
{
    struct node *node = node_new(&(struct key){.name = str_c(m->name)});
    record_copy(&record_mark, node->a, &node->u.mark, m);
    list_put(&memory_of(s)->marks, node);
    return 0;
}

static int mark_get(
    struct store *s, struct str name, struct arena *a, struct mark_record *out, struct err *err)
{
    struct node *node = list_get(&memory_of(s)->marks, &(struct key){.name = name});
    if (node != NULL)
        record_copy(&record_mark, a, out, &node->u.mark);
    return node != NULL;
}

static struct key challenge_key(const char *certificate, const char *token)
{
    return (struct key){.name = str_c(certificate), .second = str_c(token)};
}

static int challenge_put(struct store *s, const struct challenge_record *c, struct err *err)
{
    struct key key = challenge_key(c->certificate, c->token);
    struct node *node = node_new(&key);
    record_copy(&record_challenge, node->a, &node->u.challenge, c);
    list_put(&memory_of(s)->challenges, node);
    return 0;
}

static int challenge_delete(struct store *s, const char *certificate, const char *token, struct err *err)
{
    struct key from = challenge_key(certificate, token), to = from;
    to.number = from.number + 1;
    list_delete(&memory_of(s)->challenges, &from, &to);
    return 0;
}

static int challenge_next(struct store *s, const struct challenge_record *after, struct arena *a,
    struct challenge_record *out, struct err *err)
{
    struct key key = challenge_key(after->certificate, after->token);
    struct node *node = list_after(&memory_of(s)->challenges, &key);
    if (node != NULL)
        record_copy(&record_challenge, a, out, &node->u.challenge);
    return node != NULL;
}

static int history_put(struct store *s, struct history_record *h, struct err *err)
{
    struct list *l = &memory_of(s)->history;
    struct node *node = node_new(&(struct key){.number = l->n == 0 ? 1 : l->v[l->n - 1]->key.number + 1});
    record_copy(&record_history, node->a, &node->u.history, h);
    node->u.history.id = node->key.number;
    h->id = node->key.number;
    list_put(l, node);
    return 0;
}

static bool history_is_of(const struct node *node, struct str name)
{
    return name.n == 0 || str_eq_c(name, node->u.history.certificate);
}

/* As many ids as may be, or as there are above `after`. */
static int64_t history_first(int64_t last, int64_t after, size_t limit)
{
    int64_t above = after < 0 ? 1 : after + 1;
    return limit >= (size_t)last || last - (int64_t)limit + 1 < above ? above : last - (int64_t)limit + 1;
}

static int history_range(struct store *s, struct str name, int64_t after, size_t limit, int64_t *first,
    int64_t *last, struct err *err)
{
    const struct list *l = &memory_of(s)->history;
    *first = 1; /* an empty range */
    *last = 0;
    if (name.n == 0 && l->n > 0 && l->v[l->n - 1]->key.number > after) {
        *last = l->v[l->n - 1]->key.number;
        *first = history_first(*last, after, limit);
        return 0;
    }
    for (size_t i = l->n; i > 0 && limit > 0 && l->v[i - 1]->key.number > after; i--) {
        if (!history_is_of(l->v[i - 1], name))
            continue;
        *first = l->v[i - 1]->key.number;
        if (*last == 0)
            *last = *first;
        limit--;
    }
    return 0;
}

static int history_next(struct store *s, struct str name, int64_t first, int64_t last, struct arena *a,
    struct history_record *out, struct err *err)
{
    const struct list *l = &memory_of(s)->history;
    bool found;
    for (size_t i = list_find(l, &(struct key){.number = first}, &found);
         i < l->n && l->v[i]->key.number <= last; i++) {
        if (history_is_of(l->v[i], name)) {
            record_copy(&record_history, a, out, &l->v[i]->u.history);
            return 1;
        }
    }
    return 0;
}

static int history_delete(struct store *s, struct wall before, size_t limit, size_t *deleted, struct err *err)
{
    struct list *l = &memory_of(s)->history;
    size_t kept = 0, at = 0;
    for (; at + 1 < l->n && at < limit; at++) {
        if (l->v[at]->u.history.at.s < before.s) {
            node_free(l->v[at]);
            ++*deleted;
        } else {
            l->v[kept++] = l->v[at];
        }
    }
    if (*deleted > 0)
        memmove(l->v + kept, l->v + at, (l->n - at) * sizeof(struct node *));
    l->n -= *deleted;
    return 0;
}

static const struct store_ops memory_ops = {
    .close = memory_close,
    .commit = memory_commit,
    .certificate_put = certificate_put,
    .certificate_get = certificate_get,
    .certificate_delete = certificate_delete,
    .certificate_next = certificate_next,
    .certificate_list = certificate_list,
    .wishes = wishes,
    .due = due_names,
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

struct store *store_open_memory(void)
{
    struct memory_store *m = must(calloc(1, sizeof *m));
    m->base.ops = &memory_ops;
    return &m->base;
}
