#include "config/registration.h"

#include "base/attr.h"
#include "base/text.h"
#include "config/yaml_text.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static int bad(const struct provider *p, const char *key, const char *expected, struct err *err)
{
    struct buf clean ATTR_CLEANUP(buf_free) = buf_new(ERR_TEXT_MAX);
    text_clean(&clean, str_c(key), 100);
    return err_set(
        err, ERR_INPUT, "what provider %s gave: %s: expected %s", p->name, buf_c(&clean), expected);
}

/* As it is to be pasted: so nothing in it can be mended, only refused. */
static bool is_one_line(struct str text)
{
    struct buf clean ATTR_CLEANUP(buf_free) = buf_new_sensitive(4 * DNS_VALUE_MAX);
    if (text.n == 0 || text.n > DNS_VALUE_MAX)
        return false;
    text_clean(&clean, text, DNS_VALUE_MAX);
    return clean.n == text.n && memcmp(clean.p, text.p, text.n) == 0;
}

static int read_value(const struct provider *p, const struct provider_setting *s, const json_t *json,
    struct arena *a, const char **out, struct err *err)
{
    json_t *value;
    struct err why = ERR_INIT;
    if (!json_is_string(json) ||
        !is_one_line((struct str){json_string_value(json), json_string_length(json)}))
        return bad(p, s->name, "a text of one line", err);
    if (provider_type_is_list(s->type) || s->type == PROVIDER_FILE)
        return bad(p, s->name, "a setting that is no list and no file", err);
    *out = arena_dup_c(a, json_string_value(json));
    if (provider_value(s, out, 1, a, &value, &why) < 0)
        return bad(p, s->name, "another value of that type", err);
    json_decref(value);
    return 0;
}

static int read_settings(
    const struct provider *p, const json_t *json, struct arena *a, struct registration *out, struct err *err)
{
    size_t n = json_object_size(json);
    if (n == 0 || n > DNS_VALUES_MAX)
        return bad(p, "settings", "an object with some of its settings", err);
    struct registered_setting *list = arena_array(a, n, sizeof *list);
    /* In the order in which the provider declares them. */
    for (size_t i = 0; i < p->setting_n; i++) {
        const struct provider_setting *s = &p->settings[i];
        const json_t *value = json_object_get(json, s->name);
        if (value == NULL)
            continue;
        if (out->n == n)
            return bad(p, "settings", "no name twice", err);
        int r = read_value(p, s, value, a, &list[out->n].value, err);
        if (r < 0)
            return r;
        list[out->n++].of = s;
    }
    out->settings = list;
    return out->n == n ? 0 : bad(p, "settings", "nothing but settings that it declares", err);
}

static int read_all(
    const struct provider *p, const json_t *json, struct arena *a, struct registration *out, struct err *err)
{
    static const struct provider_setting name = {.name = "cname", .type = PROVIDER_NAME};
    const json_t *error = json_object_get(json, "error"), *cname = json_object_get(json, "cname");
    struct buf clean ATTR_CLEANUP(buf_free) = buf_new(2 * ERR_TEXT_MAX);
    if (json_is_string(error)) {
        text_clean(&clean, str_c(json_string_value(error)), ERR_TEXT_MAX);
        return err_set(err, ERR_FAILED, "%s", buf_c(&clean));
    }
    *out = (struct registration){.cname = ""};
    int r = read_settings(p, json_object_get(json, "settings"), a, out, err);
    if (r == 0 && cname != NULL && !json_is_null(cname))
        r = read_value(p, &name, cname, a, &out->cname, err);
    return r;
}

int registration_parse(
    struct str json, const struct provider *p, struct arena *a, struct registration *out, struct err *err)
{
    if (json.n > REGISTRATION_MAX)
        return bad(p, "all of it", "fewer octets", err);
    json_t *object = json_loadb(json.n > 0 ? json.p : "", json.n, JSON_REJECT_DUPLICATES, NULL);
    int r = object != NULL ? read_all(p, object, a, out, err) : bad(p, "all of it", "JSON", err);
    json_decref(object);
    return r;
}

