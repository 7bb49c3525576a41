#include "config/containers.h"

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "config/settings.h"

#include <string.h>

static const char *const kinds[] = {
#define TEMPLATE_KIND_TEXT(id, text) [id] = (text),
    TEMPLATE_KINDS(TEMPLATE_KIND_TEXT)
#undef TEMPLATE_KIND_TEXT
};

bool template_kind_parse(const char *text, enum template_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(text, kinds[i]) == 0) {
            *out = (enum template_kind)i;
            return true;
        }
    return false;
}

const char *template_kind_text(enum template_kind k)
{
    return (size_t)k < ARRAY_LEN(kinds) ? kinds[k] : "?";
}

enum template_kind template_kind_by_name(const char *name)
{
    static const struct {
        const char *suffix;
        enum template_kind kind;
    } suffixes[] = {{".conf", TEMPLATE_NGINX}, {".sh", TEMPLATE_SHELL}, {".env", TEMPLATE_SHELL},
        {".html", TEMPLATE_HTML}, {".htm", TEMPLATE_HTML}, {".json", TEMPLATE_JSON}, {".yaml", TEMPLATE_JSON},
        {".yml", TEMPLATE_JSON}};
    struct str s = str_c(name);
    if (str_ends(s, STR(".tmpl")))
        s.n -= strlen(".tmpl");
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_ends(s, str_c(suffixes[i].suffix)))
            return suffixes[i].kind;
    return TEMPLATE_NONE;
}

/* "500ms" */
static bool parse_span(struct str text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}};
    size_t digits = 0;
    uint64_t number;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    struct str unit = {text.p + digits, text.n - digits};
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq_c(unit, units[i].unit)) {
            if (!str_to_u64((struct str){text.p, digits}, INT32_MAX, &number))
                return false;
            *out = (int64_t)number * units[i].ms;
            return true;
        }
    return false;
}

int wait_parse(struct str text, struct wait *out, struct err *err)
{
    struct wait w;
    const char *dots = memmem(text.p, text.n, "..", 2);
    struct str least = {text.p, dots == NULL ? text.n : (size_t)(dots - text.p)};
    struct str most = dots == NULL ? text : (struct str){dots + 2, text.n - least.n - 2};
    if (!parse_span(least, &w.min_ms) || !parse_span(most, &w.max_ms))
        return err_set(err, ERR_INPUT, "expected a wait such as 2s, or 500ms..10s (quiet, and the most)");
    if (w.min_ms < 1 || w.max_ms > WAIT_CEILING_MS)
        return err_set(
            err, ERR_INPUT, "%.*s is outside 1ms to %dm", STR_ARG(text), WAIT_CEILING_MS / (60 * 1000));
    if (w.min_ms > w.max_ms)
        return err_set(err, ERR_INPUT, "%.*s is longer than %.*s, the most that is waited", STR_ARG(least),
            STR_ARG(most));
    *out = w;
    return 0;
}

bool glob_fits(const char *pattern, const char *text)
{
    const char *star = strchr(pattern, '*'), *last = strrchr(pattern, '*');
    if (star == NULL)
        return strcmp(pattern, text) == 0;
    struct str head = {pattern, (size_t)(star - pattern)}, tail = str_c(last + 1), rest = str_c(text);
    if (rest.n < head.n + tail.n || !str_starts(rest, head) || !str_ends(rest, tail))
        return false;
    rest = (struct str){rest.p + head.n, rest.n - head.n - tail.n};
    /* What stands between two stars is taken where it comes first: that leaves most for the others. */
    for (const char *at = star; at < last;) {
        const char *end = strchr(at + 1, '*');
        struct str part = {at + 1, (size_t)(end - at - 1)};
        const char *found = part.n == 0 ? rest.p : memmem(rest.p, rest.n, part.p, part.n);
        if (found == NULL)
            return false;
        rest.n -= (size_t)(found - rest.p) + part.n;
        rest.p = found + part.n;
        at = end;
    }
    return true;
}

const char *signal_name(const char *text)
{
    /* WINCH is what Apache and nginx take for a graceful stop. */
    static const char *const names[] = {"ABRT", "ALRM", "BUS", "CHLD", "CONT", "FPE", "HUP", "ILL", "INT",
        "KILL", "PIPE", "POLL", "PROF", "QUIT", "SEGV", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
        "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ"};
    struct str name = str_c(text);
    if (name.n > 3 && str_eq_nocase((struct str){name.p, 3}, STR("SIG")))
        name = (struct str){name.p + 3, name.n - 3};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(name, str_c(names[i])))
            return names[i];
    return NULL;
}

const struct action *action_find(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->action_n; i++)
        if (strcmp(s->actions[i].name, name) == 0)
            return &s->actions[i];
    return NULL;
}
