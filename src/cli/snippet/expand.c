#include "cli/snippet/expand.h"

#include <string.h>

struct value {
    struct value *next;
    const char *name, *value;
};

struct list {
    struct list *next;
    const char *name;
    struct snippet_scope *first, *last;
};

struct snippet_scope {
    struct arena *arena;
    const struct snippet_scope *up;
    struct snippet_scope *next; /* of its list */
    struct value *values;
    struct list *lists;
};

struct snippet_scope *snippet_scope_new(struct arena *a)
{
    struct snippet_scope *s = arena_alloc(a, sizeof *s);
    s->arena = a;
    return s;
}

void snippet_set(struct snippet_scope *s, const char *name, const char *value)
{
    struct value *v = arena_alloc(s->arena, sizeof *v);
    *v = (struct value){s->values, name, value};
    s->values = v;
}

static struct list *list_here(const struct snippet_scope *s, struct str name)
{
    struct list *l = s->lists;
    while (l != NULL && !str_eq_c(name, l->name))
        l = l->next;
    return l;
}

struct snippet_scope *snippet_add(struct snippet_scope *s, const char *list)
{
    struct list *l = list_here(s, str_c(list));
    if (l == NULL) {
        l = arena_alloc(s->arena, sizeof *l);
        *l = (struct list){.next = s->lists, .name = list};
        s->lists = l;
    }
    struct snippet_scope *item = snippet_scope_new(s->arena);
    item->up = s;
    if (l->last != NULL)
        l->last->next = item;
    else
        l->first = item;
    l->last = item;
    return item;
}

static const char *find_value(const struct snippet_scope *s, struct str name)
{
    for (; s != NULL; s = s->up)
        for (const struct value *v = s->values; v != NULL; v = v->next)
            if (str_eq_c(name, v->name))
                return v->value;
    return NULL;
}

static const struct list *find_list(const struct snippet_scope *s, struct str name)
{
    const struct list *l = NULL;
    for (; s != NULL && l == NULL; s = s->up)
        l = list_here(s, name);
    return l;
}

enum line_kind { LINE_TEXT, LINE_EACH, LINE_IF, LINE_ELSE, LINE_END };

/* What a line is; *name is what @each@ or @if@ is about. */
static enum line_kind kind_of(struct str line, struct str *name)
{
    line = str_trim(line);
    if (line.n < 2 || line.p[0] != '@' || line.p[line.n - 1] != '@')
        return LINE_TEXT;
    struct str inside = {line.p + 1, line.n - 2}, word;
    if (str_eq_c(inside, "else"))
        return LINE_ELSE;
    if (str_eq_c(inside, "end"))
        return LINE_END;
    if (!str_cut(inside, ' ', &word, name))
        return LINE_TEXT;
    return str_eq_c(word, "each") ? LINE_EACH : str_eq_c(word, "if") ? LINE_IF : LINE_TEXT;
}

/* Takes one line, without its end, off *text. */
static struct str next_line(struct str *text)
{
    struct str line;
    (void)str_cut(*text, '\n', &line, text);
    return line;
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_", s.p[i]) == NULL)
            return false;
    return s.n > 0;
}

static int put_line(struct str line, const struct snippet_scope *s, struct buf *out, struct err *err)
{
    if (line.n == 0) {
        bool behind_blank = out->n == 0 || (out->n > 1 && out->p[out->n - 2] == '\n');
        if (!behind_blank)
            buf_put_char(out, '\n');
        return 0;
    }
    struct str before, rest, name, behind;
    while (str_cut(line, '@', &before, &rest)) {
        buf_put_str(out, before);
        if (!str_cut(rest, '@', &name, &behind) || !is_name(name)) {
            buf_put_char(out, '@');
            line = rest;
            continue;
        }
        const char *value = find_value(s, name);
        if (value == NULL)
            return err_set(err, ERR_FAILED, "the template has no value for %.*s", STR_ARG(name));
        buf_put_c(out, value);
        line = behind;
    }
    buf_put_str(out, line);
    buf_put_char(out, '\n');
    return 0;
}

/* The lines of a block, whose head was taken, up to its @end@; of an @if@ those behind its @else@, too. */
static int take_block(struct str *text, struct str *first, struct str *second, struct err *err)
{
    const char *from = text->p;
    *first = *second = (struct str){from, 0};
    for (unsigned depth = 0; text->n > 0;) {
        struct str name, line = next_line(text);
        enum line_kind kind = kind_of(line, &name);
        depth += kind == LINE_EACH || kind == LINE_IF;
        if (kind == LINE_ELSE && depth == 0) {
            *first = (struct str){from, (size_t)(line.p - from)};
            from = text->p;
        } else if (kind == LINE_END && depth == 0) {
            struct str *part = from == first->p ? first : second;
            *part = (struct str){from, (size_t)(line.p - from)};
            return 0;
        }
        depth -= kind == LINE_END;
    }
    return err_set(err, ERR_FAILED, "the template has a block without an end");
}

static bool is_true(struct str name, const struct snippet_scope *s)
{
    bool negated = name.n > 0 && name.p[0] == '!';
    if (negated)
        name = (struct str){name.p + 1, name.n - 1};
    const char *value = find_value(s, name);
    bool there = (value != NULL && value[0] != '\0') || find_list(s, name) != NULL;
    return there != negated;
}

static int expand(struct str text, const struct snippet_scope *s, struct buf *out, struct err *err)
{
    int r = 0;
    while (text.n > 0 && r == 0) {
        struct str name, first, second, line = next_line(&text);
        enum line_kind kind = kind_of(line, &name);
        if (kind == LINE_TEXT) {
            r = put_line(line, s, out, err);
        } else if (kind == LINE_ELSE || kind == LINE_END) {
            r = err_set(err, ERR_FAILED, "the template has an end without a block");
        } else if ((r = take_block(&text, &first, &second, err)) < 0) {
            break;
        } else if (kind == LINE_IF) {
            r = expand(is_true(name, s) ? first : second, s, out, err);
        } else {
            const struct list *l = find_list(s, name);
            for (const struct snippet_scope *i = l != NULL ? l->first : NULL; i != NULL && r == 0;
                 i = i->next)
                r = expand(first, i, out, err);
        }
    }
    return r;
}

int snippet_expand(const char *text, const struct snippet_scope *s, struct buf *out, struct err *err)
{
    int r = expand(str_c(text), s, out, err);
    while (out->n > 1 && out->p[out->n - 1] == '\n' && out->p[out->n - 2] == '\n')
        out->p[--out->n] = '\0';
    return r;
}
