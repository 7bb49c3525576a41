/* The catalogue, read from what `LIBEXEC/solver --describe` printed. */
#include "config/provider.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"
#include "config/values.h"
#include "config/yaml_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { CATALOGUE_TEXT_MAX = 1000 }; /* octets of a title, a help or a problem that are kept */

static const char *const types[] = {
#define PROVIDER_TYPE_TEXT(id, text) [id] = (text),
    PROVIDER_TYPES(PROVIDER_TYPE_TEXT)
#undef PROVIDER_TYPE_TEXT
};

const char *provider_type_text(enum provider_type t)
{
    return (size_t)t < ARRAY_LEN(types) ? types[t] : "?";
}

bool provider_type_parse(const char *text, enum provider_type *out)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(text, types[i]) == 0) {
            *out = (enum provider_type)i;
            return true;
        }
    return false;
}

bool provider_type_is_list(enum provider_type t)
{
    return t == PROVIDER_LIST || t == PROVIDER_LISTEN || t == PROVIDER_COMMAND;
}

/* `name` is of the provider that is read, "" before there is one. */
static int bad(const char *name, const char *key, const char *expected, struct err *err)
{
    return err_set(err, ERR_INPUT, "catalogue of providers: %s%s%s: expected %s", name,
        name[0] != '\0' ? "." : "", key, expected);
}

/* A text of one clean line; "" where it is missing. */
static int read_text(
    const json_t *json, const char *of, const char *key, struct arena *a, const char **out, struct err *err)
{
    const json_t *v = json_object_get(json, key);
    *out = "";
    if (v == NULL || json_is_null(v))
        return 0;
    if (!json_is_string(v))
        return bad(of, key, "a text", err);
    struct buf clean ATTR_CLEANUP(buf_free) = buf_new(2 * CATALOGUE_TEXT_MAX);
    text_clean(&clean, (struct str){json_string_value(v), json_string_length(v)}, CATALOGUE_TEXT_MAX);
    *out = arena_dup(a, buf_str(&clean));
    return 0;
}

static int read_name(const json_t *json, const char *of, struct arena *a, const char **out, struct err *err)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    if (name == NULL || authority_name_check(str_c(name), NULL) < 0)
        return bad(of, "name", "a name of letters, digits, '.', '_' and '-'", err);
    *out = arena_dup_c(a, name);
    return 0;
}

static int read_integer(const json_t *json, const char *of, const char *key, int64_t *out, struct err *err)
{
    const json_t *v = json_object_get(json, key);
    *out = 0;
    if (v == NULL || json_is_null(v))
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return bad(of, key, "a number that is not negative", err);
    *out = json_integer_value(v);
    return 0;
}

/* A value of a default as the configuration would write it; NULL for one that is no value. */
static const char *scalar(const json_t *v, struct arena *a)
{
    if (json_is_string(v))
        return arena_dup_c(a, json_string_value(v));
    if (json_is_integer(v))
        return arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return json_is_boolean(v) ? json_is_true(v) ? "true" : "false" : NULL;
}

/* A value, or a list of them. */
static int read_values(const json_t *v, const char *of, const char *key, struct arena *a,
    const char *const **out, size_t *out_n, struct err *err)
{
    bool list = json_is_array(v);
    size_t n = v == NULL || json_is_null(v) ? 0 : list ? json_array_size(v) : 1;
    if (n > PROVIDER_CHOICES_MAX)
        return bad(of, key, "fewer values", err);
    const char **values = arena_array(a, n, sizeof *values);
    for (size_t i = 0; i < n; i++)
        if ((values[i] = scalar(list ? json_array_get(v, i) : v, a)) == NULL)
            return bad(of, key, "a value or a list of values", err);
    *out = values;
    *out_n = n;
    return 0;
}

static int read_setting(
    const json_t *json, const char *of, struct arena *a, struct provider_setting *out, struct err *err)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    int r = read_name(json, of, a, &out->name, err);
    if (r < 0)
        return r;
    if (type == NULL || !provider_type_parse(type, &out->type))
        return bad(of, "type", "a type of settings", err);
    out->required = json_is_true(json_object_get(json, "required"));
    if ((r = read_text(json, of, "help", a, &out->help, err)) < 0 ||
        (r = read_integer(json, of, "min", &out->min, err)) < 0 ||
        (r = read_integer(json, of, "max", &out->max, err)) < 0 ||
        (r = read_values(
             json_object_get(json, "choices"), of, "choices", a, &out->choices, &out->choice_n, err)) < 0)
        return r;
    if (out->type == PROVIDER_CHOICE && out->choice_n == 0)
        return bad(of, "choices", "some of them", err);
    return read_values(
        json_object_get(json, "default"), of, "default", a, &out->fallback, &out->fallback_n, err);
}

