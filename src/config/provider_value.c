/* Settings of a provider, judged by their types. */
#include "config/provider.h"

#include "acme/url.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/time.h"
#include "config/certificate.h"
#include "config/nearest.h"
#include "config/problems.h"
#include "config/schema.h"
#include "config/values.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static int unexpected(const char *expected, const char *text, struct err *err)
{
    char quoted[QUOTE_MAX];
    return err_set(err, ERR_INPUT, "expected %s, found %s", expected, quote(str_c(text), quoted));
}

static int text_value(const char *text, json_t **out, struct err *err)
{
    *out = json_string(text);
    return *out != NULL ? 0 : err_set(err, ERR_INPUT, "is no UTF-8 text");
}

static int of_type(
    const struct value_type *type, const char *text, struct arena *a, const char **out, struct err *err)
{
    const struct setting row = {.type = type};
    return value_parse(&row, str_c(text), a, out, err);
}

/* Over plain HTTP where the operator says so: then a secret may be seen on the way. */
static int check_url(const char *text, struct arena *a, struct err *err)
{
    bool plain = str_starts(str_c(text), STR("http://"));
    if (!plain && !str_starts(str_c(text), STR("https://")))
        return unexpected("a URL that begins with https://", text, err);
    return acme_url_check(str_c(plain ? arena_printf(a, "https://%s", text + strlen("http://")) : text), err);
}

static int check_host(const char *text, struct arena *a, struct err *err)
{
    const char *ignored;
    if (of_type(&type_resolver, text, a, &ignored, NULL) == 0)
        return 0;
    return of_type(strchr(text, ':') != NULL ? &type_endpoint : &type_host, text, a, &ignored, err);
}

static int check_name(const char *text, struct arena *a, struct err *err)
{
    const char *ignored;
    size_t n = strlen(text);
    struct str name = {text, n > 1 && text[n - 1] == '.' ? n - 1 : n};
    if (strchr(text, '*') != NULL || of_type(&type_pattern, arena_dup(a, name), a, &ignored, NULL) < 0)
        return unexpected("a DNS name", text, err);
    return 0;
}

static int number_value(const struct provider_setting *s, const char *text, json_t **out, struct err *err)
{
    int64_t seconds;
    uint64_t number = 0;
    bool duration = s->type == PROVIDER_DURATION && duration_parse(str_c(text), &seconds) == 0;
    if (duration)
        number = (uint64_t)seconds;
    else if (!str_to_u64(str_c(text), INT64_MAX, &number))
        return unexpected(
            s->type == PROVIDER_NUMBER ? "a number" : "a duration such as 90s or 5m", text, err);
    if (number < (uint64_t)s->min || (s->max != 0 && number > (uint64_t)s->max))
        return err_set(err, ERR_INPUT,
            s->max != 0 ? "%s is outside %" PRId64 " to %" PRId64 : "%s is below %" PRId64, text, s->min,
            s->max);
    *out = json_integer((json_int_t)number);
    return 0;
}

static int choice_value(const struct provider_setting *s, const char *text, json_t **out, struct err *err)
{
    char quoted[QUOTE_MAX], meant[NEAREST_TEXT_MAX];
    struct buf all ATTR_CLEANUP(buf_free) = buf_new(ERR_TEXT_MAX);
    struct nearest near = nearest_new(str_c(text));
    for (size_t i = 0; i < s->choice_n; i++) {
        if (strcmp(text, s->choices[i]) == 0)
            return text_value(text, out, err);
        buf_printf(&all, "%s%s", i == 0 ? "" : ", ", s->choices[i]);
        nearest_try(&near, s->choices[i]);
    }
    return err_set(err, ERR_INPUT, "expected one of %s, found %s%s", buf_c(&all), quote(str_c(text), quoted),
        nearest_text(&near, meant));
}

static int check_text(const struct provider_setting *s, const char *text, struct arena *a, struct err *err)
{
    switch (s->type) {
    case PROVIDER_FILE:
        return text[0] == '/' ? 0 : unexpected("an absolute path such as /etc/evercert/x", text, err);
    case PROVIDER_URL:
        return check_url(text, a, err);
    case PROVIDER_HOST:
        return check_host(text, a, err);
    case PROVIDER_NAME:
        return check_name(text, a, err);
    default:
        return 0;
    }
}

static int single_value(
    const struct provider_setting *s, const char *text, struct arena *a, json_t **out, struct err *err)
{
    if (text[0] == '\0')
        return err_set(err, ERR_INPUT, "is empty; leave the key out where there is nothing to say");
    if (s->type == PROVIDER_NUMBER || s->type == PROVIDER_DURATION)
        return number_value(s, text, out, err);
    if (s->type == PROVIDER_CHOICE)
        return choice_value(s, text, out, err);
    if (s->type == PROVIDER_FLAG) {
        bool yes = strcmp(text, "true") == 0;
        if (!yes && strcmp(text, "false") != 0)
            return unexpected("true or false", text, err);
        *out = json_boolean(yes);
        return 0;
    }
    int r = check_text(s, text, a, err);
    return r < 0 ? r : text_value(text, out, err);
}

static int list_value(const struct provider_setting *s, const char *const *values, size_t n, struct arena *a,
    json_t **out, struct err *err)
{
    const struct deploy command = {.argv = values, .argc = n};
    const char *ignored;
    int r = s->type == PROVIDER_COMMAND ? deploy_run_check(&command, err) : 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = s->type == PROVIDER_LISTEN ? of_type(&type_listen, values[i], a, &ignored, err) : 0;
    if (r < 0)
        return r;
    *out = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(*out, json_string(values[i])) < 0) {
            json_decref(*out);
            return err_set(err, ERR_INPUT, "is no UTF-8 text");
        }
    return 0;
}

int provider_value(const struct provider_setting *s, const char *const *values, size_t n, struct arena *a,
    struct json_t **out, struct err *err)
{
    if (provider_type_is_list(s->type))
        return list_value(s, values, n, a, out, err);
    if (n != 1)
        return err_set(err, ERR_INPUT, "expected one value, found a list of %zu", n);
    return single_value(s, values[0], a, out, err);
}
