#include "config/dns.h"

#include "base/attr.h"
#include "config/deploy.h"
#include "config/schema.h"

#include <jansson.h>
#include <string.h>

static const char *const checks[] = {
#define PROPAGATION_CHECK_TEXT(id, text) [id] = (text),
    PROPAGATION_CHECKS(PROPAGATION_CHECK_TEXT)
#undef PROPAGATION_CHECK_TEXT
};

bool propagation_check_parse(const char *text, enum propagation_check *out)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (strcmp(text, checks[i]) == 0) {
            *out = (enum propagation_check)i;
            return true;
        }
    return false;
}

const char *propagation_check_text(enum propagation_check c)
{
    return (size_t)c < ARRAY_LEN(checks) ? checks[c] : "?";
}

static json_t *texts_json(const char *const *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static int put_json(const char *text, size_t n, void *arg)
{
    buf_put(arg, text, n);
    return 0;
}

void propagation_encode(const struct propagation *p, struct buf *out)
{
    json_t *json = json_pack("{ss sI sI so so}", "check", propagation_check_text(p->check), "timeout",
        (json_int_t)p->timeout_s, "delay", (json_int_t)p->delay_s, "resolvers",
        texts_json(p->resolvers, p->resolver_n), "nameservers", texts_json(p->nameservers, p->nameserver_n));
    if (json == NULL || json_dump_callback(json, put_json, out, JSON_COMPACT | JSON_SORT_KEYS) < 0)
        out->failed = true;
    json_decref(json);
}

static int bad(const char *key, struct err *err)
{
    return err_set(err, ERR_INPUT, "propagation: %s is missing or out of bounds", key);
}

static int decode_number(
    const json_t *json, const char *key, int64_t least, int64_t most, int64_t *out, struct err *err)
{
    const json_t *v = json_object_get(json, key);
    int64_t number = json_integer_value(v);
    if (!json_is_integer(v) || number < least || number > most)
        return bad(key, err);
    *out = number;
    return 0;
}

static int decode_servers(const json_t *json, const char *key, struct arena *a, const char *const **out,
    size_t *out_n, struct err *err)
{
    static const struct setting row = {.type = &type_resolver};
    const json_t *list = json_object_get(json, key);
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > PROPAGATION_NAMED_MAX)
        return bad(key, err);
    const char **servers = arena_array(a, n, sizeof *servers);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        struct str text = {json_string_value(v), json_string_length(v)};
        if (!json_is_string(v))
            return bad(key, err);
        int r = value_parse(&row, text, a, &servers[i], err);
        if (r < 0)
            return err_prefix(err, "propagation: %s", key);
    }
    *out = servers;
    *out_n = n;
    return 0;
}

static int decode(const json_t *json, struct arena *a, struct propagation *out, struct err *err)
{
    struct propagation p = {.check = PROPAGATION_AUTHORITATIVE};
    const json_t *check = json_object_get(json, "check");
    if (!json_is_string(check) || !propagation_check_parse(json_string_value(check), &p.check))
        return bad("check", err);
    int r = decode_number(json, "timeout", 1, PROPAGATION_TIMEOUT_MAX_S, &p.timeout_s, err);
    if (r == 0)
        r = decode_number(json, "delay", 0, PROPAGATION_DELAY_MAX_S, &p.delay_s, err);
    if (r == 0)
        r = decode_servers(json, "resolvers", a, &p.resolvers, &p.resolver_n, err);
    if (r == 0)
        r = decode_servers(json, "nameservers", a, &p.nameservers, &p.nameserver_n, err);
    if (r == 0)
        *out = p;
    return r;
}

int propagation_decode(struct str json, struct arena *a, struct propagation *out, struct err *err)
{
    json_error_t why;
    json_t *object =
        json.n > PROPAGATION_TEXT_MAX ? NULL : json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why);
    if (object == NULL)
        return err_set(err, ERR_INPUT, "propagation: no JSON of at most %d octets", PROPAGATION_TEXT_MAX);
    int r = decode(object, a, out, err);
    json_decref(object);
    return r;
}

struct str dns_pattern_base(const char *pattern)
{
    if (strcmp(pattern, "*") == 0)
        return STR("");
    return str_c(strncmp(pattern, "*.", 2) == 0 ? pattern + 2 : pattern);
}

/* Whether `name` is `base` or below it; "" is the root. */
static bool is_at_or_below(struct str name, struct str base)
{
    if (base.n == 0)
        return true;
    return str_ends(name, base) && (name.n == base.n || name.p[name.n - base.n - 1] == '.');
}

const char *const *dns_choose(
    const struct pair *choices, size_t choice_n, const char *name, struct arena *a, size_t *n)
{
    const struct pair *best = NULL;
    for (size_t i = 0; i < choice_n; i++)
        if (is_at_or_below(str_c(name), dns_pattern_base(choices[i].name)) &&
            (best == NULL || dns_pattern_base(best->name).n < dns_pattern_base(choices[i].name).n))
            best = &choices[i];
    return dns_entries_split(best != NULL ? best->value : "", a, n);
}

const char *const *dns_entries_split(const char *entries, struct arena *a, size_t *n)
{
    const char **list = arena_array(a, WISH_DNS_ENTRIES_MAX, sizeof *list);
    struct str item, rest = str_c(entries);
    *n = 0;
    for (bool more = rest.n > 0; more && *n < WISH_DNS_ENTRIES_MAX;) {
        more = str_cut(rest, ',', &item, &rest);
        list[(*n)++] = arena_dup(a, item);
    }
    return list;
}