/* --- for people --- */

static const struct dns_value *written(const struct dns_entry *e, const char *key, const char *more)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < e->value_n; i++)
        if (strncmp(e->values[i].key, key, n) == 0 && strcmp(e->values[i].key + n, more) == 0)
            return &e->values[i];
    return NULL;
}

/* Appends the path of its file; whether the entry names it already. */
static bool put_path(const struct registered_setting *s, const struct dns_entry *e, struct buf *out)
{
    const struct dns_value *file = written(e, s->of->name, "-file");
    if (file != NULL && file->n == 1)
        buf_put_c(out, file->values[0]);
    else
        buf_printf(out, "/etc/evercert/%s.%s", e->name, s->of->name);
    return file != NULL;
}

static void put_secret(const struct registered_setting *s, const struct dns_entry *e, struct buf *out)
{
    buf_put_c(out, "\nLet this be all that ");
    put_path(s, e, out);
    buf_printf(out, " holds, which only its owner may read (chmod 600):\n\n%s\n", s->value);
}

/* The line for the configuration, where one is needed. */
static void put_line(const struct registered_setting *s, const struct dns_entry *e, struct buf *out)
{
    struct buf path ATTR_CLEANUP(buf_free) = buf_new(DNS_VALUE_MAX);
    const struct dns_value *before = written(e, s->of->name, "");
    bool secret = s->of->type == PROVIDER_SECRET;
    if (secret && put_path(s, e, &path))
        return;
    buf_printf(out, "    %s%s: ", s->of->name, secret ? "-file" : "");
    yaml_put_text(out, secret ? buf_str(&path) : str_c(s->value));
    if (before != NULL)
        buf_printf(out, "    # in place of %s", s->of->name);
    buf_put_char(out, '\n');
}

void registration_show(
    const struct registration *r, const struct provider *p, const struct dns_entry *e, struct buf *out)
{
    struct buf lines ATTR_CLEANUP(buf_free) = buf_new(REGISTRATION_TEXT_MAX);
    buf_printf(out, "A new account at %s for entry %s. It is shown this once.\n", p->title, e->name);
    for (size_t i = 0; i < r->n; i++) {
        if (r->settings[i].of->type == PROVIDER_SECRET)
            put_secret(&r->settings[i], e, out);
        put_line(&r->settings[i], e, &lines);
    }
    if (lines.n > 0) {
        buf_put_c(out, "\nWrite into the configuration, beside what the entry has:\n\ndns:\n  ");
        yaml_put_text(out, str_c(e->name));
        buf_printf(out, ":\n%s", buf_c(&lines));
    }
    if (r->cname[0] != '\0')
        buf_printf(out,
            "\nSet in the DNS, for the NAME that it is to prove (of *.example.org: example.org):\n\n"
            "_acme-challenge.NAME. CNAME %s.\n",
            r->cname);
    buf_printf(out, "\nThen `evercert dns test %s NAME` tries it.\n", e->name);
}

struct dns_entry registration_entry(const struct dns_entry *e, const struct provider *p, struct arena *a)
{
    struct dns_entry out = *e;
    struct dns_value *values = arena_array(a, e->value_n, sizeof *values);
    out.value_n = 0;
    for (size_t i = 0; i < e->value_n; i++) {
        const struct dns_value *v = &e->values[i];
        struct str key = str_c(v->key);
        const struct provider_setting *s =
            str_ends(key, STR("-file"))
                ? provider_setting_find(p, (struct str){key.p, key.n - strlen("-file")})
                : NULL;
        bool secret = s != NULL && s->type == PROVIDER_SECRET && v->n == 1;
        /* Names without '/' are systemd's, which has them there or does not start us. */
        bool missing = secret && v->values[0][0] == '/' && access(v->values[0], F_OK) != 0 && errno == ENOENT;
        if (!missing)
            values[out.value_n++] = *v;
    }
    out.values = values;
    return out;
}
