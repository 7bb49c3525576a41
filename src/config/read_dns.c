/* The entries of `dns:`, whose keys a provider names, and what a certificate chooses of them. */
#include "base/attr.h"
#include "base/err.h"
#include "config/nearest.h"
#include "config/read.h"

#include <string.h>

/* Not said; the settings' one counts. */
enum { UNSAID = -1 };

bool dns_key_is_secret(struct str key)
{
    static const char *const words[] = {"token", "secret", "key", "pass", "hmac"};
    if (str_ends(key, STR("-file")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (memmem(key.p, key.n, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}

static bool is_key(struct str key)
{
    if (key.n == 0 || key.n > AUTHORITY_NAME_MAX)
        return false;
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0)))
            return false;
    }
    return true;
}

/* One setting of a provider: a value, or a list of values. */
static void read_setting(struct reader *r, const struct node *key, const struct node *node,
    const struct where *where, struct dns_value *out)
{
    static const struct setting row = {.type = &type_provider_setting, .flags = SETTING_EMPTY};
    const struct node *const alone[] = {node}, *const *items = alone;
    size_t n = 1;
    if (node->kind == NODE_LIST) {
        items = node->list.items;
        n = node->list.n;
    }
    if (n > DNS_VALUES_MAX) {
        problem_add(r->problems, node_mark(r->file, node), where, "has %zu items; at most %d are allowed", n,
            (int)DNS_VALUES_MAX);
        n = 0;
    }
    const char **values = arena_array(r->a, n, sizeof *values);
    for (size_t i = 0; i < n; i++) {
        struct where item = {where, NULL, i};
        if (!read_value(r, items[i], &row, items == alone ? where : &item, &values[i]))
            values[i] = "";
    }
    *out = (struct dns_value){.key = arena_dup(r->a, key->text),
        .values = values,
        .n = n,
        .secret = dns_key_is_secret(key->text),
        .where = mark_text(node_mark(r->file, node), r->a)};
}

static void read_propagation(
    struct reader *r, const struct node *node, const struct where *where, struct dns_entry *entry)
{
    if (node_is_null(node))
        return;
    if (node->kind != NODE_MAP) {
        read_wrong(r, node, where, schema_dns_propagation.noun, " written as keys and values", "");
        return;
    }
    entry->has_propagation = true;
    read_keys(r, node, &schema_dns_propagation, where, entry);
}

/* A key that the schema has; `word` is the one that named the provider before, NULL for none. */
static void read_common(struct reader *r, const struct setting *row, const struct node *value,
    const struct where *where, struct dns_entry *entry, const char **word)
{
    if (row->shape == SHAPE_OBJECT) {
        read_propagation(r, value, where, entry);
        return;
    }
    if (*word != NULL)
        problem_add(
            r->problems, node_mark(r->file, value), where, "is set beside %s; write one of them", *word);
    *word = row->key;
    (void)read_value(r, value, row, where, &entry->provider);
}

static void read_entry_keys(
    struct reader *r, const struct node *map, const struct where *where, struct dns_entry *entry)
{
    struct names had = names_new(r->scratch);
    struct dns_value *values = arena_array(r->a, map->list.n / 2, sizeof *values);
    const char *word = NULL;
    for (size_t i = 0; i + 1 < map->list.n; i += 2) {
        const struct node *key = map->list.items[i], *value = map->list.items[i + 1];
        if (key->kind != NODE_TEXT) {
            read_problem(r, key, where, "expected a key, found a list or keys and values");
            continue;
        }
        struct where at = {where, key->text.p, 0};
        const struct setting *row = section_row(&schema_dns_entry, key->text);
        if (names_get(&had, key->text) != NULL)
            read_problem(r, key, &at, "set twice");
        else if (row != NULL)
            read_common(r, row, value, &at, entry, &word);
        else if (!is_key(key->text))
            read_problem(r, key, &at, "expected a key of lower-case letters, digits and '-'");
        else if (entry->value_n == DNS_VALUES_MAX)
            read_problem(r, key, &at, "is one key too many; no provider has so many settings");
        else
            read_setting(r, key, value, &at, &values[entry->value_n++]);
        names_put(&had, key->text, key);
    }
    entry->values = values;
    struct where missing = {where, "provider", 0};
    if (word == NULL)
        read_problem(
            r, map, &missing, "is missing; an entry of dns needs it (`evercert dns list` shows all)");
}

static void read_entry(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, struct dns_entry *entry)
{
    struct err err = ERR_INIT;
    struct mark *mark = arena_alloc(r->scratch, sizeof *mark);
    *mark = node_mark(r->file, key);
    *entry = (struct dns_entry){.name = "",
        .provider = "",
        .settings = "",
        .kind = "",
        .where = mark_text(*mark, r->a),
        .propagation = {.check = PROPAGATION_CHECK_END_, .timeout_s = UNSAID, .delay_s = UNSAID}};
    if (key->kind != NODE_TEXT) {
        read_problem(r, key, where, "expected the name of an entry");
        return;
    }
    if (authority_name_check(key->text, &err) < 0) {
        read_problem(r, key, where, err.text);
        return;
    }
    entry->name = arena_dup(r->a, key->text);
    const struct mark *other = names_get(&r->dns, key->text);
    if (other != NULL)
        problem_add(
            r->problems, *mark, where, "this entry is also written at %s", mark_text(*other, r->scratch));
    else
        names_put(&r->dns, str_c(entry->name), mark);
    if (map->kind == NODE_MAP)
        read_entry_keys(r, map, where, entry);
    else
        read_wrong(r, map, where, schema_dns_entry.noun, " written as keys and values", "");
}