static int read_provider(const json_t *json, struct arena *a, struct provider *out, struct err *err)
{
    const json_t *settings = json_object_get(json, "settings");
    size_t n = json_array_size(settings);
    int r = read_name(json, "", a, &out->name, err);
    if (r < 0 || (r = read_text(json, out->name, "title", a, &out->title, err)) < 0 ||
        (r = read_text(json, out->name, "documentation", a, &out->documentation, err)) < 0 ||
        (r = read_text(json, out->name, "kind", a, &out->kind, err)) < 0 ||
        (r = read_text(json, out->name, "file", a, &out->file, err)) < 0)
        return r;
    if (n > DNS_VALUES_MAX || (settings != NULL && !json_is_array(settings)))
        return bad(out->name, "settings", "a list that is not too long", err);
    if (out->title[0] == '\0')
        out->title = out->name;
    out->registers = json_is_true(json_object_get(json, "registers"));
    struct provider_setting *list = arena_array(a, n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        if ((r = read_setting(json_array_get(settings, i), out->name, a, &list[i], err)) < 0)
            return r;
    out->settings = list;
    out->setting_n = n;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct provider *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int read_all(const json_t *json, struct arena *a, struct providers *out, struct err *err)
{
    const json_t *providers = json_object_get(json, "providers"),
                 *problems = json_object_get(json, "problems");
    size_t n = json_array_size(providers), problem_n = json_array_size(problems);
    if (!json_is_array(providers) || n > PROVIDERS_MAX)
        return bad("", "providers", "a list that is not too long", err);
    struct provider *list = arena_array(a, n, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        int r = read_provider(json_array_get(providers, i), a, &list[i], err);
        if (r < 0)
            return r;
    }
    qsort(list, n, sizeof *list, by_name);
    if (problem_n > PROVIDERS_MAX)
        return bad("", "problems", "fewer of them", err);
    const char **texts = arena_array(a, problem_n, sizeof *texts);
    for (size_t i = 0; i < problem_n; i++) {
        json_t *one = json_pack("{sO}", "problem", json_array_get(problems, i));
        int r = read_text(one, "", "problem", a, &texts[i], err);
        json_decref(one);
        if (r < 0)
            return r;
    }
    *out = (struct providers){list, n, texts, problem_n};
    return 0;
}

int providers_parse(struct str json, struct arena *a, struct providers *out, struct err *err)
{
    json_error_t why;
    if (json.n > PROVIDERS_TEXT_MAX)
        return err_set(
            err, ERR_INPUT, "catalogue of providers: more than %d octets", (int)PROVIDERS_TEXT_MAX);
    json_t *object = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why);
    if (object == NULL)
        return err_set(err, ERR_INPUT, "catalogue of providers: no JSON: %s", why.text);
    int r = read_all(object, a, out, err);
    json_decref(object);
    return r;
}

const struct provider *providers_find(const struct providers *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].name, name) == 0)
            return &p->list[i];
    return NULL;
}

const struct provider_setting *provider_setting_find(const struct provider *p, struct str name)
{
    for (size_t i = 0; i < p->setting_n; i++)
        if (str_eq_c(name, p->settings[i].name))
            return &p->settings[i];
    return NULL;
}

/* --- an example --- */

static void put_value(const struct provider_setting *s, struct buf *out)
{
    static const char *const values[] = {
        [PROVIDER_TEXT] = "...",
        [PROVIDER_URL] = "https://api.example.com",
        [PROVIDER_HOST] = "192.0.2.53",
        [PROVIDER_NAME] = "example.org",
        [PROVIDER_FLAG] = "true",
        [PROVIDER_DURATION] = "60s",
        [PROVIDER_LIST] = "[...]",
        [PROVIDER_LISTEN] = "[\"192.0.2.53:53\"]",
        [PROVIDER_COMMAND] = "[/usr/local/bin/script]",
    };
    if (s->type == PROVIDER_NUMBER)
        buf_printf(out, "%lld", (long long)(s->min > 0 ? s->min : 1));
    else if (s->type == PROVIDER_CHOICE)
        yaml_put_text(out, str_c(s->choices[0]));
    else
        buf_put_c(out, values[s->type]);
}

/* Secrets stand in files of their own, where nobody sees them who is shown the configuration. */
static void put_example(const struct provider_setting *s, const char *entry, struct buf *out)
{
    bool secret = s->type == PROVIDER_SECRET;
    buf_printf(out, "%s%s: ", s->name, secret ? "-file" : "");
    if (secret || s->type == PROVIDER_FILE)
        buf_printf(out, "/etc/evercert/%s.%s", entry, s->name);
    else
        put_value(s, out);
}

void provider_example(const struct provider *p, const char *entry, unsigned indent, struct buf *out)
{
    buf_printf(out, "%*sdns:\n%*s", (int)indent, "", (int)indent + 2, "");
    yaml_put_text(out, str_c(entry));
    buf_printf(out, ":\n%*sprovider: ", (int)indent + 4, "");
    yaml_put_text(out, str_c(p->name));
    buf_put_char(out, '\n');
    for (size_t i = 0; i < p->setting_n; i++)
        if (p->settings[i].required || p->settings[i].type == PROVIDER_SECRET) {
            buf_printf(out, "%*s%s", (int)indent + 4, "", p->settings[i].required ? "" : "# ");
            put_example(&p->settings[i], entry, out);
            buf_put_char(out, '\n');
        }
}

void provider_example_line(const struct provider *p, const char *entry, struct buf *out)
{
    buf_put_c(out, "dns: {");
    yaml_put_text(out, str_c(entry));
    buf_put_c(out, ": {provider: ");
    yaml_put_text(out, str_c(p->name));
    for (size_t i = 0; i < p->setting_n; i++)
        if (p->settings[i].required) {
            buf_put_c(out, ", ");
            put_example(&p->settings[i], entry, out);
        }
    buf_put_c(out, "}}");
}
