#include "config/wish.h"

#include "acme/identifier.h"
#include "base/text.h"
#include "config/certificate.h"
#include "config/problems.h"
#include "config/schema.h"

#include <jansson.h>
#include <string.h>

int wish_name_check(struct str name, struct err *err)
{
    char shown[QUOTE_MAX];
    if (name.n == 0)
        return err_set(err, ERR_INPUT, "the name of a certificate is empty");
    if (name.n > WISH_NAME_MAX)
        return err_set(
            err, ERR_INPUT, "the name %s is longer than %d octets", quote(name, shown), (int)WISH_NAME_MAX);
    if (name.p[0] == '.' || name.p[0] == '-')
        return err_set(err, ERR_INPUT, "the name %s begins with '%c'; begin with a letter or digit",
            quote(name, shown), name.p[0]);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != '\0' && strchr("._-@", c) != NULL);
        if (!good)
            return err_set(err, ERR_INPUT, "the name %s may hold letters, digits, '.', '_', '-' and '@' only",
                quote(name, shown));
    }
    return 0;
}

/* Encoding: JSON in the form of jansson's JSON_COMPACT and JSON_SORT_KEYS. It is written here, for a hundred
 * thousand wishes are encoded at each start, and trees of them cost more than reading the configuration. */

enum { WISH_SECTIONS = 4 }; /* a certificate's, deploys' and publications', and room */

struct encoder {
    struct buf out, value; /* value: of the one that is written, as the configuration has it */
    bool failed;
};

static void encode_section(struct encoder *e, const struct section *section, const void *base);

static void put_escaped(struct buf *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    if (at != NULL) {
        buf_put_char(out, '\\');
        buf_put_char(out, to[at - from]);
    } else {
        buf_printf(out, "\\u%04X", (unsigned)c);
    }
}

/* Runs of octets that stand for themselves are put in one go. */
static void encode_text(struct encoder *e, struct str text)
{
    size_t from = 0;
    if (!text_is_utf8(text))
        e->failed = true;
    buf_put_char(&e->out, '"');
    for (size_t i = 0; i <= text.n; i++) {
        unsigned char c = i < text.n ? (unsigned char)text.p[i] : '"';
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        buf_put(&e->out, text.p + from, i - from);
        if (i < text.n)
            put_escaped(&e->out, c);
        from = i + 1;
    }
    buf_put_char(&e->out, '"');
}

static void encode_value(struct encoder *e, const struct setting *row, const void *field)
{
    buf_clear(&e->value);
    row->type->print(row, field, &e->value);
    e->failed = e->failed || buf_failed(&e->value);
    encode_text(e, (struct str){buf_c(&e->value), e->value.n});
}

/* Before a member or an item that is not the first. */
static void next_item(struct encoder *e, bool *first)
{
    if (!*first)
        buf_put_char(&e->out, ',');
    *first = false;
}

/* The one behind `last` in the order of names (NULL: the first); of one name the last one written counts. */
static const struct pair *next_pair(const struct pair *pairs, size_t n, const struct pair *last)
{
    const struct pair *next = NULL;
    for (size_t i = 0; i < n; i++)
        if ((last == NULL || strcmp(pairs[i].name, last->name) > 0) &&
            (next == NULL || strcmp(pairs[i].name, next->name) <= 0))
            next = &pairs[i];
    return next;
}

static void encode_map(struct encoder *e, const struct setting *row, const void *base)
{
    size_t n;
    bool first = true;
    const struct pair *pairs = setting_items(row, base, &n), *at = NULL;
    buf_put_char(&e->out, '{');
    while ((at = next_pair(pairs, n, at)) != NULL) {
        next_item(e, &first);
        encode_text(e, str_c(at->name));
        buf_put_char(&e->out, ':');
        encode_value(e, row, &at->value);
    }
    buf_put_char(&e->out, '}');
}

static void encode_row(struct encoder *e, const struct setting *row, const void *base)
{
    if (row->shape == SHAPE_ONE) {
        encode_value(e, row, setting_field_const(row, base));
        return;
    }
    if (row->shape == SHAPE_MAP || row->shape == SHAPE_CHOICES) {
        encode_map(e, row, base);
        return;
    }
    size_t n, size = setting_item_size(row);
    bool first = true;
    const char *items = setting_items(row, base, &n);
    buf_put_char(&e->out, '[');
    for (size_t i = 0; i < n; i++, items += size) {
        next_item(e, &first);
        if (row->shape == SHAPE_LIST)
            encode_value(e, row, items);
        else
            encode_section(e, row->section, items);
    }
    buf_put_char(&e->out, ']');
}

/* The rows of a section by their keys; sorted once. */
struct sorted {
    const struct section *of;
    const struct setting *rows[SECTION_ROWS_MAX];
};

static void sort_rows(const struct section *section, struct sorted *s)
{
    for (size_t i = 0; i < section->n; i++) {
        size_t at = i;
        for (; at > 0 && strcmp(s->rows[at - 1]->key, section->rows[i].key) > 0; at--)
            s->rows[at] = s->rows[at - 1];
        s->rows[at] = &section->rows[i];
    }
    s->of = section;
}