void read_dns(struct reader *r, const struct node *node, const struct setting *row, const struct where *where,
    void *base)
{
    size_t had;
    if (node->kind != NODE_MAP) {
        read_wrong(r, node, where, "names, each with ", row->section->noun, "");
        return;
    }
    size_t n = node->list.n / 2;
    (void)setting_items(row, base, &had);
    if (had + n > (uint64_t)row->max) {
        problem_add(r->problems, node_mark(r->file, node), where, "has %zu entries; at most %d are allowed",
            had + n, (int)row->max);
        return;
    }
    struct dns_entry *entry = read_more(r, row, base, n);
    for (size_t i = 0; i < n; i++, entry++) {
        const struct node *key = node->list.items[2 * i];
        struct where at = {where, key->kind == NODE_TEXT ? key->text.p : "?", 0};
        read_entry(r, key, node->list.items[2 * i + 1], &at, entry);
    }
}

void read_dns_finish(struct settings *s)
{
    const struct propagation *all = &s->propagation;
    for (size_t i = 0; i < s->dns_n; i++) {
        struct propagation *p = &((struct dns_entry *)(uintptr_t)s->dns)[i].propagation;
        if (p->check == PROPAGATION_CHECK_END_)
            p->check = all->check;
        if (p->timeout_s == UNSAID)
            p->timeout_s = all->timeout_s;
        if (p->delay_s == UNSAID)
            p->delay_s = all->delay_s;
        if (p->resolvers == NULL) {
            p->resolvers = all->resolvers;
            p->resolver_n = all->resolver_n;
        }
        if (p->nameservers == NULL) {
            p->nameservers = all->nameservers;
            p->nameserver_n = all->nameserver_n;
        }
    }
}

/* Choices of a certificate. */

/* A name, or a list of them, into "corp" or "corp,other". False where there is a problem. */
static bool read_names(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, const char **out)
{
    const struct node *const alone[] = {node}, *const *items = alone;
    size_t n = 1, before = r->problems->n;
    struct buf all ATTR_CLEANUP(buf_free) = buf_new(VALUE_TEXT_MAX);
    if (node->kind == NODE_LIST) {
        items = node->list.items;
        n = node->list.n;
    }
    if (n == 0 || n > WISH_DNS_ENTRIES_MAX) {
        problem_add(r->problems, node_mark(r->file, node), where,
            "has %zu items; expected one to %d names of entries of dns", n, (int)WISH_DNS_ENTRIES_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct where item = {where, NULL, i};
        const char *name;
        if (!read_value(r, items[i], row, items == alone ? where : &item, &name))
            continue;
        if (strchr(name, ',') != NULL)
            read_problem(r, items[i], items == alone ? where : &item,
                "write several names as a list such as [corp, other]");
        buf_printf(&all, "%s%s", all.n > 0 ? "," : "", name);
    }
    struct err err = ERR_INIT;
    if (r->problems->n > before)
        return false;
    if (value_parse(row, buf_str(&all), r->a, out, &err) == 0)
        return true;
    read_problem(r, node, where, err.text);
    return false;
}

/* Choices that are wrong become NULL, so that indexes stay those of the file. */
void read_choices(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *base)
{
    static const struct setting pattern_row = {.type = &type_pattern};
    size_t n = node->kind == NODE_MAP ? node->list.n / 2 : 1;
    struct names had = names_new(r->scratch);
    if (n > (uint64_t)row->max) {
        problem_add(r->problems, node_mark(r->file, node), where, "has %zu keys; at most %d are allowed", n,
            (int)row->max);
        return;
    }
    struct pair *pairs = arena_array(r->a, n, sizeof *pairs);
    setting_set_items(row, base, pairs, n);
    if (node->kind != NODE_MAP) {
        pairs[0].name = "*";
        (void)read_names(r, node, row, where, &pairs[0].value);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct node *key = node->list.items[2 * i];
        struct where item = {where, key->kind == NODE_TEXT ? key->text.p : "?", 0};
        (void)read_names(r, node->list.items[2 * i + 1], row, &item, &pairs[i].value);
        if (!read_value(r, key, &pattern_row, &item, &pairs[i].name))
            continue;
        struct str all = dns_pattern_base(pairs[i].name);
        const char *other = names_get(&had, all);
        if (other != NULL)
            problem_add(r->problems, node_mark(r->file, key), &item, "%s and %s are for the same names",
                other, pairs[i].name);
        names_put(&had, all, pairs[i].name);
    }
}
