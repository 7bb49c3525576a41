#include "site/edit.h"

#include "base/text.h"

#include <string.h>

#define HEAD_FIRST       "# Made by \"evercert install\"; taken away by: evercert uninstall "
#define HEAD_CERTIFICATE "# certificate "
#define HEAD_NAMES       "# names"

enum { CONTEXT = 3, LINE_MAX_SHOWN = 4096 };

void site_head(const struct site *s, struct buf *out)
{
    buf_printf(out, HEAD_FIRST "%s -d %s\n", s->server, s->names[0]);
    buf_printf(out, HEAD_CERTIFICATE "%s\n" HEAD_NAMES, s->certificate);
    for (size_t i = 0; i < s->name_n; i++)
        buf_printf(out, " %s", s->names[i]);
    buf_put_c(out, "\n");
}

static void put_name(const char *name, struct buf *out)
{
    bool v6 = strchr(name, ':') != NULL;
    buf_put_c(out, v6 ? "\\[" : "");
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '*')
            buf_put_c(out, "[^.]+");
        else if (*c == '.')
            buf_put_c(out, "\\.");
        else
            buf_put_char(out, *c);
    }
    buf_put_c(out, v6 ? "\\]" : "");
}

void site_put_names(const struct site *s, struct buf *out)
{
    buf_put_c(out, "(?:");
    for (size_t i = 0; i < s->name_n; i++) {
        buf_put_c(out, i > 0 ? "|" : "");
        put_name(s->names[i], out);
    }
    buf_put_char(out, ')');
}

bool site_read_head(struct str text, struct arena *a, struct site_note *out)
{
    struct str line, rest, word;
    if (!str_starts(text, STR(HEAD_FIRST)))
        return false;
    str_cut(text, '\n', &line, &rest);
    str_cut(rest, '\n', &line, &rest);
    if (!str_starts(line, STR(HEAD_CERTIFICATE)))
        return false;
    out->certificate = arena_dup(
        a, (struct str){line.p + sizeof HEAD_CERTIFICATE - 1, line.n - (sizeof HEAD_CERTIFICATE - 1)});
    str_cut(rest, '\n', &line, &rest);
    if (!str_starts(line, STR(HEAD_NAMES " ")))
        return false;
    struct str names = {line.p + sizeof HEAD_NAMES, line.n - sizeof HEAD_NAMES};
    out->names = arena_array(a, names.n + 1, sizeof *out->names);
    out->name_n = 0;
    for (bool more = true; more;) {
        more = str_cut(names, ' ', &word, &names);
        if (word.n > 0)
            out->names[out->name_n++] = arena_dup(a, word);
    }
    return out->name_n > 0;
}

size_t site_head_length(struct str text)
{
    struct str line, rest = text;
    if (!str_starts(text, STR(HEAD_FIRST)))
        return 0;
    for (size_t i = 0; i < 3; i++)
        str_cut(rest, '\n', &line, &rest);
    return text.n - rest.n;
}

void edit_insert(struct str text, struct insertion in, struct buf *out)
{
    size_t at = in.at < text.n ? in.at : text.n;
    buf_put(out, text.p, at);
    buf_put_str(out, in.text);
    buf_put(out, text.p + at, text.n - at);
}

/* Of the occurrences that begin a line, or with a line break, the one nearest to `near`; SIZE_MAX for none.
 */
static size_t find_lines(struct str text, struct str what, size_t near)
{
    size_t best = SIZE_MAX, best_away = SIZE_MAX;
    for (size_t from = 0; what.n > 0 && text.n - from >= what.n;) {
        const char *p = memmem(text.p + from, text.n - from, what.p, what.n);
        if (p == NULL)
            break;
        size_t at = (size_t)(p - text.p), away = at > near ? at - near : near - at;
        if ((at == 0 || p[-1] == '\n' || what.p[0] == '\n') && away < best_away) {
            best = at;
            best_away = away;
        }
        from = at + 1;
    }
    return best;
}