static const struct setting *const *sorted_rows(const struct section *section)
{
    static struct sorted known[WISH_SECTIONS];
    size_t i = 0;
    while (i < WISH_SECTIONS - 1 && known[i].of != NULL && known[i].of != section)
        i++;
    if (known[i].of != section)
        sort_rows(section, &known[i]);
    return known[i].rows;
}

static void encode_section(struct encoder *e, const struct section *section, const void *base)
{
    const struct setting *const *rows = sorted_rows(section);
    bool first = true;
    buf_put_char(&e->out, '{');
    for (size_t i = 0; i < section->n; i++) {
        if ((rows[i]->flags & SETTING_FILE) != 0 || setting_misplaced(section, rows[i], base) != NULL)
            continue;
        next_item(e, &first);
        encode_text(e, str_c(rows[i]->key));
        buf_put_char(&e->out, ':');
        encode_row(e, rows[i], base);
    }
    buf_put_char(&e->out, '}');
}

void wish_encode(const struct wish *w, struct buf *out)
{
    struct encoder e = {.out = buf_new(out->max), .value = buf_new(WISH_TEXT_MAX)};
    encode_section(&e, &schema_certificate, w);
    if (e.failed || buf_failed(&e.out))
        out->failed = true;
    else
        buf_put_str(out, buf_str(&e.out));
    buf_free(&e.out);
    buf_free(&e.value);
}

/* Decoding. */

static int decode_section(
    const json_t *json, const struct section *section, struct arena *a, void *base, struct err *err);

static int decode_text(
    struct str text, const struct setting *row, struct arena *a, void *field, struct err *err)
{
    int r = value_parse(row, text, a, field, err);
    if (r < 0)
        return err_prefix(err, "wish: %s", row->key);
    /* A stranger's name is not mended: a wish holds what was made of a name once. */
    if (row->type->mends && !str_eq_c(text, *(const char *const *)field))
        return err_set(err, ERR_INPUT, "wish: %s holds a name that is no A-label", row->key);
    return 0;
}

static int decode_value(
    const json_t *json, const struct setting *row, struct arena *a, void *field, struct err *err)
{
    if (!json_is_string(json))
        return err_set(err, ERR_INPUT, "wish: %s is no text", row->key);
    struct str text = {json_string_value(json), json_string_length(json)};
    return decode_text(text, row, a, field, err);
}

static int decode_map(
    const json_t *json, const struct setting *row, struct arena *a, void *base, struct err *err)
{
    const struct setting key_row = {.key = row->key, .type = row->keys};
    if (!json_is_object(json))
        return err_set(err, ERR_INPUT, "wish: %s is no object", row->key);
    size_t n = json_object_size(json), i = 0;
    if (n > (uint64_t)row->max)
        return err_set(err, ERR_LIMIT, "wish: %s has more than %d members", row->key, (int)row->max);
    struct pair *pairs = arena_array(a, n, sizeof *pairs);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        int r = decode_text(str_c(key), &key_row, a, &pairs[i].name, err);
        if (r < 0 || (r = decode_value(value, row, a, &pairs[i].value, err)) < 0)
            return r;
        i++;
    }
    setting_set_items(row, base, pairs, n);
    return 0;
}

static int check_unique(const struct setting *row, const void *base, struct err *err)
{
    size_t n;
    const char *const *items = setting_items(row, base, &n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(items[i], items[j]) == 0)
                return err_set(err, ERR_INPUT, "wish: %s holds %s twice", row->key, items[i]);
    return 0;
}

static int decode_row(
    const json_t *json, const struct setting *row, struct arena *a, void *base, struct err *err)
{
    if (row->shape == SHAPE_ONE)
        return decode_value(json, row, a, setting_field(row, base), err);
    if (row->shape == SHAPE_MAP || row->shape == SHAPE_CHOICES)
        return decode_map(json, row, a, base, err);
    bool alone = row->shape == SHAPE_LIST && (row->flags & SETTING_ALONE) != 0 && json_is_string(json);
    if (!json_is_array(json) && !alone)
        return err_set(err, ERR_INPUT, "wish: %s is no list", row->key);
    size_t n = alone ? 1 : json_array_size(json),
           most = row->max != 0 ? (size_t)row->max : (size_t)WISH_DOMAINS_MAX;
    size_t size = setting_item_size(row);
    if (n > most)
        return err_set(err, ERR_LIMIT, "wish: %s has more than %zu items", row->key, most);
    if (n == 0 && (row->flags & SETTING_FILLED) != 0)
        return err_set(err, ERR_INPUT, "wish: %s is empty", row->key);
    char *items = arena_array(a, n, size);
    setting_set_items(row, base, items, n);
    for (size_t i = 0; i < n; i++, items += size) {
        const json_t *item = alone ? json : json_array_get(json, i);
        int r = row->shape == SHAPE_LIST ? decode_value(item, row, a, items, err)
                                         : decode_section(item, row->section, a, items, err);
        if (r < 0)
            return r;
    }
    return (row->flags & SETTING_UNIQUE) != 0 ? check_unique(row, base, err) : 0;
}

