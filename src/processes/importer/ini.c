#include "processes/importer/ini.h"

#include <string.h>

struct reader {
    struct arena *a;
    struct str rest;
    const char *end; /* of the text */
    size_t line;     /* of the last one taken, from 1 */
    const char *section;
    const char *path[INI_DEPTH_MAX]; /* names of the sections around */
    size_t cap;
    struct ini ini;
};

static bool next_line(struct reader *r, struct str *out)
{
    if (r->rest.n == 0)
        return false;
    struct str tail;
    str_cut(r->rest, '\n', out, &tail);
    r->rest = tail;
    r->line++;
    return true;
}

static int add(struct reader *r, struct str key, const struct str *items, size_t n, struct err *err)
{
    if (r->ini.n >= INI_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d settings", INI_ENTRIES_MAX);
    if (r->ini.n == r->cap) {
        size_t cap = r->cap == 0 ? 32 : r->cap * 2;
        struct ini_entry *entries = arena_array(r->a, cap, sizeof *entries);
        if (r->ini.n > 0)
            memcpy(entries, r->ini.entries, r->ini.n * sizeof *entries);
        r->ini.entries = entries;
        r->cap = cap;
    }
    r->ini.entries[r->ini.n++] =
        (struct ini_entry){.section = r->section, .key = arena_str(r->a, key), .items = items, .n = n};
    return 0;
}

static struct str drop(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

static struct str unquoted(struct str s)
{
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
        return (struct str){s.p + 1, s.n - 2};
    return s;
}

static int bad_line(const struct reader *r, const char *what, struct err *err)
{
    return err_set(err, ERR_INPUT, "line %zu: %s", r->line, what);
}

/* "[[name]]": as many brackets as the section is deep. */
static int read_section(struct reader *r, struct str line, struct err *err)
{
    size_t depth = 0, closed = 0, at = 0;
    for (; at < line.n && (line.p[at] == '[' || line.p[at] == ' '); at++)
        depth += line.p[at] == '[';
    struct str name, tail;
    if (!str_cut(drop(line, at), ']', &name, &tail))
        return bad_line(r, "a section that does not end", err);
    for (closed = 1; tail.n > 0 && (tail.p[0] == ']' || tail.p[0] == ' '); tail = drop(tail, 1))
        closed += tail.p[0] == ']';
    tail = str_trim(tail);
    if (closed != depth || (tail.n > 0 && tail.p[0] != '#'))
        return bad_line(r, "a section whose brackets do not fit", err);
    if (depth > INI_DEPTH_MAX || (depth > 1 && r->path[depth - 2] == NULL))
        return bad_line(r, "a section that is too deep", err);
    r->path[depth - 1] = arena_dup(r->a, unquoted(str_trim(name)));
    for (size_t i = depth; i < INI_DEPTH_MAX; i++)
        r->path[i] = NULL;
    r->section = r->path[0];
    for (size_t i = 1; i < depth; i++)
        r->section = arena_printf(r->a, "%s/%s", r->section, r->path[i]);
    return 0;
}

/* Where the value in quotes at the start ends: at the first such quote with a comma, a comment or nothing
 * behind it. 0 for none. */
static size_t quoted_end(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] != s.p[0])
            continue;
        struct str behind = str_trim(drop(s, i + 1));
        if (behind.n == 0 || behind.p[0] == ',' || behind.p[0] == '#')
            return i + 1;
    }
    return 0;
}

/* One item and what is behind it: "" or a comma first. */
static int read_item(
    const struct reader *r, struct str s, struct str *item, struct str *behind, struct err *err)
{
    if (s.p[0] == '"' || s.p[0] == '\'') {
        size_t end = quoted_end(s);
        if (end == 0)
            return bad_line(r, "a quote that does not end", err);
        *item = (struct str){s.p + 1, end - 2};
        *behind = str_trim(drop(s, end));
    } else {
        size_t end = 0;
        while (end < s.n && s.p[end] != ',' && s.p[end] != '#')
            end++;
        *item = str_trim((struct str){s.p, end});
        *behind = drop(s, end);
    }
    if (behind->n > 0 && behind->p[0] == '#')
        *behind = str_c("");
    return 0;
}

