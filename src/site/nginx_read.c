#include "site/nginx_read.h"

#include "base/buf.h"
#include "site/pattern.h"

#include <stdlib.h>
#include <string.h>

#define MARKER "# configuration file "

/* The block that is being read, and where its next directive is to be hung. */
struct level {
    struct nginx_directive *block; /* NULL: the file itself */
    struct nginx_directive **tail;
};

struct reader {
    struct arena *a;
    struct nginx_file *file;
    size_t at;
    struct level levels[NGINX_DEPTH_MAX];
    size_t depth;
    const char **words; /* of the directive that is being read */
    size_t word_n, word_cap, words_left;
    size_t begin; /* of that directive */
    struct buf word;
    struct err *err;
};

size_t nginx_line(const struct nginx_file *file, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < file->text.n; i++)
        line += file->text.p[i] == '\n';
    return line;
}

static int bad(struct reader *r, const char *what)
{
    return err_set(r->err, ERR_INPUT, "%s:%zu: %s", r->file->path, nginx_line(r->file, r->at), what);
}

static int add_word(struct reader *r)
{
    if (r->words_left == 0 || buf_failed(&r->word))
        return err_set(r->err, ERR_LIMIT, "%s:%zu: the configuration has more words than are read here",
            r->file->path, nginx_line(r->file, r->at));
    if (r->word_n == r->word_cap) {
        size_t cap = r->word_cap == 0 ? 64 : 2 * r->word_cap;
        const char **more = realloc(r->words, cap * sizeof *more);
        if (more == NULL)
            return err_set(r->err, ERR_MEMORY, "out of memory");
        r->words = more;
        r->word_cap = cap;
    }
    r->words_left--;
    r->words[r->word_n++] = arena_dup(r->a, buf_str(&r->word));
    buf_clear(&r->word);
    return 0;
}

static struct nginx_directive *add_directive(struct reader *r)
{
    struct nginx_directive *d = arena_alloc(r->a, sizeof *d);
    const char **words = arena_array(r->a, r->word_n, sizeof *words);
    memcpy(words, r->words, r->word_n * sizeof *words);
    *d = (struct nginx_directive){.file = r->file, .words = words, .word_n = r->word_n, .begin = r->begin};
    r->word_n = 0;
    struct level *l = &r->levels[r->depth];
    *l->tail = d;
    l->tail = &d->next;
    return d;
}

