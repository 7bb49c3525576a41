#include "processes/parent/declared.h"

#include "base/attr.h"
#include "base/log.h"
#include "config/wish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The file: the rows, one behind the other, then where each of them begins (u64). A row is a head and texts
 * with a NUL behind each: names, domains, paths, wish.
 */
enum {
    WRITE_CHUNK = 256 * 1024, /* collected before it is written */
    READ_CHUNK = 64 * 1024,   /* about a hundred rows of one name */
    ROW_MAX = 2 * 1024 * 1024 /* a wish at its limit, and its names and paths once more */
};

struct row_head {
    uint32_t size; /* of the texts */
    uint32_t variant, name_n, domain_n, path_n;
};

/* How certificates may be proved: the kinds in their order, and which of them take one of our processes.
 * There are a handful of such ways in any configuration. */
struct way {
    struct way *next;
    size_t kind_n;
    enum acme_challenge kinds[WISH_CHALLENGES_MAX];
    bool ours[WISH_CHALLENGES_MAX];
    char name[WISH_NAME_MAX + 1]; /* of the first certificate that has it */
};

struct declared {
    int fd;
    size_t count, row_n;
    uint64_t index_at;
    struct way *ways, **ways_end;
    struct settings_kept kept;
};

/* --- what they may be proved by --- */

/* Whether some name of the certificate has no web server's directory. */
static bool needs_responder(const struct wish *w)
{
    for (size_t i = 0; i < w->domain_n; i++)
        if (wish_webroot(w, w->domains[i])[0] == '\0')
            return true;
    return false;
}

static struct way way_of(const struct wish *w)
{
    struct way way = {.kind_n = w->challenge_n < WISH_CHALLENGES_MAX ? w->challenge_n : WISH_CHALLENGES_MAX};
    for (size_t i = 0; i < way.kind_n; i++) {
        way.kinds[i] = acme_challenge_parse(str_c(w->challenges[i]));
        way.ours[i] = way.kinds[i] != CHALLENGE_HTTP_01 || needs_responder(w);
    }
    return way;
}

static bool same_way(const struct way *a, const struct way *b)
{
    bool same = a->kind_n == b->kind_n;
    for (size_t i = 0; same && i < a->kind_n; i++)
        same = a->kinds[i] == b->kinds[i] && a->ours[i] == b->ours[i];
    return same;
}

static void note_way(struct declared *d, const struct wish *w)
{
    struct way way = way_of(w);
    for (const struct way *had = d->ways; had != NULL; had = had->next)
        if (same_way(had, &way))
            return;
    struct way *kept = malloc(sizeof *kept);
    if (kept == NULL)
        abort();
    *kept = way;
    snprintf(kept->name, sizeof kept->name, "%s", w->name);
    *d->ways_end = kept;
    d->ways_end = &kept->next;
}

bool declared_asks(const struct declared *d, enum acme_challenge kind)
{
    for (const struct way *way = d->ways; way != NULL; way = way->next)
        for (size_t i = 0; i < way->kind_n; i++)
            if (way->kinds[i] == kind && way->ours[i])
                return true;
    return false;
}

static bool can_be_had(const struct way *way, const int failed[CHALLENGE_END_])
{
    for (size_t i = 0; i < way->kind_n; i++) {
        enum acme_challenge kind = way->kinds[i];
        if (kind == CHALLENGE_END_ || failed[kind] == 0 || !way->ours[i])
            return true;
    }
    return way->kind_n == 0;
}

const char *declared_stranded(
    const struct declared *d, const int failed[CHALLENGE_END_], enum acme_challenge *kind)
{
    for (const struct way *way = d->ways; way != NULL; way = way->next)
        if (!can_be_had(way, failed)) {
            *kind = way->kinds[0];
            return way->name;
        }
    return NULL;
}

/* --- writing --- */

/* A row before it is written. */
struct draft {
    const char *name;
    const struct wish *wish;
    uint32_t variant;
};

struct writer {
    int fd;
    struct buf out, text, json; /* the last two: of one row */
    uint64_t at;                /* of what is in the file and in `out` */
};

static int flush(struct writer *w, struct err *err)
{
    size_t done = 0;
    while (done < w->out.n) {
        ssize_t n = write(w->fd, w->out.p + done, w->out.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : ENOSPC, "writing down the configuration's certificates");
        done += (size_t)n;
    }
    buf_clear(&w->out);
    return 0;
}

static int put(struct writer *w, const void *p, size_t n, struct err *err)
{
    buf_put(&w->out, p, n);
    w->at += n;
    return w->out.n >= WRITE_CHUNK ? flush(w, err) : 0;
}

