#include "processes/parent/output_text.h"

#include "base/buf.h"

#include <limits.h>
#include <string.h>

enum { LINE_DIGITS_MAX = 8 }; /* of a line's number; an output has two million octets at most */

bool output_is_named(const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(words[i], OUTPUT_MARK) != NULL)
            return true;
    return false;
}

static const char *replaced(const char *word, const char *path, struct arena *a)
{
    const char *done = "";
    for (const char *mark; (mark = strstr(word, OUTPUT_MARK)) != NULL; word = mark + sizeof OUTPUT_MARK - 1)
        done = arena_printf(a, "%s%.*s%s", done, (int)(mark - word), word, path);
    return arena_printf(a, "%s%s", done, word);
}

const char *const *output_words(const char *const *words, size_t n, const char *path, struct arena *a)
{
    const char **list = arena_array(a, n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = replaced(words[i], path, a);
    return list;
}

struct str output_tail(struct str said)
{
    said = str_trim(said);
    if (said.n <= OUTPUT_TAIL_MAX)
        return said;
    struct str tail = {said.p + said.n - OUTPUT_TAIL_MAX, OUTPUT_TAIL_MAX};
    const char *line = memchr(tail.p, '\n', tail.n);
    if (line == NULL)
        return tail;
    return (struct str){line + 1, tail.n - (size_t)(line + 1 - tail.p)};
}

/* --- whose line --- */

static size_t number_at(const char *p, const char *end)
{
    const char *from = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    uint64_t line = 0;
    if (p == from || p - from > LINE_DIGITS_MAX ||
        !str_to_u64((struct str){from, (size_t)(p - from)}, INT_MAX, &line))
        return 0;
    return (size_t)line;
}

static const char *skip_word(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);
    return p != NULL && (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static bool is_part_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* "NAME:NN", "NAME line NN", "NAME, line NN". */
static size_t number_behind(const char *p, const char *end)
{
    static const char *const between[] = {
        ":", "(", " line ", ", line ", ": line ", "\" line ", "\", line ", "', line "};
    for (size_t i = 0; i < ARRAY_LEN(between); i++) {
        const char *at = skip_word(p, end, between[i]);
        size_t line = at != NULL ? number_at(at, end) : 0;
        if (line > 0)
            return line;
    }
    return 0;
}

/* "line NN of NAME", "on line 12 of /path/NAME": what stands before the whole path that ends in the name. */
static size_t number_before(const char *start, const char *p)
{
    static const char of[] = " of ", line_word[] = "line ";
    while (p > start && (is_part_of_name(p[-1]) || p[-1] == '/'))
        p--;
    if ((size_t)(p - start) < sizeof of - 1 || memcmp(p - (sizeof of - 1), of, sizeof of - 1) != 0)
        return 0;
    const char *end = p - (sizeof of - 1), *from = end;
    while (from > start && from[-1] >= '0' && from[-1] <= '9')
        from--;
    if ((size_t)(from - start) < sizeof line_word - 1 ||
        strncasecmp(from - (sizeof line_word - 1), line_word, sizeof line_word - 1) != 0)
        return 0;
    return number_at(from, end);
}

static size_t blamed_in(struct str said, const char *name)
{
    size_t n = strlen(name);
    const char *end = said.p + said.n;
    for (const char *p = said.p; n > 0 && (p = memmem(p, (size_t)(end - p), name, n)) != NULL; p++) {
        if (p > said.p && is_part_of_name(p[-1]))
            continue;
        size_t line = number_behind(p + n, end);
        if (line == 0)
            line = number_before(said.p, p);
        if (line > 0)
            return line;
    }
    return 0;
}

bool output_blamed(struct str said, const char *const *names, size_t n, size_t *line)
{
    for (size_t i = 0; i < n; i++) {
        const char *slash = strrchr(names[i], '/');
        size_t found = said.n > 0 ? blamed_in(said, slash != NULL ? slash + 1 : names[i]) : 0;
        if (found > 0) {
            *line = found;
            return true;
        }
    }
    return false;
}

uint32_t output_template_line(struct str lines, size_t line)
{
    uint32_t at = 0;
    if (line == 0 || line > lines.n / sizeof at)
        return 0;
    memcpy(&at, lines.p + (line - 1) * sizeof at, sizeof at);
    return at;
}