bool edit_remove(struct str text, struct insertion what, struct buf *out)
{
    size_t at = find_lines(text, what.text, what.at);
    if (at == SIZE_MAX)
        return false;
    buf_put(out, text.p, at);
    buf_put(out, text.p + at + what.text.n, text.n - at - what.text.n);
    return true;
}

/* ---- differences ---- */

static size_t count_lines(struct str s)
{
    size_t n = 0;
    bool ended = true;
    for (size_t i = 0; i < s.n; i++) {
        ended = s.p[i] == '\n';
        n += ended;
    }
    return n + !ended;
}

/* Offset of what is behind the line that begins at `at`. */
static size_t next_line(struct str s, size_t at)
{
    const char *end = memchr(s.p + at, '\n', s.n - at);
    return end != NULL ? (size_t)(end - s.p) + 1 : s.n;
}

/* Where the line begins that ends at `at`; 0 is before all. */
static size_t line_before(struct str s, size_t at)
{
    size_t from = at > 0 ? at - 1 : 0;
    while (from > 0 && from <= s.n && s.p[from - 1] != '\n')
        from--;
    return from;
}

static void put_line(char mark, struct str line, struct buf *out)
{
    bool ended = str_ends(line, STR("\n"));
    struct str shown = {line.p, line.n - ended};
    buf_put_char(out, mark);
    text_clean(out, shown, LINE_MAX_SHOWN);
    buf_put_char(out, '\n');
    if (!ended)
        buf_put_c(out, "\\ No newline at end of file\n");
}

static void put_lines(char mark, struct str s, size_t from, size_t to, struct buf *out)
{
    while (from < to) {
        size_t next = next_line(s, from);
        put_line(mark, (struct str){s.p + from, next - from}, out);
        from = next;
    }
}

/* Whole lines at the beginning that are the same. */
static size_t common_head(struct str a, struct str b)
{
    size_t at = 0;
    while (at < a.n && at < b.n) {
        size_t x = next_line(a, at), y = next_line(b, at);
        if (x != y || memcmp(a.p + at, b.p + at, x - at) != 0)
            break;
        at = x;
    }
    return at;
}

/* Octets at the end, in whole lines, that are the same, and do not reach into the first `head`. */
static size_t common_tail(struct str a, struct str b, size_t head)
{
    size_t n = 0;
    while (n < a.n - head && n < b.n - head) {
        size_t x = line_before(a, a.n - n), y = line_before(b, b.n - n);
        size_t length = a.n - n - x;
        if (x < head || y < head || length != b.n - n - y || memcmp(a.p + x, b.p + y, length) != 0)
            break;
        n += length;
    }
    return n;
}

static void put_range(char mark, size_t line, size_t n, struct buf *out)
{
    buf_printf(out, "%c%zu,%zu ", mark, n > 0 ? line : line - 1, n);
}

void edit_diff(const char *path, struct str before, struct str after, struct buf *out)
{
    struct str a = before.p != NULL ? before : STR(""), b = after.p != NULL ? after : STR("");
    if (before.p != NULL && after.p != NULL && str_eq(a, b))
        return;
    size_t head = common_head(a, b), tail = common_tail(a, b, head), from = head;
    size_t a_end = a.n - tail, b_end = b.n - tail, a_to = a_end;
    for (size_t i = 0; i < CONTEXT; i++) {
        from = line_before(a, from);
        a_to = a_to < a.n ? next_line(a, a_to) : a_to;
    }
    size_t line = count_lines((struct str){a.p, from}) + 1;
    size_t around = count_lines((struct str){a.p + from, head - from}) +
                    count_lines((struct str){a.p + a_end, a_to - a_end});
    buf_printf(out, "--- %s\n+++ %s\n@@ ", before.p != NULL ? path : "/dev/null",
        after.p != NULL ? path : "/dev/null");
    put_range('-', line, around + count_lines((struct str){a.p + head, a_end - head}), out);
    put_range('+', line, around + count_lines((struct str){b.p + head, b_end - head}), out);
    buf_put_c(out, "@@\n");
    put_lines(' ', a, from, head, out);
    put_lines('-', a, head, a_end, out);
    put_lines('+', b, head, b_end, out);
    put_lines(' ', a, a_end, a_to, out);
}
