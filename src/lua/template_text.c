/* From the text of a template to Lua with the same lines. */
#include "lua/template_priv.h"

#include <string.h>

static bool at(struct str s, size_t i, const char *word)
{
    size_t n = strlen(word);
    return i + n <= s.n && memcmp(s.p + i, word, n) == 0;
}

static size_t find(struct str s, size_t from, const char *word)
{
    while (from < s.n && !at(s, from, word))
        from++;
    return from;
}

/* --- tags --- */

static void add(struct template_source *s, enum piece_kind kind, size_t from, size_t to)
{
    if (kind != PIECE_TEXT || to > from)
        s->pieces[s->n++] =
            (struct piece){.kind = kind, .from = from, .to = to, .tag_from = from, .tag_to = to};
}

/* The tag at `i`; where it ends, or 0. */
static size_t add_tag(struct template_source *s, size_t i)
{
    static const struct {
        const char *mark;
        enum piece_kind kind;
    } tags[] = {{"<%=", PIECE_VALUE}, {"<%-", PIECE_RAW}, {"<%#", PIECE_COMMENT}, {"<%", PIECE_CODE}};
    size_t k = 0;
    while (!at(s->text, i, tags[k].mark))
        k++;
    size_t from = i + strlen(tags[k].mark), to = find(s->text, from, "%>");
    if (to >= s->text.n)
        return 0;
    bool swallow = to > from && s->text.p[to - 1] == '-';
    add(s, tags[k].kind, from, swallow ? to - 1 : to);
    s->pieces[s->n - 1].swallow = swallow;
    s->pieces[s->n - 1].tag_from = i;
    s->pieces[s->n - 1].tag_to = to + 2;
    return to + 2;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t over_blanks(struct str s, size_t i)
{
    while (i < s.n && is_blank(s.p[i]))
        i++;
    return i;
}

/* Behind the end of a line at `i`; `i` where there is none. */
static size_t over_newline(struct str s, size_t i)
{
    if (at(s, i, "\r\n"))
        return i + 2;
    return i < s.n && s.p[i] == '\n' ? i + 1 : i;
}

static bool leaves_nothing(const struct piece *p)
{
    return p->kind == PIECE_CODE || p->kind == PIECE_COMMENT;
}

/* Text in [from, to) goes: of the pieces first to last, which may be beyond the list. */
static void cut(struct template_source *s, size_t first, size_t last, size_t from, size_t to)
{
    for (size_t i = first; i <= last && i < s->n; i++) {
        struct piece *p = &s->pieces[i];
        if (p->kind != PIECE_TEXT || p->to <= from || p->from >= to)
            continue;
        if (p->from < from)
            p->to = from;
        else
            p->from = p->to < to ? p->to : to;
    }
}

/* Whether from piece `i` on there is nothing in its line but tags that leave nothing, and blanks: the last of
 * these tags and the end of the line. */
static bool is_alone(const struct template_source *s, size_t i, size_t *last, size_t *end)
{
    size_t begin = s->pieces[i].tag_from;
    while (begin > 0 && is_blank(s->text.p[begin - 1]))
        begin--;
    if (begin > 0 && s->text.p[begin - 1] != '\n')
        return false;
    for (;; i++) {
        size_t to = over_blanks(s->text, s->pieces[i].tag_to);
        *last = i;
        *end = over_newline(s->text, to);
        if (to >= s->text.n || *end > to)
            return true;
        i += i + 1 < s->n && s->pieces[i + 1].kind == PIECE_TEXT;
        if (i + 1 >= s->n || s->pieces[i + 1].tag_from != to || !leaves_nothing(&s->pieces[i + 1]))
            return false;
    }
}

/* Lines that hold only tags without output leave no line behind; -%> takes the end of its line along. */
static void trim(struct template_source *s)
{
    size_t last = 0, end = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct piece *p = &s->pieces[i];
        if (p->swallow)
            cut(s, i + 1, i + 1, p->tag_to, over_newline(s->text, p->tag_to));
        if (!leaves_nothing(p) || !is_alone(s, i, &last, &end))
            continue;
        size_t begin = p->tag_from;
        while (begin > 0 && is_blank(s->text.p[begin - 1]))
            begin--;
        cut(s, i > 0 ? i - 1 : 0, last + 1, begin, end);
        i = last;
    }
}