static void put_texts(struct buf *out, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_put(out, texts[i], strlen(texts[i]) + 1);
}

static int put_row(struct writer *w, const struct draft *d, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct owned o = owned_of(d->wish, a);
    buf_clear(&w->text);
    buf_clear(&w->json);
    put_texts(&w->text, o.names, o.name_n);
    put_texts(&w->text, o.domains, o.domain_n);
    put_texts(&w->text, o.paths, o.path_n);
    wish_encode(d->wish, &w->json);
    buf_put(&w->text, buf_c(&w->json), w->json.n + 1);
    if (buf_failed(&w->text) || buf_failed(&w->json))
        return err_set(err, ERR_INPUT, "%s: too large, or not UTF-8", d->name);
    const struct row_head head = {
        (uint32_t)w->text.n, d->variant, (uint32_t)o.name_n, (uint32_t)o.domain_n, (uint32_t)o.path_n};
    int r = put(w, &head, sizeof head, err);
    return r < 0 ? r : put(w, w->text.p, w->text.n, err);
}

static int by_name(const void *a, const void *b)
{
    const struct draft *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* One for each certificate, sorted; freed by the caller. Names of second key types live in `a`. */
static struct draft *drafts_new(const struct settings *s, struct arena *a, size_t *n)
{
    struct draft *drafts = calloc(s->certificate_n * WISH_KEY_TYPES_MAX + 1, sizeof *drafts);
    *n = 0;
    if (drafts == NULL)
        abort();
    for (size_t i = 0; i < s->certificate_n; i++) {
        const struct wish *w = &s->certificates[i];
        for (uint32_t v = 0; v < w->key_type_n && v < WISH_KEY_TYPES_MAX; v++)
            drafts[(*n)++] = (struct draft){wish_variant_name(w, v, a), w, v};
    }
    qsort(drafts, *n, sizeof *drafts, by_name);
    return drafts;
}

static int write_all(struct declared *d, const struct settings *s, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct writer w = {.fd = d->fd,
        .out = buf_new(WRITE_CHUNK + ROW_MAX),
        .text = buf_new(ROW_MAX),
        .json = buf_new(WISH_TEXT_MAX)};
    size_t n;
    struct draft *drafts = drafts_new(s, a, &n);
    uint64_t *index = calloc(n + 1, sizeof *index);
    int r = 0;
    if (index == NULL)
        abort();
    for (size_t i = 0; r == 0 && i < n; i++) {
        index[i] = w.at;
        r = put_row(&w, &drafts[i], err);
    }
    d->index_at = w.at;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = put(&w, &index[i], sizeof index[i], err);
    if (r == 0)
        r = flush(&w, err);
    d->row_n = n;
    free(index);
    free(drafts);
    buf_free(&w.out);
    buf_free(&w.text);
    buf_free(&w.json);
    return r;
}

/* Once in the state directory and, where that fails, once in memory. */
static int write_somewhere(struct declared *d, int state, const struct settings *s, struct err *err)
{
    struct err why = ERR_INIT;
    d->fd = openat(state, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int r = d->fd < 0 ? err_errno(&why, errno, "a file without a name") : write_all(d, s, &why);
    if (r == ERR_INPUT)
        *err = why;
    if (r == 0 || r == ERR_INPUT)
        return r;
    log_debug("%s; memory is used instead", why.text);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = memfd_create("evercert-certificates", MFD_CLOEXEC);
    if (d->fd < 0)
        return err_errno(err, errno, "memory for the configuration's certificates");
    return write_all(d, s, err);
}

/* --- reading --- */

static int read_at(const struct declared *d, uint64_t at, void *p, size_t n, struct err *err)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(d->fd, (char *)p + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_errno(err, got < 0 ? errno : EIO, "reading the configuration's certificates again");
        done += (size_t)got;
    }
    return 0;
}

struct declared_cursor declared_first(const struct declared *d)
{
    return (struct declared_cursor){
        .of = d, .window = buf_new(READ_CHUNK + sizeof(struct row_head) + ROW_MAX)};
}

void declared_end(struct declared_cursor *c)
{
    buf_free(&c->window);
    free(c->texts);
    c->texts = NULL;
    c->text_room = 0;
}

/* The next n octets, in the window. NULL where they cannot be read. */
static const char *look(struct declared_cursor *c, size_t n, struct err *err)
{
    uint64_t end = c->window_at + c->window.n;
    if (c->next >= c->window_at && c->next + n <= end)
        return c->window.p + (c->next - c->window_at);
    uint64_t left = c->of->index_at - c->next;
    size_t want = n > READ_CHUNK ? n : READ_CHUNK;
    if (n > left) {
        err_set(err, ERR_IO, "the configuration's certificates were not written down whole");
        return NULL;
    }
    want = want > left ? (size_t)left : want;
    buf_clear(&c->window);
    char *room = buf_room(&c->window, want);
    if (room == NULL) {
        err_set(err, ERR_MEMORY, "no memory to read the configuration's certificates again");
        return NULL;
    }
    if (read_at(c->of, c->next, room, want, err) < 0)
        return NULL;
    buf_added(&c->window, want);
    c->window_at = c->next;
    return c->window.p;
}

static const char *const *take_texts(const char **list, const char **at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        list[i] = *at;
        *at += strlen(*at) + 1;
    }
    return list;
}

