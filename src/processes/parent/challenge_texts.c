#include "processes/parent/challenge_texts.h"

#include "base/attr.h"
#include "base/b64.h"

#include <string.h>

bool variable_name_ok(struct str name)
{
    if (name.n == 0 || name.n > VARIABLE_NAME_MAX || (name.p[0] >= '0' && name.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}

bool variable_is_reserved(struct str name)
{
    static const char *const names[] = {"PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i]))
            return true;
    return str_starts(name, STR("LD_")) || str_starts(name, STR("EVERCERT_"));
}

const char *variables_get(const struct variables *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->list[i].name, name) == 0)
            return v->list[i].value;
    return NULL;
}

int variables_set(struct variables *v, const char *name, const char *value, struct err *err)
{
    size_t i = 0;
    while (i < v->n && strcmp(v->list[i].name, name) != 0)
        i++;
    if (i == VARIABLES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d variables", VARIABLES_MAX);
    v->list[i] = (struct pair){name, value};
    if (i == v->n)
        v->n++;
    return 0;
}

static bool forget(struct variables *v, struct str name)
{
    for (size_t i = 0; i < v->n; i++)
        if (str_eq_c(name, v->list[i].name)) {
            v->list[i] = v->list[--v->n];
            return true;
        }
    return false;
}

static int check_size(struct str text, struct err *err)
{
    return text.n > VARIABLES_TEXT_MAX
               ? err_set(err, ERR_LIMIT, "more than %d octets of variables", VARIABLES_TEXT_MAX)
               : 0;
}

/* --- files of variables --- */

static struct str unquoted(struct str value)
{
    bool quoted =
        value.n >= 2 && (value.p[0] == '\'' || value.p[0] == '"') && value.p[value.n - 1] == value.p[0];
    return quoted ? (struct str){value.p + 1, value.n - 2} : value;
}

static int read_line(struct str line, size_t number, struct arena *a, struct variables *out, struct err *err)
{
    struct str name, value;
    if (str_starts(line, STR("export ")))
        line = str_trim((struct str){line.p + 7, line.n - 7});
    if (!str_cut(line, '=', &name, &value) || !variable_name_ok(name))
        return err_set(err, ERR_INPUT, "line %zu is no NAME=value", number);
    if (variable_is_reserved(name))
        return err_set(err, ERR_INPUT, "line %zu: %.*s cannot be set", number, STR_ARG(name));
    if (value.n > 0 && memchr(value.p, '\0', value.n) != NULL)
        return err_set(err, ERR_INPUT, "line %zu: the value of %.*s is no text", number, STR_ARG(name));
    return variables_set(out, arena_dup(a, name), arena_dup(a, unquoted(value)), err);
}

int variables_read(struct str text, struct arena *a, struct variables *out, struct err *err)
{
    struct str line;
    int r = check_size(text, err);
    for (size_t number = 1; r == 0 && text.n > 0; number++) {
        (void)str_cut(text, '\n', &line, &text);
        line = str_trim(line);
        if (line.n > 0 && line.p[0] != '#')
            r = read_line(line, number, a, out, err);
    }
    return r;
}

/* --- what is kept --- */

static int keep(struct variables *v, struct str name, struct str encoded, struct arena *a, struct err *err)
{
    struct buf value ATTR_CLEANUP(buf_free) = buf_new_sensitive(VARIABLES_TEXT_MAX);
    if (!variable_name_ok(name) || b64url_decode(&value, encoded) < 0 ||
        (value.n > 0 && memchr(value.p, '\0', value.n) != NULL))
        return err_set(err, ERR_INPUT, "a line is no NAME=base64url");
    return variables_set(v, arena_dup(a, name), arena_dup(a, buf_str(&value)), err);
}

int kept_read(struct str text, struct arena *a, struct variables *out, struct err *err)
{
    struct str line, name, value;
    int r = check_size(text, err);
    out->n = 0;
    while (r == 0 && text.n > 0) {
        (void)str_cut(text, '\n', &line, &text);
        r = str_cut(line, '=', &name, &value) ? keep(out, name, value, a, err)
                                              : err_set(err, ERR_INPUT, "a line is no NAME=base64url");
    }
    return r;
}

void kept_write(const struct variables *v, struct buf *out)
{
    for (size_t i = 0; i < v->n; i++) {
        buf_printf(out, "%s=", v->list[i].name);
        b64url_encode(out, str_c(v->list[i].value));
        buf_put_char(out, '\n');
    }
}

static int apply_line(struct str line, struct arena *a, struct variables *v, bool *changed, struct err *err)
{
    struct str name, value;
    if (!str_cut(line, '=', &name, &value)) {
        if (!variable_name_ok(name))
            return err_set(err, ERR_INPUT, "a line is no NAME=base64url");
        *changed = forget(v, name) || *changed;
        return 0;
    }
    const char *key = arena_dup(a, name), *before = variables_get(v, key);
    int r = keep(v, name, value, a, err);
    if (r == 0)
        *changed = *changed || before == NULL || strcmp(before, variables_get(v, key)) != 0;
    return r;
}

int kept_apply(struct str lines, struct arena *a, struct variables *account, struct variables *domain,
    bool *account_changed, bool *domain_changed, struct err *err)
{
    struct str line;
    int r = check_size(lines, err);
    while (r == 0 && lines.n > 0) {
        (void)str_cut(lines, '\n', &line, &lines);
        struct str rest = line.n > 2 ? (struct str){line.p + 2, line.n - 2} : STR("");
        if (str_starts(line, STR("a ")))
            r = apply_line(rest, a, account, account_changed, err);
        else if (str_starts(line, STR("d ")))
            r = apply_line(rest, a, domain, domain_changed, err);
        else
            r = err_set(err, ERR_INPUT, "a line is neither of an account nor of a certificate");
    }
    return r;
}

/* --- what a script says of itself --- */

/* The text between the quotes of NAME_info='...' at the start of a line; empty where there is none. */
static struct str info_of(struct str text, const char *name, struct arena *a)
{
    struct str start = str_c(arena_printf(a, "%s_info='", name)), line;
    while (text.n > 0) {
        struct str here = text;
        (void)str_cut(text, '\n', &line, &text);
        if (!str_starts(line, start))
            continue;
        here = (struct str){here.p + start.n, here.n - start.n};
        const char *end = here.n > 0 ? memchr(here.p, '\'', here.n) : NULL;
        return end != NULL ? (struct str){here.p, (size_t)(end - here.p)} : STR("");
    }
    return STR("");
}

size_t script_options(struct str text, const char *name, struct arena *a, const char **out, size_t max)
{
    struct str info = info_of(text, name, a), line, option, about;
    bool inside = false;
    size_t n = 0;
    while (info.n > 0 && n < max) {
        (void)str_cut(info, '\n', &line, &info);
        if (line.n == 0 || line.p[0] != ' ') {
            inside = str_starts(line, STR("Options:")) || str_starts(line, STR("OptionsAlt:"));
            continue;
        }
        (void)str_cut(str_trim(line), ' ', &option, &about);
        if (inside && variable_name_ok(option) && !variable_is_reserved(option))
            out[n++] = arena_dup(a, option);
    }
    return n;
}