/* A value in three quotes may go over several lines. */
static int read_long(struct reader *r, struct str s, struct str *out, struct err *err)
{
    enum { QUOTES = 3 };
    struct str from = {s.p + QUOTES, (size_t)(r->end - (s.p + QUOTES))};
    const char *end = memmem(from.p, from.n, s.p, QUOTES);
    if (end == NULL)
        return bad_line(r, "a quote that does not end", err);
    *out = (struct str){from.p, (size_t)(end - from.p)};
    struct str line = {0};
    while (r->rest.n > 0 && r->rest.p < end)
        next_line(r, &line);
    return 0;
}

static int read_value(struct reader *r, struct str key, struct str s, struct err *err)
{
    size_t n = 0, max = 1;
    struct str one = {0};
    if (s.n >= 3 && (memcmp(s.p, "\"\"\"", 3) == 0 || memcmp(s.p, "'''", 3) == 0)) {
        int bad = read_long(r, s, &one, err);
        if (bad < 0)
            return bad;
        struct str *item = arena_alloc(r->a, sizeof *item);
        *item = arena_str(r->a, one);
        return add(r, key, item, 1, err);
    }
    for (size_t i = 0; i < s.n; i++)
        max += s.p[i] == ',';
    if (max > INI_ITEMS_MAX)
        return err_set(err, ERR_LIMIT, "line %zu: more than %d items", r->line, INI_ITEMS_MAX);
    struct str *items = arena_array(r->a, max, sizeof *items);
    if (s.n == 0 || s.p[0] == '#') { /* an empty value, which is no empty list */
        items[0] = str_c("");
        return add(r, key, items, 1, err);
    }
    while (s.n > 0 && s.p[0] != '#') {
        struct str behind = {0};
        int bad = read_item(r, s, &one, &behind, err);
        if (bad < 0)
            return bad;
        if (one.n > 0 || s.p[0] != ',')
            items[n++] = arena_str(r->a, one);
        s = behind.n > 0 ? str_trim(drop(behind, 1)) : behind;
    }
    return add(r, key, items, n, err);
}

int ini_parse(struct str text, struct arena *a, struct ini *out, struct err *err)
{
    struct reader r = {.a = a, .rest = text, .end = text.p + text.n, .section = ""};
    struct str line, key, value;
    int bad = 0;
    while (bad == 0 && next_line(&r, &line)) {
        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (line.p[0] == '[')
            bad = read_section(&r, line, err);
        else if (!str_cut(line, '=', &key, &value) || str_trim(key).n == 0)
            bad = bad_line(&r, "neither a section nor a setting", err);
        else
            bad = read_value(&r, unquoted(str_trim(key)), str_trim(value), err);
    }
    if (bad == 0)
        *out = r.ini;
    return bad;
}

int ini_parse_flat(struct str text, struct arena *a, struct ini *out, struct err *err)
{
    struct reader r = {.a = a, .rest = text, .end = text.p + text.n, .section = ""};
    struct str line;
    int bad = 0;
    while (bad == 0 && next_line(&r, &line)) {
        line = str_trim(line);
        if (line.n == 0 || strchr("#;[", line.p[0]) != NULL || str_starts(line, STR("---")))
            continue;
        size_t n = 0;
        while (n < line.n && strchr(":= \t", line.p[n]) == NULL)
            n++;
        struct str value = str_trim(drop(line, n));
        if (value.n > 0 && (value.p[0] == '=' || value.p[0] == ':'))
            value = str_trim(drop(value, 1));
        char *key = arena_dup(a, (struct str){line.p, n});
        for (char *p = key; *p != '\0'; p++)
            *p = *p == '-' ? '_' : *p;
        struct str *item = arena_alloc(a, sizeof *item);
        *item = arena_str(a, unquoted(value));
        bad = add(&r, str_c(key), item, 1, err);
    }
    if (bad == 0)
        *out = r.ini;
    return bad;
}

const struct ini_entry *ini_find(const struct ini *ini, const char *section, const char *key)
{
    for (size_t i = 0; i < ini->n; i++)
        if (str_eq_c(ini->entries[i].key, key) && strcmp(ini->entries[i].section, section) == 0)
            return &ini->entries[i];
    return NULL;
}

struct str ini_text(const struct ini *ini, const char *section, const char *key)
{
    const struct ini_entry *e = ini_find(ini, section, key);
    return e != NULL && e->n > 0 ? e->items[0] : str_c("");
}
