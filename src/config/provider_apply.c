/* The entries of `dns:` judged by the catalogue. */
#include "config/provider.h"

#include "base/attr.h"
#include "base/buf.h"
#include "config/nearest.h"
#include "config/problems.h"
#include "config/values.h"
#include "os/file.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* An entry that is judged. */
struct judged {
    const struct providers *all;
    const struct provider *provider;
    const struct dns_entry *entry;
    struct arena *a;
    struct config_problems *problems;
    json_t *settings;
    struct dns_value *values; /* with `secret` as the catalogue says */
};

static void problem(struct judged *j, const char *place, const char *key, const char *fmt, ...)
    ATTR_PRINTF(4, 5);

static void problem(struct judged *j, const char *place, const char *key, const char *fmt, ...)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(ERR_TEXT_MAX + VALUE_TEXT_MAX);
    va_list ap;
    if (j->problems->n == CONFIG_PROBLEMS_MAX)
        return;
    buf_printf(&text, "%s: dns.%s.%s: ", place, j->entry->name, key);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    j->problems->list[j->problems->n++] = arena_dup(j->a, buf_str(&text));
}

static const struct dns_value *written(const struct judged *j, const char *key)
{
    for (size_t i = 0; i < j->entry->value_n; i++)
        if (strcmp(j->entry->values[i].key, key) == 0)
            return &j->entry->values[i];
    return NULL;
}

/* The secret that NAME-file stands for; NULL where the key is none. */
static const struct provider_setting *twin(const struct provider *p, struct str key)
{
    if (!str_ends(key, STR("-file")))
        return NULL;
    const struct provider_setting *s = provider_setting_find(p, (struct str){key.p, key.n - strlen("-file")});
    return s != NULL && s->type == PROVIDER_SECRET ? s : NULL;
}

static void set(struct judged *j, const char *name, json_t *value)
{
    if (json_object_set_new(j->settings, name, value) < 0)
        problem(j, j->entry->where, name, "is no UTF-8 text");
}

static void unknown_key(struct judged *j, const struct dns_value *v)
{
    char meant[NEAREST_TEXT_MAX];
    struct nearest near = nearest_new(str_c(v->key));
    for (size_t i = 0; i < j->provider->setting_n; i++) {
        const struct provider_setting *s = &j->provider->settings[i];
        nearest_try(&near, s->name);
        if (s->type == PROVIDER_SECRET)
            nearest_try(&near, arena_printf(j->a, "%s-file", s->name));
    }
    nearest_try(&near, "propagation");
    problem(j, v->where, v->key, "%s has no such setting%s; `evercert dns list %s` shows them",
        j->provider->title, nearest_text(&near, meant), j->provider->name);
}

/* The content of a file that is no secret, under the name that goes with it. */
static void set_content(struct judged *j, const struct provider_setting *s, const struct dns_value *v)
{
    struct str name = str_c(s->name);
    struct err err = ERR_INIT;
    struct buf content ATTR_CLEANUP(buf_free) = buf_new_sensitive(DNS_FILE_MAX);
    if (file_read(AT_FDCWD, v->values[0], DNS_FILE_MAX, &content, &err) < 0) {
        problem(j, v->where, v->key, "%s", err.text);
        return;
    }
    name.n -= str_ends(name, STR("-file")) ? strlen("-file") : 0;
    const char *key = arena_printf(j->a, "%.*s-pem", STR_ARG(name));
    json_t *text = json_stringn(buf_c(&content), content.n);
    if (text != NULL)
        set(j, key, text);
    else
        problem(j, v->where, v->key, "%s is no text", v->values[0]);
}

static void judge_setting(struct judged *j, const struct provider_setting *s, const struct dns_value *v)
{
    struct err err = ERR_INIT;
    json_t *value;
    if (provider_value(s, v->values, v->n, j->a, &value, &err) < 0) {
        problem(j, v->where, v->key, "%s", err.text);
        return;
    }
    if (s->type == PROVIDER_FILE && strcmp(j->provider->kind, "program") != 0) {
        json_decref(value);
        set_content(j, s, v);
        return;
    }
    set(j, s->name, value);
}

static void judge_twin(struct judged *j, const struct provider_setting *s, const struct dns_value *v)
{
    struct err err = ERR_INIT;
    const char *secret;
    if (written(j, s->name) != NULL) {
        problem(j, v->where, v->key, "is set beside %s; write one of them", s->name);
        return;
    }
    if (v->n != 1 || v->values[0][0] == '\0') {
        problem(j, v->where, v->key, "expected the path of one file");
        return;
    }
    if (secret_file_read(v->values[0], DNS_VALUE_MAX, j->a, &secret, &err) < 0)
        problem(j, v->where, v->key, "%s", err.text);
    else
        judge_setting(j, s, &(struct dns_value){v->key, &secret, 1, true, v->where});
}