static void number_lines(struct template_source *s)
{
    uint32_t line = 1;
    size_t at_octet = 0;
    for (size_t i = 0; i < s->n; i++) {
        for (; at_octet < s->pieces[i].from; at_octet++)
            line += s->text.p[at_octet] == '\n';
        s->pieces[i].line = line;
    }
}

/* "<%%" is text, too: of it "<%". */
int template_split(struct str text, struct arena *a, struct template_source *out, struct err *err)
{
    size_t tags = 0, from = 0;
    for (size_t i = find(text, 0, "<%"); i < text.n; i = find(text, i + 1, "<%"))
        tags++;
    *out =
        (struct template_source){.text = text, .pieces = arena_array(a, 2 * tags + 1, sizeof *out->pieces)};
    for (size_t i = find(text, 0, "<%"); i < text.n; i = find(text, from, "<%")) {
        bool literal = at(text, i, "<%%");
        add(out, PIECE_TEXT, from, literal ? i + 2 : i);
        from = literal ? i + 3 : add_tag(out, i);
        if (from == 0) {
            uint32_t line = 1;
            for (size_t j = 0; j < i; j++)
                line += text.p[j] == '\n';
            return err_set(err, ERR_INPUT, "template:%u: this tag has no end (%%>)", line);
        }
    }
    add(out, PIECE_TEXT, from, text.n);
    trim(out);
    number_lines(out);
    return 0;
}

/* --- Lua --- */

/* Where a [[long]] bracket at `i` ends; `i` where there is none, the end of the text where it is not closed.
 */
static size_t over_long(struct str s, size_t i)
{
    size_t from = i + 1, level = 0;
    while (from < s.n && s.p[from] == '=')
        from++, level++;
    if (!at(s, i, "[") || !at(s, from, "["))
        return i;
    for (from++; from < s.n; from++) {
        size_t n = 0;
        while (s.p[from] == ']' && n < level && at(s, from + 1 + n, "="))
            n++;
        if (s.p[from] == ']' && n == level && at(s, from + 1 + n, "]"))
            return from + n + 2;
    }
    return s.n;
}

static size_t over_quoted(struct str s, size_t i)
{
    char quote = s.p[i++];
    while (i < s.n && s.p[i] != quote && s.p[i] != '\n')
        i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
    return i < s.n ? i + 1 : i;
}

struct str template_lua(const struct template_source *s, const struct piece *p)
{
    struct str lua = {s->text.p + p->from, p->to - p->from};
    for (size_t i = 0; i < lua.n;) {
        size_t behind = i;
        if (at(lua, i, "--") && over_long(lua, i + 2) == i + 2) {
            behind = find(lua, i, "\n");
            if (behind >= lua.n)
                return (struct str){lua.p, i};
        } else if (lua.p[i] == '"' || lua.p[i] == '\'') {
            behind = over_quoted(lua, i);
        } else {
            behind = over_long(lua, at(lua, i, "--") ? i + 2 : i);
        }
        i = behind > i ? behind : i + 1;
    }
    return lua;
}

void template_translate(const struct template_source *s, struct buf *lua)
{
    uint32_t line = 1;
    buf_put_c(lua, "local __text, __value, __raw = ...");
    for (size_t i = 0; i < s->n; i++) {
        const struct piece *p = &s->pieces[i];
        struct str code = template_lua(s, p);
        if (p->kind == PIECE_COMMENT || (p->kind == PIECE_TEXT && p->to == p->from))
            continue;
        for (; line < p->line; line++)
            buf_put_char(lua, '\n');
        if (p->kind == PIECE_TEXT) {
            buf_printf(lua, " ;__text(%zu)", i);
            continue;
        }
        if (p->kind == PIECE_CODE)
            buf_put_c(lua, " ;");
        else
            buf_printf(lua, " ;%s(%zu, (", p->kind == PIECE_RAW ? "__raw" : "__value", i);
        buf_put_str(lua, code);
        buf_put_c(lua, p->kind == PIECE_CODE ? " " : "))");
        for (size_t j = 0; j < code.n; j++)
            line += code.p[j] == '\n';
    }
    buf_put_c(lua, " ;");
}
