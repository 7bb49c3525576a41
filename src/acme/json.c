#include "acme/json.h"

#include "acme/limits.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"

/* The parser quotes what it choked on, so its words are foreign text. */
static int not_json(const json_error_t *why, struct err *err)
{
    struct buf text = buf_new(JSON_ERROR_TEXT_LENGTH * 2);
    text_clean(&text, str_c(why->text), JSON_ERROR_TEXT_LENGTH);
    err_set(err, ERR_INPUT, "not JSON: %s (line %d, column %d)", buf_c(&text), why->line, why->column);
    buf_free(&text);
    return ERR_INPUT;
}

int js_load(struct str text, json_t **out, struct err *err)
{
    if (text.n > ACME_JSON_MAX)
        return err_set(err, ERR_LIMIT, "%zu octets of JSON, more than %d", text.n, ACME_JSON_MAX);
    if (text_nests_deeper(text, ACME_JSON_DEPTH_MAX))
        return err_set(err, ERR_LIMIT, "JSON that is nested more than %d deep", ACME_JSON_DEPTH_MAX);
    if (text.n == 0)
        return err_set(err, ERR_INPUT, "empty where JSON was expected");
    json_error_t why;
    json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
    if (j == NULL)
        return not_json(&why, err);
    if (!json_is_object(j)) {
        json_decref(j);
        return err_set(err, ERR_INPUT, "not a JSON object");
    }
    *out = j;
    return 0;
}

void js_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* NULL for absent and null. */
static const json_t *member_of(const json_t *object, const char *member)
{
    const json_t *v = json_object_get(object, member);
    return json_is_null(v) ? NULL : v;
}

static int missing(const char *member, struct err *err)
{
    return err_set(err, ERR_INPUT, "\"%s\" is missing", member);
}

static int wrong_type(const char *member, const char *expected, struct err *err)
{
    return err_set(err, ERR_INPUT, "\"%s\" is not %s", member, expected);
}

int js_str_optional(const json_t *object, const char *member, struct str *out, struct err *err)
{
    const json_t *v = member_of(object, member);
    if (v == NULL)
        return 0;
    if (!json_is_string(v))
        return wrong_type(member, "a string", err);
    *out = (struct str){json_string_value(v), json_string_length(v)};
    return 0;
}

int js_str(const json_t *object, const char *member, struct str *out, struct err *err)
{
    return member_of(object, member) == NULL ? missing(member, err)
                                             : js_str_optional(object, member, out, err);
}

int js_bool_optional(const json_t *object, const char *member, bool *out, struct err *err)
{
    const json_t *v = member_of(object, member);
    if (v == NULL)
        return 0;
    if (!json_is_boolean(v))
        return wrong_type(member, "true or false", err);
    *out = json_is_true(v);
    return 0;
}

int js_object_optional(const json_t *object, const char *member, const json_t **out, struct err *err)
{
    const json_t *v = member_of(object, member);
    if (v == NULL)
        return 0;
    if (!json_is_object(v))
        return wrong_type(member, "an object", err);
    *out = v;
    return 0;
}

int js_array(const json_t *object, const char *member, size_t max, const json_t **out, struct err *err)
{
    const json_t *v = member_of(object, member);
    if (v == NULL)
        return missing(member, err);
    if (!json_is_array(v))
        return wrong_type(member, "an array", err);
    if (json_array_size(v) > max)
        return err_set(
            err, ERR_LIMIT, "\"%s\" has %zu elements, more than %zu", member, json_array_size(v), max);
    *out = v;
    return 0;
}

struct str js_text(const json_t *object, const char *member)
{
    const json_t *v = json_object_get(object, member);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)}
                             : (struct str){"", 0};
}
