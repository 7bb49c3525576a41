#include "processes/importer/shell.h"

#include "base/buf.h"

#include <string.h>

/* One value being read. */
struct word {
    const struct shell *shell;
    struct str rest;
    struct buf text;
    bool unknown;
};

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_name(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9');
}

static size_t name_length(struct str s)
{
    size_t n = 0;
    if (s.n == 0 || !is_name_start(s.p[0]))
        return 0;
    while (n < s.n && is_name(s.p[n]))
        n++;
    return n;
}

static void drop(struct str *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

struct shell shell_new(struct arena *a)
{
    return (struct shell){.a = a};
}

const struct shell_variable *shell_find(const struct shell *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->variables[i].name, name))
            return &s->variables[i];
    return NULL;
}

const char *shell_get(const struct shell *s, const char *name)
{
    const struct shell_variable *v = shell_find(s, str_c(name));
    return v != NULL && !v->unknown ? v->value.p : "";
}

static int put(struct shell *s, struct str name, struct str value, bool unknown, struct err *err)
{
    struct shell_variable *v = NULL;
    for (size_t i = 0; v == NULL && i < s->n; i++)
        if (str_eq(s->variables[i].name, name))
            v = &s->variables[i];
    if (v == NULL) {
        if (s->n >= SHELL_VARIABLES_MAX)
            return err_set(err, ERR_LIMIT, "more than %d variables", SHELL_VARIABLES_MAX);
        if (s->n == s->cap) {
            size_t cap = s->cap == 0 ? 32 : s->cap * 2;
            struct shell_variable *variables = arena_array(s->a, cap, sizeof *variables);
            if (s->n > 0)
                memcpy(variables, s->variables, s->n * sizeof *variables);
            s->variables = variables;
            s->cap = cap;
        }
        v = &s->variables[s->n++];
        v->name = arena_str(s->a, name);
    }
    v->value = arena_str(s->a, value);
    v->unknown = unknown;
    return 0;
}

int shell_set(struct shell *s, struct str name, struct str value, struct err *err)
{
    return put(s, name, value, false, err);
}

/* At a '$': a variable's value, or the mark that only a shell would know. */
static void expand(struct word *w)
{
    drop(&w->rest, 1);
    bool braces = w->rest.n > 0 && w->rest.p[0] == '{';
    if (braces)
        drop(&w->rest, 1);
    struct str name = {w->rest.p, name_length(w->rest)};
    if (name.n == 0) {
        w->unknown =
            w->unknown || braces || (w->rest.n > 0 && strchr("(*@#?-$!0123456789", w->rest.p[0]) != NULL);
        if (!w->unknown)
            buf_put_char(&w->text, '$');
        return;
    }
    drop(&w->rest, name.n);
    if (braces && (w->rest.n == 0 || w->rest.p[0] != '}'))
        w->unknown = true; /* ${NAME:-word} and its kin */
    else if (braces)
        drop(&w->rest, 1);
    const struct shell_variable *v = shell_find(w->shell, name);
    if (v == NULL || v->unknown)
        w->unknown = true;
    else
        buf_put_str(&w->text, v->value);
}

static void single_quoted(struct word *w)
{
    drop(&w->rest, 1);
    const char *end = w->rest.n > 0 ? memchr(w->rest.p, '\'', w->rest.n) : NULL;
    size_t n = end != NULL ? (size_t)(end - w->rest.p) : w->rest.n;
    buf_put(&w->text, w->rest.p, n);
    w->unknown = w->unknown || end == NULL;
    drop(&w->rest, end != NULL ? n + 1 : n);
}

static void double_quoted(struct word *w)
{
    drop(&w->rest, 1);
    while (w->rest.n > 0 && w->rest.p[0] != '"') {
        char c = w->rest.p[0];
        if (c == '$') {
            expand(w);
            continue;
        }
        if (c == '`')
            w->unknown = true;
        if (c == '\\' && w->rest.n > 1 && strchr("\"\\$`\n", w->rest.p[1]) != NULL) {
            drop(&w->rest, 1);
            c = w->rest.p[0];
        }
        if (c != '\n' || w->rest.p[-1] != '\\')
            buf_put_char(&w->text, c);
        drop(&w->rest, 1);
    }
    w->unknown = w->unknown || w->rest.n == 0;
    if (w->rest.n > 0)
        drop(&w->rest, 1);
}

/* Up to the blank, semicolon or end of line that ends a word. */
static void read_word(struct word *w)
{
    while (w->rest.n > 0 && strchr(" \t\r\n;&|", w->rest.p[0]) == NULL) {
        char c = w->rest.p[0];
        if (c == '\'') {
            single_quoted(w);
        } else if (c == '"') {
            double_quoted(w);
        } else if (c == '$') {
            expand(w);
        } else if (c == '\\' && w->rest.n > 1) {
            if (w->rest.p[1] != '\n')
                buf_put_char(&w->text, w->rest.p[1]);
            drop(&w->rest, 2);
        } else {
            w->unknown = w->unknown || c == '`' || c == '(' || c == ')';
            buf_put_char(&w->text, c);
            drop(&w->rest, 1);
        }
    }
}

static void skip_line(struct str *rest)
{
    const char *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
    drop(rest, end != NULL ? (size_t)(end - rest->p) + 1 : rest->n);
}

static void skip_blanks(struct str *rest)
{
    while (rest->n > 0 && rest->p[0] != '\0' && strchr(" \t\r\n;", rest->p[0]) != NULL)
        drop(rest, 1);
}

/* An assignment at the start of `rest`; false where there is none. */
static bool read_name(struct str *rest, struct str *name)
{
    static const char *const before[] = {"export ", "readonly ", "typeset ", "local "};
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        if (str_starts(*rest, str_c(before[i]))) {
            drop(rest, strlen(before[i]));
            skip_blanks(rest);
        }
    }
    size_t n = name_length(*rest);
    if (n == 0 || n == rest->n || rest->p[n] != '=')
        return false;
    *name = (struct str){rest->p, n};
    drop(rest, n + 1);
    return true;
}

int shell_parse(struct shell *s, struct str text, struct err *err)
{
    struct str rest = text, name;
    int r = 0;
    for (skip_blanks(&rest); r == 0 && rest.n > 0; skip_blanks(&rest)) {
        if (!read_name(&rest, &name)) {
            skip_line(&rest);
            continue;
        }
        struct word w = {.shell = s, .rest = rest, .text = buf_new(SHELL_VALUE_MAX)};
        read_word(&w);
        if (buf_failed(&w.text))
            r = err_set(err, ERR_LIMIT, "%.*s has more than %d bytes", STR_ARG(name), SHELL_VALUE_MAX);
        else
            r = put(s, name, buf_str(&w.text), w.unknown, err);
        buf_free(&w.text);
        rest = w.rest;
        if (w.unknown) /* the rest of the line is part of what would be run */
            skip_line(&rest);
    }
    return r;
}