/* The value of a row, NULL where the wish has none. */
static const json_t *member_of(const json_t *json, const struct setting *row)
{
    return (row->flags & SETTING_FILE) == 0 ? json_object_get(json, row->key) : NULL;
}

static int check_places(
    const json_t *json, const struct section *section, const void *element, struct err *err)
{
    for (size_t i = 0; i < section->n; i++) {
        const struct setting *row = &section->rows[i];
        const char *why = member_of(json, row) == NULL ? NULL : setting_misplaced(section, row, element);
        if (why != NULL)
            return err_set(err, ERR_INPUT, "wish: %s %s", row->key, why);
    }
    return 0;
}

static int decode_section(
    const json_t *json, const struct section *section, struct arena *a, void *base, struct err *err)
{
    if (!json_is_object(json))
        return err_set(err, ERR_INPUT, "wish: %s is no object", section->noun);
    section->init(base, NULL);
    for (size_t i = 0; i < section->n; i++) {
        const struct setting *row = &section->rows[i];
        const json_t *value = member_of(json, row);
        int r = value != NULL ? decode_row(value, row, a, base, err) : 0;
        if (r < 0)
            return r;
        if (value == NULL && (row->flags & SETTING_REQUIRED) != 0)
            return err_set(err, ERR_INPUT, "wish: %s is missing", row->key);
    }
    return check_places(json, section, base, err);
}

/* What the members alone do not show. */
static int check_whole(struct wish *w, struct arena *a, struct err *err)
{
    int r;
    if (w->domain_n == 0)
        return err_set(err, ERR_INPUT, "wish: domains is empty");
    const char **domains = arena_array(a, w->domain_n, sizeof *domains);
    memcpy(domains, w->domains, w->domain_n * sizeof *domains);
    size_t n = w->domain_n;
    if ((r = domains_tidy(domains, &n, err)) < 0)
        return r;
    if (n < w->domain_n)
        return err_set(err, ERR_INPUT, "wish: domains holds a name twice");
    for (size_t i = 0; i < n; i++)
        if ((r = domain_check(w, domains[i], err)) < 0)
            return r;
    if ((r = wish_dns_check(w, err)) < 0)
        return err_prefix(err, "wish: dns");
    if (w->name[0] == '\0' && (r = wish_name_default(w, a, err)) < 0)
        return r;
    const char *key;
    if ((r = wish_check(w, &key, err)) < 0)
        return err_prefix(err, "wish: %s", key);
    for (size_t i = 0; i < w->deploy_n; i++)
        if (w->deploys[i].verify[0] == '\0' && (r = deploy_run_check(&w->deploys[i], err)) < 0)
            return r;
    if ((r = deploys_check(w->deploys, w->deploy_n, err)) < 0)
        return r;
    for (size_t i = 0; i < w->webroot_n; i++)
        if (!wish_has_domain(w, w->webroots[i].name))
            return err_set(err, ERR_INPUT, "wish: webroot-map: %s is none of its names", w->webroots[i].name);
    r = wish_publications_check(w, a, err);
    return r < 0 ? err_prefix(err, "wish: publish") : 0;
}

const char *wish_webroot(const struct wish *w, const char *identifier)
{
    for (size_t i = 0; i < w->webroot_n; i++)
        if (strcmp(w->webroots[i].name, identifier) == 0)
            return w->webroots[i].value;
    return w->webroot;
}

/* Variants. */

const char *wish_variant_name(const struct wish *w, uint32_t variant, struct arena *a)
{
    enum key_type type;
    if (variant >= w->key_type_n || !key_type_parse(str_c(w->key_types[variant]), &type))
        return NULL;
    return variant == 0 ? w->name
                        : arena_printf(a, "%s-%s", w->name, key_type_is_rsa(type) ? "rsa" : "ecdsa");
}

int wish_select(struct wish *w, uint32_t variant, struct arena *a, struct err *err)
{
    const char *name = wish_variant_name(w, variant, a);
    if (name == NULL)
        return err_set(err, ERR_INPUT, "%s has no variant %u of its key", w->name, (unsigned)variant);
    w->name = name;
    (void)key_type_parse(str_c(w->key_types[variant]), &w->key_type);
    return 0;
}

int wish_decode(struct str json, struct arena *a, struct wish *out, struct err *err)
{
    json_error_t why;
    struct wish w;
    if (json.n > WISH_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "wish: more than %d octets", (int)WISH_TEXT_MAX);
    json_t *object = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why);
    if (object == NULL)
        return err_set(err, ERR_INPUT, "wish: no JSON: %s", why.text);
    int r = decode_section(object, &schema_certificate, a, &w, err);
    json_decref(object);
    if (r == 0)
        r = check_whole(&w, a, err);
    if (r == 0)
        *out = w;
    return r;
}