/* An escape that nginx resolves; others keep their backslash. */
static void put_escaped(struct buf *word, char c)
{
    if (strchr("\"'\\", c) != NULL) {
        buf_put_char(word, c);
    } else if (strchr("trn", c) != NULL) {
        buf_put_char(word, c == 't' ? '\t' : c == 'r' ? '\r' : '\n');
    } else {
        buf_put_char(word, '\\');
        buf_put_char(word, c);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int quoted_word(struct reader *r, char quote)
{
    struct str s = r->file->text;
    for (; r->at < s.n; r->at++) {
        char c = s.p[r->at];
        if (c == '\0')
            return bad(r, "a NUL octet");
        if (c == quote) {
            char next = ++r->at < s.n ? s.p[r->at] : ' ';
            return is_blank(next) || strchr(";{)", next) != NULL
                       ? add_word(r)
                       : bad(r, "a blank is missing behind a quote");
        }
        if (c == '\\' && r->at + 1 < s.n)
            put_escaped(&r->word, s.p[++r->at]);
        else
            buf_put_char(&r->word, c);
    }
    return bad(r, "a quote is not closed");
}

/* Up to a blank, a semicolon or a brace, but for the one of ${name}. */
static int plain_word(struct reader *r)
{
    struct str s = r->file->text;
    for (bool variable = false; r->at < s.n; r->at++) {
        char c = s.p[r->at];
        if (c == '\0')
            return bad(r, "a NUL octet");
        if (is_blank(c) || c == ';' || (c == '{' && !variable))
            break;
        if (c == '\\' && r->at + 1 < s.n)
            put_escaped(&r->word, s.p[++r->at]);
        else
            buf_put_char(&r->word, c);
        variable = c == '$';
    }
    return add_word(r);
}

static int end_simple(struct reader *r)
{
    if (r->word_n == 0)
        return bad(r, "unexpected ;");
    add_directive(r)->end = ++r->at;
    return 0;
}

static int begin_block(struct reader *r)
{
    if (r->word_n == 0)
        return bad(r, "unexpected {");
    struct str name = str_c(r->words[0]);
    if (str_ends(name, STR("_by_lua_block")))
        return bad(r, "Lua in the configuration is not understood here, so nothing is changed: put the lines "
                      "of `evercert snippet nginx` there by hand");
    if (r->depth + 1 == NGINX_DEPTH_MAX)
        return bad(r, "too many blocks in blocks");
    struct nginx_directive *d = add_directive(r);
    d->block = true;
    d->body = d->end = ++r->at;
    r->levels[++r->depth] = (struct level){d, &d->inside};
    return 0;
}

static int end_block(struct reader *r)
{
    if (r->depth == 0 || r->word_n > 0)
        return bad(r, "unexpected }");
    r->levels[r->depth--].block->end = ++r->at;
    return 0;
}

static void skip_comment(struct reader *r)
{
    struct str s = r->file->text;
    const char *end = memchr(s.p + r->at, '\n', s.n - r->at);
    r->at = end != NULL ? (size_t)(end - s.p) : s.n;
}

static int read_token(struct reader *r, char c)
{
    if (r->word_n == 0)
        r->begin = r->at;
    switch (c) {
    case ';':
        return end_simple(r);
    case '{':
        return begin_block(r);
    case '}':
        return end_block(r);
    case '#':
        skip_comment(r);
        return 0;
    case '"':
    case '\'':
        r->at++;
        return quoted_word(r, c);
    case ')': /* behind a quoted word, as in `if ($a = "b")` */
        if (r->word_n > 0) {
            buf_put_char(&r->word, c);
            r->at++;
            return add_word(r);
        }
        return plain_word(r);
    default:
        return plain_word(r);
    }
}

static int read_file(struct reader *r, struct nginx_file *file)
{
    r->file = file;
    r->at = r->depth = r->word_n = 0;
    r->levels[0] = (struct level){NULL, &file->content};
    int bad_token = 0;
    while (bad_token == 0 && r->at < file->text.n) {
        char c = file->text.p[r->at];
        if (is_blank(c))
            r->at++;
        else
            bad_token = read_token(r, c);
    }
    if (bad_token == 0 && r->word_n > 0)
        return bad(r, "the file ends within a directive");
    if (bad_token == 0 && r->depth > 0)
        return bad(r, "the file ends within a block");
    return bad_token;
}

/* The path of a line "# configuration file PATH:" at the beginning of `s`; what is behind it is *rest. */
static bool is_marker(struct str s, struct str *path, struct str *rest)
{
    struct str line;
    if (!str_starts(s, STR(MARKER)))
        return false;
    str_cut(s, '\n', &line, rest);
    if (!str_ends(line, STR(":")) || line.n < sizeof MARKER + 1)
        return false;
    *path = (struct str){line.p + sizeof MARKER - 1, line.n - sizeof MARKER};
    return path->p[0] == '/';
}

/* Up to the next marker; nginx puts a line break behind each file. */
static struct str cut_file(struct str s, struct str *rest)
{
    struct str path, after;
    for (const char *p = s.p; (p = memchr(p, '\n', s.n - (size_t)(p - s.p))) != NULL; p++) {
        struct str next = {p + 1, s.n - (size_t)(p + 1 - s.p)};
        if (is_marker(next, &path, &after)) {
            *rest = next;
            return (struct str){s.p, (size_t)(p - s.p)};
        }
    }
    *rest = (struct str){s.p + s.n, 0};
    return (struct str){s.p, str_ends(s, STR("\n")) ? s.n - 1 : s.n};
}

static int split(struct str dump, struct arena *a, struct nginx_config *out, struct err *err)
{
    struct str path, rest = dump;
    size_t n = 0;
    for (const char *p = dump.p;
         (p = memmem(p, dump.n - (size_t)(p - dump.p), MARKER, sizeof MARKER - 1)) != NULL; p++)
        n++;
    out->files = arena_array(a, n, sizeof *out->files);
    out->file_n = 0;
    while (out->file_n < n && is_marker(rest, &path, &rest)) {
        struct nginx_file *f = &out->files[out->file_n++];
        f->path = arena_dup(a, path);
        f->text = cut_file(rest, &rest);
    }
    return out->file_n == 0 ? err_set(err, ERR_INPUT, "what nginx -T printed holds no configuration file")
                            : 0;
}

int nginx_read(struct str dump, struct arena *a, struct nginx_config *out, struct err *err)
{
    struct reader r = {.a = a, .words_left = NGINX_WORDS_MAX, .word = buf_new(NGINX_DUMP_MAX), .err = err};
    int bad_file =
        dump.n > NGINX_DUMP_MAX
            ? err_set(err, ERR_LIMIT, "the configuration of nginx is larger than %d bytes", NGINX_DUMP_MAX)
            : split(dump, a, out, err);
    for (size_t i = 0; bad_file == 0 && i < out->file_n; i++)
        bad_file = read_file(&r, &out->files[i]);
    buf_free(&r.word);
    free(r.words);
    return bad_file;
}

/* ---- going through it ---- */

struct walk {
    const struct nginx_config *config;
    nginx_visit_fn *fn;
    void *arg;
    size_t *visits;
    size_t depth;
};

/* Relative names are relative to where the main configuration lies. */
static const char *include_pattern(const struct walk *w, const char *word, struct buf *out)
{
    const char *main_path = w->config->files[0].path, *slash = strrchr(main_path, '/');
    if (word[0] != '/')
        buf_put(out, main_path, (size_t)(slash - main_path) + 1);
    buf_put_c(out, word);
    return buf_c(out);
}

static int walk(struct walk *w, const struct nginx_directive *list, struct err *err);

static int walk_include(struct walk *w, const struct nginx_directive *d, struct err *err)
{
    struct buf whole = buf_new(NGINX_DUMP_MAX);
    struct str pattern = str_c(include_pattern(w, d->words[1], &whole));
    int r = 0;
    if (w->depth == NGINX_DEPTH_MAX)
        r = err_set(err, ERR_LIMIT, "%s includes files too deep", d->file->path);
    w->depth++;
    for (size_t i = 0; r == 0 && i < w->config->file_n; i++) {
        const struct nginx_file *f = &w->config->files[i];
        if (++*w->visits > NGINX_VISITS_MAX)
            r = err_set(err, ERR_LIMIT, "the configuration is larger than is read here");
        else if (str_eq_c(pattern, f->path) || pattern_matches(pattern, str_c(f->path), true))
            r = walk(w, f->content, err);
    }
    w->depth--;
    buf_free(&whole);
    return r;
}

static int walk(struct walk *w, const struct nginx_directive *list, struct err *err)
{
    int r = 0;
    for (const struct nginx_directive *d = list; d != NULL && r == 0; d = d->next) {
        if (++*w->visits > NGINX_VISITS_MAX)
            return err_set(err, ERR_LIMIT, "the configuration is larger than is read here");
        if (!d->block && d->word_n == 2 && strcmp(d->words[0], "include") == 0)
            r = walk_include(w, d, err);
        else
            r = w->fn(d, w->arg, err);
    }
    return r;
}

int nginx_each(const struct nginx_config *c, const struct nginx_directive *list, nginx_visit_fn *fn,
    void *arg, size_t *visits, struct err *err)
{
    struct walk w = {c, fn, arg, visits, 0};
    return walk(&w, list, err);
}