int declared_next(struct declared_cursor *c, struct declared_row *out, struct err *err)
{
    struct row_head head;
    if (c->next >= c->of->index_at)
        return 0;
    const char *p = look(c, sizeof head, err);
    if (p == NULL)
        return ERR_IO;
    memcpy(&head, p, sizeof head);
    if ((p = look(c, sizeof head + head.size, err)) == NULL)
        return ERR_IO;
    size_t n = (size_t)head.name_n + head.domain_n + head.path_n;
    if (head.variant >= head.name_n)
        return err_set(
            err, ERR_IO, "the configuration's certificates cannot be read again: a row is damaged");
    if (n > c->text_room || c->texts == NULL) {
        const char **texts = reallocarray(c->texts, n, sizeof *texts);
        if (texts == NULL)
            abort();
        c->texts = texts;
        c->text_room = n;
    }
    const char *at = p + sizeof head;
    const char **list = c->texts;
    *out = (struct declared_row){.variant = head.variant};
    out->owned.names = take_texts(list, &at, out->owned.name_n = head.name_n);
    out->owned.domains = take_texts(list += head.name_n, &at, out->owned.domain_n = head.domain_n);
    out->owned.paths = take_texts(list + head.domain_n, &at, out->owned.path_n = head.path_n);
    out->name = out->owned.names[head.variant];
    out->wish = at;
    c->next += sizeof head + head.size;
    return 1;
}

int declared_find(struct declared_cursor *c, const char *name, struct declared_row *out, struct err *err)
{
    size_t low = 0, high = c->of->row_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = read_at(c->of, c->of->index_at + middle * sizeof c->next, &c->next, sizeof c->next, err);
        if (r < 0 || (r = declared_next(c, out, err)) <= 0)
            return r;
        int order = strcmp(out->name, name);
        if (order == 0)
            return 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

/* --- for settings --- */

/* What cannot be read any more is not taken for something that nobody has. */
static bool has(void *arg, const char *name)
{
    struct declared_cursor c = declared_first(arg);
    struct declared_row row;
    struct err err = ERR_INIT;
    int r = declared_find(&c, name, &row, &err);
    if (r < 0)
        log_error("%s", err.text);
    declared_end(&c);
    return r != 0;
}

static void each(void *arg, owned_fn *fn, void *fn_arg)
{
    struct declared_cursor c = declared_first(arg);
    struct declared_row row;
    struct err err = ERR_INIT;
    bool more = true;
    int r = 0;
    while (more && (r = declared_next(&c, &row, &err)) > 0)
        if (row.variant == 0)
            more = fn(&row.owned, fn_arg);
    if (r < 0)
        log_error("%s", err.text);
    declared_end(&c);
}

const struct settings_kept *declared_kept(const struct declared *d)
{
    return &d->kept;
}

/* --- the whole --- */

int declared_new(int state, const struct settings *s, struct declared **out, struct err *err)
{
    struct declared *d = calloc(1, sizeof *d);
    if (d == NULL)
        abort();
    *d = (struct declared){.fd = -1, .count = s->certificate_n, .kept = {has, each, d}};
    d->ways_end = &d->ways;
    int r = write_somewhere(d, state, s, err);
    if (r < 0) {
        declared_free(d);
        return r;
    }
    for (size_t i = 0; i < s->certificate_n; i++)
        note_way(d, &s->certificates[i]);
    *out = d;
    return 0;
}

size_t declared_count(const struct declared *d)
{
    return d->count;
}

void declared_free(struct declared *d)
{
    if (d == NULL)
        return;
    for (struct way *way = d->ways, *next; way != NULL; way = next) {
        next = way->next;
        free(way);
    }
    if (d->fd >= 0)
        close(d->fd);
    free(d);
}
