#include "docker/json.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"

int dj_load(struct str text, json_t **out, struct err *err)
{
    json_error_t why;
    if (text_nests_deeper(text, DOCKER_JSON_DEPTH))
        return err_set(err, ERR_LIMIT, "JSON that is nested more than %d deep", (int)DOCKER_JSON_DEPTH);
    if (text.n == 0)
        return err_set(err, ERR_INPUT, "empty where JSON was expected");
    /* A label may hold a NUL; that is no reason to lose its container. */
    json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (j == NULL)
        return err_set(err, ERR_INPUT, "not JSON: %s (line %d, column %d)", why.text, why.line, why.column);
    if (!json_is_object(j)) {
        json_decref(j);
        return err_set(err, ERR_INPUT, "not a JSON object");
    }
    *out = j;
    return 0;
}

void dj_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

struct str dj_str(const json_t *value)
{
    return json_is_string(value) ? (struct str){json_string_value(value), json_string_length(value)}
                                 : (struct str){"", 0};
}

struct str dj_text(const json_t *object, const char *member)
{
    return dj_str(json_object_get(object, member));
}

const json_t *dj_object(const json_t *object, const char *member)
{
    const json_t *v = json_object_get(object, member);
    return json_is_object(v) ? v : NULL;
}

const json_t *dj_array(const json_t *object, const char *member)
{
    const json_t *v = json_object_get(object, member);
    return json_is_array(v) ? v : NULL;
}

int64_t dj_number(const json_t *object, const char *member, int64_t max, int64_t otherwise)
{
    const json_t *v = json_object_get(object, member);
    int64_t n = json_is_integer(v) ? json_integer_value(v) : -1;
    return n < 0 || n > max ? otherwise : n;
}

bool dj_true(const json_t *object, const char *member)
{
    return json_is_true(json_object_get(object, member));
}

const char *dj_message(struct str body, struct arena *a)
{
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * TEXT_FOREIGN_MAX);
    body = str_trim(body);
    if (body.n > 0 && body.p[0] == '{' && dj_load(body, &j, NULL) == 0) {
        struct str message = dj_text(j, "message");
        text_clean(&text, str_trim(message.n > 0 ? message : dj_text(j, "cause")), TEXT_FOREIGN_MAX);
    } else if (body.n > 0 && body.p[0] != '<') {
        text_clean(&text, body, TEXT_FOREIGN_MAX);
    }
    return arena_dup_c(a, buf_c(&text));
}
