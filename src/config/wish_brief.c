#include "config/wish_brief.h"

#include "base/json.h"

#include <string.h>

/* An array of texts without escapes. */
static bool is_list(struct str value)
{
    struct str rest = value, key, item, text;
    if (value.n < 2 || value.p[0] != '[')
        return false;
    while (json_next(&rest, &key, &item))
        if (!json_plain(item, &text))
            return false;
    return rest.n == 1 || str_eq(rest, STR("[]"));
}

static bool take_name(struct str value, struct wish_brief *out)
{
    return json_plain(value, &out->name);
}

static bool take_domains(struct str value, struct wish_brief *out)
{
    out->domains = value;
    return is_list(value);
}

static bool take_authorities(struct str value, struct wish_brief *out)
{
    out->authorities = value;
    return is_list(value);
}

static bool take_challenges(struct str value, struct wish_brief *out)
{
    out->challenges = value;
    return is_list(value);
}

static bool take_key_types(struct str value, struct wish_brief *out)
{
    struct str rest = value, key, item;
    if (!is_list(value))
        return false;
    for (out->key_type_n = 0; json_next(&rest, &key, &item); out->key_type_n++)
        if (out->key_type_n == WISH_KEY_TYPES_MAX || !json_plain(item, &out->key_types[out->key_type_n]))
            return false;
    return out->key_type_n > 0;
}

static bool take_publications(struct str value, struct wish_brief *out)
{
    out->steps = out->steps || value.n > 2;
    return value.p[0] == '[';
}

static bool take_key_group(struct str value, struct wish_brief *out)
{
    out->steps = out->steps || value.n > 2;
    return value.p[0] == '"';
}

static bool take_deploys(struct str value, struct wish_brief *out)
{
    struct str rest = value, key, step, member;
    out->steps = out->steps || value.n > 2;
    while (json_next(&rest, &key, &step))
        while (json_next(&step, &key, &member))
            out->looks = out->looks || (str_eq(key, STR("verify")) && member.n > 2);
    return value.p[0] == '[';
}

static const struct {
    struct str key;
    bool (*take)(struct str value, struct wish_brief *out);
} members[] = {{{"authority", 9}, take_authorities}, {{"challenge", 9}, take_challenges},
    {{"deploy", 6}, take_deploys}, {{"domains", 7}, take_domains}, {{"key-group", 9}, take_key_group},
    {{"key-type", 8}, take_key_types}, {{"name", 4}, take_name}, {{"publish", 7}, take_publications}};

/* Members are sorted, as wish_encode writes them. */
static bool read_quickly(struct str json, struct wish_brief *out)
{
    struct str key, value;
    size_t at = 0;
    *out = (struct wish_brief){.name = STR("")};
    while (at < ARRAY_LEN(members) && json_next(&json, &key, &value)) {
        if (!str_eq(key, members[at].key))
            continue;
        if (!members[at].take(value, out))
            return false;
        at++;
    }
    return at == ARRAY_LEN(members) && out->name.n > 0;
}

int wish_brief_read(struct str json, struct arena *a, struct wish_brief *out, struct err *err)
{
    struct wish w;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(WISH_TEXT_MAX);
    if (read_quickly(json, out))
        return 0;
    int r = wish_decode(json, a, &w, err);
    if (r < 0)
        return r;
    wish_encode(&w, &text);
    if (buf_failed(&text) || !read_quickly(arena_str(a, buf_str(&text)), out))
        return err_set(err, ERR_INPUT, "wish: it cannot be shown");
    return 0;
}

struct str wish_brief_first(struct str array)
{
    struct str key, item, text;
    return json_next(&array, &key, &item) && json_plain(item, &text) ? text : STR("");
}

struct str wish_brief_variant(const struct wish_brief *b, uint32_t variant, struct arena *a)
{
    enum key_type type;
    if (variant >= b->key_type_n || !key_type_parse(b->key_types[variant], &type))
        return STR("");
    return variant == 0
               ? b->name
               : str_c(arena_printf(a, "%.*s-%s", STR_ARG(b->name), key_type_is_rsa(type) ? "rsa" : "ecdsa"));
}