static void judge_values(struct judged *j)
{
    for (size_t i = 0; i < j->entry->value_n; i++) {
        const struct dns_value *v = &j->entry->values[i];
        const struct provider_setting *s = provider_setting_find(j->provider, str_c(v->key));
        const struct provider_setting *of_file = s == NULL ? twin(j->provider, str_c(v->key)) : NULL;
        j->values[i] = *v;
        j->values[i].secret = s != NULL && s->type == PROVIDER_SECRET;
        if (s != NULL)
            judge_setting(j, s, v);
        else if (of_file != NULL)
            judge_twin(j, of_file, v);
        else
            unknown_key(j, v);
    }
}

/* What is not written: its default, or a problem. */
static void fill_in(struct judged *j)
{
    for (size_t i = 0; i < j->provider->setting_n; i++) {
        const struct provider_setting *s = &j->provider->settings[i];
        bool secret = s->type == PROVIDER_SECRET;
        struct err err = ERR_INIT;
        json_t *value;
        if (written(j, s->name) != NULL ||
            (secret && written(j, arena_printf(j->a, "%s-file", s->name)) != NULL))
            continue;
        if (s->required)
            problem(j, j->entry->where, s->name, "is missing; %s needs it: %s%s", j->provider->title, s->help,
                secret ? arena_printf(j->a, " Write it, or %s-file: /etc/evercert/%s.%s", s->name,
                             j->entry->name, s->name)
                       : "");
        else if (s->fallback_n > 0 && s->type != PROVIDER_FILE) {
            if (provider_value(s, s->fallback, s->fallback_n, j->a, &value, &err) == 0)
                set(j, s->name, value);
            else
                problem(j, j->entry->where, s->name, "its default is wrong: %s", err.text);
        }
    }
}

/* Of a file that is no provider, why. */
static const char *broken(const struct judged *j)
{
    const char *file = arena_printf(j->a, "/%s.lua:", j->entry->provider);
    for (size_t i = 0; i < j->all->problem_n; i++)
        if (strstr(j->all->problems[i], file) != NULL)
            return j->all->problems[i];
    return NULL;
}

static void unknown_provider(struct judged *j)
{
    char meant[NEAREST_TEXT_MAX], quoted[QUOTE_MAX];
    struct nearest near = nearest_new(str_c(j->entry->provider));
    const char *why = broken(j);
    for (size_t i = 0; i < j->all->n; i++)
        nearest_try(&near, j->all->list[i].name);
    if (why != NULL)
        problem(j, j->entry->where, "provider", "%s cannot be used: %s", j->entry->provider, why);
    else
        problem(j, j->entry->where, "provider", "there is no provider %s%s; `evercert dns list` shows all",
            quote(str_c(j->entry->provider), quoted), nearest_text(&near, meant));
}

/* The settings as JSON text, in the arena. */
static const char *text_of(struct judged *j)
{
    char *text = json_dumps(j->settings, JSON_COMPACT | JSON_SORT_KEYS);
    size_t n = text != NULL ? strlen(text) : 0;
    const char *copy = "{}";
    if (n == 0 || n > DNS_SETTINGS_MAX)
        problem(j, j->entry->where, "provider", "all settings together take more than %d octets",
            (int)DNS_SETTINGS_MAX);
    else
        copy = arena_dup_c(j->a, text);
    if (text != NULL)
        explicit_bzero(text, n);
    free(text);
    return copy;
}

static void judge(struct judged *j, struct dns_entry *out)
{
    j->provider = providers_find(j->all, j->entry->provider);
    if (j->provider == NULL) {
        unknown_provider(j);
        return;
    }
    j->settings = json_object();
    j->values = arena_array(j->a, j->entry->value_n, sizeof *j->values);
    fill_in(j);
    judge_values(j);
    out->values = j->values;
    out->settings = text_of(j);
    out->kind = j->provider->kind;
    json_decref(j->settings);
}

int providers_apply(const struct providers *p, struct arena *a, struct settings *s,
    struct config_problems *problems, struct err *err)
{
    struct config_problems own = {.n = 0};
    if (problems == NULL)
        problems = &own;
    size_t before = problems->n;
    struct dns_entry *entries = arena_array(a, s->dns_n, sizeof *entries);
    for (size_t i = 0; i < s->dns_n; i++) {
        struct judged j = {.all = p, .entry = &s->dns[i], .a = a, .problems = problems};
        entries[i] = s->dns[i];
        judge(&j, &entries[i]);
    }
    if (problems->n > before)
        return err_set(err, ERR_CONFIG, "%s", problems->list[before]);
    s->dns = entries;
    return 0;
}
